//! Why a request is refused, and the answer that says so.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;

use super::switches::{ErrorBody, InvalidStatus, NotFoundBody};
use crate::emulator::switches::Answered;

/// A refusal. Only the answers to 401 and 404 are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// None: the status of an invalid request, which a switch says.
    status: Option<StatusCode>,
    /// A sentence for people.
    message: String,
}

/// The known 401 is `{"status":"401","code":"Unauthorized"}`.
#[derive(Serialize)]
struct Body<'a> {
    status: &'a str,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status: Some(status), message: message.into() }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self { status: None, message: message.into() }
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "this token is unknown")
    }

    pub(super) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, message)
    }

    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "there is nothing here")
    }

    /// The answer, as the switches say.
    pub(super) fn answer(&self, switches: &Answered) -> Response {
        let status = self.status.unwrap_or_else(|| match switches.choice() {
            InvalidStatus::BadRequest => StatusCode::BAD_REQUEST,
            InvalidStatus::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
        });
        let form = match status {
            StatusCode::UNAUTHORIZED => ErrorBody::Code,
            StatusCode::NOT_FOUND => match switches.choice() {
                NotFoundBody::Empty => ErrorBody::Empty,
                NotFoundBody::Code => ErrorBody::Code,
            },
            _ => switches.choice(),
        };
        let code = status.canonical_reason().unwrap_or("Error").replace(' ', "");
        let body = |message| Json(Body { status: status.as_str(), code: &code, message }).into_response();
        let mut answer = match form {
            ErrorBody::Code => body(None),
            ErrorBody::WithMessage => body(Some(&self.message)),
            ErrorBody::Text => self.message.clone().into_response(),
            ErrorBody::Empty => Response::default(),
        };
        *answer.status_mut() = status;
        answer
    }
}
