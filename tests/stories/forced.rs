//! A person, or Flux, asks for a look at the vendor now: the vendor is read anew, and the status says when that was handled.

use crate::plant::{ACCOUNT, HTTPS, LIST, PATCH, PLANT_A, POST, in_sync, with_account};

#[tokio::test]
async fn a_forced_pass_reads_the_vendor_and_is_echoed() {
    let story = in_sync("forced", HTTPS).await;

    for (annotation, value) in [
        ("reconcile.fluxcd.io/requestedAt", "2026-01-01T10:00:00Z"),
        ("connector-operator.io/reconcile-at", "now, please"),
    ] {
        let lists = story.lists().await.len();
        story.annotate(PLANT_A, annotation, value).await;
        story
            .eventually(PLANT_A, "echoing the request", |seen| {
                seen["status"]["lastHandledReconcileAt"] == value
            })
            .await;

        assert_eq!(story.lists().await.len(), lists + 1, "{annotation}: the vendor is read once");
        assert_eq!(story.condition(PLANT_A, "Ready").await, "True/Succeeded");
    }
    let writes = [(ACCOUNT, "status, patch, status"), (PLANT_A, "patch, status ×3")];
    story.cost(&[LIST, POST, LIST, LIST, LIST], &writes).await;
    story.end().await;
}

#[tokio::test]
async fn the_echo_comes_after_what_was_found() {
    let story = in_sync("forced-drift", HTTPS).await;

    story
        .vendor
        .change_connector("plant-a", &serde_json::json!({"options": {"host": "https://else.example.com"}}))
        .await;
    story.annotate(PLANT_A, "connector-operator.io/reconcile-at", "1").await;
    story
        .eventually(PLANT_A, "echoing the request", |seen| seen["status"]["lastHandledReconcileAt"] == "1")
        .await;

    story.the_last_write_is_listed().await;
    story.cost(&[LIST, POST, LIST, LIST, PATCH, LIST], &[(PLANT_A, "patch, status ×2")]).await;
    story.end().await;
}

#[tokio::test]
async fn a_forced_pass_of_the_account_reads_the_vendor_and_is_echoed() {
    let story = with_account("forced-account").await;
    story.annotate(ACCOUNT, "connector-operator.io/reconcile-at", "1").await;
    let handled = |seen: &serde_json::Value| seen["status"]["lastHandledReconcileAt"] == "1";
    story.eventually(ACCOUNT, "echoing the request", handled).await;

    story.cost(&[LIST, LIST], &[(ACCOUNT, "status ×2")]).await;
    story.end().await;
}
