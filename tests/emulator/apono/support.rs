//! A client of Apono that shows every answer to the specification, and the words that the stories share.

use connector_operator::emulator::DEFAULT_APONO_TOKEN;
use serde_json::{Value, json};

use super::specification::violations;
use crate::support::{Answer, Vendor};

/// Where connectors are.
pub(crate) const CONNECTORS: &str = "/api/admin/v3/connectors";

/// Apono, as somebody with a token sees it.
pub(crate) struct Apono {
    pub(crate) vendor: Vendor,
    judged: bool,
}

impl Apono {
    pub(crate) fn new() -> Self {
        Self::of(&Vendor::new())
    }

    /// The Apono of this emulator.
    pub(crate) fn of(vendor: &Vendor) -> Self {
        Self { vendor: vendor.with_authorization(&format!("Bearer {DEFAULT_APONO_TOKEN}")), judged: true }
    }

    /// The same with another token.
    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self { vendor: self.vendor.with_authorization(&format!("Bearer {token}")), judged: self.judged }
    }

    /// Where an answer of a switch is not as specified.
    pub(crate) fn not_as_specified(mut self) -> Self {
        self.judged = false;
        self
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let answer = self.vendor.try_send(method, path, body).await.expect("the connection was cut");
        if self.judged {
            let violations = violations(method, path, &answer);
            assert!(violations.is_empty(), "{method} {path}: {violations:?} in {}", answer.text);
        }
        answer
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, None).await
    }

    /// One connector.
    pub(crate) async fn read(&self, id: &str) -> Answer {
        self.get(&format!("{CONNECTORS}/{id}")).await
    }

    pub(crate) async fn rename(&self, id: &str, name: &str) -> Answer {
        self.ask("PUT", &format!("{CONNECTORS}/{id}"), Some(json!({ "name": name }))).await
    }

    pub(crate) async fn delete(&self, id: &str) -> Answer {
        self.ask("DELETE", &format!("{CONNECTORS}/{id}"), None).await
    }

    /// The items of a list, which has to be there.
    pub(crate) async fn items(&self, query: &str) -> Vec<Value> {
        let answer = self.get(&format!("{CONNECTORS}{query}")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body["items"].as_array().expect("items").clone()
    }

    /// The ids of the first page.
    pub(crate) async fn ids(&self, query: &str) -> Vec<String> {
        texts(&self.items(query).await, "id")
    }

    /// Somebody installs an agent: the connector of its id registers, under this name, and connects.
    pub(crate) async fn agent(&self, id: &str, name: &str) -> Value {
        self.installed(id, json!({ "name": name })).await
    }

    pub(crate) async fn installed(&self, id: &str, agent: Value) -> Value {
        self.vendor.control("PUT", &format!("/apono/agents/{id}"), Some(agent)).await
    }

    /// An agent connects, disconnects or sends a heartbeat.
    pub(crate) async fn tell(&self, agent: &str, verb: &str) -> Value {
        self.vendor.control("POST", &format!("/apono/agents/{agent}/{verb}"), None).await
    }
}

/// This member of each.
pub(crate) fn texts(items: &[Value], member: &str) -> Vec<String> {
    items.iter().map(|item| item[member].as_str().expect("a string").to_owned()).collect()
}
