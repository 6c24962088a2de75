//! What Argo CD shows of the operator's objects: its health checks, run by the Lua that Argo CD runs them with.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::health::{argo_cd_shows, script};
use crate::support::objects::{GROUP, KINDS, VERSION};
use crate::support::{tools, yaml};

/// Set (to anything) to write the files anew instead of comparing.
const UPDATE: &str = "UPDATE_MANIFESTS";

#[test]
fn the_manifests_are_what_the_health_cases_say() {
    for (path, text) in files() {
        if std::env::var_os(UPDATE).is_some() {
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("create a folder");
            std::fs::write(&path, &text).expect("write a file");
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == text, "{} is stale: `make manifests` writes it anew", path.display());
    }
}

#[test]
fn no_file_is_left_of_a_case_that_is_gone() {
    let made: Vec<PathBuf> = files().into_iter().map(|(path, _)| path).collect();
    for kind in KINDS {
        let cases = folder().join("resource_customizations").join(GROUP).join(kind).join("testdata");
        for entry in std::fs::read_dir(cases).expect("the cases of a kind") {
            let path = entry.expect("an entry").path();
            assert!(made.contains(&path), "delete {}", path.display());
        }
    }
}

#[test]
fn the_cases_have_reasons_that_the_operator_gives() {
    let explained = std::fs::read_to_string(tools::repository().join("docs/troubleshooting.md"))
        .expect("the explanations");
    for (name, case) in KINDS.iter().flat_map(|kind| cases_of(kind)) {
        for condition in case["object"]["status"]["conditions"].as_array().into_iter().flatten() {
            let reason = condition["reason"].as_str().expect("a reason");
            assert!(
                explained.contains(&format!("| `{reason}` |")),
                "{name}: the operator never says {reason}"
            );
        }
    }
}

#[test]
fn what_argo_cd_and_flux_install_is_the_chart_in_this_repository() {
    let deploy = tools::repository().join("deploy/gitops");
    let application = &yaml::documents_of_file(&deploy.join("argocd/application-operator.yaml"))[0];
    let release = yaml::documents_of_file(&deploy.join("flux/operator/release.yaml"));
    let release = release.iter().find(|object| object["kind"] == "HelmRelease").expect("a HelmRelease");
    for chart in [&application["spec"]["source"]["path"], &release["spec"]["chart"]["spec"]["chart"]] {
        let chart = tools::repository().join(chart.as_str().expect("a path"));
        assert!(chart.join("Chart.yaml").exists(), "{} is no chart", chart.display());
    }
    let parts = yaml::documents_of_file(&deploy.join("flux/kustomizations.yaml"));
    assert_eq!(parts[1]["spec"]["dependsOn"][0]["name"], parts[0]["metadata"]["name"]);
    assert!(deploy.join("flux").join(parts[0]["spec"]["path"].as_str().expect("a path")).is_dir());
}

#[test]
fn argo_cd_shows_every_situation_as_it_is() {
    let cases: Vec<(String, Value, Value)> = KINDS
        .iter()
        .flat_map(|kind| cases_of(kind))
        .map(|(name, case)| (name, case["object"].clone(), case["health"].clone()))
        .collect();
    assert!(cases.len() > 90, "only {} cases", cases.len());
    let found = argo_cd_shows(cases.iter().map(|(_, object, _)| object));
    for ((name, _, health), found) in cases.iter().zip(found) {
        let expected = format!(
            "{}: {}",
            health["status"].as_str().expect("a status"),
            health["message"].as_str().expect("a message")
        );
        assert_eq!(found, expected, "{name}");
    }
}

/// Every made file: for each kind Argo CD's own layout, and the snippet of its `ConfigMap`.
fn files() -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    for kind in KINDS {
        let folder = folder().join("resource_customizations").join(GROUP).join(kind);
        files.push((folder.join("health.lua"), script()));
        let mut tests = Vec::new();
        for (name, case) in cases_of(kind) {
            let file = format!("testdata/{}.yaml", name.rsplit(' ').next().expect("a name"));
            tests.push(json!({"healthStatus": case["health"], "inputPath": file}));
            files.push((folder.join(&file), text(&case["object"])));
        }
        files.push((folder.join("health_test.yaml"), text(&json!({"tests": tests}))));
    }
    let checks: serde_json::Map<String, Value> = KINDS
        .iter()
        .map(|kind| (format!("resource.customizations.health.{GROUP}_{kind}"), json!(script())))
        .collect();
    let config = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "argocd-cm", "namespace": "argocd", "labels": {"app.kubernetes.io/part-of": "argocd"}},
        "data": checks,
    });
    files.push((folder().join("argocd-cm.yaml"), text(&config)));
    files
}

/// The cases that a kind has, by `kind name`, each with the whole object.
fn cases_of(kind: &str) -> Vec<(String, Value)> {
    let all = yaml::documents_of_file(&folder().join("cases.yaml"));
    let is_its_own =
        |of: &str| of == "all" || of == kind || (of == "connectors" && !kind.ends_with("Account"));
    let cases = all[0].as_array().expect("a list of cases").iter();
    cases
        .filter(|case| is_its_own(case["of"].as_str().expect("what it is a case of")))
        .map(|case| {
            let name = format!("{kind} {}", case["name"].as_str().expect("a name"));
            (name, json!({"object": object(kind, case), "health": case["health"]}))
        })
        .collect()
}

fn object(kind: &str, case: &Value) -> Value {
    let mut object = json!({
        "apiVersion": format!("{GROUP}/{VERSION}"),
        "kind": kind,
        "metadata": {"name": "example", "namespace": "example", "generation": 2},
    });
    for (key, value) in case["metadata"].as_object().into_iter().flatten() {
        object["metadata"][key] = value.clone();
    }
    if !case["spec"].is_null() {
        object["spec"] = case["spec"].clone();
    }
    if !case["status"].is_null() {
        object["status"] = case["status"].clone();
    }
    let conditions: Vec<Value> = case["is"].as_array().into_iter().flatten().map(condition).collect();
    if !conditions.is_empty() {
        if object["status"]["observedGeneration"].is_null() {
            object["status"]["observedGeneration"] = json!(2);
        }
        object["status"]["conditions"] = json!(conditions);
    }
    object
}

/// Reads `Type=Status Reason the message`.
fn condition(text: &Value) -> Value {
    let text = text.as_str().expect("a condition");
    let mut parts = text.splitn(3, ' ');
    let (kind, status) = parts.next().and_then(|part| part.split_once('=')).expect("Type=Status");
    json!({
        "type": kind,
        "status": status,
        "reason": parts.next().expect("a reason"),
        "message": parts.next().expect("a message"),
        "observedGeneration": 2,
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    })
}

fn text(value: &Value) -> String {
    format!(
        "# Made by `make manifests` of health.lua and cases.yaml.\n{}",
        serde_yaml::to_string(value).expect("plain data")
    )
}

fn folder() -> PathBuf {
    tools::repository().join("deploy/gitops/argocd")
}
