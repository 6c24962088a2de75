//! The rules by which the simulated API server admits a write: names, uids, resourceVersions, generations, finalizers, and who may change what.
//!
//! What is held against the real API server is held in `honesty`. Not simulated: managed fields, CEL rules and schema validation (the worlds
//! only declare what is valid), and any server-side apply but that of a whole status by one manager.

use super::answer::{
    Answer, Refused, already_exists, conflict, conflict_of_kind, immutable, invalid, not_found,
};
use super::resource::Resource;
use super::store::{Key, Store};
use serde_json::{Map, Value, json};
use std::sync::Arc;

const MODIFIED: &str =
    "the object has been modified; please apply your changes to the latest version and try again";

/// How an object is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Replace,
    Merge,
    /// A uid in an applied configuration is not looked at: only the resourceVersion tells one object from another of its name.
    Apply,
}

/// Part of an object that a write is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Main,
    Status,
}

/// Creates an object.
pub fn create(store: &mut Store, key: &Key, mut object: Value, now: &str) -> Result<Answer, Refused> {
    let resource = Resource::named(key.0);
    if store.get(key).is_some() {
        return Err(already_exists(resource, &key.2));
    }
    if resource.is_custom() {
        remove(&mut object, "status");
    }
    resource.shape(&mut object);
    let metadata = &mut object["metadata"];
    for assigned in ["resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds", "managedFields"] {
        remove(metadata, assigned);
    }
    metadata["name"] = key.2.clone().into();
    if resource.namespaced {
        metadata["namespace"] = key.1.clone().into();
    }
    metadata["uid"] = store.new_uid().into();
    metadata["creationTimestamp"] = now.into();
    if resource.is_custom() {
        metadata["generation"] = 1.into();
    }
    object["apiVersion"] = resource.api_version().into();
    object["kind"] = resource.kind.clone().into();
    Ok(Answer::created((*store.put(key.clone(), object)).clone()))
}

/// Replaces an object by one that names the resourceVersion it is based on, or none.
pub fn replace(store: &mut Store, key: &Key, object: Value) -> Result<Answer, Refused> {
    change(store, key, Part::Main, Verb::Replace, |before| {
        let mut after = object;
        for kept in ["uid", "creationTimestamp"] {
            if after["metadata"][kept].is_null() {
                after["metadata"][kept] = before["metadata"][kept].clone();
            }
        }
        after
    })
}

/// A JSON merge patch (RFC 7396).
pub fn merge_patch(store: &mut Store, key: &Key, part: Part, patch: &Value) -> Result<Answer, Refused> {
    change(store, key, part, Verb::Merge, |before| {
        let mut after = before.clone();
        merge(&mut after, patch);
        after
    })
}

/// Server-side apply of a whole status by the one manager that there is: what it does not name any more goes.
pub fn apply_status(store: &mut Store, key: &Key, applied: &Value) -> Result<Answer, Refused> {
    change(store, key, Part::Status, Verb::Apply, |before| {
        let mut after = before.clone();
        for precondition in ["uid", "resourceVersion"] {
            if let Some(expected) = applied["metadata"].get(precondition) {
                after["metadata"][precondition] = expected.clone();
            }
        }
        after["status"] = applied["status"].clone();
        after
    })
}

/// Deletes an object: at once, or by a deletionTimestamp where it has finalizers.
pub fn delete(store: &mut Store, key: &Key, preconditions: &Value, now: &str) -> Result<Answer, Refused> {
    let resource = Resource::named(key.0);
    let before = store.get(key).cloned().ok_or_else(|| not_found(resource, &key.2))?;
    for (name, words) in [("uid", "UID"), ("resourceVersion", "ResourceVersion")] {
        let (asked, is) = (&preconditions[name], &before["metadata"][name]);
        if let (Some(asked), Some(is)) = (asked.as_str(), is.as_str())
            && asked != is
        {
            let why = format!(
                "the {words} in the precondition ({asked}) does not match the {words} in record ({is}). The object might \
                 have been deleted and then recreated"
            );
            return Err(conflict_of_kind(resource, &key.2, &why));
        }
    }
    if has_finalizers(&before) {
        if !before["metadata"]["deletionTimestamp"].is_null() {
            return Ok(Answer::ok((*before).clone()));
        }
        let mut object = (*before).clone();
        object["metadata"]["deletionTimestamp"] = now.into();
        object["metadata"]["deletionGracePeriodSeconds"] = 0.into();
        if let Some(generation) = object["metadata"]["generation"].as_i64() {
            object["metadata"]["generation"] = (generation + 1).into();
        }
        return Ok(Answer::ok((*store.put(key.clone(), object)).clone()));
    }
    store.take(key);
    let mut details = json!({ "name": key.2, "kind": resource.plural, "uid": before["metadata"]["uid"] });
    if !resource.group.is_empty() {
        details["group"] = resource.group.clone().into();
    }
    Ok(Answer::ok(
        json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details }),
    ))
}

