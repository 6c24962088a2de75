//! Creation and deletion take their time.

use std::time::Duration;

use serde_json::json;
use tokio::time::advance;

use super::support::{Hub, connection};

/// A creation takes 5 seconds, a deletion 7, and what is Deleted is listed for 11.
fn slow() -> Hub {
    Hub::with_switches(&[
        ("omf.creating-milliseconds", "5000"),
        ("omf.deleting-milliseconds", "7000"),
        ("omf.deleted-milliseconds", "11000"),
    ])
}

const ALMOST: Duration = Duration::from_millis(999);
const MILLISECOND: Duration = Duration::from_millis(1);

#[tokio::test(start_paused = true)]
async fn a_connection_is_creating_and_then_active() {
    let hub = slow();
    let id = hub.has("line-7", &["a"]).await;
    advance(Duration::from_secs(4) + ALMOST).await;
    assert_eq!(hub.states().await, ["line-7 Creating"]);
    advance(MILLISECOND).await;
    assert_eq!(hub.states().await, ["line-7 Active"]);
    assert_eq!(hub.read(&id).await.body["State"], "Active");
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_deleting_then_deleted_then_gone() {
    let hub = slow();
    let id = hub.has_active("line-7", &["a"]).await;
    let deleted = hub.remove(&id).await;
    assert_eq!((deleted.status, &deleted.body["State"]), (202, &json!("Deleting")));
    advance(Duration::from_secs(6) + ALMOST).await;
    assert_eq!(hub.states().await, ["line-7 Deleting"]);
    advance(MILLISECOND).await;
    assert_eq!(hub.states().await, ["line-7 Deleted"]);
    assert_eq!(hub.read(&id).await.status, 200);
    advance(Duration::from_secs(10) + ALMOST).await;
    assert_eq!(hub.states().await, ["line-7 Deleted"]);
    advance(MILLISECOND).await;
    assert_eq!(hub.states().await, Vec::<String>::new());
    for answer in
        [hub.read(&id).await, hub.put(&id, connection("line-7", &["a"])).await, hub.remove(&id).await]
    {
        assert_eq!((answer.status, &answer.body["Parameters"]["OmfConnectionId"]), (404, &json!(id)));
    }
}

#[tokio::test(start_paused = true)]
async fn time_passes_for_what_nobody_looks_at() {
    let hub = slow();
    let id = hub.has_active("line-7", &["a"]).await;
    hub.remove(&id).await;
    advance(Duration::from_secs(18)).await;
    assert_eq!(hub.states().await, Vec::<String>::new(), "through Deleting and Deleted in one go");
    hub.has("line-8", &["a"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_list_that_lags_shows_what_passed_while_nobody_looked() {
    let hub = slow();
    let id = hub.has_active("line-7", &["a"]).await;
    hub.remove(&id).await;
    advance(Duration::from_secs(20)).await;
    for (seconds_ago, expected) in [(1, vec![]), (5, vec!["line-7 Deleted"]), (15, vec!["line-7 Deleting"])] {
        let lag = json!({ "kind": "stale_list", "milliseconds": seconds_ago * 1000 });
        hub.fault(json!({ "method": "GET", "times": 1 }), lag).await;
        assert_eq!(hub.states().await, expected, "{seconds_ago} seconds ago");
    }
}

#[tokio::test(start_paused = true)]
async fn what_would_stay_for_ever_can_be_let_go() {
    let hub = Hub::with_switches(&[("omf.creation", "stays"), ("omf.deletion", "stays")]);
    let leaving = hub.has_active("leaving", &["a"]).await;
    hub.has("coming", &["b"]).await;
    hub.remove(&leaving).await;
    advance(Duration::from_hours(24)).await;
    assert_eq!(hub.states().await, ["leaving Deleting", "coming Creating"]);
    hub.control("POST", "/omf/settle", None).await;
    assert_eq!(hub.states().await, ["coming Active"]);

    hub.has("late", &["c"]).await;
    advance(Duration::from_hours(1)).await;
    hub.switch("omf.creation", "completes").await;
    assert_eq!(
        hub.states().await,
        ["coming Active", "late Active"],
        "a new answer counts from the beginning"
    );
}

#[tokio::test(start_paused = true)]
async fn a_delete_interrupts_a_creation() {
    let hub = slow();
    let id = hub.has("line-7", &["a"]).await;
    advance(Duration::from_secs(4)).await;
    assert_eq!(hub.remove(&id).await.status, 202);
    advance(Duration::from_secs(4)).await;
    assert_eq!(hub.states().await, ["line-7 Deleting"], "never Active any more");
}

#[tokio::test(start_paused = true)]
async fn an_update_under_way_does_not_hold_it_up() {
    let hub = slow();
    hub.switch("omf.put-under-way", "accepted").await;
    let id = hub.has("line-7", &["a"]).await;
    advance(Duration::from_secs(4)).await;
    assert_eq!(hub.put(&id, connection("line-8", &["b"])).await.status, 200);
    assert_eq!(hub.states().await, ["line-8 Creating"]);
    advance(Duration::from_secs(1)).await;
    assert_eq!(hub.states().await, ["line-8 Active"]);
}

#[tokio::test(start_paused = true)]
async fn a_list_lags_behind_writes_and_behind_time() {
    let hub = slow();
    let id = hub.has("line-7", &["a"]).await;
    advance(Duration::from_secs(6)).await;
    let lag = async |action: serde_json::Value| {
        hub.fault(json!({ "method": "GET", "times": 1 }), action).await;
        hub.states().await
    };
    assert_eq!(lag(json!({ "kind": "stale_list", "milliseconds": 2000 })).await, ["line-7 Creating"]);
    assert_eq!(lag(json!({ "kind": "stale_list", "milliseconds": 7000 })).await, Vec::<String>::new());
    assert_eq!(lag(json!({ "kind": "stale_list", "writes": 1 })).await, Vec::<String>::new());
    hub.put(&id, connection("line-8", &["a"])).await;
    assert_eq!(lag(json!({ "kind": "stale_list", "writes": 1 })).await, ["line-7 Active"]);
    assert_eq!(lag(json!({ "kind": "shrink_list", "without": ["line-8"] })).await, Vec::<String>::new());
    assert_eq!(lag(json!({ "kind": "shrink_list", "without": [id] })).await, Vec::<String>::new());
    assert_eq!(lag(json!({ "kind": "shrink_list", "keep": 1 })).await, ["line-8 Active"]);
}
