//! Real bodies, changed: as JSON where they are some, so that what is behind the first bracket is reached, and then as bytes.

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use crate::canned::SECRET;

/// One change. What it means depends on where it falls.
#[derive(Debug, Clone)]
pub(crate) struct Edit {
    kind: u8,
    at: Index,
    what: Index,
}

/// What is done to a body.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    /// Nothing of it is left.
    Replaced(Vec<u8>),
    /// It is edited as JSON, and then as bytes.
    Edited { json: Vec<Edit>, bytes: Vec<Edit> },
}

pub(crate) fn edits(most: usize) -> impl Strategy<Value = Vec<Edit>> {
    let edit = (any::<u8>(), any::<Index>(), any::<Index>());
    prop::collection::vec(edit.prop_map(|(kind, at, what)| Edit { kind, at, what }), 0..=most)
}

pub(crate) fn changes() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => edits(4).prop_map(|json| Change::Edited { json, bytes: Vec::new() }),
        2 => (edits(2), edits(3)).prop_map(|(json, bytes)| Change::Edited { json, bytes }),
        1 => prop::collection::vec(any::<u8>(), 0..200).prop_map(Change::Replaced),
    ]
}

/// The body after the change.
pub(crate) fn changed(body: &[u8], change: &Change) -> Vec<u8> {
    match change {
        Change::Replaced(bytes) => bytes.clone(),
        Change::Edited { json, bytes } => {
            let mut body = match serde_json::from_slice::<Value>(body) {
                Ok(mut value) if !json.is_empty() => {
                    edited(&mut value, json);
                    value.to_string().into_bytes()
                }
                _ => body.to_vec(),
            };
            for edit in bytes {
                edit_bytes(&mut body, edit);
            }
            body
        }
    }
}

pub(crate) fn edited(value: &mut Value, edits: &[Edit]) {
    for edit in edits {
        let mut left = edit.at.index(count(value));
        let node = nth(value, &mut left).expect("one of those that were counted");
        edit_node(node, edit);
    }
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(members) => members.values().map(count).sum(),
        _ => 0,
    }
}

fn nth<'v>(value: &'v mut Value, left: &mut usize) -> Option<&'v mut Value> {
    if *left == 0 {
        return Some(value);
    }
    *left -= 1;
    match value {
        Value::Array(items) => items.iter_mut().find_map(|item| nth(item, left)),
        Value::Object(members) => members.values_mut().find_map(|member| nth(member, left)),
        _ => None,
    }
}

fn edit_node(node: &mut Value, edit: &Edit) {
    match (edit.kind % 6, &mut *node) {
        // Something is left out.
        (0, Value::Object(members)) if !members.is_empty() => {
            let name = members.keys().nth(edit.what.index(members.len())).cloned().expect("a member");
            members.remove(&name);
        }
        (0, Value::Array(items)) if !items.is_empty() => drop(items.remove(edit.what.index(items.len()))),
        // Something is there twice.
        (1, Value::Array(items)) if !items.is_empty() => {
            items.push(items[edit.what.index(items.len())].clone());
        }
        // Something is there that nobody knows.
        (1 | 2, Value::Object(members)) => drop(members.insert("unheardOf".into(), odd(edit.what))),
        (2, Value::Array(items)) => items.insert(edit.what.index(items.len() + 1), odd(edit.what)),
        // It is one deeper.
        (3, _) => *node = json!([node.take()]),
        (4, Value::Number(number)) => *node = json!(number.to_string()),
        (4, Value::String(text)) => {
            text.push_str(["", "\u{0}", "\u{202e}", SECRET, "ä", "\n"][edit.what.index(6)]);
        }
        _ => *node = odd(edit.what),
    }
}

fn odd(which: Index) -> Value {
    let deep = || (0..200).fold(json!(1), |inner, _| json!([inner]));
    let odd = [
        Value::Null,
        json!(true),
        json!(0),
        json!(-1),
        json!(u64::MAX),
        json!(1e300),
        json!(""),
        json!("a"),
        json!(SECRET),
        json!(format!("the key {SECRET} is wrong")),
        json!(format!("bad {}", &SECRET[..12])),
        json!("x".repeat(3000)),
        json!("\u{202e}\u{7}\u{2028}\n"),
        json!([]),
        json!({}),
        json!([null]),
        json!({"id": null, "name": [], "Id": 1}),
        deep(),
    ];
    odd[which.index(odd.len())].clone()
}

fn edit_bytes(body: &mut Vec<u8>, edit: &Edit) {
    let at = edit.at.index(body.len() + 1);
    match edit.kind % 5 {
        0 => body.truncate(at),
        1 => body.insert(at, *edit.what.get(b"[]{},:\"\\n1 \x00\x0c\xff\n-")),
        2 if at < body.len() => body[at] ^= 1 << edit.what.index(8),
        3 if at < body.len() => drop(body.remove(at)),
        _ => {
            // A piece comes twice.
            let begin = edit.what.index(at + 1);
            let piece = body[begin..at].to_vec();
            body.splice(at..at, piece);
        }
    }
}
