//! `/api/admin/v3/connectors` and `/api/v2/connectors`.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::Apono;
use super::gate::Caller;
use super::pages::Asked;
use super::refusal::Refusal;
use super::reply::Reader;
use super::state::{Connector, DISCONNECTED, Organisation};
use super::switches::{DeleteUsed, DuplicateName, ListOrder, NameCharacters, UnknownPut};
use crate::emulator::answers::in_json;
use crate::emulator::faults::Distortion;
use crate::emulator::switches::Answered;

/// `GET /api/admin/v3/connectors?limit=&page_token=&status=`.
pub(super) async fn list(
    State(apono): State<Apono>,
    Caller(token): Caller,
    distortion: Option<Extension<Distortion>>,
    RawQuery(query): RawQuery,
) -> Response {
    let switches = apono.switches();
    let asked = match Asked::new(query.as_deref(), &switches) {
        Ok(asked) => asked,
        Err(refusal) => return refusal.answer(&switches),
    };
    let reader = Reader::new(&switches);
    let mut listed = listed(&apono, &token.organisation, distortion.as_deref());
    listed.retain(|connector| asked.admits("status", Some(&reader.status(connector))));
    let seed = asked.seed(|| apono.context.identifiers.number());
    let order = switches.choice::<ListOrder>();
    let page = asked.page(listed, |connector| order.key(connector, seed), seed, &switches);
    in_json(&page.map(|connector| reader.version_three(connector)))
}

/// `GET /api/v2/connectors`: a bare array.
pub(super) async fn list_version_two(
    State(apono): State<Apono>,
    Caller(token): Caller,
    distortion: Option<Extension<Distortion>>,
) -> Response {
    let switches = apono.switches();
    let reader = Reader::new(&switches);
    let mut listed = listed(&apono, &token.organisation, distortion.as_deref());
    let (order, seed) = (switches.choice::<ListOrder>(), apono.context.identifiers.number());
    listed.sort_by_cached_key(|connector| order.key(connector, seed));
    in_json(&listed.iter().map(|connector| reader.version_two(connector)).collect::<Vec<_>>())
}

/// The connectors of an organisation, as a fault distorts them.
fn listed(apono: &Apono, organisation: &str, distortion: Option<&Distortion>) -> Vec<Arc<Connector>> {
    let (ago, writes) = match distortion {
        Some(Distortion::Stale { milliseconds, writes }) => (Duration::from_millis(*milliseconds), *writes),
        _ => (Duration::ZERO, 0),
    };
    let mut state = apono.lock();
    let connectors = &apono.organisation(&mut state, organisation).connectors;
    let mut listed = connectors.as_it_was(ago, writes, Instant::now());
    if let Some(Distortion::Shrunk { keep, without }) = distortion {
        listed.retain(|connector| !without.contains(&connector.name) && !without.contains(&connector.id));
        listed.truncate(keep.unwrap_or(listed.len()));
    }
    listed
}

/// `GET /api/admin/v3/connectors/{id}`.
pub(super) async fn read(
    State(apono): State<Apono>,
    Caller(token): Caller,
    Path(id): Path<String>,
) -> Response {
    let switches = apono.switches();
    let mut state = apono.lock();
    match apono.organisation(&mut state, &token.organisation).connectors.find(&id) {
        Some(connector) => in_json(&Reader::new(&switches).version_three(connector)),
        None => Refusal::not_found().answer(&switches),
    }
}

/// `PUT /api/admin/v3/connectors/{id}` `{"name": …}`: 200 with the connector.
pub(super) async fn update(
    State(apono): State<Apono>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let switches = apono.switches();
    let named = caller.may_write().and_then(|()| name_in(&headers, &body, &switches)).and_then(|name| {
        let mut state = apono.lock();
        let organisation = apono.organisation(&mut state, &caller.0.organisation);
        let present = written(organisation, &id, &switches)?;
        check_name_is_free(organisation, &id, &name, &switches)?;
        Ok(organisation.connectors.put(Connector { name, ..present }, Instant::now()))
    });
    match named {
        Ok(connector) => in_json(&Reader::new(&switches).version_three(&connector)),
        Err(refusal) => refusal.answer(&switches),
    }
}

