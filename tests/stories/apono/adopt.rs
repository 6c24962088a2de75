//! A registered connector is taken over, shown, renamed, and let go.

use super::agent::{ACCOUNT, EDGE, EDGE_ONLY, GET, ID, LIST, in_sync};

#[tokio::test]
async fn a_registered_connector_is_adopted_with_one_write_and_no_call() {
    let story = in_sync("apono-adopt", EDGE_ONLY).await;
    let edge = story.get(EDGE).await;
    assert_eq!(edge["status"]["remote"]["id"], ID);
    assert_eq!(edge["status"]["remote"]["name"], "Edge", "it is shown, though not managed");
    assert_eq!(story.condition(EDGE, "Connected").await, "True/Connected");
    let note = story.told(&format!("Normal Adopted {EDGE}")).await;
    assert_eq!(note, "c-edge was there and is as declared; it is managed from now on");
    story.cost(&[LIST], &[(ACCOUNT, "status"), (EDGE, "status")]).await;
    story.end().await;
}

#[tokio::test]
async fn a_rename_is_one_put() {
    let story = in_sync("apono-rename", EDGE_ONLY).await;
    story.edit(EDGE, "spec: {name: Edge of Plant 7}").await;
    let edge = story.ready(EDGE).await;
    assert_eq!(edge["status"]["remote"]["name"], "Edge of Plant 7");
    assert_eq!(story.vendor.apono().name_of(ID).await, "Edge of Plant 7");
    story.the_last_write_is_listed().await;
    let renamed = "PUT /connectors/c-edge Edge of Plant 7";
    story.cost(&[GET, renamed], &[(EDGE, "status ×2")]).await;
    story.end().await;
}
