//! What no document of Onomondo answers must not matter: under each answer a connector is created, updated, its secret
//! rotated, its type changed, renamed and deleted with the same requests, and is in sync after each of them.

use std::collections::BTreeSet;

use crate::support::objects::condition;
use crate::support::story::Story;

/// A switch of the emulator, and its answers other than the default, under which all other stories run.
type Question = (&'static str, &'static [&'static str]);

const ABOUT_SECRETS: &[Question] = &[
    ("onomondo.options-patch", &["replace"]),
    ("onomondo.clear-secret", &["null", "empty", "refused", "ignored"]),
    ("onomondo.secret-timestamps", &["all"]),
    ("onomondo.same-secret", &["keeps"]),
    ("onomondo.tls-secrets", &["required"]),
    ("onomondo.empty-meta", &["empty"]),
];

const ABOUT_LISTS: &[Question] = &[
    ("onomondo.passthrough-order", &["sorted"]),
    ("onomondo.passthrough-member", &["null", "as-written"]),
    ("onomondo.empty-passthrough", &["null", "absent"]),
    ("onomondo.empty-tags", &["null", "absent"]),
    ("onomondo.write-reply-tags", &["uuids"]),
    ("onomondo.unknown-tag", &["dropped", "accepted"]),
    ("onomondo.list-order", &["name", "shuffled"]),
    ("onomondo.identifiers", &["everywhere", "nowhere"]),
];

const ABOUT_ANSWERS: &[Question] = &[
    ("onomondo.requests-per-minute", &["0"]),
    ("onomondo.authorization-scheme", &["both"]),
    ("onomondo.retry-after", &["seconds", "date"]),
    ("onomondo.rate-limit-headers", &["when-spent", "absent"]),
    ("onomondo.invalid-status", &["422"]),
    ("onomondo.error-body", &["generic", "with-message", "text", "empty"]),
    ("onomondo.duplicate-name", &["400", "422", "allowed"]),
    ("onomondo.unknown-option", &["ignored", "refused"]),
    ("onomondo.host-normalisation", &["lower-case", "trailing-slash"]),
    ("onomondo.return-body-default", &["absent"]),
];

/// They matter only to a narrow key or to a connector with SIMs, which this life has not: `narrow` tells of them.
const ELSEWHERE: [&str; 5] = [
    "onomondo.delete-blocked-body",
    "onomondo.narrowed-key-read",
    "onomondo.narrowed-key-write",
    "onomondo.narrowed-key-create",
    "onomondo.rename-with-sims",
];

#[tokio::test]
async fn no_answer_about_secrets_matters() {
    lives("open-secrets", ABOUT_SECRETS).await;
}

#[tokio::test]
async fn no_answer_about_lists_matters() {
    lives("open-lists", ABOUT_LISTS).await;
}

#[tokio::test]
async fn no_answer_about_answers_matters() {
    lives("open-answers", ABOUT_ANSWERS).await;
}

#[tokio::test]
async fn every_open_question_about_onomondo_is_asked() {
    let story = Story::named("open-questions").replicas(0).begin().await;
    let switches = story.vendor.read("switches").await;
    let mut known: BTreeSet<String> = names(&switches);
    known.retain(|name| name.starts_with("onomondo."));
    let asked: BTreeSet<String> = [ABOUT_SECRETS, ABOUT_LISTS, ABOUT_ANSWERS]
        .into_iter()
        .flatten()
        .map(|(name, _)| *name)
        .chain(ELSEWHERE)
        .map(str::to_owned)
        .collect();
    assert_eq!(known, asked);
    story.end().await;
}

fn names(switches: &serde_json::Value) -> BTreeSet<String> {
    match switches {
        serde_json::Value::Object(all) => all.keys().cloned().collect(),
        all => all
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|one| Some(one["name"].as_str()?.to_owned()))
            .collect(),
    }
}

async fn lives(name: &str, questions: &[Question]) {
    let mut story = Story::begin(name).await;
    story.onomondo_account("requestsPerMinute: 6000").await;
    for (switch, answers) in questions {
        for answer in *answers {
            story.vendor.switch(switch, answer).await;
            live(&mut story, &format!("{switch}={answer}")).await;
        }
        story.vendor.switches_back().await;
    }
    story.end().await;
}

/// The life of two connectors.
async fn live(story: &mut Story, answer: &str) {
    eprintln!("under {answer}"); // Shown where it costs something else.
    story.count_anew().await;
    story.tls_secret("client").await;
    story.secret("server", &[("ca.crt", "the authority of the server, as text")]).await;
    for (object, manifest) in [(TLS, PLANT_A), (HTTPS, PLANT_B)] {
        story.apply(manifest).await;
        story.ready(object).await;
    }
    for (object, edit) in [
        (TLS, "spec: {tls: {port: 8883}}"),
        (TLS, "spec: {passthrough: [], tags: []}"),
        (TLS, "spec: {passthrough: [{protocol: tcp}, {protocol: udp, ip: 1.1.1.1, port: 0}]}"),
        (HTTPS, "spec: {tags: [a5023f47-1db8-425e-b664-dc0b8921f644]}"),
        (HTTPS, "spec: {name: renamed}"),
    ] {
        story.edit(object, edit).await;
        let seen = story.ready(object).await;
        let secrets = condition(&seen, "SecretsInSync");
        assert!(object == HTTPS || secrets == "True/InSync", "{secrets} after {edit}, {answer}");
    }
    let before = story.get(TLS).await["status"]["secrets"]["key"]["fingerprint"].clone();
    story.tls_secret("client").await;
    story.eventually(TLS, "rotated", |seen| seen["status"]["secrets"]["key"]["fingerprint"] != before).await;
    story.look_again().await;
    for object in [TLS, HTTPS] {
        assert_eq!(story.condition(object, "Ready").await, "True/Succeeded", "{object}, {answer}");
    }
    assert_eq!(story.condition(TLS, "SecretsInSync").await, "True/InSync", "{answer}");

    story.edit(TLS, "spec: {type: https, tls: null, https: {host: 'https://plant-a.example.com/'}}").await;
    story.ready(TLS).await;
    for object in [TLS, HTTPS] {
        story.delete(object).await;
        story.gone(object).await;
    }

    // Beside what the vendor hears of, the rename is announced.
    let writes = [(TLS, "patch, status ×6, patch"), (HTTPS, "patch, status ×4, patch")];
    story.cost(&EXPECTED, &writes).await;
    assert_eq!(story.vendor.connectors().await, [serde_json::Value::Null; 0], "{answer}");
}

const TLS: &str = "OnomondoConnector/plant-a";
const HTTPS: &str = "OnomondoConnector/plant-b";
const PLANT_A: &str = "
kind: OnomondoConnector
metadata: {name: plant-a}
spec:
  type: tls
  tls:
    host: plant-a.example.com
    port: 443
    serverName: one.example.com
    keySecretRef: {name: client}
    certSecretRef: {name: client}
    caSecretRef: {name: server}
  passthrough: [{protocol: udp, ip: 1.1.1.1, port: 53}, {protocol: icmp}]
  tags: [a5023f47-1db8-425e-b664-dc0b8921f644]
";
const PLANT_B: &str = "
kind: OnomondoConnector
metadata: {name: plant-b}
spec:
  type: https
  https: {host: 'https://ingest.example.com/v1'}
  passthrough: []
  tags: []
";
const EXPECTED: [&str; 11] = [
    "POST /connectors plant-a",
    "POST /connectors plant-b",
    "PATCH /connectors/plant-a",
    "PATCH /connectors/plant-a",
    "PATCH /connectors/plant-a",
    "PATCH /connectors/plant-b",
    "PATCH /connectors/plant-b renamed",
    "PATCH /connectors/plant-a",
    "PATCH /connectors/plant-a",
    "DELETE /connectors/plant-a",
    "DELETE /connectors/renamed",
];
