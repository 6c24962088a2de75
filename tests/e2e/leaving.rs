//! The operator, its definitions, or the namespaces go away: in which order whatever, nothing hangs without a way out that NOTES.txt and the
//! documentation name, and the vendors' objects are as those say.

use crate::installed::{NAMESPACE, cleared, of_the_readme, runs, settings};
use crate::samples::{AT_THE_VENDORS, LEFT_AT_THE_VENDORS, NAMESPACES, Samples};
use crate::shell::{Shell, say};
use crate::told::Cluster;

const INSTALL: &str = "helm install connector-operator charts/connector-operator";

async fn installed(cluster: &Cluster, shell: &Shell) {
    shell.run(&format!("{} {} --wait --timeout 90s | head -n 7", of_the_readme(INSTALL), settings(cluster)));
    runs(shell, 1).await;
}

/// Somebody uninstalls it first, and deletes the objects after.
pub(crate) async fn the_operator_first(cluster: &Cluster) {
    let shell = cluster.node.shell("helm");
    installed(cluster, &shell).await;
    let samples = Samples::of(&cluster.vendors);
    samples.apply(&shell);
    shell.run(&format!("helm uninstall connector-operator -n {NAMESPACE} --wait --timeout 60s"));
    shell.run("kubectl delete connectors --all -A --wait=false");
    let (left, _) = shell.try_run("kubectl wait --for=delete onomondoconnector/ingest -n iot --timeout=3s");
    assert!(!left, "nobody was there to delete it");
    say("\nAs NOTES.txt says:");
    let notes = std::fs::read_to_string("charts/connector-operator/templates/NOTES.txt").expect("NOTES.txt");
    let command = "connector-operator release --all";
    assert!(notes.contains(command), "NOTES.txt says: {notes}");
    shell.run(&format!("{command} --dry-run"));
    shell.run(command);
    shell.run("kubectl get connectors -A");
    assert_eq!(cluster.vendors.have().await, AT_THE_VENDORS, "the vendors keep what they have");
    samples.delete(&shell);
    cleared(&shell);
}

/// Somebody deletes the definitions, and somebody deletes the namespaces, while the operator is there: it deletes at the vendors, and goes on.
pub(crate) async fn what_it_works_on_first(cluster: &Cluster) {
    let shell = cluster.node.shell("helm");
    installed(cluster, &shell).await;
    let samples = Samples::of(&cluster.vendors);
    samples.apply(&shell);
    say("\nA definition is deleted, and with it every object of the kind:");
    shell.run("kubectl delete crd onomondoconnectors.connector-operator.io --timeout=60s");
    assert_eq!(cluster.vendors.have().await, AT_THE_VENDORS[..2]);
    shell.run("kubectl apply --server-side -f deploy/crds.yaml");
    samples.apply(&shell);
    assert_eq!(cluster.vendors.have().await, AT_THE_VENDORS);

    say("\nThe namespaces are deleted, and with them Secrets, accounts and connectors in any order:");
    shell.run(&format!("kubectl delete namespace {} --timeout=90s", NAMESPACES.join(" ")));
    assert_eq!(cluster.vendors.have().await, LEFT_AT_THE_VENDORS);
    runs(&shell, 1).await;
    shell.run(&format!("helm uninstall connector-operator -n {NAMESPACE} --wait --timeout 60s"));
    cleared(&shell);
}
