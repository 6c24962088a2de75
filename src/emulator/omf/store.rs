//! The connections of one namespace: who holds which client id, and what is under way. It works in tokio's time, and knows
//! no switch but the [`Pace`].

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::time::Instant;

use super::switches::Pace;
use crate::emulator::history::History;

/// The states that the documents name.
pub(super) const CREATING: &str = "Creating";
pub(super) const ACTIVE: &str = "Active";
pub(super) const DELETING: &str = "Deleting";
pub(super) const DELETED: &str = "Deleted";

/// A connection as the vendor keeps it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Connection {
    /// Its place in the order of creation.
    pub(super) place: u64,
    pub(super) id: String,
    pub(super) name: Option<String>,
    /// One of the four, or through the controls any other.
    pub(super) state: Option<String>,
    pub(super) description: Option<String>,
    /// As it is printed.
    pub(super) created_date: Option<String>,
    pub(super) client_ids: Arc<[String]>,
    /// Members that no document names, put there through the controls.
    pub(super) further: Map<String, Value>,
}

impl Connection {
    pub(super) fn is(&self, state: &str) -> bool {
        self.state.as_deref() == Some(state)
    }
}

/// The connections, oldest first.
#[derive(Debug, Default)]
pub(super) struct Store {
    history: History<Connection>,
    /// By id in lower case.
    ids: HashMap<String, u64>,
    /// Client id in lower case, and the place of a connection that has it.
    holders: BTreeSet<(Box<str>, u64)>,
    /// Since when a connection is in a state that passes by itself.
    under_way: BTreeMap<u64, Instant>,
}

/// A state's end: when, of which connection, and what comes then; none: it is gone.
type Step = (Instant, u64, Option<&'static str>);

impl Store {
    /// By id, without case.
    pub(super) fn find(&self, id: &str) -> Option<&Arc<Connection>> {
        self.ids.get(&id.to_lowercase()).and_then(|place| self.history.get(*place))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Connection>> {
        self.history.iter()
    }

    /// The connections, other than `but`, that have this client id in whatever case.
    pub(super) fn holders_of(
        &self,
        client_id: &str,
        but: Option<u64>,
    ) -> impl Iterator<Item = &Arc<Connection>> {
        let id = Box::<str>::from(client_id.to_lowercase());
        let holders = self.holders.range((id.clone(), 0)..=(id, u64::MAX)).map(|(_, place)| *place);
        holders.filter(move |place| Some(*place) != but).filter_map(|place| self.history.get(place))
    }

    /// The connections as they were `ago`, and before the last `writes`.
    pub(super) fn as_it_was(&self, ago: Duration, writes: usize, now: Instant) -> Vec<Arc<Connection>> {
        self.history.as_it_was(ago, writes, now)
    }

    /// A place that no connection has had.
    pub(super) fn next_place(&mut self) -> u64 {
        self.history.next_id()
    }

    /// Adds this connection, or replaces the one of its place. Its state stays until something changes it.
    pub(super) fn put(&mut self, connection: Connection, now: Instant) -> Arc<Connection> {
        self.under_way.remove(&connection.place);
        self.write(connection, now)
    }

    /// Adds this connection, or replaces the one of its place, in a state that passes by itself.
    pub(super) fn begin(&mut self, connection: Connection, now: Instant) -> Arc<Connection> {
        self.under_way.insert(connection.place, now);
        self.write(connection, now)
    }

    /// Replaces the connection of this place with one in the same state, which goes on as before.
    pub(super) fn write(&mut self, connection: Connection, now: Instant) -> Arc<Connection> {
        let connection = Arc::new(connection);
        let before = self.history.put(connection.place, Arc::clone(&connection), now);
        if let Some(before) = &before {
            self.forget(before);
        }
        let ids = connection.client_ids.iter().map(|id| (id.to_lowercase().into(), connection.place));
        self.holders.extend(ids);
        self.ids.insert(connection.id.to_lowercase(), connection.place);
        connection
    }

    pub(super) fn remove(&mut self, place: u64, now: Instant) {
        self.under_way.remove(&place);
        if let Some(before) = self.history.remove(place, now) {
            self.forget(&before);
        }
    }

    /// Lets the states pass whose time is over.
    pub(super) fn settle(&mut self, pace: &Pace, now: Instant) {
        let mut steps = Vec::<Step>::new();
        for (place, since) in &self.under_way {
            let mut state = self.history.get(*place).and_then(|connection| connection.state.as_deref());
            let mut since = *since;
            while let Some((next, at)) =
                state.and_then(|state| after(state, since, pace)).filter(|(_, at)| *at <= now)
            {
                steps.push((at, *place, next));
                (state, since) = (next, at);
            }
        }
        steps.sort_by_key(|(at, place, _)| (*at, *place));
        for step in steps {
            self.pass(step);
        }
    }

    /// Lets every state that passes pass at once, also those that were put there.
    pub(super) fn finish(&mut self, now: Instant) {
        let passing = self.iter().filter_map(|connection| match connection.state.as_deref() {
            Some(CREATING) => Some((now, connection.place, Some(ACTIVE))),
            Some(DELETING | DELETED) => Some((now, connection.place, None)),
            _ => None,
        });
        for step in passing.collect::<Vec<_>>() {
            self.pass(step);
        }
    }

    fn pass(&mut self, (at, place, state): Step) {
        self.under_way.remove(&place);
        let Some(before) = self.history.get(place).cloned() else { return };
        let Some(state) = state else {
            self.forget(&before);
            return self.history.pass(place, None, at);
        };
        let next = Connection { state: Some(state.to_owned()), ..(*before).clone() };
        self.history.pass(place, Some(Arc::new(next)), at);
        if state != ACTIVE {
            self.under_way.insert(place, at);
        }
    }

    fn forget(&mut self, connection: &Connection) {
        self.ids.remove(&connection.id.to_lowercase());
        for id in &*connection.client_ids {
            self.holders.remove(&(id.to_lowercase().into(), connection.place));
        }
    }
}

/// What comes after this state, and when. The inner none: the connection is gone.
fn after(state: &str, since: Instant, pace: &Pace) -> Option<(Option<&'static str>, Instant)> {
    let (next, lasts) = match state {
        CREATING => (Some(ACTIVE), pace.creating),
        DELETING => (pace.shows_deleted.then_some(DELETED), pace.deleting),
        DELETED => (None, pace.deleted),
        _ => return None,
    };
    Some((next, since + lasts?))
}
