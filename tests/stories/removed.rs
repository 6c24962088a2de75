//! Somebody deletes a connector at the vendor: it is created again, once, when two lists agree that it is gone.

use serde_json::json;

use crate::support::story::Story;

const A: &str = "OnomondoConnector/plant-a";
const PLANT_A: &str = "
kind: OnomondoConnector
metadata: {name: plant-a}
spec:
  type: https
  https: {host: 'https://ingest.example.com/v1'}
";

#[tokio::test]
async fn it_is_created_again_once_when_two_lists_agree() {
    let mut story = Story::begin("removed").await;
    story.onomondo_account("").await;
    story.apply(PLANT_A).await;
    story.ready(A).await;
    story.the_last_write_is_listed().await;
    let (newest, writes) =
        (story.vendor.newest().await, story.kubernetes_writes_to("onomondoconnectors/plant-a").await.len());

    story.vendor.remove_connector("plant-a").await;
    story.look_again().await;
    let is_back = |seen: &serde_json::Value| {
        crate::support::objects::is_ready(seen) && seen["status"]["scope"].is_string()
    };
    story.eventually(A, "there again", is_back).await;
    story.look_again().await;

    let seen = story.seen_since(newest).await;
    let until_the_post: Vec<&str> =
        seen.iter().map(String::as_str).take_while(|line| *line == "GET /connectors").collect();
    assert!(until_the_post.len() >= 2, "one list is no proof: {seen:?}");
    assert_eq!(story.vendor_writes().await, ["POST /connectors plant-a"; 2]);
    let again = story.vendor.connector("plant-a").await.expect("it is there again");
    assert_eq!(again["options"]["host"], "https://ingest.example.com/v1");
    assert_eq!(story.vendor.connectors().await.len(), 1);

    // The doubt; the identity out of the status; a new claim is not needed; created.
    let status = "apply onomondoconnectors/plant-a/status";
    let since = story.kubernetes_writes_to("onomondoconnectors/plant-a").await.split_off(writes);
    assert_eq!(since, [status, status, status]);
    story.end().await;
}

#[tokio::test]
async fn a_list_that_lacks_it_for_a_moment_changes_nothing() {
    let mut story = Story::begin("removed-not").await;
    story.onomondo_account("").await;
    story.apply(PLANT_A).await;
    story.ready(A).await;
    story.the_last_write_is_listed().await;
    let lacks_it = json!({"kind": "shrink_list", "without": ["plant-a"]});
    story.vendor.fault(json!({"method": "GET", "path": "/connectors", "times": 1}), lacks_it).await;

    story.look_again().await;
    story.ready(A).await;
    story.look_again().await;

    assert_eq!(story.vendor_writes().await, ["POST /connectors plant-a"]);
    assert_eq!(story.condition(A, "Ready").await, "True/Succeeded");
    story.end().await;
}
