//! The Secrets behind a connector: late, rotated, incomplete, gone.

use serde_json::{Value, json};

use crate::plant::{ACCOUNT, PATCH, PLANT_A, POST, with_account};
use crate::support::looking::set;
use crate::support::objects::condition;
use crate::support::story::{DEADLINE, Story};

const MANIFEST: &str = "
kind: OnomondoConnector
metadata: {name: plant-a}
spec:
  type: tls
  tls: {host: 123.123.123.123, port: 443, serverName: plant-a.example.com, keySecretRef: {name: plant-a-tls}, certSecretRef: {name: plant-a-tls}}
";

/// The options with these secrets, as the vendor's log shows them.
fn options(key: &str, certificate: &str) -> Value {
    json!({
        "host": "123.123.123.123", "port": 443, "server_name": "plant-a.example.com",
        "key": set(key), "cert": set(certificate),
    })
}

async fn last_options(story: &Story) -> Value {
    let requests = story.vendor.requests().await;
    let last = requests.iter().rev().find(|request| request.is_write()).expect("a write");
    last.body.as_ref().expect("a body")["options"].clone()
}

#[tokio::test]
async fn a_secret_that_comes_late_is_waited_for() {
    let mut story = with_account("secrets-late").await;
    story.apply(MANIFEST).await;
    let waiting = story.becomes(PLANT_A, "Ready", "False/SecretNotFound").await;
    assert_eq!(condition(&waiting, "Reconciling"), "True/DependencyNotReady");
    assert_eq!(condition(&waiting, "Stalled"), "-");
    assert_eq!(
        story.message(PLANT_A, "Ready").await,
        "plant-a: Secret secrets-late/plant-a-tls does not exist; create it, or correct the reference"
    );

    story.secret("plant-a-tls", &[("tls.key", "half-a-pair-is-not-enough")]).await;
    let says_which_key = |object: &Value| object.to_string().contains("has no key tls.crt");
    story.eventually(PLANT_A, "waiting for the other key", says_which_key).await;
    assert_eq!(
        story.message(PLANT_A, "Ready").await,
        "plant-a: Secret secrets-late/plant-a-tls has no key tls.crt, or it is empty; add it, or name another key in the reference"
    );
    story.cost(&[], &[(PLANT_A, "status ×2")]).await;

    let identity = story.tls_secret("plant-a-tls").await;
    story.ready(PLANT_A).await;
    assert_eq!(last_options(&story).await, options(&identity.key, &identity.certificate));
    story.cost(&[POST], &[(PLANT_A, "status ×2, patch, status")]).await;
    story.end().await;
}

#[tokio::test]
async fn a_rotated_secret_is_sent_with_complete_options() {
    let mut story = with_account("secrets-rotated").await;
    story.tls_secret("plant-a-tls").await;
    story.apply(MANIFEST).await;
    let before = story.ready(PLANT_A).await["status"]["secrets"].clone();

    let identity = story.tls_secret("plant-a-tls").await;
    // The next list by the clock is an hour away.
    let patched = story.vendor.wait_for("PATCH", 1, DEADLINE).await;
    let body = patched[0].body.as_ref().unwrap();
    assert_eq!(*body, json!({"options": options(&identity.key, &identity.certificate)}));

    let moved =
        |object: &Value| object["status"]["secrets"]["key"]["fingerprint"] != before["key"]["fingerprint"];
    let after = story.eventually(PLANT_A, "shown with its new fingerprint", moved).await;
    assert_ne!(after["status"]["secrets"]["cert"]["fingerprint"], before["cert"]["fingerprint"]);
    assert_eq!(condition(&after, "Ready"), "True/Succeeded");
    assert_eq!(condition(&after, "SecretsInSync"), "True/InSync");
    story.cost(&[POST, PATCH], &[(PLANT_A, "patch, status ×2")]).await;
    story.end().await;
}

#[tokio::test]
async fn a_second_rotation_right_after_the_first_is_not_lost() {
    // Nothing times out while the vendor takes its time.
    let mut story = Story::named("secrets-twice").value("requestTimeout", "30s").begin().await;
    story.onomondo_account("").await;
    story.ready(ACCOUNT).await;
    story.tls_secret("plant-a-tls").await;
    story.apply(MANIFEST).await;
    story.ready(PLANT_A).await;

    let slowly = json!({"kind": "delay", "milliseconds": 5000, "after_applying": true});
    story.vendor.fault(json!({"method": "PATCH", "times": 1}), slowly).await;
    story.tls_secret("plant-a-tls").await;
    story.vendor.wait_for("PATCH", 1, DEADLINE).await;
    let newest = story.tls_secret("plant-a-tls").await;
    assert_eq!(story.vendor_writes().await.last().unwrap(), "PATCH /connectors/plant-a -> held");
    story.vendor.wait_for("PATCH", 2, DEADLINE).await;

    assert_eq!(last_options(&story).await, options(&newest.key, &newest.certificate));
    story.the_last_write_is_listed().await;
    story.cost(&[POST, PATCH, PATCH], &[(PLANT_A, "patch, status ×3")]).await;
    story.end().await;
}

#[tokio::test]
async fn a_secret_that_is_gone_is_missed_and_the_vendor_is_left_alone() {
    let mut story = with_account("secrets-gone").await;
    let identity = story.tls_secret("plant-a-tls").await;
    story.apply(MANIFEST).await;
    let before = story.ready(PLANT_A).await;

    story.delete("Secret/plant-a-tls").await;
    let missed = story.becomes(PLANT_A, "Ready", "False/SecretNotFound").await;
    assert_eq!(condition(&missed, "Reconciling"), "True/DependencyNotReady");
    assert_eq!(
        missed["status"]["remote"], before["status"]["remote"],
        "what it is at the vendor is still known"
    );
    assert_eq!(missed["status"]["secrets"], before["status"]["secrets"]);

    let same = [("tls.key", identity.key.as_str()), ("tls.crt", identity.certificate.as_str())];
    story.secret("plant-a-tls", &same).await;
    story.ready(PLANT_A).await;
    // The same secret is not sent again.
    story.cost(&[POST], &[(PLANT_A, "patch, status ×3")]).await;
    story.end().await;
}

#[tokio::test]
async fn a_connection_string_stays_between_the_secret_and_the_vendor() {
    let mut story = with_account("secrets-connection-string").await;
    let text = "HostName=hub-7.azure-devices.net;SharedAccessKeyName=uplink;SharedAccessKey=q83/u+3dzHcJw9vZ7LkQbA==";
    story.secret("hub", &[("connectionString", text)]).await;
    story
        .apply(
            "
kind: OnomondoConnector
metadata: {name: hub-7}
spec: {type: microsoft_azure_iot, microsoftAzureIot: {connectionStringSecretRef: {name: hub}}}
",
        )
        .await;
    let ready = story.ready("OnomondoConnector/hub-7").await;
    assert_eq!(ready["status"]["secrets"]["connectionString"]["isSet"], true);
    assert_eq!(last_options(&story).await, json!({"connectionString": set(text)}));

    let rotated = text.replace("q83/u+3d", "XYZ/u+3d");
    story.secret("hub", &[("connectionString", &rotated)]).await;
    story.vendor.wait_for("PATCH", 1, DEADLINE).await;
    assert_eq!(last_options(&story).await, json!({"connectionString": set(&rotated)}));
    story.the_last_write_is_listed().await;
    let hub = [("OnomondoConnector/hub-7", "patch, status ×2")];
    story.cost(&["POST /connectors hub-7", "PATCH /connectors/hub-7"], &hub).await;
    story.end().await;
}
