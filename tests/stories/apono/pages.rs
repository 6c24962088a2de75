//! More connectors than a page holds.

use serde_json::json;

use crate::support::story::{DEADLINE, Story};
use crate::support::vendor::Request;
use crate::support::wait;

use super::agent::{ACCOUNT, DECLARED, EDGE, ID};

/// Connectors c-000, c-001 and so on, and `c-edge` as the last one.
async fn begin(name: &str, others: usize) -> Story {
    let mut story = Story::begin(name).await;
    for number in 0..others {
        let name = format!("connector {number}");
        story.vendor.apono().put(&format!("c-{number:03}"), &json!({"name": name})).await;
    }
    story.vendor.apono().register(ID, "Edge").await;
    story.apono_account("").await;
    story.ready(ACCOUNT).await;
    story
}

async fn pages_since(story: &Story, newest: u64) -> Vec<Request> {
    let mut requests = story.vendor.requests_since(newest).await;
    requests.retain(|request| request.path == "/api/admin/v3/connectors");
    requests
}

#[tokio::test]
async fn a_list_is_read_to_its_last_page() {
    let story = begin("apono-pages", 249).await;
    story.apply(DECLARED).await;
    story.apply(&DECLARED.replace("edge", "000")).await;
    story.ready(EDGE).await;
    story.ready("AponoConnector/000").await;
    assert_eq!(story.get(ACCOUNT).await["status"]["lastSnapshot"]["objects"], 250);

    for answer in ["null", "absent", "empty"] {
        story.vendor.switch("apono.last-page-token", answer).await;
        let newest = story.vendor.newest().await;
        story.look_again().await;
        let pages = pages_since(&story, newest).await;
        assert_eq!(pages.len(), 3, "{answer}: {pages:?}");
        assert_eq!(pages[0].query.as_deref(), Some("limit=100"));
        for page in &pages[1..] {
            let query = page.query.as_deref().unwrap_or_default();
            assert!(query.starts_with("limit=100&page_token=p%2B"), "{answer}: {query}");
        }
    }
    story.vendor.switch("apono.list-order", "shuffled").await;
    story.look_again().await;
    // Nothing of that is news.
    story.cost(&[], &[(EDGE, "status"), ("AponoConnector/000", "status")]).await;
    story.end().await;
}

#[tokio::test]
async fn what_a_deletion_between_two_pages_hides_is_not_gone() {
    // `edge` is the first of the second page, or the last of the first where one before it is deleted meanwhile.
    let story = begin("apono-pages-offset", 100).await;
    story.vendor.switch("apono.page-token", "offset").await;
    story.apply(DECLARED).await;
    story.ready(EDGE).await;

    let second_page = json!({"path": "/api/admin/v3/connectors", "nth": 2, "times": 1});
    let slow = story.vendor.fault(second_page, json!({"kind": "delay", "milliseconds": 1000})).await;
    let newest = story.vendor.newest().await;
    story.annotate(ACCOUNT, "connector-operator.io/reconcile-at", "now").await;
    wait::until("the first page was read", DEADLINE, || async {
        let pages = pages_since(&story, newest).await;
        if pages.is_empty() { Err("not yet") } else { Ok(()) }
    })
    .await;
    story.vendor.apono().remove("c-000").await;
    let edge = story.becomes(EDGE, "Ready", "Unknown/Progressing").await;
    let message = "edge: c-edge is not in the vendor's list; a later list has to confirm that";
    assert_eq!(story.message(EDGE, "Ready").await, message);
    assert_eq!(edge["status"]["remote"]["id"], ID);
    assert_eq!(story.condition(EDGE, "Connected").await, "True/Connected", "nothing else is known");
    assert_eq!(story.vendor.fault_hits(slow).await, 1);

    story.ready(EDGE).await;
    story.cost(&[], &[(EDGE, "status ×3")]).await;
    story.end().await;
}

#[tokio::test]
async fn a_list_that_all_in_all_is_too_large_is_refused() {
    let mut story = Story::named("apono-pages-large").argument("--list-size-limit=1MiB").begin().await;
    for number in 0..300 {
        let name = "n".repeat(4000);
        story
            .vendor
            .apono()
            .put(&format!("c-{number:03}"), &json!({"name": format!("{name}{number}")}))
            .await;
    }
    story.apono_account("").await;
    // Each page is within the limit.
    story.becomes(ACCOUNT, "Stalled", "True/ListTooLarge").await;
    story.end().await;
}
