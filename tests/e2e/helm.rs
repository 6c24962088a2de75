//! Helm installs the chart, changes it, rolls it and takes it away, as the README says.

use std::time::Duration;

use serde_json::json;

use crate::installed::{NAMESPACE, cleared, keeps_secrets, of_the_readme, runs, settings};
use crate::leadership::{Watcher, another_leads, leader};
use crate::samples::{AT_THE_VENDORS, LEFT_AT_THE_VENDORS, Samples};
use crate::shell::{Shell, say, seconds};
use crate::support::objects::Address;
use crate::told::Cluster;

/// `leaderElection.leaseDuration`, where nobody says otherwise.
const LEASE: Duration = Duration::from_secs(15);
const INSTALL: &str = "helm install connector-operator charts/connector-operator";
const UPGRADE: &str = "helm upgrade connector-operator charts/connector-operator";

/// Helm 4, and all that one does with an installed operator.
pub(crate) async fn helm_4(cluster: &Cluster) {
    let shell = cluster.node.shell("helm");
    // The strictest namespace that Kubernetes knows takes the pod.
    shell.run(&format!("kubectl create namespace {NAMESPACE}"));
    shell.run(&format!("kubectl label namespace {NAMESPACE} pod-security.kubernetes.io/enforce=restricted"));
    shell.run(&format!("{} {} --wait --timeout 90s", of_the_readme(INSTALL), settings(cluster)));
    runs(&shell, 1).await;
    let samples = Samples::of(&cluster.vendors);
    samples.apply(&shell);
    assert_eq!(cluster.vendors.have().await, AT_THE_VENDORS);

    say("\nTwo replicas, and a log that says more:");
    let changed = "--set replicaCount=2 --set logging.level=debug --set podDisruptionBudget.enabled=true";
    shell.run(&format!("{UPGRADE} -n {NAMESPACE} --reuse-values {changed} --wait --timeout 90s | head -n 7"));
    runs(&shell, 2).await;
    Samples::ready(&shell);
    rolls(cluster, &shell).await;
    keeps_secrets(cluster, &shell);

    say(
        "\nAs NOTES.txt says: the connectors first, then the accounts, then the operator. One is to stay at the vendor.",
    );
    shell.run("kubectl patch onomondoconnector ingest -n iot --type=merge -p '{\"spec\":{\"deletionPolicy\":\"Orphan\"}}'");
    samples.delete(&shell);
    assert_eq!(cluster.vendors.have().await, [LEFT_AT_THE_VENDORS[0], "onomondo ingest"]);
    shell.run(&format!("helm uninstall connector-operator -n {NAMESPACE} --wait --timeout 60s"));
    let crds = shell.run("kubectl get crds -o name");
    assert_eq!(
        crds.lines().filter(|name| name.ends_with(".connector-operator.io")).count(),
        6,
        "the CRDs stay"
    );
    cleared(&shell);
}

/// Helm 3, and a person who reads the README and nothing else.
pub(crate) async fn helm_3(cluster: &Cluster) {
    let shell = cluster.node.shell("helm3");
    shell.run(&format!("{} --wait --timeout 90s", of_the_readme(INSTALL)));
    runs(&shell, 1).await;
    let key = "printf a-key-of-mine > \"$HOME/the-file-with-your-key\" && cd \"$HOME\"";
    shell.run(&of_the_readme("kubectl create namespace iot"));
    shell.run(&format!("{key} && {}", of_the_readme("kubectl create secret generic onomondo")));
    shell.run(&of_the_readme("kubectl apply -f deploy/samples/onomondo-account.yaml"));
    let account = Address::parse("OnomondoAccount/iot/default", "");
    let says = |seen: Option<&serde_json::Value>| {
        seen.is_some_and(|seen| {
            crate::support::objects::condition(seen, "Ready") == "False/RemoteUnavailable"
        })
    };
    let deadline = Duration::from_mins(1);
    let seen = cluster.node.objects.watch_until(&account, deadline, says).await;
    seen.unwrap_or_else(|last| panic!("without a way out to the vendor the account says so: {last:?}"));
    shell.run("kubectl get connectors,connectoraccounts -A -o wide");

    say("\nNow with vendors that this cluster reaches:");
    let upgrade =
        format!("{UPGRADE} -n {NAMESPACE} --reuse-values {} --wait --timeout 90s", settings(cluster));
    shell.run(&format!("{upgrade} | head -n 7"));
    runs(&shell, 1).await;
    let samples = Samples::of(&cluster.vendors);
    samples.apply(&shell);
    assert_eq!(cluster.vendors.have().await, AT_THE_VENDORS);
    samples.delete(&shell);
    assert_eq!(cluster.vendors.have().await, LEFT_AT_THE_VENDORS);
    shell.run(&format!("helm uninstall connector-operator -n {NAMESPACE} --wait --timeout 60s"));
    cleared(&shell);
}

/// A rolling update: somebody always leads, and what is declared meanwhile comes to the vendor once.
async fn rolls(cluster: &Cluster, shell: &Shell) {
    say("\nA rolling update, in the middle of which somebody edits a connector:");
    let first = leader(&cluster.node.objects).await;
    let watcher = Watcher::begin(&cluster.node.objects);
    let newest = cluster.vendors.emulator.newest().await;
    shell.run(&format!("kubectl rollout restart deployment/connector-operator -n {NAMESPACE}"));
    let ingest = Address::parse("OnomondoConnector/iot/ingest", "");
    let edit = json!({"spec": {"https": {"shouldReturnBody": false}}});
    cluster.node.objects.merge(&ingest, &edit).await.expect("the edit");
    runs(shell, 2).await;
    Samples::ready(shell);
    // The last of the old replicas may lead until its end, which is after that of the rollout.
    another_leads(&cluster.node.objects, &first).await;
    let (leaders, gap) = watcher.end().await;
    assert!(leaders.len() > 1, "one replica led all the time: {leaders:?}");
    assert!(gap < LEASE, "nobody led for {gap:?}: {leaders:?}");
    say(&format!(
        "{} replicas led in turn; the longest time without a renewal was {}",
        leaders.len(),
        seconds(gap)
    ));
    let mut sent = cluster.vendors.emulator.requests_since(newest).await;
    sent.retain(crate::support::vendor::Request::is_write);
    assert_eq!(crate::support::vendor::lines(&sent), ["PATCH /connectors/ingest"]);
}
