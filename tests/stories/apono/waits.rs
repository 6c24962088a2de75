//! Nobody but an agent can make a connector: what is declared before waits for it, and says how to install it.

use serde_json::json;

use crate::support::story::Story;

use super::agent::{ACCOUNT, DECLARED, EDGE, ID, LIST, in_sync, with_account};

/// What a person reads and can copy.
fn how_to_install(story: &Story) -> String {
    format!(
        "c-edge: no agent has registered under this id, and only an agent can: install Apono's chart apono-connector with --set-string \
         apono.connectorId=c-edge,apono.url={},apono.token=TOKEN, where TOKEN comes from Apono's page for a new connector",
        story.vendor.host()
    )
}

#[tokio::test]
async fn a_connector_waits_for_its_agent_and_is_ready_when_that_registers() {
    let story = with_account("apono-waits").await;
    story.apply(DECLARED).await;
    story.becomes(EDGE, "Ready", "False/WaitingForAgent").await;
    assert_eq!(story.condition(EDGE, "Reconciling").await, "True/WaitingForAgent");
    assert_eq!(story.condition(EDGE, "Stalled").await, "-");
    assert_eq!(story.condition(EDGE, "Connected").await, "-");
    assert_eq!(story.message(EDGE, "Ready").await, how_to_install(&story));
    assert_eq!(story.told(&format!("Warning WaitingForAgent {EDGE}")).await, how_to_install(&story));
    story.cost(&[LIST], &[(ACCOUNT, "status"), (EDGE, "status")]).await;

    story.vendor.apono().register(ID, "Edge").await;
    story.look_again().await;
    story.ready(EDGE).await;
    assert_eq!(story.condition(EDGE, "Connected").await, "True/Connected");
    story.cost(&[], &[(EDGE, "status ×2")]).await;
    story.end().await;
}

#[tokio::test]
async fn an_agent_that_takes_too_long_is_waited_for_all_the_same() {
    let mut story = with_account("apono-waits-long").await;
    story.apply(&format!("{DECLARED}  registrationDeadline: 10s\n")).await;
    story.becomes(EDGE, "Reconciling", "True/WaitingForAgent").await;
    story.becomes(EDGE, "Stalled", "True/WaitingForAgent").await;
    assert_eq!(story.condition(EDGE, "Ready").await, "False/WaitingForAgent");
    assert_eq!(story.condition(EDGE, "Reconciling").await, "-");
    assert_eq!(story.message(EDGE, "Stalled").await, how_to_install(&story));

    // It is not waited for anew because the operator begins anew.
    story.operator().terminate().await;
    story.operator().restart().await;
    story.look_again().await;
    assert_eq!(story.condition(EDGE, "Stalled").await, "True/WaitingForAgent");

    story.vendor.apono().register(ID, "Edge").await;
    story.look_again().await;
    story.ready(EDGE).await;
    story.cost(&[], &[(EDGE, "status ×3")]).await;
    story.end().await;
}

#[tokio::test]
async fn a_connector_that_somebody_deleted_is_waited_for_again() {
    let story = in_sync("apono-waits-again", DECLARED).await;
    story.vendor.apono().remove(ID).await;
    story.look_again().await;
    let edge = story.becomes(EDGE, "Ready", "False/WaitingForAgent").await;
    assert_eq!(edge["status"]["remote"], json!(null));
    assert_eq!(story.condition(EDGE, "Connected").await, "-");

    // Its agent still runs.
    story.vendor.apono().heartbeat(ID).await;
    story.look_again().await;
    story.ready(EDGE).await;
    // It was in sync, one list lacked it, a later one confirmed that, so it was waited for, and it came.
    story.cost(&[], &[(EDGE, "status ×4")]).await;
    story.end().await;
}

#[tokio::test]
async fn plan_and_observe_say_what_is_missing_and_wait_for_nobody() {
    let story = with_account("apono-waits-modes").await;
    story.apply(&format!("{DECLARED}  managementPolicy: Plan\n")).await;
    story.becomes(EDGE, "Ready", "False/WaitingForAgent").await;
    assert_eq!(story.message(EDGE, "Ready").await, how_to_install(&story));
    assert_eq!(story.condition(EDGE, "Reconciling").await, "-");

    story.edit(EDGE, "spec: {managementPolicy: Observe}").await;
    story.becomes(EDGE, "Ready", "False/RemoteNotFound").await;
    assert_eq!(story.message(EDGE, "Ready").await, "c-edge does not exist at the vendor");
    story.cost(&[], &[(EDGE, "status ×2")]).await;
    story.end().await;
}
