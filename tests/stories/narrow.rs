//! Keys that may not do everything, and connectors with SIMs: under each answer that the vendor may give, what happens is said and nothing is
//! doubled.

use serde_json::{Value, json};

use crate::support::objects::condition;
use crate::support::story::Story;

const ACCOUNT: &str = "OnomondoAccount/default";
const OBJECT: &str = "OnomondoConnector/plant-a";
const PLANT_A: &str = "
kind: OnomondoConnector
metadata: {name: plant-a}
spec: {type: https, https: {host: 'https://ingest.example.com/v1'}}
";
const TAG: &str = "a5023f47-1db8-425e-b664-dc0b8921f644";

/// The key sees only what carries the tag; with `None` it sees everything.
async fn narrow(story: &Story, tag: Option<&str>) {
    let tags: Vec<&str> = tag.into_iter().collect();
    story.vendor.set_keys(&json!([{"key": story.api_key, "organisation": "default", "tags": tags}])).await;
}

#[tokio::test]
async fn a_vendor_that_wants_bearer_is_told_so_by_the_account_alone() {
    let mut story =
        Story::named("narrow-bearer").switch("onomondo.authorization-scheme", "bearer").begin().await;
    story.onomondo_account("").await;
    story.becomes(ACCOUNT, "Stalled", "True/AuthenticationFailed").await;
    let message = story.message(ACCOUNT, "Ready").await;
    assert!(message.contains("authorizationScheme"), "{message}");

    story.edit(ACCOUNT, "spec: {authorizationScheme: Bearer}").await;
    story.ready(ACCOUNT).await;
    story.apply(PLANT_A).await;
    story.ready(OBJECT).await;
    assert_eq!(story.vendor_writes().await, ["POST /connectors plant-a"]);
    story.end().await;
}

#[tokio::test]
async fn whatever_the_refusal_says_the_sims_are_named() {
    let mut story = Story::begin("narrow-sims").await;
    story.onomondo_account("").await;
    for answer in ["code", "forbidden", "message"] {
        story.vendor.switch("onomondo.delete-blocked-body", answer).await;
        story.apply(PLANT_A).await;
        story.ready(OBJECT).await;
        story.vendor.map_sim("8945020000000000001", "plant-a").await;
        story.delete(OBJECT).await;
        let is_blocked = |seen: &Value| condition(seen, "Ready") == "False/DeletionBlocked";
        story.eventually(OBJECT, "held by its SIM", is_blocked).await;
        let message = story.message(OBJECT, "Ready").await;
        assert!(message.contains("8945020000000000001"), "{message}, {answer}");
        story.vendor.unmap_sim("8945020000000000001").await;
        story.gone(OBJECT).await;
    }
    story.end().await;
}

#[tokio::test]
async fn a_rename_with_sims_goes_through_or_says_why_not() {
    for answer in ["follow", "stay", "refused"] {
        let mut story = Story::named(&format!("narrow-rename-{answer}"))
            .switch("onomondo.rename-with-sims", answer)
            .begin()
            .await;
        story.onomondo_account("").await;
        story.apply(PLANT_A).await;
        story.ready(OBJECT).await;
        story.vendor.map_sim("8945020000000000001", "plant-a").await;
        story.edit(OBJECT, "spec: {name: plant-b}").await;
        if answer == "refused" {
            let refused = story.becomes(OBJECT, "Stalled", "True/Forbidden").await;
            assert_eq!(refused["status"]["remote"]["name"], "plant-a");
            assert_eq!(refused["status"]["renamingTo"], Value::Null, "a refused rename leads nowhere");
            story.vendor.unmap_sim("8945020000000000001").await;
            story.annotate(OBJECT, "connector-operator.io/reconcile-at", "1").await;
        }
        let renamed = story.ready(OBJECT).await;
        assert_eq!(renamed["status"]["remote"]["name"], "plant-b", "{answer}");
        assert_eq!(story.vendor.connectors().await.len(), 1, "{answer}");
        story.end().await;
    }
}

#[tokio::test]
async fn a_narrow_key_that_may_not_create_says_so() {
    let mut story =
        Story::named("narrow-refused").switch("onomondo.narrowed-key-create", "refused").begin().await;
    narrow(&story, Some(TAG)).await;
    story.onomondo_account("").await;
    story.ready(ACCOUNT).await;
    story.apply(PLANT_A).await;
    story.becomes(OBJECT, "Stalled", "True/Forbidden").await;
    assert_eq!(story.vendor_writes().await, ["POST /connectors plant-a -> 403"]);

    narrow(&story, None).await;
    story.annotate(OBJECT, "connector-operator.io/reconcile-at", "1").await;
    story.ready(OBJECT).await;
    story.end().await;
}

#[tokio::test]
async fn what_a_narrow_key_creates_with_its_own_tags_stays_in_sight() {
    let mut story =
        Story::named("narrow-tagged").switch("onomondo.narrowed-key-create", "tagged").begin().await;
    narrow(&story, Some(TAG)).await;
    story.onomondo_account("").await;
    story.apply(PLANT_A).await;
    story.ready(OBJECT).await;
    story.the_last_write_is_listed().await;
    assert_eq!(story.condition(OBJECT, "Ready").await, "True/Succeeded");
    assert_eq!(story.vendor_writes().await, ["POST /connectors plant-a"]);
    story.end().await;
}

#[tokio::test]
async fn what_a_narrow_key_creates_and_then_does_not_see_is_not_doubled() {
    let mut story = Story::begin("narrow-unseen").await;
    narrow(&story, Some(TAG)).await;
    story.onomondo_account("").await;
    story.apply(PLANT_A).await;
    // Two later lists without it prove that it is gone, for this key; the second create finds the name taken.
    story.becomes(OBJECT, "Stalled", "True/InvalidSpec").await;
    assert_eq!(story.vendor_writes().await, ["POST /connectors plant-a", "POST /connectors plant-a -> 409"]);
    assert_eq!(story.vendor.connectors().await.len(), 1);
    story.end().await;
}

#[tokio::test]
async fn what_a_narrow_key_sees_and_may_not_write_is_said() {
    for (answer, expected) in [("403", "False/Forbidden"), ("404", "False/RemoteUnavailable")] {
        let mut story = Story::named(&format!("narrow-write-{answer}"))
            .switch("onomondo.narrowed-key-read", "shown")
            .switch("onomondo.narrowed-key-write", answer)
            .begin()
            .await;
        story.onomondo_account("").await;
        story.apply(PLANT_A).await;
        story.ready(OBJECT).await;
        narrow(&story, Some(TAG)).await;
        story.edit(OBJECT, "spec: {https: {shouldReturnBody: true}}").await;
        story.becomes(OBJECT, "Ready", expected).await;

        narrow(&story, None).await;
        story.annotate(OBJECT, "connector-operator.io/reconcile-at", "1").await;
        story.ready(OBJECT).await;
        assert_eq!(story.vendor.connectors().await.len(), 1);
        story.end().await;
    }
}