fn change(
    store: &mut Store,
    key: &Key,
    part: Part,
    verb: Verb,
    edit: impl FnOnce(&Value) -> Value,
) -> Result<Answer, Refused> {
    let resource = Resource::named(key.0);
    let before = store.get(key).cloned().ok_or_else(|| not_found(resource, &key.2))?;
    let mut after = edit(&before);
    check_preconditions(resource, key, verb, &before, &after)?;
    let other = if part == Part::Main { "status" } else { "spec" };
    if resource.is_custom() {
        restore(&mut after, &before, other);
    }
    if part == Part::Status {
        let metadata = before["metadata"].clone();
        after["metadata"] = metadata;
    }
    for assigned in ["resourceVersion", "generation", "deletionTimestamp", "creationTimestamp"] {
        restore_member(&mut after, &before, assigned);
    }
    tidy(&mut after["metadata"]);
    resource.shape(&mut after);
    check_finalizers(resource, key, &before, &after)?;
    if resource.is_custom() && part == Part::Main && after["spec"] != before["spec"] {
        let generation = before["metadata"]["generation"].as_i64().unwrap_or_default();
        after["metadata"]["generation"] = (generation + 1).into();
    }
    if after == *before {
        return Ok(Answer::ok(after));
    }
    let is_over = !after["metadata"]["deletionTimestamp"].is_null() && !has_finalizers(&after);
    if is_over {
        // The last change is the end: it is told as that, and not as a change before.
        store.take(key);
        return Ok(Answer::ok(after));
    }
    Ok(Answer::ok((*store.put(key.clone(), after)).clone()))
}

/// What of an object may not differ from what is there: a resourceVersion that was named; and the uid, of which each verb complains in its own way.
fn check_preconditions(
    resource: &Resource,
    key: &Key,
    verb: Verb,
    before: &Arc<Value>,
    after: &Value,
) -> Result<(), Refused> {
    let of = |object: &Value, name: &str| object["metadata"][name].as_str().map(str::to_owned);
    let differs = |name: &str| match (of(after, name), of(before, name)) {
        (Some(asked), Some(is)) if !asked.is_empty() && asked != is => Some((asked, is)),
        _ => None,
    };
    if let (Verb::Replace, Some((asked, is))) = (verb, differs("uid")) {
        let why = format!("Precondition failed: UID in precondition: {asked}, UID in object meta: {is}");
        return Err(conflict(resource, &key.2, &why));
    }
    if differs("resourceVersion").is_some() {
        return Err(conflict(resource, &key.2, MODIFIED));
    }
    if let (Verb::Merge, Some((asked, _))) = (verb, differs("uid")) {
        return Err(immutable(resource, &key.2, "metadata.uid", &asked));
    }
    Ok(())
}

fn check_finalizers(resource: &Resource, key: &Key, before: &Value, after: &Value) -> Result<(), Refused> {
    if before["metadata"]["deletionTimestamp"].is_null() {
        return Ok(());
    }
    let new: Vec<String> =
        finalizers(after).into_iter().filter(|finalizer| !finalizers(before).contains(finalizer)).collect();
    if new.is_empty() {
        return Ok(());
    }
    let list = new.iter().map(|finalizer| format!("{finalizer:?}")).collect::<Vec<_>>().join(", ");
    let why = format!(
        "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{list}}}"
    );
    Err(invalid(resource, &key.2, "metadata.finalizers", &why))
}

/// The finalizers of an object.
pub fn finalizers(object: &Value) -> Vec<String> {
    let list = object["metadata"]["finalizers"].as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(|finalizer| finalizer.as_str().map(str::to_owned)).collect()
}

fn has_finalizers(object: &Value) -> bool {
    !finalizers(object).is_empty()
}

/// Empty lists and maps of metadata are not kept.
fn tidy(metadata: &mut Value) {
    for name in ["finalizers", "annotations", "labels"] {
        let empty = match &metadata[name] {
            Value::Array(items) => items.is_empty(),
            Value::Object(members) => members.is_empty(),
            Value::Null => true,
            _ => false,
        };
        if empty {
            remove(metadata, name);
        }
    }
}

fn restore(after: &mut Value, before: &Value, member: &str) {
    match before.get(member) {
        Some(value) => after[member] = value.clone(),
        None => remove(after, member),
    }
}

fn restore_member(after: &mut Value, before: &Value, member: &str) {
    let (after, before) = (&mut after["metadata"], &before["metadata"]);
    restore(after, before, member);
}

fn remove(object: &mut Value, member: &str) {
    if let Value::Object(members) = object {
        members.remove(member);
    }
}

fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(members) = target else { return };
    for (name, value) in patch {
        if value.is_null() {
            members.remove(name);
        } else {
            merge(members.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}
