//! The vendor says "not so fast": the whole account is quiet for as long as it was told, and then goes on by itself.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use crate::plant::{ACCOUNT, DELETE, HTTPS, PLANT_A, POST, in_sync, with_account};
use crate::support::objects::{condition, condition_message};
use crate::support::vendor::Request;

const PLANT_B: &str = "OnomondoConnector/plant-b";
const PLANT_C: &str = "OnomondoConnector/plant-c";

/// The end of the hold is told in whole seconds.
const TOLERANCE: Duration = Duration::from_secs(1);

fn at(request: &Request) -> Timestamp {
    request.at.parse().expect("a moment")
}

/// `limited` makes one POST meet a 429 that asks for six seconds.
async fn the_account_is_quiet(name: &str, limited: Value) {
    const HOLD: Duration = Duration::from_secs(6);
    let story = with_account(name).await;
    story.vendor.fault(json!({"method": "POST", "times": 1}), limited).await;

    story.apply(HTTPS).await;
    let held = story.becomes(PLANT_A, "Ready", "False/RateLimited").await;
    assert_eq!(condition(&held, "Reconciling"), "True/ProgressingWithRetry");
    let message = "plant-a: create failed: the vendor answered 429 Too Many Requests (rate_limit_exceeded); it is tried again when the \
                   vendor allows";
    assert_eq!(condition_message(&held, "Ready"), message);
    let is_told = |account: &Value| account["status"]["rateLimit"]["heldUntil"].is_string();
    let account = story.eventually(ACCOUNT, "held by its rate limit", is_told).await;
    assert_eq!(condition(&account, "Ready"), "True/Succeeded", "its list was read and understood");
    story.apply(&HTTPS.replace("plant-a", "plant-b")).await;

    story.ready(PLANT_A).await;
    story.ready(PLANT_B).await;
    let requests = story.vendor.requests().await;
    let refused = requests.iter().position(|request| request.status == Some(429)).expect("a 429");
    let pause = at(&requests[refused + 1]).duration_since(at(&requests[refused])).unsigned_abs();
    assert!(pause + TOLERANCE >= HOLD, "{} came {pause:?} after the 429", requests[refused + 1]);
    let posts = ["POST /connectors plant-a -> 429", POST, "POST /connectors plant-b"];
    // Who is held is told once; who comes meanwhile just waits.
    story.cost_in_any_order(&posts, &[(PLANT_A, "patch, status ×2"), (PLANT_B, "patch, status")]).await;
    let is_over = |account: &Value| account["status"]["rateLimit"].is_null();
    story.eventually(ACCOUNT, "no longer held", is_over).await;
    story.end().await;
}

#[tokio::test]
async fn retry_after_holds_the_whole_account() {
    let limited = json!({"kind": "rate_limited", "headers": false, "retry_after_seconds": 6});
    the_account_is_quiet("throttled-retry-after", limited).await;
}

#[tokio::test]
async fn the_vendors_own_headers_hold_the_whole_account() {
    let limited = json!({"kind": "rate_limited", "headers": true, "reset_seconds": 6});
    the_account_is_quiet("throttled-headers", limited).await;
}

#[tokio::test]
async fn an_outage_that_says_for_how_long_holds_the_whole_account() {
    const HOLD: Duration = Duration::from_secs(6);
    let story = with_account("throttled-outage").await;
    let outage = json!({"kind": "status", "code": 503, "body": {}, "headers": {"retry-after": "6"}});
    story.vendor.fault(json!({"method": "POST", "times": 1}), outage).await;

    story.apply(HTTPS).await;
    story.ready(PLANT_A).await;
    let requests = story.vendor.requests().await;
    let refused = requests.iter().position(|request| request.status == Some(503)).expect("a 503");
    // It may have been done all the same, so a list has to tell; also that one waits.
    let next = &requests[refused + 1];
    let pause = at(next).duration_since(at(&requests[refused])).unsigned_abs();
    assert!(pause + TOLERANCE >= HOLD, "{next} came {pause:?} after the 503");
    story.cost(&["POST /connectors plant-a -> 503", POST], &[(PLANT_A, "patch, status ×2")]).await;
    story.end().await;
}

