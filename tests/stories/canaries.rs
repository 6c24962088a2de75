//! A vendor that repeats what it was told: in its refusals, on its pages, in its list. No secret gets any further than to it.
//! The logs are searched at their most detailed.

use serde_json::{Value, json};

use crate::plant::{ACCOUNT, PATCH, PLANT_A, POST};
use crate::support::objects::condition_message;
use crate::support::opening::random_text;
use crate::support::story::Story;

const HUB: &str = "OnomondoConnector/hub-7";
const POST_HUB: &str = "POST /connectors hub-7";

const CONNECTORS: &str = "
kind: OnomondoConnector
metadata: {name: hub-7}
spec: {type: microsoft_azure_iot, microsoftAzureIot: {connectionStringSecretRef: {name: hub}}}
---
kind: OnomondoConnector
metadata: {name: plant-a}
spec:
  type: tls
  tls: {host: 123.123.123.123, port: 443, serverName: plant-a.example.com, keySecretRef: {name: plant-a-tls}, certSecretRef: {name: plant-a-tls}}
";

async fn looks_at_the_account(story: &Story, mark: &str) {
    story.annotate(ACCOUNT, "connector-operator.io/reconcile-at", mark).await;
}

#[tokio::test]
async fn a_refusal_that_repeats_a_secret_is_cut_down_to_its_status() {
    let mut story = Story::begin("canaries-refusals").await;
    story.onomondo_account("").await;
    story.ready(ACCOUNT).await;
    // One that looks just like a vendor's error code.
    let text = random_text("hub");
    story.secret("hub", &[("connectionString", &text)]).await;
    let identity = story.tls_secret("plant-a-tls").await;
    let line = identity.key.lines().nth(1).expect("a line of the key");

    let refusals =
        [("hub-7", json!({"error": text[..20]})), ("plant-a", json!({"error": line, "sent": identity.key}))];
    for (name, body) in refusals {
        let matching = json!({"method": "POST", "body": {"name": name}});
        story.vendor.fault(matching, json!({"kind": "status", "code": 400, "body": body})).await;
    }
    story.apply(CONNECTORS).await;
    for (object, name) in [(HUB, "hub-7"), (PLANT_A, "plant-a")] {
        let refused = story.becomes(object, "Ready", "False/InvalidSpec").await;
        let message = format!("{name}: create failed: the vendor answered 400 Bad Request; correct the spec");
        assert_eq!(condition_message(&refused, "Ready"), message);
    }

    story.vendor.heal().await;
    let answer = json!({"kind": "status", "code": 401, "body": {"error": story.api_key}});
    story.vendor.fault(json!({"method": "GET"}), answer).await;
    looks_at_the_account(&story, "with its key in the refusal").await;
    let refused = story.becomes(ACCOUNT, "Ready", "False/AuthenticationFailed").await;
    let message = "account canaries-refusals/default: the vendor answered 401 Unauthorized; correct";
    assert!(condition_message(&refused, "Ready").starts_with(message), "{refused}");

    story.vendor.heal().await;
    let page = format!("<html>Sorry. You sent: {} and {}</html>", story.api_key, identity.key);
    story.vendor.fault(json!({"method": "GET"}), json!({"kind": "status", "code": 200, "body": page})).await;
    looks_at_the_account(&story, "with its key on a page").await;
    story.becomes(ACCOUNT, "Ready", "False/RemoteUnavailable").await;
    story.vendor.heal().await;
    story.ready(ACCOUNT).await;
    // Each is claimed, refused, released, and told of once.
    let refused = [format!("{POST_HUB} -> 400"), format!("{POST} -> 400")];
    let writes = "patch ×2, status";
    story
        .cost_in_any_order(&refused.each_ref().map(String::as_str), &[(HUB, writes), (PLANT_A, writes)])
        .await;
    story.end().await;
}

#[tokio::test]
async fn a_list_that_shows_the_secrets_is_not_repeated_anywhere() {
    let mut story = Story::begin("canaries-list").await;
    story.onomondo_account("").await;
    story.ready(ACCOUNT).await;
    let text = "HostName=hub-7.azure-devices.net;SharedAccessKeyName=uplink;SharedAccessKey=q83/u+3dzHcJw9vZ7LkQbA==";
    story.secret("hub", &[("connectionString", text)]).await;
    let identity = story.tls_secret("plant-a-tls").await;
    story.apply(CONNECTORS).await;
    for object in [HUB, PLANT_A] {
        story.ready(object).await;
    }
    story.the_last_write_is_listed().await;

    story.vendor.change_connector("hub-7", &json!({"options": {"connectionString": text}})).await;
    let shown = json!({"options": {"key": identity.key, "port": 8883, "motto": identity.key}});
    story.vendor.change_connector("plant-a", &shown).await;
    story.edit(PLANT_A, "spec: {managementPolicy: Plan}").await;
    story.ready(PLANT_A).await;
    story.look_again().await;
    let differs =
        |object: &Value| object["status"]["plannedChanges"].as_array().is_some_and(|all| !all.is_empty());
    story.eventually(PLANT_A, "told what would change", differs).await;
    story.edit(PLANT_A, "spec: {managementPolicy: Manage}").await;
    let ready = story.ready(PLANT_A).await;
    assert_eq!(ready["status"]["plannedChanges"], Value::Null);
    // The finalizer comes and goes with the policy.
    let writes = [(HUB, "patch, status"), (PLANT_A, "patch, status, patch, status ×2, patch, status")];
    story.cost_in_any_order(&[POST, POST_HUB, PATCH], &writes).await;
    story.end().await;
}
