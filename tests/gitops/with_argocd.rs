//! A team's connectors are applied by Argo CD, from the Application that this repository ships.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::argocd::{ArgoCd, DEADLINE, application, shipped};
use crate::declared::{
    ACCOUNT, FOLDER, PLANT_A, PLANT_A_FILE, PLANT_B, connector, key, key_arrives, repository,
};
use crate::repository::Repository;
use crate::support::audit::Audit;
use crate::support::control_plane::ControlPlane;
use crate::support::objects::condition;
use crate::support::story::Story;
use crate::support::wait;

/// How long nothing may happen where there is nothing to do.
const QUIET: Duration = Duration::from_mins(2);
/// How often Argo CD is asked meanwhile to compare without what it has cached.
const COMPARED: u32 = 6;

/// A team's namespace, with an Application of the same name.
struct Team {
    story: Story,
    argocd: &'static ArgoCd,
    repository: Repository,
}

impl Team {
    /// The repository has an account and `plant-a`; nothing is applied yet.
    async fn begin(name: &str) -> Team {
        let story = Story::begin(name).await;
        let argocd = ArgoCd::shared().await;
        let repository = repository(&story);
        Team { story, argocd, repository }
    }

    /// Commits the work tree and has Argo CD take it up.
    async fn push(&self, message: &str) -> String {
        let revision = self.repository.commit(message);
        let name = &self.story.name;
        if self.story.objects.get(&application(name)).await.is_none() {
            let mut shipped = shipped("application-connectors.yaml", &self.repository);
            shipped["metadata"]["name"] = json!(name);
            shipped["spec"]["source"]["path"] = json!(FOLDER);
            shipped["spec"]["destination"]["namespace"] = json!(name);
            self.story.objects.apply_value(shipped, name).await.expect("the Application");
        } else {
            self.argocd.refresh(name, "normal").await;
        }
        revision
    }

    async fn shows(&self, revision: &str, what: &str) -> Value {
        self.argocd.shows(&self.story.name, revision, what).await
    }

    /// The end of what the Application declares: Argo CD deletes it all, and then it is gone itself.
    async fn end(self) {
        self.story.objects.delete(&application(&self.story.name)).await.expect("delete the Application");
        self.argocd.gone(&self.story.name).await;
        assert_eq!(self.story.vendor.connectors().await, Vec::<Value>::new(), "left behind at the vendor");
        self.story.end().await;
    }
}

/// How Argo CD shows one object of an Application: `Degraded: the message`.
fn health_of(application: &Value, name: &str) -> String {
    let resources = application["status"]["resources"].as_array().cloned().unwrap_or_default();
    let found = resources.iter().find(|resource| resource["name"] == name).cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    format!("{}: {}", text(&found["health"]["status"]), text(&found["health"]["message"]))
}

#[tokio::test]
async fn an_application_is_healthy_only_once_the_vendor_has_it() {
    let mut team = Team::begin("argo-healthy").await;
    key_arrives(&mut team.story).await;
    let down = json!({"kind": "status", "code": 503, "body": {"error": "down"}});
    let fault = team.story.vendor.fault(json!({"method": "POST"}), down).await;

    let revision = team.push("Declare plant-a").await;
    team.shows(&revision, "Synced Progressing").await;
    wait::until("the vendor refuses twice", DEADLINE, || async {
        let hits = team.story.vendor.fault_hits(fault).await;
        if hits >= 2 { Ok(()) } else { Err(format!("{hits} refusals")) }
    })
    .await;
    let is_told = |seen: &Value| {
        let health = health_of(seen, "plant-a");
        health.starts_with("Progressing: plant-a: ") && health.contains("503")
    };
    let shown = team.argocd.eventually(&team.story.name, "waiting for the vendor", is_told).await;
    assert_eq!(ArgoCd::shown(&shown), "Synced Progressing");

    team.story.vendor.heal().await;
    team.shows(&revision, "Synced Healthy").await;
    assert!(team.story.vendor.connector("plant-a").await.is_some(), "Healthy, but not at the vendor");
    team.end().await;
}

#[tokio::test]
async fn a_secret_that_arrives_after_the_application_heals_it() {
    let mut team = Team::begin("argo-secret").await;
    let revision = team.push("Declare plant-a before its key").await;
    team.story.becomes(ACCOUNT, "Ready", "False/SecretNotFound").await;
    let shown = team.shows(&revision, "Synced Progressing").await;
    let synced = syncs(&shown);

    key_arrives(&mut team.story).await;
    let healthy = team.shows(&revision, "Synced Healthy").await;
    assert!(team.story.vendor.connector("plant-a").await.is_some(), "Healthy, but not at the vendor");
    assert_eq!(syncs(&healthy), synced, "it took another sync");
    team.end().await;
}

