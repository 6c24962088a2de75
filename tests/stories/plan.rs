//! `managementPolicy: Plan` says what Manage would do and never writes to the vendor.

use serde_json::json;

use crate::plant::{PLANT_A, POST, there, with_account};

const PLANNED: &str = "
kind: OnomondoConnector
metadata: {name: plant-a}
spec:
  managementPolicy: Plan
  adoptionPolicy: Always
  type: https
  https: {host: 'https://ingest.example.com/v1'}
";

#[tokio::test]
async fn the_plan_follows_the_vendor_and_nothing_is_sent() {
    let story = with_account("plan").await;
    story.apply(PLANNED).await;
    let seen = story.becomes(PLANT_A, "Ready", "False/ChangesPlanned").await;
    assert_eq!(story.message(PLANT_A, "Ready").await, "Manage would create plant-a");
    assert_eq!(seen["status"]["plannedChanges"], json!([{"field": "name", "to": "plant-a"}]));
    assert_eq!(story.condition(PLANT_A, "Stalled").await, "-");
    assert_eq!(story.condition(PLANT_A, "Reconciling").await, "-");

    story.vendor.put_connector("plant-a", &there("https://other.example.com")).await;
    story.look_again().await;
    let (from, to) = ("https://other.example.com", "https://ingest.example.com/v1");
    let message = format!("Manage would change plant-a: options.host: {from} → {to}");
    assert_eq!(story.message(PLANT_A, "Ready").await, message);
    assert_eq!(story.condition(PLANT_A, "Ready").await, "False/ChangesPlanned");
    let seen = story.get(PLANT_A).await;
    assert_eq!(seen["status"]["plannedChanges"], json!([{"field": "options.host", "from": from, "to": to}]));

    story.vendor.change_connector("plant-a", &there(to)).await;
    story.look_again().await;
    let seen = story.becomes(PLANT_A, "Ready", "True/Succeeded").await;
    assert_eq!(story.message(PLANT_A, "Ready").await, "plant-a is as declared: Manage would change nothing");
    assert_eq!(seen["status"]["plannedChanges"], json!(null));
    assert_eq!(seen["status"]["scope"], json!(null), "what is planned is not held");

    story.delete(PLANT_A).await;
    story.gone(PLANT_A).await;
    story.cost(&[], &[(PLANT_A, "status ×3")]).await;
    story.end().await;
}

#[tokio::test]
async fn what_was_planned_is_done_when_it_is_managed_and_no_more_when_it_is_planned_again() {
    let story = with_account("plan-and-back").await;
    story.apply(PLANNED).await;
    story.becomes(PLANT_A, "Ready", "False/ChangesPlanned").await;
    story.edit(PLANT_A, "spec: {managementPolicy: Manage}").await;
    let seen = story.ready(PLANT_A).await;
    assert_eq!(seen["status"]["plannedChanges"], json!(null));
    let newest = story.vendor.newest().await;

    story.edit(PLANT_A, "spec: {managementPolicy: Plan, name: plant-z}").await;
    let seen = story.becomes(PLANT_A, "Ready", "False/ChangesPlanned").await;
    let change = json!([{"field": "name", "from": "plant-a", "to": "plant-z"}]);
    assert_eq!(seen["status"]["plannedChanges"], change);
    assert_eq!(seen["metadata"]["finalizers"], json!(null));
    assert_eq!(story.sent_since(newest).await, []);

    story.edit(PLANT_A, "spec: {managementPolicy: Manage}").await;
    story.ready(PLANT_A).await;
    let rename = ("PATCH /connectors/plant-a plant-z".to_owned(), json!({"name": "plant-z"}));
    assert_eq!(story.sent_since(newest).await, [rename]);
    // The finalizer comes and goes with the policy; the rename is announced.
    let writes = "status, patch, status, patch, status, patch, status ×2";
    story.cost(&[POST, "PATCH /connectors/plant-a plant-z"], &[(PLANT_A, writes)]).await;
    story.end().await;
}
