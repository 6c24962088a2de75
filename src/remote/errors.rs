//! What can go wrong with a call to a vendor, and what follows from it.
//!
//! An error's text may reach a condition that many people read: it never carries a body, a URL or a header. What the
//! vendor says of itself comes only as a short code that the vendor's client has checked.

use http::StatusCode;
use std::time::Duration;
use thiserror::Error;

/// The failure of one call.
#[derive(Debug, Error, Clone)]
pub enum RemoteError {
    /// No whole answer within the deadline. A write may have been applied.
    #[error("the vendor did not answer within {}s", .0.as_secs())]
    Timeout(Duration),
    /// The connection failed before or while the answer came. A write may have been applied.
    #[error("the vendor could not be reached: {0}")]
    Unreachable(String),
    /// The request budget will not allow the call soon; nothing was sent.
    // How long still is not in the text: a condition must not move by itself.
    #[error("the account's request budget is spent")]
    BudgetSpent(Duration),
    /// A list is larger than the limit in bytes.
    #[error("the vendor's answer is larger than the limit of {0} bytes")]
    TooLarge(usize),
    /// A 2xx answer that is not what it should be: HTML from a gateway, half a body, a wrong shape, far too much.
    #[error("the vendor answered {status} with {what}")]
    Malformed {
        /// The HTTP status.
        status: StatusCode,
        /// What was wrong, in our words.
        what: String,
    },
    /// Any answer outside 2xx.
    #[error("the vendor answered {status}{}", in_brackets(code.as_deref(), reference.as_deref()))]
    Status {
        /// The HTTP status.
        status: StatusCode,
        /// The vendor's own short code, checked and shortened by the vendor's client.
        code: Option<String>,
        /// By what the vendor finds this answer again, checked likewise. Every answer has its own.
        reference: Option<String>,
        /// How long the vendor asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// No access token could be had; nothing was sent to the API.
    #[error("no access token could be had from the {from}: {cause}")]
    Token {
        /// What was asked for it.
        from: &'static str,
        /// What came of that.
        cause: Box<RemoteError>,
    },
    /// The administrator has not allowed what would have to be called, as the text says; nothing was sent there.
    #[error("{0}")]
    NotPermitted(String),
    /// The request could not be built; nothing was sent.
    #[error("the request could not be built: {0}")]
    Request(String),
}

/// What the caller does next. Never derived from a message's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// Passing fault: try again with back-off.
    Retry,
    /// The vendor or the budget names the time; the whole account waits.
    RetryAfter(Duration),
    /// The vendor refuses what is declared: wait for a change, planning again now and then.
    WaitForChange,
    /// The account cannot do this: credential or permission.
    Misconfigured,
}

/// What a 429 without a named time means.
pub(super) const DEFAULT_HOLD: Duration = Duration::from_mins(1);

/// What the vendor said, behind its status.
fn in_brackets(code: Option<&str>, reference: Option<&str>) -> String {
    let reference = reference.map(|reference| format!("operation {reference}"));
    let parts: Vec<&str> = code.into_iter().chain(reference.as_deref()).collect();
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join("; ")) }
}

impl RemoteError {
    /// The same with the vendor's reference.
    #[must_use]
    pub fn with_reference(mut self, told: Option<String>) -> Self {
        if let Self::Status { reference, .. } = &mut self {
            *reference = told;
        }
        self
    }

    /// The same as every such answer is: for a text that is written again and again and must not move by itself.
    #[must_use]
    pub fn without_reference(&self) -> Self {
        self.clone().with_reference(None)
    }

