//! The Secrets behind a connector: late, rotated, incomplete, gone.

use serde_json::{Value, json};

use crate::support::looking::set;
use crate::support::objects::condition;
use crate::support::story::{DEADLINE, Story};

const OBJECT: &str = "OnomondoConnector/plant-a";

const PLANT_A: &str = "
kind: OnomondoConnector
metadata: {name: plant-a}
spec:
  type: tls
  tls: {host: 123.123.123.123, port: 443, serverName: plant-a.example.com, keySecretRef: {name: plant-a-tls}, certSecretRef: {name: plant-a-tls}}
";

async fn begin(name: &str) -> Story {
    let mut story = Story::begin(name).await;
    story.onomondo_account("").await;
    story.ready("OnomondoAccount/default").await;
    story
}

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
    let mut story = begin("secrets-late").await;
    story.apply(PLANT_A).await;
    let waiting = story.becomes(OBJECT, "Ready", "False/SecretNotFound").await;
    assert_eq!(condition(&waiting, "Reconciling"), "True/DependencyNotReady");
    assert_eq!(condition(&waiting, "Stalled"), "-");
    assert_eq!(
        story.message(OBJECT, "Ready").await,
        "plant-a: Secret secrets-late/plant-a-tls does not exist; create it, or correct the reference"
    );

    story.secret("plant-a-tls", &[("tls.key", "half-a-pair-is-not-enough")]).await;
    let says_which_key = |object: &Value| object.to_string().contains("has no key tls.crt");
    story.eventually(OBJECT, "waiting for the other key", says_which_key).await;
    assert_eq!(
        story.message(OBJECT, "Ready").await,
        "plant-a: Secret secrets-late/plant-a-tls has no key tls.crt, or it is empty; add it, or name another key in the reference"
    );
    assert_eq!(story.vendor_writes().await, Vec::<String>::new());

    let identity = story.tls_secret("plant-a-tls").await;
    story.ready(OBJECT).await;
    assert_eq!(story.vendor_writes().await, ["POST /connectors plant-a"]);
    assert_eq!(last_options(&story).await, options(&identity.key, &identity.certificate));
    let status = "apply onomondoconnectors/plant-a/status";
    let writes = [status, status, "patch onomondoconnectors/plant-a", status];
    assert_eq!(story.kubernetes_writes_to("onomondoconnectors/plant-a").await, writes);
    story.end().await;
}

#[tokio::test]
async fn a_rotated_secret_is_sent_with_complete_options() {
    let mut story = begin("secrets-rotated").await;
    story.tls_secret("plant-a-tls").await;
    story.apply(PLANT_A).await;
    let before = story.ready(OBJECT).await["status"]["secrets"].clone();

    let identity = story.tls_secret("plant-a-tls").await;
    // The next list by the clock is an hour away.
    let patched = story.vendor.wait_for("PATCH", 1, DEADLINE).await;
    let body = patched[0].body.as_ref().unwrap();
    assert_eq!(*body, json!({"options": options(&identity.key, &identity.certificate)}));

    let moved =
        |object: &Value| object["status"]["secrets"]["key"]["fingerprint"] != before["key"]["fingerprint"];
    let after = story.eventually(OBJECT, "shown with its new fingerprint", moved).await;
    assert_ne!(after["status"]["secrets"]["cert"]["fingerprint"], before["cert"]["fingerprint"]);
    assert_eq!(condition(&after, "Ready"), "True/Succeeded");
    assert_eq!(condition(&after, "SecretsInSync"), "True/InSync");
    assert_eq!(story.vendor_writes().await, ["POST /connectors plant-a", "PATCH /connectors/plant-a"]);
    story.end().await;
}

#[tokio::test]
async fn a_second_rotation_right_after_the_first_is_not_lost() {
    // Nothing times out while the vendor takes its time.
    let mut story = Story::named("secrets-twice").value("requestTimeout", "30s").begin().await;
    story.onomondo_account("").await;
    story.ready("OnomondoAccount/default").await;
    story.tls_secret("plant-a-tls").await;
    story.apply(PLANT_A).await;
    story.ready(OBJECT).await;

    let slowly = json!({"kind": "delay", "milliseconds": 5000, "after_applying": true});
    story.vendor.fault(json!({"method": "PATCH", "times": 1}), slowly).await;
    story.tls_secret("plant-a-tls").await;
    story.vendor.wait_for("PATCH", 1, DEADLINE).await;
    let newest = story.tls_secret("plant-a-tls").await;
    assert_eq!(story.vendor_writes().await.last().unwrap(), "PATCH /connectors/plant-a -> held");
    story.vendor.wait_for("PATCH", 2, DEADLINE).await;

    assert_eq!(last_options(&story).await, options(&newest.key, &newest.certificate));
    let patch = "PATCH /connectors/plant-a";
    assert_eq!(story.vendor_writes().await, ["POST /connectors plant-a", patch, patch]);
    story.end().await;
}

#[tokio::test]
async fn a_secret_that_is_gone_is_missed_and_the_vendor_is_left_alone() {
    let mut story = begin("secrets-gone").await;
    let identity = story.tls_secret("plant-a-tls").await;
    story.apply(PLANT_A).await;
    let before = story.ready(OBJECT).await;

    story.delete("Secret/plant-a-tls").await;
    let missed = story.becomes(OBJECT, "Ready", "False/SecretNotFound").await;
    assert_eq!(condition(&missed, "Reconciling"), "True/DependencyNotReady");
    assert_eq!(
        missed["status"]["remote"], before["status"]["remote"],
        "what it is at the vendor is still known"
    );
    assert_eq!(missed["status"]["secrets"], before["status"]["secrets"]);

    let same = [("tls.key", identity.key.as_str()), ("tls.crt", identity.certificate.as_str())];
    story.secret("plant-a-tls", &same).await;
    story.ready(OBJECT).await;
    assert_eq!(
        story.vendor_writes().await,
        ["POST /connectors plant-a"],
        "the same secret is not sent again"
    );
    story.end().await;
}

#[tokio::test]
async fn a_connection_string_stays_between_the_secret_and_the_vendor() {
    let mut story = begin("secrets-connection-string").await;
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
    story.end().await;
}
