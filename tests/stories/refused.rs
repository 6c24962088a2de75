//! The vendor says no. Once is enough: nothing is sent again until something has changed.

use serde_json::{Value, json};

use crate::support::objects::condition;
use crate::support::story::{DEADLINE, Story};

const OBJECT: &str = "OnomondoConnector/plant-a";

const PLANT_A: &str = "
kind: OnomondoConnector
metadata: {name: plant-a}
spec:
  type: https
  https: {host: 'https://ingest.example.com/v1', shouldReturnBody: true}
";

/// The claim with the finalizer before the POST, and both gone again once it was refused for certain.
const CLAIMED: &str = "patch onomondoconnectors/plant-a";
const WITHDRAWN: &str = "patch onomondoconnectors/plant-a";

async fn begin(name: &str) -> Story {
    let mut story = Story::named(name).value("leaderElection.enabled", false).begin().await;
    story.onomondo_account("").await;
    story.ready("OnomondoAccount/default").await;
    story
}

async fn refuses(story: &Story, method: &str, code: u16, error: &str) {
    let answer = json!({"kind": "status", "code": code, "body": {"error": error}});
    story.vendor.fault(json!({"method": method}), answer).await;
}

/// Makes the operator look at the connector once more, and waits until it has.
async fn looked_at_again(story: &Story, mark: &str) -> Value {
    story.annotate(OBJECT, "connector-operator.io/reconcile-at", mark).await;
    let is_handled = |object: &Value| object["status"]["lastHandledReconcileAt"] == mark;
    story.eventually(OBJECT, "looked at again", is_handled).await
}

#[tokio::test]
async fn a_key_that_may_not_write_stalls_the_connector() {
    let story = begin("refused-forbidden").await;
    refuses(&story, "POST", 403, "forbidden").await;
    story.apply(PLANT_A).await;

    let refused = story.becomes(OBJECT, "Ready", "False/Forbidden").await;
    assert_eq!(condition(&refused, "Stalled"), "True/Forbidden");
    assert_eq!(condition(&refused, "Reconciling"), "-");
    let message = "plant-a: create failed: the vendor answered 403 Forbidden (forbidden); give the account's credential the permission";
    assert_eq!(story.message(OBJECT, "Ready").await, message);
    assert_eq!(story.condition("OnomondoAccount/default", "Ready").await, "True/Succeeded");
    assert_eq!(story.vendor_writes().await, ["POST /connectors plant-a -> 403"]);
    let writes = [CLAIMED, WITHDRAWN, "apply onomondoconnectors/plant-a/status"];
    assert_eq!(story.kubernetes_writes_to("onomondoconnectors/plant-a").await, writes);
    assert_eq!(refused["metadata"]["finalizers"], Value::Null, "there is nothing to clean up");

    story.vendor.heal().await;
    looked_at_again(&story, "now with the permission").await;
    story.ready(OBJECT).await;
    assert_eq!(story.vendor_writes().await, ["POST /connectors plant-a -> 403", "POST /connectors plant-a"]);
    story.end().await;
}

#[tokio::test]
async fn a_create_that_the_vendor_finds_invalid_is_believed_after_a_fresh_list() {
    for (name, code, reason) in
        [("refused-invalid-400", 400, "Bad Request"), ("refused-invalid-422", 422, "Unprocessable Entity")]
    {
        let story = begin(name).await;
        refuses(&story, "POST", code, "invalid_host").await;
        story.apply(PLANT_A).await;

        let refused = story.becomes(OBJECT, "Ready", "False/InvalidSpec").await;
        assert_eq!(condition(&refused, "Stalled"), "True/InvalidSpec");
        let message = format!(
            "plant-a: create failed: the vendor answered {code} {reason} (invalid_host); correct the spec"
        );
        assert_eq!(story.message(OBJECT, "Ready").await, message);
        let refusal = format!("POST /connectors plant-a -> {code}");
        let asked = ["GET /connectors", refusal.as_str(), "GET /connectors"];
        assert_eq!(story.vendor_requests().await, asked, "a fresh list, and no second POST");
        let writes = [CLAIMED, WITHDRAWN, "apply onomondoconnectors/plant-a/status"];
        assert_eq!(story.kubernetes_writes_to("onomondoconnectors/plant-a").await, writes);

        story.vendor.heal().await;
        story.edit(OBJECT, "spec: {https: {host: 'https://ingest.example.com/v2'}}").await;
        story.ready(OBJECT).await;
        assert_eq!(story.vendor_writes().await, [refusal.as_str(), "POST /connectors plant-a"]);
        story.end().await;
    }
}

