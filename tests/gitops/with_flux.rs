//! A team's connectors are applied by Flux, from the `Kustomization` that this repository ships.

use serde_json::{Value, json};

use crate::declared::{ACCOUNT, FOLDER, PLANT_A, PLANT_A_FILE, PLANT_B, connector, key_arrives, repository};
use crate::flux::{DEADLINE, Flux, Source, kustomization, shipped};
use crate::repository::Repository;
use crate::support::control_plane::ControlPlane;
use crate::support::objects::{condition, condition_message};
use crate::support::story::Story;
use crate::support::{tools, wait, yaml};

/// A team's namespace, with a `Kustomization` of the same name.
struct Team {
    story: Story,
    flux: &'static Flux,
    repository: Repository,
    source: Source,
}

impl Team {
    /// The repository has an account and `plant-a`; nothing is applied yet.
    async fn begin(name: &str) -> Team {
        let story = Story::begin(name).await;
        let flux = Flux::shared().await;
        let repository = repository(&story);
        let source = Source::new(name, story.folder.join("archives")).await;
        Team { story, flux, repository, source }
    }

    /// Commits the work tree and has Flux take it up.
    async fn push(&self, message: &str) -> String {
        self.push_with(message, &json!({})).await
    }

    /// The same, with more in the `Kustomization`'s spec.
    async fn push_with(&self, message: &str, more: &Value) -> String {
        let revision = self.repository.commit(message);
        let name = &self.story.name;
        self.source.publish(&self.story.objects, &self.repository, &revision).await;
        if self.story.objects.get(&kustomization(name)).await.is_none() {
            let mut shipped = shipped("connectors");
            shipped["metadata"]["name"] = json!(name);
            shipped["spec"]["path"] = json!(format!("./{FOLDER}"));
            shipped["spec"]["targetNamespace"] = json!(name);
            shipped["spec"]["sourceRef"]["name"] = json!(name);
            let spec = shipped["spec"].as_object_mut().expect("a spec");
            spec.remove("dependsOn").expect("it depends on the operator, which runs already");
            spec.extend(more.as_object().cloned().unwrap_or_default());
            self.story.objects.apply_value(shipped, name).await.expect("the Kustomization");
        }
        revision
    }

    async fn shows(&self, revision: &str, what: &str) -> Value {
        self.flux.shows(&self.story.name, revision, what).await
    }

    /// Waits until Flux has applied everything and waits for it.
    async fn waits(&self) {
        let is_waiting = |seen: &Value| {
            let is_unknown = condition(seen, "Ready") == "Unknown/Progressing";
            is_unknown && condition_message(seen, "Reconciling").starts_with("Running health checks")
        };
        self.flux.eventually(&self.story.name, "waiting for the vendor", is_waiting).await;
    }

    /// The end of what the `Kustomization` declares: Flux deletes it all.
    async fn end(self) {
        self.story.objects.delete(&kustomization(&self.story.name)).await.expect("delete the Kustomization");
        self.flux.gone(&self.story.name).await;
        self.story.gone(PLANT_A).await;
        self.story.gone(ACCOUNT).await;
        assert_eq!(self.story.vendor.connectors().await, Vec::<Value>::new(), "left behind at the vendor");
        self.story.end().await;
    }
}

#[tokio::test]
async fn a_kustomization_is_ready_only_once_the_vendor_has_it() {
    let mut team = Team::begin("flux-ready").await;
    key_arrives(&mut team.story).await;
    let down = json!({"kind": "status", "code": 503, "body": {"error": "down"}});
    let fault = team.story.vendor.fault(json!({"method": "POST"}), down).await;

    let revision = team.push("Declare plant-a").await;
    wait::until("the vendor refuses twice", DEADLINE, || async {
        let hits = team.story.vendor.fault_hits(fault).await;
        if hits >= 2 { Ok(()) } else { Err(format!("{hits} refusals")) }
    })
    .await;
    team.waits().await;

    team.story.vendor.heal().await;
    team.shows(&revision, "True/ReconciliationSucceeded").await;
    assert!(team.story.vendor.connector("plant-a").await.is_some(), "Ready, but not at the vendor");
    team.end().await;
}

#[tokio::test]
async fn a_secret_that_arrives_after_the_kustomization_heals_it() {
    let mut team = Team::begin("flux-secret").await;
    let revision = team.push("Declare plant-a before its key").await;
    team.story.becomes(ACCOUNT, "Ready", "False/SecretNotFound").await;
    team.waits().await;

    key_arrives(&mut team.story).await;
    team.shows(&revision, "True/ReconciliationSucceeded").await;
    assert!(team.story.vendor.connector("plant-a").await.is_some(), "Ready, but not at the vendor");
    team.end().await;
}

