//! `managementPolicy: Plan` says what Manage would do and never writes to the vendor.

use serde_json::{Value, json};

use crate::support::story::Story;

const A: &str = "OnomondoConnector/plant-a";
const PLANNED: &str = "
kind: OnomondoConnector
metadata: {name: plant-a}
spec:
  managementPolicy: Plan
  adoptionPolicy: Always
  type: https
  https: {host: 'https://ingest.example.com/v1'}
";

fn there(host: &str) -> Value {
    json!({"type": "https", "options": {"host": host, "shouldReturnBody": false}})
}

#[tokio::test]
async fn the_plan_follows_the_vendor_and_nothing_is_sent() {
    let mut story = Story::begin("plan").await;
    story.onomondo_account("").await;
    story.apply(PLANNED).await;
    let seen = story.becomes(A, "Ready", "False/ChangesPlanned").await;
    assert_eq!(story.message(A, "Ready").await, "Manage would create plant-a");
    assert_eq!(seen["status"]["plannedChanges"], json!([{"field": "name", "to": "plant-a"}]));
    assert_eq!(story.condition(A, "Stalled").await, "-");
    assert_eq!(story.condition(A, "Reconciling").await, "-");

    story.vendor.put_connector("plant-a", &there("https://other.example.com")).await;
    story.look_again().await;
    let (from, to) = ("https://other.example.com", "https://ingest.example.com/v1");
    let message = format!("Manage would change plant-a: options.host: {from} → {to}");
    assert_eq!(story.message(A, "Ready").await, message);
    assert_eq!(story.condition(A, "Ready").await, "False/ChangesPlanned");
    let seen = story.get(A).await;
    assert_eq!(seen["status"]["plannedChanges"], json!([{"field": "options.host", "from": from, "to": to}]));

    story.vendor.change_connector("plant-a", &there(to)).await;
    story.look_again().await;
    let seen = story.becomes(A, "Ready", "True/Succeeded").await;
    assert_eq!(story.message(A, "Ready").await, "plant-a is as declared: Manage would change nothing");
    assert_eq!(seen["status"]["plannedChanges"], json!(null));
    assert_eq!(seen["status"]["scope"], json!(null), "what is planned is not held");

    let status = "apply onomondoconnectors/plant-a/status";
    assert_eq!(story.kubernetes_writes_to("onomondoconnectors/plant-a").await, [status; 3]);
    story.delete(A).await;
    story.gone(A).await;
    assert_eq!(story.vendor_writes().await, [""; 0]);
    story.end().await;
}

#[tokio::test]
async fn what_was_planned_is_done_when_it_is_managed_and_no_more_when_it_is_planned_again() {
    let mut story = Story::begin("plan-and-back").await;
    story.onomondo_account("").await;
    story.apply(PLANNED).await;
    story.becomes(A, "Ready", "False/ChangesPlanned").await;
    story.edit(A, "spec: {managementPolicy: Manage}").await;
    let seen = story.ready(A).await;
    assert_eq!(seen["status"]["plannedChanges"], json!(null));
    let newest = story.vendor.newest().await;

    story.edit(A, "spec: {managementPolicy: Plan, name: plant-z}").await;
    let seen = story.becomes(A, "Ready", "False/ChangesPlanned").await;
    let change = json!([{"field": "name", "from": "plant-a", "to": "plant-z"}]);
    assert_eq!(seen["status"]["plannedChanges"], change);
    assert_eq!(seen["metadata"]["finalizers"], json!(null));
    assert_eq!(story.sent_since(newest).await, []);

    story.edit(A, "spec: {managementPolicy: Manage}").await;
    story.ready(A).await;
    let rename = ("PATCH /connectors/plant-a plant-z".to_owned(), json!({"name": "plant-z"}));
    assert_eq!(story.sent_since(newest).await, [rename]);
    story.end().await;
}

#[tokio::test]
async fn deleting_what_was_managed_and_is_planned_leaves_it_at_the_vendor() {
    let mut story = Story::begin("plan-deleted").await;
    story.onomondo_account("").await;
    story.apply(PLANNED).await;
    story.edit(A, "spec: {managementPolicy: Manage}").await;
    story.ready(A).await;
    // Both at once: the finalizer is still there when the operator hears of the delete.
    story.operator().terminate().await;
    story.edit(A, "spec: {managementPolicy: Plan}").await;
    story.delete(A).await;
    story.operator().restart().await;
    story.gone(A).await;

    let note = story.told(&format!("Normal Orphaned {A}")).await;
    assert_eq!(note, "the object at the vendor was left as it is: managementPolicy is Plan");
    assert_eq!(story.vendor_writes().await, ["POST /connectors plant-a"]);
    assert!(story.vendor.connector("plant-a").await.is_some());
    story.end().await;
}
