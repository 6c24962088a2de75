//! One call to a vendor: budget, deadline, size limit, credential, and the vendor's rate headers.
//!
//! It never logs a body or a header, never follows a redirect, and never reads more than it was told to.

use super::budget::{Class, SharedBudget};
use super::errors::RemoteError;
use super::transport::Transport;
use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_body_util::BodyExt;
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::{Instant, timeout};
use tower::ServiceExt;
use url::Url;

/// Told of every finished call: operation, status (0 where there was none), time taken.
pub type Observer = Arc<dyn Fn(&'static str, u16, Duration) + Send + Sync>;

/// What a client is made of, before it has a credential.
#[derive(Clone)]
pub struct Connection {
    /// The way to the vendor.
    pub transport: Transport,
    /// The vendor's base URL.
    pub endpoint: Url,
    /// The most bytes that a list may have.
    pub list_limit: usize,
    /// The budget to begin with.
    pub requests_per_minute: u32,
    /// Told of every finished call.
    pub observer: Observer,
}

/// The HTTP side of one vendor account.
#[derive(Clone)]
pub struct Client {
    connection: Connection,
    budget: SharedBudget,
    request_timeout: Arc<AtomicU64>,
    authorization: HeaderValue,
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Client")
            .field("endpoint", &self.connection.endpoint.as_str())
            .finish_non_exhaustive()
    }
}

/// One request, before it has a credential.
pub struct Call {
    operation: &'static str,
    class: Class,
    method: Method,
    path: Vec<String>,
    query: Vec<(&'static str, String)>,
    body: Option<Bytes>,
    limit: Option<usize>,
}

/// The most bytes of an answer that is no list.
const ANSWER_LIMIT: usize = 1024 * 1024;
/// Everything but the unreserved characters of RFC 3986.
const PATH_SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

impl Call {
    /// A request without a body. `operation` names it in metrics.
    pub fn new(operation: &'static str, class: Class, method: Method, path: &[&str]) -> Self {
        Self {
            operation,
            class,
            method,
            path: path.iter().map(ToString::to_string).collect(),
            query: Vec::new(),
            body: None,
            limit: Some(ANSWER_LIMIT),
        }
    }

    /// A list: its answer may be as large as the account's limit.
    pub fn list(operation: &'static str, path: &[&str]) -> Self {
        Self { limit: None, ..Self::new(operation, Class::Read, Method::GET, path) }
    }

    /// Adds a query parameter.
    #[must_use]
    pub fn query(mut self, name: &'static str, value: &str) -> Self {
        self.query.push((name, value.to_owned()));
        self
    }

    /// Adds a JSON body.
    ///
    /// # Errors
    /// [`RemoteError::Request`] where `body` is no JSON; its text never shows a value.
    pub fn json(mut self, body: &impl Serialize) -> Result<Self, RemoteError> {
        let bytes =
            serde_json::to_vec(body).map_err(|_| RemoteError::Request("its body is no JSON".into()))?;
        self.body = Some(bytes.into());
        Ok(self)
    }
}

/// A whole answer.
pub struct Response {
    /// The HTTP status.
    pub status: StatusCode,
    content_type: Option<String>,
    retry_after: Option<Duration>,
    body: Bytes,
}

impl Response {
    /// Decodes a 2xx JSON answer.
    ///
    /// # Errors
    /// [`RemoteError::Malformed`] for anything else than the JSON of a `T`. The text names line and column, never a value.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, RemoteError> {
        let malformed = |what: String| RemoteError::Malformed { status: self.status, what };
        // The vendor's own words stay out: a header can repeat what it was sent.
        match self.content_type.as_deref() {
            Some(kind) if kind.contains("json") => {}
            Some(kind) if kind.starts_with("text/html") => {
                return Err(malformed("an HTML page where JSON was expected".into()));
            }
            Some(_) => return Err(malformed("something else where JSON was expected".into())),
            None => {}
        }
        serde_json::from_slice(&self.body).map_err(|error| {
            malformed(format!(
                "JSON that is cut or of another shape (line {}, column {})",
                error.line(),
                error.column()
            ))
        })
    }

    /// The answer as it is, for a vendor's own error format. Never to be logged or shown.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The error that a non-2xx answer is, with the vendor's checked code.
    pub fn into_error(self, code: Option<String>) -> RemoteError {
        RemoteError::Status { status: self.status, code, retry_after: self.retry_after }
    }
}

impl Client {
    /// A client that sends `authorization` with every call.
    pub fn new(connection: Connection, mut authorization: HeaderValue) -> Self {
        authorization.set_sensitive(true);
        let budget = SharedBudget::new(connection.requests_per_minute);
        Self { connection, budget, request_timeout: Arc::new(AtomicU64::new(30_000)), authorization }
    }

    /// The account's budget.
    pub fn budget(&self) -> &SharedBudget {
        &self.budget
    }

