//! The Rust types read what the API server lets through, field for field, and what they write as status is taken as it
//! stands.

use std::collections::BTreeMap;
use std::fmt::Debug;

use connector_operator::api::{
    AccountSpec, AccountStatus, AdoptionPolicy, AponoAccount, AponoConnector, AponoRemote, AponoSession,
    ConnectorSpec, ConnectorStatus, DeletionPolicy, LastSnapshot, OmfAccount, OmfConnection, OmfRemote,
    OnomondoAccount, OnomondoConnector, OnomondoRemote, PlannedChange, RateLimitStatus, SecretStatus,
    TEXT_LIMIT, shortened,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;
use kube::core::Selector;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::server::Server;
use crate::spoil::{good_object, good_objects};

fn read<K: DeserializeOwned>(object: &Value) -> K {
    serde_json::from_value(object.clone()).unwrap_or_else(|error| panic!("{error}: {object}"))
}

/// Every field of `written` has to be in `read` with the same value. (More may be there: defaults.)
fn has_all(read: &Value, written: &Value, path: &str) {
    match written {
        Value::Object(fields) => {
            for (name, value) in fields {
                has_all(&read[name], value, &format!("{path}.{name}"));
            }
        }
        // A flag that is false is not written back.
        Value::Bool(false) => assert!(read.is_null() || read == false, "{path}: {read}"),
        _ => assert_eq!(read, written, "{path}"),
    }
}

fn reads_all<K: DeserializeOwned + Serialize>(object: &Value) {
    let read: K = read(object);
    has_all(&serde_json::to_value(read).expect("the object serialises"), object, "");
}

#[test]
fn the_types_read_every_field_of_the_schema() {
    for object in good_objects() {
        match object["kind"].as_str().expect("a kind") {
            "OnomondoConnector" => reads_all::<OnomondoConnector>(object),
            "AponoConnector" => reads_all::<AponoConnector>(object),
            "OmfConnection" => reads_all::<OmfConnection>(object),
            "OnomondoAccount" => reads_all::<OnomondoAccount>(object),
            "AponoAccount" => reads_all::<AponoAccount>(object),
            "OmfAccount" => reads_all::<OmfAccount>(object),
            other => panic!("no type for {other}"),
        }
    }
}

/// What the smallest object of a kind is, as Rust reads it and as the API server completes it.
async fn same_defaults<K: DeserializeOwned + PartialEq + Debug>(
    server: &Server,
    mut object: Value,
    smallest: Value,
) -> K {
    object["spec"] = smallest;
    let stored = server.completed(&object).await;
    assert_eq!(stored["status"], json!({"observedGeneration": -1}), "{stored}");
    let (ours, theirs): (Value, Value) = (object["spec"].clone(), stored["spec"].clone());
    let with_spec = |spec: Value| {
        let mut object = object.clone();
        object["spec"] = spec;
        read::<K>(&object)
    };
    let read = with_spec(ours);
    assert_eq!(read, with_spec(theirs), "the defaults of the schema and of the type differ");
    read
}

#[tokio::test]
async fn the_defaults_of_the_schema_are_those_of_the_types() {
    let server = Server::new().await;
    let smallest = json!({"type": "https", "https": {"host": "https://ingest.example.com"}});
    let connector: OnomondoConnector =
        same_defaults(&server, good_object("OnomondoConnector", ""), smallest).await;
    assert_eq!(connector.spec.account_ref().name, "default");

    let apono: AponoConnector =
        same_defaults(&server, good_object("AponoConnector", ""), json!({"connectorId": "prod-eks"})).await;
    assert_eq!(apono.spec.deletion_policy(), DeletionPolicy::Orphan);
    assert_eq!(apono.spec.adoption_policy(), AdoptionPolicy::Always);
    assert_eq!(apono.spec.registration_deadline().as_secs(), 900);

    let _: OmfConnection =
        same_defaults(&server, good_object("OmfConnection", ""), json!({"clientIds": ["ci"]})).await;

    let account: OnomondoAccount = same_defaults(
        &server,
        good_object("OnomondoAccount", ""),
        json!({"apiKeySecretRef": {"name": "onomondo"}}),
    )
    .await;
    assert_eq!(account.spec.endpoint(), "https://api.onomondo.com");
    assert_eq!(account.spec.requests_per_minute(), 600);
    assert_eq!(account.spec.allowed_namespaces().adoption, AdoptionPolicy::Never);
    assert_eq!(account.spec.secret_sources()[0].key, "apiKey");

    let _: AponoAccount =
        same_defaults(&server, good_object("AponoAccount", ""), json!({"tokenSecretRef": {"name": "apono"}}))
            .await;
    let omf: OmfAccount = same_defaults(
        &server,
        good_object("OmfAccount", ""),
        json!({
            "endpoint": "https://uswe.datahub.connect.aveva.com",
            "tenantId": "6a2b3c4d-0000-0000-0000-000000000001",
            "namespaceId": "production",
            "clientCredentials": {"secretRef": {"name": "aveva"}},
        }),
    )
    .await;
    let keys: Vec<&str> = omf.spec.secret_sources().iter().map(|source| source.key).collect();
    assert_eq!(keys, ["clientId", "clientSecret"]);
}

fn condition() -> Condition {
    Condition {
        type_: "Ready".to_owned(),
        status: "True".to_owned(),
        reason: "Succeeded".to_owned(),
        message: "plant-a matches its spec".to_owned(),
        observed_generation: Some(1),
        last_transition_time: Time(Timestamp::UNIX_EPOCH),
    }
}

fn text() -> String {
    "x".repeat(TEXT_LIMIT)
}

fn connector_status<R>(remote: R) -> ConnectorStatus<R> {
    ConnectorStatus {
        observed_generation: Some(1),
        conditions: vec![condition()],
        remote: Some(remote),
        scope: Some("api.onomondo.com".to_owned()),
        planned_changes: vec![PlannedChange { field: text(), from: Some(text()), to: Some(text()) }],
        last_handled_reconcile_at: Some(text()),
        ..ConnectorStatus::default()
    }
}

/// Applies a status as the operator does, and reads it back.
async fn keeps<S>(server: &Server, kind: &str, status: S)
where
    S: Serialize + DeserializeOwned + PartialEq + Debug,
{
    let written = serde_json::to_value(&status).expect("the status serialises");
    assert!(!written.to_string().contains("null"), "an absent value is written as null: {written}");
    let stored = server.with_status(&good_object(kind, ""), &written).await;
    let back: S = read(&stored["status"]);
    assert_eq!(back, status, "{kind}");
}

#[tokio::test]
async fn every_field_of_a_status_is_kept_by_the_api_server() {
    let server = Server::new().await;
    let onomondo = OnomondoRemote {
        name: text(),
        id: Some(3202),
        uuid: Some(text()),
        type_: Some("a_beta_type".to_owned()),
    };
    let secret = SecretStatus { is_set: true, last_updated_at: Some(text()), fingerprint: Some(text()) };
    let status = ConnectorStatus {
        renaming_to: Some(text()),
        secrets: BTreeMap::from([("key".to_owned(), secret)]),
        ..connector_status(onomondo)
    };
    keeps(&server, "OnomondoConnector", status).await;

    let session = AponoSession {
        id: text(),
        last_connected_time: Some(text()),
        connector_version: Some(text()),
        cloud_provider_metadata: BTreeMap::from([("region".to_owned(), text())]),
    };
    let apono = AponoRemote {
        id: text(),
        name: Some(text()),
        status: Some(text()),
        version: Some(text()),
        is_latest_version: Some(true),
        last_connected: Some(text()),
        cloud_provider_type: Some(text()),
        sessions: vec![session],
    };
    keeps(&server, "AponoConnector", connector_status(apono)).await;

    let omf = OmfRemote { id: text(), state: Some(text()), created_date: Some(text()) };
    keeps(&server, "OmfConnection", connector_status(omf)).await;

    for kind in ["OnomondoAccount", "AponoAccount", "OmfAccount"] {
        let status = AccountStatus {
            observed_generation: Some(1),
            conditions: vec![condition()],
            last_snapshot: Some(LastSnapshot { objects: 3, unmanaged: 1, at: text() }),
            rate_limit: Some(RateLimitStatus { held_until: text() }),
            credential_fingerprint: Some(text()),
            last_handled_reconcile_at: Some(text()),
        };
        keeps(&server, kind, status).await;
    }
}

#[test]
fn a_vendors_text_is_cut_to_what_a_status_takes() {
    assert_eq!(shortened("plant-a"), "plant-a");
    assert_eq!(shortened(&text()), text());
    let cut = shortened(&"ü".repeat(TEXT_LIMIT + 1));
    assert_eq!(cut.chars().count(), TEXT_LIMIT);
    assert!(cut.ends_with("ü…"), "{cut}");
}

/// The values that mistakes.yaml calls fine for the rule that says this.
fn accepted(says: &str) -> Vec<String> {
    let entries: Vec<Value> = serde_yaml::from_str(include_str!("mistakes.yaml")).expect("a list");
    let entry = entries.iter().find(|entry| entry["says"] == says).expect("an entry");
    serde_json::from_value(entry["accepts"].clone()).expect("texts")
}

#[test]
fn what_the_schema_lets_through_is_understood_by_the_operator() {
    for pattern in accepted("write a regular expression") {
        regex_lite::Regex::new(&pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
    }
    for endpoint in accepted("write an http:// or https:// URL") {
        url::Url::parse(&endpoint).unwrap_or_else(|error| panic!("{endpoint}: {error}"));
    }
    for interval in accepted("write a duration from 10s to 24h") {
        assert!(connector_operator::api::duration::parse(&interval).is_some(), "{interval}");
    }
    let account: OnomondoAccount = read(&good_object("OnomondoAccount", ""));
    let selector = account.spec.allowed_namespaces.selector.expect("a selector");
    Selector::try_from(selector).expect("the selector can be evaluated");
}
