//! A registered connector is taken over: naming its id is consent.

use serde_json::json;

use super::agent::{ACCOUNT, DECLARED, EDGE, GET, ID, LIST, in_sync, registered};

#[tokio::test]
async fn a_registered_connector_is_adopted_with_one_write_and_no_call() {
    let story = in_sync("apono-adopt", DECLARED).await;
    let edge = story.get(EDGE).await;
    assert_eq!(edge["status"]["remote"]["id"], ID);
    assert_eq!(edge["status"]["remote"]["name"], "Edge", "it is shown, though not managed");
    assert_eq!(edge["metadata"]["finalizers"], json!(null), "its end has nothing to do");
    assert_eq!(story.message(EDGE, "Ready").await, "c-edge matches its spec");
    assert_eq!(story.condition(EDGE, "Connected").await, "True/Connected");
    let note = story.told(&format!("Normal Adopted {EDGE}")).await;
    assert_eq!(note, "c-edge was there and is as declared; it is managed from now on");
    story.cost(&[LIST], &[(ACCOUNT, "status"), (EDGE, "status")]).await;
    story.end().await;
}

#[tokio::test]
async fn adoption_with_another_name_renames_at_once() {
    let story = in_sync("apono-adopt-named", &format!("{DECLARED}  name: North\n")).await;
    assert_eq!(story.vendor.apono().name_of(ID).await, "North");
    let note = story.told(&format!("Normal Adopted {EDGE}")).await;
    assert_eq!(note, "c-edge was there and is managed from now on; changed: name");
    story.cost(&[GET, "PUT /connectors/c-edge North"], &[(EDGE, "status")]).await;
    story.end().await;
}

#[tokio::test]
async fn without_consent_it_stays_as_it_is_until_nothing_would_change() {
    let story = registered("apono-adopt-identical").await;
    story.apply(&format!("{DECLARED}  adoptionPolicy: IfIdentical\n  name: North\n")).await;
    let edge = story.becomes(EDGE, "Stalled", "True/Conflict").await;
    let message = "edge: c-edge already exists at the vendor and it differs (name: Edge → North); set adoptionPolicy: Always to take \
                   it over and change it, or choose another name";
    assert_eq!(story.message(EDGE, "Ready").await, message);
    assert_eq!(edge["status"]["plannedChanges"], json!([{"field": "name", "from": "Edge", "to": "North"}]));

    story.vendor.apono().rename(ID, "North").await;
    story.look_again().await;
    story.ready(EDGE).await;
    story.cost(&[], &[(EDGE, "status ×2")]).await;
    story.end().await;
}

#[tokio::test]
async fn of_two_objects_that_name_one_connector_the_older_has_it() {
    let story = in_sync("apono-two", DECLARED).await;
    let second = "AponoConnector/edge-too";
    story.apply(&DECLARED.replace("{name: edge}", "{name: edge-too}")).await;
    story.becomes(second, "Stalled", "True/Conflict").await;
    let message = story.message(second, "Ready").await;
    assert!(message.starts_with("edge-too: c-edge is already managed by apono-two/edge; "), "{message}");

    story.delete(EDGE).await;
    story.gone(EDGE).await;
    story.ready(second).await;
    story.cost(&[], &[(EDGE, "status"), (second, "status ×2")]).await;
    story.end().await;
}
