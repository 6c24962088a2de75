//! The chart's release of one story: rendered by the real Helm, applied to the real API server. The operator gets
//! exactly the ServiceAccount, the rights and the arguments that an installation would give it.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::certificates::write_private;
use super::objects::Objects;
use super::process::Run;
use super::{tools, yaml};

/// Chart values, set by dotted path.
#[derive(Clone, Debug)]
pub struct Values(Value);

impl Values {
    /// No value: the chart's defaults.
    pub fn new() -> Values {
        Values(json!({}))
    }

    /// Sets `path`, such as `leaderElection.enabled`.
    #[must_use]
    pub fn with(mut self, path: &str, value: impl Into<Value>) -> Values {
        let pointer = path.split('.').fold(&mut self.0, |at, key| &mut at[key]);
        *pointer = value.into();
        self
    }
}

/// A rendered and applied chart.
pub struct Release {
    /// The namespace of the operator's own objects.
    pub namespace: String,
    /// The operator's ServiceAccount.
    pub service_account: String,
    /// What the Deployment starts the operator with.
    pub arguments: Vec<String>,
    /// The environment variables that the Deployment sets.
    pub variables: Vec<(String, String)>,
    /// As what the operator knows the API server, where it is not its address: `name:port`.
    pub cluster: Option<String>,
}

/// The chart's folder.
pub fn folder() -> PathBuf {
    tools::repository().join("charts/connector-operator")
}

/// Every object that the chart makes of these values, or what Helm says against them.
pub fn render(name: &str, namespace: &str, values: &Values, folder: &Path) -> Result<Vec<Value>, String> {
    let file = folder.join(format!("{name}-values.json"));
    write_private(&file, &values.0.to_string());
    template("helm", &[name, "--namespace", namespace, "--values", &file.to_string_lossy()])
}

/// What `helm template` makes of the chart, or says against these arguments: the Helm of `tests/<module>/go.mod`.
pub fn template(module: &str, arguments: &[&str]) -> Result<Vec<Value>, String> {
    let rendered = Command::new(tools::folder(module).join("helm"))
        .env_clear()
        .env("HOME", Run::current().folder())
        .arg("template")
        .args(arguments)
        .arg(folder())
        .args(["--kube-version", "v1.36.3"])
        .output()
        .expect("run helm");
    if rendered.status.success() {
        return Ok(yaml::documents(&String::from_utf8_lossy(&rendered.stdout)));
    }
    Err(String::from_utf8_lossy(&rendered.stderr).into_owned())
}

impl Release {
    /// Renders and applies the chart as an administrator would.
    pub async fn install(
        objects: &Objects,
        name: &str,
        namespace: &str,
        values: &Values,
        folder: &Path,
    ) -> Release {
        // Helm runs for a second or so; the runtime has other things to do meanwhile.
        let (owned_name, owned_namespace, owned_values, owned_folder) =
            (name.to_owned(), namespace.to_owned(), values.clone(), folder.to_owned());
        let rendering = tokio::task::spawn_blocking(move || {
            render(&owned_name, &owned_namespace, &owned_values, &owned_folder)
        });
        let manifests = rendering.await.expect("helm runs").unwrap_or_else(|error| panic!("helm: {error}"));
        for manifest in &manifests {
            objects
                .apply_value(manifest.clone(), namespace)
                .await
                .unwrap_or_else(|error| panic!("the API server refuses what the chart renders: {error}"));
        }
        let deployment = manifests.iter().find(|manifest| manifest["kind"] == "Deployment");
        Release::of(deployment.expect("the chart renders a Deployment"), namespace)
    }

    /// What a Deployment of the chart starts.
    pub fn of(deployment: &Value, namespace: &str) -> Release {
        let pod = &deployment["spec"]["template"]["spec"];
        let arguments = pod["containers"][0]["args"].as_array().expect("the operator's arguments");
        let variables = pod["containers"][0]["env"].as_array().into_iter().flatten();
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        Release {
            namespace: namespace.to_owned(),
            service_account: pod["serviceAccountName"].as_str().expect("a ServiceAccount").to_owned(),
            arguments: arguments.iter().map(text).collect(),
            variables: variables.map(|one| (text(&one["name"]), text(&one["value"]))).collect(),
            cluster: None,
        }
    }

    /// The user that the API server knows the operator as.
    pub fn user(&self) -> String {
        format!("system:serviceaccount:{}:{}", self.namespace, self.service_account)
    }
}
