//! A connector of that name exists already: whether the operator takes it over, and what it says where it does not.

use serde_json::{Value, json};

use crate::plant::{ACCOUNT, DELETE, PATCH, PLANT_A, TLS, tls_options};
use crate::support::story::Story;

const HTTPS: &str = "
kind: OnomondoConnector
metadata: {name: plant-a}
spec:
  type: https
  https: {host: 'https://ingest.example.com/v1', shouldReturnBody: true}
  passthrough: [{protocol: icmp}]
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
    story.ready(ACCOUNT).await;
    story
}

#[tokio::test]
async fn what_is_as_declared_is_taken_over_silently() {
    let story = found("adoption", &identical()).await;
    story.apply(HTTPS).await;
    let seen = story.ready(PLANT_A).await;

    let note = story.told(&format!("Normal Adopted {PLANT_A}")).await;
    assert_eq!(note, "plant-a was there and is as declared; it is managed from now on");
    assert_eq!(seen["status"]["remote"]["name"], "plant-a");
    story.cost(&[], &[(PLANT_A, "patch, status")]).await;

    // From now on it is ours: an edit is sent, and the delete too.
    story.edit(PLANT_A, "spec: {https: {shouldReturnBody: false}}").await;
    story.ready(PLANT_A).await;
    story.delete(PLANT_A).await;
    story.gone(PLANT_A).await;
    story.cost(&[PATCH, DELETE], &[(PLANT_A, "patch, status ×2, patch")]).await;
    story.end().await;
}

#[tokio::test]
async fn what_differs_is_a_conflict_that_shows_the_difference() {
    let story = found("adoption-different", &different()).await;
    story.apply(HTTPS).await;
    let seen = story.becomes(PLANT_A, "Stalled", "True/Conflict").await;

    assert_eq!(story.condition(PLANT_A, "Ready").await, "False/Conflict");
    let message = "plant-a: plant-a already exists at the vendor and it differs (options.host: https://other.example.com → \
                   https://ingest.example.com/v1); set adoptionPolicy: Always to take it over and change it, or choose another name";
    assert_eq!(story.message(PLANT_A, "Ready").await, message);
    let change = json!([{"field": "options.host", "from": "https://other.example.com", "to": "https://ingest.example.com/v1"}]);
    assert_eq!(seen["status"]["plannedChanges"], change);
    assert_eq!(seen["status"]["scope"], json!(null), "what is shown is not held");
    story.cost(&[], &[(PLANT_A, "status")]).await;

    // When the owner makes it equal, it is taken over.
    story.vendor.change_connector("plant-a", &identical()).await;
    story.look_again().await;
    story.ready(PLANT_A).await;
    story.cost(&[], &[(PLANT_A, "status, patch, status")]).await;
    story.end().await;
}

#[tokio::test]
async fn a_conflict_leaves_the_vendor_alone_when_it_is_deleted() {
    let story = found("adoption-deleted", &different()).await;
    story.apply(HTTPS).await;
    story.becomes(PLANT_A, "Stalled", "True/Conflict").await;
    story.delete(PLANT_A).await;
    story.gone(PLANT_A).await;
    assert!(story.vendor.connector("plant-a").await.is_some());
    story.cost(&[], &[(PLANT_A, "status")]).await;
    story.end().await;
}

#[tokio::test]
async fn always_takes_it_over_and_changes_it() {
    let story = found("adoption-always", &different()).await;
    story.apply(&format!("{HTTPS}  adoptionPolicy: Always\n")).await;
    story.ready(PLANT_A).await;

    let options = json!({"host": "https://ingest.example.com/v1", "shouldReturnBody": true});
    let patch = (PATCH.to_owned(), json!({"options": options}));
    assert_eq!(story.sent_since(0).await, [patch]);
    let note = story.told(&format!("Normal Adopted {PLANT_A}")).await;
    assert_eq!(note, "plant-a was there and is managed from now on; changed: options.host");
    story.cost(&[PATCH], &[(PLANT_A, "patch, status")]).await;
    story.end().await;
}

#[tokio::test]
async fn never_refuses_even_what_is_identical() {
    let story = found("adoption-never", &identical()).await;
    story.apply(&format!("{HTTPS}  adoptionPolicy: Never\n")).await;
    story.becomes(PLANT_A, "Stalled", "True/Conflict").await;
    let message = "plant-a: plant-a already exists at the vendor and it is identical; set adoptionPolicy: IfIdentical or Always to \
                   take it over, or choose another name";
    assert_eq!(story.message(PLANT_A, "Ready").await, message);

    story.edit(PLANT_A, "spec: {adoptionPolicy: IfIdentical}").await;
    story.ready(PLANT_A).await;
    story.cost(&[], &[(PLANT_A, "status, patch, status")]).await;
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
    story.becomes(PLANT_A, "Stalled", "True/Conflict").await;
    let message = "plant-a: plant-a already exists at the vendor and it differs (options.cert: changed; options.key: changed); set \
                   adoptionPolicy: Always to take it over and change it, or choose another name";
    assert_eq!(story.message(PLANT_A, "Ready").await, message);
    story.cost(&[], &[(PLANT_A, "status")]).await;

    story.edit(PLANT_A, "spec: {adoptionPolicy: Always}").await;
    story.ready(PLANT_A).await;
    let patch = (PATCH.to_owned(), json!({"options": tls_options(&identity)}));
    assert_eq!(story.sent_since(0).await, [patch]);
    let note = story.told(&format!("Normal Adopted {PLANT_A}")).await;
    assert_eq!(note, "plant-a was there and is managed from now on; changed: options.cert, options.key");
    story.look_again().await;
    // They are sent once.
    story.cost(&[PATCH], &[(PLANT_A, "status, patch, status")]).await;
    story.end().await;
}
