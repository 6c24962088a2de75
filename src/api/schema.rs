//! The custom resource definitions as they are installed: what the derives give, finished for a real API server.
//!
//! The derives leave `nullable`, `null` in enums, unsigned formats, floating-point bounds and empty lists behind, each of
//! which makes the API server, Argo CD or a validator complain; and they cannot say what the kinds have in common
//! (columns, categories, the status default). All of that is here, so that the types stay plain.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use serde_json::{Map, Value, json};

use super::status::TEXT_LIMIT;
use super::{AponoAccount, AponoConnector, OmfAccount, OmfConnection, OnomondoAccount, OnomondoConnector};

/// A definition ready to be written or applied.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    /// The name of its file in `crds/`.
    pub file: String,
    /// The whole `CustomResourceDefinition`.
    pub document: Value,
}

/// What a kind has beyond its types.
struct Kind {
    definition: CustomResourceDefinition,
    short_name: &'static str,
    category: &'static str,
    columns: Vec<Value>,
    selectable: &'static [&'static str],
    /// Fields of the shared Rust types that this vendor has no use for, as (parent's JSON pointer, name).
    without: &'static [(&'static str, &'static str)],
}

const CONNECTORS: &str = "connectors";
const ACCOUNTS: &str = "connectoraccounts";
const CEILINGS: &str = "/properties/spec/properties/allowedNamespaces/properties";
const STATUS: &str = "/properties/status/properties";

/// The definitions of all six kinds, in a fixed order.
///
/// # Errors
/// Only if a definition cannot be turned into JSON, which no input decides.
pub fn definitions() -> Result<Vec<Definition>, serde_json::Error> {
    kinds().into_iter().map(finish).collect()
}

fn kinds() -> Vec<Kind> {
    vec![
        Kind {
            definition: OnomondoConnector::crd(),
            short_name: "onoc",
            category: CONNECTORS,
            columns: connector_columns(column("Type", ".spec.type"), ".status.remote.name"),
            selectable: &[".spec.accountRef.name", ".spec.managementPolicy", ".spec.type", ".spec.name"],
            without: &[],
        },
        Kind {
            definition: AponoConnector::crd(),
            short_name: "apoc",
            category: CONNECTORS,
            columns: connector_columns(column("State", ".status.remote.status"), ".status.remote.name"),
            selectable: &[
                ".spec.accountRef.name",
                ".spec.managementPolicy",
                ".spec.connectorId",
                ".spec.name",
            ],
            without: &[(STATUS, "renamingTo"), (STATUS, "secrets")],
        },
        Kind {
            definition: OmfConnection::crd(),
            short_name: "omfc",
            category: CONNECTORS,
            columns: connector_columns(column("State", ".status.remote.state"), ".status.remote.id"),
            selectable: &[".spec.accountRef.name", ".spec.managementPolicy", ".spec.name"],
            without: &[(STATUS, "renamingTo"), (STATUS, "secrets")],
        },
        account(OnomondoAccount::crd(), "onoa", &[(CEILINGS, "connectorIds")]),
        account(AponoAccount::crd(), "apoa", &[(CEILINGS, "namePattern")]),
        account(OmfAccount::crd(), "omfa", &[(CEILINGS, "connectorIds")]),
    ]
}

fn account(
    definition: CustomResourceDefinition,
    short_name: &'static str,
    without: &'static [(&'static str, &'static str)],
) -> Kind {
    let columns = account_columns();
    Kind { definition, short_name, category: ACCOUNTS, columns, selectable: &[".spec.endpoint"], without }
}

fn connector_columns(vendor: Value, remote: &str) -> Vec<Value> {
    vec![
        column("Ready", &condition("Ready", "status")),
        column("Reason", &condition("Ready", "reason")),
        vendor,
        column("Remote", remote),
        age(),
        wide(column("Account", ".spec.accountRef.name")),
        wide(column("Message", &condition("Ready", "message"))),
    ]
}

fn account_columns() -> Vec<Value> {
    vec![
        column("Ready", &condition("Ready", "status")),
        column("Reason", &condition("Ready", "reason")),
        json!({"name": "Objects", "type": "integer", "jsonPath": ".status.lastSnapshot.objects"}),
        json!({"name": "Unmanaged", "type": "integer", "jsonPath": ".status.lastSnapshot.unmanaged"}),
        age(),
        wide(column("Endpoint", ".spec.endpoint")),
        wide(column("Message", &condition("Ready", "message"))),
    ]
}

