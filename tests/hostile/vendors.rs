//! The three vendors, as these tests make their clients.

use connector_operator::api::{AponoConnectorSpec, OmfConnectionSpec, OnomondoConnectorSpec};
use connector_operator::engine::vendor::Vendor;
use connector_operator::remote::Connection;
use connector_operator::vendors::{apono::Apono, omf::Omf, onomondo::Onomondo};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::canned::{IDENTITY, SECRET};

/// A vendor with what it takes to declare something at it.
pub(crate) trait Subject: Vendor {
    /// Specs that it accepts.
    fn specs() -> Vec<Value>;
    /// What it lists.
    fn rows() -> Vec<Value>;
    /// An account at it.
    fn account() -> Value;
    /// What it has after this write of ours.
    fn written(row: &Value, body: &Value) -> Value;

    fn client(connection: Connection) -> Self::Client {
        let account = serde_json::from_value(Self::account()).expect("an account");
        Self::connect(&account, &[SecretString::from(SECRET)], connection).expect("a client")
    }
}

fn over(row: &Value, body: &Value, names: &[&str]) -> Value {
    let mut row = row.clone();
    for name in names.iter().filter(|name| body.get(**name).is_some()) {
        row[*name] = body[*name].clone();
    }
    row
}

impl Subject for Onomondo {
    fn specs() -> Vec<Value> {
        let tls = include_str!("../corpora/spec-onomondo/tls.json");
        let https = include_str!("../corpora/spec-onomondo/https.json");
        let azure = include_str!("../corpora/spec-onomondo/azure.json");
        [tls, https, azure].map(|spec| serde_json::from_str(spec).expect("JSON")).into()
    }
    fn rows() -> Vec<Value> {
        serde_json::from_str(include_str!("../corpora/onomondo-list/documented.json")).expect("JSON")
    }
    fn account() -> Value {
        json!({"endpoint": "https://vendor.example", "apiKeySecretRef": {"name": "key"}})
    }
    fn written(row: &Value, body: &Value) -> Value {
        let mut row = over(row, body, &["name", "type", "options", "passthrough", "tags"]);
        for secret in ["key", "cert", "ca", "connectionString"] {
            if let Some(options) = row["options"].as_object_mut() {
                options.remove(secret);
            }
        }
        row
    }
}

impl Subject for Apono {
    fn specs() -> Vec<Value> {
        vec![json!({"connectorId": "c-1", "name": "edge"}), json!({"connectorId": "c-1"})]
    }
    fn rows() -> Vec<Value> {
        let page: Value =
            serde_json::from_str(include_str!("../corpora/apono-list/documented.json")).expect("JSON");
        page["items"].as_array().expect("rows").clone()
    }
    fn account() -> Value {
        json!({"endpoint": "https://vendor.example", "tokenSecretRef": {"name": "token"}})
    }
    fn written(row: &Value, body: &Value) -> Value {
        over(row, body, &["name"])
    }
}

impl Subject for Omf {
    fn specs() -> Vec<Value> {
        let one = "d6b178a4-0de5-4c30-8ba7-0a84751be854";
        vec![
            json!({"name": "line 7", "description": "", "clientIds": [one, "gateway-7"]}),
            json!({"clientIds": ["FEECF1D0-B366-4A8B-91D2-92BEE976686E"]}),
        ]
    }
    fn rows() -> Vec<Value> {
        let list: Value =
            serde_json::from_str(include_str!("../corpora/omf-list/documented.json")).expect("JSON");
        list["Results"].as_array().expect("rows").clone()
    }
    fn account() -> Value {
        json!({"endpoint": "https://vendor.example", "tenantId": "t", "namespaceId": "n", "tokenSecretRef": {"name": "token"}})
    }
    fn written(row: &Value, body: &Value) -> Value {
        over(row, body, &["Name", "Description", "ClientIds"])
    }
}

/// An OMF account whose tokens come from an identity service: one that is named, or one that is to be discovered.
pub(crate) fn omf_by_tokens(connection: Connection, is_named: bool) -> <Omf as Vendor>::Client {
    let mut account = json!({
        "endpoint": "https://vendor.example", "tenantId": "t", "namespaceId": "n",
        "clientCredentials": {"secretRef": {"name": "client"}},
    });
    if is_named {
        account["clientCredentials"]["tokenUrl"] = json!(IDENTITY);
    }
    let account = serde_json::from_value(account).expect("an account");
    let credential = [SecretString::from("client-7"), SecretString::from(SECRET)];
    Omf::connect(&account, &credential, connection).expect("a client")
}

pub(crate) fn onomondo_spec() -> OnomondoConnectorSpec {
    serde_json::from_value(Onomondo::specs().remove(0)).expect("a spec")
}

pub(crate) fn apono_spec() -> AponoConnectorSpec {
    serde_json::from_value(Apono::specs().remove(0)).expect("a spec")
}

pub(crate) fn omf_spec() -> OmfConnectionSpec {
    serde_json::from_value(Omf::specs().remove(0)).expect("a spec")
}
