//! YAML as plain data.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

/// Every document of a YAML text; empty ones are left out.
pub fn documents(text: &str) -> Vec<Value> {
    serde_yaml::Deserializer::from_str(text)
        .map(|document| {
            Value::deserialize(document).unwrap_or_else(|error| panic!("this is no YAML: {error}\n{text}"))
        })
        .filter(|document| !document.is_null())
        .collect()
}

/// Every document of a YAML file.
pub fn documents_of_file(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file)
        .unwrap_or_else(|error| panic!("cannot read {}: {error}", file.display()));
    documents(&text)
}
