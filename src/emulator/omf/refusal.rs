//! Why a request is refused, and the answer that says so: the documents' `ErrorResponseBody`.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::switches::ErrorBody;
use crate::emulator::switches::Answered;

/// A refusal. The sentences are made up: the documents name none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    error: String,
    reason: String,
    resolution: String,
    parameters: Vec<(&'static str, String)>,
    service: Service,
}

/// Who refuses: the two name one member differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Service {
    Connections,
    Identity,
}

impl Refusal {
    pub(super) fn new(
        status: StatusCode,
        error: impl Into<String>,
        reason: impl Into<String>,
        resolution: impl Into<String>,
    ) -> Self {
        Self {
            status,
            error: error.into(),
            reason: reason.into(),
            resolution: resolution.into(),
            parameters: Vec::new(),
            service: Service::Connections,
        }
    }

    /// 400 for a body that breaks a rule.
    pub(super) fn invalid(reason: impl Into<String>, resolution: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "The request is not valid.", reason, resolution)
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "Unauthorized.",
            "The request has no bearer token, or one that is unknown, expired or revoked.",
            "Get a token and send it as Authorization: Bearer.",
        )
    }

    pub(super) fn forbidden(reason: impl Into<String>) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "Forbidden.",
            reason,
            "Ask an administrator of the tenant for access.",
        )
    }

    /// 404 for something that is `what`, such as `namespace`.
    pub(super) fn not_found(what: &str, parameter: &'static str, id: &str) -> Self {
        let refusal = Self::new(
            StatusCode::NOT_FOUND,
            "The resource was not found.",
            format!("There is no {what} {id:?}."),
            "Check the identifiers in the path.",
        );
        refusal.with(parameter, id)
    }

    /// What the status alone says.
    pub(super) fn plain(status: StatusCode) -> Self {
        let reason = status.canonical_reason().unwrap_or("Error");
        Self::new(
            status,
            format!("{reason}."),
            "The service could not serve this request.",
            "Try again later.",
        )
    }

    /// With one of the `Parameters`.
    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.parameters.push((name, value.into()));
        self
    }

    /// As the identity service says it.
    pub(super) fn of_identity(self) -> Self {
        Self { service: Service::Identity, ..self }
    }

    /// The answer, as the switches say.
    pub(super) fn answer(&self, switches: &Answered, operation: &str) -> Response {
        let form = switches.choice::<ErrorBody>();
        let details = match (form, self.service) {
            (ErrorBody::Text, _) => {
                return (self.status, format!("{} {}", self.error, self.reason)).into_response();
            }
            (ErrorBody::Empty, _) => return self.status.into_response(),
            (ErrorBody::DynamicProperties, _) | (_, Service::Identity) => "DynamicProperties",
            _ => "Parameters",
        };
        let parameters = self.parameters.iter().map(|(name, value)| ((*name).to_owned(), json!(value)));
        let mut body = json!({
            "OperationId": operation,
            "Error": self.error,
            "Reason": self.reason,
            "Resolution": self.resolution,
            details: parameters.collect::<Map<_, _>>(),
        });
        if let (ErrorBody::Nulls, Value::Object(members)) = (form, &mut body) {
            members.values_mut().for_each(|member| *member = Value::Null);
        }
        (self.status, axum::Json(body)).into_response()
    }
}
