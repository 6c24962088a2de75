//! The chart, as Helm reads it.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use regex_lite::Regex;
use serde_json::{Value, json};

use crate::support::chart::{Values, folder, render, template};
use crate::support::objects::KINDS;
use crate::support::process::Run;
use crate::support::{tools, yaml};

/// A value that asks for an optional object, the object's kind, and what else that needs.
const OPTIONAL: [(&str, &str); 6] = [
    ("networkPolicy.enabled", "NetworkPolicy"),
    ("podDisruptionBudget.enabled", "PodDisruptionBudget"),
    ("metrics.serviceMonitor.enabled", "ServiceMonitor"),
    ("metrics.podMonitor.enabled", "PodMonitor"),
    ("metrics.prometheusRule.enabled", "PrometheusRule"),
    ("metrics.dashboards.enabled", "ConfigMap"),
];

#[test]
fn the_chart_ships_the_definitions_byte_for_byte() {
    let (made, shipped) = (tools::repository().join("crds"), folder().join("files/crds"));
    let compared = Command::new("diff").arg("-r").arg(&made).arg(&shipped).output().expect("run diff");
    let differences = String::from_utf8_lossy(&compared.stdout).into_owned();
    assert!(compared.status.success(), "`make crds` copies the definitions into the chart:\n{differences}");
}

#[test]
fn helm_finds_nothing_to_complain_about() {
    for values in files_of_values() {
        let helm = tools::folder("helm").join("helm");
        let linted =
            Command::new(helm).args(["lint", "--strict", "--values"]).arg(&values).arg(folder()).output();
        let linted = linted.expect("run helm");
        let said = String::from_utf8_lossy(&linted.stdout);
        assert!(linted.status.success(), "{}: {said}", values.display());
    }
}

#[test]
fn helm_3_and_helm_4_render_the_same() {
    for values in files_of_values() {
        let arguments = ["release", "--namespace", "operators", "--values", &values.to_string_lossy()];
        let with_four = template("helm", &arguments).expect("Helm 4 renders");
        let with_three = template("helm3", &arguments).expect("Helm 3 renders");
        assert_eq!(sorted(with_three), sorted(with_four), "{}", values.display());
    }
}

#[test]
fn an_optional_object_is_there_when_it_is_asked_for_and_only_then() {
    let unasked = kinds(&rendered(&Values::new()));
    for (value, kind) in OPTIONAL {
        assert!(!unasked.contains(&kind.to_owned()), "nobody asked for a {kind}");
        let asked = kinds(&rendered(&Values::new().with("replicaCount", 2).with(value, true)));
        let added: Vec<_> = asked.iter().filter(|found| !unasked.contains(found)).collect();
        assert_eq!(added, [kind], "{value}=true");
    }
}

#[test]
fn a_monitor_may_be_left_out_where_the_cluster_does_not_know_it() {
    for (value, kind) in
        OPTIONAL.iter().filter(|(_, kind)| kind.starts_with(['S', 'P']) && *kind != "PodDisruptionBudget")
    {
        let skip = format!("{}=true", value.replace("enabled", "skipIfMissing"));
        let enabled = format!("{value}=true");
        let arguments = ["release", "--set", &enabled, "--set", &skip];
        let without = kinds(&template("helm", &arguments).expect("it renders"));
        assert!(!without.contains(&(*kind).to_owned()), "a cluster without {kind} would refuse the release");
        let known = format!("--api-versions=monitoring.coreos.com/v1/{kind}");
        let with = kinds(&template("helm", &[&arguments[..], &[&known]].concat()).expect("it renders"));
        assert!(with.contains(&(*kind).to_owned()), "the cluster knows {kind}");
    }
}

