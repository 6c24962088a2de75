//! The workflows: nothing in them may change under us, and what they do is what the Makefile does.

use std::path::PathBuf;

use regex_lite::Regex;
use serde_json::{Value, json};

use crate::support::{tools, yaml};

#[test]
fn every_action_is_pinned_by_its_commit() {
    let pinned =
        Regex::new(r"^[a-z0-9-]+/[a-z0-9/-]+@[0-9a-f]{40} # v[0-9]+(\.[0-9]+)*$").expect("a pattern");
    for file in workflows() {
        let text = std::fs::read_to_string(&file).expect("a workflow");
        let uses = text.lines().filter_map(|line| line.split_once("uses:"));
        let uses: Vec<&str> = uses.map(|(_, action)| action.trim()).collect();
        assert!(!uses.is_empty(), "{} uses nothing", file.display());
        for action in uses {
            assert!(
                pinned.is_match(action),
                "{}: {action} is not `owner/action@<40 hex digits> # v1.2.3`",
                file.display()
            );
        }
    }
}

/// How a step becomes root where the job is not, with the tools that the steps before it set up.
const AS_ROOT: &str = "sudo --preserve-env=HOME env \"PATH=$PATH\" ";

#[test]
fn every_step_is_a_command_of_the_makefile() {
    let makefile = std::fs::read_to_string(tools::repository().join("Makefile")).expect("the Makefile");
    let target = |name: &str| makefile.lines().any(|line| line.starts_with(&format!("{name}:")));
    for file in workflows() {
        let mut seen = 0;
        for (job, step) in steps(&file) {
            let Some(run) = step["run"].as_str() else { continue };
            for line in run.lines().map(str::trim).filter(|line| !line.is_empty()) {
                let line = line.strip_prefix(AS_ROOT).unwrap_or(line);
                let command = line.strip_prefix("make ").unwrap_or_else(|| {
                    panic!("{}, {job}: `{line}` is not a command of the Makefile", file.display())
                });
                let name = command.split_whitespace().next().unwrap_or_default();
                assert!(target(name), "{}, {job}: there is no `make {name}`", file.display());
                seen += 1;
            }
        }
        assert!(seen > 0, "{} does nothing", file.display());
    }
}

/// `.ci/run` leaves the node out where it is not root, and on a runner it is not.
#[test]
fn the_node_is_tried_as_root_before_a_change_lands_and_before_a_release() {
    let as_root = format!("{AS_ROOT}make e2e");
    for name in ["test.yml", "release.yml"] {
        let found = steps(&workflow(name));
        for (of_job, command) in [("ci", "make ci"), ("e2e", as_root.as_str())] {
            let runs = found.iter().any(|(job, step)| job == of_job && step["run"] == command);
            assert!(runs, "{name}: the job {of_job} does not run `{command}`");
        }
    }
    let release = &yaml::documents_of_file(&workflow("release.yml"))[0];
    assert_eq!(release["jobs"]["publish"]["needs"], json!(["ci", "e2e"]), "it publishes what did not pass");
}

#[test]
fn no_job_has_more_rights_than_it_names() {
    for file in workflows() {
        let workflow = &yaml::documents_of_file(&file)[0];
        assert_eq!(workflow["permissions"], json!({"contents": "read"}), "{}", file.display());
        for (name, job) in workflow["jobs"].as_object().expect("jobs") {
            assert!(job["timeout-minutes"].is_u64(), "{}: {name} may run for ever", file.display());
        }
        for (job, step) in steps(&file) {
            if step["uses"].as_str().is_some_and(|action| action.starts_with("actions/checkout@")) {
                let persist = &step["with"]["persist-credentials"];
                assert_eq!(*persist, false, "{}: {job} leaves its token in the clone", file.display());
            }
            // What somebody else may write, such as a branch's name, would be part of the command.
            let run = step["run"].as_str().unwrap_or_default();
            assert!(!run.contains("${{"), "{}: {job} puts an expression into a command", file.display());
        }
    }
}

fn folder() -> PathBuf {
    tools::repository().join(".github/workflows")
}

fn workflow(name: &str) -> PathBuf {
    folder().join(name)
}

fn workflows() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder()).expect("the folder of the workflows");
    let files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    assert!(files.len() >= 2, "{files:?}");
    files
}

/// Every step, with its job's name.
fn steps(file: &std::path::Path) -> Vec<(String, Value)> {
    let workflow = &yaml::documents_of_file(file)[0];
    let jobs = workflow["jobs"].as_object().expect("jobs");
    jobs.iter()
        .flat_map(|(name, job)| {
            let steps = job["steps"].as_array().cloned().unwrap_or_default();
            steps.into_iter().map(|step| (name.clone(), step))
        })
        .collect()
}