#[tokio::test]
async fn a_name_that_a_stranger_took_meanwhile_is_a_conflict_and_stays_one() {
    let mut story = begin("refused-taken").await;
    let strangers = json!({"type": "https", "options": {"host": "https://elsewhere.example.com", "shouldReturnBody": true}});
    story.vendor.put_connector("plant-a", &strangers).await;
    let before = story.vendor.connector("plant-a").await;
    story.apply(PLANT_A).await;

    let conflict = story.becomes(OBJECT, "Ready", "False/Conflict").await;
    assert_eq!(condition(&conflict, "Stalled"), "True/Conflict");
    let message = "plant-a: plant-a already exists at the vendor and it differs (options.host: https://elsewhere.example.com → \
                   https://ingest.example.com/v1); set adoptionPolicy: Always to take it over and change it, or choose another name";
    assert_eq!(story.message(OBJECT, "Ready").await, message);
    assert_eq!(conflict["status"]["scope"], Value::Null, "it is shown, not ours");
    let asked = ["GET /connectors", "POST /connectors plant-a -> 409", "GET /connectors"];
    assert_eq!(story.vendor_requests().await, asked);

    // What was refused is no claim: another process must not take the stranger's object for ours.
    story.operator().kill().await;
    story.operator().restart().await;
    story.vendor.wait_for("GET", 3, DEADLINE).await;
    let after = looked_at_again(&story, "after a restart").await;
    assert_eq!(condition(&after, "Ready"), "False/Conflict");
    let status = "apply onomondoconnectors/plant-a/status";
    let writes = [CLAIMED, WITHDRAWN, status, status];
    assert_eq!(story.kubernetes_writes_to("onomondoconnectors/plant-a").await, writes);
    assert_eq!(story.vendor_writes().await, ["POST /connectors plant-a -> 409"]);

    story.delete(OBJECT).await;
    story.gone(OBJECT).await;
    assert_eq!(story.vendor_writes().await, ["POST /connectors plant-a -> 409"]);
    assert_eq!(story.vendor.connector("plant-a").await, before);
    story.end().await;
}

#[tokio::test]
async fn a_name_under_which_a_stranger_made_just_what_is_declared_is_adopted() {
    let story = begin("refused-identical").await;
    let identical = json!({"type": "https", "options": {"host": "https://ingest.example.com/v1", "shouldReturnBody": true}});
    story.vendor.put_connector("plant-a", &identical).await;
    story.apply(PLANT_A).await;
    story.ready(OBJECT).await;

    let note = story.told("Normal Adopted OnomondoConnector/plant-a").await;
    assert_eq!(note, "plant-a was there and is as declared; it is managed from now on");
    let asked = ["GET /connectors", "POST /connectors plant-a -> 409", "GET /connectors"];
    assert_eq!(story.vendor_requests().await, asked);
    story.end().await;
}

#[tokio::test]
async fn a_change_that_the_vendor_finds_invalid_stalls_and_is_not_repeated() {
    let story = begin("refused-change").await;
    story.apply(PLANT_A).await;
    story.ready(OBJECT).await;
    refuses(&story, "PATCH", 400, "invalid_host").await;
    story.edit(OBJECT, "spec: {https: {host: 'https://ingest.example.com/v2'}}").await;

    let refused = story.becomes(OBJECT, "Ready", "False/InvalidSpec").await;
    assert_eq!(condition(&refused, "Stalled"), "True/InvalidSpec");
    let message =
        "plant-a: update failed: the vendor answered 400 Bad Request (invalid_host); correct the spec";
    assert_eq!(story.message(OBJECT, "Ready").await, message);
    let writes = ["POST /connectors plant-a", "PATCH /connectors/plant-a -> 400"];
    // The list after the POST comes in the meantime.
    story.vendor.wait_for("GET", 2, DEADLINE).await;
    assert_eq!(story.vendor_writes().await, writes);

    story.edit(OBJECT, "spec: {https: {host: 'https://ingest.example.com/v1'}}").await;
    story.ready(OBJECT).await;
    assert_eq!(story.vendor_writes().await, writes, "it is as it was: nothing to send");
    story.end().await;
}
