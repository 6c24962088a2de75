//! `/_emulator/omf/…`: the state as it is kept, for whoever wants drift, and what only the vendor can do: finish what is
//! under way, take tokens back, move its token endpoint.
//!
//! Nothing here is validated beyond its form. A connection that is put here stays in its state until it is changed or
//! settled.

use std::collections::BTreeMap;

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::Omf;
use super::document::{KeptToken, parsed, parsed_all, plain};
use super::route::Scope;
use super::state::{DataHub, Namespace, OauthClient};
use super::store::Store;
use super::switches::Pace;
use crate::emulator::answers::error;
use crate::emulator::control::{Wanted, merge};

pub(super) fn router(omf: &Omf) -> Router {
    let one = get(connection).put(put_connection).patch(patch_connection).delete(delete_connection);
    Router::new()
        .route("/connections", get(connections).post(add_connections).delete(delete_connections))
        .route("/connections/{id}", one)
        .route("/settle", post(settle))
        .route("/namespaces", get(namespaces).put(put_namespaces))
        .route("/clients", get(clients).put(put_clients))
        .route("/tokens", get(tokens).put(put_tokens).delete(revoke))
        .route("/usage", get(usage).delete(forget_usage))
        .route("/discovery", get(discovery).put(put_discovery))
        .with_state(omf.clone())
}

/// Which namespace; without one, the first.
#[derive(Deserialize)]
struct Whose {
    tenant: Option<String>,
    namespace: Option<String>,
}

impl Whose {
    /// Does this with the namespace's connections as they are by now.
    fn with<T>(&self, omf: &Omf, act: impl FnOnce(&mut Store, Instant) -> T) -> Result<T, Unusable> {
        let mut hub = omf.lock();
        let namespace = self
            .of(&mut hub)
            .ok_or_else(|| Unusable(StatusCode::NOT_FOUND, "there is no such namespace".to_owned()))?;
        let now = Instant::now();
        namespace.connections.settle(&Pace::new(&omf.switches()), now);
        Ok(act(&mut namespace.connections, now))
    }

    fn of<'a>(&self, hub: &'a mut DataHub) -> Option<&'a mut Namespace> {
        let is = |wanted: &Option<String>, there: &str| wanted.as_ref().is_none_or(|wanted| wanted == there);
        hub.namespaces
            .iter_mut()
            .find(|one| is(&self.tenant, &one.scope.tenant) && is(&self.namespace, &one.scope.namespace))
    }
}

async fn connections(State(omf): State<Omf>, Query(whose): Query<Whose>) -> Result<Json<Value>, Unusable> {
    whose.with(&omf, |connections, _| Json(connections.iter().map(|connection| plain(connection)).collect()))
}

/// Adds all of these, or none.
async fn add_connections(
    State(omf): State<Omf>,
    Query(whose): Query<Whose>,
    Wanted(wanted): Wanted<Vec<Value>>,
) -> Result<Json<Value>, Unusable> {
    whose.with(&omf, |connections, now| {
        let added = parsed_all(wanted, &omf, connections).map_err(Unusable::request)?;
        Ok(Json(added.into_iter().map(|connection| json!(connections.put(connection, now).id)).collect()))
    })?
}

async fn delete_connections(
    State(omf): State<Omf>,
    Query(whose): Query<Whose>,
) -> Result<StatusCode, Unusable> {
    whose.with(&omf, |connections, now| {
        let places = connections.iter().map(|connection| connection.place).collect::<Vec<_>>();
        for place in places {
            connections.remove(place, now);
        }
        StatusCode::NO_CONTENT
    })
}

