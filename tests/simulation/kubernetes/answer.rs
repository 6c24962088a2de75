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

/// The same as a delete says it, by the kind.
pub fn conflict_of_kind(resource: &Resource, name: &str, why: &str) -> Refused {
    let mut refused = conflict(resource, name, why);
    let message = format!("Operation cannot be fulfilled on {} {name:?}: {why}", qualified_kind(resource));
    refused.body["message"] = message.into();
    refused.body["details"]["kind"] = resource.kind.clone().into();
    refused
}

fn qualified_kind(resource: &Resource) -> String {
    if resource.group.is_empty() {
        resource.kind.clone()
    } else {
        format!("{}.{}", resource.kind, resource.group)
    }
}

/// A field that never changes was to be changed.
pub fn immutable(resource: &Resource, name: &str, field: &str, value: &str) -> Refused {
    let why = format!("Invalid value: {value:?}: field is immutable");
    let message = format!("{} {name:?} is invalid: {field}: {why}", qualified_kind(resource));
    let mut refused = Answer::failure(422, "Invalid", message).about(resource, name);
    refused.body["details"]["kind"] = resource.kind.clone().into();
    let cause = json!({ "reason": "FieldValueInvalid", "message": why, "field": field });
    // Two of the server's checks find it.
    refused.body["details"]["causes"] = json!([cause, cause]);
    refused
}

pub fn invalid(resource: &Resource, name: &str, field: &str, why: &str) -> Refused {
    let kind = qualified_kind(resource);
    let mut refused =
        Answer::failure(422, "Invalid", format!("{kind} {name:?} is invalid: {field}: Forbidden: {why}"))
            .about(resource, name);
    refused.body["details"]["kind"] = resource.kind.clone().into();
    let cause =
        json!({ "reason": "FieldValueForbidden", "message": format!("Forbidden: {why}"), "field": field });
    refused.body["details"]["causes"] = json!([cause, cause]);
    refused
}

pub fn too_old(oldest: u64, asked: u64) -> Refused {
    Answer::failure(410, "Expired", format!("too old resource version: {asked} ({oldest})"))
}

/// A page of a list whose revision is gone; `rest` is the token of what there is by now.
pub fn continue_expired(rest: &str) -> Refused {
    let message = "The provided continue parameter is too old to display a consistent list result. You can start a new \
        list without the continue parameter, or use the continue token in this response to retrieve the remainder of the \
        results. Continuing with the provided token results in an inconsistent list - objects that were created, \
        modified, or deleted between the time the first chunk was returned and now may show up in the list.";
    let mut refused = Answer::failure(410, "Expired", message);
    refused.body["metadata"]["continue"] = rest.into();
    refused
}
