//! A person changes `spec.name`: that is a rename, of which the status tells before it is sent. A taken name is refused before
//! anything is sent.

use std::time::Duration;

use serde_json::{Value, json};

use crate::plant::{HTTPS, PLANT_A, POST, in_sync, with_account};
use crate::support::objects::condition;
use crate::support::story::{DEADLINE, Story};
use crate::support::vendor::Request;

const PLANT_B: &str = "OnomondoConnector/plant-b";

async fn names_at_the_vendor(story: &Story) -> Vec<String> {
    let connectors = story.vendor.connectors().await;
    connectors.iter().map(|connector| connector["name"].as_str().unwrap_or("?").to_owned()).collect()
}

#[tokio::test]
async fn a_rename_is_announced_in_status_before_it_is_sent() {
    let story = in_sync("rename", HTTPS).await;
    let newest = story.vendor.newest().await;
    let held_back = json!({"kind": "delay", "milliseconds": 1000});
    story.vendor.fault(json!({"method": "PATCH", "times": 1}), held_back).await;

    story.edit(PLANT_A, "spec: {name: plant-z}").await;
    story
        .eventually(PLANT_A, "on its way to plant-z", |seen| seen["status"]["renamingTo"] == "plant-z")
        .await;
    assert_eq!(names_at_the_vendor(&story).await, ["plant-a"], "the vendor has not renamed it yet");
    assert_eq!(story.condition(PLANT_A, "Reconciling").await, "True/Progressing");
    assert_eq!(story.message(PLANT_A, "Ready").await, "plant-a: it is renamed to plant-z");

    let seen = story.ready(PLANT_A).await;
    assert_eq!(seen["status"]["remote"]["name"], "plant-z");
    assert_eq!(seen["status"]["renamingTo"], json!(null));
    let rename = ("PATCH /connectors/plant-a plant-z".to_owned(), json!({"name": "plant-z"}));
    assert_eq!(story.sent_since(newest).await, [rename]);
    assert_eq!(names_at_the_vendor(&story).await, ["plant-z"]);

    story.delete(PLANT_A).await;
    story.gone(PLANT_A).await;
    let sent = [POST, "PATCH /connectors/plant-a plant-z", "DELETE /connectors/plant-z"];
    story.cost(&sent, &[(PLANT_A, "patch, status ×3, patch")]).await;
    story.end().await;
}

/// The rename took effect and its answer was lost; what was sent again finds nothing under the old name, and no list tells more.
async fn a_rename_is_in_doubt(name: &str) -> Story {
    let story = in_sync(name, HTTPS).await;
    let once = json!({"method": "PATCH", "times": 1});
    story.vendor.fault(once, json!({"kind": "status", "code": 502, "after_applying": true})).await;
    story.vendor.fault(json!({"method": "GET"}), json!({"kind": "status", "code": 503})).await;
    story.edit(PLANT_A, "spec: {name: plant-z}").await;
    let not_found = |seen: &Value| seen["status"]["conditions"].to_string().contains("404 Not Found");
    let seen = story.eventually(PLANT_A, "told that the old name is gone", not_found).await;
    assert_eq!(seen["status"]["renamingTo"], "plant-z", "it may well be there by now");
    story
}

#[tokio::test]
async fn a_rename_in_doubt_is_found_by_a_delete() {
    let story = a_rename_is_in_doubt("rename-doubted-delete").await;
    story.delete(PLANT_A).await;
    story.vendor.heal().await;
    story.gone(PLANT_A).await;
    assert_eq!(names_at_the_vendor(&story).await, Vec::<String>::new());
    story.end().await;
}

#[tokio::test]
async fn a_rename_in_doubt_is_found_by_the_next_rename() {
    let story = a_rename_is_in_doubt("rename-doubted-edit").await;
    story.edit(PLANT_A, "spec: {name: plant-y}").await;
    story.vendor.heal().await;
    story.ready(PLANT_A).await;
    assert_eq!(names_at_the_vendor(&story).await, ["plant-y"]);
    story.end().await;
}

#[tokio::test]
async fn what_was_created_without_an_answer_and_renamed_without_one_is_found_by_a_delete() {
    let story = with_account("rename-claimed").await;
    let lost = || json!({"kind": "cut_after_applying"});
    story.vendor.fault(json!({"method": "POST", "times": 1}), lost()).await;
    story.vendor.fault(json!({"method": "PATCH", "times": 1}), lost()).await;
    let unlisted = story.vendor.fault(json!({"method": "GET"}), json!({"kind": "status", "code": 503})).await;
    story.apply(HTTPS).await;
    story.becomes(PLANT_A, "Ready", "False/RemoteUnavailable").await;
    story.edit(PLANT_A, "spec: {name: plant-z}").await;
    story.vendor.fault_ends(unlisted).await;

    story.vendor.wait_for("PATCH", 1, DEADLINE).await;
    story.vendor.fault(json!({"method": "GET"}), json!({"kind": "status", "code": 503})).await;
    story.delete(PLANT_A).await;
    story.vendor.heal().await;
    story.gone(PLANT_A).await;
    assert_eq!(names_at_the_vendor(&story).await, Vec::<String>::new());
    story.end().await;
}

