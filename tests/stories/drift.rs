//! Somebody changes a connector at the vendor: what the spec manages is put right once, and it is said that it was drift.

use serde_json::{Value, json};

use crate::plant::{PATCH, PLANT_A, POST, TLS, in_sync_with_secret, tls_options};
use crate::support::story::Story;

/// A Ready TLS connector whose key and certificate the operator has sent, and the PATCH that puts it right.
async fn in_sync(name: &str, more: &str) -> (Story, Value) {
    let (story, identity) = in_sync_with_secret(name, &format!("{TLS}{more}")).await;
    (story, json!({"options": tls_options(&identity)}))
}

#[tokio::test]
async fn a_changed_option_is_put_right_and_named() {
    let (mut story, expected) = in_sync("drift", "").await;
    let newest = story.vendor.newest().await;

    story.vendor.change_connector("plant-a", &json!({"options": {"port": 8883}})).await;
    story.look_again().await;

    assert_eq!(story.sent_since(newest).await, [(PATCH.to_owned(), expected)]);
    let note = story.told(&format!("Normal DriftCorrected {PLANT_A}")).await;
    assert_eq!(note, "plant-a had been changed at the vendor; put right: options.port: 8883 → 443");
    let series = r#"connector_operator_drift_corrected_total{vendor="onomondo",field="options.port"}"#;
    assert_eq!(story.operator().metric(series).await, Some(1.0));
    assert_eq!(story.condition(PLANT_A, "Ready").await, "True/Succeeded");
    story.look_again().await;
    // Once is enough.
    story.cost(&[POST, PATCH], &[(PLANT_A, "patch, status ×2")]).await;
    story.end().await;
}

#[tokio::test]
async fn what_the_spec_does_not_manage_is_left_as_it_is() {
    let (story, _) = in_sync("drift-unmanaged", "").await;
    let change = json!({
        "passthrough": [{"protocol": "icmp"}],
        "tags": ["a5023f47-1db8-425e-b664-dc0b8921f644"],
        "options": {"retries": 3},
    });
    story.vendor.change_connector("plant-a", &change).await;
    story.look_again().await;

    assert_eq!(story.condition(PLANT_A, "Ready").await, "True/Succeeded");
    story.cost(&[POST], &[(PLANT_A, "patch, status")]).await;
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
    let note = story.told(&format!("Normal DriftCorrected {PLANT_A}")).await;
    assert_eq!(note, "plant-a had been changed at the vendor; put right: options.key: changed");
    let at_the_vendor = story.vendor.connector("plant-a").await.expect("it is there");
    let seen = story.get(PLANT_A).await;
    let shown = &seen["status"]["secrets"]["key"]["lastUpdatedAt"];
    assert_eq!(*shown, at_the_vendor["meta"]["key"]["last_updated_at"], "our own write's time is recorded");
    assert_eq!(story.condition(PLANT_A, "SecretsInSync").await, "True/InSync");
    story.look_again().await;
    // Once is enough.
    story.cost(&[POST, PATCH], &[(PLANT_A, "patch, status ×2")]).await;
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
    let note = story.told(&format!("Normal DriftCorrected {PLANT_A}")).await;
    assert_eq!(note, "plant-a had been changed at the vendor; put right: options.cert: changed");
    assert_eq!(story.get(PLANT_A).await["status"]["secrets"]["cert"]["isSet"], true);
    story.cost(&[POST, PATCH], &[(PLANT_A, "patch, status ×2")]).await;
    story.end().await;
}

#[tokio::test]
async fn with_report_a_changed_secret_is_only_told_of() {
    let (mut story, _) = in_sync("drift-report", "  secretDriftPolicy: Report\n").await;
    let newest = story.vendor.newest().await;

    let moved = json!({"meta": {"key": {"last_updated_at": "now"}}});
    story.vendor.change_connector("plant-a", &moved).await;
    story.look_again().await;
    story.becomes(PLANT_A, "SecretsInSync", "False/Different").await;
    let message = "not what is declared at the vendor: options.key";
    assert_eq!(story.message(PLANT_A, "SecretsInSync").await, message);
    assert_eq!(story.condition(PLANT_A, "Ready").await, "True/Succeeded");
    story.cost(&[POST], &[(PLANT_A, "patch, status ×2")]).await;

    // It is still told of after a restart, and a new value of the Secret is sent as ever.
    story.operator().terminate().await;
    story.operator().restart().await;
    story.has_listed().await;
    assert_eq!(story.condition(PLANT_A, "SecretsInSync").await, "False/Different");
    let identity = story.tls_secret("client").await;
    story.becomes(PLANT_A, "SecretsInSync", "True/InSync").await;
    let patch = (PATCH.to_owned(), json!({"options": tls_options(&identity)}));
    assert_eq!(story.sent_since(newest).await, [patch]);
    story.cost(&[POST, PATCH], &[(PLANT_A, "patch, status ×3")]).await;
    story.end().await;
}
