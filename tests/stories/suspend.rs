//! `spec.suspend` stops everything about one connector; the account's stops every call.

use serde_json::{Value, json};

use crate::plant::{ACCOUNT, DELETE, HTTPS, PATCH, PLANT_A, POST, in_sync, with_account};
use crate::support::objects::condition;

fn is_suspended(seen: &Value) -> bool {
    condition(seen, "Suspended") == "True/Suspended"
}

#[tokio::test]
async fn a_suspended_connector_is_not_looked_at_until_it_is_resumed() {
    let story = in_sync("suspend", HTTPS).await;
    let before = story.get(PLANT_A).await;
    let newest = story.vendor.newest().await;

    story.edit(PLANT_A, "spec: {suspend: true, https: {host: 'https://two.example.com'}}").await;
    let seen = story.eventually(PLANT_A, "suspended", is_suspended).await;
    assert_eq!(condition(&seen, "Ready"), "True/Succeeded", "it stays as it was");
    let (was, is) = (&before["status"]["observedGeneration"], &seen["status"]["observedGeneration"]);
    assert_eq!(was, is, "so the edit reads as in progress");

    story
        .vendor
        .change_connector("plant-a", &json!({"options": {"host": "https://drift.example.com"}}))
        .await;
    story.edit(PLANT_A, "spec: {https: {host: 'https://three.example.com'}}").await;
    story.look_again().await;
    // It says once that it is suspended.
    story.cost(&[POST], &[(PLANT_A, "patch, status ×2")]).await;

    story.edit(PLANT_A, "spec: {suspend: false}").await;
    let seen = story.ready(PLANT_A).await;
    assert_eq!(condition(&seen, "Suspended"), "-");
    let options = json!({"host": "https://three.example.com", "shouldReturnBody": false});
    let patch = (PATCH.to_owned(), json!({"options": options}));
    assert_eq!(story.sent_since(newest).await, [patch]);
    story.cost(&[POST, PATCH], &[(PLANT_A, "patch, status ×3")]).await;
    story.end().await;
}

#[tokio::test]
async fn a_connector_that_is_born_suspended_is_not_created() {
    let story = with_account("suspend-born").await;
    story.apply(&format!("{HTTPS}  suspend: true\n")).await;
    let seen = story.eventually(PLANT_A, "suspended", is_suspended).await;
    assert_eq!(seen["status"]["observedGeneration"], -1, "nothing was observed of it");
    story.look_again().await;
    story.cost(&[], &[(PLANT_A, "status")]).await;

    story.edit(PLANT_A, "spec: {suspend: null}").await;
    story.ready(PLANT_A).await;
    story.cost(&[POST], &[(PLANT_A, "status, patch, status")]).await;
    story.end().await;
}

#[tokio::test]
async fn deleting_a_suspended_connector_leaves_it_at_the_vendor() {
    let story = in_sync("suspend-deleted", HTTPS).await;
    story.edit(PLANT_A, "spec: {suspend: true}").await;
    story.eventually(PLANT_A, "suspended", is_suspended).await;
    story.delete(PLANT_A).await;
    story.gone(PLANT_A).await;

    let note = story.told(&format!("Normal Orphaned {PLANT_A}")).await;
    assert_eq!(note, "the object at the vendor was left as it is: spec.suspend is set");
    assert!(story.vendor.connector("plant-a").await.is_some());
    story.cost(&[POST], &[(PLANT_A, "patch, status ×2, patch")]).await;
    story.end().await;
}

#[tokio::test]
async fn a_suspended_account_makes_no_call_and_a_delete_waits_for_it() {
    let story = in_sync("suspend-account", HTTPS).await;
    let newest = story.vendor.newest().await;

    story.edit(ACCOUNT, "spec: {suspend: true}").await;
    story.eventually(ACCOUNT, "suspended", is_suspended).await;
    assert_eq!(story.condition(ACCOUNT, "Ready").await, "Unknown/Suspended");
    story.becomes(PLANT_A, "Ready", "Unknown/AccountNotReady").await;
    story.edit(PLANT_A, "spec: {https: {host: 'https://two.example.com'}}").await;
    story.becomes(PLANT_A, "Ready", "Unknown/AccountNotReady").await;
    story.delete(PLANT_A).await;
    story
        .eventually(PLANT_A, "held back", |seen| condition(seen, "Reconciling") == "True/AccountSuspended")
        .await;
    assert_eq!(story.condition(PLANT_A, "Ready").await, "False/DeletionBlocked");
    let message = "plant-a: account suspend-account/default is suspended, so nothing can be deleted; to leave the object at the \
                   vendor: kubectl annotate -n suspend-account --overwrite onomondoconnectors/plant-a connector-operator.io/orphan=true";
    assert_eq!(story.message(PLANT_A, "Ready").await, message);
    assert_eq!(story.seen_since(newest).await, [""; 0], "no call at all");

    story.edit(ACCOUNT, "spec: {suspend: false}").await;
    story.gone(PLANT_A).await;
    story.ready(ACCOUNT).await;
    story.cost(&[POST, DELETE], &[(PLANT_A, "patch, status ×4, patch")]).await;
    story.end().await;
}
