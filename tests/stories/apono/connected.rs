//! Whether the agent is connected is health: it is shown, told once when it changes, and repaired by nobody.

use serde_json::{Value, json};

use crate::support::story::Story;

use super::agent::{ACCOUNT, DECLARED, EDGE, ID, in_sync};

/// The condition `Ready` with its times.
async fn ready(story: &Story) -> Value {
    let edge = story.get(EDGE).await;
    let conditions = edge["status"]["conditions"].as_array().expect("conditions");
    conditions.iter().find(|condition| condition["type"] == "Ready").expect("Ready").clone()
}

#[tokio::test]
async fn a_disconnected_agent_shows_beside_ready() {
    let story = in_sync("apono-connected", DECLARED).await;
    let before = ready(&story).await;

    story.vendor.apono().disconnect(ID).await;
    story.look_again().await;
    story.becomes(EDGE, "Connected", "False/Disconnected").await;
    let advice = "the agent is not connected to Apono: see that it runs and reaches Apono";
    assert_eq!(story.message(EDGE, "Connected").await, advice);
    assert_eq!(story.get(EDGE).await["status"]["remote"]["status"], "DISCONNECTED");
    assert_eq!(story.told(&format!("Warning Disconnected {EDGE}")).await, format!("edge: {advice}"));

    story.vendor.apono().connect(ID).await;
    story.look_again().await;
    story.becomes(EDGE, "Connected", "True/Connected").await;
    let note = story.told(&format!("Normal Connected {EDGE}")).await;
    assert_eq!(note, "edge: the agent is connected to Apono");

    assert_eq!(ready(&story).await, before, "Ready does not flap");
    story.cost(&[], &[(EDGE, "status ×3")]).await;
    story.end().await;
}

#[tokio::test]
async fn heartbeats_wake_nobody_and_are_written_only_with_something_else() {
    let mut story = Story::begin("apono-heartbeats").await;
    story.vendor.apono().register(ID, "Edge").await;
    story.apono_account("resyncInterval: 10s").await;
    story.ready(ACCOUNT).await;
    story.apply(DECLARED).await;
    let before = story.ready(EDGE).await["status"]["remote"].clone();
    story.lists_come(1).await;

    let (reconciles, writes) = (story.reconciles().await, story.kubernetes_writes().await);
    for _ in 0..2 {
        story.vendor.apono().heartbeat(ID).await;
        story.lists_come(1).await;
    }
    assert_eq!(story.reconciles().await, reconciles, "a heartbeat woke somebody");
    assert_eq!(story.kubernetes_writes().await, writes);
    let told = story.vendor.apono().connector(ID).await.expect("it is there");
    assert_ne!(told["last_connected"], before["lastConnected"], "it did beat");

    story.vendor.apono().rename(ID, "theirs").await;
    story.lists_come(1).await;
    let renamed = |edge: &Value| edge["status"]["remote"]["name"] == "theirs";
    let after = story.eventually(EDGE, "shown by its new name", renamed).await["status"]["remote"].clone();
    assert_eq!(after["lastConnected"], told["last_connected"]);
    assert_eq!(after["sessions"][0]["lastConnectedTime"], told["sessions"][0]["last_connected_time"]);
    story.cost(&[], &[(EDGE, "status ×2")]).await;
    story.end().await;
}

#[tokio::test]
async fn words_that_no_document_has_are_shown_as_they_are() {
    let story = in_sync("apono-words", DECLARED).await;
    story.vendor.switch("apono.status-words", "lower").await;
    story.look_again().await;
    assert_eq!(story.get(EDGE).await["status"]["remote"]["status"], "connected");
    assert_eq!(story.condition(EDGE, "Connected").await, "True/Connected");

    story.vendor.switches_back().await;
    story.vendor.apono().change(ID, &json!({"status": "UPGRADING"})).await;
    story.look_again().await;
    story.becomes(EDGE, "Connected", "Unknown/OtherStatus").await;
    assert_eq!(story.message(EDGE, "Connected").await, "Apono says that the agent is UPGRADING");
    assert_eq!(story.condition(EDGE, "Ready").await, "True/Succeeded");
    story.cost(&[], &[(EDGE, "status ×3")]).await;
    story.end().await;
}

#[tokio::test]
async fn it_is_shown_also_while_something_else_stands_in_the_way() {
    let story = in_sync("apono-connected-conflict", DECLARED).await;
    story.vendor.apono().register("c-north", "North").await;
    story.look_again().await;
    story.edit(EDGE, "spec: {name: North}").await;
    story.becomes(EDGE, "Stalled", "True/Conflict").await;
    assert_eq!(story.condition(EDGE, "Connected").await, "True/Connected");

    story.vendor.apono().disconnect(ID).await;
    story.look_again().await;
    story.becomes(EDGE, "Connected", "False/Disconnected").await;
    assert_eq!(story.get(EDGE).await["status"]["remote"]["status"], "DISCONNECTED");
    assert_eq!(story.condition(EDGE, "Stalled").await, "True/Conflict");
    story.cost(&[], &[(EDGE, "status ×3")]).await;
    story.end().await;
}
