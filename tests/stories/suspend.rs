//! `spec.suspend` stops everything about one connector; the account's stops every call.

use serde_json::{Value, json};

use crate::support::objects::condition;
use crate::support::story::Story;

const A: &str = "OnomondoConnector/plant-a";
const ACCOUNT: &str = "OnomondoAccount/default";
const PLANT_A: &str = "
kind: OnomondoConnector
metadata: {name: plant-a}
spec:
  type: https
  https: {host: 'https://ingest.example.com/v1'}
";

fn is_suspended(seen: &Value) -> bool {
    condition(seen, "Suspended") == "True/Suspended"
}

async fn ready(name: &str) -> Story {
    let mut story = Story::begin(name).await;
    story.onomondo_account("").await;
    story.apply(PLANT_A).await;
    story.ready(A).await;
    story.the_last_write_is_listed().await;
    story
}

#[tokio::test]
async fn a_suspended_connector_is_not_looked_at_until_it_is_resumed() {
    let story = ready("suspend").await;
    let before = story.get(A).await;
    let (newest, writes) =
        (story.vendor.newest().await, story.kubernetes_writes_to("onomondoconnectors/plant-a").await.len());

    story.edit(A, "spec: {suspend: true, https: {host: 'https://two.example.com'}}").await;
    let seen = story.eventually(A, "suspended", is_suspended).await;
    assert_eq!(condition(&seen, "Ready"), "True/Succeeded", "it stays as it was");
    let (was, is) = (&before["status"]["observedGeneration"], &seen["status"]["observedGeneration"]);
    assert_eq!(was, is, "so the edit reads as in progress");

    story
        .vendor
        .change_connector("plant-a", &json!({"options": {"host": "https://drift.example.com"}}))
        .await;
    story.edit(A, "spec: {https: {host: 'https://three.example.com'}}").await;
    story.look_again().await;
    assert_eq!(story.sent_since(newest).await, []);
    let since = story.kubernetes_writes_to("onomondoconnectors/plant-a").await.split_off(writes);
    assert_eq!(since, ["apply onomondoconnectors/plant-a/status"], "it says once that it is suspended");

    story.edit(A, "spec: {suspend: false}").await;
    let seen = story.ready(A).await;
    assert_eq!(condition(&seen, "Suspended"), "-");
    let options = json!({"host": "https://three.example.com", "shouldReturnBody": false});
    let patch = ("PATCH /connectors/plant-a".to_owned(), json!({"options": options}));
    assert_eq!(story.sent_since(newest).await, [patch]);
    story.end().await;
}

#[tokio::test]
async fn a_connector_that_is_born_suspended_is_not_created() {
    let mut story = Story::begin("suspend-born").await;
    story.onomondo_account("").await;
    story.apply(&format!("{PLANT_A}  suspend: true\n")).await;
    let seen = story.eventually(A, "suspended", is_suspended).await;
    assert_eq!(seen["status"]["observedGeneration"], -1, "nothing was observed of it");
    story.look_again().await;
    assert_eq!(story.vendor_writes().await, [""; 0]);

    story.edit(A, "spec: {suspend: null}").await;
    story.ready(A).await;
    assert_eq!(story.vendor_writes().await, ["POST /connectors plant-a"]);
    story.end().await;
}

#[tokio::test]
async fn deleting_a_suspended_connector_leaves_it_at_the_vendor() {
    let story = ready("suspend-deleted").await;
    story.edit(A, "spec: {suspend: true}").await;
    story.eventually(A, "suspended", is_suspended).await;
    story.delete(A).await;
    story.gone(A).await;

    let note = story.told(&format!("Normal Orphaned {A}")).await;
    assert_eq!(note, "the object at the vendor was left as it is: spec.suspend is set");
    assert_eq!(story.vendor_writes().await, ["POST /connectors plant-a"]);
    assert!(story.vendor.connector("plant-a").await.is_some());
    story.end().await;
}

#[tokio::test]
async fn a_suspended_account_makes_no_call_and_a_delete_waits_for_it() {
    let story = ready("suspend-account").await;
    let newest = story.vendor.newest().await;

    story.edit(ACCOUNT, "spec: {suspend: true}").await;
    story.eventually(ACCOUNT, "suspended", is_suspended).await;
    assert_eq!(story.condition(ACCOUNT, "Ready").await, "Unknown/Suspended");
    story.becomes(A, "Ready", "Unknown/AccountNotReady").await;
    story.edit(A, "spec: {https: {host: 'https://two.example.com'}}").await;
    story.becomes(A, "Ready", "Unknown/AccountNotReady").await;
    story.delete(A).await;
    story.eventually(A, "held back", |seen| condition(seen, "Reconciling") == "True/AccountSuspended").await;
    assert_eq!(story.condition(A, "Ready").await, "False/DeletionBlocked");
    let message = "plant-a: account suspend-account/default is suspended, so nothing can be deleted; to leave the object at the \
                   vendor: kubectl annotate -n suspend-account --overwrite onomondoconnectors/plant-a connector-operator.io/orphan=true";
    assert_eq!(story.message(A, "Ready").await, message);
    assert_eq!(story.seen_since(newest).await, [""; 0], "no call at all");

    story.edit(ACCOUNT, "spec: {suspend: false}").await;
    story.gone(A).await;
    story.ready(ACCOUNT).await;
    let writes = story.writes_since(newest).await;
    assert_eq!(writes, ["DELETE /connectors/plant-a"]);
    story.end().await;
}
