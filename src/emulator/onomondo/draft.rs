//! Reading the body of a POST or PATCH: what is well-formed whatever the connector is.

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde_json::{Map, Value, json};

use super::refusal::Refusal;

/// What a body says; an absent member says nothing.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) name: Option<String>,
    pub(super) type_name: Option<String>,
    /// `null` and `[]` both say: none.
    pub(super) passthrough: Option<Vec<Value>>,
    /// `null` and `[]` both say: none.
    pub(super) tags: Option<Vec<String>>,
    pub(super) options: Option<Map<String, Value>>,
}

/// A JSON object.
pub(super) fn object(headers: &HeaderMap, body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/json") {
        return Err(Refusal::invalid("invalid_content_type", "Content-Type has to be application/json"));
    }
    serde_json::from_slice(body)
        .map_err(|_| Refusal::invalid("invalid_json", "the body has to be a JSON object"))
}

/// What the body of a POST says. Members that no document names are ignored.
pub(super) fn of_post(headers: &HeaderMap, body: &[u8]) -> Result<Draft, Refusal> {
    draft(object(headers, body)?)
}

/// What the body of a PATCH says: there, other than in a POST, tags are not nullable.
pub(super) fn of_patch(headers: &HeaderMap, body: &[u8]) -> Result<Draft, Refusal> {
    let members = object(headers, body)?;
    if members.get("tags").is_some_and(Value::is_null) {
        return Err(Refusal::invalid("invalid_tags", "tags has to be an array of tag ids"));
    }
    draft(members)
}

fn draft(mut members: Map<String, Value>) -> Result<Draft, Refusal> {
    Ok(Draft {
        name: members.remove("name").map(name).transpose()?,
        type_name: members.remove("type").map(type_name).transpose()?,
        passthrough: members.remove("passthrough").map(passthrough).transpose()?,
        tags: members.remove("tags").map(tags).transpose()?,
        options: members.remove("options").map(options).transpose()?,
    })
}

fn name(value: Value) -> Result<String, Refusal> {
    let Value::String(name) = value else {
        return Err(Refusal::invalid("invalid_name", "name has to be a string"));
    };
    let sound = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if sound && (3..=255).contains(&name.len()) {
        return Ok(name);
    }
    Err(Refusal::invalid("invalid_name", "name has to match ^[-_a-zA-Z0-9]{3,255}$"))
}

fn type_name(value: Value) -> Result<String, Refusal> {
    match value {
        Value::String(name) => Ok(name),
        _ => Err(Refusal::invalid("invalid_type", "type has to be a string")),
    }
}

fn options(value: Value) -> Result<Map<String, Value>, Refusal> {
    match value {
        Value::Object(options) => Ok(options),
        _ => Err(Refusal::invalid("invalid_options", "options has to be an object")),
    }
}

fn tags(value: Value) -> Result<Vec<String>, Refusal> {
    let wrong = || Refusal::invalid("invalid_tags", "tags has to be an array of tag ids");
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(tags) => tags
            .into_iter()
            .map(|tag| if let Value::String(id) = tag { Ok(id) } else { Err(wrong()) })
            .collect(),
        _ => Err(wrong()),
    }
}

fn passthrough(value: Value) -> Result<Vec<Value>, Refusal> {
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(rules) => rules.iter().map(rule).collect(),
        _ => Err(Refusal::invalid("invalid_passthrough", "passthrough has to be an array or null")),
    }
}

/// A rule with the members that its protocol has; any others are left out.
fn rule(value: &Value) -> Result<Value, Refusal> {
    let wrong = |why: &str| Refusal::invalid("invalid_passthrough", format!("a passthrough rule's {why}"));
    let protocol = value.get("protocol").and_then(Value::as_str).unwrap_or_default();
    if !matches!(protocol, "icmp" | "tcp" | "udp") {
        return Err(wrong("protocol has to be icmp, tcp or udp"));
    }
    let mut rule = Map::from_iter([("protocol".to_owned(), json!(protocol))]);
    if let Some(ip) = value.get("ip") {
        if !ip.is_null() && !ip.is_string() {
            return Err(wrong("ip has to be a string or null"));
        }
        rule.insert("ip".to_owned(), ip.clone());
    }
    if let Some(port) = value.get("port").filter(|_| protocol != "icmp") {
        if !port.is_null() && port.as_u64().is_none_or(|port| port > 65535) {
            return Err(wrong("port has to be 0 to 65535 or null"));
        }
        rule.insert("port".to_owned(), port.clone());
    }
    Ok(Value::Object(rule))
}
