//! Names that move between two connectors: released first, then claimed.

use serde_json::json;

use crate::support::story::{DEADLINE, Story};

use super::agent::{ACCOUNT, EDGE, ID};

const CORE: &str = "AponoConnector/core";

/// Two connectors with the names `Edge` and `Core`.
const BOTH: &str = "
kind: AponoConnector
metadata: {name: edge}
spec: {connectorId: c-edge, name: Edge}
---
kind: AponoConnector
metadata: {name: core}
spec: {connectorId: c-core, name: Core}
";

async fn begin(name: &str) -> Story {
    let mut story = Story::begin(name).await;
    story.vendor.apono().register(ID, "Edge").await;
    story.vendor.apono().register("c-core", "Core").await;
    story.apono_account("").await;
    story.ready(ACCOUNT).await;
    story.apply(BOTH).await;
    story.ready(EDGE).await;
    story.ready(CORE).await;
    story
}

#[tokio::test]
async fn a_name_that_another_keeps_is_a_conflict_until_that_gives_it_up() {
    let story = begin("apono-moves").await;
    story.edit(CORE, "spec: {name: Edge}").await;
    story.becomes(CORE, "Stalled", "True/Conflict").await;
    let message = story.message(CORE, "Ready").await;
    assert!(message.starts_with("core: name Edge belongs to apono-moves/edge; "), "{message}");
    story.cost(&[], &[(EDGE, "status"), (CORE, "status ×2")]).await;

    story.edit(EDGE, "spec: {name: Rim}").await;
    story.ready(EDGE).await;
    story.ready(CORE).await;
    let asked = [
        "GET /connectors/c-edge",
        "PUT /connectors/c-edge Rim",
        "GET /connectors/c-core",
        "PUT /connectors/c-core Edge",
    ];
    let seen: Vec<String> =
        story.vendor_requests().await.into_iter().filter(|line| !line.contains('?')).collect();
    assert_eq!(seen, asked);
    assert_eq!(story.vendor.apono().name_of("c-core").await, "Edge");
    story.end().await;
}

#[tokio::test]
async fn a_name_is_claimed_after_its_release_also_when_both_were_edited_at_once() {
    let mut story = begin("apono-moves-at-once").await;
    story.operator().terminate().await;
    story.edit(EDGE, "spec: {name: Rim}").await;
    story.edit(CORE, "spec: {name: Edge}").await;
    // The release takes its time.
    let release = json!({"method": "PUT", "path": "/api/admin/v3/connectors/c-edge", "times": 1});
    story.vendor.fault(release, json!({"kind": "delay", "milliseconds": 1000})).await;
    story.operator().restart().await;
    story.becomes(CORE, "Ready", "Unknown/Progressing").await;
    let message = "core: one name is taken over once released by apono-moves-at-once/edge";
    assert_eq!(story.message(CORE, "Ready").await, message);
    assert_eq!(story.condition(CORE, "Connected").await, "True/Connected");
    story.ready(CORE).await;
    story.ready(EDGE).await;
    let asked = [
        "GET /connectors/c-edge",
        "PUT /connectors/c-edge Rim",
        "GET /connectors/c-core",
        "PUT /connectors/c-core Edge",
    ];
    story.cost(&asked, &[(EDGE, "status ×2"), (CORE, "status ×3")]).await;
    story.end().await;
}

#[tokio::test]
async fn a_connector_that_waits_for_its_name_is_not_taken_over_before_it_has_it() {
    let mut story = Story::begin("apono-moves-adopted").await;
    story.vendor.apono().register(ID, "Edge").await;
    story.vendor.apono().register("c-core", "Core").await;
    story.apono_account("").await;
    story.ready(ACCOUNT).await;
    let (edge, core) = BOTH.split_once("---").expect("two");
    story.apply(edge).await;
    story.ready(EDGE).await;
    // The release takes its time.
    let release = json!({"method": "PUT", "path": "/api/admin/v3/connectors/c-edge", "times": 1});
    story.vendor.fault(release, json!({"kind": "delay", "milliseconds": 1500})).await;
    story.edit(EDGE, "spec: {name: Rim}").await;
    story.vendor.wait_for("PUT", 1, DEADLINE).await;
    story.apply(&core.replace("name: Core", "name: Edge, deletionPolicy: Delete")).await;
    let waits = story.becomes(CORE, "Ready", "Unknown/Progressing").await;
    let message = "core: one name is taken over once released by apono-moves-adopted/edge";
    assert_eq!(story.message(CORE, "Ready").await, message);
    assert_eq!(waits["status"]["scope"], json!(null), "no identity is recorded of what is not managed yet");
    assert_eq!(waits["metadata"]["finalizers"], json!(null));

    let managed = story.ready(CORE).await;
    assert_eq!(managed["metadata"]["finalizers"].as_array().map(Vec::len), Some(1));
    let note = story.told(&format!("Normal Adopted {CORE}")).await;
    assert_eq!(note, "c-core was there and is managed from now on; changed: name");
    let asked = [
        "GET /connectors/c-edge",
        "PUT /connectors/c-edge Rim",
        "GET /connectors/c-core",
        "PUT /connectors/c-core Edge",
    ];
    story.cost(&asked, &[(EDGE, "status ×2"), (CORE, "status, patch, status")]).await;
    story.end().await;
}

#[tokio::test]
async fn a_swap_takes_a_third_name() {
    let mut story = begin("apono-swap").await;
    story.operator().terminate().await;
    story.edit(EDGE, "spec: {name: Core}").await;
    story.edit(CORE, "spec: {name: Edge}").await;
    story.operator().restart().await;
    for (object, name, other) in [(EDGE, "edge", "core"), (CORE, "core", "edge")] {
        story.becomes(object, "Stalled", "True/Conflict").await;
        let message = format!(
            "{name}: every name that it asks for is still with apono-swap/{other}, and could only be given up if this one gave up all of \
             its own first. Do it in two steps: let one of them keep or take something that no other asks for, and when that is done \
             the rest"
        );
        assert_eq!(story.message(object, "Ready").await, message);
    }
    story.cost(&[], &[(EDGE, "status ×2"), (CORE, "status ×2")]).await;

    story.edit(EDGE, "spec: {name: Rim}").await;
    story.ready(EDGE).await;
    story.ready(CORE).await;
    story.edit(EDGE, "spec: {name: Core}").await;
    story.ready(EDGE).await;
    let sent: Vec<String> = story.vendor_writes().await;
    let renames =
        ["PUT /connectors/c-edge Rim", "PUT /connectors/c-core Edge", "PUT /connectors/c-edge Core"];
    assert_eq!(sent, renames);
    story.end().await;
}
