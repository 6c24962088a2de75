//! Deletes end: each one either takes the vendor's object with it, or says what it waits for and how to do without.

use serde_json::{Value, json};

use crate::support::objects::{condition, condition_message};
use crate::support::story::{DEADLINE, Story};

const ACCOUNT: &str = "OnomondoAccount/default";
const OBJECT: &str = "OnomondoConnector/plant-a";

const PLANT_A: &str = "
kind: OnomondoConnector
metadata: {name: plant-a}
spec:
  type: https
  https: {host: 'https://ingest.example.com/v1', shouldReturnBody: true}
";

const POST: &str = "POST /connectors plant-a";
const DELETE: &str = "DELETE /connectors/plant-a";

/// A connector that is in sync, after the list that confirms it.
async fn in_sync(name: &str) -> Story {
    let mut story = Story::begin(name).await;
    story.onomondo_account("").await;
    story.apply(PLANT_A).await;
    story.ready(OBJECT).await;
    let shows_it = |account: &Value| account["status"]["lastSnapshot"]["objects"] == 1;
    story.eventually(ACCOUNT, "read with the connector", shows_it).await;
    story.vendor.wait_for("GET", 2, DEADLINE).await;
    story
}

/// Waits until the delete is blocked, and returns what a person reads.
async fn blocked(story: &Story) -> String {
    let blocked = story.becomes(OBJECT, "Ready", "False/DeletionBlocked").await;
    assert_eq!(condition(&blocked, "Reconciling"), "True/DeletionBlocked");
    assert_eq!(condition(&blocked, "Stalled"), "-");
    condition_message(&blocked, "Ready")
}

#[tokio::test]
async fn a_delete_while_the_vendor_is_down_waits_for_it() {
    let mut story = in_sync("deletes-down").await;
    story.vendor.goes_down().await;
    story.delete(OBJECT).await;
    let message = blocked(&story).await;
    assert!(
        message.starts_with("plant-a: plant-a cannot be deleted: the vendor could not be reached: "),
        "{message}"
    );

    story.vendor.comes_back().await;
    story.gone(OBJECT).await;
    assert_eq!(story.vendor_writes().await, [DELETE]);
    assert_eq!(story.vendor.connector("plant-a").await, None);
    story.end().await;
}

#[tokio::test]
async fn an_account_that_is_deleted_first_stays_until_its_connectors_are_gone() {
    let story = in_sync("deletes-account-first").await;
    story.delete(ACCOUNT).await;
    let waiting = story.becomes(ACCOUNT, "Ready", "False/DeletionBlocked").await;
    assert_eq!(condition(&waiting, "Reconciling"), "True/DeletionBlocked");
    let message = "account deletes-account-first/default is needed until the connectors that use it are gone, 1 in all: \
                   deletes-account-first/plant-a";
    assert_eq!(condition_message(&waiting, "Ready"), message);
    assert_eq!(story.condition(OBJECT, "Ready").await, "True/Succeeded");

    story.delete(OBJECT).await;
    story.gone(OBJECT).await;
    story.gone(ACCOUNT).await;
    assert_eq!(story.vendor_writes().await, [POST, DELETE]);
    story.end().await;
}

#[tokio::test]
async fn a_namespace_that_loses_its_credential_first_is_cleaned_up_all_the_same() {
    let story = in_sync("deletes-secret-first").await;
    story.delete("Secret/onomondo").await;
    story.becomes(ACCOUNT, "Ready", "False/SecretNotFound").await;
    story.delete(OBJECT).await;
    story.gone(OBJECT).await;
    assert_eq!(story.vendor_writes().await, [POST, DELETE]);

    story.delete(ACCOUNT).await;
    story.gone(ACCOUNT).await;
    story.end().await;
}

