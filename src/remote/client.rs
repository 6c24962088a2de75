//! One call to a vendor: budget, deadline, size limit, credential, and the vendor's rate headers.
//!
//! It never logs a body or a header, never follows a redirect, and never reads more than it was told to.

use super::answer::{ListAnswer, Opened, Response, open};
use super::authorization::{Authorization, Credential, Places};
use super::budget::SharedBudget;
use super::call::Call;
use super::errors::{DEFAULT_HOLD, RemoteError};
use super::rate::{asked_to_wait, window};
use super::token::TokenCache;
use super::transport::Transport;
use crate::spans;
use http::StatusCode;
use serde::de::DeserializeOwned;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use tracing::Instrument;
use url::Url;

/// Told of every finished call: operation, status (0 where there was none), time taken.
pub type Observer = Arc<dyn Fn(&'static str, u16, Duration) + Send + Sync>;

/// Judges whether a URL may be called: `what` names for a message what holds the URL. The error says what to write instead.
pub type Permits = Arc<dyn Fn(&str, &str) -> Result<Url, String> + Send + Sync>;

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
    /// Judges the URLs that are called beside the endpoint.
    pub permits: Permits,
    /// The access tokens of the process.
    pub tokens: TokenCache,
}

/// The HTTP side of one vendor account.
#[derive(Clone)]
pub struct Client {
    connection: Connection,
    budget: SharedBudget,
    request_timeout: Arc<AtomicU64>,
    authorization: Authorization,
    places: Places,
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Client")
            .field("endpoint", &self.connection.endpoint.as_str())
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A client that calls with `authorization`.
    pub fn new(connection: Connection, authorization: impl Into<Authorization>) -> Self {
        let mut authorization = authorization.into();
        if let Authorization::Fixed(header) = &mut authorization {
            header.set_sensitive(true);
        }
        Self {
            budget: SharedBudget::new(connection.requests_per_minute),
            connection,
            request_timeout: Arc::new(AtomicU64::new(30_000)),
            places: authorization.places(),
            authorization,
        }
    }

    /// Whether a text of the vendor's may tell of the credential that it was sent.
    pub fn repeats_credential(&self, text: &str) -> bool {
        self.authorization.is_repeated_in(text)
    }

    /// The account's budget.
    pub fn budget(&self) -> &SharedBudget {
        &self.budget
    }

    /// The deadline of one call, from its turn in the budget to the last byte of the answer, fetching a token included. It waits as long for its
    /// turn, or longer where the budget is small.
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
    /// No answer, too large an answer, or no budget. A 429, or a 5xx that names a wait, has held the account by the time that this returns.
    pub async fn send(&self, call: Call) -> Result<Response, RemoteError> {
        self.exchange(&call, |answer| answer.whole(call.answer_limit)).await
    }

    /// Sends one call and decodes the list that comes, row by row: in `member` where the answer is an object, as `items` in
    /// `{"items": […], "pagination": {…}}`; a bare list is always taken.
    ///
    /// # Errors
    /// As [`Client::send`], and [`RemoteError::Malformed`] for a 2xx answer that is not one whole list.
    pub async fn list<T: DeserializeOwned>(
        &self,
        call: Call,
        member: Option<&str>,
    ) -> Result<ListAnswer<T>, RemoteError> {
        self.list_more(call, member, 0).await
    }

    /// The same for one more part of a list that comes in parts, of which the earlier ones have [`Listed::taken`](super::Listed::taken) so much
    /// of the limit: it is one for all of them.
    ///
    /// # Errors
    /// As [`Client::list`].
    pub async fn list_more<T: DeserializeOwned>(
        &self,
        call: Call,
        member: Option<&str>,
        taken: usize,
    ) -> Result<ListAnswer<T>, RemoteError> {
        let limit = self.connection.list_limit;
        self.exchange(&call, |answer| answer.list(member, limit, taken)).await
    }

    /// One call; and once more with a new token, where the vendor refuses the one that was at hand.
    async fn exchange<A, F: Future<Output = Result<A, RemoteError>>>(
        &self,
        call: &Call,
        read: impl Fn(Opened) -> F,
    ) -> Result<A, RemoteError> {
        let patience = self.request_timeout();
        let turn = patience.max(self.budget.lock().round());
        self.budget.acquire(call.class, turn).await?;
        let deadline = Instant::now() + patience;
        let credential = self.authorization.credential(&self.connection, patience).await?;
        let (status, answer) = self.attempt(call, &credential, deadline, &read).await?;
        let Some(token) = credential.cached.filter(|_| status == StatusCode::UNAUTHORIZED) else {
            return Ok(answer);
        };
        self.authorization.refused(&token);
        self.budget.acquire(call.class, left(deadline)).await?;
        let credential = self.authorization.credential(&self.connection, left(deadline)).await?;
        Ok(self.attempt(call, &credential, deadline, &read).await?.1)
    }

    async fn attempt<A, F: Future<Output = Result<A, RemoteError>>>(
        &self,
        call: &Call,
        credential: &Credential,
        deadline: Instant,
        read: impl Fn(Opened) -> F,
    ) -> Result<(StatusCode, A), RemoteError> {
        let request = call.request(&self.connection.endpoint, &credential.header)?;
        let _place = self.places.take(deadline).await?;
        let started = Instant::now();
        let span = spans::vendor_call(call.operation, request.method(), request.uri().host());
        let exchange = async {
            let opened = open(&self.connection.transport, request).await?;
            self.observe_rate(&opened);
            let status = opened.status;
            Ok((status, read(opened).await?))
        };
        let result = timeout_at(deadline, exchange)
            .instrument(span.clone())
            .await
            .unwrap_or_else(|_| Err(RemoteError::Timeout(self.request_timeout())));
        let status = match &result {
            Ok((status, _)) => Some(*status),
            Err(error) => error.status(),
        };
        let status = status.map(|status| status.as_u16());
        spans::answer(&span, status);
        (self.connection.observer)(call.operation, status.unwrap_or(0), started.elapsed());
        result
    }

    /// Lets the vendor's own headers tighten the budget.
    fn observe_rate(&self, answer: &Opened) {
        let now = Instant::now();
        if let Some((remaining, reset_in)) = window(&answer.headers) {
            self.budget.lock().observe(remaining, reset_in, now);
        }
        let asked = asked_to_wait(answer.status, &answer.headers);
        let wait = match answer.status {
            StatusCode::TOO_MANY_REQUESTS => Some(asked.unwrap_or(DEFAULT_HOLD)),
            status if status.is_server_error() => asked,
            _ => None,
        };
        if let Some(wait) = wait {
            self.budget.lock().hold(wait, now);
        }
    }
}

fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}
