//! The vendor's list lags behind what was written to it. Nobody is to notice.

use serde_json::{Value, json};

use crate::plant::{ACCOUNT, NEVER_ADOPTED, PATCH, PLANT_A, POST, with_account};
use crate::support::story::{DEADLINE, Story};

/// The next list is as it was before the last write.
async fn next_list_lags(story: &Story) {
    let once = json!({"method": "GET", "path": "/connectors", "times": 1});
    story.vendor.fault(once, json!({"kind": "stale_list", "writes": 1})).await;
}

/// Waits until `lists` lists were sent, and the operator has looked at the connector once more since.
async fn looked_at_after(story: &Story, lists: usize) -> Value {
    story.vendor.wait_for("GET", lists, DEADLINE).await;
    let mark = format!("after list {lists}");
    story.annotate(PLANT_A, "connector-operator.io/reconcile-at", &mark).await;
    let is_handled = |object: &Value| object["status"]["lastHandledReconcileAt"] == mark.as_str();
    story.eventually(PLANT_A, "looked at again", is_handled).await
}

#[tokio::test]
async fn a_list_that_lags_a_write_neither_repeats_it_nor_shows_in_the_status() {
    let mut story = Story::named("lag").argument("--consistency-allowance=20s").begin().await;
    story.onomondo_account("").await;
    story.ready(ACCOUNT).await;

    next_list_lags(&story).await;
    story.apply(NEVER_ADOPTED).await;
    let created = story.ready(PLANT_A).await;
    let seen = looked_at_after(&story, 2).await;
    assert_eq!(seen["status"]["conditions"], created["status"]["conditions"], "it flaps");
    story.cost(&[POST], &[(PLANT_A, "patch, status ×2")]).await;

    next_list_lags(&story).await;
    story.edit(PLANT_A, "spec: {https: {shouldReturnBody: true}}").await;
    let changed = story.ready(PLANT_A).await;
    let seen = looked_at_after(&story, 3).await;
    assert_eq!(seen["status"]["conditions"], changed["status"]["conditions"], "it flaps");
    // Created, looked at, changed, looked at.
    story.cost(&[POST, PATCH], &[(PLANT_A, "patch, status ×4")]).await;
    story.end().await;
}

#[tokio::test]
async fn a_list_that_lags_a_post_whose_answer_was_lost_does_not_double_it() {
    let story = with_account("lag-after-doubt").await;
    next_list_lags(&story).await;
    story.vendor.fault(json!({"method": "POST", "times": 1}), json!({"kind": "cut_after_applying"})).await;

    story.apply(NEVER_ADOPTED).await;
    story.ready(PLANT_A).await;

    assert_eq!(story.vendor.connectors().await.len(), 1);
    // The failure, the doubt, and the end of both.
    story.cost(&["POST /connectors plant-a -> cut"], &[(PLANT_A, "patch, status ×3")]).await;
    story.end().await;
}

#[tokio::test]
async fn a_list_that_lags_after_a_crash_does_not_double_the_post() {
    let mut story = Story::named("lag-after-crash").value("leaderElection.enabled", false).begin().await;
    story.onomondo_account("").await;
    story.ready(ACCOUNT).await;
    story
        .vendor
        .fault(json!({"method": "POST", "times": 1}), json!({"kind": "hang", "after_applying": true}))
        .await;
    story.apply(NEVER_ADOPTED).await;
    story.vendor.wait_for("POST", 1, DEADLINE).await;
    story.operator().kill().await;

    next_list_lags(&story).await;
    story.operator().restart().await;
    story.ready(PLANT_A).await;

    assert_eq!(story.vendor.connectors().await.len(), 1);
    // The doubt, and its end.
    story.cost(&["POST /connectors plant-a -> abandoned"], &[(PLANT_A, "patch, status ×2")]).await;
    story.end().await;
}
