//! crdify: what a change of the definitions would break for objects and clients that are there already.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::objects::KINDS;
use crate::support::process::Run;
use crate::support::{chart, tools, yaml};

#[test]
fn no_definition_breaks_what_the_last_baseline_allowed() {
    let mut broken = Vec::new();
    for name in names() {
        if let Err(said) = compare(&baseline().join(&name), &definitions().join(&name)) {
            broken.push(format!("{name}:\n{said}"));
        }
    }
    assert!(
        broken.is_empty(),
        "these changes break what was allowed; `make baseline` allows them, and CHANGELOG.md has to say so:\n{}",
        broken.join("\n")
    );
}

#[test]
fn a_narrower_definition_is_found() {
    let name = "connector-operator.io_omfconnections.yaml";
    let text = std::fs::read_to_string(definitions().join(name)).expect("a definition");
    let narrower = text.replacen("maxItems: 10000", "maxItems: 10", 1);
    assert_ne!(narrower, text, "the bound of the client ids is not where it was");
    let file = Run::current().folder().join("narrower.yaml");
    std::fs::write(&file, narrower).expect("write a definition");
    let said = compare(&definitions().join(name), &file).expect_err("crdify finds nothing");
    assert!(said.contains("clientIds"), "{said}");
}

#[test]
fn the_oldest_api_server_of_the_tests_is_the_oldest_that_the_chart_admits() {
    let server = tools::folder("oldest-control-plane").join("kube-apiserver");
    let said = Command::new(server).arg("--version").output().expect("run kube-apiserver").stdout;
    let said = String::from_utf8_lossy(&said).into_owned();
    let minor = said.trim().rsplit_once('.').expect("a version").0.replace("Kubernetes v", "");
    let chart = &yaml::documents_of_file(&chart::folder().join("Chart.yaml"))[0];
    assert_eq!(chart["kubeVersion"], format!(">={minor}.0-0"), "the tests run {said}");
}

fn compare(before: &Path, after: &Path) -> Result<(), String> {
    let settings = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/judges/crdify.yaml");
    let ran = Command::new(tools::folder("crdify").join("crdify"))
        .arg("--config")
        .arg(settings)
        .arg(format!("file://{}", before.display()))
        .arg(format!("file://{}", after.display()))
        .output()
        .expect("run crdify");
    let said = [ran.stdout, ran.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    if ran.status.success() { Ok(()) } else { Err(said) }
}

fn names() -> Vec<String> {
    let entries = std::fs::read_dir(definitions()).expect("the folder crds");
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.expect("an entry").file_name();
    let names: Vec<String> = entries.map(|entry| name(entry).to_string_lossy().into_owned()).collect();
    assert_eq!(names.len(), KINDS.len(), "{names:?}");
    names
}

fn definitions() -> PathBuf {
    tools::repository().join("crds")
}

/// The definitions of the last release; before the first one, those of the last break that was meant.
fn baseline() -> PathBuf {
    tools::repository().join("tests/judges/baseline")
}
