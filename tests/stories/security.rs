//! `docs/security.md`, held against the tests that it names, and what no other test shows.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use regex_lite::Regex;
use serde_json::Value;

use crate::support::{tools, yaml};

#[test]
fn every_threat_names_tests_that_there_are() {
    let page = std::fs::read_to_string(tools::repository().join("docs/security.md")).expect("the page");
    let known = all_tests();
    let rows: Vec<&str> =
        page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| Threat")).collect();
    assert!(rows.len() > 15, "{} threats", rows.len());
    for row in rows {
        let tests = row.trim_end_matches(" |").rsplit(" | ").next().expect("a last cell");
        let named: Vec<&str> = tests.split(", ").map(|test| test.trim_matches('`')).collect();
        let missing: Vec<_> = named.iter().filter(|test| !known.contains(**test)).collect();
        assert!(missing.is_empty(), "there is no test {missing:?}, for: {row}");
    }
}

#[test]
fn a_reference_to_a_secret_cannot_leave_its_namespace() {
    let mut references = 0;
    for entry in std::fs::read_dir(tools::repository().join("crds")).expect("the folder crds") {
        let definition = yaml::documents_of_file(&entry.expect("an entry").path()).remove(0);
        references += references_within(&definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]);
    }
    assert!(references >= 6, "only {references} references to Secrets found");
}

/// Counts the references to Secrets in a schema. They name the Secret and keys in it, and no place.
fn references_within(schema: &Value) -> usize {
    let mut found = 0;
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        if name.to_lowercase().ends_with("secretref") {
            for part in field["properties"].as_object().expect("the fields of a reference").keys() {
                let is_a_key = part.to_lowercase().ends_with("key");
                assert!(part == "name" || is_a_key, "{name} has a field {part}");
            }
            found += 1;
        }
        found += references_within(field) + references_within(&field["items"]);
    }
    found
}

/// Every test of the repository, by its name.
pub(crate) fn all_tests() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for folder in ["src", "tests"] {
        tests_below(&tools::repository().join(folder), &mut found);
    }
    found
}

fn tests_below(folder: &Path, found: &mut BTreeSet<String>) {
    let test = Regex::new(r"#\[(?:tokio::)?test[^\]]*\]\s+(?:async )?fn ([a-z0-9_]+)").expect("a pattern");
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path: PathBuf = entry.expect("an entry").path();
        if path.is_dir() {
            tests_below(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = std::fs::read_to_string(&path).expect("a source file");
            found.extend(test.captures_iter(&source).map(|captured| captured[1].to_owned()));
        }
    }
}
