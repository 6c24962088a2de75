//! `/connectors`: list, create, update and remove.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::json;
use tokio::time::Instant;

use super::Onomondo;
use super::change::Rules;
use super::draft::{Draft, of_patch, of_post};
use super::gate::Caller;
use super::refusal::{Cause, Refusal};
use super::reply::{Place, Reader, Reply};
use super::state::{Key, Organisation};
use super::store::Connector;
use super::switches::{
    DeleteBlockedBody, DuplicateName, ListOrder, NarrowedKeyCreate, NarrowedKeyRead, NarrowedKeyWrite,
    RenameWithSims,
};
use crate::emulator::answers::in_json;
use crate::emulator::faults::Distortion;
use crate::emulator::switches::Answered;

/// `GET /connectors`: a bare array.
pub(super) async fn list(
    State(onomondo): State<Onomondo>,
    Caller(key): Caller,
    distortion: Option<Extension<Distortion>>,
) -> Response {
    let switches = onomondo.switches();
    let (mut listed, reader) = {
        let mut state = onomondo.lock();
        let organisation = state.organisation(&key.organisation);
        let (ago, writes) = match distortion.as_deref() {
            Some(Distortion::Stale { milliseconds, writes }) => {
                (Duration::from_millis(*milliseconds), *writes)
            }
            _ => (Duration::ZERO, 0),
        };
        let listed = organisation.connectors.as_it_was(ago, writes, Instant::now());
        (listed, Reader::new(&switches, Place::List, organisation))
    };
    if switches.choice::<NarrowedKeyRead>() == NarrowedKeyRead::Hidden {
        listed.retain(|connector| key.reaches(connector));
    }
    match switches.choice() {
        ListOrder::Created => {}
        ListOrder::Name => listed.sort_by(|left, right| left.name.cmp(&right.name)),
        ListOrder::Shuffled => onomondo.context.identifiers.shuffle(&mut listed),
    }
    if let Some(Distortion::Shrunk { keep, without }) = distortion.as_deref() {
        listed.retain(|connector| !without.contains(&connector.name));
        listed.truncate(keep.unwrap_or(listed.len()));
    }
    in_json(&listed.iter().map(|connector| reader.read(connector)).collect::<Vec<Reply<'_>>>())
}

/// `POST /connectors`: 200 with the connector.
pub(super) async fn create(
    State(onomondo): State<Onomondo>,
    caller: Caller,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let switches = onomondo.switches();
    let made = caller.may_write().and_then(|()| of_post(&headers, &body)).and_then(|draft| {
        let mut state = onomondo.lock();
        let organisation = state.organisation(&caller.0.organisation);
        let connector = made_of(draft, &onomondo, organisation, &caller.0, &switches)?;
        Ok((connector, Reader::new(&switches, Place::PostReply, organisation)))
    });
    match made {
        Ok((connector, reader)) => in_json(&reader.read(&connector)),
        Err(refusal) => refusal.answer(&switches),
    }
}

fn made_of(
    draft: Draft,
    onomondo: &Onomondo,
    organisation: &mut Organisation,
    key: &Key,
    switches: &Answered,
) -> Result<Arc<Connector>, Refusal> {
    let rules = Rules { switches, tags: &organisation.tags, now: onomondo.context.clock.now() };
    let (id, uuid) = (organisation.connectors.next_id(), onomondo.context.identifiers.uuid());
    let mut connector = rules.create(draft, id, uuid)?;
    check_name_is_free(organisation, &connector.name, switches)?;
    if !key.reaches(&connector) {
        match switches.choice() {
            NarrowedKeyCreate::Allowed => {}
            NarrowedKeyCreate::Refused => {
                return Err(Refusal::forbidden("this key needs one of its tags on it"));
            }
            NarrowedKeyCreate::Tagged => connector.tags.extend(key.tags.iter().cloned()),
        }
    }
    Ok(organisation.connectors.put(connector, Instant::now()))
}

/// `PATCH /connectors/{name}`: 200 with the connector.
pub(super) async fn update(
    State(onomondo): State<Onomondo>,
    caller: Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let switches = onomondo.switches();
    let changed = caller.may_write().and_then(|()| of_patch(&headers, &body)).and_then(|draft| {
        let mut state = onomondo.lock();
        let organisation = state.organisation(&caller.0.organisation);
        let present = reached(organisation, &name, &caller.0, &switches)?;
        let rules =
            Rules { switches: &switches, tags: &organisation.tags, now: onomondo.context.clock.now() };
        let next = rules.patch(&present, draft)?;
        if next.name != present.name {
            check_name_is_free(organisation, &next.name, &switches)?;
            rename_sims(organisation, &present.name, &next.name, &switches)?;
        }
        let connector = organisation.connectors.put(next, Instant::now());
        Ok((connector, Reader::new(&switches, Place::PatchReply, organisation)))
    });
    match changed {
        Ok((connector, reader)) => in_json(&reader.read(&connector)),
        Err(refusal) => refusal.answer(&switches),
    }
}

/// `DELETE /connectors/{name}`: 200, or 403 while SIMs are mapped to it.
pub(super) async fn remove(
    State(onomondo): State<Onomondo>,
    caller: Caller,
    Path(name): Path<String>,
) -> Response {
    let switches = onomondo.switches();
    if let Err(refusal) = caller.may_write() {
        return refusal.answer(&switches);
    }
    let mut state = onomondo.lock();
    let organisation = state.organisation(&caller.0.organisation);
    match reached(organisation, &name, &caller.0, &switches) {
        Err(refusal) => refusal.answer(&switches),
        Ok(_) if organisation.sims_of(&name) > 0 => still_mapped(&switches),
        Ok(connector) => {
            organisation.connectors.remove(connector.id, Instant::now());
            axum::Json(json!({ "message": "ok" })).into_response()
        }
    }
}

/// The connector of this name, where the key may write it.
fn reached(
    organisation: &Organisation,
    name: &str,
    key: &Key,
    switches: &Answered,
) -> Result<Arc<Connector>, Refusal> {
    let connector = organisation.connectors.find(name).ok_or_else(Refusal::not_found)?;
    if key.reaches(connector) {
        return Ok(Arc::clone(connector));
    }
    Err(match switches.choice() {
        NarrowedKeyWrite::NotFound => Refusal::not_found(),
        NarrowedKeyWrite::Forbidden => Refusal::forbidden("this key does not reach this connector"),
    })
}

fn check_name_is_free(organisation: &Organisation, name: &str, switches: &Answered) -> Result<(), Refusal> {
    let status = match switches.choice() {
        DuplicateName::Allowed => return Ok(()),
        DuplicateName::Conflict => StatusCode::CONFLICT,
        DuplicateName::BadRequest => StatusCode::BAD_REQUEST,
        DuplicateName::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
    };
    if organisation.connectors.find(name).is_none() {
        return Ok(());
    }
    Err(Refusal::new(
        Cause::Status(status),
        "name_already_taken",
        format!("there is a connector {name} already"),
    ))
}

fn rename_sims(
    organisation: &mut Organisation,
    from: &str,
    to: &str,
    switches: &Answered,
) -> Result<(), Refusal> {
    match switches.choice() {
        RenameWithSims::Refused if organisation.sims_of(from) > 0 => {
            return Err(Refusal::forbidden("this connector is still mapped to some SIMs"));
        }
        RenameWithSims::Stay | RenameWithSims::Refused => {}
        RenameWithSims::Follow => {
            let mapped = organisation.sims.values_mut().filter(|sim| sim.connector.as_deref() == Some(from));
            mapped.for_each(|sim| sim.connector = Some(to.to_owned()));
        }
    }
    Ok(())
}

fn still_mapped(switches: &Answered) -> Response {
    const WHY: &str = "Connector still mapped to some SIMs";
    match switches.choice() {
        DeleteBlockedBody::Code => Refusal::new(Cause::Forbidden, "connector_in_use", WHY).answer(switches),
        DeleteBlockedBody::Forbidden => Refusal::forbidden(WHY).answer(switches),
        DeleteBlockedBody::Message => {
            (StatusCode::FORBIDDEN, axum::Json(json!({ "message": WHY }))).into_response()
        }
    }
}
