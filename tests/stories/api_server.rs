//! The API server is killed, forgets what it was asked about, is slow, and loses answers: nothing is made twice, nothing is forgotten.

use std::time::Duration;

use serde_json::{Value, json};

use crate::plant::{ACCOUNT, DELETE, HTTPS, PATCH, PLANT_A, POST};
use crate::support::api_proxy::ApiProxy;
use crate::support::control_plane::ControlPlane;
use crate::support::opening::Opening;
use crate::support::story::{DEADLINE, Story};
use crate::support::wait;

const PLANT_B: &str = "OnomondoConnector/plant-b";
const PLANT_C: &str = "OnomondoConnector/plant-c";
const POST_B: &str = "POST /connectors plant-b";
const POST_C: &str = "POST /connectors plant-c";

/// An operator that need not fear for its lease while the API server is away.
fn patient(name: &str) -> Opening {
    let opening = Story::named(name).value("leaderElection.leaseDuration", "5m");
    opening.value("leaderElection.renewDeadline", "4m")
}

async fn with_account(opening: Opening) -> Story {
    let mut story = opening.begin().await;
    story.onomondo_account("").await;
    story.ready(ACCOUNT).await;
    story
}

#[tokio::test]
async fn it_is_killed_in_the_middle_of_a_create_and_starts_again() {
    let plane = ControlPlane::own("killed").await;
    let mut story = with_account(patient("api-server-killed").on(plane)).await;
    story.apply(HTTPS).await;
    story.ready(PLANT_A).await;

    let once = json!({"method": "POST", "times": 1});
    story.vendor.fault(once, json!({"kind": "delay", "milliseconds": 1000, "after_applying": true})).await;
    story.apply(&HTTPS.replace("plant-a", "plant-b")).await;
    story.vendor.wait_for("POST", 2, DEADLINE).await;
    plane.kill_api_server().await;
    // The vendor answers when nobody can write it down.
    wait::until("the vendor has answered", DEADLINE, || async {
        let sent = story.vendor_writes().await;
        if sent == [POST, POST_B] { Ok(()) } else { Err(sent.join(", ")) }
    })
    .await;
    plane.start_api_server().await;
    story.ready(PLANT_B).await;
    story.edit(PLANT_A, "spec: {https: {shouldReturnBody: true}}").await;
    story.ready(PLANT_A).await;

    assert_eq!(story.vendor_writes().await, [POST, POST_B, PATCH]);
    // One that has just started refuses for a moment what it is asked for (503), and knows nobody's rights yet (403).
    story.expect_refusals();
    let mut writes = story.kubernetes_writes().await;
    writes.retain(|write| write.contains("/plant-b") && !write.contains(" -> "));
    assert_eq!(writes, ["patch onomondoconnectors/plant-b", "apply onomondoconnectors/plant-b/status"]);
    story.end().await;
}

/// `plant-a` and `plant-b` are there; then the operator hears nothing of the API server, and people go on.
async fn people_go_on_unheard(opening: Opening, proxy: &ApiProxy) -> Story {
    let story = with_account(opening.cluster_at(&proxy.host())).await;
    story.apply(HTTPS).await;
    story.apply(&HTTPS.replace("plant-a", "plant-b")).await;
    story.ready(PLANT_A).await;
    story.ready(PLANT_B).await;
    proxy.goes_down();
    story.edit(PLANT_A, "spec: {https: {shouldReturnBody: true}}").await;
    story.delete(PLANT_B).await;
    story.apply(&HTTPS.replace("plant-a", "plant-c")).await;
    story
}

/// All of it is caught up with, once.
async fn it_catches_up(story: Story) {
    story.ready(PLANT_A).await;
    story.gone(PLANT_B).await;
    story.ready(PLANT_C).await;
    let delete_b = DELETE.replace("plant-a", "plant-b");
    let sent = [POST, POST_B, PATCH, POST_C, &delete_b];
    let writes =
        [(PLANT_A, "patch, status ×2"), (PLANT_B, "patch, status, patch"), (PLANT_C, "patch, status")];
    story.cost_in_any_order(&sent, &writes).await;
    story.end().await;
}

#[tokio::test]
async fn what_happened_while_it_could_not_be_reached_is_caught_up_with() {
    let proxy = ApiProxy::start(ControlPlane::shared().await).await;
    let story = people_go_on_unheard(patient("api-server-away"), &proxy).await;
    proxy.comes_back();
    it_catches_up(story).await;
    assert_eq!(proxy.expired_watches(), 0, "the watches went on where they were");
}