fn condition(type_: &str, field: &str) -> String {
    format!(".status.conditions[?(@.type==\"{type_}\")].{field}")
}

fn column(name: &str, path: &str) -> Value {
    json!({"name": name, "type": "string", "jsonPath": path})
}

fn age() -> Value {
    json!({"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"})
}

/// Shown only with `-o wide`.
fn wide(mut column: Value) -> Value {
    column["priority"] = json!(1);
    column
}

fn finish(kind: Kind) -> Result<Definition, serde_json::Error> {
    let mut document = serde_json::to_value(&kind.definition)?;
    let names = &mut document["spec"]["names"];
    names["shortNames"] = json!([kind.short_name]);
    names["categories"] = json!([kind.category]);
    let file = format!("connector-operator.io_{}.yaml", names["plural"].as_str().unwrap_or_default());

    let version = &mut document["spec"]["versions"][0];
    version["additionalPrinterColumns"] = Value::Array(kind.columns);
    version["selectableFields"] = kind.selectable.iter().map(|path| json!({"jsonPath": path})).collect();

    let schema = &mut version["schema"]["openAPIV3Schema"];
    for (parent, name) in kind.without {
        if let Some(Value::Object(properties)) = schema.pointer_mut(parent) {
            properties.remove(*name);
        }
    }
    finish_schema(schema);
    if let Some(status) = schema.pointer_mut("/properties/status") {
        bound_texts(status);
        status["description"] = json!("What the operator reports. Written by the operator alone.");
        status["default"] = json!({"observedGeneration": -1});
    }
    describe_root(schema);
    Ok(Definition { file, document })
}

/// The fields that every object has, which offline validators look for.
fn describe_root(schema: &mut Value) {
    let properties = &mut schema["properties"];
    properties["apiVersion"] = json!({"type": "string", "description": "connector-operator.io/v1alpha1"});
    properties["kind"] = json!({"type": "string", "description": "The kind of this object."});
    properties["metadata"] = json!({"type": "object"});
}

/// Removes, at every level, what a structural schema should not have.
fn finish_schema(schema: &mut Value) {
    let Value::Object(fields) = schema else { return };
    fields.remove("nullable");
    fields.remove("title");
    if fields.get("format").and_then(Value::as_str).is_some_and(|format| format.starts_with("uint")) {
        fields.remove("format");
    }
    if let Some(Value::Array(literals)) = fields.get_mut("enum") {
        literals.retain(|literal| !literal.is_null());
    }
    if let Some(Value::String(description)) = fields.get_mut("description") {
        *description = description.replace('\n', " ");
    }
    for bound in ["minimum", "maximum"] {
        whole_number(fields, bound);
    }
    fields.retain(|_, value| value.as_array().is_none_or(|list| !list.is_empty()));
    for_each_subschema(fields, finish_schema);
}

/// Kubernetes writes bounds as floating-point numbers; whole ones read better without the point.
fn whole_number(fields: &mut Map<String, Value>, bound: &str) {
    let whole = fields.get(bound).and_then(Value::as_f64).filter(|number| number.fract() == 0.0);
    if let Some(number) = whole.and_then(|number| format!("{number:.0}").parse::<i64>().ok()) {
        fields.insert(bound.to_owned(), json!(number));
    }
}

/// Gives every text that has no bound of its own the general one of a status.
fn bound_texts(schema: &mut Value) {
    let Value::Object(fields) = schema else { return };
    let is_text = fields.get("type").is_some_and(|type_| type_ == "string");
    if is_text && !["enum", "format", "maxLength"].iter().any(|keyword| fields.contains_key(*keyword)) {
        fields.insert("maxLength".to_owned(), json!(TEXT_LIMIT));
    }
    for_each_subschema(fields, bound_texts);
}

fn for_each_subschema(fields: &mut Map<String, Value>, mut change: impl FnMut(&mut Value)) {
    for (keyword, value) in fields.iter_mut() {
        match (keyword.as_str(), value) {
            ("properties", Value::Object(properties)) => properties.values_mut().for_each(&mut change),
            ("items" | "additionalProperties", subschema) => change(subschema),
            _ => {}
        }
    }
}
