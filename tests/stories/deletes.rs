//! Deletes end: each one either takes the vendor's object with it, or says what it waits for and how to do without.

use serde_json::{Value, json};

use crate::plant::{
    ACCOUNT, DELETE, HTTPS, LIST, PLANT_A, POST, in_sync, refused_because_of_sims, with_account,
};
use crate::support::objects::{condition, condition_message};
use crate::support::story::{DEADLINE, Story};

/// Waits until the delete is blocked, and returns what a person reads.
async fn blocked(story: &Story) -> String {
    let blocked = story.becomes(PLANT_A, "Ready", "False/DeletionBlocked").await;
    assert_eq!(condition(&blocked, "Reconciling"), "True/DeletionBlocked");
    assert_eq!(condition(&blocked, "Stalled"), "-");
    condition_message(&blocked, "Ready")
}

#[tokio::test]
async fn a_delete_while_the_vendor_is_down_waits_for_it() {
    let mut story = in_sync("deletes-down", HTTPS).await;
    story.vendor.goes_down().await;
    story.delete(PLANT_A).await;
    let message = blocked(&story).await;
    assert!(
        message.starts_with("plant-a: plant-a cannot be deleted: the vendor could not be reached: "),
        "{message}"
    );

    // The list that was asked for in doubt fails, too, and then nothing is tried before one comes.
    let unread =
        |seen: &Value| condition_message(seen, "Ready").starts_with("plant-a: the vendor cannot be read: ");
    story.eventually(PLANT_A, "told that the vendor cannot be read", unread).await;

    story.vendor.comes_back().await;
    story.gone(PLANT_A).await;
    assert_eq!(story.vendor.connector("plant-a").await, None);
    // The vendor that came back knows nothing of the POST any more.
    story.cost(&[DELETE], &[(PLANT_A, "patch, status ×3, patch")]).await;
    story.end().await;
}

#[tokio::test]
async fn of_two_that_the_vendor_lists_under_its_name_none_is_deleted() {
    let story = in_sync("deletes-two", HTTPS).await;
    let twin =
        json!({"name": "plant-a", "type": "https", "options": {"host": "https://ingest.example.com/v1"}});
    let twins = json!({"kind": "status", "code": 200, "body": [twin.clone(), twin]});
    story.vendor.fault(json!({"method": "GET", "path": "/connectors"}), twins).await;
    story.look_again().await;
    story.becomes(PLANT_A, "Stalled", "True/Conflict").await;

    story.delete(PLANT_A).await;
    let message = blocked(&story).await;
    let why = "plant-a: the vendor has 2 named plant-a, and which of them is its own cannot be told; leave one of them there; ";
    assert!(message.starts_with(why), "{message}");
    story.cost(&[POST], &[(PLANT_A, "patch, status ×3")]).await;

    story.vendor.heal().await;
    story.ask_for_a_list(ACCOUNT).await;
    story.gone(PLANT_A).await;
    story.cost(&[POST, DELETE], &[(PLANT_A, "patch, status ×3, patch")]).await;
    story.end().await;
}

#[tokio::test]
async fn an_account_that_is_deleted_first_goes_when_its_last_connector_needs_it_no_longer() {
    let story = in_sync("deletes-account-let-go", HTTPS).await;
    story.delete(ACCOUNT).await;
    story.becomes(ACCOUNT, "Ready", "False/DeletionBlocked").await;

    // From now on its delete would call nobody.
    story.edit(PLANT_A, "spec: {deletionPolicy: Orphan}").await;
    story.gone(ACCOUNT).await;
    assert_eq!(story.vendor_writes().await, [POST], "the vendor's object stays");
    story.end().await;
}

