//! A cluster that knows nothing of the operator: one Application applies the two that this repository ships, and from there on
//! everything comes by itself, in whatever order.

use serde_json::{Value, json};

use crate::argocd::{ArgoCd, application, shipped};
use crate::repository::Repository;
use crate::support::chart::{Release, folder as chart};
use crate::support::control_plane::ControlPlane;
use crate::support::objects::{Address, Objects};
use crate::support::opening::random_text;
use crate::support::operator::Operator;
use crate::support::process::Run;
use crate::support::story::DEADLINE;
use crate::support::tools;
use crate::support::vendor::Vendor;

const SYSTEM: &str = "connector-operator-system";

#[tokio::test]
async fn the_operator_and_the_connectors_come_up_from_one_repository() {
    let plane = ControlPlane::without_definitions("control-plane-empty").await;
    let folder = Run::current().folder().join("from-nothing");
    std::fs::create_dir_all(&folder).expect("create a folder");
    let objects = Objects::new(plane.client().await);
    let argocd = ArgoCd::start(&plane, &folder).await;
    let key = random_text("onomondo-key");
    let vendor = Vendor::start(&folder, &[format!("onomondo:{key}")], &[]).await;
    let repository = filled(Repository::new(folder.join("repository")), &vendor);
    let revision = repository.commit("The operator and the first connector");

    objects.apply_value(root(&repository), "").await.expect("the Application of Applications");
    let mut operator = the_operator_runs(&plane, &objects, &folder).await;
    argocd.shows("connector-operator", &revision, "Synced Healthy").await;
    // The samples' Secret is not in the repository.
    argocd.shows("connectors", &revision, "Synced Progressing").await;
    let secret = json!({"kind": "Secret", "metadata": {"name": "onomondo"}, "stringData": {"apiKey": key}});
    objects.apply_value(secret, "iot").await.expect("the Secret");
    argocd.shows("connectors", &revision, "Synced Healthy").await;
    assert!(vendor.connector("ingest").await.is_some(), "Healthy, but not at the vendor");

    // What the API server makes of the chart and its definitions is no difference.
    argocd.refresh("connector-operator", "hard").await;
    let again = argocd
        .eventually("connector-operator", "compared once more", |seen| {
            seen["metadata"]["annotations"]["argocd.argoproj.io/refresh"].is_null()
        })
        .await;
    assert_eq!(ArgoCd::shown(&again), "Synced Healthy");

    // The way out, in the order of the documentation.
    objects.delete(&application("root")).await.expect("delete the Application of Applications");
    objects.delete(&application("connectors")).await.expect("delete the connectors' Application");
    argocd.gone("connectors").await;
    assert_eq!(vendor.connectors().await, Vec::<Value>::new(), "left behind at the vendor");
    assert!(operator.terminate().await.success());
}

/// What a team with nothing but this repository would put into theirs.
fn filled(repository: Repository, vendor: &Vendor) -> Repository {
    repository.copy(&chart(), "charts/connector-operator");
    let mut operator = shipped("application-operator.yaml", &repository);
    // The vendor of the tests is on this machine.
    operator["spec"]["source"]["helm"]["valuesObject"] =
        json!({"endpoints": {"allowedHosts": [vendor.host()], "allowInsecure": true}});
    repository.write("applications/operator.yaml", &operator.to_string());
    let connectors = shipped("application-connectors.yaml", &repository);
    repository.write("applications/connectors.yaml", &connectors.to_string());
    let samples = tools::repository().join("deploy/samples");
    for (sample, file) in
        [("onomondo-account.yaml", "account.yaml"), ("onomondo-connector-https.yaml", "ingest.yaml")]
    {
        let text = std::fs::read_to_string(samples.join(sample)).expect("a sample");
        let text = text.replace("https://api.onomondo.com", vendor.url());
        repository.write(&format!("connectors/{file}"), &text);
    }
    repository
}

/// The Application that applies the other two.
fn root(repository: &Repository) -> Value {
    let mut root = shipped("application-connectors.yaml", repository);
    root["metadata"] = json!({"name": "root", "namespace": crate::argocd::NAMESPACE});
    root["spec"]["source"]["path"] = json!("applications");
    root["spec"]["destination"]["namespace"] = json!(crate::argocd::NAMESPACE);
    root
}

/// Starts what the Deployment would, once it is there, and says of it what a node would say.
async fn the_operator_runs(plane: &ControlPlane, objects: &Objects, folder: &std::path::Path) -> Operator {
    let address = Address::parse(&format!("Deployment/{SYSTEM}/connector-operator"), SYSTEM);
    let found = objects.watch_until(&address, crate::argocd::DEADLINE, |seen| seen.is_some()).await;
    let deployment = found.unwrap_or_else(|_| panic!("no Deployment; logs: {}", folder.display()));
    let deployment = deployment.expect("it was seen");
    let role = Address::parse("ClusterRoleBinding/connector-operator", "");
    let bound = objects.watch_until(&role, DEADLINE, |seen| seen.is_some()).await;
    bound.expect("the operator's rights");
    let release = Release::of(&deployment, SYSTEM);
    let operator = Operator::start(plane, &release, "operator-0", folder).await;
    let status = json!({
        "observedGeneration": deployment["metadata"]["generation"],
        "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1,
        "conditions": [{"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable"}],
    });
    objects.merge_status(&address, &status).await.expect("the Deployment's status");
    operator
}
