//! `connector-operator crds`: prints the custom resource definitions.

use crate::api::schema::{self, Definition};

/// What stands above each definition.
const NOTICE: &str =
    "# Generated from src/api by `connector-operator crds`. Change the types, not this file.\n";

/// All definitions as one stream of YAML documents, for `kubectl apply --server-side -f -`.
///
/// # Errors
/// The text of the error, should a definition not serialise (no input decides that).
pub fn yaml() -> Result<String, String> {
    let definitions = schema::definitions().map_err(|error| error.to_string())?;
    let documents: Result<Vec<String>, String> = definitions.iter().map(document).collect();
    Ok(documents?.join("---\n"))
}

/// One definition as it stands in its file of `crds/`.
///
/// # Errors
/// As for [`yaml`].
pub fn document(definition: &Definition) -> Result<String, String> {
    serde_yaml::to_string(&definition.document)
        .map(|text| format!("{NOTICE}{text}"))
        .map_err(|error| error.to_string())
}
