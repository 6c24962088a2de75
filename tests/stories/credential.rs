//! The account's credential: missing, refused, repaired. What was in sync stays so meanwhile.

use serde_json::{Value, json};

use crate::plant::{ACCOUNT, HTTPS, PLANT_A, POST, with_account};
use crate::support::objects::condition;
use crate::support::opening::random_text;
use crate::support::story::Story;

#[tokio::test]
async fn a_key_that_is_revoked_stalls_the_account_alone_until_the_secret_is_repaired() {
    let mut story = Story::begin("credential").await;
    story.onomondo_account("resyncInterval: 10s").await;
    story.apply(HTTPS).await;
    story.ready(PLANT_A).await;

    let key = random_text("onomondo-second-key");
    story.vendor.set_keys(&json!([{"key": key, "organisation": "default"}])).await;
    let refused = story.becomes(ACCOUNT, "Ready", "False/AuthenticationFailed").await;
    assert_eq!(condition(&refused, "Stalled"), "True/AuthenticationFailed");
    assert_eq!(condition(&refused, "Reconciling"), "-");
    let message = story.message(ACCOUNT, "Ready").await;
    assert!(message.starts_with("account credential/default: the vendor answered 401"), "{message}");
    assert!(message.ends_with(
        "; correct the credential in the Secret, or authorizationScheme where the account has one"
    ));
    assert_eq!(story.condition(PLANT_A, "Ready").await, "True/Succeeded");

    story.secret("onomondo", &[("apiKey", &key)]).await;
    let healed = story.ready(ACCOUNT).await;
    assert_eq!(healed["status"]["lastSnapshot"]["objects"], 1);
    assert_eq!(story.condition(PLANT_A, "Ready").await, "True/Succeeded");
    story.cost(&[POST], &[(PLANT_A, "patch, status")]).await;
    story.end().await;
}

#[tokio::test]
async fn an_account_whose_secret_is_missing_waits_for_it() {
    let mut story = with_account("credential-missing").await;
    let key = story.api_key.clone();
    story.delete("Secret/onomondo").await;
    let missing = story.becomes(ACCOUNT, "Ready", "False/SecretNotFound").await;
    assert_eq!(condition(&missing, "Reconciling"), "True/DependencyNotReady");
    let message = "account credential-missing/default: Secret credential-missing/onomondo does not exist; create it, or correct the reference";
    assert_eq!(story.message(ACCOUNT, "Ready").await, message);

    story.apply(HTTPS).await;
    let waiting = story.becomes(PLANT_A, "Ready", "Unknown/AccountNotReady").await;
    assert_eq!(condition(&waiting, "Reconciling"), "True/DependencyNotReady");
    let message = "account credential-missing/default is not ready; its status says why";
    assert_eq!(story.message(PLANT_A, "Ready").await, message);
    story.cost(&[], &[(PLANT_A, "status")]).await;

    story.secret("onomondo", &[("password", &key)]).await;
    let names_the_key = |account: &Value| account.to_string().contains("has no key apiKey");
    story.eventually(ACCOUNT, "waiting for the key", names_the_key).await;
    story.secret("onomondo", &[("apiKey", &key)]).await;
    story.ready(ACCOUNT).await;
    story.ready(PLANT_A).await;
    story.cost(&[POST], &[(PLANT_A, "status, patch, status")]).await;
    story.end().await;
}
