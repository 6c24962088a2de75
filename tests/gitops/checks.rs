//! Argo CD's own command judges every case of our health checks, as its administrators try theirs: with the snippet of
//! `argocd-cm` that people apply.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::objects::{GROUP, KINDS};
use crate::support::process::Run;
use crate::support::{tools, yaml};

#[test]
fn argo_cds_own_command_finds_every_case_as_its_file_says() {
    let argocd = tools::folder("argocd").join("argocd");
    let checks = tools::repository().join("deploy/gitops/argocd/resource_customizations").join(GROUP);
    let mut judged = 0;
    for kind in KINDS {
        let cases = yaml::documents_of_file(&checks.join(kind).join("health_test.yaml")).remove(0);
        for case in cases["tests"].as_array().expect("cases") {
            let file = checks.join(kind).join(case["inputPath"].as_str().expect("a path"));
            let text = |key: &str| case["healthStatus"][key].as_str().expect("text").to_owned();
            // It asks no check about an object that is being deleted.
            let is_leaving = !yaml::documents_of_file(&file)[0]["metadata"]["deletionTimestamp"].is_null();
            let message = if is_leaving { "Pending deletion".to_owned() } else { text("message") };
            let expected = format!("STATUS: {}\nMESSAGE: {message}", text("status"));
            assert_eq!(shown(&argocd, &file), expected, "{}", file.display());
            judged += 1;
        }
    }
    assert!(judged > 90, "only {judged} cases");
}

fn shown(argocd: &Path, file: &Path) -> String {
    let ran = Command::new(argocd)
        .env_clear()
        .env("HOME", Run::current().folder())
        .args(["admin", "settings", "resource-overrides", "health"])
        .arg(file)
        .arg("--argocd-cm-path")
        .arg(snippet())
        .output()
        .expect("run argocd");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8_lossy(&ran.stdout).trim().to_owned()
}

fn snippet() -> PathBuf {
    tools::repository().join("deploy/gitops/argocd/argocd-cm.yaml")
}
