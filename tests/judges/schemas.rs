//! Schemas for kubeconform, which otherwise fetches them: made of what the real API server publishes of its kinds and of ours.

use std::path::{Path, PathBuf};

use http::Request;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::support::control_plane::ControlPlane;
use crate::support::process::Run;

/// Group and version of everything that is rendered, as the API server's paths have them.
const GROUPS: [&str; 9] = [
    "api/v1",
    "apis/apps/v1",
    "apis/rbac.authorization.k8s.io/v1",
    "apis/networking.k8s.io/v1",
    "apis/policy/v1",
    "apis/apiextensions.k8s.io/v1",
    "apis/connector-operator.io/v1alpha1",
    "apis/coordination.k8s.io/v1",
    "apis/events.k8s.io/v1",
];

/// What kubeconform is told of the files' names.
pub(crate) const LOCATION: &str = "{{ .ResourceKind }}_{{ .Group }}_{{ .ResourceAPIVersion }}.json";

/// The folder with the schemas.
pub(crate) async fn folder() -> &'static Path {
    static FOLDER: OnceCell<PathBuf> = OnceCell::const_new();
    FOLDER.get_or_init(write).await
}

async fn write() -> PathBuf {
    let client = ControlPlane::shared().await.client().await;
    let folder = Run::current().folder().join("schemas");
    std::fs::create_dir_all(&folder).expect("create the folder of the schemas");
    for group in GROUPS {
        let request = Request::get(format!("/openapi/v3/{group}")).body(Vec::new()).expect("a request");
        let mut document: Value = client.request(request).await.expect("what the API server publishes");
        let mut schemas = document["components"]["schemas"].take();
        let kinds: Vec<(String, Value)> = schemas
            .as_object()
            .expect("schemas")
            .iter()
            .flat_map(|(name, schema)| kinds_of(schema).into_iter().map(move |kind| (name.clone(), kind)))
            .collect();
        for schema in schemas.as_object_mut().into_iter().flat_map(serde_json::Map::values_mut) {
            close(schema);
        }
        for (name, kind) in kinds {
            let schema = json!({
                "$ref": format!("#/components/schemas/{name}"),
                "components": {"schemas": schemas},
            });
            std::fs::write(folder.join(file(&kind)), schema.to_string()).expect("write a schema");
        }
    }
    folder
}

fn kinds_of(schema: &Value) -> Vec<Value> {
    let kinds = schema["x-kubernetes-group-version-kind"].as_array().cloned().unwrap_or_default();
    // A schema of many kinds is one of the API's own, such as DeleteOptions.
    if kinds.len() == 1 { kinds } else { Vec::new() }
}

/// The same as [`LOCATION`], for one kind: the core group is called by its version.
fn file(kind: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (group, version) = (text(&kind["group"]), text(&kind["version"]));
    let group = if group.is_empty() { version.clone() } else { group };
    format!("{}_{group}_{version}.json", text(&kind["kind"]).to_lowercase())
}

/// Refuses what a schema does not name, in it and in all below it.
fn close(schema: &mut Value) {
    let Some(fields) = schema.as_object_mut() else { return };
    let is_open = fields.get("x-kubernetes-preserve-unknown-fields") == Some(&json!(true));
    if fields.contains_key("properties") && !fields.contains_key("additionalProperties") && !is_open {
        fields.insert("additionalProperties".to_owned(), json!(false));
    }
    for (key, inner) in fields {
        match (key.as_str(), inner) {
            ("properties", Value::Object(properties)) => properties.values_mut().for_each(close),
            ("items" | "additionalProperties", inner) => close(inner),
            ("allOf" | "anyOf" | "oneOf", Value::Array(all)) => all.iter_mut().for_each(close),
            _ => {}
        }
    }
}
