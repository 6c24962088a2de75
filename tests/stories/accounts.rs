//! A connector needs its account: which may come a moment later, or never.

use crate::plant::{ACCOUNT, HTTPS, PLANT_A, POST};
use crate::support::objects::condition;
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
