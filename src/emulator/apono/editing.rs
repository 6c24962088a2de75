//! `/_emulator/apono/…`: the agents, and the state as it is kept, for whoever wants drift.
//!
//! Nothing here is validated beyond its form.

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::Apono;
use super::document::{WantedAgent, parsed, plain};
use super::state::{Aponos, Connector, Organisation, Token};
use crate::emulator::answers::error;
use crate::emulator::control::{Wanted, merge};

pub(super) fn router(apono: &Apono) -> Router {
    Router::new()
        .route("/agents", get(agents))
        .route("/agents/{id}", put(install).delete(uninstall))
        .route("/agents/{id}/{verb}", post(command))
        .route("/connectors", get(connectors).delete(delete_connectors))
        .route(
            "/connectors/{id}",
            get(connector).put(put_connector).patch(patch_connector).delete(delete_connector),
        )
        .route("/integrations", get(integrations))
        .route("/integrations/{id}", put(put_integration).delete(delete_integration))
        .route("/tokens", get(tokens).put(put_tokens))
        .with_state(apono.clone())
}

#[derive(Deserialize)]
struct Whose {
    organisation: Option<String>,
}

impl Whose {
    fn of<'a>(&self, apono: &Apono, state: &'a mut Aponos) -> &'a mut Organisation {
        let name = self.organisation.clone().unwrap_or_else(|| state.first_organisation());
        apono.organisation(state, &name)
    }
}

async fn agents(State(apono): State<Apono>, Query(whose): Query<Whose>) -> Json<Value> {
    let mut state = apono.lock();
    Json(json!(whose.of(&apono, &mut state).agents.values().collect::<Vec<_>>()))
}

/// Installs an agent: it registers its connector where there is none, and connects.
async fn install(
    State(apono): State<Apono>,
    Query(whose): Query<Whose>,
    Path(id): Path<String>,
    Wanted(wanted): Wanted<WantedAgent>,
) -> Response {
    let mut state = apono.lock();
    let organisation = whose.of(&apono, &mut state);
    let starts = wanted.connected.unwrap_or(true);
    let switches = apono.switches();
    organisation.install(wanted.of_id(id.clone()), starts, &apono.moment(&switches));
    connector_of(organisation, &id)
}

/// `connect`, `disconnect`, `heartbeat`.
async fn command(
    State(apono): State<Apono>,
    Query(whose): Query<Whose>,
    Path((id, verb)): Path<(String, String)>,
) -> Response {
    let mut state = apono.lock();
    let organisation = whose.of(&apono, &mut state);
    let switches = apono.switches();
    let moment = apono.moment(&switches);
    let known = match verb.as_str() {
        "connect" => organisation.connect(&id, &moment),
        "disconnect" => organisation.disconnect(&id, &moment),
        "heartbeat" => organisation.heartbeat(&id, &moment),
        _ => return error(StatusCode::NOT_FOUND, "an agent can connect, disconnect and heartbeat"),
    };
    if known { connector_of(organisation, &id) } else { absent("agent", &id) }
}

/// The agent's connector as it is now; null where it has none.
fn connector_of(organisation: &Organisation, agent: &str) -> Response {
    let id = organisation.agents.get(agent).map(|agent| agent.connector_id.as_str()).unwrap_or_default();
    Json(organisation.connectors.find(id).map(|connector| plain(connector))).into_response()
}

async fn uninstall(
    State(apono): State<Apono>,
    Query(whose): Query<Whose>,
    Path(id): Path<String>,
) -> Response {
    let mut state = apono.lock();
    let switches = apono.switches();
    if whose.of(&apono, &mut state).uninstall(&id, &apono.moment(&switches)) {
        return StatusCode::NO_CONTENT.into_response();
    }
    absent("agent", &id)
}

async fn connectors(State(apono): State<Apono>, Query(whose): Query<Whose>) -> Json<Value> {
    let mut state = apono.lock();
    Json(whose.of(&apono, &mut state).connectors.iter().map(|connector| plain(connector)).collect())
}

async fn connector(
    State(apono): State<Apono>,
    Query(whose): Query<Whose>,
    Path(id): Path<String>,
) -> Response {
    let mut state = apono.lock();
    match whose.of(&apono, &mut state).connectors.find(&id) {
        Some(connector) => Json(plain(connector)).into_response(),
        None => absent("connector", &id),
    }
}

