//! The plain manifests and the kustomize folders below `deploy/`: made from the chart, and taken by a real API server.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::chart::template;
use crate::support::control_plane::ControlPlane;
use crate::support::objects::{Address, KINDS, Objects};
use crate::support::process::Run;
use crate::support::{tools, yaml};

/// Set (to anything) to write the manifests anew instead of comparing.
const UPDATE: &str = "UPDATE_MANIFESTS";
const NAMESPACE: &str = "connector-operator-system";
const MADE: &str = "# Made of the chart by `make manifests`. Change the chart, not this file.\n";

#[test]
fn the_manifests_are_what_the_chart_renders() {
    for (file, text) in manifests() {
        let path = deploy().join(file);
        if std::env::var_os(UPDATE).is_some() {
            std::fs::write(&path, &text).expect("write a manifest");
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == text, "deploy/{file} is stale: `make manifests` writes it anew");
    }
}

#[test]
fn the_overlay_for_the_cluster_is_the_plain_manifest() {
    let built = kustomize(&deploy().join("overlays/cluster-scoped"));
    let plain = yaml::documents_of_file(&deploy().join("install.yaml"));
    assert_eq!(by_address(built), by_address(plain));
}

#[test]
fn the_overlay_for_one_namespace_has_no_right_outside_of_it() {
    let built = by_address(kustomize(&deploy().join("overlays/namespace-scoped")));
    let rights: Vec<&str> =
        built.keys().map(String::as_str).filter(|address| address.contains("Role")).collect();
    let expected = [
        "Role/connector-operator-system/connector-operator-own",
        "Role/iot/connector-operator",
        "RoleBinding/connector-operator-system/connector-operator-own",
        "RoleBinding/iot/connector-operator",
    ];
    assert_eq!(rights, expected);
    let deployment = &built[&format!("Deployment/{NAMESPACE}/connector-operator")];
    let arguments = &deployment["spec"]["template"]["spec"]["containers"][0]["args"];
    let arguments = arguments.as_array().expect("arguments");
    for wanted in ["--watch-namespace=iot", "--namespaces-watch=false"] {
        assert!(arguments.contains(&json!(wanted)), "{wanted} is not among {arguments:?}");
    }
}

#[test]
fn a_component_adds_what_it_says() {
    let copy = copied("components").join("deploy");
    let without: Vec<String> =
        by_address(kustomize(&copy.join("overlays/cluster-scoped"))).into_keys().collect();
    for (component, expected) in [
        ("network-policy", vec!["NetworkPolicy"]),
        ("monitoring", vec!["ConfigMap", "PrometheusRule", "ServiceMonitor"]),
    ] {
        let folder = copy.join("mine").join(component);
        std::fs::create_dir_all(&folder).expect("create a folder");
        let mine = json!({
            "resources": ["../../overlays/cluster-scoped"],
            "components": [format!("../../components/{component}")],
        });
        std::fs::write(folder.join("kustomization.yaml"), mine.to_string()).expect("write a kustomization");
        let built = by_address(kustomize(&folder));
        let added: Vec<&str> = built
            .keys()
            .filter(|address| !without.contains(address))
            .map(|address| address.split('/').next().expect("a kind"))
            .collect();
        assert_eq!(added, expected, "{component}");
    }
}

#[test]
fn the_kustomization_of_the_readme_takes_an_image_of_ones_own() {
    let readme = std::fs::read_to_string(tools::repository().join("README.md")).expect("the README");
    let shown =
        readme.split("```yaml\n").find(|block| block.starts_with("resources:")).expect("a kustomization");
    let (shown, _) = shown.split_once("```").expect("the end of the block");
    let folder = copied("readme");
    std::fs::write(folder.join("kustomization.yaml"), shown).expect("write the kustomization");
    let built = by_address(kustomize(&folder));
    let deployment = &built[&format!("Deployment/{NAMESPACE}/connector-operator")];
    let image = &deployment["spec"]["template"]["spec"]["containers"][0]["image"];
    assert_eq!(image, "registry.example.com/connector-operator:dev");
    assert!(built.contains_key(&format!("NetworkPolicy/{NAMESPACE}/connector-operator")));
}

