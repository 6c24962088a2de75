//! The documentation, held against what it describes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use regex_lite::Regex;

use crate::security::all_tests;
use crate::support::{tools, yaml};

/// Words of the engine that look like reasons: types and statuses of conditions, types and the action of events, operators of
/// label selectors, names of types.
const NO_REASONS: [&str; 16] = [
    "DoesNotExist",
    "EventPublisher",
    "Exists",
    "False",
    "FingerprintKey",
    "In",
    "Normal",
    "NotIn",
    "Ready",
    "Reconcile",
    "Reconciling",
    "SecretsInSync",
    "Stalled",
    "True",
    "Unknown",
    "Warning",
];

#[test]
fn every_reason_of_the_code_is_explained_and_no_other() {
    let explained = explained_reasons();
    let said = reasons_of_the_code();
    let missing: Vec<_> = said.difference(&explained).collect();
    assert!(
        missing.is_empty(),
        "docs/troubleshooting.md says nothing of {missing:?}; what is no reason of a condition or event belongs into NO_REASONS of {}",
        file!()
    );
    let stale: Vec<_> = explained.difference(&said).collect();
    assert!(stale.is_empty(), "docs/troubleshooting.md explains what the code no longer says: {stale:?}");
}

#[test]
fn every_promise_names_tests_that_there_are() {
    let docs = tools::repository().join("docs");
    let promises = numbered_promises(&read(&docs.join("semantics.md")));
    assert!(promises.len() > 50, "{} promises", promises.len());
    let page = read(&docs.join("promises.md"));
    let row = Regex::new(r"(?m)^\| (\d+\.\d+) \| ([^|]+) \|").expect("a pattern");
    let known = all_tests();
    let mut held = Vec::new();
    for found in row.captures_iter(&page) {
        held.push(found[1].to_owned());
        let missing: Vec<_> = found[2]
            .split(", ")
            .map(|test| test.trim_matches('`'))
            .filter(|test| !known.contains(*test))
            .collect();
        assert!(missing.is_empty(), "there is no test {missing:?}, for promise {}", &found[1]);
    }
    assert_eq!(
        held, promises,
        "docs/promises.md has one row for each promise of docs/semantics.md, in their order"
    );
}

/// The numbers of all promises: `2.1` is the first in the second section.
fn numbered_promises(semantics: &str) -> Vec<String> {
    let mut section = "";
    let mut numbers = Vec::new();
    for line in semantics.lines() {
        let number = line.split_once(". ").map_or("", |(number, _)| number);
        if let Some(heading) = number.strip_prefix("## ") {
            section = heading;
        } else if !number.is_empty() && number.chars().all(|one| one.is_ascii_digit()) {
            numbers.push(format!("{section}.{number}"));
        }
    }
    numbers
}

#[test]
fn the_settings_are_those_of_the_help() {
    let file = tools::repository().join("docs/settings.md");
    let text = read(&file);
    let (before, rest) = text.split_once("```text\n").expect("a block of text");
    let (shown, after) = rest.split_once("```\n").expect("the end of the block");
    let help = help();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let fresh = format!("{before}```text\n{help}```\n{after}");
        std::fs::write(&file, fresh).expect("write docs/settings.md");
        return;
    }
    assert!(shown == help, "docs/settings.md is stale: `make docs` writes it anew");
}

#[test]
fn the_readme_shows_a_sample_as_it_is() {
    let readme = read(&tools::repository().join("README.md"));
    let (_, rest) = readme.split_once("```yaml\n").expect("a manifest");
    let (manifest, _) = rest.split_once("```").expect("the end of the manifest");
    let sample = tools::repository().join("deploy/samples/onomondo-connector-tls.yaml");
    assert_eq!(yaml::documents(manifest), yaml::documents_of_file(&sample), "{}", sample.display());
}

#[test]
fn every_link_leads_to_a_file() {
    let link = Regex::new(r"\]\(([^)#:]+)(#[^)]*)?\)").expect("a pattern");
    let mut pages = files_below(&tools::repository().join("docs"), "md");
    pages.push(tools::repository().join("README.md"));
    for page in pages {
        for found in link.captures_iter(&read(&page)) {
            let target = page.parent().expect("a folder").join(&found[1]);
            assert!(target.exists(), "{} links to {}, which is not there", page.display(), &found[1]);
        }
    }
}

/// The first cell of each row of a table.
fn explained_reasons() -> BTreeSet<String> {
    let page = read(&tools::repository().join("docs/troubleshooting.md"));
    let cell = Regex::new(r"(?m)^\| `([A-Za-z]+)` \|").expect("a pattern");
    cell.captures_iter(&page).map(|found| found[1].to_owned()).collect()
}

/// In the engine, reasons are the only words in that case, but for a few. A vendor, whose API has words of its own, gives them in three
/// places: what it finds wrong with declared values, what it waits for, and behind the status of a condition of its own.
fn reasons_of_the_code() -> BTreeSet<String> {
    let source = tools::repository().join("src");
    let mut reasons = words(&source.join("engine"), r#""([A-Z][A-Za-z]*[a-z][A-Za-z]*)""#);
    let of_a_vendor = r#"(?:mismatch: Some\(\(|reason: |"(?:True|False|Unknown)",)\s*"([A-Z][A-Za-z]*)""#;
    reasons.extend(words(&source.join("vendors"), of_a_vendor));
    reasons.retain(|reason| !NO_REASONS.contains(&reason.as_str()));
    reasons
}

/// What the first group of `pattern` matches in the code below `folder`, comments and tests aside.
fn words(folder: &Path, pattern: &str) -> BTreeSet<String> {
    let pattern = Regex::new(pattern).expect("a pattern");
    let is_for_tests = |file: &PathBuf| {
        ["tests.rs", "laws.rs", "toy.rs", "simulation.rs"].iter().any(|name| file.ends_with(name))
    };
    let mut found = BTreeSet::new();
    for file in files_below(folder, "rs").iter().filter(|file| !is_for_tests(file)) {
        let text = read(file);
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let lines: Vec<&str> = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        found.extend(pattern.captures_iter(&lines.join("\n")).map(|captured| captured[1].to_owned()));
    }
    found
}

fn help() -> String {
    // Without a terminal anywhere, the width is always the same.
    let help = Command::new(env!("CARGO_BIN_EXE_connector-operator"))
        .args(["run", "--help"])
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .expect("run connector-operator");
    let text = String::from_utf8(help.stdout).expect("text");
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n") + "\n"
}

fn files_below(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("an entry of a folder").path();
        if path.is_dir() {
            found.extend(files_below(&path, extension));
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found
}

fn read(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap_or_else(|error| panic!("cannot read {}: {error}", file.display()))
}