/// The rename took no effect, which nobody knows for now; and somebody has made an object of the new name.
async fn a_rename_came_to_nothing(name: &str) -> Story {
    let story = in_sync(name, HTTPS).await;
    story.vendor.fault(json!({"method": "PATCH"}), json!({"kind": "cut_before"})).await;
    story.vendor.fault(json!({"method": "GET"}), json!({"kind": "status", "code": 503})).await;
    story.edit(PLANT_A, "spec: {name: plant-z}").await;
    story.becomes(PLANT_A, "Ready", "False/RemoteUnavailable").await;
    assert_eq!(story.get(PLANT_A).await["status"]["renamingTo"], "plant-z", "it may well be there by now");
    let stranger = json!({"type": "https", "options": {"host": "https://stranger.example.com"}});
    story.vendor.put_connector("plant-z", &stranger).await;
    story.vendor.heal().await;
    story
}

#[tokio::test]
async fn a_rename_that_came_to_nothing_leads_to_no_strangers_object() {
    let story = a_rename_came_to_nothing("rename-failed").await;
    let is_taken = |seen: &Value| seen["status"]["conditions"].to_string().contains("plant-z is taken");
    let seen = story.eventually(PLANT_A, "told that the new name is taken", is_taken).await;
    assert_eq!(seen["status"]["renamingTo"], json!(null), "it leads nowhere any more");
    assert_eq!(seen["status"]["remote"]["name"], "plant-a");

    story.vendor.remove_connector("plant-a").await;
    story.look_again().await;
    let exists = |seen: &Value| seen["status"]["conditions"].to_string().contains("plant-z already exists");
    story.eventually(PLANT_A, "told that what is there is another's", exists).await;
    story.delete(PLANT_A).await;
    story.gone(PLANT_A).await;
    let left = story.vendor.connector("plant-z").await.expect("the stranger's object is there");
    assert_eq!(left["options"]["host"], "https://stranger.example.com");
    story.end().await;
}

/// How long a request may take effect after it was sent: `requestTimeout` and the allowance of these stories.
const SETTLED: Duration = Duration::from_secs(3);

/// Looks at the vendor again until that was late enough to tell what became of `request`.
async fn is_settled(story: &Story, request: &str) {
    let at = |request: &Request| request.at.parse::<jiff::Timestamp>().expect("a time");
    let requests = story.vendor.requests().await;
    let sent = requests.iter().rfind(|seen| seen.to_string() == request).map(at).expect("it was sent");
    loop {
        story.look_again().await;
        let listed = story.lists().await.last().map(at).expect("a list");
        if listed.duration_since(sent).unsigned_abs() > SETTLED {
            return;
        }
    }
}

#[tokio::test]
async fn a_rename_that_came_to_nothing_and_is_refused_at_last_is_announced_no_more() {
    let story = in_sync("rename-refused-late", HTTPS).await;
    story.vendor.fault(json!({"method": "PATCH"}), json!({"kind": "cut_before"})).await;
    story.edit(PLANT_A, "spec: {name: plant-z}").await;
    story.becomes(PLANT_A, "Ready", "False/RemoteUnavailable").await;
    story.edit(PLANT_A, "spec: {suspend: true}").await;
    let is_suspended = |seen: &Value| condition(seen, "Suspended") == "True/Suspended";
    story.eventually(PLANT_A, "suspended", is_suspended).await;
    is_settled(&story, "PATCH /connectors/plant-a plant-z -> cut").await;
    story.vendor.heal().await;
    let forbidden = json!({"kind": "status", "code": 403, "body": {"error": "forbidden"}});
    story.vendor.fault(json!({"method": "PATCH"}), forbidden).await;
    story.edit(PLANT_A, "spec: {suspend: false}").await;
    let refused = story.becomes(PLANT_A, "Ready", "False/Forbidden").await;
    assert_eq!(refused["status"]["renamingTo"], json!(null), "it leads nowhere");
    story.end().await;
}