#[tokio::test]
async fn both_files_are_applied_and_to_delete_the_operator_keeps_every_connector() {
    let plane = ControlPlane::shared().await;
    let objects = Objects::new(plane.client().await);
    let file = |name: &str| deploy().join(name).display().to_string();
    // Deleted with the operator, the definitions would take every connector along, and those of all other stories.
    let installed = yaml::documents_of_file(&deploy().join("install.yaml"));
    assert!(
        installed.iter().all(|object| object["kind"] != "CustomResourceDefinition"),
        "definitions in install.yaml"
    );
    kubectl(plane, &["apply", "--server-side", "-f", &file("crds.yaml")], None);
    let applied = kubectl(plane, &["apply", "--server-side", "-f", &file("install.yaml")], None);
    assert!(!applied.contains("Warning"), "{applied}");
    // The namespace takes the pod that the Deployment would make, although it is strict.
    let deployment = Address::parse(&format!("Deployment/{NAMESPACE}/connector-operator"), "");
    let deployment = objects.get(&deployment).await.expect("the Deployment");
    let mut pod = deployment["spec"]["template"].clone();
    pod["apiVersion"] = json!("v1");
    pod["kind"] = json!("Pod");
    pod["metadata"] = json!({"name": "like-the-operator", "namespace": NAMESPACE});
    kubectl(plane, &["create", "--dry-run=server", "-f", "-"], Some(&pod));
    pod["spec"]["securityContext"]["runAsNonRoot"] = json!(false);
    let refused = attempt(plane, &["create", "--dry-run=server", "-f", "-"], Some(&pod));
    assert!(refused.is_err_and(|said| said.contains("restricted")), "the namespace takes any pod");

    let manifests = tools::repository().join("deploy/samples");
    let connector = &yaml::documents_of_file(&manifests.join("onomondo-connector-https.yaml"))[0];
    let mut connector = connector.clone();
    connector["metadata"]["namespace"] = json!("default");
    connector["metadata"]["name"] = json!("kept");
    objects.apply_value(connector, "default").await.expect("a connector");
    kubectl(plane, &["delete", "--wait=false", "-f", &file("install.yaml")], None);
    let kept = Address::parse("OnomondoConnector/default/kept", "");
    let left = objects.get(&kept).await.expect("the connector is still there");
    assert!(left["metadata"]["deletionTimestamp"].is_null(), "the connector is about to go: {left}");
    let definitions = kubectl(plane, &["get", "crds", "-o", "name"], None);
    for kind in KINDS {
        let name = format!("{}s.connector-operator.io", kind.to_lowercase());
        assert!(definitions.contains(&name), "{name} is gone");
    }
    objects.delete(&kept).await.expect("delete the connector");
}

/// Every made file, by its path below `deploy/`.
fn manifests() -> Vec<(&'static str, String)> {
    let cluster = rendered(&[]);
    let namespaced = rendered(&["--set=rbac.clusterScoped=false", "--set=watch.namespaces={iot}"]);
    let optional = rendered(&[
        "--set=networkPolicy.enabled=true",
        "--set=metrics.serviceMonitor.enabled=true",
        "--set=metrics.prometheusRule.enabled=true",
        "--set=metrics.dashboards.enabled=true",
    ]);
    let is_in =
        |objects: &[Value], wanted: &Value| objects.iter().any(|object| address(object) == address(wanted));
    let common = select(&cluster, |object| is_in(&namespaced, object));
    let for_cluster = select(&cluster, |object| !is_in(&namespaced, object));
    let for_namespace = select(&namespaced, |object| !is_in(&cluster, object));
    let added = select(&optional, |object| !is_in(&cluster, object));
    let policy = select(&added, |object| object["kind"] == "NetworkPolicy");
    let monitoring = select(&added, |object| object["kind"] != "NetworkPolicy");
    let namespace = yaml::documents_of_file(&deploy().join("base/namespace.yaml"));
    let install = [namespace, common.clone(), for_cluster.clone()].concat();
    vec![
        ("crds.yaml", definitions()),
        ("install.yaml", text(&install)),
        ("base/operator.yaml", text(&common)),
        ("overlays/cluster-scoped/rights.yaml", text(&for_cluster)),
        ("overlays/namespace-scoped/rights.yaml", text(&for_namespace)),
        ("overlays/namespace-scoped/arguments.yaml", text(&[arguments(&namespaced)])),
        ("components/network-policy/network-policy.yaml", text(&policy)),
        ("components/monitoring/monitoring.yaml", text(&monitoring)),
    ]
}

