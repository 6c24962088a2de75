//! The operator is killed where it hurts: nothing is made twice, nothing is left behind, nobody has to help.

use serde_json::json;

use crate::support::story::{DEADLINE, Story};

const OBJECT: &str = "OnomondoConnector/plant-a";

const PLANT_A: &str = "
kind: OnomondoConnector
metadata: {name: plant-a}
spec:
  adoptionPolicy: Never # a claim needs none
  type: https
  https: {host: 'https://ingest.example.com/v1', shouldReturnBody: true}
";

const WITH_SECRETS: &str = "
kind: OnomondoConnector
metadata: {name: plant-a}
spec:
  adoptionPolicy: Never
  type: tls
  tls: {host: 123.123.123.123, port: 443, serverName: plant-a.example.com, keySecretRef: {name: plant-a-tls}, certSecretRef: {name: plant-a-tls}}
";

/// One replica that need not wait for its predecessor's lease.
async fn begin(name: &str) -> Story {
    let mut story = Story::named(name).value("leaderElection.enabled", false).begin().await;
    story.onomondo_account("").await;
    story.ready("OnomondoAccount/default").await;
    story
}

/// Kills the operator while the vendor holds back its answer to the next such request. `applied`: the request took effect.
async fn killed_while_it_waits_for(story: &mut Story, method: &str, applied: bool) {
    story.vendor.wait_for(method, 1, DEADLINE).await;
    assert_eq!(story.vendor_writes().await.last().unwrap().split(" -> ").last(), Some("held"), "{applied}");
    story.operator().kill().await;
}

async fn hold_back(story: &Story, method: &str, applied: bool) {
    let once = json!({"method": method, "times": 1});
    story.vendor.fault(once, json!({"kind": "hang", "after_applying": applied})).await;
}

#[tokio::test]
async fn killed_between_the_post_and_the_status() {
    let mut story = begin("crash-after-post").await;
    hold_back(&story, "POST", true).await;
    story.apply(PLANT_A).await;
    killed_while_it_waits_for(&mut story, "POST", true).await;
    assert_eq!(story.condition(OBJECT, "Ready").await, "-", "nothing was said yet");

    story.operator().restart().await;
    story.ready(OBJECT).await;

    assert_eq!(story.vendor_writes().await, ["POST /connectors plant-a -> abandoned"]);
    assert_eq!(story.vendor.connectors().await.len(), 1);
    let in_its_life = ["patch onomondoconnectors/plant-a", "apply onomondoconnectors/plant-a/status"];
    assert_eq!(story.kubernetes_writes_to("onomondoconnectors/plant-a").await, in_its_life);
    story.end().await;
}

#[tokio::test]
async fn killed_between_the_post_and_the_status_of_a_connector_with_secrets() {
    let mut story = begin("crash-after-post-with-secrets").await;
    story.tls_secret("plant-a-tls").await;
    hold_back(&story, "POST", true).await;
    story.apply(WITH_SECRETS).await;
    killed_while_it_waits_for(&mut story, "POST", true).await;

    story.operator().restart().await;
    story.ready(OBJECT).await;

    // Nobody can read back which secrets the lost POST carried: they are sent once more, and that is all.
    let writes = ["POST /connectors plant-a -> abandoned", "PATCH /connectors/plant-a"];
    assert_eq!(story.vendor_writes().await, writes);
    assert_eq!(story.condition(OBJECT, "SecretsInSync").await, "True/InSync");
    story.end().await;
}

#[tokio::test]
async fn killed_between_the_claim_and_the_post() {
    let mut story = Story::named("crash-before-post").value("leaderElection.enabled", false).begin().await;
    // The budget's one request goes into the list; the POST has to wait for the next.
    story.onomondo_account("{requestsPerMinute: 1, requestTimeout: 5m}").await;
    story.ready("OnomondoAccount/default").await;
    story.apply(PLANT_A).await;
    let is_claimed = |object: &serde_json::Value| {
        object["metadata"]["annotations"]["connector-operator.io/claim"].is_string()
    };
    story.eventually(OBJECT, "claimed", is_claimed).await;
    story.operator().kill().await;
    assert_eq!(story.vendor_requests().await, ["GET /connectors"], "the POST was never sent");

    story.edit("OnomondoAccount/default", "spec: {requestsPerMinute: 600, requestTimeout: 2s}").await;
    story.operator().restart().await;
    story.ready(OBJECT).await;

    assert_eq!(story.vendor_writes().await, ["POST /connectors plant-a"]);
    let before_the_post: Vec<String> = story.vendor_requests().await.into_iter().skip(1).take(3).collect();
    // The claim may have led to an object that the first list does not show yet: only the second one proves its absence.
    assert_eq!(before_the_post, ["GET /connectors", "GET /connectors", "POST /connectors plant-a"]);
    story.end().await;
}

#[tokio::test]
async fn killed_in_the_middle_of_a_rename() {
    for (name, applied) in [("crash-rename-applied", true), ("crash-rename-lost", false)] {
        let mut story = begin(name).await;
        story.apply(PLANT_A).await;
        story.ready(OBJECT).await;
        hold_back(&story, "PATCH", applied).await;
        story.edit(OBJECT, "spec: {name: plant-b}").await;
        killed_while_it_waits_for(&mut story, "PATCH", applied).await;
        assert_eq!(story.get(OBJECT).await["status"]["renamingTo"], "plant-b");

        story.operator().restart().await;
        let renamed = story.ready(OBJECT).await;

        assert_eq!(renamed["status"]["remote"]["name"], "plant-b");
        assert_eq!(renamed["status"]["renamingTo"], json!(null));
        let rename = "PATCH /connectors/plant-a plant-b";
        let mut writes = vec!["POST /connectors plant-a".to_owned(), format!("{rename} -> abandoned")];
        writes.extend((!applied).then(|| rename.to_owned()));
        assert_eq!(story.vendor_writes().await, writes);
        let names: Vec<_> =
            story.vendor.connectors().await.iter().map(|connector| connector["name"].clone()).collect();
        assert_eq!(names, ["plant-b"]);
        let status = "apply onomondoconnectors/plant-a/status";
        let in_its_life = ["patch onomondoconnectors/plant-a", status, status, status];
        assert_eq!(story.kubernetes_writes_to("onomondoconnectors/plant-a").await, in_its_life);
        story.end().await;
    }
}

#[tokio::test]
async fn killed_in_the_middle_of_a_delete() {
    for (name, applied) in [("crash-delete-applied", true), ("crash-delete-lost", false)] {
        let mut story = begin(name).await;
        story.apply(PLANT_A).await;
        story.ready(OBJECT).await;
        hold_back(&story, "DELETE", applied).await;
        story.delete(OBJECT).await;
        killed_while_it_waits_for(&mut story, "DELETE", applied).await;

        story.operator().restart().await;
        story.gone(OBJECT).await;

        let delete = "DELETE /connectors/plant-a";
        let mut writes = vec!["POST /connectors plant-a".to_owned(), format!("{delete} -> abandoned")];
        writes.extend((!applied).then(|| delete.to_owned()));
        assert_eq!(story.vendor_writes().await, writes);
        assert_eq!(story.vendor.connectors().await, Vec::<serde_json::Value>::new());
        story.end().await;
    }
}
