//! Reads the generated schemas as plain data: every field with its path, and every rule on it.

use std::sync::OnceLock;

use connector_operator::api::schema::definitions;
use serde_json::Value;

/// The keywords by which a schema refuses a value, besides CEL rules and `required`.
const BOUNDS: [&str; 9] = [
    "enum",
    "pattern",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "maxProperties",
];
/// The keyword of CEL rules.
pub(crate) const CEL: &str = "x-kubernetes-validations";

/// One schema within a kind's: `path` is `spec.tags[]` for the items of a list, `….matchLabels{}` for a map's values.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) kind: String,
    pub(crate) path: String,
    pub(crate) schema: Value,
}

/// One thing that the API server refuses.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rule {
    pub(crate) kind: String,
    pub(crate) path: String,
    pub(crate) keyword: String,
    /// Of a CEL rule; empty for the schema's own keywords, which speak for themselves.
    pub(crate) message: String,
    /// Of a CEL rule: where the API server says the mistake is, relative to `path`.
    pub(crate) field_path: String,
}

impl std::fmt::Display for Rule {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Rule { kind, path, keyword, message, .. } = self;
        write!(formatter, "{kind} {path} {keyword} {message}")
    }
}

/// Every schema of every kind, the roots included (with an empty path).
pub(crate) fn fields() -> &'static [Field] {
    static FIELDS: OnceLock<Vec<Field>> = OnceLock::new();
    FIELDS.get_or_init(read_fields)
}

fn read_fields() -> Vec<Field> {
    let mut fields = Vec::new();
    for definition in definitions().expect("the definitions serialise") {
        let spec = &definition.document["spec"];
        let kind = spec["names"]["kind"].as_str().expect("a kind");
        collect(kind, "", &spec["versions"][0]["schema"]["openAPIV3Schema"], &mut fields);
    }
    fields
}

fn collect(kind: &str, path: &str, schema: &Value, fields: &mut Vec<Field>) {
    fields.push(Field { kind: kind.to_owned(), path: path.to_owned(), schema: schema.clone() });
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        collect(kind, &path, property, fields);
    }
    for (keyword, mark) in [("items", "[]"), ("additionalProperties", "{}")] {
        if schema[keyword].is_object() {
            collect(kind, &format!("{path}{mark}"), &schema[keyword], fields);
        }
    }
}

/// Every rule on what users write.
pub(crate) fn rules() -> Vec<Rule> {
    let written = |field: &Field| field.path.is_empty() || field.path.starts_with("spec");
    fields().iter().filter(|field| written(field)).flat_map(rules_of).collect()
}

fn rules_of(field: &Field) -> Vec<Rule> {
    let rule = |path: &str, keyword: &str| Rule {
        kind: field.kind.clone(),
        path: path.to_owned(),
        keyword: keyword.to_owned(),
        message: String::new(),
        field_path: String::new(),
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let schema = &field.schema;
    let bounds = BOUNDS.iter().filter(|keyword| !schema[**keyword].is_null());
    let bounds = bounds.map(|keyword| rule(&field.path, keyword));
    let required = schema["required"].as_array().into_iter().flatten().map(|name| {
        let name = text(name);
        let path = if field.path.is_empty() { name } else { format!("{}.{name}", field.path) };
        rule(&path, "required")
    });
    let cel = schema[CEL].as_array().into_iter().flatten().map(|validation| Rule {
        message: text(&validation["message"]),
        field_path: text(&validation["fieldPath"]),
        ..rule(&field.path, CEL)
    });
    bounds.chain(required).chain(cel).collect()
}
