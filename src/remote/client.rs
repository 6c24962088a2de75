//! One call to a vendor: budget, deadline, size limit, credential, and the vendor's rate headers.
//!
//! It never logs a body or a header, never follows a redirect, and never reads more than it was told to.

use super::answer::{ListAnswer, Opened, Response, open};
use super::budget::SharedBudget;
use super::call::Call;
use super::errors::RemoteError;
use super::rate::{asked_to_wait, window};
use super::transport::Transport;
use http::{HeaderValue, StatusCode};
use serde::de::DeserializeOwned;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::{Instant, timeout};
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
        self.exchange(&call, Opened::whole).await
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
        let limit = self.connection.list_limit;
        self.exchange(&call, |answer| answer.list(member, limit)).await
    }

    async fn exchange<A, F: Future<Output = Result<A, RemoteError>>>(
        &self,
        call: &Call,
        read: impl FnOnce(Opened) -> F,
    ) -> Result<A, RemoteError> {
        let request_timeout = self.request_timeout();
        self.budget.acquire(call.class, request_timeout).await?;
        let started = Instant::now();
        let mut status = 0;
        let exchange = async {
            let request = call.request(&self.connection.endpoint, &self.authorization)?;
            let answer = open(&self.connection.transport, request).await?;
            self.observe_rate(&answer);
            let answered = answer.status.as_u16();
            let read = read(answer).await?;
            status = answered;
            Ok(read)
        };
        let result =
            timeout(request_timeout, exchange).await.unwrap_or(Err(RemoteError::Timeout(request_timeout)));
        if let Some(malformed) = result.as_ref().err().and_then(RemoteError::status) {
            status = malformed.as_u16();
        }
        (self.connection.observer)(call.operation, status, started.elapsed());
        result
    }

    /// Lets the vendor's own headers tighten the budget.
    fn observe_rate(&self, answer: &Opened) {
        let now = Instant::now();
        if let Some((remaining, reset_in)) = window(&answer.headers) {
            self.budget.lock().observe(remaining, reset_in, now);
        }
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            let wait = asked_to_wait(answer.status, &answer.headers).unwrap_or(Duration::from_mins(1));
            self.budget.lock().hold(wait, now);
        }
    }
}
