//! A person, or Flux, asks for a look at the vendor now: the vendor is read anew, and the status says when that was handled.

use crate::plant::{ACCOUNT, HTTPS, LIST, PATCH, PLANT_A, POST, in_sync, with_account};
use crate::support::story::Story;

const OURS: &str = "connector-operator.io/reconcile-at";
const FLUX: &str = "reconcile.fluxcd.io/requestedAt";

/// Both annotations stay on the object with what they said last: either one counts that says something new.
const ONE_AFTER_THE_OTHER: [(&str, &str); 4] =
    [(FLUX, "2026-01-01T10:00:00Z"), (OURS, "now, please"), (FLUX, "2026-01-01T11:00:00Z"), (OURS, "again")];

#[tokio::test]
async fn a_forced_pass_reads_the_vendor_and_is_echoed() {
    let story = in_sync("forced", HTTPS).await;

    for (annotation, value) in ONE_AFTER_THE_OTHER {
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
    let writes = [(ACCOUNT, "status, patch, status"), (PLANT_A, "patch, status ×5")];
    story.cost(&[LIST, POST, LIST, LIST, LIST, LIST, LIST], &writes).await;
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
    for (annotation, value) in ONE_AFTER_THE_OTHER {
        story.annotate(ACCOUNT, annotation, value).await;
        let handled = |seen: &serde_json::Value| seen["status"]["lastHandledReconcileAt"] == value;
        story.eventually(ACCOUNT, "echoing the request", handled).await;
    }

    story.cost(&[LIST; 5], &[(ACCOUNT, "status ×5")]).await;
    story.end().await;
}

#[tokio::test]
async fn what_was_handled_before_a_restart_is_not_asked_for_again() {
    let opening = Story::named("forced-restart").value("leaderElection.enabled", false);
    let mut story = opening.begin().await;
    story.onomondo_account("").await;
    story.ready(ACCOUNT).await;
    story.apply(HTTPS).await;
    story.ready(PLANT_A).await;
    let is_handled = |value: &'static str| {
        move |seen: &serde_json::Value| seen["status"]["lastHandledReconcileAt"] == value
    };
    for (annotation, value) in [(OURS, "1"), (FLUX, "2")] {
        story.annotate(PLANT_A, annotation, value).await;
        story.eventually(PLANT_A, "echoing the request", is_handled(value)).await;
    }
    story.settled().await;
    story.operator().kill().await;
    story.operator().restart().await;
    story.has_listed().await;
    story.settled().await;
    story.annotate(PLANT_A, OURS, "3").await;
    story.eventually(PLANT_A, "echoing the request", is_handled("3")).await;
    story.cost(&[POST], &[(PLANT_A, "patch, status ×4")]).await;
    story.end().await;
}
