//! Who else may use an account, and how far: the ceilings that an account sets for connectors of other namespaces.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::KubeSchema;
use regex_lite::Regex;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::common::AdoptionPolicy;
use super::rules;

/// Which namespaces may use an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum NamespacesFrom {
    /// Only the account's own.
    #[default]
    Same,
    /// Every namespace.
    All,
    /// Those whose labels the selector matches, and the account's own.
    Selector,
}

/// Which connectors of other namespaces may use an account, and the ceilings for them.
///
/// One Rust type for all vendors. Each vendor's schema has the one of `namePattern` and `connectorIds` that suits its
/// identities, so the API server drops the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = rules::rule(
    "(self.from == 'Selector') == has(self.selector)",
    "selector belongs to from: Selector: write both, or neither",
).field_path(".selector"))]
#[serde(rename_all = "camelCase")]
pub struct AllowedNamespaces {
    /// Which namespaces: Same (only the account's own, the default), All, or Selector (those that `selector` matches).
    #[serde(default)]
    pub from: NamespacesFrom,
    /// Selects namespaces by their labels. Needed with `from: Selector`, and only there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "selector")]
    pub selector: Option<LabelSelector>,
    /// The most that connectors of other namespaces may do with remote objects that already exist: Never (the default),
    /// IfIdentical or Always. The connector's own `adoptionPolicy` can only be narrower.
    #[serde(default = "never")]
    pub adoption: AdoptionPolicy,
    /// A regular expression (RE2) that the remote names of connectors of other namespaces have to match. It may match
    /// anywhere in the name; write ^ and $ to match all of it. Absent: any name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    #[x_kube(validation = rules::name_pattern())]
    pub name_pattern: Option<String>,
    /// The connectors that objects of other namespaces may name in `connectorId`. Absent: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1000), inner(length(max = 128)), transform = each_is_a_connector)]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub connector_ids: Option<Vec<String>>,
}

impl Default for AllowedNamespaces {
    fn default() -> Self {
        Self {
            from: NamespacesFrom::Same,
            selector: None,
            adoption: AdoptionPolicy::Never,
            name_pattern: None,
            connector_ids: None,
        }
    }
}

impl AllowedNamespaces {
    /// Whether `namePattern` lets connectors of other namespaces have that remote name; else what to write instead.
    ///
    /// # Errors
    /// The rest of a sentence that begins with the account.
    pub fn admits_name(&self, name: &str) -> Result<(), String> {
        let Some(pattern) = self.name_pattern.as_deref() else { return Ok(()) };
        match Regex::new(pattern) {
            Ok(expression) if expression.is_match(name) => Ok(()),
            Ok(_) => Err(format!(
                "allows this namespace only names that match {pattern}; set spec.name accordingly"
            )),
            Err(_) => {
                Err("has an allowedNamespaces.namePattern that is no regular expression; its owner has to \
                           correct it"
                    .into())
            }
        }
    }

    /// Whether nothing was set, so that nothing is written.
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

fn never() -> AdoptionPolicy {
    AdoptionPolicy::Never
}

fn each_is_a_connector(schema: &mut Schema) {
    rules::on_items(schema, &rules::id("connector"));
}

/// A label selector with the bounds that the API server sets for labels, so that what it accepts can be evaluated.
fn selector(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "x-kubernetes-map-type": "atomic",
        "properties": {
            "matchLabels": {
                "description": "Labels that a namespace has to have, with these values.",
                "type": "object",
                "maxProperties": 32,
                "additionalProperties": {"type": "string", "maxLength": 63},
                "x-kubernetes-validations": [{
                    "rule": "self.all(key, !format.qualifiedName().validate(key).hasValue() && \
                             !format.labelValue().validate(self[key]).hasValue())",
                    "message": "write labels as Kubernetes accepts them, such as team: a or example.com/team: a",
                }],
            },
            "matchExpressions": {
                "description": "Conditions on the namespace's labels, all of which have to hold.",
                "type": "array",
                "maxItems": 32,
                "x-kubernetes-list-type": "atomic",
                "items": requirement(),
            },
        },
    })
}

/// One of a selector's `matchExpressions`.
fn requirement() -> Schema {
    json_schema!({
        "type": "object",
        "required": ["key", "operator"],
        "properties": {
            "key": {
                "description": "The label.",
                "type": "string",
                "maxLength": 317,
                "x-kubernetes-validations": [{
                    "rule": "!format.qualifiedName().validate(self).hasValue()",
                    "message": "write the key of a label, such as team or example.com/team",
                }],
            },
            "operator": {
                "description": "In and NotIn compare the label with `values`; Exists and DoesNotExist take none.",
                "type": "string",
                "enum": ["In", "NotIn", "Exists", "DoesNotExist"],
            },
            "values": {
                "description": "The label's values, for In and NotIn.",
                "type": "array",
                "maxItems": 64,
                "x-kubernetes-list-type": "atomic",
                "items": {
                    "type": "string",
                    "maxLength": 63,
                    "x-kubernetes-validations": [{
                        "rule": "!format.labelValue().validate(self).hasValue()",
                        "message": "write a label's value: letters, digits, -, _ and ., a letter or digit at both ends",
                    }],
                },
            },
        },
        "x-kubernetes-validations": [{
            "rule": "(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)",
            "fieldPath": ".values",
            "message": "write values with the operators In and NotIn, and only with them",
        }],
    })
}
