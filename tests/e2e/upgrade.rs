//! From the chart as it was before to the chart as it is: no object is lost, and nothing is done at the vendors.

use std::path::Path;
use std::process::Command;

use crate::installed::{NAMESPACE, cleared, of_the_readme, runs, settings};
use crate::samples::{AT_THE_VENDORS, Samples};
use crate::shell::say;
use crate::support::process::Run;
use crate::support::tools;
use crate::support::vendor::{Request, lines};
use crate::told::Cluster;

const CHART: &str = "charts/connector-operator";

/// The chart of the newest release; before the first one, that of the change before the last.
pub(crate) async fn from_the_chart_before(cluster: &Cluster) {
    let Some(before) = commit_before() else {
        say("SKIPPED: there is no earlier chart in this clone's history");
        return;
    };
    let shell = cluster.node.shell("helm");
    let folder = Run::current().folder().join("chart-before");
    unpack(&before, &folder);
    say(&format!("the chart of {before}:"));
    let install = of_the_readme(&format!("helm install connector-operator {CHART}"));
    let install = install.replace(CHART, &folder.join(CHART).display().to_string());
    shell.run(&format!("{install} {} --wait --timeout 90s | head -n 7", settings(cluster)));
    runs(&shell, 1).await;
    let samples = Samples::of(&cluster.vendors);
    samples.apply(&shell);
    let identities = "kubectl get connectors,connectoraccounts -A --no-headers -o custom-columns=UID:.metadata.uid,NAME:.metadata.name";
    let (_, before) = shell.ask(identities);
    let newest = cluster.vendors.emulator.newest().await;

    say("\nthe chart as it is now:");
    let upgrade = format!("helm upgrade connector-operator {CHART} -n {NAMESPACE} --reset-then-reuse-values");
    shell.run(&format!("{upgrade} --wait --timeout 90s | head -n 7"));
    runs(&shell, 1).await;
    Samples::ready(&shell);
    let (_, after) = shell.ask(identities);
    assert_eq!(after, before, "the same objects are there");
    assert_eq!(cluster.vendors.have().await, AT_THE_VENDORS);
    let mut sent = cluster.vendors.emulator.requests_since(newest).await;
    sent.retain(Request::is_write);
    assert_eq!(lines(&sent), Vec::<String>::new(), "nothing was written at a vendor");
    samples.delete(&shell);
    shell.run(&format!("helm uninstall connector-operator -n {NAMESPACE} --wait --timeout 60s"));
    cleared(&shell);
}

fn git(arguments: &[&str]) -> Option<String> {
    let ran = Command::new("git").args(arguments).current_dir(tools::repository()).output().ok()?;
    let said = String::from_utf8_lossy(&ran.stdout).trim().to_owned();
    (ran.status.success() && !said.is_empty()).then_some(said)
}

fn commit_before() -> Option<String> {
    git(&["describe", "--tags", "--abbrev=0", "--match", "v*"])
        .or_else(|| git(&["log", "--skip=1", "--max-count=1", "--format=%H", "--", CHART]))
}

fn unpack(commit: &str, folder: &Path) {
    std::fs::create_dir_all(folder).expect("make a folder");
    let unpacked = Command::new("sh")
        .args(["-c", "git archive \"$1\" \"$2\" | tar -x -C \"$3\"", "unpack", commit, CHART])
        .arg(folder)
        .current_dir(tools::repository())
        .status();
    assert!(unpacked.is_ok_and(|status| status.success()), "cannot unpack the chart of {commit}");
}
