//! A connector is declared, comes to be at the vendor, and goes again.

use serde_json::json;

use crate::support::story::Story;

const PLANT_A: &str = "
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
    story.ready("OnomondoAccount/default").await;

    story.apply(PLANT_A).await;
    let plant_a = story.ready("OnomondoConnector/plant-a").await;

    assert_eq!(plant_a["status"]["remote"]["name"], "plant-a");
    assert_eq!(story.condition("OnomondoConnector/plant-a", "Ready").await, "True/Succeeded");
    assert_eq!(story.vendor_writes().await, ["POST /connectors plant-a"]);
    let at_the_vendor = story.vendor.connector("plant-a").await.expect("it exists at the vendor");
    assert_eq!(
        at_the_vendor["options"],
        json!({"host": "https://ingest.example.com/v1", "shouldReturnBody": true})
    );
    let in_its_life = ["patch onomondoconnectors/plant-a", "apply onomondoconnectors/plant-a/status"];
    assert_eq!(story.kubernetes_writes_to("onomondoconnectors/plant-a").await, in_its_life);

    story.delete("OnomondoConnector/plant-a").await;
    story.gone("OnomondoConnector/plant-a").await;

    assert_eq!(story.vendor_writes().await, ["POST /connectors plant-a", "DELETE /connectors/plant-a"]);
    assert_eq!(story.vendor.connector("plant-a").await, None);
    let and_its_end = [in_its_life[0], in_its_life[1], "patch onomondoconnectors/plant-a"];
    assert_eq!(story.kubernetes_writes_to("onomondoconnectors/plant-a").await, and_its_end);
    story.end().await;
}
