//! The vendor is away, or somebody else answers in its place. Nothing is taken for gone, and what was in sync is left in peace.

use serde_json::{Value, json};

use crate::plant::{ACCOUNT, NEVER_ADOPTED, PATCH, PLANT_A, POST, with_account};
use crate::support::objects::{condition, condition_message};
use crate::support::story::{DEADLINE, Story};

/// A connector that is in sync, under an account that is read every ten seconds.
async fn in_sync(name: &str) -> Story {
    let mut story = Story::begin(name).await;
    story.onomondo_account("resyncInterval: 10s").await;
    story.apply(NEVER_ADOPTED).await;
    story.ready(PLANT_A).await;
    let shows_it = |account: &Value| account["status"]["lastSnapshot"]["objects"] == 1;
    story.eventually(ACCOUNT, "read with the connector", shows_it).await;
    story
}

async fn shows_on_the_account(story: &Story) -> String {
    let failing = story.becomes(ACCOUNT, "Ready", "False/RemoteUnavailable").await;
    assert_eq!(condition(&failing, "Reconciling"), "True/ProgressingWithRetry");
    assert_eq!(condition(&failing, "Stalled"), "-");
    assert_eq!(failing["status"]["lastSnapshot"]["objects"], 1, "the last good list is what it was");
    condition_message(&failing, "Ready")
}

#[tokio::test]
async fn the_vendor_goes_down_and_comes_back() {
    let mut story = in_sync("outage").await;
    story.vendor.goes_down().await;
    let message = shows_on_the_account(&story).await;
    assert!(message.starts_with("account outage/default: the vendor could not be reached: "), "{message}");
    assert!(message.ends_with("; it is tried again"), "{message}");
    assert_eq!(story.condition(PLANT_A, "Ready").await, "True/Succeeded");

    // What is declared meanwhile waits, and is told why.
    story.edit(PLANT_A, "spec: {https: {shouldReturnBody: true}}").await;
    let waiting = story.becomes(PLANT_A, "Ready", "False/RemoteUnavailable").await;
    assert_eq!(condition(&waiting, "Reconciling"), "True/ProgressingWithRetry");

    story.vendor.comes_back().await;
    story.ready(ACCOUNT).await;
    story.ready(PLANT_A).await;
    // The vendor that came back knows nothing of the POST any more.
    story.cost(&[PATCH], &[(PLANT_A, "patch, status ×3")]).await;
    story.end().await;
}

#[tokio::test]
async fn an_outage_costs_a_connector_in_sync_nothing() {
    let mut story = in_sync("outage-in-sync").await;
    story.vendor.goes_down().await;
    shows_on_the_account(&story).await;
    story.vendor.comes_back().await;
    story.ready(ACCOUNT).await;
    // How many lists the account sent is a matter of time.
    story.cost(&[], &[(PLANT_A, "patch, status")]).await;
    story.end().await;
}

/// A connector that is edited, so that the vendor is read.
const BEAT: &str = "OnomondoConnector/beat";
const PATCH_BEAT: &str = "PATCH /connectors/beat";

#[tokio::test]
async fn what_is_no_list_is_never_a_list_without_us() {
    let story = with_account("outage-answers").await;
    story.apply(NEVER_ADOPTED).await;
    story.apply(&NEVER_ADOPTED.replace("plant-a", "beat")).await;
    story.ready(PLANT_A).await;
    story.ready(BEAT).await;
    let shows_both = |account: &Value| account["status"]["lastSnapshot"]["objects"] == 2;
    story.eventually(ACCOUNT, "read with both connectors", shows_both).await;

    let answers = [
        (json!({"kind": "html", "code": 200}), "the vendor answered 200 OK with an HTML page"),
        (json!({"kind": "half_body", "then": "end"}), "the vendor answered 200 OK with a list that is cut"),
        (json!({"kind": "half_body", "then": "cut"}), "the vendor could not be reached: "),
        (
            json!({"kind": "status", "code": 200, "body": {"error": "down"}}),
            "the vendor answered 200 OK with an object without its list",
        ),
        (json!({"kind": "status", "code": 503, "body": []}), "the vendor answered 503 Service Unavailable"),
    ];
    for (number, (answer, words)) in answers.iter().enumerate() {
        story.vendor.fault(json!({"method": "GET"}), answer.clone()).await;
        // A write makes the operator read the vendor; the next list by the clock is an hour away.
        let beat = format!("spec: {{https: {{host: 'https://beat.example.com/{number}'}}}}");
        story.edit(BEAT, &beat).await;
        let failing = story.becomes(ACCOUNT, "Ready", "False/RemoteUnavailable").await;
        let message = condition_message(&failing, "Ready");
        assert!(
            message.starts_with(&format!("account outage-answers/default: {words}")),
            "{answer}: {message}"
        );
        assert_eq!(failing["status"]["lastSnapshot"]["objects"], 2);
        story.vendor.heal().await;
        story.ready(ACCOUNT).await;
    }
    assert_eq!(story.condition(PLANT_A, "Ready").await, "True/Succeeded");
    let sent = [&[POST, "POST /connectors beat"][..], &[PATCH_BEAT; 5]].concat();
    story.cost_in_any_order(&sent, &[(PLANT_A, "patch, status"), (BEAT, "patch, status ×6")]).await;
    story.end().await;
}

/// One POST meets this; however it looks from here, it takes effect.
async fn a_post_is_found_again(name: &str, spoiled: Value, line: &str, writes: &str) {
    let story = with_account(name).await;
    story.vendor.fault(json!({"method": "POST", "times": 1}), spoiled).await;
    story.apply(NEVER_ADOPTED).await;
    let doubtful = story.becomes(PLANT_A, "Ready", "False/RemoteUnavailable").await;
    assert_eq!(condition(&doubtful, "Reconciling"), "True/ProgressingWithRetry");
    let message = condition_message(&doubtful, "Ready");
    assert!(message.starts_with("plant-a: create failed: the vendor "), "{message}");

    story.ready(PLANT_A).await;
    story.vendor.wait_for("GET", 2, DEADLINE).await;
    assert_eq!(story.vendor.connectors().await.len(), 1);
    story.cost(&[line], &[(PLANT_A, writes)]).await;
    story.end().await;
}

#[tokio::test]
async fn a_post_that_took_effect_and_timed_out_is_found_again() {
    let hang = json!({"kind": "hang", "after_applying": true});
    a_post_is_found_again(
        "outage-timeout",
        hang,
        "POST /connectors plant-a -> abandoned",
        "patch, status ×2",
    )
    .await;
}

#[tokio::test]
async fn a_post_that_took_effect_behind_a_gateways_page_is_found_again() {
    let page = json!({"kind": "html", "code": 504, "after_applying": true});
    a_post_is_found_again("outage-gateway", page, "POST /connectors plant-a -> 504", "patch, status ×2")
        .await;
}

#[tokio::test]
async fn a_post_that_takes_effect_after_we_gave_up_is_found_again() {
    // It times out after two seconds, and the list right after that does not show it.
    let late = json!({"kind": "apply_late", "milliseconds": 2600});
    a_post_is_found_again("outage-late", late, "POST /connectors plant-a -> abandoned", "patch, status ×3")
        .await;
}