#[tokio::test]
async fn an_account_that_is_suspended_and_deleted_goes_on_where_it_stopped() {
    let story = in_sync("deletes-suspended", HTTPS).await;
    story.edit(ACCOUNT, "spec: {suspend: true}").await;
    story.becomes(ACCOUNT, "Ready", "Unknown/Suspended").await;
    story.delete(ACCOUNT).await;
    story
        .eventually(ACCOUNT, "being deleted", |seen| seen["metadata"]["deletionTimestamp"].is_string())
        .await;

    story.edit(ACCOUNT, "spec: {suspend: false}").await;
    story.becomes(ACCOUNT, "Ready", "False/DeletionBlocked").await;
    story.ready(PLANT_A).await;
    story.delete(PLANT_A).await;
    story.gone(PLANT_A).await;
    story.gone(ACCOUNT).await;
    assert_eq!(story.vendor_writes().await, [POST, DELETE]);
    story.end().await;
}

#[tokio::test]
async fn an_account_that_is_deleted_first_stays_until_its_connectors_are_gone() {
    let story = in_sync("deletes-account-first", HTTPS).await;
    story.delete(ACCOUNT).await;
    let waiting = story.becomes(ACCOUNT, "Ready", "False/DeletionBlocked").await;
    assert_eq!(condition(&waiting, "Reconciling"), "True/DeletionBlocked");
    let message = "account deletes-account-first/default is needed until the connectors that use it are gone, 1 in all: \
                   deletes-account-first/plant-a";
    assert_eq!(condition_message(&waiting, "Ready"), message);
    assert_eq!(story.condition(PLANT_A, "Ready").await, "True/Succeeded");

    story.delete(PLANT_A).await;
    story.gone(PLANT_A).await;
    story.gone(ACCOUNT).await;
    // The account says what it waits for, and its finalizer goes last.
    let writes = [(ACCOUNT, "status, patch, status ×2, patch"), (PLANT_A, "patch, status, patch")];
    story.cost(&[POST, DELETE], &writes).await;
    story.end().await;
}

#[tokio::test]
async fn a_namespace_that_loses_its_credential_first_is_cleaned_up_all_the_same() {
    let story = in_sync("deletes-secret-first", HTTPS).await;
    story.delete("Secret/onomondo").await;
    story.becomes(ACCOUNT, "Ready", "False/SecretNotFound").await;
    story.becomes(PLANT_A, "Ready", "Unknown/AccountNotReady").await;
    story.delete(PLANT_A).await;
    story.gone(PLANT_A).await;
    story.delete(ACCOUNT).await;
    story.gone(ACCOUNT).await;
    let writes = [(ACCOUNT, "status, patch, status ×2, patch"), (PLANT_A, "patch, status ×2, patch")];
    story.cost(&[POST, DELETE], &writes).await;
    story.end().await;
}

#[tokio::test]
async fn a_connector_that_sims_are_mapped_to_names_them_and_goes_when_they_are_gone() {
    let story = in_sync("deletes-sims", HTTPS).await;
    story.vendor.map_sim("8945020000000000001", "plant-a").await;
    story.delete(PLANT_A).await;
    let message = "plant-a: plant-a cannot be deleted: it is still mapped to 1 SIMs (ids 8945020000000000001); map them to another \
                   connector or to none at Onomondo";
    assert_eq!(blocked(&story).await, message);

    story.vendor.unmap_sim("8945020000000000001").await;
    story.gone(PLANT_A).await;
    assert_eq!(story.vendor.connector("plant-a").await, None);
    let asked = [&[POST][..], &refused_because_of_sims(&story).await, &[DELETE]].concat();
    story.cost(&asked, &[(PLANT_A, "patch, status ×2, patch")]).await;
    story.end().await;
}

