//! What every schema has to be, so that neither the API server, nor Argo CD, nor `kubectl explain` has anything to say.

use connector_operator::api::schema::definitions;
use serde_json::{Value, json};

use crate::schema::{CEL, Field, fields};

/// Fails with every field of which `complaint` says something.
fn nobody_complains(complaint: impl Fn(&Field) -> Option<&'static str>) {
    let complaints: Vec<String> = fields()
        .iter()
        .filter_map(|field| complaint(field).map(|text| format!("{} {}: {text}", field.kind, field.path)))
        .collect();
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

/// What every Kubernetes object has; the API server owns its schema.
fn is_object_meta(field: &Field) -> bool {
    ["apiVersion", "kind", "metadata"].contains(&field.path.as_str())
}

fn has(field: &Field, keyword: &str) -> bool {
    !field.schema[keyword].is_null()
}

#[test]
fn every_text_list_and_map_is_bounded() {
    nobody_complains(|field| match field.schema["type"].as_str() {
        _ if is_object_meta(field) => None,
        Some("string") if !["maxLength", "enum", "format"].iter().any(|bound| has(field, bound)) => {
            Some("a text without maxLength")
        }
        Some("array") if !has(field, "maxItems") => Some("a list without maxItems"),
        Some("object") if has(field, "additionalProperties") && !has(field, "maxProperties") => {
            Some("a map without maxProperties")
        }
        Some("string" | "array" | "object" | "integer" | "boolean") => None,
        _ => Some("no type, or one that has no place here"),
    });
}

#[test]
fn every_list_says_how_it_merges() {
    nobody_complains(|field| {
        if field.schema["type"] != "array" {
            return None;
        }
        match field.schema["x-kubernetes-list-type"].as_str() {
            Some("atomic") => None,
            Some("map") if has(field, "x-kubernetes-list-map-keys") => None,
            _ => Some("no list type, or a map without keys"),
        }
    });
}

#[test]
fn nothing_is_left_that_a_structural_schema_should_not_have() {
    nobody_complains(|field| {
        let schema = field.schema.as_object().expect("a schema is an object");
        let is_empty = |value: &Value| value.as_array().is_some_and(Vec::is_empty);
        if has(field, "nullable") {
            Some("nullable")
        } else if schema.values().any(is_empty) {
            Some("an empty list")
        } else if field.schema["enum"].as_array().is_some_and(|literals| literals.contains(&Value::Null)) {
            Some("null in an enum")
        } else if field.schema["format"]
            .as_str()
            .is_some_and(|format| !["int64", "date-time"].contains(&format))
        {
            Some("a format that the API server does not know")
        } else if field.path.contains("[]") && has(field, "default") {
            Some("a default inside a list's items, which shows as drift")
        } else {
            None
        }
    });
}

#[test]
fn every_field_is_described() {
    nobody_complains(|field| {
        let described = field.schema["description"].as_str().is_some_and(|text| !text.trim().is_empty());
        let is_part_of_a_list = field.path.ends_with("[]") || field.path.ends_with("{}");
        (!described && !is_part_of_a_list && field.path != "metadata").then_some("no description")
    });
}

#[test]
fn every_cel_rule_says_what_to_write() {
    nobody_complains(|field| {
        let silent = |rule: &Value| rule["message"].as_str().is_none_or(str::is_empty);
        field.schema[CEL]
            .as_array()
            .is_some_and(|rules| rules.iter().any(silent))
            .then_some("a rule without a message")
    });
}

#[test]
fn a_fresh_object_is_never_taken_for_healthy() {
    for field in fields().iter().filter(|field| field.path == "status") {
        assert_eq!(field.schema["default"], json!({"observedGeneration": -1}), "{}", field.kind);
    }
}

#[test]
fn the_kinds_are_found_and_triaged_alike() {
    for definition in definitions().expect("the definitions serialise") {
        let spec = &definition.document["spec"];
        let names = &spec["names"];
        let version = &spec["versions"][0];
        let list = |value: &Value, key: &str| -> Vec<String> {
            let items = value.as_array().expect("a list").iter();
            items.map(|item| item[key].as_str().expect("a text").to_owned()).collect()
        };
        let columns = list(&version["additionalPrinterColumns"], "name");
        let kind = names["kind"].as_str().expect("a kind");
        if kind.ends_with("Account") {
            assert_eq!(names["categories"], json!(["connectoraccounts"]), "{kind}");
            assert_eq!(
                columns,
                ["Ready", "Reason", "Objects", "Unmanaged", "Age", "Endpoint", "Message"],
                "{kind}"
            );
        } else {
            assert_eq!(names["categories"], json!(["connectors"]), "{kind}");
            let vendors = if kind == "OnomondoConnector" { "Type" } else { "State" };
            assert_eq!(
                columns,
                ["Ready", "Reason", vendors, "Remote", "Age", "Account", "Message"],
                "{kind}"
            );
            assert!(
                list(&version["selectableFields"], "jsonPath").contains(&".spec.accountRef.name".to_owned())
            );
        }
        let vendor = &kind[..3].to_lowercase();
        let role = if kind.ends_with("Account") { "a" } else { "c" };
        assert_eq!(names["shortNames"], json!([format!("{vendor}{role}")]), "{kind}");
    }
}