#[tokio::test]
async fn a_connector_that_sims_are_mapped_to_names_them_and_goes_when_they_are_gone() {
    let story = in_sync("deletes-sims").await;
    story.vendor.map_sim("8945020000000000001", "plant-a").await;
    story.delete(OBJECT).await;
    let message = "plant-a: plant-a cannot be deleted: it is still mapped to 1 SIMs (ids 8945020000000000001); map them to another \
                   connector or to none at Onomondo";
    assert_eq!(blocked(&story).await, message);
    let asked = story.vendor_requests().await;
    let refusal = format!("{DELETE} -> 403");
    let refused = asked.iter().position(|request| *request == refusal).expect("a DELETE that was refused");
    assert_eq!(asked[refused + 1], "GET /sims?filter%5B%5D=connector%3Aplant-a&limit=5");

    story.vendor.unmap_sim("8945020000000000001").await;
    story.gone(OBJECT).await;
    let writes = story.vendor_writes().await;
    assert_eq!(writes.last().unwrap(), DELETE);
    assert_eq!(story.vendor.connector("plant-a").await, None);
    story.end().await;
}

#[tokio::test]
async fn an_orphan_is_left_where_it_is() {
    for (name, orphan) in [("deletes-annotated", "annotation"), ("deletes-policy", "deletionPolicy")] {
        let story = in_sync(name).await;
        let before = story.vendor.connector("plant-a").await;
        if orphan == "annotation" {
            story.annotate(OBJECT, "connector-operator.io/orphan", "true").await;
        } else {
            story.edit(OBJECT, "spec: {deletionPolicy: Orphan}").await;
            let is_free = |object: &Value| object["metadata"]["finalizers"].is_null();
            story.eventually(OBJECT, "free of our finalizer, which has no work any more", is_free).await;
        }
        story.delete(OBJECT).await;
        story.gone(OBJECT).await;

        assert_eq!(story.vendor_writes().await, [POST]);
        assert_eq!(story.vendor.connector("plant-a").await, before);
        if orphan == "annotation" {
            let note = story.told("Normal Orphaned OnomondoConnector/plant-a").await;
            let words = "the object at the vendor was left as it is: the annotation connector-operator.io/orphan asks for it";
            assert_eq!(note, words);
        }
        story.delete(ACCOUNT).await;
        story.gone(ACCOUNT).await;
        story.end().await;
    }
}

#[tokio::test]
async fn a_404_to_a_delete_proves_nothing() {
    let story = in_sync("deletes-404").await;
    let once = json!({"method": "DELETE", "times": 1});
    story.vendor.fault(once, json!({"kind": "status", "code": 404, "body": {"error": "not_found"}})).await;
    story.delete(OBJECT).await;
    story.gone(OBJECT).await;

    // A gateway or a narrowed key says 404, too: the list showed it, so it was asked for once more.
    assert_eq!(story.vendor_writes().await, [POST, &format!("{DELETE} -> 404"), DELETE]);
    assert_eq!(story.vendor.connector("plant-a").await, None);
    story.end().await;
}

#[tokio::test]
async fn what_somebody_else_deleted_is_gone_when_two_lists_say_so() {
    let story = in_sync("deletes-already").await;
    story.vendor.remove_connector("plant-a").await;
    let before = story.vendor.newest().await;
    story.delete(OBJECT).await;
    story.gone(OBJECT).await;

    let asked = crate::support::vendor::lines(&story.vendor.requests_since(before).await);
    assert_eq!(asked, [&format!("{DELETE} -> 404"), "GET /connectors", "GET /connectors"]);
    story.end().await;
}

#[tokio::test]
async fn a_delete_in_the_middle_of_a_create_leaves_nothing_behind() {
    let answers = [
        ("deletes-created", json!({"kind": "hang", "after_applying": true})),
        // It takes effect when the POST has timed out and the list right after that has shown nothing.
        ("deletes-created-late", json!({"kind": "apply_late", "milliseconds": 2600})),
    ];
    for (name, spoiled) in answers {
        let mut story = Story::begin(name).await;
        story.onomondo_account("").await;
        story.ready(ACCOUNT).await;
        story.vendor.fault(json!({"method": "POST", "times": 1}), spoiled).await;
        story.apply(PLANT_A).await;
        story.vendor.wait_for("POST", 1, DEADLINE).await;
        story.delete(OBJECT).await;
        story.gone(OBJECT).await;

        assert_eq!(story.vendor_writes().await, [&format!("{POST} -> abandoned"), DELETE]);
        assert_eq!(story.vendor.connector("plant-a").await, None);
        story.end().await;
    }
}
