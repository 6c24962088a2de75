//! What the operator reports: the status of connectors and accounts.
//!
//! Absent values are never serialised: status is applied server-side, where an explicit null would take a field over.
//! The vendor's words in it are bounded by [`shortened`], since the API server refuses a status that is too long.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// The most planned changes that a status lists.
pub const PLANNED_CHANGES_LIMIT: usize = 64;
/// The most characters of a vendor's text (a name, a state, an old or new value) in a status.
pub const TEXT_LIMIT: usize = 1024;

/// Cuts a vendor's text to [`TEXT_LIMIT`] characters, with an ellipsis as the last where something was cut.
pub fn shortened(text: &str) -> String {
    if text.chars().nth(TEXT_LIMIT).is_none() {
        return text.to_owned();
    }
    text.chars().take(TEXT_LIMIT - 1).chain(['…']).collect()
}

/// Status of a connector; `R` is what is shown of the vendor's object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
// Derived, the bound would ask `Default` of `R` too.
#[serde(bound(deserialize = "R: serde::de::DeserializeOwned"))]
pub struct ConnectorStatus<R> {
    /// The generation of the spec that this status speaks of. -1: the operator has not seen the object yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`, with `Reconciling` or `Stalled` only while true; the vendor's own conditions beside them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions")]
    pub conditions: Vec<Condition>,
    /// The vendor's object: its identity and its own state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<R>,
    /// Where the identity in `remote` is valid. It is recorded when the operator created or adopted the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub scope: Option<String>,
    /// The new remote name while a rename is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renaming_to: Option<String>,
    /// What is known of the write-only values, by the vendor's field name. Never a value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 16))]
    pub secrets: BTreeMap<String, SecretStatus>,
    /// What would be changed at the vendor, under Plan and Observe or while something is held back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = PLANNED_CHANGES_LIMIT), extend("x-kubernetes-list-type" = "atomic"))]
    pub planned_changes: Vec<PlannedChange>,
    /// The last value of the reconcile annotation that was acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
}

// Derived, `Default` would ask it of `R` too.
impl<R> Default for ConnectorStatus<R> {
    fn default() -> Self {
        Self {
            observed_generation: None,
            conditions: Vec::new(),
            remote: None,
            scope: None,
            renaming_to: None,
            secrets: BTreeMap::new(),
            planned_changes: Vec::new(),
            last_handled_reconcile_at: None,
        }
    }
}

/// What is known of one write-only value at the vendor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretStatus {
    /// Whether the vendor holds a value.
    pub is_set: bool,
    /// When the vendor last changed it, in the vendor's own notation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_updated_at: Option<String>,
    /// Keyed hash of the value that the operator last wrote, to notice a rotation. It cannot be turned back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
}

/// One difference between the spec and the vendor's object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlannedChange {
    /// Path of the field in the vendor's object.
    pub field: String,
    /// What the vendor has. Absent: nothing, or a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What the spec asks for; "changed" for a secret. Absent: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// Status of an account.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountStatus {
    /// The generation of the spec that this status speaks of. -1: the operator has not seen the object yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`: the vendor's list was read and understood. `Reconciling` or `Stalled` only while true.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions")]
    pub conditions: Vec<Condition>,
    /// The last complete list of the vendor's objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_snapshot: Option<LastSnapshot>,
    /// Present only while the vendor, or the budget, holds the account back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimitStatus>,
    /// Keyed hash of the credential in use, to notice that it was replaced. It cannot be turned back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential_fingerprint: Option<String>,
    /// The last value of the reconcile annotation that was acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
}

/// The last complete list of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LastSnapshot {
    /// How many objects the vendor listed.
    pub objects: i64,
    /// How many of them no Kubernetes object manages.
    pub unmanaged: i64,
    /// When the content last changed (RFC 3339); it does not move while the list stays the same.
    pub at: String,
}

/// An account that is held back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RateLimitStatus {
    /// No call is made before this time (RFC 3339).
    pub held_until: String,
}

/// Kubernetes' own conditions, with the bounds and the list key that its Go types declare.
fn conditions(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 32,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "required": ["lastTransitionTime", "message", "reason", "status", "type"],
            "properties": {
                "type": {
                    "description": "What the condition is about.",
                    "type": "string",
                    "maxLength": 316,
                    "pattern": CONDITION_TYPE,
                },
                "status": {
                    "description": "True, False or Unknown.",
                    "type": "string",
                    "enum": ["True", "False", "Unknown"],
                },
                "reason": {
                    "description": "Why, in one word for programs.",
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 1024,
                    "pattern": "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
                },
                "message": {
                    "description": "Why, and what to do, for people.",
                    "type": "string",
                    "maxLength": 32768,
                },
                "observedGeneration": {
                    "description": "The generation of the spec that the condition speaks of.",
                    "type": "integer",
                    "format": "int64",
                    "minimum": 0,
                },
                "lastTransitionTime": {
                    "description": "When the status last changed.",
                    "type": "string",
                    "format": "date-time",
                },
            },
        },
    })
}

/// The form of a condition's type in Kubernetes' own Go types.
const CONDITION_TYPE: &str = "^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?\
                              (([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$";
