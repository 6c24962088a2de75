//! The name is the one thing that can be set, and only where it is declared.

use serde_json::{Value, json};

use super::agent::{DECLARED, EDGE, GET, ID, in_sync, registered};

/// [`DECLARED`] with the name `North`.
const NORTH: &str = "
kind: AponoConnector
metadata: {name: edge}
spec:
  connectorId: c-edge
  name: North
";
const PUT: &str = "PUT /connectors/c-edge North";

#[tokio::test]
async fn a_rename_is_one_put() {
    let story = in_sync("apono-rename", DECLARED).await;
    story.edit(EDGE, "spec: {name: Edge of Plant 7}").await;
    let edge = story.ready(EDGE).await;
    assert_eq!(edge["status"]["remote"]["name"], "Edge of Plant 7");
    assert_eq!(story.vendor.apono().name_of(ID).await, "Edge of Plant 7");
    story.the_last_write_is_listed().await;

    let rename = "PUT /connectors/c-edge Edge of Plant 7";
    let sent = story.sent_since(0).await;
    assert_eq!(sent, [(rename.to_owned(), json!({"name": "Edge of Plant 7"}))]);
    let note = story.told(&format!("Normal Updated {EDGE}")).await;
    assert_eq!(note, "c-edge was changed: name: Edge → Edge of Plant 7");
    story.cost(&[GET, rename], &[(EDGE, "status ×2")]).await;
    story.end().await;
}

#[tokio::test]
async fn what_was_renamed_already_is_not_renamed_again() {
    let story = in_sync("apono-rename-raced", DECLARED).await;
    // Somebody does the same at the same time; no list has shown it yet.
    story.vendor.apono().rename(ID, "North").await;
    story.edit(EDGE, "spec: {name: North}").await;
    story.ready(EDGE).await;
    story.cost(&[GET], &[(EDGE, "status ×2")]).await;
    story.end().await;
}

#[tokio::test]
async fn a_name_that_is_not_declared_is_only_shown() {
    let story = in_sync("apono-unnamed", DECLARED).await;
    story.vendor.apono().rename(ID, "theirs").await;
    story.look_again().await;
    assert_eq!(story.get(EDGE).await["status"]["remote"]["name"], "theirs");
    assert_eq!(story.condition(EDGE, "Ready").await, "True/Succeeded");
    story.cost(&[], &[(EDGE, "status ×2")]).await;
    story.end().await;
}

#[tokio::test]
async fn a_rename_in_the_web_app_is_put_right_where_the_name_is_declared() {
    let story = in_sync("apono-name-drift", NORTH).await;
    story.the_last_write_is_listed().await;
    story.vendor.apono().rename(ID, "theirs").await;
    story.look_again().await;
    assert_eq!(story.vendor.apono().name_of(ID).await, "North");
    let note = story.told(&format!("Normal DriftCorrected {EDGE}")).await;
    assert_eq!(note, "c-edge had been changed at the vendor; put right: name: theirs → North");
    story.cost(&[GET, PUT, GET, PUT], &[(EDGE, "status")]).await;

    // What is declared no longer stays as it is.
    story.edit(EDGE, "spec: {name: null}").await;
    story.ready(EDGE).await;
    assert_eq!(story.vendor.apono().name_of(ID).await, "North");
    story.cost(&[GET, PUT, GET, PUT], &[(EDGE, "status ×2")]).await;
    story.end().await;
}

#[tokio::test]
async fn plan_shows_the_rename_and_manage_does_it() {
    let story = registered("apono-plan").await;
    story.apply(&format!("{NORTH}  managementPolicy: Plan\n")).await;
    let edge = story.becomes(EDGE, "Ready", "False/ChangesPlanned").await;
    assert_eq!(story.message(EDGE, "Ready").await, "Manage would change c-edge: name: Edge → North");
    assert_eq!(edge["status"]["plannedChanges"], json!([{"field": "name", "from": "Edge", "to": "North"}]));
    assert_eq!(story.condition(EDGE, "Connected").await, "True/Connected");
    story.cost(&[], &[(EDGE, "status")]).await;

    story.edit(EDGE, "spec: {managementPolicy: Manage}").await;
    story.ready(EDGE).await;
    story.cost(&[GET, PUT], &[(EDGE, "status ×2")]).await;
    story.end().await;
}

