//! Somebody changes a connector at the vendor: what the spec manages is put right once, and it is said that it was drift.

use serde_json::{Value, json};

use crate::support::looking::set;
use crate::support::story::Story;

const A: &str = "OnomondoConnector/plant-a";
const PATCH: &str = "PATCH /connectors/plant-a";
const TLS: &str = "
kind: OnomondoConnector
metadata: {name: plant-a}
spec:
  type: tls
  tls:
    host: 10.0.0.1
    port: 443
    serverName: one.example.com
    keySecretRef: {name: client}
    certSecretRef: {name: client}
";

/// A Ready TLS connector whose key and certificate the operator has sent, and the PATCH that puts it right.
async fn in_sync(name: &str, more: &str) -> (Story, Value) {
    let mut story = Story::begin(name).await;
    let identity = story.tls_secret("client").await;
    story.onomondo_account("").await;
    story.apply(&format!("{TLS}{more}")).await;
    story.ready(A).await;
    story.the_last_write_is_listed().await;
    let options = json!({
        "host": "10.0.0.1", "port": 443, "server_name": "one.example.com",
        "key": set(&identity.key), "cert": set(&identity.certificate),
    });
    (story, json!({"options": options}))
}

#[tokio::test]
async fn a_changed_option_is_put_right_and_named() {
    let (mut story, expected) = in_sync("drift", "").await;
    let newest = story.vendor.newest().await;

    story.vendor.change_connector("plant-a", &json!({"options": {"port": 8883}})).await;
    story.look_again().await;

    assert_eq!(story.sent_since(newest).await, [(PATCH.to_owned(), expected)]);
    let note = story.told(&format!("Normal DriftCorrected {A}")).await;
    assert_eq!(note, "plant-a had been changed at the vendor; put right: options.port: 8883 → 443");
    let series = r#"connector_operator_drift_corrected_total{vendor="onomondo",field="options.port"}"#;
    assert_eq!(story.operator().metric(series).await, Some(1.0));
    assert_eq!(story.condition(A, "Ready").await, "True/Succeeded");
    story.look_again().await;
    assert_eq!(story.sent_since(newest).await.len(), 1, "once is enough");
    story.end().await;
}

#[tokio::test]
async fn what_the_spec_does_not_manage_is_left_as_it_is() {
    let (story, _) = in_sync("drift-unmanaged", "").await;
    let (newest, writes) =
        (story.vendor.newest().await, story.kubernetes_writes_to("onomondoconnectors/plant-a").await);

    let change = json!({
        "passthrough": [{"protocol": "icmp"}],
        "tags": ["a5023f47-1db8-425e-b664-dc0b8921f644"],
        "options": {"retries": 3},
    });
    story.vendor.change_connector("plant-a", &change).await;
    story.look_again().await;

    assert_eq!(story.sent_since(newest).await, []);
    assert_eq!(story.kubernetes_writes_to("onomondoconnectors/plant-a").await, writes);
    assert_eq!(story.condition(A, "Ready").await, "True/Succeeded");
    story.end().await;
}

#[tokio::test]
async fn a_secret_that_was_overwritten_at_the_vendor_is_sent_again() {
    let (story, expected) = in_sync("drift-secret", "").await;
    let newest = story.vendor.newest().await;

    let moved = json!({"meta": {"key": {"last_updated_at": "now"}}});
    story.vendor.change_connector("plant-a", &moved).await;
    story.look_again().await;

    assert_eq!(story.sent_since(newest).await, [(PATCH.to_owned(), expected)]);
    let note = story.told(&format!("Normal DriftCorrected {A}")).await;
    assert_eq!(note, "plant-a had been changed at the vendor; put right: options.key: changed");
    let at_the_vendor = story.vendor.connector("plant-a").await.expect("it is there");
    let seen = story.get(A).await;
    let shown = &seen["status"]["secrets"]["key"]["lastUpdatedAt"];
    assert_eq!(*shown, at_the_vendor["meta"]["key"]["last_updated_at"], "our own write's time is recorded");
    assert_eq!(story.condition(A, "SecretsInSync").await, "True/InSync");
    story.look_again().await;
    assert_eq!(story.sent_since(newest).await.len(), 1, "once is enough");
    story.end().await;
}

#[tokio::test]
async fn a_secret_that_was_cleared_at_the_vendor_is_sent_again() {
    let (story, expected) = in_sync("drift-cleared", "").await;
    let newest = story.vendor.newest().await;

    // Its date stays, so that only `is_set` tells.
    story.vendor.change_connector("plant-a", &json!({"meta": {"cert": {"is_set": false}}})).await;
    story.look_again().await;

    assert_eq!(story.sent_since(newest).await, [(PATCH.to_owned(), expected)]);
    let note = story.told(&format!("Normal DriftCorrected {A}")).await;
    assert_eq!(note, "plant-a had been changed at the vendor; put right: options.cert: changed");
    assert_eq!(story.get(A).await["status"]["secrets"]["cert"]["isSet"], true);
    story.end().await;
}

#[tokio::test]
async fn with_report_a_changed_secret_is_only_told_of() {
    let (mut story, _) = in_sync("drift-report", "  secretDriftPolicy: Report\n").await;
    let newest = story.vendor.newest().await;

    let moved = json!({"meta": {"key": {"last_updated_at": "now"}}});
    story.vendor.change_connector("plant-a", &moved).await;
    story.look_again().await;

    assert_eq!(story.sent_since(newest).await, []);
    story.becomes(A, "SecretsInSync", "False/Different").await;
    let message = "not what is declared at the vendor: options.key";
    assert_eq!(story.message(A, "SecretsInSync").await, message);
    assert_eq!(story.condition(A, "Ready").await, "True/Succeeded");

    // It is still told of after a restart, and a new value of the Secret is sent as ever.
    story.operator().terminate().await;
    story.operator().restart().await;
    story.lists_come(usize::from(story.lists().await.is_empty())).await;
    assert_eq!(story.condition(A, "SecretsInSync").await, "False/Different");
    let identity = story.tls_secret("client").await;
    story.becomes(A, "SecretsInSync", "True/InSync").await;
    let options = json!({
        "host": "10.0.0.1", "port": 443, "server_name": "one.example.com",
        "key": set(&identity.key), "cert": set(&identity.certificate),
    });
    assert_eq!(story.sent_since(newest).await, [(PATCH.to_owned(), json!({"options": options}))]);
    story.end().await;
}
