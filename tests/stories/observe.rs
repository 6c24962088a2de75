//! `managementPolicy: Observe` reports what is there and never writes to the vendor.

use serde_json::{Value, json};

use crate::plant::{DELETE, HTTPS, PATCH, PLANT_A, POST, in_sync, there, with_account};

const WATCHER: &str = "OnomondoConnector/watcher";
const OBSERVED: &str = "
kind: OnomondoConnector
metadata: {name: plant-a}
spec:
  managementPolicy: Observe
  adoptionPolicy: Always
  type: https
  https: {host: 'https://ingest.example.com/v1'}
";

#[tokio::test]
async fn what_comes_changes_and_goes_is_reported_and_nothing_is_sent() {
    let story = with_account("observe").await;
    story.apply(OBSERVED).await;
    story.becomes(PLANT_A, "Ready", "False/RemoteNotFound").await;
    assert_eq!(story.message(PLANT_A, "Ready").await, "plant-a does not exist at the vendor");
    assert_eq!(story.condition(PLANT_A, "Stalled").await, "-");

    story.vendor.put_connector("plant-a", &there("https://ingest.example.com/v1")).await;
    story.look_again().await;
    let seen = story.becomes(PLANT_A, "Ready", "True/Observed").await;
    assert_eq!(story.message(PLANT_A, "Ready").await, "plant-a exists and is as declared");
    assert_eq!(seen["status"]["remote"], json!({"name": "plant-a", "type": "https"}));
    assert_eq!(seen["status"]["scope"], json!(null), "what is observed is not held");

    story.vendor.change_connector("plant-a", &there("https://other.example.com")).await;
    story.look_again().await;
    let message =
        "plant-a exists and differs: options.host: https://other.example.com → https://ingest.example.com/v1";
    assert_eq!(story.message(PLANT_A, "Ready").await, message);
    assert_eq!(story.condition(PLANT_A, "Ready").await, "True/Observed");

    story.vendor.remove_connector("plant-a").await;
    story.look_again().await;
    let seen = story.becomes(PLANT_A, "Ready", "False/RemoteNotFound").await;
    assert_eq!(seen["status"]["remote"], json!(null));

    story.delete(PLANT_A).await;
    story.gone(PLANT_A).await;
    story.cost(&[], &[(PLANT_A, "status ×4")]).await;
    story.end().await;
}

#[tokio::test]
async fn what_another_object_creates_changes_and_deletes_is_seen_too() {
    let story = with_account("observe-our-own").await;
    let watcher = OBSERVED.replace("{name: plant-a}\nspec:", "{name: watcher}\nspec:\n  name: plant-a");
    story.apply(&watcher).await;
    story.becomes(WATCHER, "Ready", "False/RemoteNotFound").await;

    story.apply(HTTPS).await;
    story.ready(PLANT_A).await;
    story.becomes(WATCHER, "Ready", "True/Observed").await;

    story.edit(PLANT_A, "spec: {https: {host: 'https://two.example.com'}}").await;
    let says = |seen: &Value| seen["status"]["conditions"].to_string().contains("https://two.example.com →");
    story.eventually(WATCHER, "says what differs", says).await;

    story.delete(PLANT_A).await;
    story.becomes(WATCHER, "Ready", "False/RemoteNotFound").await;
    story.gone(PLANT_A).await;
    let managed = (PLANT_A, "patch, status ×2, patch");
    story.cost(&[POST, PATCH, DELETE], &[managed, (WATCHER, "status ×4")]).await;
    story.end().await;
}

#[tokio::test]
async fn a_managed_connector_is_let_go_to_be_observed_and_taken_back() {
    let story = with_account("observe-and-back").await;
    story.apply(OBSERVED).await;
    story.becomes(PLANT_A, "Ready", "False/RemoteNotFound").await;
    story.edit(PLANT_A, "spec: {managementPolicy: Manage}").await;
    story.ready(PLANT_A).await;
    let newest = story.vendor.newest().await;

    story.edit(PLANT_A, "spec: {managementPolicy: Observe, https: {host: 'https://two.example.com'}}").await;
    let seen = story.becomes(PLANT_A, "Ready", "True/Observed").await;
    assert_eq!(seen["metadata"]["finalizers"], json!(null), "there is nothing to do at its end");
    assert_eq!(story.sent_since(newest).await, []);

    story.edit(PLANT_A, "spec: {managementPolicy: Manage}").await;
    let seen = story.ready(PLANT_A).await;
    assert_eq!(seen["metadata"]["finalizers"], json!(["connector-operator.io/finalizer"]));
    let options = json!({"host": "https://two.example.com", "shouldReturnBody": false});
    let patch = (PATCH.to_owned(), json!({"options": options}));
    assert_eq!(story.sent_since(newest).await, [patch]);
    let writes = "status, patch, status, patch, status, patch, status";
    story.cost(&[POST, PATCH], &[(PLANT_A, writes)]).await;
    story.end().await;
}

#[tokio::test]
async fn deleting_what_was_managed_and_is_so_no_more_leaves_it_at_the_vendor() {
    for policy in ["Observe", "Plan"] {
        let mut story = in_sync(&format!("deleted-under-{}", policy.to_lowercase()), HTTPS).await;
        // Both at once: the finalizer is still there when the operator hears of the delete.
        story.operator().terminate().await;
        story.edit(PLANT_A, &format!("spec: {{managementPolicy: {policy}}}")).await;
        story.delete(PLANT_A).await;
        story.operator().restart().await;
        story.gone(PLANT_A).await;

        let note = story.told(&format!("Normal Orphaned {PLANT_A}")).await;
        assert_eq!(note, format!("the object at the vendor was left as it is: managementPolicy is {policy}"));
        assert!(story.vendor.connector("plant-a").await.is_some());
        story.cost(&[POST], &[(PLANT_A, "patch, status, patch")]).await;
        story.end().await;
    }
}
