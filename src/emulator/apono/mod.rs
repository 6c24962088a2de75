//! Apono's API, from its published specification: `/api/admin/v3/connectors`, `/api/v2/connectors` and
//! `/api/admin/v4/integrations`; and the agents that register connectors there.

mod agents;
mod connectors;
mod document;
mod editing;
mod gate;
mod integrations;
mod pages;
mod refusal;
mod reply;
mod state;
mod store;
mod switches;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use tokio::time::Instant;

use super::switches::{Answered, Switch};
use super::{Context, Vendor};
use agents::Moment;
use refusal::Refusal;
use state::{Aponos, Organisation};
use switches::UnknownMethod;

/// The vendor's word in the control API, the state and the command line.
pub(super) const NAME: &str = "apono";

/// Every switch of this vendor.
pub(super) fn switches() -> Vec<Switch> {
    switches::all()
}

/// The vendor. Cloning shares it.
#[derive(Clone)]
pub(super) struct Apono {
    context: Context,
    state: Arc<Mutex<Aponos>>,
}

impl Apono {
    /// The vendor, with these tokens and the organisation of each.
    pub(super) fn new(context: Context, tokens: Vec<(String, String)>) -> Self {
        Self { context, state: Arc::new(Mutex::new(Aponos::new(tokens))) }
    }

    fn lock(&self) -> MutexGuard<'_, Aponos> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn switches(&self) -> Answered {
        self.context.switches.answered()
    }

    fn moment<'a>(&'a self, switches: &'a Answered) -> Moment<'a> {
        let (identifiers, clock) = (&*self.context.identifiers, self.context.clock.now());
        Moment { switches, identifiers, clock, now: Instant::now() }
    }

    /// The organisation of this name as it is now: its agents have done what they do by themselves.
    fn organisation<'a>(&self, state: &'a mut Aponos, name: &str) -> &'a mut Organisation {
        let organisation = state.organisation(name);
        organisation.catch_up(&self.moment(&self.switches()));
        organisation
    }
}

impl Vendor for Apono {
    fn name(&self) -> &'static str {
        NAME
    }

    fn owns(&self, path: &str) -> bool {
        path.starts_with("/api/admin/") || path.starts_with("/api/v2/")
    }

    fn organisation_of(&self, headers: &HeaderMap) -> Option<String> {
        gate::token_of(headers, &self.lock()).map(|token| token.organisation.clone())
    }

    /// A body here is a name: no secret.
    fn redact(&self, _: &mut Value) {}

    fn rate_limited(&self, reset_seconds: Option<u32>, retry_after_seconds: Option<u32>) -> Response {
        gate::made_up_rate_limit(self, reset_seconds, retry_after_seconds)
    }

    fn refused(&self, status: StatusCode) -> Response {
        Refusal::new(status, "this request is refused").answer(&self.switches())
    }

    fn api(&self) -> Router {
        let one = get(connectors::read).put(connectors::update).delete(connectors::remove);
        Router::new()
            .route("/api/admin/v3/connectors", get(connectors::list))
            .route("/api/admin/v3/connectors/{id}", one)
            .route("/api/v2/connectors", get(connectors::list_version_two))
            .route("/api/admin/v4/integrations", get(integrations::list))
            .fallback(nothing_here)
            .method_not_allowed_fallback(no_such_method)
            .layer(axum::middleware::from_fn_with_state(self.clone(), gate::admit))
            .with_state(self.clone())
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

async fn nothing_here(State(apono): State<Apono>) -> Response {
    Refusal::not_found().answer(&apono.switches())
}

/// There is no POST: a connector registers itself.
async fn no_such_method(State(apono): State<Apono>) -> Response {
    let switches = apono.switches();
    let refusal = match switches.choice() {
        UnknownMethod::NotAllowed => {
            Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "this path has no such method")
        }
        UnknownMethod::NotFound => Refusal::not_found(),
    };
    refusal.answer(&switches)
}
