//! The installed operator: what every way to install it has to come to.

use std::time::Duration;

use serde_json::{Value, json};

use crate::node::pods;
use crate::shell::{Shell, say};
use crate::support::{tools, wait, yaml};
use crate::told::Cluster;

/// Where the README installs it.
pub(crate) const NAMESPACE: &str = "connector-operator-system";
/// The image's program.
const PROGRAM: &str = "/usr/local/bin/connector-operator";
/// `terminationGracePeriodSeconds`, where nobody says otherwise.
const ENDS_WITHIN: Duration = Duration::from_secs(30);
const RESYNC: &str = "10s";
/// That something is gone at a vendor is proven only so long after the operator's start.
const TIMEOUT: &str = "5s";
const ALLOWANCE: &str = "--consistency-allowance=1s";
/// As whom it runs.
const USER: u32 = 65532;

/// The one command of the README that begins like this, with the lines that go on with it.
pub(crate) fn of_the_readme(beginning: &str) -> String {
    let readme = std::fs::read_to_string(tools::repository().join("README.md")).expect("the README");
    let mut lines = readme.lines().skip_while(|line| !line.starts_with(beginning));
    let mut parts = Vec::new();
    loop {
        let line = lines.next().unwrap_or_else(|| panic!("the README does not say: {beginning}"));
        parts.push(line.trim_end_matches('\\').trim());
        if !line.ends_with('\\') {
            return parts.join(" ");
        }
    }
}

/// Chart values for vendors that are a pod, and that are looked at often enough for a person who waits.
pub(crate) fn settings(cluster: &Cluster) -> String {
    let values = [
        "endpoints.allowInsecure=true".to_owned(),
        format!("endpoints.allowedHosts={{{}}}", cluster.vendors.host()),
        format!("resyncInterval={RESYNC}"),
        format!("requestTimeout={TIMEOUT}"),
        format!("extraArgs={{{ALLOWANCE}}}"),
    ];
    values.map(|value| format!("--set '{value}'")).join(" ")
}

/// The same for who has no chart: a patch of the Deployment that this file below `deploy/` has the arguments of.
pub(crate) fn patch(cluster: &Cluster, file: &str) -> String {
    let manifests = yaml::documents_of_file(&tools::repository().join("deploy").join(file));
    let deployment = manifests.iter().find(|object| object["kind"] == "Deployment").expect("a Deployment");
    let arguments = deployment["spec"]["template"]["spec"]["containers"][0]["args"].as_array();
    let arguments = arguments.expect("arguments");
    let path = "/spec/template/spec/containers/0/args";
    let replace = |flag: &str, value: &str| {
        let is_it = |argument: &Value| argument.as_str().is_some_and(|argument| argument.starts_with(flag));
        let position = arguments.iter().position(is_it).unwrap_or_else(|| panic!("{file} has no {flag}"));
        json!({"op": "replace", "path": format!("{path}/{position}"), "value": format!("{flag}{value}")})
    };
    let host = format!("--allowed-hosts={}", cluster.vendors.host());
    let operations = json!([
        replace("--allow-insecure-endpoints=", "true"),
        replace("--resync-interval=", RESYNC),
        replace("--request-timeout=", TIMEOUT),
        {"op": "add", "path": format!("{path}/-"), "value": ALLOWANCE},
        {"op": "add", "path": format!("{path}/-"), "value": host},
    ]);
    operations.to_string()
}

/// Waits until the pods run what was asked for, and looks at them as the kernel does.
pub(crate) async fn runs(shell: &Shell, replicas: usize) {
    shell.run(&format!("kubectl rollout status deployment/connector-operator -n {NAMESPACE} --timeout=90s"));
    // Those of before end in their own time.
    let processes = wait::until("only these processes of the operator run", ENDS_WITHIN, || async {
        let processes = pods::running(PROGRAM);
        if processes.len() == replicas { Ok(processes) } else { Err(format!("{} run", processes.len())) }
    })
    .await;
    for process in &processes {
        process.assert_confined(USER);
    }
    say(&format!(
        "{replicas} process(es) as user {USER}, with no capability, filtered system calls, and a root that is read-only"
    ));
}

/// Panics where a credential of the vendors is in what the operator's pods said.
pub(crate) fn keeps_secrets(cluster: &Cluster, shell: &Shell) {
    let command =
        format!("kubectl logs -n {NAMESPACE} -l app.kubernetes.io/name=connector-operator --tail=-1");
    let (succeeded, said) = shell.ask(&command);
    assert!(succeeded && !said.is_empty(), "{command}: {said}");
    for secret in cluster.vendors.secrets() {
        assert!(!said.contains(secret), "a secret is in the log of the operator");
    }
    say(&format!("no credential is in the {} lines that the pods logged", said.lines().count()));
}

/// Takes away what an uninstall leaves on purpose.
pub(crate) fn cleared(shell: &Shell) {
    shell.run("kubectl delete -f deploy/crds.yaml --timeout=60s");
    shell.run(&format!("kubectl delete namespace {NAMESPACE} --timeout=90s"));
}
