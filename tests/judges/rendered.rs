//! kubeconform, in strict mode: everything that is rendered or shipped is an object as the API server describes it, and has no
//! field that it does not know.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::schemas;
use crate::support::chart::{folder as chart, template};
use crate::support::control_plane::ControlPlane;
use crate::support::process::Run;
use crate::support::{tools, yaml};

/// Kinds of the Prometheus operator, which no API server of the tests knows.
const OF_OTHERS: &str = "ServiceMonitor,PodMonitor,PrometheusRule";

#[tokio::test]
async fn everything_rendered_is_as_the_api_server_describes_it() {
    let parts = parts().await;
    let total: usize = parts.iter().map(|(_, objects)| objects.len()).sum();
    assert!(parts.len() >= 8 && total >= 60, "only {total} objects in {} parts", parts.len());
    for (name, objects) in parts {
        if let Err(said) = judge(&name, &objects).await {
            panic!("{name}:\n{said}");
        }
    }
}

#[tokio::test]
async fn a_field_that_nobody_knows_is_found() {
    for (name, pointer) in
        [("deployment", "/spec/template/spec"), ("connector", "/spec"), ("rule", "/rules/0")]
    {
        let file = match name {
            "connector" => tools::repository().join("deploy/samples/onomondo-connector-https.yaml"),
            _ => tools::repository().join("deploy/install.yaml"),
        };
        let kind = match name {
            "connector" => "OnomondoConnector",
            "rule" => "ClusterRole",
            _ => "Deployment",
        };
        let objects = yaml::documents_of_file(&file);
        let mut object = objects.into_iter().find(|object| object["kind"] == kind).expect("an object");
        judge(name, std::slice::from_ref(&object)).await.expect("nothing is wrong yet");
        object.pointer_mut(pointer).expect("the place")["misspelt"] = json!("x");
        let said = judge(name, &[object]).await.expect_err("nobody minds a field that is not known");
        assert!(said.contains("misspelt"), "{said}");
    }
}

/// All that people may apply, by where it comes from.
pub(crate) async fn parts() -> Vec<(String, Vec<Value>)> {
    let mut parts = charts();
    parts.extend(manifests(ControlPlane::shared().await));
    parts
}

/// What the chart makes of its defaults and of each file of values that it is tried with.
fn charts() -> Vec<(String, Vec<Value>)> {
    let entries = std::fs::read_dir(chart().join("ci")).expect("the folder ci");
    let render = |file: PathBuf| {
        let arguments = ["release", "--namespace", "operators", "--values", &file.to_string_lossy()];
        let objects = template("helm", &arguments).expect("it renders");
        (format!("chart-{}", file.file_stem().expect("a name").to_string_lossy()), objects)
    };
    entries.map(|entry| render(entry.expect("an entry").path())).collect()
}

/// What lies or is built below `deploy/`.
fn manifests(plane: &ControlPlane) -> Vec<(String, Vec<Value>)> {
    let deploy = tools::repository().join("deploy");
    let of_file = |path: &Path| (path.display().to_string(), yaml::documents_of_file(path));
    let mut parts = vec![of_file(&deploy.join("crds.yaml")), of_file(&deploy.join("install.yaml"))];
    let mut samples: Vec<PathBuf> = std::fs::read_dir(deploy.join("samples"))
        .expect("the samples")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    samples.sort();
    let samples = samples.iter().flat_map(|file| yaml::documents_of_file(file)).collect();
    parts.push(("samples".to_owned(), samples));
    for overlay in ["cluster-scoped", "namespace-scoped"] {
        let built = plane.kubectl().arg("kustomize").arg(deploy.join("overlays").join(overlay)).output();
        let built = built.expect("run kubectl");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        let objects = yaml::documents(&String::from_utf8_lossy(&built.stdout));
        parts.push((format!("overlay-{overlay}"), objects));
    }
    parts
}

/// What kubeconform says against these objects.
async fn judge(name: &str, objects: &[Value]) -> Result<(), String> {
    let file = Run::current().folder().join(format!("{}.json", name.replace('/', "-")));
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    std::fs::write(&file, list.to_string()).expect("write the objects");
    let location = schemas::folder().await.join(schemas::LOCATION);
    let ran = Command::new(tools::folder("kubeconform").join("kubeconform"))
        .args(["-strict", "-skip", OF_OTHERS, "-schema-location"])
        .arg(location)
        .arg(&file)
        .output()
        .expect("run kubeconform");
    let said = [ran.stdout, ran.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    if ran.status.success() { Ok(()) } else { Err(said) }
}
