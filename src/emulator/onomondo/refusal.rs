//! Why a request is refused, and the answer that says so.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;

use super::switches::{ErrorBody, InvalidStatus};
use crate::emulator::switches::Answered;

/// A refusal. The codes are made up: the documents name none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) cause: Cause,
    /// `snake_case`, as the vendor's known codes are.
    pub(super) code: String,
    /// A sentence for people.
    pub(super) message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    Unauthorized,
    Forbidden,
    NotFound,
    Invalid,
    RateLimited,
    /// A status that a switch chose.
    Status(StatusCode),
}

impl Refusal {
    pub(super) fn new(cause: Cause, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { cause, code: code.into(), message: message.into() }
    }

    pub(super) fn invalid(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Cause::Invalid, code, message)
    }

    pub(super) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(Cause::Forbidden, "forbidden", message)
    }

    pub(super) fn not_found() -> Self {
        Self::new(Cause::NotFound, "not_found", "there is nothing of this name")
    }

    /// What the status alone says.
    pub(super) fn of_status(status: StatusCode) -> Self {
        Self::new(Cause::Status(status), generic(status), "the request could not be served")
    }

    /// The answer, as the switches say.
    pub(super) fn answer(&self, switches: &Answered) -> Response {
        let status = match self.cause {
            Cause::Unauthorized => StatusCode::UNAUTHORIZED,
            Cause::Forbidden => StatusCode::FORBIDDEN,
            Cause::NotFound => StatusCode::NOT_FOUND,
            Cause::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Cause::Status(status) => status,
            Cause::Invalid => match switches.choice() {
                InvalidStatus::BadRequest => StatusCode::BAD_REQUEST,
                InvalidStatus::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
            },
        };
        match switches.choice() {
            ErrorBody::Code => (status, axum::Json(json!({ "error": self.code }))).into_response(),
            ErrorBody::Generic => (status, axum::Json(json!({ "error": generic(status) }))).into_response(),
            ErrorBody::WithMessage => {
                (status, axum::Json(json!({ "error": self.code, "message": self.message }))).into_response()
            }
            ErrorBody::Text => (status, self.message.clone()).into_response(),
            ErrorBody::Empty => status.into_response(),
        }
    }
}

/// `Bad Request` as `bad_request`.
fn generic(status: StatusCode) -> String {
    status.canonical_reason().unwrap_or("error").to_lowercase().replace(' ', "_")
}
