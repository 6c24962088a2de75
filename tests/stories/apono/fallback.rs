//! Where version 3 is not to be had, the list of version 2 says at least whether an agent is connected.

use serde_json::json;

use crate::support::story::Story;

use super::agent::{ACCOUNT, DECLARED, EDGE, GET, ID};

const NOT_FOUND: &str = "GET /connectors?limit=100 -> 404";
const OLDER: &str = "GET /api/v2/connectors";

async fn begin(name: &str, form: &str) -> Story {
    let opening = Story::named(name).switch("apono.v3", "404").switch("apono.v2-last-connected", form);
    let mut story = opening.begin().await;
    story.vendor.apono().register(ID, "Edge").await;
    story.apono_account("").await;
    story.ready(ACCOUNT).await;
    story.apply(DECLARED).await;
    story.ready(EDGE).await;
    story
}

#[tokio::test]
async fn version_2_tells_little_and_that_is_shown() {
    for form in ["number", "string"] {
        let story = begin(&format!("apono-v2-{form}"), form).await;
        let remote = story.get(EDGE).await["status"]["remote"].clone();
        let last = remote["lastConnected"].as_str().unwrap_or_default();
        let seconds = last.split('.').next().and_then(|seconds| seconds.parse::<u64>().ok());
        assert!(seconds.is_some_and(|seconds| seconds > 1_000_000_000), "{remote}");
        assert_eq!(remote, json!({"id": ID, "status": "CONNECTED", "lastConnected": last}));
        assert_eq!(story.condition(EDGE, "Connected").await, "True/Connected");

        story.vendor.apono().disconnect(ID).await;
        story.look_again().await;
        story.becomes(EDGE, "Connected", "False/Disconnected").await;
        story.cost(&[NOT_FOUND, OLDER, NOT_FOUND, OLDER], &[(EDGE, "status ×2")]).await;
        story.end().await;
    }
}

#[tokio::test]
async fn no_name_can_be_set_until_version_3_is_there() {
    let story = begin("apono-v2-name", "number").await;
    story.edit(EDGE, "spec: {name: North}").await;
    story.becomes(EDGE, "Stalled", "True/InvalidSpec").await;
    let message = "edge: update failed: the request could not be built: version 3 of Apono's API is not to be had here, and without it no \
                   name can be set; leave spec.name out; correct the spec";
    assert_eq!(story.message(EDGE, "Ready").await, message);
    story.cost(&[], &[(EDGE, "status ×2")]).await;

    story.vendor.switches_back().await;
    story.look_again().await;
    story.ready(EDGE).await;
    story.cost(&[GET, "PUT /connectors/c-edge North"], &[(EDGE, "status ×3")]).await;
    story.end().await;
}

#[tokio::test]
async fn a_404_where_version_3_has_answered_before_is_no_reason_to_fall_back() {
    let mut story = Story::begin("apono-v3-gone").await;
    story.vendor.apono().register(ID, "Edge").await;
    story.apono_account("").await;
    story.ready(ACCOUNT).await;
    story.apply(DECLARED).await;
    story.ready(EDGE).await;
    story.vendor.switch("apono.v3", "404").await;
    story.annotate(ACCOUNT, "connector-operator.io/reconcile-at", "now").await;
    story.becomes(ACCOUNT, "Stalled", "True/ListRefused").await;
    assert_eq!(story.condition(EDGE, "Ready").await, "True/Succeeded", "it is as the last good list has it");
    assert_eq!(story.get(EDGE).await["status"]["remote"]["name"], "Edge");
    assert!(!story.vendor_requests().await.iter().any(|line| line == OLDER));
    story.cost(&[], &[(EDGE, "status")]).await;
    story.end().await;
}
