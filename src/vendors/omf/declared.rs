//! What a spec asks for, held against what the vendor has. Pure.

use super::client_ids::{ClientIds, distinct};
use super::model::Connection;
use crate::api::OmfConnectionSpec;
use crate::engine::vendor::{Change, Withheld};

/// The name that a spec asks for.
pub(super) fn name<'a>(spec: &'a OmfConnectionSpec, object_name: &'a str) -> &'a str {
    spec.name.as_deref().unwrap_or(object_name)
}

/// The ids of a spec that can be written now, each once.
pub(super) fn available<'a>(
    spec: &'a OmfConnectionSpec,
    withheld: &'a Withheld,
) -> impl Iterator<Item = &'a str> {
    distinct(&spec.client_ids).filter(|(id, _)| !withheld.contains(id)).map(|(_, spelled)| spelled)
}

/// The set of all ids of a spec.
pub(super) fn client_ids(spec: &OmfConnectionSpec) -> ClientIds {
    ClientIds::of(spec.client_ids.iter().map(String::as_str))
}

/// What differs. A description that is not declared is the vendor's own.
pub(super) fn changes(
    spec: &OmfConnectionSpec,
    object_name: &str,
    withheld: &Withheld,
    connection: &Connection,
) -> Vec<Change> {
    let mut changes = Vec::new();
    let wanted = name(spec, object_name);
    if connection.name.as_deref() != Some(wanted) {
        changes.push(Change::shown("name", connection.name.clone(), Some(wanted.to_owned())));
    }
    let description = connection.description.as_deref().unwrap_or_default();
    if let Some(wanted) = spec.description.as_deref().filter(|wanted| *wanted != description) {
        changes.push(Change::shown("description", connection.description.clone(), Some(wanted.to_owned())));
    }
    let wanted = ClientIds::of(available(spec, withheld));
    if connection.client_ids != wanted {
        let difference = connection.client_ids.difference(&wanted);
        changes.push(Change::shown(
            "clientIds",
            Some(connection.client_ids.len().to_string()),
            Some(format!("{} ({difference})", wanted.len())),
        ));
    }
    changes
}
