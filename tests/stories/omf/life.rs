//! A connection is declared, is made by the vendor in its own time, and goes again.

use serde_json::{Value, json};

use super::line::{LINE_7, ONE, POST, at_once, begin, connection, delete_of, id_of, in_sync, update_of};
use crate::support::objects::{condition, condition_message};
use crate::support::story::Story;

/// Waits until `Ready` says that the vendor is at work, and returns its message.
async fn at_work(story: &Story, state: &str) -> (Value, String) {
    let in_state = |seen: &Value| condition_message(seen, "Ready").contains(state);
    let seen = story.eventually(LINE_7, state, in_state).await;
    assert_eq!(condition(&seen, "Ready"), "Unknown/Progressing");
    assert_eq!(condition(&seen, "Reconciling"), "True/Progressing");
    assert_eq!(condition(&seen, "Stalled"), "-");
    let message = condition_message(&seen, "Ready");
    (seen, message)
}

#[tokio::test]
async fn a_connection_is_created_once_waits_for_active_and_is_deleted_once() {
    let opening = Story::named("omf-life").switch("omf.creating-milliseconds", "3000");
    let story = begin(opening.switch("omf.deleted-milliseconds", "60000")).await;
    story.apply(&connection("line-7", &[ONE], "description: Historian feed of line 7")).await;
    let (creating, message) = at_work(&story, "Creating").await;
    let remote = &creating["status"]["remote"];
    let since = remote["createdDate"].as_str().expect("a date");
    assert_eq!(remote["state"], "Creating");
    assert_eq!(message, format!("line-7: Creating since {since}"));

    let line_7 = story.ready(LINE_7).await;
    assert_eq!(line_7["status"]["remote"]["state"], "Active");
    let id = id_of(&line_7);
    let at_the_vendor = story.vendor.data_hub().connection("line-7").await;
    assert_eq!(at_the_vendor["Id"], id.as_str());
    let body = json!({"Name": "line-7", "Description": "Historian feed of line 7", "ClientIds": [ONE]});
    assert_eq!(story.sent_since(0).await, [(POST.to_owned(), body)]);
    // One status for Creating, one for Active.
    story.cost(&[POST], &[(LINE_7, "patch, status ×2")]).await;

    story.delete(LINE_7).await;
    let (deleting, message) = at_work(&story, "Deleting").await;
    assert_eq!(message, "line-7: Deleting at the vendor");
    assert_eq!(id_of(&deleting), id);
    story.gone(LINE_7).await;
    let delete = delete_of(&id);
    story.cost(&[POST, &delete], &[(LINE_7, "patch, status ×3, patch")]).await;
    let note = story.told(&format!("Normal Deleted {LINE_7}")).await;
    assert_eq!(note, format!("{id} is gone at the vendor"));
    story.end().await;
}

#[tokio::test]
async fn a_vendor_that_is_done_at_once_costs_one_status_less() {
    let story = begin(at_once("omf-life-at-once")).await;
    story.apply(&connection("line-7", &[ONE], "")).await;
    let line_7 = story.ready(LINE_7).await;
    assert_eq!(line_7["status"]["remote"]["state"], "Active");
    let body = json!({"Name": "line-7", "ClientIds": [ONE]});
    assert_eq!(story.sent_since(0).await, [(POST.to_owned(), body)], "what is not declared is not sent");
    story.the_last_write_is_listed().await;
    story.cost(&[POST], &[(LINE_7, "patch, status")]).await;
    story.end().await;
}

#[tokio::test]
async fn an_answer_that_says_active_too_early_is_put_right_by_the_list() {
    let opening = Story::named("omf-life-too-early").switch("omf.create-reply", "active");
    let story = begin(opening.switch("omf.creating-milliseconds", "6000")).await;
    story.apply(&connection("line-7", &[ONE], "")).await;
    story.ready(LINE_7).await;
    at_work(&story, "Creating since").await;
    story.ready(LINE_7).await;
    story.cost(&[POST], &[(LINE_7, "patch, status ×3")]).await;
    story.end().await;
}

#[tokio::test]
async fn a_creation_that_takes_long_is_shown_and_left_alone_until_the_vendor_is_done() {
    let story = begin(Story::named("omf-life-stays").switch("omf.creation", "stays")).await;
    story.apply(&connection("line-7", &[ONE], "")).await;
    at_work(&story, "Creating since").await;
    story.lists_come(3).await;
    story.edit(LINE_7, "spec: {description: 'Written meanwhile'}").await;
    let is_seen = |seen: &Value| seen["status"]["observedGeneration"] == 2;
    story.eventually(LINE_7, "looked at", is_seen).await;
    story.lists_come(1).await;
    // It is neither made again nor changed, and lists that show nothing new write nothing.
    story.cost(&[POST], &[(LINE_7, "patch, status ×2")]).await;

    story.vendor.data_hub().settle().await;
    let line_7 = story.ready(LINE_7).await;
    let [get, put] = update_of(&id_of(&line_7), "line-7");
    assert_eq!(story.vendor.data_hub().connection("line-7").await["Description"], "Written meanwhile");
    story.cost(&[POST, &get, &put], &[(LINE_7, "patch, status ×3")]).await;
    story.end().await;
}

