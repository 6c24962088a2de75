//! Apono's `OpenAPI` document as a judge: what an operation answers has to be what the document declares, no member more.

use serde_json::{Map, Value, json};

use crate::support::Answer;

/// The document.
pub(crate) fn document() -> Value {
    serde_json::from_str(include_str!("../fixtures/apono.openapi.json")).unwrap()
}

/// What is wrong with the answer to this request; empty: nothing. Refusals are not in the document.
pub(crate) fn violations(method: &str, path: &str, answer: &Answer) -> Vec<String> {
    if answer.status >= 300 {
        return Vec::new();
    }
    let document = document();
    let path = path.split('?').next().unwrap();
    let Some(operation) = operation(&document, method, path) else {
        return vec![format!("{method} {path} is not in the document")];
    };
    let Some(response) = operation["responses"].get(answer.status.to_string()) else {
        return vec![format!("{method} {path} does not answer {}", answer.status)];
    };
    match &response["content"]["application/json"]["schema"] {
        Value::Null if answer.text.is_empty() => Vec::new(),
        Value::Null => vec![format!("a body: {}", answer.text)],
        _ if answer.header("content-type") != Some("application/json") => {
            vec![format!("content-type {:?}", answer.header("content-type"))]
        }
        schema => Judge { document: &document }.judge(schema, &answer.body, "$"),
    }
}

fn operation<'a>(document: &'a Value, method: &str, path: &str) -> Option<&'a Value> {
    let paths = document["paths"].as_object().unwrap();
    let fits = |template: &str| {
        let (template, path) = (template.split('/'), path.split('/'));
        template.clone().count() == path.clone().count()
            && template.zip(path).all(|(part, sent)| part.starts_with('{') || part == sent)
    };
    let (_, operations) = paths.iter().find(|(template, _)| fits(template))?;
    operations.get(method.to_lowercase())
}

struct Judge<'a> {
    document: &'a Value,
}

impl Judge<'_> {
    fn judge(&self, schema: &Value, value: &Value, at: &str) -> Vec<String> {
        if value.is_null() && schema["nullable"] == true {
            return Vec::new();
        }
        if let Some(reference) = schema["$ref"].as_str() {
            let pointer = reference.strip_prefix('#').unwrap();
            return self.judge(self.document.pointer(pointer).unwrap(), value, at);
        }
        if let Some(parts) = schema["allOf"].as_array() {
            // The type beside it only repeats theirs.
            return parts.iter().flat_map(|part| self.judge(part, value, at)).collect();
        }
        let mut wrong = Vec::new();
        match (schema["type"].as_str(), value) {
            (None, _) | (Some("boolean"), Value::Bool(_)) | (Some("number"), Value::Number(_)) => {}
            (Some("string"), Value::String(text)) => {
                let is_date = || text.parse::<jiff::Timestamp>().is_ok();
                if schema["format"] == "date-time" && !is_date() {
                    wrong.push(format!("{at}: {text:?} is no date-time"));
                }
            }
            (Some("integer"), Value::Number(number)) if number.is_i64() => {}
            (Some("array"), Value::Array(items)) => {
                for (index, item) in items.iter().enumerate() {
                    wrong.extend(self.judge(&schema["items"], item, &format!("{at}[{index}]")));
                }
            }
            (Some("object"), Value::Object(members)) => wrong = self.judge_members(schema, members, at),
            (Some(other), _) => wrong.push(format!("{at}: {value} is no {other}")),
        }
        wrong
    }

    fn judge_members(&self, schema: &Value, members: &Map<String, Value>, at: &str) -> Vec<String> {
        let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let missing = required.filter(|name| !members.contains_key(*name));
        let mut wrong = missing.map(|name| format!("{at}.{name} is missing")).collect::<Vec<_>>();
        for (name, value) in members {
            let at = format!("{at}.{name}");
            match (schema["properties"].get(name), schema.get("additionalProperties")) {
                (Some(property), _) => wrong.extend(self.judge(property, value, &at)),
                (None, Some(any)) => wrong.extend(self.judge(any, value, &at)),
                (None, None) => wrong.push(format!("{at} is not in the document")),
            }
        }
        wrong
    }
}

type Change = fn(&mut Value);

#[test]
fn the_judge_finds_what_is_wrong() {
    let schema = json!({ "$ref": "#/components/schemas/ConnectorV3" });
    let judge = |change: Change| {
        let mut connector = json!({
            "id": "a",
            "name": "b",
            "status": "CONNECTED",
            "version": "1.0.0",
            "last_connected": "2025-09-18T09:38:36.087Z",
            "is_latest_version": true,
            "cloud_provider_type": "AWS",
            "sessions": [{
                "id": "s",
                "last_connected_time": "2025-09-18T09:38:36.087Z",
                "metadata": { "cloud_provider_metadata": null },
            }],
        });
        change(&mut connector);
        Judge { document: &document() }.judge(&schema, &connector, "$")
    };
    assert_eq!(judge(|_| {}), [""; 0]);
    assert_eq!(judge(|sound| sound["last_connected"] = Value::Null), [""; 0]);
    let cases: [(Change, &str); 6] = [
        (|wrong| wrong["name"] = Value::Null, "$.name: null is no string"),
        (|wrong| drop(wrong.as_object_mut().unwrap().remove("sessions")), "$.sessions is missing"),
        (
            |wrong| wrong["last_connected"] = json!("yesterday"),
            "$.last_connected: \"yesterday\" is no date-time",
        ),
        (|wrong| wrong["further"] = json!(1), "$.further is not in the document"),
        (|wrong| wrong["sessions"][0]["id"] = json!(7), "$.sessions[0].id: 7 is no string"),
        (
            |wrong| wrong["sessions"][0]["metadata"]["cloud_provider_metadata"] = json!([]),
            "$.sessions[0].metadata.cloud_provider_metadata: [] is no object",
        ),
    ];
    for (change, expected) in cases {
        assert_eq!(judge(change), [expected]);
    }
}
