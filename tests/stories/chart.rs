//! The chart, as Helm reads it.

use std::process::Command;

use crate::support::tools;

#[test]
fn the_chart_ships_the_definitions_byte_for_byte() {
    let (made, shipped) = (tools::repository().join("crds"), chart().join("files/crds"));
    let compared = Command::new("diff").arg("-r").arg(&made).arg(&shipped).output().expect("run diff");
    let differences = String::from_utf8_lossy(&compared.stdout).into_owned();
    assert!(compared.status.success(), "`make crds` copies the definitions into the chart:\n{differences}");
}

#[test]
fn helm_finds_nothing_to_complain_about() {
    let helm = tools::folder("helm").join("helm");
    let linted = Command::new(helm).args(["lint", "--strict"]).arg(chart()).output().expect("run helm");
    assert!(linted.status.success(), "{}", String::from_utf8_lossy(&linted.stdout));
}

fn chart() -> std::path::PathBuf {
    tools::repository().join("charts/connector-operator")
}
