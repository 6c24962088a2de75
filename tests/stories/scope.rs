//! An account that is pointed at another place: what was made at the old one is left alone until somebody decides.

use serde_json::{Value, json};

use crate::plant::{ACCOUNT, DELETE, HTTPS, PATCH, PLANT_A, POST, in_sync, with_account};
use crate::support::objects::{condition, condition_message};
use crate::support::story::{DEADLINE, Story};

/// Points the account at `host`.
async fn points_at(story: &Story, host: &str) {
    story.edit(ACCOUNT, &json!({"spec": {"endpoint": format!("http://{host}")}}).to_string()).await;
    story.ready(ACCOUNT).await;
}

#[tokio::test]
async fn an_account_that_moved_touches_nothing_that_was_made_before() {
    let story = in_sync("scope", HTTPS).await;
    let (here, elsewhere) = (story.vendor.host().to_owned(), story.vendor.other_host());

    points_at(&story, &elsewhere).await;
    let changed = story.becomes(PLANT_A, "Ready", "False/ScopeChanged").await;
    assert_eq!(condition(&changed, "Stalled"), "True/ScopeChanged");
    assert_eq!(changed["status"]["scope"], Value::from(here.as_str()), "where it is stays recorded");
    let message = format!(
        "plant-a: it was made at {here}, but its account now goes to {elsewhere}; put the account back, or set deletionPolicy: Orphan, \
         delete this object and create it again"
    );
    assert_eq!(condition_message(&changed, "Ready"), message);
    story.edit(PLANT_A, "spec: {https: {shouldReturnBody: true}}").await;
    story.becomes(PLANT_A, "Ready", "False/ScopeChanged").await;
    story.cost(&[POST], &[(PLANT_A, "patch, status ×3")]).await;

    points_at(&story, &here).await;
    story.ready(PLANT_A).await;
    story.cost(&[POST, PATCH], &[(PLANT_A, "patch, status ×4")]).await;

    points_at(&story, &elsewhere).await;
    story.becomes(PLANT_A, "Ready", "False/ScopeChanged").await;
    story.delete(PLANT_A).await;
    let blocked = story.becomes(PLANT_A, "Ready", "False/DeletionBlocked").await;
    let message = format!(
        "plant-a: it was made at {here}, but account scope/default now goes to {elsewhere}; put the account back; to leave the object at \
         the vendor: kubectl annotate -n scope --overwrite onomondoconnectors/plant-a connector-operator.io/orphan=true"
    );
    assert_eq!(condition_message(&blocked, "Ready"), message);

    points_at(&story, &here).await;
    story.gone(PLANT_A).await;
    story.cost(&[POST, PATCH, DELETE], &[(PLANT_A, "patch, status ×6, patch")]).await;
    story.end().await;
}

#[tokio::test]
async fn what_may_have_been_made_elsewhere_is_not_looked_for_here() {
    let story = with_account("scope-claim").await;
    let (here, elsewhere) = (story.vendor.host().to_owned(), story.vendor.other_host());
    // Whatever is asked for at the old place, nobody knows what came of it.
    let lost = json!({"kind": "status", "code": 500, "body": {}});
    story.vendor.fault(json!({"method": "POST"}), lost).await;
    story.apply(HTTPS).await;
    story.vendor.wait_for("POST", 1, DEADLINE).await;
    story.becomes(PLANT_A, "Ready", "False/RemoteUnavailable").await;

    // The account moves, and there somebody has another of that name.
    story.edit(PLANT_A, "spec: {suspend: true}").await;
    let is_suspended = |seen: &Value| condition(seen, "Suspended") == "True/Suspended";
    story.eventually(PLANT_A, "suspended", is_suspended).await;
    points_at(&story, &elsewhere).await;
    let theirs = json!({"type": "https", "options": {"host": "https://theirs.example.com/v1"}});
    story.vendor.put_connector("plant-a", &theirs).await;
    story.look_again().await;
    story.edit(PLANT_A, "spec: {suspend: false}").await;
    // Created anew under another claim, nobody would ever know of the one over there.
    story.becomes(PLANT_A, "Ready", "False/ScopeChanged").await;
    let why = format!("plant-a: it may have been made at {here}, but its account now goes to {elsewhere}; ");
    let message = story.message(PLANT_A, "Ready").await;
    assert!(message.starts_with(&why), "{message}");

    story.delete(PLANT_A).await;
    story.becomes(PLANT_A, "Ready", "False/DeletionBlocked").await;
    let message = story.message(PLANT_A, "Ready").await;
    let why = format!(
        "plant-a: it may have been made at {here}, but account scope-claim/default now goes to {elsewhere}; "
    );
    assert!(message.starts_with(&why), "{message}");

    story.annotate(PLANT_A, "connector-operator.io/orphan", "true").await;
    story.gone(PLANT_A).await;
    assert!(story.vendor.connector("plant-a").await.is_some(), "somebody else's");
    let writes = story.vendor_writes().await;
    assert!(writes.iter().all(|write| write.starts_with("POST ")), "{writes:?}");
    story.end().await;
}

#[tokio::test]
async fn a_connector_that_was_made_elsewhere_can_be_let_go_and_made_here() {
    let story = in_sync("scope-move", HTTPS).await;
    let elsewhere = story.vendor.other_host();
    points_at(&story, &elsewhere).await;
    story.becomes(PLANT_A, "Ready", "False/ScopeChanged").await;

    // The way that the message gives. The two names lead to one vendor, so what is declared is there already.
    story.edit(PLANT_A, "spec: {deletionPolicy: Orphan}").await;
    story.becomes(PLANT_A, "Ready", "False/ScopeChanged").await;
    story.delete(PLANT_A).await;
    story.gone(PLANT_A).await;
    story.apply(HTTPS).await;
    let adopted = story.ready(PLANT_A).await;
    assert_eq!(adopted["status"]["scope"], Value::from(elsewhere));
    // In its first life it is left behind; in its second it is adopted.
    story.cost(&[POST], &[(PLANT_A, "patch, status ×3, patch ×2, status")]).await;
    story.end().await;
}