#[tokio::test]
async fn who_comes_while_the_account_is_held_for_long_is_told_so_and_waits() {
    let story = with_account("throttled-for-long").await;
    let limited = json!({"kind": "rate_limited", "headers": false, "retry_after_seconds": 16});
    story.vendor.fault(json!({"method": "POST", "times": 1}), limited).await;
    story.apply(HTTPS).await;
    story.becomes(PLANT_A, "Ready", "False/RateLimited").await;

    let forced = "{name: plant-b, annotations: {connector-operator.io/reconcile-at: now}}";
    story.apply(&HTTPS.replace("{name: plant-a}", forced)).await;
    let told = story.becomes(PLANT_B, "Ready", "Unknown/RateLimited").await;
    assert_eq!(told["status"]["lastHandledReconcileAt"], json!(null), "nothing was looked at yet");
    assert_eq!(condition(&told, "Reconciling"), "True/DependencyNotReady");
    let message = "plant-b: account throttled-for-long/default is held by its rate limit, until the time that its status gives; nothing \
                   is sent before";
    assert_eq!(condition_message(&told, "Ready"), message);
    story
        .cost(&["POST /connectors plant-a -> 429"], &[(PLANT_A, "patch, status"), (PLANT_B, "status")])
        .await;

    story.ready(PLANT_A).await;
    let plant_b = story.ready(PLANT_B).await;
    assert_eq!(plant_b["status"]["lastHandledReconcileAt"], "now");
    let posts = ["POST /connectors plant-a -> 429", POST, "POST /connectors plant-b"];
    let writes = [(PLANT_A, "patch, status ×2"), (PLANT_B, "status, patch, status")];
    story.cost_in_any_order(&posts, &writes).await;
    story.end().await;
}

#[tokio::test]
async fn who_is_deleted_while_the_account_is_held_says_so_and_goes_at_once_where_nothing_is_to_be_sent() {
    let story = in_sync("throttled-deletes", HTTPS).await;
    story.apply(&HTTPS.replace("plant-a", "plant-b")).await;
    story.ready(PLANT_B).await;
    let limited = json!({"kind": "rate_limited", "headers": false, "retry_after_seconds": 25});
    story.vendor.fault(json!({"method": "POST", "times": 1}), limited).await;
    story.apply(&HTTPS.replace("plant-a", "plant-c")).await;
    story.becomes(PLANT_C, "Ready", "False/RateLimited").await;

    story.delete(PLANT_A).await;
    let blocked = story.becomes(PLANT_A, "Ready", "False/DeletionBlocked").await;
    assert_eq!(condition(&blocked, "Reconciling"), "True/DeletionBlocked");
    let message = "plant-a: account throttled-deletes/default is held by its rate limit, until the time that its status gives; nothing is \
                   sent before; to leave the object at the vendor: kubectl annotate -n throttled-deletes --overwrite \
                   onomondoconnectors/plant-a connector-operator.io/orphan=true";
    assert_eq!(condition_message(&blocked, "Ready"), message);
    story.delete(PLANT_B).await;
    story.becomes(PLANT_B, "Ready", "False/DeletionBlocked").await;
    story.annotate(PLANT_B, "connector-operator.io/orphan", "true").await;
    story.gone(PLANT_B).await;
    // Nothing came of its create.
    story.delete(PLANT_C).await;
    story.gone(PLANT_C).await;
    let calls = [POST, "POST /connectors plant-b", "POST /connectors plant-c -> 429"];
    let writes = [
        (PLANT_A, "patch, status ×2"),
        (PLANT_B, "patch, status ×2, patch"),
        (PLANT_C, "patch, status, patch"),
    ];
    story.cost(&calls, &writes).await;

    story.gone(PLANT_A).await;
    assert_eq!(story.vendor_writes().await, [&calls[..], &[DELETE]].concat());
    assert!(story.vendor.connector("plant-b").await.is_some(), "it was left");
    story.end().await;
}
