//! The definitions raise no warning; the samples, which are also the manifests of the documentation, are accepted as they
//! stand, and what the API server makes of them is stable.

use std::fs;

use crate::support::control_plane::ControlPlane;
use crate::support::tools::repository;

/// Runs kubectl, which has to succeed without a warning, and gives what it printed.
fn kubectl<S: AsRef<str>>(plane: &ControlPlane, arguments: &[S]) -> String {
    let arguments: Vec<&str> = arguments.iter().map(AsRef::as_ref).collect();
    let output = plane.kubectl().args(&arguments).output().expect("kubectl runs");
    let text =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "kubectl {} says:\n{text}", arguments.join(" "));
    text
}

/// The samples whose name has this property, as `-f` arguments. Secrets apart, since kubectl never calls `stringData`
/// unchanged.
fn files(wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(repository().join("deploy/samples"))
        .expect("the samples are there")
        .map(|entry| entry.expect("an entry").path().to_string_lossy().into_owned())
        .filter(|name| wanted(name))
        .collect();
    names.sort();
    names.into_iter().flat_map(|name| ["-f".to_owned(), name]).collect()
}

fn apply(plane: &ControlPlane, files: &[String], manner: &[&str]) -> String {
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    kubectl(plane, &[&["apply", "--warnings-as-errors"], manner, &files].concat())
}

#[tokio::test]
async fn the_definitions_are_accepted_without_a_warning() {
    let plane = ControlPlane::shared().await;
    let crds = repository().join("crds").to_string_lossy().into_owned();
    let apply = ["apply", "--dry-run=server", "--warnings-as-errors", "-f", &crds];
    kubectl(plane, &apply);
    kubectl(plane, &[&apply[..], &["--server-side", "--force-conflicts"]].concat());
}

#[tokio::test]
async fn the_samples_are_accepted_and_a_second_apply_changes_nothing() {
    let plane = ControlPlane::shared().await;
    apply(plane, &files(|name| name.ends_with("namespaces.yaml")), &[]);
    apply(plane, &files(|name| name.ends_with("-secrets.yaml")), &[]);
    let objects = files(|name| name.contains("-connect") || name.ends_with("-account.yaml"));

    let first = apply(plane, &objects, &[]);
    assert_eq!(first.lines().filter(|line| line.ends_with(" created")).count(), 9, "{first}");
    let second = apply(plane, &objects, &[]);
    assert_eq!(second.lines().filter(|line| !line.ends_with(" unchanged")).count(), 0, "{second}");

    // Flux and Argo CD may apply on the server instead.
    let versions = || {
        let path =
            "-o=jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.resourceVersion}{\"\\n\"}{end}";
        let kinds = "connectors,connectoraccounts";
        kubectl(plane, &["get", kinds, "--all-namespaces", path])
    };
    let on_server = ["--server-side", "--field-manager=gitops", "--force-conflicts"];
    apply(plane, &objects, &on_server);
    let before = versions();
    apply(plane, &objects, &on_server);
    assert_eq!(versions(), before, "the second apply on the server wrote something");
    assert_eq!(before.lines().count(), 9, "{before}");
}
