//! helm-unittest: the chart's own unit tests, in the form that people who know charts look for. What the chart renders is tested
//! more closely among the stories.

use std::process::Command;

use crate::support::chart::folder;
use crate::support::process::Run;
use crate::support::tools;

#[test]
fn the_chart_passes_its_unit_tests() {
    // A copy: it makes a folder for snapshots beside the suites.
    let copy = Run::current().folder().join("chart");
    let copied = Command::new("cp").arg("-r").arg(folder()).arg(&copy).status().expect("run cp");
    assert!(copied.success(), "cp failed");
    let ran = Command::new(tools::folder("helm-unittest").join("helm-unittest"))
        .env_clear()
        .env("HOME", Run::current().folder())
        .arg("--strict")
        .arg(&copy)
        .output()
        .expect("run helm-unittest");
    let said = [ran.stdout, ran.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(ran.status.success(), "{said}");
    let suites = std::fs::read_dir(folder().join("tests")).expect("the suites").count();
    assert!(said.contains(&format!("{suites} passed, {suites} total")), "not all suites ran:\n{said}");
}
