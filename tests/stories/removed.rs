//! Somebody deletes a connector at the vendor: it is created again, once, when two lists agree that it is gone.

use serde_json::json;

use crate::plant::{HTTPS, LIST, PLANT_A, POST, in_sync};

#[tokio::test]
async fn it_is_created_again_once_when_two_lists_agree() {
    let story = in_sync("removed", HTTPS).await;
    let newest = story.vendor.newest().await;

    story.vendor.remove_connector("plant-a").await;
    story.look_again().await;
    let is_back = |seen: &serde_json::Value| {
        crate::support::objects::is_ready(seen) && seen["status"]["scope"].is_string()
    };
    story.eventually(PLANT_A, "there again", is_back).await;
    story.look_again().await;

    let seen = story.seen_since(newest).await;
    let until_the_post: Vec<&str> =
        seen.iter().map(String::as_str).take_while(|line| *line == LIST).collect();
    assert!(until_the_post.len() >= 2, "one list is no proof: {seen:?}");
    let again = story.vendor.connector("plant-a").await.expect("it is there again");
    assert_eq!(again["options"]["host"], "https://ingest.example.com/v1");
    assert_eq!(story.vendor.connectors().await.len(), 1);

    // After those of its first life: the doubt; the old claim away and then the identity, so that it cannot count again; a new claim; created.
    let writes = "patch, status ×2, patch, status, patch, status";
    story.cost(&[POST, POST], &[(PLANT_A, writes)]).await;
    story.end().await;
}

#[tokio::test]
async fn a_list_that_lacks_it_for_a_moment_changes_nothing() {
    let story = in_sync("removed-not", HTTPS).await;
    let lacks_it = json!({"kind": "shrink_list", "without": ["plant-a"]});
    story.vendor.fault(json!({"method": "GET", "path": "/connectors", "times": 1}), lacks_it).await;

    story.look_again().await;
    story.ready(PLANT_A).await;
    story.look_again().await;

    assert_eq!(story.condition(PLANT_A, "Ready").await, "True/Succeeded");
    // The doubt, and its end.
    story.cost(&[POST], &[(PLANT_A, "patch, status ×3")]).await;
    story.end().await;
}
