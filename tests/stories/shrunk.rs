//! Most of what the operator made is missing at once: that may be a narrowed or a foreign key as well as a real loss, so nothing
//! is written until the objects are back or a person accepts the loss.

use serde_json::{Value, json};

use crate::plant::{ACCOUNT, HTTPS, PLANT_A, POST, in_sync, with_account};
use crate::support::opening::random_text;
use crate::support::story::Story;

const NAMES: [&str; 4] = ["plant-a", "plant-b", "plant-c", "plant-d"];
const POSTS: [&str; 4] =
    [POST, "POST /connectors plant-b", "POST /connectors plant-c", "POST /connectors plant-d"];

fn connector(name: &str) -> String {
    format!("OnomondoConnector/{name}")
}

/// Four Ready connectors.
async fn four(name: &str) -> Story {
    let story = with_account(name).await;
    for name in NAMES {
        story.apply(&HTTPS.replace("plant-a", name)).await;
    }
    for name in NAMES {
        story.ready(&connector(name)).await;
    }
    story.the_last_write_is_listed().await;
    story.ready(ACCOUNT).await;
    story
}

/// The story cost these requests, the four connectors these writes, and others those.
async fn costs(story: &Story, vendor: &[&str], of_the_four: [&str; 4], others: &[(&str, &str)]) {
    let names = NAMES.map(connector);
    let four = names.iter().zip(of_the_four).map(|(name, writes)| (name.as_str(), writes));
    story.cost_in_any_order(vendor, &four.chain(others.iter().copied()).collect::<Vec<_>>()).await;
}

/// What a person copies from the message.
fn accepted_by(message: &str) -> &str {
    message.rsplit_once("connector-operator.io/accept-snapshot=").expect("the message says what to set").1
}

#[tokio::test]
async fn nothing_is_written_and_when_they_are_back_all_is_well() {
    let story = four("shrunk").await;
    let (newest, kept) = (story.vendor.newest().await, story.vendor.connectors().await);

    for name in &NAMES[..3] {
        story.vendor.remove_connector(name).await;
    }
    story.look_again().await;
    story.becomes(ACCOUNT, "Stalled", "True/SnapshotShrank").await;
    let message = story.message(ACCOUNT, "Ready").await;
    let expected = format!(
        "account shrunk/default: of 4 recorded objects 3 are missing all at once (plant-a, plant-b, plant-c); nothing is written until \
         that is made good. If it is right, accept it: kubectl annotate -n shrunk onomondoaccounts/default --overwrite \
         connector-operator.io/accept-snapshot={}",
        accepted_by(&message)
    );
    assert_eq!(message, expected);
    for name in &NAMES[..3] {
        story.becomes(&connector(name), "Ready", "Unknown/AccountNotReady").await;
        assert_eq!(story.condition(&connector(name), "Reconciling").await, "True/DependencyNotReady");
    }
    assert_eq!(story.condition(&connector("plant-d"), "Ready").await, "True/Succeeded");

    // Neither an edit nor a new object nor a delete gets through meanwhile.
    story.edit(&connector("plant-d"), "spec: {https: {host: 'https://two.example.com'}}").await;
    story.becomes(&connector("plant-d"), "Ready", "Unknown/AccountNotReady").await;
    story.apply("kind: OnomondoConnector\nmetadata: {name: plant-e}\nspec: {type: https, https: {host: 'https://e.example.com'}}").await;
    story.becomes(&connector("plant-e"), "Ready", "Unknown/AccountNotReady").await;
    story.delete(&connector("plant-e")).await;
    story.look_again().await;
    assert_eq!(story.sent_since(newest).await, []);

    for connector in kept.iter().filter(|connector| connector["name"] != "plant-d") {
        story.vendor.put_connector(connector["name"].as_str().expect("a name"), connector).await;
    }
    story.look_again().await;
    story.ready(ACCOUNT).await;
    for name in NAMES {
        story.ready(&connector(name)).await;
    }
    story.gone(&connector("plant-e")).await;
    // Only the edit was sent, now that it may. Each connector was told that it has to wait, and that it is over.
    let sent = [&POSTS[..], &["PATCH /connectors/plant-d"]].concat();
    costs(&story, &sent, ["patch, status ×3"; 4], &[("OnomondoConnector/plant-e", "status")]).await;
    story.end().await;
}