#[tokio::test]
async fn a_delete_whose_answer_is_lost_goes_on_with_no_strangers_object_of_the_new_name() {
    let story = a_rename_came_to_nothing("rename-failed-delete").await;
    let once = json!({"method": "DELETE", "times": 1});
    story.vendor.fault(once, json!({"kind": "cut_after_applying"})).await;
    story.delete(PLANT_A).await;
    story.gone(PLANT_A).await;
    assert_eq!(names_at_the_vendor(&story).await, ["plant-z"]);
    story.end().await;
}

#[tokio::test]
async fn a_rename_together_with_another_edit_is_one_patch() {
    let story = in_sync("rename-and-edit", HTTPS).await;
    let newest = story.vendor.newest().await;

    story.edit(PLANT_A, "spec: {name: plant-z, https: {host: 'https://two.example.com'}}").await;
    story.ready(PLANT_A).await;

    let options = json!({"host": "https://two.example.com", "shouldReturnBody": false});
    let patch = json!({"name": "plant-z", "options": options});
    assert_eq!(story.sent_since(newest).await, [("PATCH /connectors/plant-a plant-z".to_owned(), patch)]);
    story.cost(&[POST, "PATCH /connectors/plant-a plant-z"], &[(PLANT_A, "patch, status ×3")]).await;
    story.end().await;
}

#[tokio::test]
async fn a_rename_onto_a_strangers_name_is_a_conflict_until_the_name_is_free() {
    let mut story = Story::begin("rename-taken").await;
    let stranger = json!({"type": "https", "options": {"host": "https://stranger.example.com"}});
    story.vendor.put_connector("taken", &stranger).await;
    story.onomondo_account("").await;
    // Not even consent to adoption makes two objects one.
    story.apply(&format!("{HTTPS}  adoptionPolicy: Always\n")).await;
    story.ready(PLANT_A).await;
    let newest = story.vendor.newest().await;

    story.edit(PLANT_A, "spec: {name: taken}").await;
    let seen = story.becomes(PLANT_A, "Stalled", "True/Conflict").await;
    assert_eq!(story.condition(PLANT_A, "Ready").await, "False/Conflict");
    let message = "plant-a: the new name taken is taken at the vendor; choose another, or go by way of a third name to swap two";
    assert_eq!(story.message(PLANT_A, "Ready").await, message);
    assert_eq!(seen["status"]["remote"]["name"], "plant-a", "it is still what it was");
    assert_eq!(seen["status"]["renamingTo"], json!(null));
    assert_eq!(story.sent_since(newest).await, []);

    story.vendor.remove_connector("taken").await;
    story.look_again().await;
    let seen = story.ready(PLANT_A).await;
    assert_eq!(seen["status"]["remote"]["name"], "taken");
    let rename = ("PATCH /connectors/plant-a taken".to_owned(), json!({"name": "taken"}));
    assert_eq!(story.sent_since(newest).await, [rename]);
    story.cost(&[POST, "PATCH /connectors/plant-a taken"], &[(PLANT_A, "patch, status ×4")]).await;
    story.end().await;
}

#[tokio::test]
async fn an_older_connector_does_not_take_a_younger_ones_name() {
    let story = with_account("rename-older").await;
    story.apply(HTTPS).await;
    story.ready(PLANT_A).await;
    story.apply(&HTTPS.replace("plant-a", "plant-b")).await;
    story.ready(PLANT_B).await;

    story.edit(PLANT_A, "spec: {name: plant-b}").await;
    story.becomes(PLANT_A, "Stalled", "True/Conflict").await;
    let message = "plant-a: plant-b is already managed by rename-older/plant-b; only one connector can do that: declare another one in one of them, or delete one";
    assert_eq!(story.message(PLANT_A, "Stalled").await, message);
    story.look_again().await;
    assert_eq!(story.condition(PLANT_B, "Ready").await, "True/Succeeded");
    let posts = [POST, "POST /connectors plant-b"];
    story.cost(&posts, &[(PLANT_A, "patch, status ×2"), (PLANT_B, "patch, status")]).await;

    // By way of a third name, the two swap.
    story.edit(PLANT_B, "spec: {name: plant-c}").await;
    story.ready(PLANT_B).await;
    story.ready(PLANT_A).await;
    story.edit(PLANT_B, "spec: {name: plant-a}").await;
    story.ready(PLANT_B).await;
    let renames = [
        "PATCH /connectors/plant-b plant-c",
        "PATCH /connectors/plant-a plant-b",
        "PATCH /connectors/plant-c plant-a",
    ];
    // Each rename is announced and then told of.
    let writes = [(PLANT_A, "patch, status ×4"), (PLANT_B, "patch, status ×5")];
    story.cost(&[&posts[..], &renames].concat(), &writes).await;
    story.end().await;
}
