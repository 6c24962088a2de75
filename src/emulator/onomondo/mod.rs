//! Onomondo's API, from its published pages: `/connectors`, `/tags/search/tags` and `/sims`.

mod change;
mod connectors;
mod document;
mod draft;
mod editing;
mod gate;
mod refusal;
mod reply;
mod shape;
mod sims;
mod state;
mod store;
mod switches;
mod tags;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::response::Response;
use axum::routing::{get, patch};
use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::redaction::redact;
use super::switches::{Answered, Switch};
use super::{Context, Vendor};
use refusal::Refusal;
use state::Onomondos;

/// The vendor's word in the control API, the state and the command line.
pub(super) const NAME: &str = "onomondo";

/// Every switch of this vendor.
pub(super) fn switches() -> Vec<Switch> {
    switches::all()
}

/// The vendor. Cloning shares it.
#[derive(Clone)]
pub(super) struct Onomondo {
    context: Context,
    state: Arc<Mutex<Onomondos>>,
}

impl Onomondo {
    /// The vendor, with these keys and the organisation of each.
    pub(super) fn new(context: Context, api_keys: Vec<(String, String)>) -> Self {
        Self { context, state: Arc::new(Mutex::new(Onomondos::new(api_keys))) }
    }

    fn lock(&self) -> MutexGuard<'_, Onomondos> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn switches(&self) -> Answered {
        self.context.switches.answered()
    }
}

impl Vendor for Onomondo {
    fn name(&self) -> &'static str {
        NAME
    }

    fn owns(&self, path: &str) -> bool {
        let first = path.trim_start_matches('/').split('/').next();
        matches!(first, Some("connectors" | "tags" | "sims"))
    }

    fn organisation_of(&self, headers: &HeaderMap) -> Option<String> {
        let state = self.lock();
        gate::key_of(headers, &self.switches(), &state).map(|key| key.organisation.clone())
    }

    fn redact(&self, body: &mut Value) {
        let Some(options) = body.get_mut("options").and_then(Value::as_object_mut) else { return };
        let secrets = options.iter_mut().filter(|(name, _)| shape::is_secret(name));
        secrets.for_each(|(_, secret)| redact(secret));
    }

    fn rate_limited(&self, reset_seconds: Option<u32>, retry_after_seconds: Option<u32>) -> Response {
        gate::made_up_rate_limit(self, reset_seconds, retry_after_seconds)
    }

    fn refused(&self, status: StatusCode) -> Response {
        Refusal::of_status(status).answer(&self.switches())
    }

    fn api(&self) -> Router {
        Router::new()
            .route("/connectors", get(connectors::list).post(connectors::create))
            .route("/connectors/{name}", patch(connectors::update).delete(connectors::remove))
            .route("/tags/search/tags", get(tags::search))
            .route("/sims", get(sims::list))
            .route("/sims/{id}", patch(sims::update))
            .fallback(nothing_here)
            // There is no GET /connectors/{name}, and the like.
            .method_not_allowed_fallback(nothing_here)
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

async fn nothing_here(axum::extract::State(onomondo): axum::extract::State<Onomondo>) -> Response {
    Refusal::not_found().answer(&onomondo.switches())
}
