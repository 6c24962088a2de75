//! What every request passes first: the token, the organisation's minute, and whether its version of the API is to be had.

use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::{AUTHORIZATION, RETRY_AFTER};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use jiff::Timestamp;
use tokio::time::Instant;

use super::Apono;
use super::refusal::Refusal;
use super::state::{Aponos, Token};
use super::switches::{REQUESTS_PER_MINUTE, RateLimitHeaders, RetryAfter, VersionThree, VersionTwo};
use crate::emulator::rate_limit::{Allowance, RetryAfterForm};
use crate::emulator::switches::Answered;

/// What a fault's rate limit says that the limit is, where there is none.
const MADE_UP_LIMIT: u32 = 600;

/// Who asks: the token that the gate admitted.
#[derive(Clone)]
pub(super) struct Caller(pub(super) Token);

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        parts.extensions.get::<Self>().cloned().ok_or(StatusCode::UNAUTHORIZED)
    }
}

impl Caller {
    /// Refuses a token that may only read.
    pub(super) fn may_write(&self) -> Result<(), Refusal> {
        if self.0.read_only { Err(Refusal::forbidden("this token may only read")) } else { Ok(()) }
    }
}

/// The token in these headers, where it is one that exists.
pub(super) fn token_of<'a>(headers: &HeaderMap, state: &'a Aponos) -> Option<&'a Token> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (_, text) = value.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))?;
    state.tokens.iter().find(|known| known.text == text)
}

/// Lets a request with a known token pass while its organisation has requests left.
pub(super) async fn admit(State(apono): State<Apono>, mut request: Request, next: Next) -> Response {
    let switches = apono.switches();
    let Some((caller, allowance)) = take(&apono, &switches, request.headers()) else {
        return Refusal::unauthorized().answer(&switches);
    };
    let mut answer = if allowance.is_some_and(|allowance| allowance.spent) {
        spent().answer(&switches)
    } else if let Err(refusal) = is_to_be_had(request.uri().path(), &switches) {
        refusal.answer(&switches)
    } else {
        request.extensions_mut().insert(caller);
        next.run(request).await
    };
    if let Some(allowance) = allowance {
        add_headers(answer.headers_mut(), &allowance, apono.context.clock.now(), &switches);
    }
    answer
}

/// The caller, and what is left of its minute where there is a limit.
fn take(apono: &Apono, switches: &Answered, headers: &HeaderMap) -> Option<(Caller, Option<Allowance>)> {
    let limit = switches.whole_number(&REQUESTS_PER_MINUTE);
    let mut state = apono.lock();
    let token = token_of(headers, &state)?.clone();
    let organisation = state.organisation(&token.organisation);
    let allowance = (limit > 0).then(|| organisation.budget.take(limit, Instant::now()));
    Some((Caller(token), allowance))
}

fn is_to_be_had(path: &str, switches: &Answered) -> Result<(), Refusal> {
    if path.starts_with("/api/admin/v3/") {
        return match switches.choice() {
            VersionThree::Served => Ok(()),
            VersionThree::NotFound => Err(Refusal::not_found()),
            VersionThree::Forbidden => Err(Refusal::forbidden("this token may not use version 3")),
        };
    }
    if path.starts_with("/api/v2/") && switches.choice::<VersionTwo>() == VersionTwo::NotFound {
        return Err(Refusal::not_found());
    }
    Ok(())
}

fn spent() -> Refusal {
    Refusal::new(StatusCode::TOO_MANY_REQUESTS, "the organisation's minute is spent")
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
    apono: &Apono,
    reset_seconds: Option<u32>,
    retry_after_seconds: Option<u32>,
) -> Response {
    let switches = apono.switches();
    let mut answer = spent().answer(&switches);
    if let Some(seconds) = reset_seconds {
        let limit = switches.whole_number(&REQUESTS_PER_MINUTE);
        let allowance = Allowance::made_up(if limit > 0 { limit } else { MADE_UP_LIMIT }, seconds);
        allowance.write(answer.headers_mut(), apono.context.clock.now());
    }
    if let Some(seconds) = retry_after_seconds {
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    answer
}