#[test]
fn what_selects_pods_selects_these_and_ports_are_found_by_name() {
    let values = Values::new()
        .with("replicaCount", 2)
        .with("nameOverride", "another")
        .with("commonLabels", json!({"team": "platform"}));
    let values = OPTIONAL
        .iter()
        .filter(|(_, kind)| *kind != "PodMonitor")
        .fold(values, |values, (value, _)| values.with(value, true));
    let objects = rendered(&values);
    let pod = &one(&objects, "Deployment")["spec"]["template"];
    let port = &pod["spec"]["containers"][0]["ports"][0]["name"];

    let policy = &one(&objects, "NetworkPolicy")["spec"];
    assert_selects(&policy["podSelector"]["matchLabels"], pod);
    assert_eq!(&policy["ingress"][0]["ports"][0]["port"], port);
    assert_selects(&one(&objects, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"], pod);

    let service = one(&objects, "Service");
    assert_selects(&service["spec"]["selector"], pod);
    assert_eq!(&service["spec"]["ports"][0]["targetPort"], port);
    let monitor = &one(&objects, "ServiceMonitor")["spec"];
    assert_selects(&monitor["selector"]["matchLabels"], service);
    assert_eq!(monitor["endpoints"][0]["port"], service["spec"]["ports"][0]["name"]);

    let with_pod_monitor = rendered(&Values::new().with("metrics.podMonitor.enabled", true));
    let pod = &one(&with_pod_monitor, "Deployment")["spec"]["template"];
    let monitor = &one(&with_pod_monitor, "PodMonitor")["spec"];
    assert_selects(&monitor["selector"]["matchLabels"], pod);
    assert_eq!(monitor["podMetricsEndpoints"][0]["port"], pod["spec"]["containers"][0]["ports"][0]["name"]);
}

#[test]
fn the_network_policy_lets_out_what_the_operator_needs_and_what_is_added() {
    let proxy = json!({"ports": [{"port": 3128, "protocol": "TCP"}]});
    let values =
        Values::new().with("networkPolicy.enabled", true).with("networkPolicy.egress", vec![proxy.clone()]);
    let objects = rendered(&values);
    let spec = &one(&objects, "NetworkPolicy")["spec"];
    assert_eq!(spec["policyTypes"], json!(["Ingress", "Egress"]));
    let rules = spec["egress"].as_array().expect("rules");
    assert!(
        rules.iter().all(|rule| rule.get("to").is_none()),
        "an address here would be right in few clusters"
    );
    let ports: Vec<String> = rules
        .iter()
        .flat_map(|rule| rule["ports"].as_array().expect("ports"))
        .map(|port| format!("{} {}", port["protocol"].as_str().expect("a protocol"), port["port"]))
        .collect();
    assert_eq!(ports, ["UDP 53", "TCP 53", "UDP 5353", "TCP 5353", "TCP 443", "TCP 6443", "TCP 3128"]);
}

#[test]
fn proxy_and_authorities_reach_the_operator() {
    let values = Values::new()
        .with("proxy.httpsProxy", "http://proxy.example.com:3128")
        .with("proxy.noProxy", ".example.com")
        .with("extraEnv", json!([{"name": "MINE", "value": "1"}]));
    for (source, volume) in [
        ("configMapName", json!({"name": "ca-bundle", "configMap": {"name": "authorities"}})),
        ("secretName", json!({"name": "ca-bundle", "secret": {"secretName": "authorities"}})),
    ] {
        let objects = rendered(&values.clone().with(&format!("caBundle.{source}"), "authorities"));
        let pod = &one(&objects, "Deployment")["spec"]["template"]["spec"];
        let container = &pod["containers"][0];
        let set: Vec<_> =
            container["env"].as_array().expect("variables").iter().map(|one| &one["name"]).collect();
        assert_eq!(set, ["HTTPS_PROXY", "NO_PROXY", "MINE"]);
        assert_eq!(pod["volumes"], json!([volume]));
        let mounted = container["volumeMounts"][0]["mountPath"].as_str().expect("a path");
        let flag = json!(format!("--ca-file={mounted}/ca.crt"));
        assert!(container["args"].as_array().expect("arguments").contains(&flag), "{}", container["args"]);
    }
}

#[test]
fn extra_objects_are_templates() {
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Release.Name }}-text'}\n";
    let object =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "{{ .Release.Name }}-object"}});
    let objects = rendered(&Values::new().with("extraObjects", json!([text, object])));
    let names: Vec<_> =
        objects.iter().filter(|one| one["kind"] == "ConfigMap").map(|one| &one["metadata"]["name"]).collect();
    assert_eq!(names, ["release-text", "release-object"]);
}