#[tokio::test]
async fn an_orphan_is_left_where_it_is() {
    for (name, orphan) in [("deletes-annotated", "annotation"), ("deletes-policy", "deletionPolicy")] {
        let story = in_sync(name, HTTPS).await;
        let before = story.vendor.connector("plant-a").await;
        if orphan == "annotation" {
            story.annotate(PLANT_A, "connector-operator.io/orphan", "true").await;
        } else {
            story.edit(PLANT_A, "spec: {deletionPolicy: Orphan}").await;
            let seen = story.ready(PLANT_A).await;
            assert_eq!(seen["metadata"]["finalizers"], Value::Null, "it has no work any more");
        }
        story.delete(PLANT_A).await;
        story.gone(PLANT_A).await;

        assert_eq!(story.vendor.connector("plant-a").await, before);
        if orphan == "annotation" {
            let note = story.told("Normal Orphaned OnomondoConnector/plant-a").await;
            let words = "the object at the vendor was left as it is: the annotation connector-operator.io/orphan asks for it";
            assert_eq!(note, words);
        }
        story.delete(ACCOUNT).await;
        story.gone(ACCOUNT).await;
        // The policy takes the finalizer off at once, and its edit is observed; the annotation only at the end.
        let writes =
            if orphan == "annotation" { "patch, status, patch" } else { "patch, status, patch, status" };
        story.cost(&[POST], &[(ACCOUNT, "status, patch, status, patch"), (PLANT_A, writes)]).await;
        story.end().await;
    }
}

#[tokio::test]
async fn a_404_to_a_delete_proves_nothing() {
    let story = in_sync("deletes-404", HTTPS).await;
    let once = json!({"method": "DELETE", "times": 1});
    story.vendor.fault(once, json!({"kind": "status", "code": 404, "body": {"error": "not_found"}})).await;
    story.delete(PLANT_A).await;
    story.gone(PLANT_A).await;

    // A gateway or a narrowed key says 404, too: the list showed it, so it was asked for once more.
    assert_eq!(story.vendor.connector("plant-a").await, None);
    story.cost(&[POST, &format!("{DELETE} -> 404"), DELETE], &[(PLANT_A, "patch, status ×2, patch")]).await;
    story.end().await;
}

#[tokio::test]
async fn a_gateways_page_in_answer_to_a_delete_proves_nothing() {
    let story = in_sync("deletes-page", HTTPS).await;
    // A captive portal says 200 to anything, and the vendor has heard of nothing.
    let once = json!({"method": "DELETE", "times": 1});
    story.vendor.fault(once, json!({"kind": "html", "code": 200})).await;
    story.delete(PLANT_A).await;
    story.gone(PLANT_A).await;

    assert_eq!(story.vendor.connector("plant-a").await, None);
    story.cost(&[POST, DELETE, DELETE], &[(PLANT_A, "patch, status ×2, patch")]).await;
    story.end().await;
}

#[tokio::test]
async fn what_somebody_else_deleted_is_gone_when_two_lists_say_so() {
    let story = in_sync("deletes-already", HTTPS).await;
    story.vendor.remove_connector("plant-a").await;
    story.delete(PLANT_A).await;
    story.gone(PLANT_A).await;
    // That it cannot be deleted, and that a list lacks it.
    let asked = [LIST, POST, LIST, &format!("{DELETE} -> 404"), LIST, LIST];
    story.cost(&asked, &[(PLANT_A, "patch, status ×3, patch")]).await;
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
        let story = with_account(name).await;
        story.vendor.fault(json!({"method": "POST", "times": 1}), spoiled).await;
        story.apply(HTTPS).await;
        story.vendor.wait_for("POST", 1, DEADLINE).await;
        // The list after the POST comes when the pass has begun anew.
        let next_list = json!({"method": "GET", "times": 1});
        story.vendor.fault(next_list, json!({"kind": "delay", "milliseconds": 300})).await;
        story.delete(PLANT_A).await;
        story.gone(PLANT_A).await;

        assert_eq!(story.vendor.connector("plant-a").await, None);
        // The status of the create meets an object that is being deleted since. Then it says that it waits for a list.
        let writes = [(PLANT_A, "patch, status -> 409, status, patch")];
        story.cost(&[&format!("{POST} -> abandoned"), DELETE], &writes).await;
        story.end().await;
    }
}