#[tokio::test]
async fn what_happened_is_caught_up_with_also_when_the_history_is_gone() {
    let plane = ControlPlane::own("compacted").await;
    let proxy = ApiProxy::start(plane).await;
    let story = people_go_on_unheard(patient("api-server-compacted").on(plane), &proxy).await;
    plane.kill_api_server().await;
    plane.compact().await;
    plane.start_api_server().await;
    proxy.comes_back();
    it_catches_up(story).await;
    assert!(proxy.expired_watches() > 0, "no watch was told 410");
}

#[tokio::test]
async fn a_slow_one_costs_time_and_nothing_else() {
    let proxy = ApiProxy::start(ControlPlane::shared().await).await;
    let story = with_account(patient("api-server-slow").cluster_at(&proxy.host())).await;
    proxy.is_slow(Duration::from_millis(1500));
    story.apply(HTTPS).await;
    story.ready(PLANT_A).await;
    story.edit(PLANT_A, "spec: {https: {shouldReturnBody: true}}").await;
    story.ready(PLANT_A).await;
    story.delete(PLANT_A).await;
    story.gone(PLANT_A).await;
    story.cost(&[POST, PATCH, DELETE], &[(PLANT_A, "patch, status ×2, patch")]).await;
    proxy.is_slow(Duration::ZERO);
    story.end().await;
}

#[tokio::test]
async fn a_claim_and_a_status_whose_answers_are_lost_are_not_doubted_for_ever() {
    let proxy = ApiProxy::start(ControlPlane::shared().await).await;
    let story = with_account(patient("api-server-lost-answers").cluster_at(&proxy.host())).await;
    let claim = proxy.lose_the_answer("PATCH", "/onomondoconnectors/plant-a");
    story.apply(HTTPS).await;
    let is_claimed =
        |object: &Value| object["metadata"]["annotations"]["connector-operator.io/claim"].is_string();
    story.eventually(PLANT_A, "claimed", is_claimed).await;
    let status = proxy.lose_the_answer("PATCH", "/onomondoconnectors/plant-a/status");
    story.ready(PLANT_A).await;
    assert!(*claim.borrow() && *status.borrow(), "both answers were lost");
    story.edit(PLANT_A, "spec: {https: {shouldReturnBody: true}}").await;
    story.ready(PLANT_A).await;
    // Nobody knows whether something was created under the claim until two lists lack it, and that is said.
    story.cost(&[POST, PATCH], &[(PLANT_A, "patch, status ×3")]).await;
    story.end().await;
}

#[tokio::test]
async fn a_credential_that_cannot_be_read_for_a_moment_is_not_taken_for_gone() {
    let proxy = ApiProxy::start(ControlPlane::shared().await).await;
    let story = with_account(patient("api-server-unread").cluster_at(&proxy.host())).await;
    story.apply(HTTPS).await;
    story.ready(PLANT_A).await;
    story.settled().await;
    // Once when the account is looked at, and once for the list that it asks for: nothing else would make it look again for half an hour.
    proxy.refuse("GET", "/secrets/onomondo", 503);
    proxy.refuse("GET", "/secrets/onomondo", 503);
    story.ask_for_a_list(ACCOUNT).await;
    story.becomes(ACCOUNT, "Ready", "False/SecretNotFound").await;
    let message = "account api-server-unread/default: Secret api-server-unread/onomondo could not be read: ServiceUnavailable";
    assert_eq!(story.message(ACCOUNT, "Ready").await, message);
    story.ready(ACCOUNT).await;
    story.edit(PLANT_A, "spec: {https: {shouldReturnBody: true}}").await;
    story.ready(PLANT_A).await;
    // It goes on with the credential that it has, and its connectors notice nothing.
    story.cost(&[POST, PATCH], &[(PLANT_A, "patch, status ×2")]).await;
    story.end().await;
}

#[tokio::test]
async fn a_credential_that_cannot_be_read_at_the_start_is_waited_for() {
    let proxy = ApiProxy::start(ControlPlane::shared().await).await;
    let opening = patient("api-server-unread-first").value("leaderElection.enabled", false);
    let mut story = with_account(opening.cluster_at(&proxy.host())).await;
    story.apply(HTTPS).await;
    story.ready(PLANT_A).await;
    story.settled().await;
    story.operator().kill().await;
    proxy.refuse("GET", "/secrets/onomondo", 503);
    proxy.refuse("GET", "/secrets/onomondo", 503);
    story.operator().restart().await;
    story.becomes(ACCOUNT, "Ready", "False/SecretNotFound").await;
    story.ready(ACCOUNT).await;
    story.edit(PLANT_A, "spec: {https: {shouldReturnBody: true}}").await;
    story.ready(PLANT_A).await;
    // What was in sync before the start hears nothing of it, and the account wakes it once it is connected.
    story.cost(&[POST, PATCH], &[(PLANT_A, "patch, status ×2")]).await;
    story.end().await;
}
