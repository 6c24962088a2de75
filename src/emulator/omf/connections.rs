//! `…/omfConnections`: list, create, get, update and delete.

use std::sync::Arc;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, StatusCode};
use jiff::Timestamp;
use tokio::time::Instant;

use super::Omf;
use super::draft::{Draft, of_post, of_put};
use super::gate::{Caller, Intent};
use super::identity::not_allowed;
use super::refusal::Refusal;
use super::reply::Reader;
use super::route::Scope;
use super::store::{ACTIVE, CREATING, Connection, DELETED, DELETING, Store};
use super::switches::{
    ClientIdTaken, ClientIdsFreed, CreateReply, DeleteAgain, DeleteReply, DeleteWhileCreating, DeletedGet,
    ListOrder, Pace, PutUnderWay,
};
use crate::emulator::faults::Distortion;
use crate::emulator::switches::Answered;

/// A request for one namespace's connections, and whose it is.
pub(super) struct Asked<'a> {
    pub(super) omf: &'a Omf,
    pub(super) switches: &'a Answered,
    pub(super) caller: &'a Caller,
    pub(super) scope: &'a Scope,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
    pub(super) distortion: Option<&'a Distortion>,
}

impl Asked<'_> {
    /// What is asked of the collection.
    pub(super) fn of_all(&self, method: &Method) -> Result<Response, Refusal> {
        match *method {
            Method::GET => self.list(),
            Method::POST => self.create(),
            _ => Err(not_allowed(method)),
        }
    }

    /// What is asked of the connection with this id.
    pub(super) fn of_one(&self, method: &Method, id: &str) -> Result<Response, Refusal> {
        match *method {
            Method::GET => self.get(id),
            Method::PUT => self.update(id),
            Method::DELETE => self.delete(id),
            _ => Err(not_allowed(method)),
        }
    }

    fn list(&self) -> Result<Response, Refusal> {
        let (ago, writes) = match self.distortion {
            Some(Distortion::Stale { milliseconds, writes }) => {
                (Duration::from_millis(*milliseconds), *writes)
            }
            _ => (Duration::ZERO, 0),
        };
        let mut listed =
            self.within(Intent::Read, |connections, now| Ok(connections.as_it_was(ago, writes, now)))?;
        match self.switches.choice() {
            ListOrder::Created => {}
            ListOrder::Name => listed.sort_by(|left, right| left.name.cmp(&right.name)),
            ListOrder::Shuffled => self.omf.context.identifiers.shuffle(&mut listed),
        }
        if let Some(Distortion::Shrunk { keep, without }) = self.distortion {
            let misses = |connection: &Connection| {
                without.iter().any(|word| connection.name.as_ref() == Some(word) || connection.id == *word)
            };
            listed.retain(|connection| !misses(connection));
            listed.truncate(keep.unwrap_or(listed.len()));
        }
        Ok(Reader::new(self.switches).list(&listed))
    }

    /// 202 with the connection, which is Creating.
    fn create(&self) -> Result<Response, Refusal> {
        let created = self.within(Intent::Write, |connections, now| {
            let draft = of_post(self.headers, self.body, self.switches)?;
            self.check_client_ids_are_free(connections, &draft, None)?;
            let connection = Connection {
                place: connections.next_place(),
                id: self.omf.context.identifiers.uuid(),
                name: draft.name,
                state: Some(CREATING.to_owned()),
                description: draft.description,
                created_date: Some(with_seven_digits(self.omf.context.clock.now())),
                client_ids: draft.client_ids.into(),
                further: serde_json::Map::new(),
            };
            Ok(connections.begin(connection, now))
        })?;
        let mut shown = (*created).clone();
        if self.switches.choice::<CreateReply>() == CreateReply::Active {
            shown.state = Some(ACTIVE.to_owned());
        }
        Ok(Reader::new(self.switches).one(StatusCode::ACCEPTED, &shown))
    }

    fn get(&self, id: &str) -> Result<Response, Refusal> {
        let found = self.within(Intent::Read, |connections, _| found(connections, id))?;
        if found.is(DELETED) && self.switches.choice::<DeletedGet>() == DeletedGet::NotFound {
            return Err(no_connection(id));
        }
        Ok(Reader::new(self.switches).one(StatusCode::OK, &found))
    }

    /// 200 with the connection: everything is replaced.
    fn update(&self, id: &str) -> Result<Response, Refusal> {
        let updated = self.within(Intent::Write, |connections, now| {
            let present = found(connections, id)?;
            let draft = of_put(self.headers, self.body, self.switches)?;
            let rests = ![CREATING, DELETING, DELETED].iter().any(|state| present.is(state));
            match self.switches.choice() {
                PutUnderWay::BadRequest if !rests => {
                    return Err(under_way(StatusCode::BAD_REQUEST, &present));
                }
                PutUnderWay::Conflict if !rests => return Err(under_way(StatusCode::CONFLICT, &present)),
                _ => {}
            }
            self.check_client_ids_are_free(connections, &draft, Some(present.place))?;
            Ok(connections.write(
                Connection {
                    name: draft.name,
                    description: draft.description,
                    client_ids: draft.client_ids.into(),
                    ..(*present).clone()
                },
                now,
            ))
        })?;
        Ok(Reader::new(self.switches).one(StatusCode::OK, &updated))
    }

    /// 202: the connection is Deleting.
    fn delete(&self, id: &str) -> Result<Response, Refusal> {
        let deleted = self.within(Intent::Write, |connections, now| {
            let present = found(connections, id)?;
            if present.is(DELETING) || present.is(DELETED) {
                return match self.switches.choice() {
                    DeleteAgain::Accepted => Ok(present),
                    DeleteAgain::BadRequest => Err(under_way(StatusCode::BAD_REQUEST, &present)),
                    DeleteAgain::NotFound => Err(no_connection(id)),
                };
            }
            match self.switches.choice() {
                DeleteWhileCreating::BadRequest if present.is(CREATING) => {
                    return Err(under_way(StatusCode::BAD_REQUEST, &present));
                }
                DeleteWhileCreating::Conflict if present.is(CREATING) => {
                    return Err(under_way(StatusCode::CONFLICT, &present));
                }
                _ => {}
            }
            let deleting = Connection { state: Some(DELETING.to_owned()), ..(*present).clone() };
            Ok(connections.begin(deleting, now))
        })?;
        Ok(match self.switches.choice() {
            DeleteReply::Connection => Reader::new(self.switches).one(StatusCode::ACCEPTED, &deleted),
            DeleteReply::Empty => StatusCode::ACCEPTED.into_response(),
        })
    }

    /// Does this with the namespace's connections as they are by now.
    fn within<T>(
        &self,
        intent: Intent,
        act: impl FnOnce(&mut Store, Instant) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let mut hub = self.omf.lock();
        let namespace = self.caller.enter(self.scope, intent, &mut hub, self.switches)?;
        let now = Instant::now();
        namespace.connections.settle(&Pace::new(self.switches), now);
        act(&mut namespace.connections, now)
    }

    /// A client id may be in one connection of a namespace.
    fn check_client_ids_are_free(
        &self,
        connections: &Store,
        draft: &Draft,
        but: Option<u64>,
    ) -> Result<(), Refusal> {
        let freed = self.switches.choice::<ClientIdsFreed>();
        let holds = |connection: &Connection| match freed {
            ClientIdsFreed::WhenGone => true,
            ClientIdsFreed::WhenDeleted => !connection.is(DELETED),
            ClientIdsFreed::AtOnce => !connection.is(DELETED) && !connection.is(DELETING),
        };
        let taken = draft.client_ids.iter().find_map(|id| {
            let mut holders = connections.holders_of(id, but);
            holders.find(|holder| holds(holder)).map(|holder| (id, holder))
        });
        let Some((client_id, holder)) = taken else { return Ok(()) };
        let status = match self.switches.choice() {
            ClientIdTaken::BadRequest => StatusCode::BAD_REQUEST,
            ClientIdTaken::Conflict => StatusCode::CONFLICT,
        };
        Err(Refusal::new(
            status,
            "The client is mapped to another OMF connection.",
            format!("The client {client_id} is mapped to the OMF connection {} already.", holder.id),
            "Remove the client from that connection first.",
        )
        .with("ClientId", client_id)
        .with("OmfConnectionId", &holder.id))
    }
}

fn found(connections: &Store, id: &str) -> Result<Arc<Connection>, Refusal> {
    connections.find(id).cloned().ok_or_else(|| no_connection(id))
}

fn no_connection(id: &str) -> Refusal {
    Refusal::not_found("OMF connection", "OmfConnectionId", id)
}

fn under_way(status: StatusCode, connection: &Connection) -> Refusal {
    let state = connection.state.as_deref().unwrap_or_default();
    let reason = format!("The OMF connection is {state}.");
    Refusal::new(status, "The OMF connection cannot be changed now.", reason, "Wait until it is Active.")
        .with("OmfConnectionId", &connection.id)
        .with("State", state)
}

/// A date as this vendor prints it: RFC 3339 in UTC with seven digits after the second.
pub(super) fn with_seven_digits(at: Timestamp) -> String {
    format!("{at:.7}")
}
