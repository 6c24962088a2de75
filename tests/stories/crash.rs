//! The operator is killed where it hurts: nothing is made twice, nothing is left behind, nobody has to help.

use serde_json::json;

use crate::plant::{ACCOUNT, DELETE, LIST, NEVER_ADOPTED, PATCH, PLANT_A, POST, TLS};
use crate::support::story::{DEADLINE, Story};

/// One replica that need not wait for its predecessor's lease.
async fn begin(name: &str) -> Story {
    let mut story = Story::named(name).value("leaderElection.enabled", false).begin().await;
    story.onomondo_account("").await;
    story.ready(ACCOUNT).await;
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
    story.apply(NEVER_ADOPTED).await;
    killed_while_it_waits_for(&mut story, "POST", true).await;
    assert_eq!(story.condition(PLANT_A, "Ready").await, "-", "nothing was said yet");

    story.operator().restart().await;
    story.ready(PLANT_A).await;

    assert_eq!(story.vendor.connectors().await.len(), 1);
    story.cost(&[LIST, "POST /connectors plant-a -> abandoned", LIST], &[(PLANT_A, "patch, status")]).await;
    story.end().await;
}

#[tokio::test]
async fn killed_between_the_post_and_the_status_of_a_connector_with_secrets() {
    let mut story = begin("crash-after-post-with-secrets").await;
    story.tls_secret("client").await;
    hold_back(&story, "POST", true).await;
    story.apply(&format!("{TLS}  adoptionPolicy: Never\n")).await;
    killed_while_it_waits_for(&mut story, "POST", true).await;

    story.operator().restart().await;
    story.ready(PLANT_A).await;

    // Nobody can read back which secrets the lost POST carried: they are sent once more, and that is all.
    assert_eq!(story.condition(PLANT_A, "SecretsInSync").await, "True/InSync");
    story.cost(&["POST /connectors plant-a -> abandoned", PATCH], &[(PLANT_A, "patch, status")]).await;
    story.end().await;
}

#[tokio::test]
async fn killed_between_the_claim_and_the_post() {
    let mut story = Story::named("crash-before-post").value("leaderElection.enabled", false).begin().await;
    // The budget's one request goes into the list; the POST has to wait for the next.
    story.onomondo_account("{requestsPerMinute: 1, requestTimeout: 5m}").await;
    story.ready(ACCOUNT).await;
    story.apply(NEVER_ADOPTED).await;
    let is_claimed = |object: &serde_json::Value| {
        object["metadata"]["annotations"]["connector-operator.io/claim"].is_string()
    };
    story.eventually(PLANT_A, "claimed", is_claimed).await;
    story.operator().kill().await;
    // The POST was never sent.
    story.cost(&[LIST], &[(PLANT_A, "patch")]).await;

    story.edit(ACCOUNT, "spec: {requestsPerMinute: 600, requestTimeout: 2s}").await;
    story.operator().restart().await;
    story.ready(PLANT_A).await;

    // The claim may have led to an object that the first list after the start does not show yet, which the status says: only the
    // second one proves its absence.
    story.cost(&[POST], &[(PLANT_A, "patch, status ×2")]).await;
    let until_the_post: Vec<String> = story.vendor_requests().await.into_iter().take(4).collect();
    assert_eq!(until_the_post, [LIST, LIST, LIST, POST]);
    story.end().await;
}

#[tokio::test]
async fn killed_in_the_middle_of_a_rename() {
    for (name, applied) in [("crash-rename-applied", true), ("crash-rename-lost", false)] {
        let mut story = begin(name).await;
        story.apply(NEVER_ADOPTED).await;
        story.ready(PLANT_A).await;
        hold_back(&story, "PATCH", applied).await;
        story.edit(PLANT_A, "spec: {name: plant-b}").await;
        killed_while_it_waits_for(&mut story, "PATCH", applied).await;
        assert_eq!(story.get(PLANT_A).await["status"]["renamingTo"], "plant-b");

        story.operator().restart().await;
        let renamed = story.ready(PLANT_A).await;

        assert_eq!(renamed["status"]["remote"]["name"], "plant-b");
        assert_eq!(renamed["status"]["renamingTo"], json!(null));
        let rename = "PATCH /connectors/plant-a plant-b";
        let lost = format!("{rename} -> abandoned");
        let sent = [POST, &lost, rename];
        let sent = if applied { &sent[..2] } else { &sent };
        let names: Vec<_> =
            story.vendor.connectors().await.iter().map(|connector| connector["name"].clone()).collect();
        assert_eq!(names, ["plant-b"]);
        // It was announced once.
        story.cost(sent, &[(PLANT_A, "patch, status ×3")]).await;
        story.end().await;
    }
}

#[tokio::test]
async fn killed_in_the_middle_of_a_delete() {
    for (name, applied) in [("crash-delete-applied", true), ("crash-delete-lost", false)] {
        let mut story = begin(name).await;
        story.apply(NEVER_ADOPTED).await;
        story.ready(PLANT_A).await;
        hold_back(&story, "DELETE", applied).await;
        story.delete(PLANT_A).await;
        killed_while_it_waits_for(&mut story, "DELETE", applied).await;

        story.operator().restart().await;
        story.gone(PLANT_A).await;

        assert_eq!(story.vendor.connectors().await, Vec::<serde_json::Value>::new());
        let lost = format!("{DELETE} -> abandoned");
        if applied {
            // That a list lacks it is said; the next one proves it.
            story.cost(&[POST, &lost], &[(PLANT_A, "patch, status ×2, patch")]).await;
        } else {
            story.cost(&[POST, &lost, DELETE], &[(PLANT_A, "patch, status, patch")]).await;
        }
        story.end().await;
    }
}
