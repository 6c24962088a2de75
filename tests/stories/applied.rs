//! What people and tools do with kubectl: they wait for a condition, and apply the same object under several names.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::plant::{ACCOUNT, PLANT_A};
use crate::support::objects::condition;
use crate::support::story::Story;

#[tokio::test]
async fn kubectl_waits_until_the_vendor_has_it() {
    let mut story = Story::begin("applied-wait").await;
    // Everything but the key, which comes last.
    story.apply(&manifests(&story)).await;
    story.becomes(ACCOUNT, "Ready", "False/SecretNotFound").await;
    let mut waiting = kubectl(&story)
        .args(["wait", "--for=condition=Ready", "onomondoconnector/plant-a", "--timeout=60s"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("run kubectl");
    // The object has long been there, and kubectl has seen nothing that ended its wait.
    story.eventually(PLANT_A, "waiting", |seen| condition(seen, "Ready").starts_with("Unknown/")).await;
    assert!(waiting.try_wait().expect("ask for its state").is_none(), "kubectl did not wait");

    let key = story.api_key.clone();
    story.secret("onomondo", &[("apiKey", &key)]).await;
    let ended = tokio::task::spawn_blocking(move || waiting.wait_with_output()).await.expect("it ends");
    let ended = ended.expect("kubectl ends");
    let said = String::from_utf8_lossy(&ended.stdout).into_owned();
    assert!(ended.status.success(), "{said}{}", String::from_utf8_lossy(&ended.stderr));
    assert_eq!(said.trim(), "onomondoconnector.connector-operator.io/plant-a condition met");
    assert!(story.vendor.connector("plant-a").await.is_some(), "the wait ended before the vendor had it");
    story.end().await;
}

#[tokio::test]
async fn two_tools_apply_the_same_object_and_neither_meets_the_operator() {
    let mut story = Story::begin("applied-twice").await;
    let key = story.api_key.clone();
    story.secret("onomondo", &[("apiKey", &key)]).await;
    let manifests = manifests(&story);
    let file = story.folder.join("manifests.yaml");
    std::fs::write(&file, &manifests).expect("write the manifests");
    // Without --force-conflicts: a field that the operator owned too would be refused.
    let apply = |manager: &str| {
        let manager = format!("--field-manager={manager}");
        let applied = kubectl(&story)
            .args(["apply", "--server-side", "--warnings-as-errors", &manager, "--filename"])
            .arg(&file)
            .output()
            .expect("run kubectl");
        assert!(applied.status.success(), "{manager}: {}", String::from_utf8_lossy(&applied.stderr));
    };
    apply("argocd");
    story.ready(PLANT_A).await;
    story.the_last_write_is_listed().await;
    let (before, written) = (story.get(PLANT_A).await, story.kubernetes_writes().await);
    let sent = story.vendor_writes().await;

    apply("flux");
    apply("argocd");
    story.settled().await;
    let after = story.get(PLANT_A).await;
    for part in ["/spec", "/status", "/metadata/finalizers", "/metadata/generation", "/metadata/annotations"]
    {
        assert_eq!(after.pointer(part), before.pointer(part), "{part}");
    }
    assert_eq!(story.kubernetes_writes().await, written, "the operator wrote");
    assert_eq!(story.vendor_writes().await, sent, "the operator wrote to the vendor");
    let managers = managers_of_the_spec(&after);
    assert_eq!(managers, ["argocd", "flux"], "who owns fields of the spec");
    story.end().await;
}

fn manifests(story: &Story) -> String {
    format!(
        "apiVersion: connector-operator.io/v1alpha1\nkind: OnomondoAccount\nmetadata: {{name: default, namespace: {0}}}\n\
         spec:\n  endpoint: {1}\n  apiKeySecretRef: {{name: onomondo}}\n---\n\
         apiVersion: connector-operator.io/v1alpha1\nkind: OnomondoConnector\nmetadata: {{name: plant-a, namespace: {0}}}\n\
         spec:\n  type: https\n  https: {{host: 'https://ingest.example.com/v1'}}\n",
        story.name,
        story.vendor.url()
    )
}

fn kubectl(story: &Story) -> Command {
    let mut command = story.kubectl();
    command.args(["--namespace", &story.name]);
    command
}

fn managers_of_the_spec(object: &Value) -> Vec<String> {
    let entries = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    let owns = |entry: &&Value| entry["fieldsV1"].get("f:spec").is_some();
    let mut names: Vec<String> = entries
        .iter()
        .filter(owns)
        .map(|entry| entry["manager"].as_str().unwrap_or("?").to_owned())
        .collect();
    names.sort();
    names
}