    /// The deadline of one call, from its turn in the budget to the last byte of the answer.
    pub fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.request_timeout.load(Ordering::Relaxed))
    }

    /// Sets the deadline of the calls to come.
    pub fn set_request_timeout(&self, timeout: Duration) {
        self.request_timeout.store(u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Sends one call and reads the whole answer, whatever its status.
    ///
    /// # Errors
    /// No answer, too large an answer, or no budget. A 429 has held the account by the time that this returns.
    pub async fn send(&self, call: Call) -> Result<Response, RemoteError> {
        let request_timeout = self.request_timeout();
        self.budget.acquire(call.class, request_timeout).await?;
        let started = Instant::now();
        let operation = call.operation;
        let result = timeout(request_timeout, self.exchange(call))
            .await
            .unwrap_or(Err(RemoteError::Timeout(request_timeout)));
        let status = match &result {
            Ok(response) => response.status.as_u16(),
            Err(_) => 0,
        };
        (self.connection.observer)(operation, status, started.elapsed());
        result
    }

    async fn exchange(&self, call: Call) -> Result<Response, RemoteError> {
        let limit = call.limit.unwrap_or(self.connection.list_limit);
        let request = self.request(call)?;
        let answer =
            self.connection.transport.clone().oneshot(request).await.map_err(|error| unreachable(&*error))?;
        let (parts, body) = answer.into_parts();
        self.observe_rate(parts.status, &parts.headers);
        let body = read(body, limit).await?;
        Ok(Response {
            status: parts.status,
            content_type: text(&parts.headers, CONTENT_TYPE.as_str()).map(str::to_ascii_lowercase),
            retry_after: asked_to_wait(parts.status, &parts.headers),
            body,
        })
    }

    fn request(&self, call: Call) -> Result<http::Request<Bytes>, RemoteError> {
        let mut url = self.connection.endpoint.as_str().trim_end_matches('/').to_owned();
        for segment in &call.path {
            url.push('/');
            url.extend(utf8_percent_encode(segment, PATH_SEGMENT));
        }
        for (index, (name, value)) in call.query.iter().enumerate() {
            url.push(if index == 0 { '?' } else { '&' });
            url.extend(utf8_percent_encode(name, PATH_SEGMENT));
            url.push('=');
            url.extend(utf8_percent_encode(value, PATH_SEGMENT));
        }
        let mut request = http::Request::builder()
            .method(call.method)
            .uri(url)
            .header(ACCEPT, "application/json")
            .header(AUTHORIZATION, self.authorization.clone());
        if call.body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        request
            .body(call.body.unwrap_or_default())
            .map_err(|_| RemoteError::Request("its URL or headers are not valid".into()))
    }

    /// Lets the vendor's own headers tighten the budget: `x-ratelimit-*` (the reset in epoch seconds) and `Retry-After`.
    fn observe_rate(&self, status: StatusCode, headers: &HeaderMap) {
        let now = Instant::now();
        let reset_in = reset_in(headers);
        let remaining = number(headers, "x-ratelimit-remaining").and_then(|left| u32::try_from(left).ok());
        if let (Some(remaining), Some(reset_in)) = (remaining, reset_in) {
            self.budget.lock().observe(remaining, reset_in, now);
        }
        if status == StatusCode::TOO_MANY_REQUESTS {
            let wait = asked_to_wait(status, headers).unwrap_or(Duration::from_mins(1));
            self.budget.lock().hold(wait, now);
        }
    }
}

async fn read(mut body: super::TransportBody, limit: usize) -> Result<Bytes, RemoteError> {
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| unreachable(&*error))?;
        if let Ok(data) = frame.into_data() {
            if whole.len() + data.len() > limit {
                return Err(RemoteError::TooLarge(limit));
            }
            whole.extend_from_slice(&data);
        }
    }
    Ok(whole.freeze())
}

/// The cause at the bottom, in the network library's words; those hold no URL (the transport takes it out).
fn unreachable(error: &(dyn std::error::Error + 'static)) -> RemoteError {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    RemoteError::Unreachable(cause.to_string().chars().filter(|c| !c.is_control()).take(200).collect())
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn number(headers: &HeaderMap, name: &str) -> Option<i64> {
    text(headers, name)?.trim().parse().ok()
}

/// `Retry-After` in seconds or as an HTTP date; what is neither asks for a minute.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = text(headers, RETRY_AFTER.as_str())?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = rfc2822::DateTimeParser::new().parse_timestamp(value).ok();
    Some(date.map_or(Duration::from_mins(1), |date| until_epoch(date.as_second())))
}

/// How long the vendor asks to be left alone: in a 429 without `Retry-After`, until its window ends.
fn asked_to_wait(status: StatusCode, headers: &HeaderMap) -> Option<Duration> {
    let window = || reset_in(headers).filter(|_| status == StatusCode::TOO_MANY_REQUESTS);
    retry_after(headers).or_else(window)
}

fn reset_in(headers: &HeaderMap) -> Option<Duration> {
    number(headers, "x-ratelimit-reset").map(until_epoch)
}

fn until_epoch(seconds: i64) -> Duration {
    Duration::from_secs(u64::try_from(seconds.saturating_sub(Timestamp::now().as_second())).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(value: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, value.parse().expect("a header value"));
        retry_after(&headers)
    }

    #[test]
    fn retry_after_is_read_in_seconds_and_as_a_date() {
        assert_eq!(asked("7"), Some(Duration::from_secs(7)));
        assert_eq!(asked("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO), "a moment that is over");
        assert!(asked("Fri, 01 Jan 2100 00:00:00 GMT").expect("a wait") > Duration::from_hours(24));
        assert_eq!(asked("soon"), Some(Duration::from_mins(1)));
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }
}