/// The connector that a PUT of this id writes.
fn written(organisation: &mut Organisation, id: &str, switches: &Answered) -> Result<Connector, Refusal> {
    if let Some(present) = organisation.connectors.find(id) {
        return Ok(Connector::clone(present));
    }
    match switches.choice() {
        UnknownPut::NotFound => Err(Refusal::not_found()),
        UnknownPut::Creates => Ok(Connector {
            place: organisation.connectors.next_place(),
            id: id.to_owned(),
            name: String::new(),
            status: DISCONNECTED.to_owned(),
            version: String::new(),
            is_latest_version: false,
            cloud_provider_type: String::new(),
            last_connected: None,
            sessions: Vec::new(),
            further: Map::new(),
        }),
    }
}

fn name_in(headers: &HeaderMap, body: &[u8], switches: &Answered) -> Result<String, Refusal> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/json") {
        let why = "Content-Type has to be application/json";
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, why));
    }
    let mut members: Map<String, Value> =
        serde_json::from_slice(body).map_err(|_| Refusal::invalid("the body has to be a JSON object"))?;
    let Some(Value::String(name)) = members.remove("name") else {
        return Err(Refusal::invalid("name has to be there, as a string"));
    };
    if name.is_empty() || !name.chars().all(|character| switches.choice::<NameCharacters>().admits(character))
    {
        return Err(Refusal::invalid("name has characters that it may not have, or none"));
    }
    Ok(name)
}

fn check_name_is_free(
    organisation: &Organisation,
    id: &str,
    name: &str,
    switches: &Answered,
) -> Result<(), Refusal> {
    let status = match switches.choice() {
        DuplicateName::Allowed => return Ok(()),
        DuplicateName::Conflict => StatusCode::CONFLICT,
        DuplicateName::BadRequest => StatusCode::BAD_REQUEST,
        DuplicateName::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let taken = organisation.connectors.iter().any(|other| other.name == name && other.id != id);
    if taken { Err(Refusal::new(status, "another connector has this name")) } else { Ok(()) }
}

/// `DELETE /api/admin/v3/connectors/{id}`: 204.
pub(super) async fn remove(State(apono): State<Apono>, caller: Caller, Path(id): Path<String>) -> Response {
    let switches = apono.switches();
    let removed = caller.may_write().and_then(|()| {
        let mut state = apono.lock();
        let organisation = apono.organisation(&mut state, &caller.0.organisation);
        check_not_used(organisation, &id, &switches)?;
        let removed = organisation.remove(&id, &switches, Instant::now());
        removed.ok_or_else(Refusal::not_found)
    });
    match removed {
        Ok(_) => StatusCode::NO_CONTENT.into_response(),
        Err(refusal) => refusal.answer(&switches),
    }
}

fn check_not_used(organisation: &Organisation, id: &str, switches: &Answered) -> Result<(), Refusal> {
    let status = match switches.choice() {
        DeleteUsed::Deletes => return Ok(()),
        DeleteUsed::Conflict => StatusCode::CONFLICT,
        DeleteUsed::BadRequest => StatusCode::BAD_REQUEST,
    };
    if organisation.uses(id) {
        Err(Refusal::new(status, "an integration uses this connector"))
    } else {
        Ok(())
    }
}

impl NameCharacters {
    fn admits(self, character: char) -> bool {
        match self {
            Self::Any => true,
            Self::Hyphens => character.is_ascii_alphanumeric() || matches!(character, '-' | '_'),
            Self::Alphanumeric => character.is_ascii_alphanumeric(),
        }
    }
}

impl ListOrder {
    /// What connectors are sorted by. No two have the same.
    fn key(self, connector: &Connector, seed: u64) -> String {
        match self {
            Self::Created => format!("{:020}", connector.place),
            Self::Id => connector.id.clone(),
            Self::Name => format!("{}\0{:020}", connector.name, connector.place),
            Self::Shuffled => {
                let drawn =
                    fastrand::Rng::with_seed(seed ^ connector.place.wrapping_mul(0x9E37_79B9)).u64(..);
                format!("{drawn:020}{:020}", connector.place)
            }
        }
    }
}