async fn put_connector(
    State(apono): State<Apono>,
    Query(whose): Query<Whose>,
    Path(id): Path<String>,
    Wanted(mut wanted): Wanted<Value>,
) -> Response {
    if let Value::Object(members) = &mut wanted {
        members.entry("id").or_insert_with(|| json!(id));
    }
    edit(&apono, &whose, &id, |_| Some(wanted))
}

async fn patch_connector(
    State(apono): State<Apono>,
    Query(whose): Query<Whose>,
    Path(id): Path<String>,
    Wanted(change): Wanted<Value>,
) -> Response {
    edit(&apono, &whose, &id, |present| {
        let mut next = plain(present?);
        merge(&mut next, &change);
        Some(next)
    })
}

/// Puts what `next` makes of the connector of this id in its place. None: it needs one that is there.
fn edit(
    apono: &Apono,
    whose: &Whose,
    id: &str,
    next: impl FnOnce(Option<&Connector>) -> Option<Value>,
) -> Response {
    let mut state = apono.lock();
    let organisation = whose.of(apono, &mut state);
    let present = organisation.connectors.find(id).cloned();
    let Some(next) = next(present.as_deref()) else { return absent("connector", id) };
    match parsed(next, organisation, present.as_deref(), apono.context.clock.now()) {
        Ok(connector) => Json(plain(&organisation.connectors.put(connector, Instant::now()))).into_response(),
        Err(reason) => error(StatusCode::BAD_REQUEST, &reason),
    }
}

/// Somebody deletes it in the web app: its agents do not hear of it.
async fn delete_connector(
    State(apono): State<Apono>,
    Query(whose): Query<Whose>,
    Path(id): Path<String>,
) -> Response {
    let mut state = apono.lock();
    match whose.of(&apono, &mut state).remove(&id, &apono.switches(), Instant::now()) {
        Some(_) => StatusCode::NO_CONTENT.into_response(),
        None => absent("connector", &id),
    }
}

async fn delete_connectors(State(apono): State<Apono>, Query(whose): Query<Whose>) -> StatusCode {
    let mut state = apono.lock();
    let organisation = whose.of(&apono, &mut state);
    let ids = organisation.connectors.iter().map(|connector| connector.id.clone()).collect::<Vec<_>>();
    for id in ids {
        organisation.remove(&id, &apono.switches(), Instant::now());
    }
    StatusCode::NO_CONTENT
}

async fn integrations(State(apono): State<Apono>, Query(whose): Query<Whose>) -> Json<Value> {
    let mut state = apono.lock();
    Json(json!(whose.of(&apono, &mut state).integrations.values().collect::<Vec<_>>()))
}

/// An integration in the vendor's form; what its schema requires and `wanted` lacks is made up.
async fn put_integration(
    State(apono): State<Apono>,
    Query(whose): Query<Whose>,
    Path(id): Path<String>,
    Wanted(wanted): Wanted<Map<String, Value>>,
) -> Json<Value> {
    let mut integration = Map::from_iter([
        ("name".to_owned(), json!(id)),
        ("type".to_owned(), json!("postgresql")),
        ("category".to_owned(), json!("DATABASE")),
        ("status".to_owned(), json!("ACTIVE")),
        ("integration_config".to_owned(), json!({})),
    ]);
    integration.extend(wanted);
    integration.insert("id".to_owned(), json!(id));
    let shown = json!(integration);
    whose.of(&apono, &mut apono.lock()).integrations.insert(id, integration);
    Json(shown)
}

async fn delete_integration(
    State(apono): State<Apono>,
    Query(whose): Query<Whose>,
    Path(id): Path<String>,
) -> Response {
    match whose.of(&apono, &mut apono.lock()).integrations.remove(&id) {
        Some(_) => StatusCode::NO_CONTENT.into_response(),
        None => absent("integration", &id),
    }
}

async fn tokens(State(apono): State<Apono>) -> Json<Vec<Token>> {
    Json(apono.lock().tokens.clone())
}

/// Replaces all tokens; organisations that are new are made.
async fn put_tokens(State(apono): State<Apono>, Wanted(tokens): Wanted<Vec<Token>>) -> Json<Vec<Token>> {
    let mut state = apono.lock();
    for token in &tokens {
        state.organisation(&token.organisation);
    }
    state.tokens = tokens;
    Json(state.tokens.clone())
}

fn absent(what: &str, id: &str) -> Response {
    error(StatusCode::NOT_FOUND, &format!("there is no {what} {id}"))
}