#[tokio::test]
async fn observe_shows_what_differs_and_how_the_agent_is() {
    let story = registered("apono-observe").await;
    story.apply(&format!("{NORTH}  managementPolicy: Observe\n")).await;
    story.becomes(EDGE, "Ready", "True/Observed").await;
    assert_eq!(story.message(EDGE, "Ready").await, "c-edge exists and differs: name: Edge → North");
    story.vendor.apono().disconnect(ID).await;
    story.look_again().await;
    story.becomes(EDGE, "Connected", "False/Disconnected").await;
    story.told(&format!("Warning Disconnected {EDGE}")).await;
    story.cost(&[], &[(EDGE, "status ×2")]).await;
    story.end().await;
}

#[tokio::test]
async fn a_name_with_hyphens_may_be_refused_and_the_message_says_so() {
    let story = registered("apono-hyphens").await;
    story.vendor.switch("apono.name-characters", "alphanumeric").await;
    story.apply(&NORTH.replace("name: North", "name: edge-7")).await;
    story.becomes(EDGE, "Stalled", "True/InvalidSpec").await;
    let message = "edge: update failed: the vendor answered 400 Bad Request (BadRequest; Apono may allow only letters and digits in a \
                   name); correct the spec";
    assert_eq!(story.message(EDGE, "Ready").await, message);
    let refused = [GET, "PUT /connectors/c-edge edge-7 -> 400"];
    story.cost(&refused, &[(EDGE, "status")]).await;

    story.edit(EDGE, "spec: {name: edge7}").await;
    story.ready(EDGE).await;
    let asked = [&refused[..], &[GET, "PUT /connectors/c-edge edge7"]].concat();
    story.cost(&asked, &[(EDGE, "status ×2")]).await;
    story.end().await;
}

#[tokio::test]
async fn a_name_that_a_stranger_has_is_a_conflict_before_any_call() {
    let story = registered("apono-clash").await;
    story.vendor.apono().register("c-north", "North").await;
    story.look_again().await;
    story.apply(NORTH).await;
    story.becomes(EDGE, "Stalled", "True/Conflict").await;
    let message = story.message(EDGE, "Ready").await;
    let who = "edge: name North belongs to c-north at the vendor, which nothing here manages; ";
    assert!(message.starts_with(who), "{message}");
    story.cost(&[], &[(EDGE, "status")]).await;

    story.vendor.apono().rename("c-north", "South").await;
    story.look_again().await;
    story.ready(EDGE).await;
    story.cost(&[GET, PUT], &[(EDGE, "status ×2")]).await;
    story.end().await;
}

#[tokio::test]
async fn a_name_that_only_the_vendor_knows_to_be_taken_is_a_conflict_too() {
    let story = in_sync("apono-clash-unseen", DECLARED).await;
    let once = json!({"method": "PUT", "times": 1});
    story.vendor.fault(once, json!({"kind": "refused", "code": 409})).await;
    story.edit(EDGE, "spec: {name: North}").await;
    let edge = story.becomes(EDGE, "Stalled", "True/Conflict").await;
    let message = "edge: update failed: the vendor answered 409 Conflict (Conflict); correct the spec";
    assert_eq!(story.message(EDGE, "Ready").await, message);
    assert_eq!(edge["status"]["remote"]["name"], "Edge", "it is still what it was");
    assert_eq!(story.condition(EDGE, "Connected").await, "True/Connected");

    story.annotate(EDGE, "connector-operator.io/reconcile-at", "now").await;
    let named = |edge: &Value| edge["status"]["remote"]["name"] == "North";
    story.eventually(EDGE, "renamed", named).await;
    story.cost(&[GET, &format!("{PUT} -> 409"), GET, PUT], &[(EDGE, "status ×3")]).await;
    story.end().await;
}
