//! A connector is declared, comes to be at the vendor, and goes again.

use serde_json::json;

use crate::plant::{ACCOUNT, DELETE, LIST, PLANT_A, POST};
use crate::support::story::Story;

const MANIFEST: &str = "
kind: OnomondoConnector
metadata: {name: plant-a}
spec:
  type: https
  https: {host: 'https://ingest.example.com/v1', shouldReturnBody: true}
";

#[tokio::test]
async fn a_connector_is_created_once_and_deleted_once() {
    let mut story = Story::begin("create").await;
    story.onomondo_account("").await;
    story.ready(ACCOUNT).await;
    story.cost(&[LIST], &[(ACCOUNT, "status")]).await;

    story.apply(MANIFEST).await;
    let plant_a = story.ready(PLANT_A).await;

    assert_eq!(plant_a["status"]["remote"]["name"], "plant-a");
    assert_eq!(story.condition(PLANT_A, "Ready").await, "True/Succeeded");
    let at_the_vendor = story.vendor.connector("plant-a").await.expect("it exists at the vendor");
    assert_eq!(
        at_the_vendor["options"],
        json!({"host": "https://ingest.example.com/v1", "shouldReturnBody": true})
    );
    // A list after the write confirms it, and the account tells of one object more.
    story.the_last_write_is_listed().await;
    let once = [(ACCOUNT, "status, patch, status"), (PLANT_A, "patch, status")];
    story.cost(&[LIST, POST, LIST], &once).await;

    story.delete(PLANT_A).await;
    story.gone(PLANT_A).await;
    assert_eq!(story.vendor.connector("plant-a").await, None);
    story.cost(&[POST, DELETE], &[(PLANT_A, "patch, status, patch")]).await;
    story.end().await;
}
