//! The samples, which are also the manifests of the documentation, are accepted as they stand and are stable.

use std::path::PathBuf;

use crate::support::control_plane::ControlPlane;
use crate::support::tools::repository;

fn folder(name: &str) -> PathBuf {
    repository().join(name)
}

/// Runs kubectl and gives what it printed to both streams.
fn kubectl(plane: &ControlPlane, arguments: &[&str]) -> (bool, String) {
    let output = plane.kubectl().args(arguments).output().expect("kubectl runs");
    let text =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    (output.status.success(), text)
}

#[tokio::test]
async fn the_definitions_are_accepted_without_a_warning() {
    let plane = ControlPlane::shared().await;
    let crds = folder("crds");
    let crds = crds.to_str().expect("a readable path");
    for manner in [&["--server-side", "--force-conflicts"][..], &[]] {
        let arguments = [&["apply", "--dry-run=server", "--warnings-as-errors", "-f", crds], manner].concat();
        let (accepted, text) = kubectl(plane, &arguments);
        assert!(accepted, "kubectl {} says:\n{text}", arguments.join(" "));
    }
}

#[tokio::test]
async fn the_samples_are_accepted_and_a_second_apply_changes_nothing() {
    let plane = ControlPlane::shared().await;
    let samples = folder("deploy/samples");
    let samples = samples.to_str().expect("a readable path");
    let namespaces = format!("{samples}/namespaces.yaml");

    let (accepted, text) = kubectl(plane, &["apply", "--warnings-as-errors", "-f", &namespaces]);
    assert!(accepted, "{text}");
    let (accepted, first) = kubectl(plane, &["apply", "--warnings-as-errors", "-f", samples]);
    assert!(accepted, "{first}");
    let (accepted, second) = kubectl(plane, &["apply", "--warnings-as-errors", "-f", samples]);
    assert!(accepted, "{second}");

    let changed: Vec<&str> = second.lines().filter(|line| !line.ends_with(" unchanged")).collect();
    assert!(changed.is_empty(), "the second apply changed:\n{}", changed.join("\n"));
    let (same, difference) = kubectl(plane, &["diff", "-f", samples]);
    assert!(same, "kubectl diff finds:\n{difference}");
}
