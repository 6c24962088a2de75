//! The vendors' APIs in one process, for tests, demonstrations and benchmarks: what is documented behaves as documented,
//! what no document answers is a switch, and everything can be made to fail on purpose.
//!
//! It must never share a type with [`crate::vendors`]: what both got wrong, no test would find. It never reads the machine's
//! clock except through [`Clock`], never sleeps except in tokio's time, and draws whatever it makes up from one seed, so
//! that a simulation can replay it. `docs/emulator.md` is its manual.
//!
//! Beside each vendor's folder lie the shared parts, which know no vendor: `exchange` (log, faults, then the vendor),
//! `control` (`/_emulator/…`), `switches`, `faults`, `requests`, `connections`, `clock`, `identifiers`, `history`,
//! `rate_limit`, `command`.

mod answers;
mod apono;
mod clock;
pub mod command;
mod connections;
mod control;
mod exchange;
mod faults;
mod history;
mod identifiers;
mod omf;
mod onomondo;
mod rate_limit;
mod redaction;
mod requests;
mod serve;
mod switches;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use serde_json::Value;
use tower::{Service, ServiceExt};

pub use clock::Clock;
pub use connections::{ConnectionCounts, Connections};
pub use exchange::ConnectionCut;
pub use faults::{Action, AfterHalf, Fault, FaultState, Faults, Matching};
pub use requests::{Entry, Filter, LoggedBody, Outcome, Requests};
pub use switches::{Answers, Switch, SwitchState, Switches};

use connections::{Asking, OpenConnection};
use exchange::Exchange;
use identifiers::Identifiers;

/// The Onomondo key that is valid where no other is given. It belongs to [`DEFAULT_ORGANISATION`].
pub const DEFAULT_API_KEY: &str = "emulator-key";
/// The Apono token that is valid where no other is given. It belongs to [`DEFAULT_ORGANISATION`].
pub const DEFAULT_APONO_TOKEN: &str = "emulator-token";
/// The OMF client that is valid where no other credential is given, as `ID:SECRET`.
pub const DEFAULT_OMF_CLIENT: &str = "emulator-client:emulator-secret";
/// The bearer token that is valid for ever beside [`DEFAULT_OMF_CLIENT`].
pub const DEFAULT_OMF_TOKEN: &str = "emulator-bearer-token";
/// What OMF's `default` organisation stands for, as `TENANT/NAMESPACE`: a tenant's id is a UUID there.
pub const DEFAULT_OMF_SCOPE: &str = "6a2b3c4d-0000-0000-0000-000000000001/production";
/// The organisation of the credentials that are valid where no other is given.
pub const DEFAULT_ORGANISATION: &str = "default";

/// How an emulator starts.
#[derive(Clone)]
pub struct Configuration {
    /// What identifiers are drawn from.
    pub seed: u64,
    /// Where dates come from.
    pub clock: Clock,
    /// Which credentials are valid; a vendor without any has its default one, of [`DEFAULT_ORGANISATION`].
    pub credentials: Vec<Credential>,
    /// Switches that are not at their default, with their answer.
    pub switches: Vec<(String, String)>,
    /// What `GET /_emulator/state` returned earlier; absent: organisations without connectors.
    pub state: Option<Value>,
    /// How many requests the log keeps.
    pub log_entries: usize,
}

impl Default for Configuration {
    fn default() -> Self {
        Self {
            seed: 0,
            clock: Clock::system(),
            credentials: Vec::new(),
            switches: Vec::new(),
            state: None,
            log_entries: 100_000,
        }
    }
}

/// A credential that a vendor accepts.
#[derive(Clone)]
pub struct Credential {
    /// The vendor's word, for example `onomondo`.
    pub vendor: String,
    /// What a client proves itself with, in the vendor's own form: an API key, a token.
    pub text: String,
    /// The organisation (account, tenant) that it belongs to.
    pub organisation: String,
}

/// Why an emulator does not start.
#[derive(Debug, thiserror::Error)]
pub enum ConfigurationError {
    /// A credential is for no vendor that there is.
    #[error("a credential names the vendor {0:?}; there are: {1}")]
    Credential(String, String),
    /// A switch or its answer is unknown; the text lists what there is.
    #[error("{0}")]
    Switch(String),
    /// The state is not one that an emulator could have written.
    #[error("the state cannot be used: {0}")]
    State(String),
}

/// The emulator. Cloning shares it.
#[derive(Clone)]
pub struct Emulator {
    exchange: Arc<Exchange>,
    control: Router,
}

/// What the vendors share.
#[derive(Clone)]
struct Context {
    clock: Clock,
    identifiers: Arc<Identifiers>,
    switches: Arc<Switches>,
    connections: Arc<Connections>,
}

