//! AVEVA Data Hub's OMF connections, from its published page, and the identity service that their clients get tokens from.

mod connections;
mod document;
mod draft;
mod editing;
mod gate;
mod identity;
mod refusal;
mod reply;
mod route;
mod state;
mod store;
mod switches;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::Response;
use http::header::RETRY_AFTER;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::Value;

use super::connections::Asking;
use super::faults::Distortion;
use super::redaction::redact;
use super::switches::{Answered, Switch};
use super::{Context, Vendor};
use connections::Asked;
use refusal::Refusal;
use route::Place;
use state::DataHub;

/// The vendor's word.
pub(super) const NAME: &str = "omf";

/// Every switch of this vendor.
pub(super) fn switches() -> Vec<Switch> {
    switches::all()
}

/// The vendor. Cloning shares it.
#[derive(Clone)]
pub(super) struct Omf {
    context: Context,
    state: Arc<Mutex<DataHub>>,
}

impl Omf {
    pub(super) fn new(context: Context, credentials: Vec<(String, String)>) -> Self {
        Self { context, state: Arc::new(Mutex::new(DataHub::new(credentials))) }
    }

    fn lock(&self) -> MutexGuard<'_, DataHub> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn switches(&self) -> Answered {
        self.context.switches.answered()
    }

    fn answer(&self, head: &Parts, body: &[u8], switches: &Answered) -> Result<Response, Refusal> {
        let place = Place::of(head.uri.path()).unwrap_or(Place::ElsewhereInTenants);
        match &place {
            Place::Discovery => {
                return identity::discovery(self, &head.method, &head.uri, &head.headers)
                    .map_err(Refusal::of_identity);
            }
            Place::Token => {
                return identity::token(self, &head.method, &head.headers, body, switches)
                    .map_err(Refusal::of_identity);
            }
            Place::ElsewhereInIdentity => {
                return Err(Refusal::not_found("page", "Path", head.uri.path()).of_identity());
            }
            _ => {}
        }
        let caller = self.admitted(head, switches)?;
        let asked = |scope| Asked {
            omf: self,
            switches,
            caller: &caller,
            scope,
            headers: &head.headers,
            body,
            distortion: head.extensions.get::<Distortion>(),
        };
        match &place {
            Place::Connections(scope) => asked(scope).of_all(&head.method),
            Place::Connection(scope, id) => asked(scope).of_one(&head.method, id),
            _ => Err(Refusal::not_found("page", "Path", head.uri.path())),
        }
    }

    fn admitted(&self, head: &Parts, switches: &Answered) -> Result<gate::Caller, Refusal> {
        let mut hub = self.lock();
        let caller = gate::caller(&head.headers, &hub)?;
        if let Some(asking) = head.extensions.get::<Asking>() {
            let still_open = |open: &mut _| self.context.connections.keep_open(open);
            caller.come_in(asking.connection, &mut hub, still_open, switches)?;
        }
        Ok(caller)
    }

    /// The refusal as an answer of its own operation.
    fn refuse(&self, refusal: &Refusal) -> Response {
        let operation = self.context.identifiers.uuid();
        of_operation(refusal.answer(&self.switches(), &operation), &operation)
    }
}

impl Vendor for Omf {
    fn name(&self) -> &'static str {
        NAME
    }

    fn owns(&self, path: &str) -> bool {
        Place::of(path).is_some()
    }

    fn organisation_of(&self, headers: &HeaderMap) -> Option<String> {
        gate::token_of(headers, &self.lock()).map(|token| token.tenant.clone())
    }

    fn form(&self, path: &str, body: &[u8]) -> Option<Value> {
        (Place::of(path) == Some(Place::Token)).then(|| Value::Object(identity::form(body)))
    }

    fn redact(&self, body: &mut Value) {
        if let Some(secret) = body.get_mut("client_secret") {
            redact(secret);
        }
    }

    /// No document knows a rate limit here, so there are no headers that could tell of it.
    fn rate_limited(&self, _: Option<u32>, retry_after_seconds: Option<u32>) -> Response {
        let mut answer = self.refused(StatusCode::TOO_MANY_REQUESTS);
        if let Some(seconds) = retry_after_seconds {
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        answer
    }

    fn refused(&self, status: StatusCode) -> Response {
        self.refuse(&Refusal::plain(status))
    }

    fn api(&self) -> Router {
        // The exchange has limited the body already.
        Router::new().fallback(serve).layer(DefaultBodyLimit::disable()).with_state(self.clone())
    }

    fn control(&self) -> Router {
        editing::router(self)
    }

    fn state(&self) -> Value {
        document::state(&self.lock())
    }

    fn restore(&self, state: &Value) -> Result<(), String> {
        let restored = document::restored(self, state)?;
        *self.lock() = restored;
        Ok(())
    }
}

async fn serve(State(omf): State<Omf>, head: Parts, body: Bytes) -> Response {
    let switches = omf.switches();
    match omf.answer(&head, &body, &switches) {
        Ok(answer) => of_operation(answer, &omf.context.identifiers.uuid()),
        Err(refusal) => omf.refuse(&refusal),
    }
}

/// The answer with the id of its operation, which the vendor's clients look for in the headers.
fn of_operation(mut answer: Response, operation: &str) -> Response {
    if let Ok(operation) = HeaderValue::try_from(operation) {
        answer.headers_mut().insert("operation-id", operation);
    }
    answer
}