    /// The HTTP status, where there was one. A client that the token endpoint refuses counts as a 401, whichever status says so (RFC 6749 has
    /// 400 for most).
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Token { cause, .. } => cause.status().map(|status| match status.as_u16() {
                400 | 403 => StatusCode::UNAUTHORIZED,
                _ => status,
            }),
            Self::Status { status, .. } | Self::Malformed { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// What follows from this error.
    pub fn disposition(&self) -> Disposition {
        match self {
            Self::Timeout(_) | Self::Unreachable(_) | Self::Malformed { .. } => Disposition::Retry,
            Self::BudgetSpent(wait) => Disposition::RetryAfter(*wait),
            Self::Token { cause, .. } => match cause.disposition() {
                _ if self.status() == Some(StatusCode::UNAUTHORIZED) => Disposition::Misconfigured,
                // Nobody who waits for a token can change where it is fetched.
                Disposition::WaitForChange => Disposition::Retry,
                other => other,
            },
            Self::TooLarge(_) | Self::NotPermitted(_) => Disposition::Misconfigured,
            Self::Request(_) => Disposition::WaitForChange,
            Self::Status { status, retry_after, .. } => match status.as_u16() {
                429 => Disposition::RetryAfter(retry_after.unwrap_or(DEFAULT_HOLD)),
                401 | 403 | 407 => Disposition::Misconfigured,
                408 | 425 => Disposition::Retry,
                300..=499 => Disposition::WaitForChange,
                _ => retry_after.map_or(Disposition::Retry, Disposition::RetryAfter),
            },
        }
    }

    /// Whether a write that ended so may have been applied all the same. Such a write is a doubt: only a fresh list
    /// tells.
    pub fn may_have_applied(&self) -> bool {
        match self {
            Self::Timeout(_) | Self::Unreachable(_) | Self::TooLarge(_) | Self::Malformed { .. } => true,
            Self::Status { status, .. } => status.is_server_error() || *status == StatusCode::REQUEST_TIMEOUT,
            Self::BudgetSpent(_) | Self::Token { .. } | Self::NotPermitted(_) | Self::Request(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(code: u16, retry_after: Option<u64>) -> RemoteError {
        RemoteError::Status {
            status: StatusCode::from_u16(code).unwrap(),
            code: None,
            reference: None,
            retry_after: retry_after.map(Duration::from_secs),
        }
    }

    #[test]
    fn what_follows_from_each_status() {
        assert_eq!(status(429, Some(7)).disposition(), Disposition::RetryAfter(Duration::from_secs(7)));
        assert_eq!(status(429, None).disposition(), Disposition::RetryAfter(DEFAULT_HOLD));
        assert_eq!(status(503, Some(9)).disposition(), Disposition::RetryAfter(Duration::from_secs(9)));
        assert_eq!(status(500, None).disposition(), Disposition::Retry);
        assert_eq!(status(401, None).disposition(), Disposition::Misconfigured);
        assert_eq!(status(403, None).disposition(), Disposition::Misconfigured);
        assert_eq!(status(422, None).disposition(), Disposition::WaitForChange);
        assert_eq!(
            status(301, None).disposition(),
            Disposition::WaitForChange,
            "a redirect is never followed"
        );
    }

    #[test]
    fn what_follows_from_having_no_token() {
        let token = |cause| RemoteError::Token { from: "token endpoint", cause: Box::new(cause) };
        for refused in [400, 401, 403] {
            let error = token(status(refused, None));
            assert_eq!(error.status(), Some(StatusCode::UNAUTHORIZED), "{refused}");
            assert_eq!(error.disposition(), Disposition::Misconfigured, "{refused}");
        }
        assert_eq!(token(status(404, None)).disposition(), Disposition::Retry);
        assert_eq!(token(status(503, None)).disposition(), Disposition::Retry);
        assert_eq!(
            token(status(429, Some(7))).disposition(),
            Disposition::RetryAfter(Duration::from_secs(7))
        );
        assert!(!token(RemoteError::Timeout(Duration::from_secs(30))).may_have_applied());
    }

    #[test]
    fn what_the_vendor_said_is_in_the_text_with_its_reference() {
        let refused = status(400, None).with_reference(Some("4711".into()));
        assert_eq!(refused.to_string(), "the vendor answered 400 Bad Request (operation 4711)");
        assert_eq!(refused.without_reference().to_string(), "the vendor answered 400 Bad Request");
    }

    #[test]
    fn a_refusal_was_not_applied_but_a_broken_answer_may_have_been() {
        assert!(!status(400, None).may_have_applied());
        assert!(!status(409, None).may_have_applied());
        assert!(!status(429, None).may_have_applied());
        assert!(status(502, None).may_have_applied());
        assert!(RemoteError::Timeout(Duration::from_secs(30)).may_have_applied());
        assert!(!RemoteError::BudgetSpent(Duration::from_secs(30)).may_have_applied());
    }
}
