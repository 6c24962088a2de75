//! The network between the operator and the vendor is cut, or swallows what is sent: nothing is doubled, nothing is taken for gone.

use serde_json::json;

use crate::plant::{ACCOUNT, DELETE, NEVER_ADOPTED, PATCH, PLANT_A};
use crate::support::objects::condition_message;
use crate::support::story::{DEADLINE, Story};
use crate::support::wire::Wire;

const PLANT_B: &str = "OnomondoConnector/plant-b";

/// A story whose account goes to the vendor over this wire.
async fn over(wire: &Wire, name: &str) -> Story {
    let mut story = Story::named(name).allowed_host(&wire.host()).begin().await;
    wire.ends_at(story.vendor.host());
    story.onomondo_account("resyncInterval: 10s").await;
    story.edit(ACCOUNT, &json!({"spec": {"endpoint": format!("http://{}", wire.host())}}).to_string()).await;
    story.ready(ACCOUNT).await;
    story
}

#[tokio::test]
async fn it_is_cut_between_a_post_and_its_answer() {
    let wire = Wire::lay().await;
    let story = over(&wire, "network-cut").await;
    let once = json!({"method": "POST", "times": 1});
    story.vendor.fault(once, json!({"kind": "hang", "after_applying": true})).await;
    story.apply(NEVER_ADOPTED).await;
    story.vendor.wait_for("POST", 1, DEADLINE).await;
    wire.cut();
    let doubtful = story.becomes(PLANT_A, "Ready", "False/RemoteUnavailable").await;
    let message = condition_message(&doubtful, "Ready");
    assert!(message.starts_with("plant-a: create failed: the vendor could not be reached: "), "{message}");

    wire.mends();
    story.ready(PLANT_A).await;
    assert_eq!(story.vendor.connectors().await.len(), 1);
    story.cost(&["POST /connectors plant-a -> abandoned"], &[(PLANT_A, "patch, status ×2")]).await;
    story.end().await;
}

#[tokio::test]
async fn what_people_ask_for_while_everything_is_swallowed_comes_to_pass_afterwards() {
    let wire = Wire::lay().await;
    let story = over(&wire, "network-swallows").await;
    for name in ["plant-a", "plant-b", "plant-c"] {
        story.apply(&NEVER_ADOPTED.replace("plant-a", name)).await;
        story.ready(&format!("OnomondoConnector/{name}")).await;
    }
    let sent = story.vendor.newest().await;
    wire.swallows();
    let failing = story.becomes(ACCOUNT, "Ready", "False/RemoteUnavailable").await;
    let message = condition_message(&failing, "Ready");
    assert!(message.contains("the vendor did not answer within 2s"), "{message}");
    story.edit(PLANT_A, "spec: {https: {shouldReturnBody: true}}").await;
    story.becomes(PLANT_A, "Ready", "False/RemoteUnavailable").await;
    story.delete(PLANT_B).await;
    story.becomes(PLANT_B, "Ready", "False/DeletionBlocked").await;
    assert_eq!(story.condition("OnomondoConnector/plant-c", "Ready").await, "True/Succeeded");
    assert_eq!(story.writes_since(sent).await, [""; 0], "nothing got through");

    wire.mends();
    story.ready(ACCOUNT).await;
    story.ready(PLANT_A).await;
    story.gone(PLANT_B).await;
    let delete_b = DELETE.replace("plant-a", "plant-b");
    let mut asked = story.writes_since(sent).await;
    asked.sort();
    assert_eq!(asked, [delete_b.as_str(), PATCH]);
    story.end().await;
}
