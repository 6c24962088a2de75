//! A vendor, or somebody else, makes something else of what the operator writes: after three writes in vain it stops and says so.

use serde_json::json;

use crate::plant::{PATCH, PLANT_A, POST, TLS, in_sync_with_secret};
use crate::support::objects::condition;
use crate::support::story::Story;

const HTTPS: &str = "
kind: OnomondoConnector
metadata: {name: plant-a}
spec:
  type: https
  https: {host: 'https://Ingest.Example.com/v1'}
";

#[tokio::test]
async fn a_vendor_that_normalises_is_written_to_three_times() {
    let mut story =
        Story::named("converge").switch("onomondo.host-normalisation", "lower-case").begin().await;
    story.onomondo_account("").await;
    story.apply(HTTPS).await;
    let seen = story.becomes(PLANT_A, "Stalled", "True/NotConverging").await;

    assert_eq!(story.condition(PLANT_A, "Ready").await, "False/NotConverging");
    let message = "plant-a: written three times, and the vendor still has something else (options.host: \
                   https://ingest.example.com/v1 → https://Ingest.Example.com/v1); write what the vendor makes of it, or look for \
                   somebody else who manages it; an edit or the annotation connector-operator.io/reconcile-at tries again";
    assert_eq!(story.message(PLANT_A, "Ready").await, message);
    let change = json!([{
        "field": "options.host",
        "from": "https://ingest.example.com/v1",
        "to": "https://Ingest.Example.com/v1",
    }]);
    assert_eq!(seen["status"]["plannedChanges"], change);
    story.look_again().await;
    story.look_again().await;
    // Further lists do not lift it. The answer to the POST is not what was sent; the answer to the first PATCH tells its id, too; and
    // then it stalls.
    story.cost(&[POST, PATCH, PATCH], &[(PLANT_A, "patch, status ×3")]).await;

    // What else is edited goes out, and the edit starts afresh.
    let newest = story.vendor.newest().await;
    story
        .edit(PLANT_A, "spec: {https: {host: 'https://Two.Example.com'}, passthrough: [{protocol: icmp}]}")
        .await;
    story.becomes(PLANT_A, "Stalled", "True/NotConverging").await;
    assert_eq!(story.writes_since(newest).await, [PATCH, PATCH, PATCH]);
    let at_the_vendor = story.vendor.connector("plant-a").await.expect("it is there");
    assert_eq!(at_the_vendor["passthrough"], json!([{"protocol": "icmp"}]));

    // A forced pass tries again, too.
    let newest = story.vendor.newest().await;
    story.annotate(PLANT_A, "connector-operator.io/reconcile-at", "1").await;
    let tried = |seen: &serde_json::Value| {
        seen["status"]["lastHandledReconcileAt"] == "1" && condition(seen, "Stalled") == "True/NotConverging"
    };
    story.eventually(PLANT_A, "tried again", tried).await;
    assert_eq!(story.writes_since(newest).await, [PATCH, PATCH, PATCH]);

    // The way out that the message names: write what the vendor makes of it.
    let newest = story.vendor.newest().await;
    story.edit(PLANT_A, "spec: {https: {host: 'https://two.example.com'}}").await;
    story.ready(PLANT_A).await;
    assert_eq!(story.sent_since(newest).await, []);
    // Each try says that it is on its way, and that it was in vain; the end says that it is well.
    story.cost(&[&[POST][..], &[PATCH; 8]].concat(), &[(PLANT_A, "patch, status ×8")]).await;
    story.end().await;
}

#[tokio::test]
async fn what_was_written_in_vain_is_still_known_after_a_restart() {
    let mut story =
        Story::named("converge-restart").switch("onomondo.host-normalisation", "lower-case").begin().await;
    story.onomondo_account("").await;
    story.apply(HTTPS).await;
    story.becomes(PLANT_A, "Stalled", "True/NotConverging").await;
    let three = [POST, PATCH, PATCH];
    story.cost(&three, &[(PLANT_A, "patch, status ×3")]).await;

    story.operator().terminate().await;
    story.operator().restart().await;
    story.look_again().await;
    story.look_again().await;
    assert_eq!(story.condition(PLANT_A, "Stalled").await, "True/NotConverging");
    story.cost(&three, &[(PLANT_A, "patch, status ×3")]).await;

    // What starts afresh does so after a restart, too.
    story.operator().terminate().await;
    story.annotate(PLANT_A, "connector-operator.io/reconcile-at", "1").await;
    story.operator().restart().await;
    let tried = |seen: &serde_json::Value| {
        seen["status"]["lastHandledReconcileAt"] == "1" && condition(seen, "Stalled") == "True/NotConverging"
    };
    story.eventually(PLANT_A, "tried again", tried).await;
    let six = [&three[..], &[PATCH; 3]].concat();
    story.cost(&six, &[(PLANT_A, "patch, status ×5")]).await;
    story.end().await;
}

#[tokio::test]
async fn a_secret_that_keeps_moving_is_written_three_times_and_never_shown() {
    let (mut story, _) = in_sync_with_secret("converge-secret", TLS).await;
    let newest = story.vendor.newest().await;
    // Whenever we write, the list then shows another date than the answer did: as if somebody wrote right behind us.
    let set = json!({"is_set": true, "last_updated_at": "2001-01-01T00:00:00.000Z"});
    let answer = json!({
        "name": "plant-a", "type": "tls", "passthrough": [], "tags": [],
        "options": {"host": "10.0.0.1", "port": 443, "server_name": "one.example.com"},
        "meta": {"key": set, "cert": {"is_set": true, "last_updated_at": "2001-01-01T00:00:00.000Z"}},
    });
    let action = json!({"kind": "status", "code": 200, "body": answer, "after_applying": true});
    story.vendor.fault(json!({"method": "PATCH"}), action).await;

    story.vendor.change_connector("plant-a", &json!({"meta": {"key": {"last_updated_at": "now"}}})).await;
    story.look_again().await;
    story.becomes(PLANT_A, "Stalled", "True/NotConverging").await;
    assert_eq!(story.writes_since(newest).await, [PATCH, PATCH, PATCH]);
    let message = story.message(PLANT_A, "Ready").await;
    let what = "(options.cert: changed; options.key: changed)";
    assert!(message.contains(what), "{message}");

    story.vendor.heal().await;
    let newest = story.vendor.newest().await;
    story.tls_secret("client").await;
    story.ready(PLANT_A).await;
    assert_eq!(story.writes_since(newest).await, [PATCH], "a change of the Secret starts afresh");
    story.cost(&[POST, PATCH, PATCH, PATCH, PATCH], &[(PLANT_A, "patch, status ×4")]).await;
    story.end().await;
}
