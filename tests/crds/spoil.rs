//! Good objects, and the one change that makes each of them bad.

use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::support::yaml::documents;

/// A good object for each kind and union member; between them they set every field.
pub(crate) fn good_objects() -> &'static [Value] {
    static OBJECTS: OnceLock<Vec<Value>> = OnceLock::new();
    OBJECTS.get_or_init(read_good_objects)
}

fn read_good_objects() -> Vec<Value> {
    let mut objects = documents(include_str!("good.yaml"));
    for object in &mut objects {
        object["apiVersion"] = json!("connector-operator.io/v1alpha1");
    }
    objects
}

/// The first good object of this kind that has something at this path.
pub(crate) fn good_object(kind: &str, path: &str) -> Value {
    good_objects()
        .iter()
        .filter(|object| object["kind"] == kind)
        .find(|object| find(object, path).is_some())
        .cloned()
        .unwrap_or_else(|| panic!("good.yaml has no {kind} that sets {path}"))
}

/// What stands at a path of `schema.rs`; `[]` is the first item, `{}` the first value of a map.
pub(crate) fn find<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    object.pointer(&pointer(object, path))
}

/// Replaces what stands at a path.
pub(crate) fn set(object: &mut Value, path: &str, value: Value) {
    let pointer = pointer(object, path);
    let (parent, name) = pointer.rsplit_once('/').expect("a path below the root");
    match object.pointer_mut(parent).unwrap_or_else(|| panic!("nothing stands at {parent}")) {
        Value::Array(items) => items[name.parse::<usize>().expect("an index")] = value,
        parent => parent[name] = value,
    }
}

/// Removes the field at a path.
pub(crate) fn remove(object: &mut Value, path: &str) {
    let pointer = pointer(object, path);
    let (parent, name) = pointer.rsplit_once('/').expect("a path below the root");
    let parent = object.pointer_mut(parent).and_then(Value::as_object_mut);
    parent.and_then(|parent| parent.remove(name)).unwrap_or_else(|| panic!("nothing stands at {path}"));
}

/// Merges a patch into what stands at a path: RFC 7386.
pub(crate) fn merge(object: &mut Value, path: &str, change: &Value) {
    let pointer = pointer(object, path);
    merge_into(object.pointer_mut(&pointer).unwrap_or_else(|| panic!("nothing stands at {path}")), change);
}

fn merge_into(target: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (name, value) in fields {
        if value.is_null() {
            target.as_object_mut().map(|target| target.remove(name));
        } else {
            merge_into(&mut target[name.as_str()], value);
        }
    }
}

/// The path as the API server writes it in its answers.
pub(crate) fn as_answered(object: &Value, path: &str) -> String {
    let pointer = pointer(object, path);
    let segments = pointer.split('/').skip(1).map(|segment| match segment.parse::<usize>() {
        Ok(index) => format!("[{index}]"),
        Err(_) => format!(".{segment}"),
    });
    segments.collect::<String>().trim_start_matches('.').to_owned()
}

/// The JSON pointer of a path of `schema.rs` in this object.
fn pointer(object: &Value, path: &str) -> String {
    let mut pointer = String::new();
    for segment in path.split('.').filter(|segment| !segment.is_empty()) {
        let name = segment.trim_end_matches(['[', ']', '{', '}']);
        pointer = format!("{pointer}/{name}");
        if segment.ends_with("[]") {
            pointer.push_str("/0");
        } else if segment.ends_with("{}") {
            let map = object.pointer(&pointer).and_then(Value::as_object);
            let key = map.and_then(|map| map.keys().next()).cloned().unwrap_or_default();
            pointer = format!("{pointer}/{key}");
        }
    }
    pointer
}
