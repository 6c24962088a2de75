//! What is edited, or changed at the vendor, is read once and written once: a GET, then the PUT that replaces everything.

use serde_json::{Value, json};

use super::line::{
    ACCOUNT, FOUR, LINE_7, ONE, POST, THREE, TWO, begin, connection, id_of, in_sync, lent, update_of,
};
use crate::support::objects::condition_message;
use crate::support::story::Story;

/// One edit, and the body of the one PUT that it has to cause.
async fn is_one_put(story: &Story, id: &str, edit: &str, body: Value) {
    let newest = story.vendor.newest().await;
    story.edit(LINE_7, edit).await;
    story.ready(LINE_7).await;
    let name = body["Name"].as_str().expect("a name").to_owned();
    let [_, put] = update_of(id, &name);
    assert_eq!(story.sent_since(newest).await, [(put, body)], "{edit}");
}

fn edited(clients: &[&str]) -> String {
    json!({"spec": {"clientIds": clients}}).to_string()
}

#[tokio::test]
async fn every_field() {
    let (story, id) = in_sync("omf-update", &[ONE], "description: The first").await;
    let body = |name: &str, description: &str, clients: &[&str]| json!({"Name": name, "Description": description, "ClientIds": clients});
    is_one_put(&story, &id, "spec: {name: Line 7}", body("Line 7", "The first", &[ONE])).await;
    let second = "spec: {description: The second}";
    is_one_put(&story, &id, second, body("Line 7", "The second", &[ONE])).await;
    is_one_put(&story, &id, "spec: {description: ''}", body("Line 7", "", &[ONE])).await;
    is_one_put(&story, &id, &edited(&[ONE, TWO, THREE]), body("Line 7", "", &[ONE, TWO, THREE])).await;
    is_one_put(&story, &id, &edited(&[THREE, FOUR]), body("Line 7", "", &[THREE, FOUR])).await;
    is_one_put(&story, &id, "spec: {name: null}", body("line-7", "", &[THREE, FOUR])).await;
    let names = ["Line 7", "Line 7", "Line 7", "Line 7", "Line 7", "line-7"];
    let updates = names.iter().flat_map(|name| update_of(&id, name));
    let sent: Vec<String> = [POST.to_owned()].into_iter().chain(updates).collect();
    story.cost(&lent(&sent), &[(LINE_7, "patch, status ×7")]).await;
    story.end().await;
}

#[tokio::test]
async fn order_case_and_repetition_are_no_edit() {
    let (story, _) = in_sync("omf-update-same", &[ONE, TWO], "").await;
    for clients in [&[TWO, ONE][..], &[&ONE.to_uppercase(), TWO], &[ONE, TWO, ONE]] {
        story.edit(LINE_7, &edited(clients)).await;
        story.ready(LINE_7).await;
    }
    story.cost(&[POST], &[(LINE_7, "patch, status ×4")]).await;
    story.end().await;
}

#[tokio::test]
async fn a_description_that_is_not_declared_is_kept_as_it_was_read() {
    let (story, id) = in_sync("omf-update-undeclared", &[ONE], "").await;
    story.vendor.data_hub().change_connection(&id, &json!({"Description": "Somebody's words"})).await;
    story.look_again().await;
    story.cost(&[POST], &[(LINE_7, "patch, status")]).await;
    // A word that no list has shown yet.
    story.vendor.data_hub().change_connection(&id, &json!({"Description": "Their newest words"})).await;
    let body = json!({"Name": "Line 7", "Description": "Their newest words", "ClientIds": [ONE]});
    is_one_put(&story, &id, "spec: {name: Line 7}", body).await;

    // Declared, it is managed; and no longer declared, it stays.
    let body = json!({"Name": "Line 7", "Description": "Ours", "ClientIds": [ONE]});
    is_one_put(&story, &id, "spec: {description: Ours}", body).await;
    story.edit(LINE_7, "spec: {description: null}").await;
    story.ready(LINE_7).await;
    let [get, put] = update_of(&id, "Line 7");
    story.cost(&[POST, &get, &put, &get, &put], &[(LINE_7, "patch, status ×4")]).await;
    story.end().await;
}

#[tokio::test]
async fn drift_is_put_right() {
    let (story, id) = in_sync("omf-drift", &[ONE, TWO], "description: Ours").await;
    let hub = story.vendor.data_hub();
    let theirs = json!({"Name": "theirs", "Description": "Theirs", "ClientIds": [TWO, THREE]});
    hub.change_connection(&id, &theirs).await;
    story.look_again().await;
    story.the_last_write_is_listed().await;
    let found = hub.connection("line-7").await;
    assert_eq!((&found["Description"], &found["ClientIds"]), (&json!("Ours"), &json!([ONE, TWO])));
    let note = story.told(&format!("Normal DriftCorrected {LINE_7}")).await;
    let fields = "name: theirs → line-7; description: Theirs → Ours; clientIds: 2 → 2 (adds ";
    assert!(note.starts_with(&format!("{id} had been changed at the vendor; put right: {fields}")), "{note}");
    let [get, put] = update_of(&id, "line-7");
    // It was in sync and is again: nothing new is to be said.
    story.cost(&[POST, &get, &put], &[(LINE_7, "patch, status")]).await;
    story.end().await;
}

#[tokio::test]
async fn nothing_is_written_while_the_vendor_makes_it() {
    let story = begin(Story::named("omf-update-creating").switch("omf.creation", "stays")).await;
    story.apply(&connection("line-7", &[ONE], "")).await;
    let creating = |seen: &Value| condition_message(seen, "Ready").contains("Creating");
    let line_7 = story.eventually(LINE_7, "Creating", creating).await;
    story.edit(LINE_7, &edited(&[ONE, TWO])).await;
    let is_seen = |seen: &Value| seen["status"]["observedGeneration"] == 2;
    story.eventually(LINE_7, "looked at", is_seen).await;
    story.lists_come(2).await;
    story.cost(&[POST], &[(LINE_7, "patch, status ×2")]).await;

    story.vendor.data_hub().settle().await;
    story.ready(LINE_7).await;
    let [get, put] = update_of(&id_of(&line_7), "line-7");
    story.cost(&[POST, &get, &put], &[(LINE_7, "patch, status ×3")]).await;
    story.end().await;
}

#[tokio::test]
async fn what_is_being_deleted_by_the_time_of_the_write_is_only_read() {
    let (story, id) = in_sync("omf-update-raced", &[ONE], "").await;
    // No list has shown it yet: the GET before the PUT does.
    story.vendor.data_hub().change_connection(&id, &json!({"State": "Deleting"})).await;
    story.edit(LINE_7, "spec: {name: Line 7}").await;
    let deleting = |seen: &Value| condition_message(seen, "Ready").contains("Deleting at the vendor");
    story.eventually(LINE_7, "Deleting", deleting).await;
    let [get, _] = update_of(&id, "");
    story.cost(&[POST, &get], &[(LINE_7, "patch, status ×2")]).await;
    assert!(story.condition(ACCOUNT, "Ready").await.starts_with("True"));
    story.end().await;
}
