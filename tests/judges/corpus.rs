//! Every situation that an object of the stories was in, and what kstatus and Argo CD make of it. `make corpus` records the
//! stories anew.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::health::{argo_cd_shows, kstatus_says};
use crate::support::objects::{KINDS, condition, is_current};
use crate::support::record::RECORD;
use crate::support::{tools, yaml};

const HEAD: &str = "# What the stories' objects were like, each situation once. Made by `make corpus`.\n";
/// Fewer would say that the recording went wrong.
const LEAST: usize = 60;

#[test]
fn kstatus_and_argo_cd_agree_on_everything_that_the_stories_saw() {
    let objects = if let Some(recorded) = std::env::var_os(RECORD).map(PathBuf::from) {
        let situations = situations(&recorded);
        write(&situations);
        situations.into_values().collect()
    } else {
        KINDS.iter().flat_map(|kind| yaml::documents_of_file(&file(kind))).collect::<Vec<_>>()
    };
    assert!(objects.len() >= LEAST, "only {} situations", objects.len());
    agree(&objects);
}

#[test]
fn kstatus_and_argo_cd_agree_on_every_case_of_the_health_checks() {
    let folder =
        tools::repository().join("deploy/gitops/argocd/resource_customizations/connector-operator.io");
    let mut objects = Vec::new();
    for kind in KINDS {
        let cases = std::fs::read_dir(folder.join(kind).join("testdata")).expect("the cases of a kind");
        let files = cases.map(|entry| entry.expect("an entry").path());
        objects.extend(files.flat_map(|file| yaml::documents_of_file(&file)));
    }
    // Without a status kstatus takes an object for Current. No object is without: the definitions have a default.
    objects.retain(|object| !object["status"].is_null());
    assert!(objects.len() >= LEAST, "only {} cases", objects.len());
    agree(&objects);
}

fn agree(objects: &[Value]) {
    let shown = argo_cd_shows(objects.iter());
    let said = kstatus_says(objects.iter());
    let mut wrong = Vec::new();
    for ((object, shown), said) in objects.iter().zip(shown).zip(said) {
        let shown = shown.split(':').next().unwrap_or_default().to_owned();
        let (expected, expected_shown) = expected(object);
        if said != expected || shown != expected_shown {
            wrong.push(format!(
                "{}: kstatus says {said}, expected {expected}; Argo CD shows {shown}, expected {expected_shown}",
                situation(object)
            ));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// What the two have to say: Failed only where a person has to act, Current only where the vendor has what is declared.
fn expected(object: &Value) -> (&'static str, &'static str) {
    let is_suspended = object["spec"]["suspend"] == true;
    if !object["metadata"]["deletionTimestamp"].is_null() {
        return ("Terminating", "Progressing");
    }
    let ready = condition(object, "Ready");
    let (said, shown) = if !is_current(object) || condition(object, "Reconciling") != "-" {
        ("InProgress", "Progressing")
    } else if condition(object, "Stalled") != "-" {
        ("Failed", "Degraded")
    } else if ["True/Succeeded", "True/Observed"].contains(&ready.as_str()) {
        ("Current", "Healthy")
    } else {
        ("InProgress", "Progressing")
    };
    // kstatus knows no such state: it goes on saying what was so before.
    (said, if is_suspended { "Suspended" } else { shown })
}

/// One object for each situation in the files of a recording.
fn situations(recorded: &Path) -> BTreeMap<String, Value> {
    let mut situations = BTreeMap::new();
    for entry in std::fs::read_dir(recorded).expect("the folder of the records") {
        let text = std::fs::read_to_string(entry.expect("an entry").path()).expect("a record");
        // The last object of a watch that was ended may be cut.
        let objects = serde_json::Deserializer::from_str(&text).into_iter::<Value>().map_while(Result::ok);
        for object in objects.map(|object| reduced(&object)) {
            situations.entry(situation(&object)).or_insert(object);
        }
    }
    situations
}

/// What kstatus and the health check read of an object, and nothing that differs from run to run.
fn reduced(object: &Value) -> Value {
    let metadata = &object["metadata"];
    let generation = metadata["generation"].as_i64().unwrap_or_default();
    let observed = object["status"]["observedGeneration"].as_i64();
    // Which generation it is says nothing; whether it was seen does.
    let (generation, observed) = match observed {
        Some(observed) if observed == generation => (2, Some(2)),
        Some(-1) => (2, Some(-1)),
        Some(_) => (2, Some(1)),
        None => (2, None),
    };
    let mut reduced = json!({
        "apiVersion": object["apiVersion"],
        "kind": object["kind"],
        "metadata": {"name": "example", "namespace": "example", "generation": generation},
    });
    if !metadata["deletionTimestamp"].is_null() {
        reduced["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    }
    for field in ["suspend", "managementPolicy"] {
        if let Some(value) = object["spec"].get(field).filter(|value| **value != false && **value != "Manage")
        {
            reduced["spec"][field] = value.clone();
        }
    }
    if let Some(observed) = observed {
        reduced["status"]["observedGeneration"] = json!(observed);
    }
    let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let conditions: Vec<Value> = conditions
        .iter()
        .map(|one| json!({"type": one["type"], "status": one["status"], "reason": one["reason"]}))
        .collect();
    if !conditions.is_empty() {
        reduced["status"]["conditions"] = json!(conditions);
    }
    reduced
}

fn situation(object: &Value) -> String {
    let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    let mut said: Vec<String> = conditions
        .iter()
        .map(|one| format!("{}={}/{}", text(&one["type"]), text(&one["status"]), text(&one["reason"])))
        .collect();
    said.sort();
    format!(
        "{} {} observed {} {}{}",
        text(&object["kind"]),
        object["spec"],
        object["status"]["observedGeneration"],
        said.join(" "),
        if object["metadata"]["deletionTimestamp"].is_null() { "" } else { " deleting" }
    )
}

fn write(situations: &BTreeMap<String, Value>) {
    for kind in KINDS {
        let of_kind = situations.values().filter(|object| object["kind"] == kind);
        let documents: Vec<String> =
            of_kind.map(|object| serde_yaml::to_string(object).expect("plain data")).collect();
        std::fs::write(file(kind), HEAD.to_owned() + &documents.join("---\n")).expect("write the corpus");
    }
}

fn file(kind: &str) -> PathBuf {
    tools::repository().join(format!("tests/judges/corpus/{kind}.yaml"))
}
