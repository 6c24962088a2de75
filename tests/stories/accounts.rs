//! A connector needs its account: which may come a moment later, or never.

use serde_json::Value;

use crate::plant::{ACCOUNT, HTTPS, PLANT_A, POST};
use crate::support::objects::{condition, condition_message};
use crate::support::story::Story;

#[tokio::test]
async fn what_is_applied_together_needs_no_order() {
    let mut story = Story::begin("accounts").await;
    let key = story.api_key.clone();
    story.secret("onomondo", &[("apiKey", &key)]).await;
    let account = format!(
        "kind: OnomondoAccount\nmetadata: {{name: default}}\nspec: {{endpoint: '{}', apiKeySecretRef: {{name: onomondo}}}}",
        story.vendor.url()
    );
    story.apply(&format!("{HTTPS}---\n{account}")).await;
    story.ready(PLANT_A).await;
    story.cost(&[POST], &[(PLANT_A, "patch, status")]).await;
    assert!(
        story.events().await.iter().all(|event| !event.starts_with("Warning")),
        "{:?}",
        story.events().await
    );
    story.end().await;
}

#[tokio::test]
async fn an_account_that_does_not_come_is_missed() {
    let mut story = Story::begin("accounts-missing").await;
    story.apply(HTTPS).await;
    let missed = story.becomes(PLANT_A, "Ready", "False/AccountNotFound").await;
    assert_eq!(condition(&missed, "Reconciling"), "True/DependencyNotReady");
    let message = "account accounts-missing/default does not exist, or is in a namespace that is not watched; create it, or correct accountRef";
    assert_eq!(story.message(PLANT_A, "Ready").await, message);

    story.onomondo_account("").await;
    story.ready(ACCOUNT).await;
    story.ready(PLANT_A).await;
    story.cost(&[POST], &[(PLANT_A, "status, patch, status")]).await;
    story.end().await;
}

#[tokio::test]
async fn what_is_recorded_under_a_suspended_account_is_not_taken_over_by_way_of_another() {
    const SECOND: &str = "OnomondoConnector/second";
    let mut story = Story::named("accounts-two").value("leaderElection.enabled", false).begin().await;
    story.onomondo_account("").await;
    let spec = format!("{{endpoint: '{}', apiKeySecretRef: {{name: onomondo}}}}", story.vendor.url());
    story.apply(&format!("kind: OnomondoAccount\nmetadata: {{name: same}}\nspec: {spec}")).await;
    story.ready("OnomondoAccount/same").await;
    story.apply(HTTPS).await;
    story.ready(PLANT_A).await;
    let newest = story.vendor.newest().await;
    let second = HTTPS.replace("{name: plant-a}", "{name: second}").replace("ingest.", "theirs.");
    let more = "  name: plant-a\n  accountRef: {name: same}\n  adoptionPolicy: Always\n";
    story.apply(&format!("{second}{more}")).await;
    story.becomes(SECOND, "Stalled", "True/Conflict").await;

    story.edit(ACCOUNT, "spec: {suspend: true}").await;
    story.becomes(ACCOUNT, "Suspended", "True/Suspended").await;
    story.operator().kill().await;
    story.operator().restart().await;
    let waits = "second: plant-a may be managed by accounts-two/plant-a, whose account is not connected at present; it is not taken over \
                 before that is known";
    let is_told = |seen: &Value| condition_message(seen, "Ready") == waits;
    story.eventually(SECOND, "waiting for the account of the other one", is_told).await;

    story.edit(ACCOUNT, "spec: {suspend: false}").await;
    story.becomes(SECOND, "Stalled", "True/Conflict").await;
    assert_eq!(story.sent_since(newest).await, [], "nothing was written to what the other one has");
    story.end().await;
}
