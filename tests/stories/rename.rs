//! A person changes `spec.name`: that is a rename, of which the status tells before it is sent. A taken name is refused before
//! anything is sent.

use serde_json::json;

use crate::support::story::Story;

const PLANT_A: &str = "
kind: OnomondoConnector
metadata: {name: plant-a}
spec:
  type: https
  https: {host: 'https://ingest.example.com/v1'}
";
const PLANT_B: &str = "
kind: OnomondoConnector
metadata: {name: plant-b}
spec:
  type: https
  https: {host: 'https://ingest.example.com/v1'}
";
const A: &str = "OnomondoConnector/plant-a";
const B: &str = "OnomondoConnector/plant-b";

async fn names_at_the_vendor(story: &Story) -> Vec<String> {
    let connectors = story.vendor.connectors().await;
    connectors.iter().map(|connector| connector["name"].as_str().unwrap_or("?").to_owned()).collect()
}

#[tokio::test]
async fn a_rename_is_announced_in_status_before_it_is_sent() {
    let mut story = Story::begin("rename").await;
    story.onomondo_account("").await;
    story.apply(PLANT_A).await;
    story.ready(A).await;
    let newest = story.vendor.newest().await;
    let held_back = json!({"kind": "delay", "milliseconds": 1000});
    story.vendor.fault(json!({"method": "PATCH", "times": 1}), held_back).await;

    story.edit(A, "spec: {name: plant-z}").await;
    story.eventually(A, "on its way to plant-z", |seen| seen["status"]["renamingTo"] == "plant-z").await;
    assert_eq!(names_at_the_vendor(&story).await, ["plant-a"], "the vendor has not renamed it yet");
    assert_eq!(story.condition(A, "Reconciling").await, "True/Progressing");
    assert_eq!(story.message(A, "Ready").await, "plant-a: it is renamed to plant-z");

    let seen = story.ready(A).await;
    assert_eq!(seen["status"]["remote"]["name"], "plant-z");
    assert_eq!(seen["status"]["renamingTo"], json!(null));
    let rename = ("PATCH /connectors/plant-a plant-z".to_owned(), json!({"name": "plant-z"}));
    assert_eq!(story.sent_since(newest).await, [rename]);
    assert_eq!(names_at_the_vendor(&story).await, ["plant-z"]);
    let status = "apply onomondoconnectors/plant-a/status";
    let writes = story.kubernetes_writes_to("onomondoconnectors/plant-a").await;
    assert_eq!(writes, ["patch onomondoconnectors/plant-a", status, status, status]);

    story.delete(A).await;
    story.gone(A).await;
    assert_eq!(story.vendor_writes().await.last().map(String::as_str), Some("DELETE /connectors/plant-z"));
    story.end().await;
}

#[tokio::test]
async fn a_rename_together_with_another_edit_is_one_patch() {
    let mut story = Story::begin("rename-and-edit").await;
    story.onomondo_account("").await;
    story.apply(PLANT_A).await;
    story.ready(A).await;
    let newest = story.vendor.newest().await;

    story.edit(A, "spec: {name: plant-z, https: {host: 'https://two.example.com'}}").await;
    story.ready(A).await;

    let options = json!({"host": "https://two.example.com", "shouldReturnBody": false});
    let patch = json!({"name": "plant-z", "options": options});
    assert_eq!(story.sent_since(newest).await, [("PATCH /connectors/plant-a plant-z".to_owned(), patch)]);
    story.end().await;
}

#[tokio::test]
async fn a_rename_onto_a_strangers_name_is_a_conflict_until_the_name_is_free() {
    let mut story = Story::begin("rename-taken").await;
    let stranger = json!({"type": "https", "options": {"host": "https://stranger.example.com"}});
    story.vendor.put_connector("taken", &stranger).await;
    story.onomondo_account("").await;
    // Not even consent to adoption makes two objects one.
    story.apply(PLANT_A).await;
    story.edit(A, "spec: {adoptionPolicy: Always}").await;
    story.ready(A).await;
    let newest = story.vendor.newest().await;

    story.edit(A, "spec: {name: taken}").await;
    let seen = story.becomes(A, "Stalled", "True/Conflict").await;
    assert_eq!(story.condition(A, "Ready").await, "False/Conflict");
    let message = "plant-a: the new name taken is taken at the vendor; choose another, or go by way of a third name to swap two";
    assert_eq!(story.message(A, "Ready").await, message);
    assert_eq!(seen["status"]["remote"]["name"], "plant-a", "it is still what it was");
    assert_eq!(seen["status"]["renamingTo"], json!(null));
    assert_eq!(story.sent_since(newest).await, []);

    story.vendor.remove_connector("taken").await;
    story.look_again().await;
    let seen = story.ready(A).await;
    assert_eq!(seen["status"]["remote"]["name"], "taken");
    let rename = ("PATCH /connectors/plant-a taken".to_owned(), json!({"name": "taken"}));
    assert_eq!(story.sent_since(newest).await, [rename]);
    story.end().await;
}

#[tokio::test]
async fn an_older_connector_does_not_take_a_younger_ones_name() {
    let mut story = Story::begin("rename-older").await;
    story.onomondo_account("").await;
    story.apply(PLANT_A).await;
    story.ready(A).await;
    story.apply(PLANT_B).await;
    story.ready(B).await;
    let newest = story.vendor.newest().await;
    let writes_of_b = story.kubernetes_writes_to("onomondoconnectors/plant-b").await;

    story.edit(A, "spec: {name: plant-b}").await;
    story.becomes(A, "Stalled", "True/Conflict").await;
    let message = "plant-a: plant-b is already managed by rename-older/plant-b; give one of them another name, or delete one";
    assert_eq!(story.message(A, "Stalled").await, message);
    story.look_again().await;
    assert_eq!(story.sent_since(newest).await, []);
    assert_eq!(story.kubernetes_writes_to("onomondoconnectors/plant-b").await, writes_of_b);
    assert_eq!(story.condition(B, "Ready").await, "True/Succeeded");

    // By way of a third name, the two swap.
    story.edit(B, "spec: {name: plant-c}").await;
    story.ready(B).await;
    story.ready(A).await;
    story.edit(B, "spec: {name: plant-a}").await;
    story.ready(B).await;
    let renames = story.writes_since(newest).await;
    let expected = [
        "PATCH /connectors/plant-b plant-c",
        "PATCH /connectors/plant-a plant-b",
        "PATCH /connectors/plant-c plant-a",
    ];
    assert_eq!(renames, expected);
    story.end().await;
}
