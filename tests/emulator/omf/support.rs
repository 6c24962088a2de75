//! A client of one namespace, and the words that these stories share.

use std::ops::Deref;

use axum::body::Body;
use connector_operator::emulator::{Configuration, DEFAULT_OMF_SCOPE, DEFAULT_OMF_TOKEN};
use http::Request;
use serde_json::{Value, json};

use crate::support::{Answer, Vendor};

/// A client of one namespace, which sends one bearer token.
#[derive(Clone)]
pub(crate) struct Hub {
    vendor: Vendor,
    /// Where the namespace's connections are.
    pub(crate) base: String,
}

impl Deref for Hub {
    type Target = Vendor;

    fn deref(&self) -> &Vendor {
        &self.vendor
    }
}

/// Where the connections of this namespace (`TENANT/NAMESPACE`) are.
pub(crate) fn base(version: &str, scope: &str) -> String {
    let (tenant, namespace) = scope.split_once('/').unwrap();
    format!("/api/{version}/tenants/{tenant}/namespaces/{namespace}/omfConnections")
}

impl Hub {
    pub(crate) fn new() -> Self {
        Self::of(&Vendor::new())
    }

    pub(crate) fn with_switches(switches: &[(&str, &str)]) -> Self {
        Self::of(&Vendor::with_switches(switches))
    }

    pub(crate) fn configured(configuration: Configuration) -> Self {
        Self::of(&Vendor::configured(configuration))
    }

    /// The default namespace, by way of the fixed token.
    pub(crate) fn of(vendor: &Vendor) -> Self {
        let vendor = vendor.with_authorization(&format!("Bearer {DEFAULT_OMF_TOKEN}"));
        Self { vendor, base: base("v1", DEFAULT_OMF_SCOPE) }
    }

    /// The same namespace, by way of another token.
    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self { vendor: self.vendor.with_authorization(&format!("Bearer {token}")), ..self.clone() }
    }

    /// Another namespace (`TENANT/NAMESPACE`), by way of the same token.
    pub(crate) fn in_scope(&self, scope: &str) -> Self {
        Self { base: base("v1", scope), ..self.clone() }
    }

    pub(crate) async fn post(&self, body: Value) -> Answer {
        self.send("POST", &self.base, body).await
    }

    pub(crate) async fn put(&self, id: &str, body: Value) -> Answer {
        self.send("PUT", &self.one(id), body).await
    }

    pub(crate) async fn read(&self, id: &str) -> Answer {
        self.get(&self.one(id)).await
    }

    pub(crate) async fn remove(&self, id: &str) -> Answer {
        self.delete(&self.one(id)).await
    }

    pub(crate) fn one(&self, id: &str) -> String {
        format!("{}/{id}", self.base)
    }

    /// Creates a connection, which has to be accepted; its id.
    pub(crate) async fn has(&self, name: &str, client_ids: &[&str]) -> String {
        let answer = self.post(connection(name, client_ids)).await;
        assert_eq!(answer.status, 202, "POST answered {answer:?}");
        answer.body["Id"].as_str().expect("an Id").to_owned()
    }

    /// Creates a connection that is Active; its id.
    pub(crate) async fn has_active(&self, name: &str, client_ids: &[&str]) -> String {
        let id = self.has(name, client_ids).await;
        self.control("POST", "/omf/settle", None).await;
        id
    }

    /// What the list has in `Results`.
    pub(crate) async fn listed(&self) -> Vec<Value> {
        let answer = self.get(&self.base).await;
        assert_eq!(answer.status, 200, "GET answered {answer:?}");
        answer.body["Results"].as_array().expect("Results").clone()
    }

    /// Each listed connection as `name State`.
    pub(crate) async fn states(&self) -> Vec<String> {
        let line = |row: &Value| {
            format!("{} {}", row["Name"].as_str().unwrap_or("-"), row["State"].as_str().unwrap_or("-"))
        };
        self.listed().await.iter().map(line).collect()
    }

    /// Asks for a token with this form.
    pub(crate) async fn token(&self, form: &str) -> Answer {
        let request = Request::post("/identity/connect/token")
            .header("Host", "hub.example")
            .header("Content-Type", "application/x-www-form-urlencoded");
        self.try_request(request.body(Body::from(form.to_owned())).unwrap()).await.expect("an answer")
    }

    /// A token of the default client.
    pub(crate) async fn issued(&self) -> String {
        let answer = self.token(FORM).await;
        answer.body["access_token"].as_str().unwrap_or_else(|| panic!("no token in {answer:?}")).to_owned()
    }

    pub(crate) async fn switch(&self, name: &str, value: &str) {
        self.control("PUT", "/switches", Some(json!({ name: value }))).await;
    }
}

/// How the default client asks for a token.
pub(crate) const FORM: &str =
    "client_id=emulator-client&client_secret=emulator-secret&grant_type=client_credentials";

pub(crate) fn connection(name: &str, client_ids: &[&str]) -> Value {
    json!({ "Name": name, "Description": format!("{name} feed"), "ClientIds": client_ids })
}
