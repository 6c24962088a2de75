//! A connector of that name exists already: whether the operator takes it over, and what it says where it does not.

use serde_json::{Value, json};

use crate::support::looking::set;
use crate::support::story::Story;

const A: &str = "OnomondoConnector/plant-a";
const HTTPS: &str = "
kind: OnomondoConnector
metadata: {name: plant-a}
spec:
  type: https
  https: {host: 'https://ingest.example.com/v1', shouldReturnBody: true}
  passthrough: [{protocol: icmp}]
";
const TLS: &str = "
kind: OnomondoConnector
metadata: {name: plant-a}
spec:
  type: tls
  tls:
    host: 10.0.0.1
    port: 443
    serverName: one.example.com
    keySecretRef: {name: client}
    certSecretRef: {name: client}
";

fn identical() -> Value {
    json!({
        "type": "https",
        "options": {"host": "https://ingest.example.com/v1", "shouldReturnBody": true},
        "passthrough": [{"protocol": "icmp"}],
        "tags": ["a5023f47-1db8-425e-b664-dc0b8921f644"],
    })
}

fn different() -> Value {
    json!({
        "type": "https",
        "options": {"host": "https://other.example.com", "shouldReturnBody": true},
        "passthrough": [{"protocol": "icmp"}],
    })
}

/// A story in which `plant-a` is at the vendor before anything is declared.
async fn found(name: &str, connector: &Value) -> Story {
    let mut story = Story::begin(name).await;
    story.vendor.put_connector("plant-a", connector).await;
    story.onomondo_account("").await;
    story.ready("OnomondoAccount/default").await;
    story
}

#[tokio::test]
async fn what_is_as_declared_is_taken_over_silently() {
    let story = found("adoption", &identical()).await;
    story.apply(HTTPS).await;
    let seen = story.ready(A).await;

    let note = story.told(&format!("Normal Adopted {A}")).await;
    assert_eq!(note, "plant-a was there and is as declared; it is managed from now on");
    assert_eq!(seen["status"]["remote"]["name"], "plant-a");
    assert_eq!(story.vendor_writes().await, [""; 0]);
    let writes = ["patch onomondoconnectors/plant-a", "apply onomondoconnectors/plant-a/status"];
    assert_eq!(story.kubernetes_writes_to("onomondoconnectors/plant-a").await, writes);

    // From now on it is ours: an edit is sent, and the delete too.
    story.edit(A, "spec: {https: {shouldReturnBody: false}}").await;
    story.ready(A).await;
    story.delete(A).await;
    story.gone(A).await;
    assert_eq!(story.vendor_writes().await, ["PATCH /connectors/plant-a", "DELETE /connectors/plant-a"]);
    story.end().await;
}

#[tokio::test]
async fn what_differs_is_a_conflict_that_shows_the_difference() {
    let story = found("adoption-different", &different()).await;
    story.apply(HTTPS).await;
    let seen = story.becomes(A, "Stalled", "True/Conflict").await;

    assert_eq!(story.condition(A, "Ready").await, "False/Conflict");
    let message = "plant-a: plant-a already exists at the vendor and it differs (options.host: https://other.example.com → \
                   https://ingest.example.com/v1); set adoptionPolicy: Always to take it over and change it, or choose another name";
    assert_eq!(story.message(A, "Ready").await, message);
    let change = json!([{"field": "options.host", "from": "https://other.example.com", "to": "https://ingest.example.com/v1"}]);
    assert_eq!(seen["status"]["plannedChanges"], change);
    assert_eq!(seen["status"]["scope"], json!(null), "what is shown is not held");
    let status = "apply onomondoconnectors/plant-a/status";
    assert_eq!(story.kubernetes_writes_to("onomondoconnectors/plant-a").await, [status]);

    // When the owner makes it equal, it is taken over.
    story.vendor.change_connector("plant-a", &identical()).await;
    story.look_again().await;
    story.ready(A).await;
    assert_eq!(story.vendor_writes().await, [""; 0]);
    story.end().await;
}

#[tokio::test]
async fn a_conflict_leaves_the_vendor_alone_when_it_is_deleted() {
    let story = found("adoption-deleted", &different()).await;
    story.apply(HTTPS).await;
    story.becomes(A, "Stalled", "True/Conflict").await;
    story.delete(A).await;
    story.gone(A).await;
    assert_eq!(story.vendor_writes().await, [""; 0]);
    assert!(story.vendor.connector("plant-a").await.is_some());
    story.end().await;
}

#[tokio::test]
async fn always_takes_it_over_and_changes_it() {
    let story = found("adoption-always", &different()).await;
    story.apply(&format!("{HTTPS}  adoptionPolicy: Always\n")).await;
    story.ready(A).await;

    let options = json!({"host": "https://ingest.example.com/v1", "shouldReturnBody": true});
    let patch = ("PATCH /connectors/plant-a".to_owned(), json!({"options": options}));
    assert_eq!(story.sent_since(0).await, [patch]);
    let note = story.told(&format!("Normal Adopted {A}")).await;
    assert_eq!(note, "plant-a was there and is managed from now on; changed: options.host");
    story.end().await;
}

#[tokio::test]
async fn never_refuses_even_what_is_identical() {
    let story = found("adoption-never", &identical()).await;
    story.apply(&format!("{HTTPS}  adoptionPolicy: Never\n")).await;
    story.becomes(A, "Stalled", "True/Conflict").await;
    let message = "plant-a: plant-a already exists at the vendor and it is identical; set adoptionPolicy: IfIdentical or Always to \
                   take it over, or choose another name";
    assert_eq!(story.message(A, "Ready").await, message);

    story.edit(A, "spec: {adoptionPolicy: IfIdentical}").await;
    story.ready(A).await;
    assert_eq!(story.vendor_writes().await, [""; 0]);
    story.end().await;
}

#[tokio::test]
async fn a_declared_secret_cannot_be_compared_and_counts_as_a_difference() {
    let there = json!({
        "type": "tls",
        "options": {"host": "10.0.0.1", "port": 443, "server_name": "one.example.com"},
        "meta": {"key": {"is_set": true}, "cert": {"is_set": true}},
    });
    let mut story = found("adoption-secret", &there).await;
    let identity = story.tls_secret("client").await;
    story.apply(TLS).await;
    story.becomes(A, "Stalled", "True/Conflict").await;
    let message = "plant-a: plant-a already exists at the vendor and it differs (options.cert: changed; options.key: changed); set \
                   adoptionPolicy: Always to take it over and change it, or choose another name";
    assert_eq!(story.message(A, "Ready").await, message);
    assert_eq!(story.vendor_writes().await, [""; 0]);

    story.edit(A, "spec: {adoptionPolicy: Always}").await;
    story.ready(A).await;
    let options = json!({
        "host": "10.0.0.1", "port": 443, "server_name": "one.example.com",
        "key": set(&identity.key), "cert": set(&identity.certificate),
    });
    let patch = ("PATCH /connectors/plant-a".to_owned(), json!({"options": options}));
    assert_eq!(story.sent_since(0).await, [patch]);
    let note = story.told(&format!("Normal Adopted {A}")).await;
    assert_eq!(note, "plant-a was there and is managed from now on; changed: options.cert, options.key");
    story.look_again().await;
    assert_eq!(story.vendor_writes().await, ["PATCH /connectors/plant-a"], "they are sent once");
    story.end().await;
}
