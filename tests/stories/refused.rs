//! The vendor says no. Once is enough: nothing is sent again until something has changed.

use serde_json::{Value, json};

use crate::plant::{ACCOUNT, HTTPS, LIST, NEVER_ADOPTED, PATCH, PLANT_A, POST, TLS, there, with_account};
use crate::support::objects::condition;
use crate::support::story::{DEADLINE, Story};
use crate::support::wait::until;

/// The claim with the finalizer before the POST, both gone again once it was refused for certain, and what is said of it.
const REFUSED: &str = "patch ×2, status";
/// The same, and then the connector is created.
const REFUSED_AND_CREATED: &str = "patch ×2, status, patch, status";

async fn refuses(story: &Story, method: &str, code: u16, error: &str) {
    let answer = json!({"kind": "status", "code": code, "body": {"error": error}});
    story.vendor.fault(json!({"method": method}), answer).await;
}

/// Makes the operator look at the connector once more, and waits until it has.
async fn looked_at_again(story: &Story, mark: &str) -> Value {
    story.annotate(PLANT_A, "connector-operator.io/reconcile-at", mark).await;
    let is_handled = |object: &Value| object["status"]["lastHandledReconcileAt"] == mark;
    story.eventually(PLANT_A, "looked at again", is_handled).await
}

#[tokio::test]
async fn a_key_that_may_not_write_stalls_the_connector() {
    let story = with_account("refused-forbidden").await;
    refuses(&story, "POST", 403, "forbidden").await;
    story.apply(HTTPS).await;

    let refused = story.becomes(PLANT_A, "Ready", "False/Forbidden").await;
    assert_eq!(condition(&refused, "Stalled"), "True/Forbidden");
    assert_eq!(condition(&refused, "Reconciling"), "-");
    let message = "plant-a: create failed: the vendor answered 403 Forbidden (forbidden); give the account's credential the permission";
    assert_eq!(story.message(PLANT_A, "Ready").await, message);
    assert_eq!(story.condition(ACCOUNT, "Ready").await, "True/Succeeded");
    story.cost(&["POST /connectors plant-a -> 403"], &[(PLANT_A, REFUSED)]).await;
    assert_eq!(refused["metadata"]["finalizers"], Value::Null, "there is nothing to clean up");

    story.vendor.heal().await;
    looked_at_again(&story, "now with the permission").await;
    story.ready(PLANT_A).await;
    story.cost(&["POST /connectors plant-a -> 403", POST], &[(PLANT_A, REFUSED_AND_CREATED)]).await;
    story.end().await;
}

#[tokio::test]
async fn a_claim_goes_when_the_last_create_under_it_was_refused_whatever_was_doubted_before() {
    let story = with_account("refused-after-doubt").await;
    story.vendor.fault(json!({"method": "POST", "times": 1}), json!({"kind": "cut_before"})).await;
    let invalid = json!({"kind": "status", "code": 422, "body": {"error": "invalid_host"}});
    story.vendor.fault(json!({"method": "POST", "nth": 2}), invalid).await;
    story.apply(NEVER_ADOPTED).await;
    let refused = story.becomes(PLANT_A, "Stalled", "True/InvalidSpec").await;
    assert_eq!(refused["metadata"]["annotations"]["connector-operator.io/claim"], Value::Null);

    story.vendor.heal().await;
    let theirs = json!({"type": "https", "options": {"host": "https://theirs.example.com/v1"}});
    story.vendor.put_connector("plant-a", &theirs).await;
    story.look_again().await;
    story.becomes(PLANT_A, "Stalled", "True/Conflict").await;
    story.delete(PLANT_A).await;
    story.gone(PLANT_A).await;
    assert!(story.vendor.connector("plant-a").await.is_some(), "what somebody made by hand is theirs");
    story.end().await;
}

#[tokio::test]
async fn a_create_that_the_vendor_finds_invalid_is_believed_after_a_fresh_list() {
    for (name, code, reason) in
        [("refused-invalid-400", 400, "Bad Request"), ("refused-invalid-422", 422, "Unprocessable Entity")]
    {
        let story = with_account(name).await;
        refuses(&story, "POST", code, "invalid_host").await;
        story.apply(HTTPS).await;

        let refused = story.becomes(PLANT_A, "Ready", "False/InvalidSpec").await;
        assert_eq!(condition(&refused, "Stalled"), "True/InvalidSpec");
        let message = format!(
            "plant-a: create failed: the vendor answered {code} {reason} (invalid_host); correct the spec"
        );
        assert_eq!(story.message(PLANT_A, "Ready").await, message);
        let refusal = format!("POST /connectors plant-a -> {code}");
        // A fresh list, and no second POST.
        story.cost(&[LIST, &refusal, LIST], &[(PLANT_A, REFUSED)]).await;

        story.vendor.heal().await;
        story.edit(PLANT_A, "spec: {https: {host: 'https://ingest.example.com/v2'}}").await;
        story.ready(PLANT_A).await;
        story.cost(&[&refusal, POST], &[(PLANT_A, REFUSED_AND_CREATED)]).await;
        story.end().await;
    }
}

