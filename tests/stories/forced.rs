//! A person, or Flux, asks for a look at the vendor now: the vendor is read anew, and the status says when that was handled.

use crate::support::story::Story;

const PLANT_A: &str = "
kind: OnomondoConnector
metadata: {name: plant-a}
spec:
  type: https
  https: {host: 'https://ingest.example.com/v1'}
";
const OBJECT: &str = "OnomondoConnector/plant-a";

#[tokio::test]
async fn a_forced_pass_reads_the_vendor_and_is_echoed() {
    let mut story = Story::begin("forced").await;
    story.onomondo_account("").await;
    story.apply(PLANT_A).await;
    story.ready(OBJECT).await;
    story.the_last_write_is_listed().await;

    for (annotation, value) in [
        ("reconcile.fluxcd.io/requestedAt", "2026-01-01T10:00:00Z"),
        ("connector-operator.io/reconcile-at", "now, please"),
    ] {
        let (lists, writes) =
            (story.lists().await.len(), story.kubernetes_writes_to("onomondoconnectors/plant-a").await);
        story.annotate(OBJECT, annotation, value).await;
        story
            .eventually(OBJECT, "echoing the request", |seen| {
                seen["status"]["lastHandledReconcileAt"] == value
            })
            .await;

        assert_eq!(story.lists().await.len(), lists + 1, "{annotation}: the vendor is read once");
        assert_eq!(story.condition(OBJECT, "Ready").await, "True/Succeeded");
        let now = story.kubernetes_writes_to("onomondoconnectors/plant-a").await;
        assert_eq!(now[writes.len()..], ["apply onomondoconnectors/plant-a/status"], "{annotation}");
    }
    assert_eq!(story.vendor_writes().await, ["POST /connectors plant-a"]);
    story.end().await;
}

#[tokio::test]
async fn the_echo_comes_after_what_was_found() {
    let mut story = Story::begin("forced-drift").await;
    story.onomondo_account("").await;
    story.apply(PLANT_A).await;
    story.ready(OBJECT).await;
    story.the_last_write_is_listed().await;

    story
        .vendor
        .change_connector("plant-a", &serde_json::json!({"options": {"host": "https://else.example.com"}}))
        .await;
    story.annotate(OBJECT, "connector-operator.io/reconcile-at", "1").await;
    story
        .eventually(OBJECT, "echoing the request", |seen| seen["status"]["lastHandledReconcileAt"] == "1")
        .await;

    assert_eq!(story.vendor_writes().await, ["POST /connectors plant-a", "PATCH /connectors/plant-a"]);
    story.end().await;
}

#[tokio::test]
async fn a_forced_pass_of_the_account_reads_the_vendor_and_is_echoed() {
    let mut story = Story::begin("forced-account").await;
    story.onomondo_account("").await;
    story.ready("OnomondoAccount/default").await;
    let lists = story.lists().await.len();

    story.annotate("OnomondoAccount/default", "connector-operator.io/reconcile-at", "1").await;
    let handled = |seen: &serde_json::Value| seen["status"]["lastHandledReconcileAt"] == "1";
    story.eventually("OnomondoAccount/default", "echoing the request", handled).await;
    story.lists_come(usize::from(story.lists().await.len() == lists)).await;

    assert_eq!(story.lists().await.len(), lists + 1);
    assert_eq!(story.vendor_writes().await, [""; 0]);
    story.end().await;
}
