//! kube-score: what is good practice for a Deployment and what is around it. It stands for kube-linter too, whose checks are mostly the same.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::{Value, json};

use crate::rendered;
use crate::support::process::Run;
use crate::support::tools;

/// The grade of what fails.
const CRITICAL: i64 = 1;

/// Checks that are not made unless they are asked for.
const ASKED_FOR: [&str; 2] = ["container-seccomp-profile", "container-ports-check"];

/// What is meant to be as it is, and why.
const MEANT: [(&str, &str); 2] = [
    (
        "container-image-pull-policy",
        "a tag is one version for ever, and a release has a digest: to pull each time would only make a restart depend on the registry",
    ),
    (
        "pod-networkpolicy",
        "off unless asked for (networkPolicy.enabled, components/network-policy): it has to know where this cluster's API server listens",
    ),
];
/// Where the second of them is asked for, and so has to be.
const WITH_NETWORK_POLICY: &str = "chart-everything-values";

#[tokio::test]
async fn nothing_rendered_goes_against_good_practice() {
    let meant: BTreeSet<&str> = MEANT.iter().map(|(check, _)| *check).collect();
    let mut unmet = BTreeSet::new();
    let mut judged = 0;
    for (name, objects) in rendered::parts().await {
        if !objects.iter().any(|object| object["kind"] == "Deployment") {
            continue;
        }
        judged += 1;
        let critical = judge(&name, &objects);
        for (check, said) in critical {
            assert!(meant.contains(check.as_str()), "{name}: {check}:\n{said}");
            assert!(check != "pod-networkpolicy" || name != WITH_NETWORK_POLICY, "{name}: {check}:\n{said}");
            unmet.insert(check);
        }
    }
    assert!(judged >= 6, "only {judged} Deployments were judged");
    let unmet: BTreeSet<&str> = unmet.iter().map(String::as_str).collect();
    assert_eq!(unmet, meant, "what is met need not be passed over");
}

#[tokio::test]
async fn a_container_that_may_write_everywhere_is_found() {
    let parts = rendered::parts().await;
    let (_, objects) = parts.into_iter().find(|(name, _)| name == WITH_NETWORK_POLICY).expect("that part");
    let mut objects = objects;
    for object in objects.iter_mut().filter(|object| object["kind"] == "Deployment") {
        object["spec"]["template"]["spec"]["containers"][0]["securityContext"] = json!({});
    }
    let critical = judge("writes-everywhere", &objects);
    assert!(critical.contains_key("container-security-context-readonlyrootfilesystem"), "{critical:?}");
}

/// What kube-score says against these objects, by the name of its check.
fn judge(name: &str, objects: &[Value]) -> BTreeMap<String, String> {
    let file = Run::current().folder().join(format!("{}.score.json", name.replace('/', "-")));
    let documents: Vec<String> = objects.iter().map(Value::to_string).collect();
    std::fs::write(&file, documents.join("\n---\n")).expect("write the objects");
    let asked_for = ASKED_FOR.iter().flat_map(|check| ["--enable-optional-test", check]);
    let ran = Command::new(tools::folder("kube-score").join("kube-score"))
        // No CPU limit: it would only make the operator slow when it has something to do.
        .args(["score", "--output-format", "json", "--ignore-container-cpu-limit"])
        .args(asked_for)
        .arg(&file)
        .output()
        .expect("run kube-score");
    let said: Value = serde_json::from_slice(&ran.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&ran.stderr)));
    let checks = said.as_array().into_iter().flatten();
    let checks = checks.flat_map(|object| object["checks"].as_array().into_iter().flatten());
    let critical = checks.filter(|check| check["grade"] == CRITICAL && check["skipped"] == false);
    let id = |check: &Value| check["check"]["id"].as_str().unwrap_or("?").to_owned();
    critical.map(|check| (id(check), check["comments"].to_string())).collect()
}
