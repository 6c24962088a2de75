//! The resources that the simulated API server has: the operator's own, by their definitions, and those of Kubernetes that it uses.

use connector_operator::api::schema::definitions;
use serde_json::{Map, Value};
use std::sync::OnceLock;

/// A resource.
#[derive(Debug)]
pub struct Resource {
    pub group: String,
    pub version: String,
    pub plural: String,
    pub kind: String,
    pub namespaced: bool,
    /// What a custom resource may hold; absent: anything.
    schema: Option<Value>,
}

impl Resource {
    /// Every resource.
    pub fn all() -> &'static [Resource] {
        static ALL: OnceLock<Vec<Resource>> = OnceLock::new();
        ALL.get_or_init(|| {
            let own = definitions()
                .expect("definitions")
                .into_iter()
                .map(|definition| custom(&serde_json::to_value(&definition.document).expect("a definition")));
            own.chain([
                builtin("", "v1", "secrets", "Secret", true),
                builtin("", "v1", "namespaces", "Namespace", false),
                builtin("events.k8s.io", "v1", "events", "Event", true),
                builtin("coordination.k8s.io", "v1", "leases", "Lease", true),
            ])
            .collect()
        })
    }

    /// The resource of that group and plural.
    pub fn find(group: &str, plural: &str) -> Option<&'static Resource> {
        Self::all().iter().find(|resource| resource.group == group && resource.plural == plural)
    }

    /// The resource of that plural.
    pub fn named(plural: &str) -> &'static Resource {
        Self::all().iter().find(|resource| resource.plural == plural).expect("a resource that there is")
    }

    /// Whether it is one of the operator's own.
    pub fn is_custom(&self) -> bool {
        self.schema.is_some()
    }

    /// `group/version`, or only the version.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// How messages name it: `plural.group`.
    pub fn qualified(&self) -> String {
        if self.group.is_empty() { self.plural.clone() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// Takes out of `object` what the definition does not have, and puts in the defaults.
    pub fn shape(&self, object: &mut Value) {
        let Some(schema) = &self.schema else { return };
        for part in ["spec", "status"] {
            let schema = &schema["properties"][part];
            if object.get(part).is_none() && !schema["default"].is_null() {
                object[part] = schema["default"].clone();
            }
            if let Some(value) = object.get_mut(part) {
                prune(value, schema);
                fill(value, schema);
            }
        }
        if let Some(members) = object.as_object_mut() {
            members.retain(|name, _| ["apiVersion", "kind", "metadata", "spec", "status"].contains(&&**name));
        }
    }
}

fn builtin(group: &str, version: &str, plural: &str, kind: &str, namespaced: bool) -> Resource {
    let [group, version, plural, kind] = [group, version, plural, kind].map(str::to_owned);
    Resource { group, version, plural, kind, namespaced, schema: None }
}

fn custom(definition: &Value) -> Resource {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let spec = &definition["spec"];
    Resource {
        group: text(&spec["group"]),
        version: text(&spec["versions"][0]["name"]),
        plural: text(&spec["names"]["plural"]),
        kind: text(&spec["names"]["kind"]),
        namespaced: true,
        schema: Some(spec["versions"][0]["schema"]["openAPIV3Schema"].clone()),
    }
}

fn preserves(schema: &Value) -> bool {
    schema["x-kubernetes-preserve-unknown-fields"] == true
}

/// Structural pruning: members that the schema does not name go. An explicit null of a field that is not nullable goes, too.
fn prune(value: &mut Value, schema: &Value) {
    match value {
        Value::Object(members) => {
            if let Some(properties) = schema["properties"].as_object() {
                members.retain(|name, _| preserves(schema) || properties.contains_key(name));
                members.retain(|name, member| {
                    !member.is_null() || properties.get(name).is_some_and(|schema| schema["nullable"] == true)
                });
                each_member(members, properties, prune);
            } else if schema["additionalProperties"].is_object() {
                members.values_mut().for_each(|member| prune(member, &schema["additionalProperties"]));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| prune(item, &schema["items"])),
        _ => {}
    }
}

/// Structural defaulting.
fn fill(value: &mut Value, schema: &Value) {
    match value {
        Value::Object(members) => {
            if let Some(properties) = schema["properties"].as_object() {
                for (name, schema) in properties {
                    if !schema["default"].is_null() && !members.contains_key(name) {
                        members.insert(name.clone(), schema["default"].clone());
                    }
                }
                each_member(members, properties, fill);
            } else if schema["additionalProperties"].is_object() {
                members.values_mut().for_each(|member| fill(member, &schema["additionalProperties"]));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| fill(item, &schema["items"])),
        _ => {}
    }
}

fn each_member(
    members: &mut Map<String, Value>,
    properties: &Map<String, Value>,
    change: fn(&mut Value, &Value),
) {
    for (name, member) in members {
        if let Some(schema) = properties.get(name) {
            change(member, schema);
        }
    }
}
