//! Kubernetes objects as plain data: written as a person writes them, read by name, watched until something is so.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use kube::Client;
use kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams,
};
use kube::runtime::watcher;
use serde_json::{Value, json};

use super::yaml;

/// The group of the operator's kinds.
pub const GROUP: &str = "connector-operator.io";
/// The version of the operator's kinds.
pub const VERSION: &str = "v1alpha1";
/// The operator's kinds.
pub const KINDS: [&str; 6] =
    ["OnomondoAccount", "OnomondoConnector", "AponoAccount", "AponoConnector", "OmfAccount", "OmfConnection"];
/// As whom the tests apply, as people do with kubectl.
const FIELD_MANAGER: &str = "kubectl";

/// Where an object is: `Kind/name` in the story's namespace, or `Kind/namespace/name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Its kind.
    pub kind: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Address {
    /// Reads `Kind/name` or `Kind/namespace/name`.
    pub fn parse(text: &str, namespace: &str) -> Address {
        match text.split('/').collect::<Vec<_>>()[..] {
            [kind, name] => Address { kind: kind.into(), namespace: namespace.into(), name: name.into() },
            [kind, namespace, name] => {
                Address { kind: kind.into(), namespace: namespace.into(), name: name.into() }
            }
            _ => panic!("{text:?} is neither Kind/name nor Kind/namespace/name"),
        }
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}/{}/{}", self.kind, self.namespace, self.name)
    }
}

/// Group and version of the kinds that stories name without them.
fn group_and_version(kind: &str) -> (&'static str, &'static str) {
    match kind {
        "ConfigMap" | "Namespace" | "Node" | "Pod" | "Secret" | "Service" | "ServiceAccount" => ("", "v1"),
        "Event" => ("events.k8s.io", "v1"),
        "Lease" => ("coordination.k8s.io", "v1"),
        "Deployment" => ("apps", "v1"),
        "CustomResourceDefinition" => ("apiextensions.k8s.io", "v1"),
        "Role" | "RoleBinding" | "ClusterRole" | "ClusterRoleBinding" => ("rbac.authorization.k8s.io", "v1"),
        "Application" | "AppProject" => ("argoproj.io", "v1alpha1"),
        "Kustomization" => ("kustomize.toolkit.fluxcd.io", "v1"),
        "GitRepository" => ("source.toolkit.fluxcd.io", "v1"),
        _ => (GROUP, VERSION),
    }
}

fn resource(kind: &str) -> ApiResource {
    let (group, version) = group_and_version(kind);
    ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind))
}

fn is_cluster_scoped(kind: &str) -> bool {
    matches!(kind, "Namespace" | "Node" | "ClusterRole" | "ClusterRoleBinding" | "CustomResourceDefinition")
}

/// All objects, seen with one user's rights.
#[derive(Clone)]
pub struct Objects {
    client: Client,
}

impl Objects {
    /// Everything that this client may see.
    pub fn new(client: Client) -> Objects {
        Objects { client }
    }

    fn api(&self, kind: &str, namespace: &str) -> Api<DynamicObject> {
        if is_cluster_scoped(kind) {
            return Api::all_with(self.client.clone(), &resource(kind));
        }
        Api::namespaced_with(self.client.clone(), namespace, &resource(kind))
    }

    /// Applies each document; `namespace` is for those that name none. The error is the API server's message.
    pub async fn apply(&self, manifests: &str, namespace: &str) -> Result<(), String> {
        for document in yaml::documents(manifests) {
            self.apply_value(document, namespace).await?;
        }
        Ok(())
    }

    /// Applies one object. A missing `apiVersion` is that of its kind.
    pub async fn apply_value(&self, mut object: Value, namespace: &str) -> Result<(), String> {
        let kind = object["kind"].as_str().ok_or("an object without a kind")?.to_owned();
        if object["apiVersion"].is_null() {
            let (group, version) = group_and_version(&kind);
            object["apiVersion"] = json!([group, version].join("/").trim_start_matches('/'));
        }
        if object["metadata"]["namespace"].is_null() && !is_cluster_scoped(&kind) {
            object["metadata"]["namespace"] = json!(namespace);
        }
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default().to_owned();
        let name = object["metadata"]["name"].as_str().ok_or(format!("a {kind} without a name"))?.to_owned();
        let params = PatchParams::apply(FIELD_MANAGER).force();
        self.api(&kind, &namespace)
            .patch(&name, &params, &Patch::Apply(&object))
            .await
            .map(|_| ())
            .map_err(|error| format!("{kind}/{name}: {}", message(&error)))
    }

