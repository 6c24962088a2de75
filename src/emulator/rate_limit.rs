//! A vendor's rate limit: so many requests a minute for each organisation, and what answers tell of it.
//!
//! Whether and how a vendor limits is its switches' matter; this module only counts and writes headers.

use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderValue};
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// The window of the rate limit.
const WINDOW: Duration = Duration::from_mins(1);

/// What an organisation has left of the minute.
#[derive(Debug, Default)]
pub(super) struct Budget {
    ends: Option<Instant>,
    used: u32,
}

/// What a request found of its organisation's budget.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowance {
    pub(super) limit: u32,
    pub(super) remaining: u32,
    /// Until the window ends.
    pub(super) resets_in: Duration,
    pub(super) spent: bool,
}

/// How an answer to a spent minute says when to come again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RetryAfterForm {
    Seconds,
    Date,
}

impl Budget {
    /// Takes one request out of the minute.
    pub(super) fn take(&mut self, limit: u32, now: Instant) -> Allowance {
        let ends = match self.ends {
            Some(ends) if now < ends => ends,
            _ => {
                self.used = 0;
                *self.ends.insert(now + WINDOW)
            }
        };
        let spent = self.used >= limit;
        self.used = limit.min(self.used.saturating_add(1));
        Allowance { limit, remaining: limit - self.used, resets_in: ends - now, spent }
    }
}

impl Allowance {
    /// A minute that is spent although nobody spent it: what a fault asks for.
    pub(super) fn made_up(limit: u32, reset_seconds: u32) -> Self {
        Self { limit, remaining: 0, resets_in: Duration::from_secs(reset_seconds.into()), spent: true }
    }

    /// Writes `x-ratelimit-limit`, `-remaining` and `-reset`.
    pub(super) fn write(&self, headers: &mut HeaderMap, now: Timestamp) {
        let reset = later(now, self.resets_in);
        // Rounded up: a client that waits for it finds a fresh minute.
        let reset = reset.as_second() + i64::from(reset.subsec_nanosecond() > 0);
        headers.insert("x-ratelimit-limit", HeaderValue::from(self.limit));
        headers.insert("x-ratelimit-remaining", HeaderValue::from(self.remaining));
        headers.insert("x-ratelimit-reset", HeaderValue::from(reset));
    }

    /// Writes `Retry-After`.
    pub(super) fn write_retry_after(&self, headers: &mut HeaderMap, form: RetryAfterForm, now: Timestamp) {
        let value = match form {
            RetryAfterForm::Seconds => HeaderValue::from(whole_seconds(self.resets_in)),
            RetryAfterForm::Date => http_date(later(now, self.resets_in)),
        };
        headers.insert(RETRY_AFTER, value);
    }
}

fn later(now: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by).ok().and_then(|by| now.saturating_add(by).ok()).unwrap_or(now)
}

fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

fn http_date(at: Timestamp) -> HeaderValue {
    let text = at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("0"))
}
