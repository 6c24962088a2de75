//! The mistakes that follow from the schema itself: one beyond each bound, a word outside each enum, each required field
//! left out.

use serde_json::{Value, json};

use crate::schema::{Rule, fields};
use crate::spoil::{find, good_object, remove, set};

/// An object that only this rule refuses, and a part of the answer. `None`: the rule is CEL.
pub(crate) fn mistake(rule: &Rule) -> Option<(Value, String)> {
    let mut object = good_object(&rule.kind, &rule.path);
    if rule.keyword == "required" {
        remove(&mut object, &rule.path);
        return Some((object, "Required value".to_owned()));
    }
    let bound = bound(rule);
    let number = bound.as_i64().unwrap_or_default();
    let count = usize::try_from(number).unwrap_or_default();
    let present = find(&object, &rule.path).cloned().expect("good.yaml sets the field");
    let (value, says) = match rule.keyword.as_str() {
        "enum" => (json!("Nonsense"), supported(&bound)),
        "minimum" => (json!(number - 1), format!("should be greater than or equal to {number}")),
        "maximum" => (json!(number + 1), format!("should be less than or equal to {number}")),
        "minLength" => (json!("a".repeat(count - 1)), format!("should be at least {number} chars long")),
        "maxLength" => (json!("a".repeat(count + 1)), format!("may not be more than {number} bytes")),
        "minItems" => (json!([]), format!("should have at least {number} items")),
        "maxItems" => (json!(vec![&present[0]; count + 1]), format!("must have at most {number} items")),
        "maxProperties" => (labels(count + 1), format!("must have at most {number} items")),
        _ => return None,
    };
    set(&mut object, &rule.path, value);
    Some((object, says))
}

fn bound(rule: &Rule) -> Value {
    let field = fields().iter().find(|field| field.kind == rule.kind && field.path == rule.path);
    field.expect("the rule's field").schema[&rule.keyword].clone()
}

/// The API server names what it takes.
fn supported(literals: &Value) -> String {
    let literals: Vec<String> = literals.as_array().into_iter().flatten().map(Value::to_string).collect();
    format!("Unsupported value: \"Nonsense\": supported values: {}", literals.join(", "))
}

fn labels(count: usize) -> Value {
    (0..count).map(|index| (format!("label-{index}"), json!("a"))).collect()
}