#[test]
fn extra_objects_of_our_own_kinds_wait_for_their_definitions() {
    let account = r#"extraObjects=[{"apiVersion": "connector-operator.io/v1alpha1", "kind": "OnomondoAccount", "metadata": {"name": "default"}}]"#;
    let arguments = ["release", "--set-json", account];
    let refused =
        template("helm", &arguments).expect_err("Helm would look up a kind that it has yet to create");
    assert!(refused.contains("extraObjects holds an object of kind OnomondoAccount"), "{refused}");
    assert!(refused.contains("Install without it first"), "{refused}");
    let known = "--api-versions=connector-operator.io/v1alpha1";
    let objects = template("helm", &[&arguments[..], &[known]].concat()).expect("the kind is known");
    assert_eq!(one(&objects, "OnomondoAccount")["metadata"]["name"], "default");
}

#[test]
fn a_value_that_the_chart_does_not_have_is_refused() {
    for unknown in [
        "replicas",
        "proxy.httpProxi",
        "caBundle.name",
        "metrics.tracing",
        "networkPolicy.ingress",
        "watch.namespace",
    ] {
        let values = Values::new().with(unknown, "x");
        let refused = render("release", "operators", &values, &a_folder()).expect_err(unknown);
        let key = unknown.rsplit('.').next().expect("a key");
        assert!(refused.contains(&format!("'{key}'")), "{refused}");
    }
    // What a parent chart shares with its other parts is not for this one to refuse.
    rendered(&Values::new().with("global.storageClass", "fast"));
}

#[test]
fn values_that_cannot_be_meant_are_refused_with_what_to_set() {
    let both_monitors =
        Values::new().with("metrics.serviceMonitor.enabled", true).with("metrics.podMonitor.enabled", true);
    let without_service =
        Values::new().with("metrics.enabled", false).with("metrics.serviceMonitor.enabled", true);
    let two_bundles = Values::new().with("caBundle.configMapName", "a").with("caBundle.secretName", "b");
    let no_drain = Values::new().with("podDisruptionBudget.enabled", true);
    let leaderless = Values::new().with("replicaCount", 2).with("leaderElection.enabled", false);
    let nowhere = Values::new().with("rbac.clusterScoped", false);
    for (values, advice) in [
        (both_monitors, "choose one"),
        (without_service, "set metrics.enabled=true"),
        (two_bundles, "set the one that holds the certificate authorities"),
        (no_drain, "raise replicaCount"),
        (leaderless, "needs leaderElection.enabled=true"),
        (nowhere, "set watch.namespaces"),
    ] {
        let refused = render("release", "operators", &values, &a_folder()).expect_err(advice);
        assert!(refused.contains(advice), "{refused}");
    }
}

