//! What the simulated API server answers: an object, or a failure in Kubernetes' own words.

use super::resource::Resource;
use serde_json::{Value, json};

/// An answer that is no watch.
#[derive(Debug, Clone)]
pub struct Answer {
    pub code: u16,
    pub body: Value,
}

/// A refusal; the request had no effect.
pub type Refused = Answer;

impl Answer {
    pub fn ok(body: Value) -> Self {
        Self { code: 200, body }
    }

    pub fn created(body: Value) -> Self {
        Self { code: 201, body }
    }

    /// A `Status` that says `Failure`.
    pub fn failure(code: u16, reason: &str, message: impl Into<String>) -> Self {
        let message: String = message.into();
        Self {
            code,
            body: json!({
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                "message": message, "reason": reason, "code": code,
            }),
        }
    }

    fn about(mut self, resource: &Resource, name: &str) -> Self {
        let mut details = json!({ "name": name, "kind": resource.plural });
        if !resource.group.is_empty() {
            details["group"] = resource.group.clone().into();
        }
        self.body["details"] = details;
        self
    }
}

pub fn not_found(resource: &Resource, name: &str) -> Refused {
    let message = format!("{} {name:?} not found", resource.qualified());
    Answer::failure(404, "NotFound", message).about(resource, name)
}

pub fn already_exists(resource: &Resource, name: &str) -> Refused {
    let message = format!("{} {name:?} already exists", resource.qualified());
    Answer::failure(409, "AlreadyExists", message).about(resource, name)
}

pub fn conflict(resource: &Resource, name: &str, why: &str) -> Refused {
    let message = format!("Operation cannot be fulfilled on {} {name:?}: {why}", resource.qualified());
    Answer::failure(409, "Conflict", message).about(resource, name)
}

pub fn invalid(resource: &Resource, name: &str, field: &str, why: &str) -> Refused {
    let kind = if resource.group.is_empty() {
        resource.kind.clone()
    } else {
        format!("{}.{}", resource.kind, resource.group)
    };
    let mut refused =
        Answer::failure(422, "Invalid", format!("{kind} {name:?} is invalid: {field}: Forbidden: {why}"))
            .about(resource, name);
    refused.body["details"]["kind"] = resource.kind.clone().into();
    refused.body["details"]["causes"] =
        json!([{ "reason": "FieldValueForbidden", "message": format!("Forbidden: {why}"), "field": field }]);
    refused
}

pub fn too_old(oldest: u64, asked: u64) -> Refused {
    Answer::failure(410, "Expired", format!("too old resource version: {asked} ({oldest})"))
}

pub fn continue_expired() -> Refused {
    Answer::failure(
        410,
        "Expired",
        "The provided continue parameter is too old to display a consistent list result.",
    )
}
