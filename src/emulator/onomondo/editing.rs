//! `/_emulator/onomondo/…`: the state as it is kept, for whoever wants drift.
//!
//! Nothing here is validated beyond its form: a connector may get an undocumented type or further fields, and a secret's
//! date may be moved without a new value.

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use axum::{Json, Router};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::Onomondo;
use super::document::{parsed, plain};
use super::state::{Key, Onomondos, Organisation, Sim, Tag};
use super::store::Connector;
use crate::emulator::answers::error;
use crate::emulator::control::{Wanted, merge};

pub(super) fn router(onomondo: &Onomondo) -> Router {
    Router::new()
        .route("/connectors", get(connectors).delete(delete_connectors))
        .route(
            "/connectors/{name}",
            get(connector).put(put_connector).patch(patch_connector).delete(delete_connector),
        )
        .route("/sims", get(sims))
        .route("/sims/{id}", put(put_sim).delete(delete_sim))
        .route("/tags", get(tags))
        .route("/tags/{id}", put(put_tag).delete(delete_tag))
        .route("/keys", get(keys).put(put_keys))
        .with_state(onomondo.clone())
}

#[derive(Deserialize)]
struct Whose {
    organisation: Option<String>,
}

impl Whose {
    fn of<'a>(&self, state: &'a mut Onomondos) -> &'a mut Organisation {
        let name = self.organisation.clone().unwrap_or_else(|| state.first_organisation());
        state.organisation(&name)
    }
}

async fn connectors(State(onomondo): State<Onomondo>, Query(whose): Query<Whose>) -> Json<Value> {
    let mut state = onomondo.lock();
    Json(whose.of(&mut state).connectors.iter().map(|connector| plain(connector)).collect())
}

async fn connector(
    State(onomondo): State<Onomondo>,
    Query(whose): Query<Whose>,
    Path(name): Path<String>,
) -> Response {
    let mut state = onomondo.lock();
    match whose.of(&mut state).connectors.find(&name) {
        Some(connector) => Json(plain(connector)).into_response(),
        None => absent("connector", &name),
    }
}

async fn put_connector(
    State(onomondo): State<Onomondo>,
    Query(whose): Query<Whose>,
    Path(name): Path<String>,
    Wanted(mut wanted): Wanted<Value>,
) -> Response {
    if let Value::Object(members) = &mut wanted {
        members.entry("name").or_insert_with(|| json!(name));
    }
    edit(&onomondo, &whose, &name, |_| Some(wanted))
}

async fn patch_connector(
    State(onomondo): State<Onomondo>,
    Query(whose): Query<Whose>,
    Path(name): Path<String>,
    Wanted(change): Wanted<Value>,
) -> Response {
    edit(&onomondo, &whose, &name, |present| {
        let mut next = plain(present?);
        merge(&mut next, &change);
        Some(next)
    })
}

/// Puts what `next` makes of the connector of this name in its place. None: it needs one that is there.
fn edit(
    onomondo: &Onomondo,
    whose: &Whose,
    name: &str,
    next: impl FnOnce(Option<&Connector>) -> Option<Value>,
) -> Response {
    let mut state = onomondo.lock();
    let organisation = whose.of(&mut state);
    let present = organisation.connectors.find(name).cloned();
    let Some(next) = next(present.as_deref()) else { return absent("connector", name) };
    let connector = match parsed(next, onomondo, organisation, present.as_deref()) {
        Ok(connector) => connector,
        Err(reason) => return error(StatusCode::BAD_REQUEST, &reason),
    };
    if let Some(present) = present.filter(|present| present.id != connector.id) {
        organisation.connectors.remove(present.id, Instant::now());
    }
    Json(plain(&organisation.connectors.put(connector, Instant::now()))).into_response()
}

async fn delete_connector(
    State(onomondo): State<Onomondo>,
    Query(whose): Query<Whose>,
    Path(name): Path<String>,
) -> Response {
    let mut state = onomondo.lock();
    let organisation = whose.of(&mut state);
    let Some(id) = organisation.connectors.find(&name).map(|connector| connector.id) else {
        return absent("connector", &name);
    };
    organisation.connectors.remove(id, Instant::now());
    StatusCode::NO_CONTENT.into_response()
}

async fn delete_connectors(State(onomondo): State<Onomondo>, Query(whose): Query<Whose>) -> StatusCode {
    let mut state = onomondo.lock();
    let connectors = &mut whose.of(&mut state).connectors;
    let ids = connectors.iter().map(|connector| connector.id).collect::<Vec<_>>();
    for id in ids {
        connectors.remove(id, Instant::now());
    }
    StatusCode::NO_CONTENT
}

async fn sims(State(onomondo): State<Onomondo>, Query(whose): Query<Whose>) -> Json<Value> {
    let mut state = onomondo.lock();
    Json(json!(whose.of(&mut state).sims.values().collect::<Vec<_>>()))
}

async fn put_sim(
    State(onomondo): State<Onomondo>,
    Query(whose): Query<Whose>,
    Path(id): Path<String>,
    Wanted(sim): Wanted<Sim>,
) -> Json<Sim> {
    let sim = Sim { id: id.clone(), ..sim };
    whose.of(&mut onomondo.lock()).sims.insert(id, sim.clone());
    Json(sim)
}

async fn delete_sim(
    State(onomondo): State<Onomondo>,
    Query(whose): Query<Whose>,
    Path(id): Path<String>,
) -> Response {
    match whose.of(&mut onomondo.lock()).sims.remove(&id) {
        Some(_) => StatusCode::NO_CONTENT.into_response(),
        None => absent("SIM", &id),
    }
}

async fn tags(State(onomondo): State<Onomondo>, Query(whose): Query<Whose>) -> Json<Value> {
    let mut state = onomondo.lock();
    Json(json!(whose.of(&mut state).tags.values().collect::<Vec<_>>()))
}

async fn put_tag(
    State(onomondo): State<Onomondo>,
    Query(whose): Query<Whose>,
    Path(id): Path<String>,
    Wanted(tag): Wanted<Tag>,
) -> Json<Tag> {
    let tag = Tag { id: id.clone(), ..tag };
    whose.of(&mut onomondo.lock()).tags.insert(id, tag.clone());
    Json(tag)
}

async fn delete_tag(
    State(onomondo): State<Onomondo>,
    Query(whose): Query<Whose>,
    Path(id): Path<String>,
) -> Response {
    match whose.of(&mut onomondo.lock()).tags.remove(&id) {
        Some(_) => StatusCode::NO_CONTENT.into_response(),
        None => absent("tag", &id),
    }
}

async fn keys(State(onomondo): State<Onomondo>) -> Json<Vec<Key>> {
    Json(onomondo.lock().keys.clone())
}

/// Replaces all keys; organisations that are new are made.
async fn put_keys(State(onomondo): State<Onomondo>, Wanted(keys): Wanted<Vec<Key>>) -> Json<Vec<Key>> {
    let mut state = onomondo.lock();
    for key in &keys {
        state.organisation(&key.organisation);
    }
    state.keys = keys;
    Json(state.keys.clone())
}

fn absent(what: &str, name: &str) -> Response {
    error(StatusCode::NOT_FOUND, &format!("there is no {what} {name}"))
}