#[test]
fn the_readme_of_the_chart_explains_every_value() {
    let root = folder();
    let made = Command::new(tools::folder("helm-docs").join("helm-docs"))
        .args(["--dry-run", "--chart-search-root"])
        .arg(&root)
        .output()
        .expect("run helm-docs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let made = format!("{}\n", String::from_utf8_lossy(&made.stdout).trim_end());
    let file = root.join("README.md");
    if std::env::var_os("UPDATE_MANIFESTS").is_some() {
        std::fs::write(&file, &made).expect("write the README");
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(committed == made, "{} is stale: `make manifests` writes it anew", file.display());
    let bare: Vec<&str> =
        made.lines().filter(|line| line.starts_with("| ") && line.ends_with("|  |")).collect();
    assert!(bare.is_empty(), "values without a `# --` comment: {bare:?}");
}

#[test]
fn every_key_of_the_schema_has_a_value() {
    let schema = std::fs::read_to_string(folder().join("values.schema.json")).expect("the schema");
    let schema: Value = serde_json::from_str(&schema).expect("JSON");
    let values = &yaml::documents_of_file(&folder().join("values.yaml"))[0];
    let mut missing = Vec::new();
    keys_without_a_value(&schema, values, "", &mut missing);
    assert!(missing.is_empty(), "values.yaml lacks {missing:?}, so nobody finds them");
}

#[test]
fn alerts_and_dashboard_ask_for_metrics_that_there_are() {
    let source = tools::repository().join("src/metrics");
    let read = |file: &str| std::fs::read_to_string(source.join(file)).expect("a source file");
    let code = [read("mod.rs"), read("snapshots.rs"), read("process.rs")].concat();
    let rules = rendered(&Values::new().with("metrics.prometheusRule.enabled", true));
    let rules = one(&rules, "PrometheusRule")["spec"].to_string();
    let dashboard = std::fs::read_to_string(folder().join("files/dashboard.json")).expect("the dashboard");
    let name = Regex::new(
        r"\b(?:connector_operator|controller_runtime|workqueue|leader_election|rest_client|process)_[a-z_]+",
    )
    .expect("a pattern");
    for (text, least) in [(rules, 6), (dashboard, 12)] {
        let asked: Vec<&str> = name.find_iter(&text).map(|found| found.as_str()).collect();
        assert!(asked.len() >= least, "{asked:?}");
        for metric in asked {
            let registered = ["", "_total", "_bucket", "_info"]
                .iter()
                .filter_map(|suffix| metric.strip_suffix(suffix))
                .any(|name| code.contains(&format!("\"{name}\"")));
            assert!(registered, "the operator has no metric {metric}");
        }
    }
}

#[test]
fn artifact_hub_is_told_of_every_kind() {
    let chart = &yaml::documents_of_file(&folder().join("Chart.yaml"))[0];
    let listed = chart["annotations"]["artifacthub.io/crds"].as_str().expect("a list of the kinds");
    let listed = &yaml::documents(listed)[0];
    let mut kinds: Vec<_> =
        listed.as_array().expect("a list").iter().map(|one| one["kind"].as_str().expect("a kind")).collect();
    let mut expected = KINDS.to_vec();
    kinds.sort_unstable();
    expected.sort_unstable();
    assert_eq!(kinds, expected);
}

/// The values that the chart is tried with, beside the defaults.
fn files_of_values() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder().join("ci")).expect("the folder ci");
    let files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    assert!(files.len() >= 3, "{files:?}");
    files
}

/// A folder that no other test writes to.
fn a_folder() -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let folder = Run::current().folder().join(format!("chart-{}", COUNT.fetch_add(1, Ordering::Relaxed)));
    std::fs::create_dir_all(&folder).expect("create a folder");
    folder
}

fn rendered(values: &Values) -> Vec<Value> {
    render("release", "operators", values, &a_folder()).unwrap_or_else(|error| panic!("helm: {error}"))
}

fn kinds(objects: &[Value]) -> Vec<String> {
    objects.iter().map(|object| object["kind"].as_str().expect("a kind").to_owned()).collect()
}

fn one<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    let found: Vec<_> = objects.iter().filter(|object| object["kind"] == kind).collect();
    assert_eq!(found.len(), 1, "objects of kind {kind}");
    found[0]
}

fn sorted(mut objects: Vec<Value>) -> Vec<Value> {
    objects.sort_by_key(|object| format!("{} {}", object["kind"], object["metadata"]));
    objects
}

fn assert_selects(selector: &Value, object: &Value) {
    let wanted = selector.as_object().expect("labels to select by");
    assert!(!wanted.is_empty(), "an empty selector selects everything");
    for (label, value) in wanted {
        assert_eq!(&object["metadata"]["labels"][label], value, "{label} of {}", object["kind"]);
    }
}

fn keys_without_a_value(schema: &Value, values: &Value, at: &str, missing: &mut Vec<String>) {
    for (key, inner) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{at}.{key}");
        match values.get(key) {
            Some(value) => keys_without_a_value(inner, value, &path, missing),
            None => missing.push(path),
        }
    }
}
