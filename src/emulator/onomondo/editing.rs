//! `/_emulator/onomondo/…`: the state as it is kept, for whoever wants drift.
//!
//! Nothing here is validated beyond its form: a connector may get an undocumented type or further fields, and a secret's
//! date may be moved without a new value.

use std::collections::BTreeMap;

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use axum::{Json, Router};
use http::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::Onomondo;
use super::reply::plain;
use super::state::{Key, Onomondos, Organisation, Sim, Tag};
use super::store::{Connector, SecretState};
use crate::emulator::control::Wanted;
use crate::emulator::exchange::error;

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
    edit(&onomondo, &whose, &name, |_| Ok(wanted))
}

async fn patch_connector(
    State(onomondo): State<Onomondo>,
    Query(whose): Query<Whose>,
    Path(name): Path<String>,
    Wanted(change): Wanted<Value>,
) -> Response {
    edit(&onomondo, &whose, &name, |present| {
        let mut next = present.map(plain).ok_or_else(|| absent("connector", &name))?;
        merge(&mut next, &change);
        Ok(next)
    })
}

/// Puts what `next` makes of the connector of this name in its place.
fn edit(
    onomondo: &Onomondo,
    whose: &Whose,
    name: &str,
    next: impl FnOnce(Option<&Connector>) -> Result<Value, Response>,
) -> Response {
    let mut state = onomondo.lock();
    let organisation = whose.of(&mut state);
    let present = organisation.connectors.find(name).cloned();
    let next = match next(present.as_deref()) {
        Ok(next) => next,
        Err(answer) => return answer,
    };
    match parsed(next, onomondo, organisation, present.as_deref()) {
        Err(reason) => error(StatusCode::BAD_REQUEST, &reason),
        Ok(connector) => Json(plain(&organisation.connectors.put(connector, Instant::now()))).into_response(),
    }
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
    ids.into_iter().for_each(|id| connectors.remove(id, Instant::now()));
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

/// A JSON merge patch (RFC 7396).
fn merge(target: &mut Value, patch: &Value) {
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

/// The whole state.
pub(super) fn state(onomondos: &Onomondos) -> Value {
    let organisations = onomondos.organisations.iter().map(|(name, organisation)| {
        let kept = json!({
            "id": organisation.id,
            "connectors": organisation.connectors.iter().map(|connector| plain(connector)).collect::<Vec<_>>(),
            "tags": organisation.tags.values().collect::<Vec<_>>(),
            "sims": organisation.sims.values().collect::<Vec<_>>(),
        });
        (name.clone(), kept)
    });
    json!({ "keys": onomondos.keys, "organisations": organisations.collect::<Map<_, _>>() })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    keys: Vec<Key>,
    organisations: BTreeMap<String, KeptOrganisation>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptOrganisation {
    id: u64,
    #[serde(default)]
    connectors: Vec<Value>,
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(default)]
    sims: Vec<Sim>,
}

/// What [`state`] returned, read back.
pub(super) fn restored(onomondo: &Onomondo, state: &Value) -> Result<Onomondos, String> {
    let kept = Kept::deserialize(state).map_err(|reason| reason.to_string())?;
    let mut onomondos = Onomondos::default();
    for (name, kept) in kept.organisations {
        let organisation = onomondos.organisation(&name);
        organisation.id = kept.id;
        organisation.tags = kept.tags.into_iter().map(|tag| (tag.id.clone(), tag)).collect();
        organisation.sims = kept.sims.into_iter().map(|sim| (sim.id.clone(), sim)).collect();
        for connector in kept.connectors {
            let connector = parsed(connector, onomondo, organisation, None)?;
            organisation.connectors.put(connector, Instant::now());
        }
    }
    for key in &kept.keys {
        onomondos.organisation(&key.organisation);
    }
    onomondos.keys = kept.keys;
    Ok(onomondos)
}

/// A connector in the form of [`plain`] or of the vendor's own list. What it does not say stays as it is in `present`'s
/// identity, or is made up.
fn parsed(
    wanted: Value,
    onomondo: &Onomondo,
    organisation: &mut Organisation,
    present: Option<&Connector>,
) -> Result<Connector, String> {
    let Value::Object(mut members) = wanted else { return Err("a connector has to be an object".to_owned()) };
    let mut text = |name: &str| match members.remove(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("{name} has to be a string")),
    };
    let (name, type_name, uuid) = (text("name")?, text("type")?, text("uuid")?);
    let id = members.remove("id").and_then(|id| id.as_u64()).or(present.map(|present| present.id));
    members.remove("organization_id");
    Ok(Connector {
        id: id.unwrap_or_else(|| organisation.connectors.next_id()),
        uuid: uuid
            .or_else(|| present.map(|present| present.uuid.clone()))
            .unwrap_or_else(|| onomondo.context.identifiers.uuid()),
        name: name.ok_or("name is missing")?,
        type_name: type_name.ok_or("type is missing")?,
        passthrough: array(members.remove("passthrough"), "passthrough")?,
        tags: array(members.remove("tags"), "tags")?.iter().map(tag_id).collect::<Result<_, _>>()?,
        options: object(members.remove("options"), "options")?,
        secrets: object(members.remove("meta"), "meta")?
            .into_iter()
            .map(|(name, secret)| Ok((name, secret_state(&secret, onomondo.context.clock.now())?)))
            .collect::<Result<_, String>>()?,
        further: members,
    })
}

fn array(value: Option<Value>, name: &str) -> Result<Vec<Value>, String> {
    match value {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(items)) => Ok(items),
        Some(_) => Err(format!("{name} has to be an array or null")),
    }
}

fn object(value: Option<Value>, name: &str) -> Result<Map<String, Value>, String> {
    match value {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(members)) => Ok(members),
        Some(_) => Err(format!("{name} has to be an object")),
    }
}

/// A tag's id, from the id itself or from the object that a list shows.
fn tag_id(tag: &Value) -> Result<String, String> {
    let id = tag.as_str().or_else(|| tag.get("id").and_then(Value::as_str));
    id.map(str::to_owned).ok_or_else(|| "each of tags has to be an id or an object with one".to_owned())
}

fn secret_state(meta: &Value, now: Timestamp) -> Result<SecretState, String> {
    let last_updated_at = match meta.get("last_updated_at").and_then(Value::as_str) {
        None | Some("now") => now,
        Some(text) => {
            text.parse().map_err(|_| format!("last_updated_at {text:?} is neither a date nor now"))?
        }
    };
    let is_set = meta.get("is_set").and_then(Value::as_bool).unwrap_or(true);
    let digest = meta.get("sha256").and_then(Value::as_str).map(str::to_owned).filter(|_| is_set);
    Ok(SecretState { digest, is_set, last_updated_at })
}