#[tokio::test]
async fn a_connection_that_is_still_creating_is_deleted_all_the_same() {
    let opening = Story::named("omf-life-delete-early").switch("omf.creation", "stays");
    let story = begin(opening.switch("omf.deleted-milliseconds", "60000")).await;
    story.apply(&connection("line-7", &[ONE], "")).await;
    let (creating, _) = at_work(&story, "Creating since").await;
    story.delete(LINE_7).await;
    story.gone(LINE_7).await;
    let delete = delete_of(&id_of(&creating));
    story.cost(&[POST, &delete], &[(LINE_7, "patch, status ×2, patch")]).await;
    story.end().await;
}

#[tokio::test]
async fn a_connection_that_somebody_else_deletes_is_left_alone_and_created_again_once_it_is_gone() {
    let (story, id) = in_sync("omf-life-deleted-elsewhere", &[ONE], "").await;
    let hub = story.vendor.data_hub();
    hub.change_connection(&id, &json!({"State": "Deleting"})).await;
    story.look_again().await;
    let (_, message) = at_work(&story, "Deleting").await;
    assert_eq!(message, "line-7: Deleting at the vendor; once it is gone, it is created again");
    story.edit(LINE_7, "spec: {name: Line 7}").await;
    let is_seen = |seen: &Value| seen["status"]["observedGeneration"] == 2;
    story.eventually(LINE_7, "looked at", is_seen).await;
    story.cost(&[POST], &[(LINE_7, "patch, status ×3")]).await;

    hub.change_connection(&id, &json!({"State": "Deleted"})).await;
    let is_another = |seen: &Value| {
        condition(seen, "Ready") == "True/Succeeded" && seen["status"]["remote"]["id"] != id.as_str()
    };
    story.eventually(LINE_7, "created again", is_another).await;
    assert_eq!(hub.states().await, ["line-7 Deleted", "Line 7 Active"]);
    // The old claim and the lost identity are taken away before anything is created again, under a new claim.
    let again = "POST /OmfConnections Line 7";
    story.cost(&[POST, again], &[(LINE_7, "patch, status ×3, patch, status, patch, status")]).await;
    story.end().await;
}

#[tokio::test]
async fn a_deleted_row_that_stays_listed_holds_nothing_up() {
    let (story, id) = in_sync("omf-life-deleted-row", &[ONE], "").await;
    story.vendor.switch("omf.deleted-row", "stays").await;
    story.delete(LINE_7).await;
    story.gone(LINE_7).await;
    assert_eq!(story.vendor.data_hub().states().await, ["line-7 Deleted"]);

    story.apply(&connection("line-7", &[ONE], "")).await;
    let line_7 = story.ready(LINE_7).await;
    assert_ne!(id_of(&line_7), id);
    story.look_again().await;
    let delete = delete_of(&id);
    story.cost(&[POST, &delete, POST], &[(LINE_7, "patch, status ×2, patch ×2, status")]).await;
    story.end().await;
}

#[tokio::test]
async fn a_vendor_that_never_lists_a_deleted_row_is_believed_after_two_lists() {
    let (story, id) = in_sync("omf-life-vanishes", &[ONE], "").await;
    story.vendor.switch("omf.deleted-row", "vanishes").await;
    story.delete(LINE_7).await;
    story.gone(LINE_7).await;
    let delete = delete_of(&id);
    story.cost(&[POST, &delete], &[(LINE_7, "patch, status ×3, patch")]).await;
    story.end().await;
}

#[tokio::test]
async fn a_delete_that_the_vendor_does_not_finish_waits_and_says_so() {
    let (story, id) = in_sync("omf-life-deletion-stays", &[ONE], "").await;
    story.vendor.switch("omf.deletion", "stays").await;
    story.delete(LINE_7).await;
    at_work(&story, "Deleting").await;
    story.lists_come(2).await;
    let delete = delete_of(&id);
    story.cost(&[POST, &delete], &[(LINE_7, "patch, status ×2")]).await;
    story.vendor.data_hub().settle().await;
    story.gone(LINE_7).await;
    story.cost(&[POST, &delete], &[(LINE_7, "patch, status ×3, patch")]).await;
    story.end().await;
}
