//! Helm itself installs, upgrades and uninstalls the chart on a real API server.

use std::process::Command;

use crate::support::chart::folder;
use crate::support::control_plane::ControlPlane;
use crate::support::objects::{Address, Objects};
use crate::support::process::Run;
use crate::support::tools;

#[tokio::test]
async fn helm_3_and_helm_4_install_upgrade_and_uninstall() {
    let plane = ControlPlane::shared().await;
    let objects = Objects::new(plane.client().await);
    for module in ["helm3", "helm"] {
        let namespace = format!("by-{module}");
        let run =
            |arguments: &[&str]| helm(plane, module, &[arguments, &["--namespace", &namespace]].concat());
        let chart = folder().display().to_string();
        // The definitions are those of the whole run, and no release's.
        let values = ["--set", "crds.install=false", "--set", "replicaCount=2"];
        run(&[&["install", &namespace, &chart, "--create-namespace"], &values[..]].concat());
        let deployment = Address::parse(&format!("Deployment/{namespace}-connector-operator"), &namespace);
        let installed = objects.get(&deployment).await.expect("the Deployment");

        let further = ["--set", "networkPolicy.enabled=true", "--set", "podDisruptionBudget.enabled=true"];
        let dashboard = ["--set", "metrics.dashboards.enabled=true", "--set", "logging.level=debug"];
        run(&[&["upgrade", &namespace, &chart], &values[..], &further, &dashboard].concat());
        let upgraded = objects.get(&deployment).await.expect("the Deployment");
        assert_eq!(upgraded["metadata"]["uid"], installed["metadata"]["uid"], "{module} made it anew");
        let dashboard = format!("ConfigMap/{namespace}-connector-operator-dashboard");
        let dashboard = Address::parse(&dashboard, &namespace);
        assert!(objects.get(&dashboard).await.is_some(), "{module} left the dashboard out");

        run(&["uninstall", &namespace]);
        assert!(objects.get(&dashboard).await.is_none(), "{module} left the dashboard behind");
        let role = Address::parse(&format!("ClusterRole/{namespace}-connector-operator"), "");
        assert!(objects.get(&role).await.is_none(), "{module} left the rights behind");
    }
}

fn helm(plane: &ControlPlane, module: &str, arguments: &[&str]) {
    let ran = Command::new(tools::folder(module).join("helm"))
        .env_clear()
        .env("HOME", Run::current().folder())
        .env("KUBECONFIG", plane.kubeconfig())
        .args(arguments)
        .output()
        .expect("run helm");
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{module} {arguments:?}: {said}");
}
