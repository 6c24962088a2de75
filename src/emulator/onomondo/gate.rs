//! What every request passes first: the key, then the organisation's minute.

use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::{AUTHORIZATION, RETRY_AFTER};
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use tokio::time::Instant;

use super::Onomondo;
use super::refusal::{Cause, Refusal};
use super::state::{Key, Onomondos};
use super::switches::{AuthorizationScheme, REQUESTS_PER_MINUTE, RateLimitHeaders, RetryAfter};
use crate::emulator::rate_limit::{Allowance, RetryAfterForm};
use crate::emulator::switches::Answered;

/// Who asks: the key that the gate admitted.
#[derive(Clone)]
pub(super) struct Caller(pub(super) Key);

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = http::StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        parts.extensions.get::<Self>().cloned().ok_or(http::StatusCode::UNAUTHORIZED)
    }
}

impl Caller {
    /// Refuses a key that may only read.
    pub(super) fn may_write(&self) -> Result<(), Refusal> {
        if self.0.read_only { Err(Refusal::forbidden("this key may only read")) } else { Ok(()) }
    }
}

/// The key in these headers, where it is one that exists.
pub(super) fn key_of<'a>(headers: &HeaderMap, switches: &Answered, state: &'a Onomondos) -> Option<&'a Key> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let bearer = value.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let key = match (switches.choice(), bearer) {
        (AuthorizationScheme::Bare | AuthorizationScheme::Both, None) => value,
        (AuthorizationScheme::Bearer | AuthorizationScheme::Both, Some((_, key))) => key,
        _ => return None,
    };
    state.keys.iter().find(|known| known.text == key)
}

/// Lets a request with a known key pass while its organisation has requests left.
pub(super) async fn admit(State(onomondo): State<Onomondo>, mut request: Request, next: Next) -> Response {
    let switches = onomondo.switches();
    let admitted = take(&onomondo, &switches, request.headers());
    let Some((caller, allowance)) = admitted else {
        let refusal = Refusal::new(Cause::Unauthorized, "unauthorized", "this API key is unknown");
        return refusal.answer(&switches);
    };
    let mut answer = if allowance.is_some_and(|allowance| allowance.spent) {
        Refusal::new(Cause::RateLimited, "rate_limit_exceeded", "the organisation's minute is spent")
            .answer(&switches)
    } else {
        request.extensions_mut().insert(caller);
        next.run(request).await
    };
    if let Some(allowance) = allowance {
        let now = onomondo.context.clock.now();
        add_headers(answer.headers_mut(), &allowance, now, &switches);
    }
    answer
}

/// The caller, and what is left of its minute where there is a limit.
fn take(
    onomondo: &Onomondo,
    switches: &Answered,
    headers: &HeaderMap,
) -> Option<(Caller, Option<Allowance>)> {
    let limit = switches.whole_number(&REQUESTS_PER_MINUTE);
    let mut state = onomondo.lock();
    let key = key_of(headers, switches, &state)?.clone();
    let organisation = state.organisation(&key.organisation);
    let allowance = (limit > 0).then(|| organisation.budget.take(limit, Instant::now()));
    Some((Caller(key), allowance))
}

fn add_headers(headers: &mut HeaderMap, allowance: &Allowance, now: Timestamp, switches: &Answered) {
    let shown = match switches.choice() {
        RateLimitHeaders::Present => true,
        RateLimitHeaders::WhenSpent => allowance.spent,
        RateLimitHeaders::Absent => false,
    };
    if shown {
        allowance.write(headers, now);
    }
    if allowance.spent {
        let form = match switches.choice() {
            RetryAfter::Absent => return,
            RetryAfter::Seconds => RetryAfterForm::Seconds,
            RetryAfter::Date => RetryAfterForm::Date,
        };
        allowance.write_retry_after(headers, form, now);
    }
}

/// The answer to a spent minute though it is not: what a fault asks for.
pub(super) fn made_up_rate_limit(
    onomondo: &Onomondo,
    reset_seconds: Option<u32>,
    retry_after_seconds: Option<u32>,
) -> Response {
    let switches = onomondo.switches();
    let refusal =
        Refusal::new(Cause::RateLimited, "rate_limit_exceeded", "the organisation's minute is spent");
    let mut answer = refusal.answer(&switches);
    if let Some(seconds) = reset_seconds {
        let allowance = Allowance::made_up(switches.whole_number(&REQUESTS_PER_MINUTE), seconds);
        allowance.write(answer.headers_mut(), onomondo.context.clock.now());
    }
    if let Some(seconds) = retry_after_seconds {
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    answer
}
