//! `/_emulator/…`: the switches, faults, log, clock and state, for whoever runs a test or a demonstration.
//!
//! These requests are neither logged nor counted nor spoiled by faults.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, FromRequest, Path, Query, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get};
use axum::{Extension, Json, Router};
use http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::answers::error;
use super::clock::with_milliseconds;
use super::connections::Asking;
use super::exchange::Exchange;
use super::faults::Fault;
use super::requests::Filter;

/// The first part of every path here.
const PREFIX: &str = "/_emulator";
/// The largest body: a state of tens of thousands of connectors.
const MOST_BYTES: usize = 256 << 20;
/// The longest that a reader of the log may wait.
const LONGEST_WAIT: Duration = Duration::from_mins(5);

#[derive(Clone)]
struct Control {
    exchange: Arc<Exchange>,
}

/// Whether this path belongs to the control API.
pub(super) fn owns(path: &str) -> bool {
    path.strip_prefix(PREFIX).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

pub(super) fn router(exchange: &Arc<Exchange>) -> Router {
    let shared = Router::new()
        .route("/", get(index))
        .route("/switches", get(switches).put(set_switches).delete(reset_switches))
        .route("/faults", get(faults).post(add_fault).delete(clear_faults))
        .route("/faults/{id}", delete(remove_fault))
        .route("/requests", get(requests).delete(clear_requests))
        .route("/connections", get(connection_counts).delete(cut_connections))
        .route("/clock", get(clock).put(set_clock))
        .route("/state", get(state).put(set_state))
        .with_state(Control { exchange: Arc::clone(exchange) });
    let all = exchange
        .vendors
        .iter()
        .fold(shared, |all, (vendor, _)| all.nest(&format!("/{}", vendor.name()), vendor.control()));
    Router::new()
        .nest(PREFIX, all)
        .route("/_emulator/", get(index))
        .fallback(|| async { error(StatusCode::NOT_FOUND, "no such control; GET /_emulator lists them") })
        .layer(DefaultBodyLimit::max(MOST_BYTES))
}

async fn index() -> &'static str {
    include_str!("control.txt")
}

async fn switches(State(control): State<Control>) -> impl IntoResponse {
    Json(control.exchange.context.switches.states()).into_response()
}

async fn set_switches(
    State(control): State<Control>,
    Wanted(values): Wanted<BTreeMap<String, Value>>,
) -> Response {
    let words = values.iter().map(|(name, value)| (name.as_str(), word(value))).collect::<Vec<_>>();
    let words = words.iter().map(|(name, word)| (*name, word.as_str()));
    match control.exchange.context.switches.set_all(words) {
        Ok(()) => Json(control.exchange.context.switches.states()).into_response(),
        Err(reason) => error(StatusCode::BAD_REQUEST, &reason),
    }
}

/// Numbers and words alike, and what `GET` returned too.
fn word(value: &Value) -> String {
    match value {
        Value::String(word) => word.clone(),
        Value::Object(state) => state.get("value").map(word).unwrap_or_default(),
        other => other.to_string(),
    }
}

async fn reset_switches(State(control): State<Control>) -> StatusCode {
    control.exchange.context.switches.reset();
    StatusCode::NO_CONTENT
}

async fn faults(State(control): State<Control>) -> impl IntoResponse {
    Json(control.exchange.faults.list())
}

async fn add_fault(State(control): State<Control>, Wanted(fault): Wanted<Fault>) -> Response {
    match control.exchange.faults.add(fault) {
        Ok(id) => (StatusCode::CREATED, Json(json!({ "id": id }))).into_response(),
        Err(reason) => error(StatusCode::BAD_REQUEST, &reason),
    }
}

async fn clear_faults(State(control): State<Control>) -> StatusCode {
    control.exchange.faults.clear();
    StatusCode::NO_CONTENT
}

async fn remove_fault(State(control): State<Control>, Path(id): Path<u64>) -> Response {
    if control.exchange.faults.remove(id) {
        return StatusCode::NO_CONTENT.into_response();
    }
    error(StatusCode::NOT_FOUND, &format!("there is no fault {id}"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Reading {
    since: u64,
    method: Option<String>,
    path: Option<String>,
    wait: Option<String>,
    count: usize,
}

impl Default for Reading {
    fn default() -> Self {
        Self { since: 0, method: None, path: None, wait: None, count: 1 }
    }
}

async fn requests(State(control): State<Control>, Query(reading): Query<Reading>) -> Response {
    let filter = Filter { since: reading.since, method: reading.method, path: reading.path };
    let log = &control.exchange.requests;
    let patience = match reading.wait.as_deref().map(duration) {
        None => return Json(log.read(&filter)).into_response(),
        Some(None) => return error(StatusCode::BAD_REQUEST, "wait has to be like 500ms or 5s"),
        Some(Some(patience)) => patience.min(LONGEST_WAIT),
    };
    Json(log.wait(&filter, reading.count, patience).await).into_response()
}

fn duration(text: &str) -> Option<Duration> {
    if let Some(milliseconds) = text.strip_suffix("ms") {
        return milliseconds.parse().ok().map(Duration::from_millis);
    }
    text.strip_suffix('s').unwrap_or(text).parse().ok().map(Duration::from_secs)
}

async fn clear_requests(State(control): State<Control>) -> StatusCode {
    control.exchange.requests.clear();
    StatusCode::NO_CONTENT
}

async fn connection_counts(State(control): State<Control>) -> impl IntoResponse {
    Json(control.exchange.context.connections.counts())
}

/// Cuts every connection but the one that asks for it.
async fn cut_connections(State(control): State<Control>, Extension(asking): Extension<Asking>) -> StatusCode {
    control.exchange.context.connections.cut_all_but(asking.connection);
    StatusCode::NO_CONTENT
}

async fn clock(State(control): State<Control>) -> impl IntoResponse {
    let clock = &control.exchange.context.clock;
    let offset = i64::try_from(clock.offset().as_millis()).unwrap_or(i64::MAX);
    Json(json!({ "now": with_milliseconds(clock.now()), "offset_milliseconds": offset }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockSetting {
    offset_milliseconds: i64,
}

async fn set_clock(
    State(control): State<Control>,
    Wanted(setting): Wanted<ClockSetting>,
) -> impl IntoResponse {
    control.exchange.context.clock.set_offset(setting.offset_milliseconds);
    clock(State(control)).await
}

async fn state(State(control): State<Control>) -> impl IntoResponse {
    Json(control.exchange.state())
}

async fn set_state(State(control): State<Control>, Wanted(state): Wanted<Value>) -> Response {
    match control.exchange.restore(&state) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(reason) => error(StatusCode::BAD_REQUEST, &reason),
    }
}

/// A JSON body, with or without a Content-Type, whose fault is told as every other refusal is.
pub(super) struct Wanted<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Wanted<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let bytes = bytes::Bytes::from_request(request, state).await.map_err(IntoResponse::into_response)?;
        serde_json::from_slice(&bytes)
            .map(Self)
            .map_err(|reason| error(StatusCode::BAD_REQUEST, &format!("this body cannot be used: {reason}")))
    }
}

/// A JSON merge patch (RFC 7396).
pub(super) fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let Value::Object(members) = target else { return };
    for (name, value) in patch {
        if value.is_null() {
            members.remove(name);
        } else {
            merge(members.entry(name).or_insert(Value::Null), value);
        }
    }
}
