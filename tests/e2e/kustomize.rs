//! The folders and files below `deploy/`, applied as the README says.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::installed::{NAMESPACE, keeps_secrets, of_the_readme, patch, runs};
use crate::samples::{AT_THE_VENDORS, LEFT_AT_THE_VENDORS, Samples};
use crate::shell::{Shell, say};
use crate::support::process::Run;
use crate::support::tools;
use crate::told::Cluster;

const CRDS: &str = "kubectl apply --server-side -f deploy/crds.yaml";

/// The README's `kustomization.yaml` beside a copy of `deploy/`.
pub(crate) async fn the_whole_cluster(cluster: &Cluster) {
    let shell = cluster.node.shell("helm");
    let folder = copy("whole-cluster");
    let readme = std::fs::read_to_string(tools::repository().join("README.md")).expect("the README");
    let shown =
        readme.split("```yaml\n").find(|block| block.starts_with("resources:")).expect("a kustomization");
    let shown = shown.split_once("```").expect("its end").0;
    // A network policy needs somebody who enforces it, whom this node does not have; it is accepted like any object.
    write(&folder, shown, &patch(cluster, "base/operator.yaml"));
    shell.run(CRDS);
    shell.run(&format!("cd '{}' && {}", folder.display(), of_the_readme("kubectl apply --server-side -k .")));
    let again = shell.run(&format!(
        "cd '{}' && {}",
        folder.display(),
        of_the_readme("kubectl apply --server-side -k .")
    ));
    assert!(again.lines().all(|line| line.ends_with("serverside-applied")), "{again}");
    works(cluster, &shell).await;
    shell.run(&format!("kubectl delete -k '{}' --timeout=60s", folder.display()));
    shell.run("kubectl delete -f deploy/crds.yaml --timeout=60s");
}

/// `install.yaml`, with the image's own name.
pub(crate) async fn plain_manifests(cluster: &Cluster) {
    let shell = cluster.node.shell("helm");
    shell.run(&of_the_readme("kubectl apply --server-side -f deploy/crds.yaml -f deploy/install.yaml"));
    runs(&shell, 1).await;
    let deployment = format!("deployment connector-operator -n {NAMESPACE}");
    shell.run(&format!("kubectl patch {deployment} --type=json -p '{}'", patch(cluster, "install.yaml")));
    works(cluster, &shell).await;
    shell.run("kubectl delete -f deploy/install.yaml --timeout=60s");
    shell.run("kubectl delete -f deploy/crds.yaml --timeout=60s");
}

async fn works(cluster: &Cluster, shell: &Shell) {
    runs(shell, 1).await;
    let samples = Samples::of(&cluster.vendors);
    samples.apply(shell);
    assert_eq!(cluster.vendors.have().await, AT_THE_VENDORS);
    keeps_secrets(cluster, shell);
    samples.delete(shell);
    assert_eq!(cluster.vendors.have().await, LEFT_AT_THE_VENDORS);
}

/// Rights in one namespace only; and that namespace is deleted, with the operator's binding in it, while its vendor refuses the delete.
pub(crate) async fn one_namespace(cluster: &Cluster) {
    let shell = cluster.node.shell("helm");
    let folder = copy("one-namespace");
    let patch = patch(cluster, "overlays/namespace-scoped/arguments.yaml");
    write(&folder, "resources: [deploy/overlays/namespace-scoped]\n", &patch);
    shell.run(CRDS);
    shell.run("kubectl create namespace iot");
    shell.run(&format!("cd '{}' && kubectl apply --server-side -k .", folder.display()));
    runs(&shell, 1).await;
    let (_, rights) = shell.ask("kubectl get clusterrolebindings -o wide | grep connector-operator");
    assert_eq!(rights, "", "rights in the whole cluster");
    let samples = Samples::of(&cluster.vendors);
    samples.apply_onomondo(&shell);
    let there = ["onomondo azure-hub", "onomondo fleet-eu", "onomondo ingest", "onomondo plant-a"];
    let there: Vec<&str> = ["apono as-it-registered"].into_iter().chain(there).collect();
    assert_eq!(cluster.vendors.have().await, there);

    say(
        "\nThe namespace is deleted together with the operator's rights in it, and the vendor refuses one delete:",
    );
    cluster.vendors.emulator.map_sim("894500000000000001", "ingest").await;
    shell.run("kubectl delete namespace iot --wait=false");
    shell.run("kubectl wait --for=delete rolebinding/connector-operator -n iot --timeout=60s");
    let (left, said) = shell.ask("kubectl get onomondoconnector ingest -n iot");
    assert!(left, "nothing holds it: {said}");
    shell.run("connector-operator release -n iot");
    shell.run("kubectl wait --for=delete namespace/iot --timeout=60s");
    assert!(cluster.vendors.have().await.contains(&"onomondo ingest".to_owned()), "the vendor keeps it");
    cluster.vendors.emulator.remove_sim("894500000000000001").await;
    say("\nIts pod goes on, though it has nothing to watch any more:");
    runs(&shell, 1).await;
    shell.run(&format!("kubectl delete -k '{}' --ignore-not-found --timeout=60s", folder.display()));
    shell.run("kubectl delete -f deploy/crds.yaml --timeout=60s");
}

fn copy(name: &str) -> PathBuf {
    let folder = Run::current().folder().join(name);
    std::fs::create_dir_all(&folder).expect("make a folder");
    let copied = Command::new("cp").arg("-r").arg(tools::repository().join("deploy")).arg(&folder).status();
    assert!(copied.is_ok_and(|status| status.success()), "cannot copy deploy/");
    folder
}

/// The kustomization, and behind it the patch that lets the operator reach vendors that are a pod.
fn write(folder: &Path, kustomization: &str, patch: &str) {
    let patches = format!("patches:\n  - target: {{kind: Deployment}}\n    patch: '{patch}'\n");
    std::fs::write(folder.join("kustomization.yaml"), kustomization.to_owned() + &patches).expect("write");
}