/// The chart's objects, without the labels that say that Helm looks after them.
fn rendered(values: &[&str]) -> Vec<Value> {
    let release = ["connector-operator", "--namespace", NAMESPACE, "--set=crds.install=false"];
    let mut objects = template("helm", &[&release, values].concat()).expect("the chart renders");
    for object in &mut objects {
        let labels = object["metadata"]["labels"].as_object_mut().expect("labels");
        labels.remove("helm.sh/chart");
        labels.remove("app.kubernetes.io/managed-by");
    }
    objects
}

/// What the Deployment of a narrower install says otherwise.
fn arguments(objects: &[Value]) -> Value {
    let deployment = objects.iter().find(|object| object["kind"] == "Deployment").expect("a Deployment");
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    let container = json!({"name": container["name"], "args": container["args"]});
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": deployment["metadata"]["name"], "namespace": NAMESPACE},
        "spec": {"template": {"spec": {"containers": [container]}}},
    })
}

fn definitions() -> String {
    let entries = std::fs::read_dir(tools::repository().join("crds")).expect("the folder crds");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    let read = |file: &PathBuf| std::fs::read_to_string(file).expect("a definition");
    files.iter().map(read).collect::<Vec<_>>().join("---\n")
}

fn text(objects: &[Value]) -> String {
    let documents: Vec<String> =
        objects.iter().map(|object| serde_yaml::to_string(object).expect("plain data")).collect();
    MADE.to_owned() + &documents.join("---\n")
}

fn select(objects: &[Value], is_wanted: impl Fn(&Value) -> bool) -> Vec<Value> {
    objects.iter().filter(|object| is_wanted(object)).cloned().collect()
}

fn address(object: &Value) -> String {
    let part = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let metadata = &object["metadata"];
    [part(&object["kind"]), part(&metadata["namespace"]), part(&metadata["name"])].join("/")
}

fn by_address(objects: Vec<Value>) -> BTreeMap<String, Value> {
    let count = objects.len();
    let found: BTreeMap<_, _> = objects.into_iter().map(|object| (address(&object), object)).collect();
    assert_eq!(found.len(), count, "two objects have the same name: {:?}", found.keys());
    found
}

fn deploy() -> PathBuf {
    tools::repository().join("deploy")
}

/// A folder of the test's own with a copy of `deploy/` in it.
fn copied(name: &str) -> PathBuf {
    let folder = Run::current().folder().join(name);
    std::fs::create_dir_all(&folder).expect("create a folder");
    let copied = Command::new("cp").arg("-r").arg(deploy()).arg(&folder).status().expect("run cp");
    assert!(copied.success(), "cp failed");
    folder
}

fn kustomize(folder: &Path) -> Vec<Value> {
    let kubectl = tools::folder("control-plane").join("kubectl");
    let built = Command::new(kubectl).arg("kustomize").arg(folder).output().expect("run kubectl");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    yaml::documents(&String::from_utf8_lossy(&built.stdout))
}

/// What kubectl says on both of its outputs, with `input` to read.
fn attempt(plane: &ControlPlane, arguments: &[&str], input: Option<&Value>) -> Result<String, String> {
    use std::io::Write;

    let mut command = plane.kubectl();
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = command.spawn().expect("run kubectl");
    let mut pipe = running.stdin.take().expect("its input");
    pipe.write_all(input.map(Value::to_string).unwrap_or_default().as_bytes()).expect("write to kubectl");
    drop(pipe);
    let ended = running.wait_with_output().expect("kubectl ends");
    let said =
        [ended.stdout, ended.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    if ended.status.success() { Ok(said) } else { Err(said) }
}

fn kubectl(plane: &ControlPlane, arguments: &[&str], input: Option<&Value>) -> String {
    attempt(plane, arguments, input).unwrap_or_else(|said| panic!("kubectl {arguments:?}: {said}"))
}
