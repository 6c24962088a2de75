//! Keys that may not do everything, and connectors with SIMs: under each answer that the vendor may give, what happens is said and nothing is
//! doubled.

use serde_json::{Value, json};

use crate::plant::{ACCOUNT, DELETE, HTTPS, PATCH, PLANT_A, POST, refused_because_of_sims};
use crate::support::objects::condition;
use crate::support::story::Story;

const TAG: &str = "a5023f47-1db8-425e-b664-dc0b8921f644";

/// The key sees only what carries the tag; with `None` it sees everything.
async fn narrow(story: &Story, tag: Option<&str>) {
    let tags: Vec<&str> = tag.into_iter().collect();
    story.vendor.set_keys(&json!([{"key": story.api_key, "organisation": "default", "tags": tags}])).await;
}

/// A story in which `plant-a` is Ready at a vendor with these switches.
async fn ready(name: &str, switches: &[(&str, &str)]) -> Story {
    let opening =
        switches.iter().fold(Story::named(name), |opening, (switch, answer)| opening.switch(switch, answer));
    let mut story = opening.begin().await;
    story.onomondo_account("").await;
    story.ready(ACCOUNT).await;
    story.apply(HTTPS).await;
    story.ready(PLANT_A).await;
    story
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
    story.apply(HTTPS).await;
    story.ready(PLANT_A).await;
    story.cost(&[POST], &[(PLANT_A, "patch, status")]).await;
    story.end().await;
}

#[tokio::test]
async fn whatever_the_refusal_says_the_sims_are_named() {
    for answer in ["code", "forbidden", "message"] {
        let story =
            ready(&format!("narrow-sims-{answer}"), &[("onomondo.delete-blocked-body", answer)]).await;
        story.vendor.map_sim("8945020000000000001", "plant-a").await;
        story.delete(PLANT_A).await;
        let is_blocked = |seen: &Value| condition(seen, "Ready") == "False/DeletionBlocked";
        story.eventually(PLANT_A, "held by its SIM", is_blocked).await;
        let message = story.message(PLANT_A, "Ready").await;
        assert!(message.contains("8945020000000000001"), "{message}, {answer}");
        story.vendor.unmap_sim("8945020000000000001").await;
        story.gone(PLANT_A).await;
        let asked = [&[POST][..], &refused_because_of_sims(&story).await, &[DELETE]].concat();
        story.cost(&asked, &[(PLANT_A, "patch, status ×2, patch")]).await;
        story.end().await;
    }
}

#[tokio::test]
async fn a_rename_with_sims_goes_through_or_says_why_not() {
    for answer in ["follow", "stay", "refused"] {
        let story = ready(&format!("narrow-rename-{answer}"), &[("onomondo.rename-with-sims", answer)]).await;
        story.vendor.map_sim("8945020000000000001", "plant-a").await;
        story.edit(PLANT_A, "spec: {name: plant-b}").await;
        if answer == "refused" {
            let refused = story.becomes(PLANT_A, "Stalled", "True/Forbidden").await;
            assert_eq!(refused["status"]["remote"]["name"], "plant-a");
            assert_eq!(refused["status"]["renamingTo"], Value::Null, "a refused rename leads nowhere");
            story.vendor.unmap_sim("8945020000000000001").await;
            story.annotate(PLANT_A, "connector-operator.io/reconcile-at", "1").await;
        }
        let renamed = story.ready(PLANT_A).await;
        assert_eq!(renamed["status"]["remote"]["name"], "plant-b", "{answer}");
        assert_eq!(story.vendor.connectors().await.len(), 1, "{answer}");
        let rename = format!("{PATCH} plant-b");
        if answer == "refused" {
            // It is announced, refused, announced again, and done.
            let sent = [POST, &format!("{rename} -> 403"), &rename];
            story.cost(&sent, &[(PLANT_A, "patch, status ×5")]).await;
        } else {
            story.cost(&[POST, &rename], &[(PLANT_A, "patch, status ×3")]).await;
        }
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
    story.apply(HTTPS).await;
    story.becomes(PLANT_A, "Stalled", "True/Forbidden").await;

    narrow(&story, None).await;
    story.annotate(PLANT_A, "connector-operator.io/reconcile-at", "1").await;
    story.ready(PLANT_A).await;
    // The claim is withdrawn and made anew.
    let writes = "patch ×2, status, patch, status";
    story.cost(&["POST /connectors plant-a -> 403", POST], &[(PLANT_A, writes)]).await;
    story.end().await;
}

#[tokio::test]
async fn what_a_narrow_key_creates_with_its_own_tags_stays_in_sight() {
    let mut story =
        Story::named("narrow-tagged").switch("onomondo.narrowed-key-create", "tagged").begin().await;
    narrow(&story, Some(TAG)).await;
    story.onomondo_account("").await;
    story.apply(HTTPS).await;
    story.ready(PLANT_A).await;
    story.the_last_write_is_listed().await;
    assert_eq!(story.condition(PLANT_A, "Ready").await, "True/Succeeded");
    story.cost(&[POST], &[(PLANT_A, "patch, status")]).await;
    story.end().await;
}

#[tokio::test]
async fn what_a_narrow_key_creates_and_then_does_not_see_is_not_doubled() {
    let mut story = Story::begin("narrow-unseen").await;
    narrow(&story, Some(TAG)).await;
    story.onomondo_account("").await;
    story.apply(HTTPS).await;
    // Two later lists without it prove that it is gone, for this key; the second create finds the name taken.
    story.becomes(PLANT_A, "Stalled", "True/InvalidSpec").await;
    assert_eq!(story.vendor.connectors().await.len(), 1);
    // Created; missing; its claim and its identity forgotten; claimed anew; refused, and the claim withdrawn.
    let writes = "patch, status ×2, patch, status, patch ×2, status";
    story.cost(&[POST, "POST /connectors plant-a -> 409"], &[(PLANT_A, writes)]).await;
    story.end().await;
}

#[tokio::test]
async fn what_a_narrow_key_sees_and_may_not_write_is_said() {
    for (answer, expected) in [("403", "False/Forbidden"), ("404", "False/RemoteUnavailable")] {
        let switches = [("onomondo.narrowed-key-read", "shown"), ("onomondo.narrowed-key-write", answer)];
        let story = ready(&format!("narrow-write-{answer}"), &switches).await;
        narrow(&story, Some(TAG)).await;
        story.edit(PLANT_A, "spec: {https: {shouldReturnBody: true}}").await;
        story.becomes(PLANT_A, "Ready", expected).await;

        narrow(&story, None).await;
        if answer == "403" {
            story.annotate(PLANT_A, "connector-operator.io/reconcile-at", "1").await;
        }
        story.ready(PLANT_A).await;
        assert_eq!(story.vendor.connectors().await.len(), 1);
        // After a 404 it is tried again by itself, how often is a matter of time.
        let refused = format!("{PATCH} -> {answer}");
        let seen = story.vendor_writes().await.iter().filter(|request| **request == refused).count();
        let refusals = vec![refused.as_str(); if answer == "403" { 1 } else { seen }];
        let sent = [&[POST][..], &refusals, &[PATCH]].concat();
        story.cost(&sent, &[(PLANT_A, "patch, status ×3")]).await;
        story.end().await;
    }
}