#[tokio::test]
async fn a_person_accepts_the_loss_and_they_are_created_again() {
    let story = four("shrunk-accepted").await;
    let newest = story.vendor.newest().await;
    for name in &NAMES[..3] {
        story.vendor.remove_connector(name).await;
    }
    story.look_again().await;
    story.becomes(ACCOUNT, "Stalled", "True/SnapshotShrank").await;
    let message = story.message(ACCOUNT, "Stalled").await;

    story.annotate(ACCOUNT, "connector-operator.io/accept-snapshot", "0123456789abcdef").await;
    story.look_again().await;
    assert_eq!(story.condition(ACCOUNT, "Stalled").await, "True/SnapshotShrank", "that is another loss");
    assert_eq!(story.sent_since(newest).await, []);

    story.annotate(ACCOUNT, "connector-operator.io/accept-snapshot", accepted_by(&message)).await;
    story.ready(ACCOUNT).await;
    for name in NAMES {
        story.ready(&connector(name)).await;
    }
    story.look_again().await;
    assert_eq!(story.condition(ACCOUNT, "Ready").await, "True/Succeeded");
    // It waits; its claim goes, and its identity leaves the status; it is claimed and created again.
    let lost = "patch, status ×2, patch, status, patch, status";
    costs(&story, &[&POSTS[..], &POSTS[..3]].concat(), [lost, lost, lost, "patch, status"], &[]).await;
    story.end().await;
}

#[tokio::test]
async fn a_key_that_was_narrowed_hides_them() {
    let story = four("shrunk-narrowed").await;
    let key = |tags: Value| json!([{"key": story.api_key, "organisation": "default", "tags": tags}]);

    story.vendor.set_keys(&key(json!(["a5023f47-1db8-425e-b664-dc0b8921f644"]))).await;
    story.look_again().await;
    story.becomes(ACCOUNT, "Stalled", "True/SnapshotShrank").await;

    story.vendor.set_keys(&key(json!([]))).await;
    story.look_again().await;
    story.ready(ACCOUNT).await;
    for name in NAMES {
        story.ready(&connector(name)).await;
    }
    costs(&story, &POSTS, ["patch, status ×3"; 4], &[]).await;
    story.end().await;
}

#[tokio::test]
async fn another_organisations_key_hides_even_a_single_one() {
    let mut story = in_sync("shrunk-key", HTTPS).await;
    story.ready(ACCOUNT).await;
    let (ours, theirs, successor) =
        (story.api_key.clone(), random_text("their-key"), random_text("next-key"));
    let keys = json!([
        {"key": ours, "organisation": "default"},
        {"key": theirs, "organisation": "another"},
        {"key": successor, "organisation": "default"},
    ]);
    story.vendor.set_keys(&keys).await;

    story.secret("onomondo", &[("apiKey", &theirs)]).await;
    story.becomes(ACCOUNT, "Stalled", "True/SnapshotShrank").await;
    let message = story.message(ACCOUNT, "Ready").await;
    let cause = "of 1 recorded object 1 is missing since the credential was replaced (plant-a)";
    assert!(message.contains(cause), "{message}");
    story.becomes(PLANT_A, "Ready", "Unknown/AccountNotReady").await;

    // A restart forgets nothing of that.
    story.operator().terminate().await;
    story.operator().restart().await;
    story.look_again().await;
    story.becomes(ACCOUNT, "Stalled", "True/SnapshotShrank").await;

    story.secret("onomondo", &[("apiKey", &ours)]).await;
    story.ready(ACCOUNT).await;
    story.ready(PLANT_A).await;

    // A successor of the right key is no reason to stop.
    let lists = story.lists_so_far().await;
    story.secret("onomondo", &[("apiKey", &successor)]).await;
    story.lists_come_since(lists, 1).await;
    story.look_again().await;
    assert_eq!(story.condition(ACCOUNT, "Ready").await, "True/Succeeded");
    assert_eq!(story.condition(PLANT_A, "Ready").await, "True/Succeeded");
    story.cost(&[POST], &[(PLANT_A, "patch, status ×3")]).await;
    story.end().await;
}