async fn connection(
    State(omf): State<Omf>,
    Query(whose): Query<Whose>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Unusable> {
    whose.with(&omf, |connections, _| {
        connections.find(&id).map(|connection| Json(plain(connection))).ok_or_else(|| absent(&id))
    })?
}

async fn put_connection(
    State(omf): State<Omf>,
    Query(whose): Query<Whose>,
    Path(id): Path<String>,
    Wanted(mut wanted): Wanted<Value>,
) -> Result<Json<Value>, Unusable> {
    if let Value::Object(members) = &mut wanted {
        members.insert("Id".to_owned(), json!(id));
    }
    whose.with(&omf, |connections, now| edit(&omf, connections, &id, wanted, now))?
}

async fn patch_connection(
    State(omf): State<Omf>,
    Query(whose): Query<Whose>,
    Path(id): Path<String>,
    Wanted(change): Wanted<Value>,
) -> Result<Json<Value>, Unusable> {
    whose.with(&omf, |connections, now| {
        let mut next = plain(connections.find(&id).ok_or_else(|| absent(&id))?);
        merge(&mut next, &change);
        edit(&omf, connections, &id, next, now)
    })?
}

fn edit(
    omf: &Omf,
    connections: &mut Store,
    id: &str,
    wanted: Value,
    now: Instant,
) -> Result<Json<Value>, Unusable> {
    let present = connections.find(id).cloned();
    let next = parsed(wanted, omf, connections, present.as_deref()).map_err(Unusable::request)?;
    let taken = connections.find(&next.id).is_some_and(|other| other.place != next.place);
    if taken {
        return Err(Unusable::request(format!("Id {} belongs to another connection", next.id)));
    }
    Ok(Json(plain(&connections.put(next, now))))
}

async fn delete_connection(
    State(omf): State<Omf>,
    Query(whose): Query<Whose>,
    Path(id): Path<String>,
) -> Result<StatusCode, Unusable> {
    whose.with(&omf, |connections, now| {
        let place = connections.find(&id).map(|connection| connection.place).ok_or_else(|| absent(&id))?;
        connections.remove(place, now);
        Ok(StatusCode::NO_CONTENT)
    })?
}

/// Creating becomes Active, Deleting and Deleted are gone, at once.
async fn settle(State(omf): State<Omf>, Query(whose): Query<Whose>) -> Result<StatusCode, Unusable> {
    whose.with(&omf, |connections, now| {
        connections.finish(now);
        StatusCode::NO_CONTENT
    })
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    tenant: String,
    namespace: String,
}

async fn namespaces(State(omf): State<Omf>) -> Json<Vec<Named>> {
    let hub = omf.lock();
    let named = hub.namespaces.iter().map(|namespace| Named {
        tenant: namespace.scope.tenant.clone(),
        namespace: namespace.scope.namespace.clone(),
    });
    Json(named.collect())
}

/// Exactly these are there; what is in those that stay stays.
async fn put_namespaces(State(omf): State<Omf>, Wanted(wanted): Wanted<Vec<Named>>) -> StatusCode {
    let wanted = wanted.into_iter().map(|one| Scope { tenant: one.tenant, namespace: one.namespace });
    let wanted = wanted.collect::<Vec<_>>();
    let mut hub = omf.lock();
    hub.namespaces.retain(|namespace| wanted.iter().any(|scope| scope.is(&namespace.scope)));
    for scope in wanted {
        hub.namespace(&scope);
    }
    StatusCode::NO_CONTENT
}

async fn clients(State(omf): State<Omf>) -> Json<Vec<OauthClient>> {
    Json(omf.lock().clients.clone())
}

/// Replaces all clients. Tokens that a client was issued outlive it, as signed tokens do.
async fn put_clients(State(omf): State<Omf>, Wanted(clients): Wanted<Vec<OauthClient>>) -> StatusCode {
    omf.lock().clients = clients;
    StatusCode::NO_CONTENT
}

async fn tokens(State(omf): State<Omf>) -> Json<Vec<KeptToken>> {
    let now = Instant::now();
    let hub = omf.lock();
    Json(
        hub.tokens
            .iter()
            .filter(|token| token.is_alive(now))
            .map(|token| KeptToken::of(token, now))
            .collect(),
    )
}

/// Replaces all tokens, fixed and issued.
async fn put_tokens(State(omf): State<Omf>, Wanted(tokens): Wanted<Vec<KeptToken>>) -> Response {
    let now = Instant::now();
    match tokens.into_iter().map(|token| token.parsed(now)).collect::<Result<_, _>>() {
        Ok(tokens) => {
            omf.lock().tokens = tokens;
            StatusCode::NO_CONTENT.into_response()
        }
        Err(reason) => Unusable::request(reason).into_response(),
    }
}

#[derive(Deserialize)]
struct WhoseTokens {
    client_id: Option<String>,
}

/// Takes back what was issued, to one client or to all; fixed tokens stay.
async fn revoke(State(omf): State<Omf>, Query(whose): Query<WhoseTokens>) -> StatusCode {
    omf.lock().revoke(whose.client_id.as_deref());
    StatusCode::NO_CONTENT
}

async fn usage(State(omf): State<Omf>) -> Json<Value> {
    let mut hub = omf.lock();
    let usage = hub.usage.iter_mut().map(|(client, usage)| {
        omf.context.connections.keep_open(&mut usage.open);
        (client.clone(), json!({ "open": usage.open.len(), "most": usage.most }))
    });
    Json(json!(usage.collect::<BTreeMap<_, _>>()))
}

async fn forget_usage(State(omf): State<Omf>) -> StatusCode {
    omf.lock().usage.clear();
    StatusCode::NO_CONTENT
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Discovered {
    token_endpoint: Option<String>,
}

async fn discovery(State(omf): State<Omf>) -> Json<Discovered> {
    Json(Discovered { token_endpoint: omf.lock().token_endpoint.clone() })
}

/// null: the emulator's own.
async fn put_discovery(State(omf): State<Omf>, Wanted(wanted): Wanted<Discovered>) -> StatusCode {
    omf.lock().token_endpoint = wanted.token_endpoint;
    StatusCode::NO_CONTENT
}

/// Why a control does nothing.
struct Unusable(StatusCode, String);

impl Unusable {
    fn request(reason: String) -> Self {
        Self(StatusCode::BAD_REQUEST, reason)
    }
}

impl IntoResponse for Unusable {
    fn into_response(self) -> Response {
        error(self.0, &self.1)
    }
}

fn absent(id: &str) -> Unusable {
    Unusable(StatusCode::NOT_FOUND, format!("there is no connection {id}"))
}
