//! The definitions raise no warning; the samples, which are also the manifests of the documentation, are accepted as they
//! stand, and what the API server makes of them is stable.

use std::fs;

use connector_operator::api::schema::definitions;
use serde_json::json;

use crate::server::Server;
use crate::spoil::good_object;
use crate::support::control_plane::ControlPlane;
use crate::support::process::Run;
use crate::support::tools::repository;
use crate::support::yaml::documents_of_file;

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

/// They are created anew, in a group of their own: the API server is silent about what it holds already.
#[tokio::test]
async fn the_definitions_are_created_without_a_warning() {
    let plane = ControlPlane::shared().await;
    for definition in definitions().expect("the definitions serialise") {
        let text =
            definition.document.to_string().replace("connector-operator.io", "anew.connector-operator.io");
        let copy = Run::current().folder().join(format!("{}.json", definition.file));
        fs::write(&copy, text).expect("the copy can be written");
        for manner in [&["create"][..], &["apply", "--server-side"]] {
            let create = ["--dry-run=server", "--warnings-as-errors", "-f", &copy.to_string_lossy()];
            kubectl(plane, &[manner, &create].concat());
        }
    }
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
        kubectl(plane, &[&["get".to_owned(), path.to_owned()], &objects[..]].concat())
    };
    let on_server = ["--server-side", "--field-manager=gitops", "--force-conflicts"];
    apply(plane, &objects, &on_server);
    let before = versions();
    apply(plane, &objects, &on_server);
    assert_eq!(versions(), before, "the second apply on the server wrote something");
    assert_eq!(before.lines().count(), 9, "{before}");
}

#[tokio::test]
async fn connectors_are_found_by_category_short_name_and_field() {
    let plane = ControlPlane::shared().await;
    kubectl(plane, &["create", "namespace", "found"]);
    for file in ["onomondo-connector-tls", "onomondo-connector-https", "omf-connection"] {
        let sample = repository().join(format!("deploy/samples/{file}.yaml"));
        let mut object = documents_of_file(&sample).remove(0);
        object["metadata"]["namespace"] = json!("found");
        let copy = Run::current().folder().join(format!("{file}.json"));
        fs::write(&copy, object.to_string()).expect("the copy can be written");
        kubectl(plane, &["create", "-f", &copy.to_string_lossy()]);
    }
    let all = kubectl(plane, &["get", "connectors", "--namespace=found", "--output=name"]);
    assert_eq!(all.lines().count(), 3, "{all}");
    let tls = kubectl(plane, &["get", "onoc", "--namespace=found", "--field-selector=spec.type=tls"]);
    let words: Vec<Vec<&str>> = tls.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(words[0], ["NAME", "READY", "REASON", "TYPE", "REMOTE", "AGE"], "{tls}");
    assert_eq!(words[1][..2], ["plant-a", "tls"], "{tls}");
    assert_eq!(words.len(), 2, "{tls}");
}

#[tokio::test]
async fn a_connection_of_ten_thousand_clients_is_within_the_cost_limits_of_its_rules() {
    let server = Server::new().await;
    let mut connection = good_object("OmfConnection", "spec.clientIds");
    connection["spec"]["clientIds"] =
        (0..10_000).map(|index| json!(format!("d6b178a4-0de5-4c30-8ba7-{index:012}"))).collect();
    assert_eq!(server.complaints_on_create(&connection).await, []);
}