#[tokio::test]
async fn what_the_vendor_refuses_fails_at_once_and_names_the_object_that_says_why() {
    let mut team = Team::begin("flux-failed").await;
    key_arrives(&mut team.story).await;
    let refusal = json!({"kind": "status", "code": 422, "body": {"error": "invalid_host"}});
    team.story.vendor.fault(json!({"method": "POST"}), refusal).await;

    let revision = team.push("Declare what the vendor does not like").await;
    let failed = team.shows(&revision, "False/HealthCheckFailed").await;
    // Flux shows which object failed, and no word of it: those are on the object.
    let message = condition_message(&failed, "Ready");
    let stalled =
        "failed early due to stalled resources: [OnomondoConnector/flux-failed/plant-a status: 'Failed'";
    assert!(message.contains(stalled), "{message}");
    let refused = team.story.get(PLANT_A).await;
    assert_eq!(condition(&refused, "Stalled"), "True/InvalidSpec");
    let said = "plant-a: create failed: the vendor answered 422 Unprocessable Entity (invalid_host); correct the spec";
    assert_eq!(condition_message(&refused, "Stalled"), said);

    team.story.vendor.heal().await;
    team.repository.write(PLANT_A_FILE, &connector("plant-a", "https://ingest.example.com/v2"));
    let corrected = team.push("Correct plant-a").await;
    team.shows(&corrected, "True/ReconciliationSucceeded").await;
    let there = team.story.vendor.connector("plant-a").await.expect("at the vendor");
    assert_eq!(there["options"]["host"], "https://ingest.example.com/v2");
    team.end().await;
}

#[tokio::test]
async fn a_plan_is_enough_where_the_kustomization_says_so() {
    let mut team = Team::begin("flux-plan").await;
    key_arrives(&mut team.story).await;
    let planned = connector("plant-a", "https://ingest.example.com/v1") + "  managementPolicy: Plan\n";
    team.repository.write(PLANT_A_FILE, &planned);
    let documented = std::fs::read_to_string(tools::repository().join("docs/gitops.md")).expect("the page");
    let (_, shown) = documented.split_once("```yaml\nhealthCheckExprs:").expect("what the page shows");
    let (shown, _) = shown.split_once("```").expect("the end of it");
    let expressions = &yaml::documents(&format!("healthCheckExprs:{shown}"))[0];

    let revision = team.push_with("Plan plant-a", expressions).await;
    team.shows(&revision, "True/ReconciliationSucceeded").await;
    assert_eq!(team.story.condition(PLANT_A, "Ready").await, "False/ChangesPlanned");
    assert_eq!(team.story.vendor_writes().await, Vec::<String>::new());
    team.end().await;
}

#[tokio::test]
async fn what_flux_installs_is_what_its_definitions_allow() {
    let plane = ControlPlane::shared().await;
    Flux::shared().await;
    let flux = tools::repository().join("deploy/gitops/flux");
    for file in ["operator/release.yaml", "kustomizations.yaml"] {
        for (step, more) in [("apply", &["--server-side"][..]), ("delete", &["--wait=false"][..])] {
            let mut kubectl = plane.kubectl();
            let ran = kubectl.arg(step).args(more).arg("--filename").arg(flux.join(file)).output();
            let ran = ran.expect("run kubectl");
            let said = String::from_utf8_lossy(&ran.stderr);
            assert!(ran.status.success() && !said.contains("Warning"), "{step} {file}: {said}");
        }
    }
}

#[tokio::test]
async fn what_is_pruned_is_deleted_at_the_vendor() {
    let mut team = Team::begin("flux-prune").await;
    key_arrives(&mut team.story).await;
    team.repository.write("connectors/plant-b.yaml", &connector("plant-b", "https://b.example.com"));
    let both = team.push("Declare two").await;
    team.shows(&both, "True/ReconciliationSucceeded").await;
    assert_eq!(team.story.vendor.connectors().await.len(), 2);

    team.repository.remove("connectors/plant-b.yaml");
    let one = team.push("Declare one").await;
    team.shows(&one, "True/ReconciliationSucceeded").await;
    team.story.gone(PLANT_B).await;
    assert!(team.story.vendor.connector("plant-b").await.is_none(), "pruned, but still at the vendor");
    assert!(team.story.vendor.connector("plant-a").await.is_some(), "plant-a went too");
    team.end().await;
}
