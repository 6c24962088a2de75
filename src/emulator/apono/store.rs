//! The connectors of one organisation, by id and with their past.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::state::Connector;
use crate::emulator::history::History;

/// The connectors, in the order in which they registered.
#[derive(Debug, Default)]
pub(super) struct Store {
    connectors: History<Connector>,
    places: HashMap<String, u64>,
}

impl Store {
    pub(super) fn find(&self, id: &str) -> Option<&Arc<Connector>> {
        self.places.get(id).and_then(|place| self.connectors.get(*place))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Connector>> {
        self.connectors.iter()
    }

    /// The connectors as they were `ago`, and before the last `writes`.
    pub(super) fn as_it_was(&self, ago: Duration, writes: usize, now: Instant) -> Vec<Arc<Connector>> {
        self.connectors.as_it_was(ago, writes, now)
    }

    /// The place of a connector that registers now.
    pub(super) fn next_place(&mut self) -> u64 {
        self.connectors.next_id()
    }

    /// Adds this connector, or replaces the one of its place.
    pub(super) fn put(&mut self, connector: Connector, now: Instant) -> Arc<Connector> {
        let connector = Arc::new(connector);
        if let Some(before) = self.connectors.put(connector.place, Arc::clone(&connector), now) {
            self.places.remove(&before.id);
        }
        self.places.insert(connector.id.clone(), connector.place);
        connector
    }

    /// Changes a connector in a way that is no write: a list that lags by writes does not count it.
    pub(super) fn touch(&mut self, id: &str, change: impl FnOnce(&mut Connector), now: Instant) {
        let Some(mut next) = self.find(id).map(|present| Connector::clone(present)) else { return };
        change(&mut next);
        self.connectors.pass(next.place, Some(Arc::new(next)), now);
    }

    pub(super) fn remove(&mut self, id: &str, now: Instant) -> Option<Arc<Connector>> {
        let place = self.places.remove(id)?;
        self.connectors.remove(place, now)
    }
}