#[tokio::test]
async fn a_create_that_was_refused_is_not_repeated_because_its_secret_was_touched() {
    let mut story = with_account("refused-touched").await;
    story.tls_secret("client").await;
    refuses(&story, "POST", 422, "invalid_host").await;
    story.apply(TLS).await;
    story.becomes(PLANT_A, "Ready", "False/InvalidSpec").await;

    let before = story.reconciles().await;
    story.annotate("Secret/client", "cert-manager.io/revision", "2").await;
    until("a look at the touched Secret", DEADLINE, async || {
        let now = story.reconciles().await;
        if now > before { Ok(()) } else { Err(format!("{now} passes")) }
    })
    .await;

    story.vendor.heal().await;
    story.edit(PLANT_A, "spec: {tls: {host: ingest.example.com}}").await;
    story.ready(PLANT_A).await;
    story.cost(&["POST /connectors plant-a -> 422", POST], &[(PLANT_A, REFUSED_AND_CREATED)]).await;
    story.end().await;
}

#[tokio::test]
async fn a_name_that_a_stranger_took_meanwhile_is_a_conflict_and_stays_one() {
    // A replica that is killed and started again need not wait for its own lease.
    let mut story = Story::named("refused-taken").value("leaderElection.enabled", false).begin().await;
    story.onomondo_account("").await;
    story.ready(ACCOUNT).await;
    let strangers = there("https://elsewhere.example.com");
    story.vendor.put_connector("plant-a", &strangers).await;
    let before = story.vendor.connector("plant-a").await;
    story.apply(HTTPS).await;

    let conflict = story.becomes(PLANT_A, "Ready", "False/Conflict").await;
    assert_eq!(condition(&conflict, "Stalled"), "True/Conflict");
    let message = "plant-a: plant-a already exists at the vendor and it differs (options.host: https://elsewhere.example.com → \
                   https://ingest.example.com/v1); set adoptionPolicy: Always to take it over and change it, or choose another name";
    assert_eq!(story.message(PLANT_A, "Ready").await, message);
    assert_eq!(conflict["status"]["scope"], Value::Null, "it is shown, not ours");
    story.cost(&[LIST, "POST /connectors plant-a -> 409", LIST], &[(PLANT_A, REFUSED)]).await;

    // What was refused is no claim: another process must not take the stranger's object for ours.
    story.operator().kill().await;
    story.operator().restart().await;
    story.vendor.wait_for("GET", 3, DEADLINE).await;
    let after = looked_at_again(&story, "after a restart").await;
    assert_eq!(condition(&after, "Ready"), "False/Conflict");

    story.delete(PLANT_A).await;
    story.gone(PLANT_A).await;
    story.cost(&["POST /connectors plant-a -> 409"], &[(PLANT_A, "patch ×2, status ×2")]).await;
    assert_eq!(story.vendor.connector("plant-a").await, before);
    story.end().await;
}

#[tokio::test]
async fn a_name_under_which_a_stranger_made_just_what_is_declared_is_adopted() {
    let story = with_account("refused-identical").await;
    let identical = there("https://ingest.example.com/v1");
    story.vendor.put_connector("plant-a", &identical).await;
    story.apply(HTTPS).await;
    story.ready(PLANT_A).await;

    let note = story.told("Normal Adopted OnomondoConnector/plant-a").await;
    assert_eq!(note, "plant-a was there and is as declared; it is managed from now on");
    story.cost(&[LIST, "POST /connectors plant-a -> 409", LIST], &[(PLANT_A, "patch ×3, status")]).await;
    story.end().await;
}

#[tokio::test]
async fn a_change_that_the_vendor_finds_invalid_stalls_and_is_not_repeated() {
    let story = with_account("refused-change").await;
    story.apply(HTTPS).await;
    story.ready(PLANT_A).await;
    refuses(&story, "PATCH", 400, "invalid_host").await;
    story.edit(PLANT_A, "spec: {https: {host: 'https://ingest.example.com/v2'}}").await;

    let refused = story.becomes(PLANT_A, "Ready", "False/InvalidSpec").await;
    assert_eq!(condition(&refused, "Stalled"), "True/InvalidSpec");
    let message =
        "plant-a: update failed: the vendor answered 400 Bad Request (invalid_host); correct the spec";
    assert_eq!(story.message(PLANT_A, "Ready").await, message);
    let sent = [POST, &format!("{PATCH} -> 400")];
    // The list after the POST comes in the meantime.
    story.vendor.wait_for("GET", 2, DEADLINE).await;
    story.cost(&sent, &[(PLANT_A, "patch, status ×2")]).await;

    story.edit(PLANT_A, "spec: {https: {host: 'https://ingest.example.com/v1'}}").await;
    story.ready(PLANT_A).await;
    // It is as it was: nothing to send.
    story.cost(&sent, &[(PLANT_A, "patch, status ×3")]).await;
    story.end().await;
}