/// One vendor, as the shared parts see it.
trait Vendor: Send + Sync {
    /// Its word in `/_emulator/<name>` and in the state.
    fn name(&self) -> &'static str;
    /// Whether a request for this path is for this vendor.
    fn owns(&self, path: &str) -> bool;
    /// The organisation (account, tenant) whose credential these headers carry.
    fn organisation_of(&self, headers: &HeaderMap) -> Option<String>;
    /// A request's body as an object, where requests for this path carry forms: only members that it knows, since any
    /// other could hold a secret.
    fn form(&self, _path: &str, _body: &[u8]) -> Option<Value> {
        None
    }
    /// Replaces every secret in a request body by `<set> sha256:…`.
    fn redact(&self, body: &mut Value);
    /// Its answer to a spent rate limit, with headers that say in how many seconds it is over, and `Retry-After`.
    fn rate_limited(&self, reset_seconds: Option<u32>, retry_after_seconds: Option<u32>) -> Response;
    /// A refusal with this status, in its own form, that is not about what was asked.
    fn refused(&self, status: StatusCode) -> Response {
        answers::error(status, status.canonical_reason().unwrap_or("error"))
    }
    /// Its API.
    fn api(&self) -> Router;
    /// Its part of the control API, below `/_emulator/<name>`.
    fn control(&self) -> Router;
    /// Its state, for [`Vendor::restore`].
    fn state(&self) -> Value;
    /// Replaces its state. The error says what is wrong with `state`, which then had no effect.
    fn restore(&self, state: &Value) -> Result<(), String>;
}

impl Emulator {
    /// Builds the emulator; nothing listens yet.
    pub fn new(configuration: Configuration) -> Result<Self, ConfigurationError> {
        let switches = Arc::new(Switches::new(known_switches()));
        let chosen = configuration.switches.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        switches.set_all(chosen).map_err(ConfigurationError::Switch)?;
        let identifiers = Arc::new(Identifiers::new(configuration.seed));
        let context =
            Context { clock: configuration.clock, identifiers, switches, connections: Arc::default() };
        let vendors = vendors(&context, &configuration.credentials);
        check_vendors(&configuration.credentials, &vendors)?;
        let exchange = Arc::new(Exchange {
            context,
            requests: Arc::new(Requests::new(configuration.log_entries)),
            faults: Arc::default(),
            vendors: vendors.into_iter().map(|vendor| (Arc::clone(&vendor), vendor.api())).collect(),
        });
        let control = control::router(&exchange);
        let emulator = Self { exchange, control };
        if let Some(state) = &configuration.state {
            emulator.restore(state).map_err(ConfigurationError::State)?;
        }
        Ok(emulator)
    }

    /// A connection that needs no socket: a service that answers what a socket would answer, the control API included.
    pub fn connect(&self) -> InProcess {
        InProcess { emulator: self.clone(), connection: Arc::new(self.exchange.context.connections.open()) }
    }

    /// The requests that the vendors saw.
    pub fn requests(&self) -> &Requests {
        &self.exchange.requests
    }

    /// The faults in force.
    pub fn faults(&self) -> &Faults {
        &self.exchange.faults
    }

    /// The switches.
    pub fn switches(&self) -> &Switches {
        &self.exchange.context.switches
    }

    /// All vendors' state, by vendor.
    pub fn state(&self) -> Value {
        self.exchange.state()
    }

    /// Replaces the state of each vendor that `state` names.
    pub fn restore(&self, state: &Value) -> Result<(), String> {
        self.exchange.restore(state)
    }

    async fn answer(&self, connection: u64, mut request: Request<Body>) -> Result<Response, ConnectionCut> {
        if control::owns(request.uri().path()) {
            request.extensions_mut().insert(Asking { connection });
            let answer = self.control.clone().oneshot(request).await;
            return Ok(answer.unwrap_or_else(|never| match never {}));
        }
        self.exchange.answer(connection, request).await
    }
}

/// Every vendor, with the credentials that it accepts.
fn vendors(context: &Context, credentials: &[Credential]) -> Vec<Arc<dyn Vendor>> {
    let of = |vendor: &str| {
        let its_own = credentials.iter().filter(|credential| credential.vendor == vendor);
        its_own.map(|credential| (credential.text.clone(), credential.organisation.clone())).collect()
    };
    vec![
        Arc::new(onomondo::Onomondo::new(context.clone(), of(onomondo::NAME))),
        Arc::new(apono::Apono::new(context.clone(), of(apono::NAME))),
        Arc::new(omf::Omf::new(context.clone(), of(omf::NAME))),
    ]
}

/// Refuses a credential of a vendor that there is not.
fn check_vendors(credentials: &[Credential], vendors: &[Arc<dyn Vendor>]) -> Result<(), ConfigurationError> {
    let names = vendors.iter().map(|vendor| vendor.name()).collect::<Vec<_>>();
    let stray = credentials.iter().find(|credential| !names.contains(&credential.vendor.as_str()));
    stray.map_or(Ok(()), |stray| Err(ConfigurationError::Credential(stray.vendor.clone(), names.join(", "))))
}

/// Every switch of every vendor.
fn known_switches() -> Vec<Switch> {
    [onomondo::switches(), apono::switches(), omf::switches()].concat()
}

/// One connection without a socket. Clones are the same connection. A cut connection is the error [`ConnectionCut`]; the
/// next request then counts as a new one on the same number.
#[derive(Clone)]
pub struct InProcess {
    emulator: Emulator,
    connection: Arc<OpenConnection>,
}

impl<B> Service<Request<B>> for InProcess
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<axum::BoxError>,
{
    type Response = Response;
    type Error = ConnectionCut;
    type Future = Pin<Box<dyn Future<Output = Result<Response, ConnectionCut>> + Send>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> Poll<Result<(), ConnectionCut>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let this = self.clone();
        Box::pin(
            async move { this.emulator.answer(this.connection.connection.id, request.map(Body::new)).await },
        )
    }
}
