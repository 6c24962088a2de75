//! As whom a client calls: with a header that never changes, or with access tokens. And how many of its calls may be under way at once.

use super::client::Connection;
use super::errors::RemoteError;
use super::token::{Token, TokenSource};
use super::transport::IDLE_CONNECTIONS;
use http::HeaderValue;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

/// AVEVA Data Hub allows a client at most 24 connections at a time; no other vendor names a number.
const VENDORS_CONNECTIONS: usize = 24;
/// The most requests that are under way at once with one OAuth client or one fixed credential: each has a connection, and the transport keeps
/// some more that are idle.
pub(super) const MOST_AT_ONCE: usize = VENDORS_CONNECTIONS - IDLE_CONNECTIONS;

/// As whom a client calls.
#[derive(Clone)]
pub enum Authorization {
    /// With this `Authorization` header.
    Fixed(HeaderValue),
    /// With access tokens; see [`super::TokenCache::source`].
    Tokens(Arc<TokenSource>),
}

impl From<HeaderValue> for Authorization {
    fn from(header: HeaderValue) -> Self {
        Self::Fixed(header)
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Fixed(_) => "Fixed",
            Self::Tokens(_) => "Tokens",
        })
    }
}

/// What one call is sent with.
pub(super) struct Credential {
    pub(super) header: HeaderValue,
    /// The token, where it was at hand and not fetched for this call: then a 401 can mean that it was revoked.
    pub(super) cached: Option<Token>,
}

impl Authorization {
    /// The credential of one call.
    pub(super) async fn credential(
        &self,
        connection: &Connection,
        patience: Duration,
    ) -> Result<Credential, RemoteError> {
        match self {
            Self::Fixed(header) => Ok(Credential { header: header.clone(), cached: None }),
            Self::Tokens(source) => source.credential(connection, patience).await,
        }
    }

    /// Where its calls find their place.
    pub(super) fn places(&self) -> Places {
        match self {
            Self::Fixed(_) => Places::default(),
            Self::Tokens(source) => source.places().clone(),
        }
    }

    /// Whether a text of the vendor's may tell of what it was sent.
    pub(super) fn is_repeated_in(&self, text: &str) -> bool {
        match self {
            Self::Fixed(header) => header.to_str().is_ok_and(|header| overlaps(credential_of(header), text)),
            Self::Tokens(source) => source.is_repeated_in(text),
        }
    }

    /// Sees that a token that the vendor refused is not sent again.
    pub(super) fn refused(&self, token: &Token) {
        if let Self::Tokens(source) = self {
            source.forget(token);
        }
    }
}

/// What is secret of an `Authorization` header: not the scheme's name.
pub(super) fn credential_of(header: &str) -> &str {
    header.split_once(' ').map_or(header, |(_, credential)| credential)
}

/// Whether a text may tell of a secret: one holds eight characters or more of the other.
pub fn overlaps(secret: &str, text: &str) -> bool {
    const TELLING: usize = 8;
    text.len() >= TELLING
        && (0..=text.len() - TELLING)
            .any(|at| text.get(at..at + TELLING).is_some_and(|part| secret.contains(part)))
}

/// The places for calls that are under way.
#[derive(Debug, Clone)]
pub(super) struct Places(Arc<Semaphore>);

impl Default for Places {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MOST_AT_ONCE)))
    }
}

impl Places {
    /// Waits for a place; it is free again when what is returned is dropped.
    ///
    /// # Errors
    /// [`RemoteError::BudgetSpent`] where none is free by the deadline; nothing was sent.
    pub(super) async fn take(&self, deadline: Instant) -> Result<OwnedSemaphorePermit, RemoteError> {
        let began = Instant::now();
        let place = timeout_at(deadline, self.0.clone().acquire_owned()).await;
        // It is never closed, so that the only error is the deadline's.
        place.ok().and_then(Result::ok).ok_or_else(|| RemoteError::BudgetSpent(began.elapsed()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_repeats_part_of_a_secret_is_noticed() {
        assert!(overlaps("HostName=hub;SharedAccessKey=abcdefgh12345678", "bad_abcdefgh1"));
        assert!(!overlaps("HostName=hub;SharedAccessKey=abcdefgh12345678", "name_already_taken"));
        let bearer = Authorization::from(HeaderValue::from_static("Bearer abcdefgh12345678"));
        assert!(bearer.is_repeated_in("no such token: efgh1234"));
        assert!(!bearer.is_repeated_in("Bearer authorization is not enough"), "the scheme is no secret");
    }
}