#[tokio::test]
async fn what_the_vendor_refuses_is_degraded_with_our_message_until_it_is_corrected() {
    let mut team = Team::begin("argo-degraded").await;
    key_arrives(&mut team.story).await;
    let refusal = json!({"kind": "status", "code": 422, "body": {"error": "invalid_host"}});
    team.story.vendor.fault(json!({"method": "POST"}), refusal).await;

    let revision = team.push("Declare what the vendor does not like").await;
    let shown = team.shows(&revision, "Synced Degraded").await;
    let refused = team.story.get(PLANT_A).await;
    assert_eq!(condition(&refused, "Stalled"), "True/InvalidSpec");
    let health = health_of(&shown, "plant-a");
    let message = "Degraded: plant-a: create failed: the vendor answered 422 Unprocessable Entity (invalid_host); correct the spec";
    assert_eq!(health, message);

    team.story.vendor.heal().await;
    team.repository.write(PLANT_A_FILE, &connector("plant-a", "https://ingest.example.com/v2"));
    let corrected = team.push("Correct plant-a").await;
    team.shows(&corrected, "Synced Healthy").await;
    let there = team.story.vendor.connector("plant-a").await.expect("at the vendor");
    assert_eq!(there["options"]["host"], "https://ingest.example.com/v2");
    team.end().await;
}

#[tokio::test]
async fn what_is_pruned_is_deleted_at_the_vendor() {
    let mut team = Team::begin("argo-prune").await;
    key_arrives(&mut team.story).await;
    team.repository.write("connectors/plant-b.yaml", &connector("plant-b", "https://b.example.com"));
    let both = team.push("Declare two").await;
    team.shows(&both, "Synced Healthy").await;
    assert_eq!(team.story.vendor.connectors().await.len(), 2);

    team.repository.remove("connectors/plant-b.yaml");
    let one = team.push("Declare one").await;
    team.shows(&one, "Synced Healthy").await;
    team.story.gone(PLANT_B).await;
    assert!(team.story.vendor.connector("plant-b").await.is_none(), "pruned, but still at the vendor");
    assert!(team.story.vendor.connector("plant-a").await.is_some(), "plant-a went too");
    team.end().await;
}

#[tokio::test]
async fn the_key_may_go_in_the_same_moment_as_what_needs_it() {
    let team = Team::begin("argo-key").await;
    team.repository.write("connectors/key.yaml", &key(&team.story));
    let revision = team.push("Declare plant-a and its key").await;
    team.shows(&revision, "Synced Healthy").await;
    assert!(team.story.vendor.connector("plant-a").await.is_some(), "Healthy, but not at the vendor");

    // Argo CD deletes all three at once: the vendor is left without plant-a all the same.
    team.end().await;
}

#[tokio::test]
async fn argo_cd_and_the_operator_leave_each_other_in_peace() {
    let plane = ControlPlane::shared().await;
    let mut team = Team::begin("argo-quiet").await;
    key_arrives(&mut team.story).await;
    let revision = team.push("Declare plant-a").await;
    team.shows(&revision, "Synced Healthy").await;
    team.story.the_last_write_is_listed().await;

    // Self-heal is on: an edit by hand is undone. So a field over which the two fought would be written again and again.
    team.story.edit(PLANT_A, "spec: {https: {host: 'https://by-hand.example.com'}}").await;
    team.story
        .eventually(PLANT_A, "as declared again", |seen| {
            seen["spec"]["https"]["host"] == "https://ingest.example.com/v1"
                && crate::support::objects::is_ready(seen)
        })
        .await;
    let settled = team.shows(&revision, "Synced Healthy").await;
    team.story.the_last_write_is_listed().await;

    let argocd = ArgoCd::audit(plane);
    let written = team.story.kubernetes_writes().await;
    let sent = team.story.vendor_writes().await;
    let mut compared = settled["status"]["reconciledAt"].clone();
    let started = Instant::now();
    for round in 1..=COMPARED {
        // The pause is what is under test here: this long, nothing may happen.
        tokio::time::sleep((started + QUIET / COMPARED * round).saturating_duration_since(Instant::now()))
            .await;
        team.argocd.refresh(&team.story.name, "hard").await;
        let again = team
            .argocd
            .eventually(&team.story.name, "compared once more", |seen| {
                seen["metadata"]["annotations"]["argocd.argoproj.io/refresh"].is_null()
                    && seen["status"]["reconciledAt"] != compared
            })
            .await;
        compared = again["status"]["reconciledAt"].clone();
        assert_eq!(ArgoCd::shown(&again), "Synced Healthy", "in round {round}");
        assert_eq!(syncs(&again), syncs(&settled), "it synced in round {round}");
    }
    assert_eq!(writes_of(&argocd, plane, &team.story).await, Vec::<String>::new(), "Argo CD wrote");
    assert_eq!(team.story.kubernetes_writes().await, written, "the operator wrote");
    assert_eq!(team.story.vendor_writes().await, sent, "the operator wrote to the vendor");
    team.end().await;
}

/// Which sync the Application had last, and how many are in its history.
fn syncs(application: &Value) -> Value {
    let history = application["status"]["history"].as_array().map_or(0, Vec::len);
    json!([history, application["status"]["operationState"]["finishedAt"]])
}

/// What Argo CD wrote to the story's namespace.
async fn writes_of(argocd: &Audit, plane: &ControlPlane, story: &Story) -> Vec<String> {
    let client = plane.client().await;
    let requests = argocd.requests(plane, &client).await;
    let writes = requests.iter().filter(|request| request.is_write() && request.namespace == story.name);
    writes.map(ToString::to_string).collect()
}