    /// Merges `change` into an object.
    pub async fn merge(&self, address: &Address, change: &Value) -> Result<(), String> {
        self.api(&address.kind, &address.namespace)
            .patch(&address.name, &PatchParams::default(), &Patch::Merge(change))
            .await
            .map(|_| ())
            .map_err(|error| format!("{address}: {}", message(&error)))
    }

    /// Merges `status` into an object's status, as the controller of another kind would.
    pub async fn merge_status(&self, address: &Address, status: &Value) -> Result<(), String> {
        self.api(&address.kind, &address.namespace)
            .patch_status(&address.name, &PatchParams::default(), &Patch::Merge(json!({"status": status})))
            .await
            .map(|_| ())
            .map_err(|error| format!("{address}: {}", message(&error)))
    }

    /// Asks for the object's end; its finalizers hold it.
    pub async fn delete(&self, address: &Address) -> Result<(), String> {
        self.api(&address.kind, &address.namespace)
            .delete(&address.name, &DeleteParams::default())
            .await
            .map(|_| ())
            .map_err(|error| format!("{address}: {}", message(&error)))
    }

    /// The object as it is now.
    pub async fn get(&self, address: &Address) -> Option<Value> {
        let found = self.api(&address.kind, &address.namespace).get_opt(&address.name).await;
        found.unwrap_or_else(|error| panic!("cannot read {address}: {}", message(&error))).map(as_value)
    }

    /// All objects of a kind in a namespace; none where the kind is not installed.
    pub async fn list(&self, kind: &str, namespace: &str) -> Vec<Value> {
        self.try_list(kind, namespace).await.unwrap_or_else(|why| panic!("{why}"))
    }

    /// The same, or why they cannot be listed now.
    pub async fn try_list(&self, kind: &str, namespace: &str) -> Result<Vec<Value>, String> {
        match self.api(kind, namespace).list(&ListParams::default()).await {
            Ok(list) => Ok(list.into_iter().map(as_value).collect()),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(Vec::new()),
            Err(error) => Err(format!("cannot list {kind} in {namespace}: {}", message(&error))),
        }
    }

    /// Watches the object until `is_so` says yes to it (`None`: it is not there). The error is the object as last seen.
    pub async fn watch_until(
        &self,
        address: &Address,
        deadline: Duration,
        is_so: impl Fn(Option<&Value>) -> bool,
    ) -> Result<Option<Value>, Option<Value>> {
        let api = self.api(&address.kind, &address.namespace);
        let mut changes =
            watcher::watch_object(api, &address.name).map_ok(|found| found.map(as_value)).boxed();
        let mut last = None;
        let watching = async {
            while let Some(change) = changes.next().await {
                // The watcher goes on after an error by itself, after a pause.
                let Ok(seen) = change else { continue };
                last.clone_from(&seen);
                if is_so(seen.as_ref()) {
                    return;
                }
            }
        };
        let came_true = tokio::time::timeout(deadline, watching).await.is_ok();
        if came_true { Ok(last) } else { Err(last) }
    }
}

fn as_value(object: DynamicObject) -> Value {
    serde_json::to_value(object).expect("an object is plain data")
}

fn message(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    }
}

/// A condition of an object as `Status/Reason`, or `-` where it has none of this type.
pub fn condition(object: &Value, kind: &str) -> String {
    find_condition(object, kind).map_or_else(
        || "-".to_owned(),
        |found| {
            format!("{}/{}", found["status"].as_str().unwrap_or("?"), found["reason"].as_str().unwrap_or("?"))
        },
    )
}

/// The message of a condition; empty where there is none.
pub fn condition_message(object: &Value, kind: &str) -> String {
    find_condition(object, kind).and_then(|found| found["message"].as_str()).unwrap_or_default().to_owned()
}

fn find_condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    object["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == kind)
}

/// Whether what `status` says is about the spec as it is now.
pub fn is_current(object: &Value) -> bool {
    object["status"]["observedGeneration"] == object["metadata"]["generation"]
}

/// Whether the object is Ready, for the spec as it is now.
pub fn is_ready(object: &Value) -> bool {
    is_current(object) && condition(object, "Ready").starts_with("True/")
}
