//! The connectors of one organisation, with enough of their past for a list that lags.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};
use tokio::time::Instant;

/// How many writes back a list can lag.
const MOST_CHANGES: usize = 50_000;

/// A connector as the vendor keeps it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Connector {
    pub(super) id: u64,
    pub(super) uuid: String,
    pub(super) name: String,
    pub(super) type_name: String,
    /// Objects, as written.
    pub(super) passthrough: Vec<Value>,
    /// UUIDs.
    pub(super) tags: Vec<String>,
    /// Those that read back.
    pub(super) options: Map<String, Value>,
    pub(super) secrets: BTreeMap<String, SecretState>,
    /// Fields that no document names, put there through the control API.
    pub(super) further: Map<String, Value>,
}

/// What is kept of a secret: never its value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SecretState {
    /// The SHA-256 of the value in hexadecimal, where one is set. Set without a digest: through the control API.
    pub(super) digest: Option<String>,
    pub(super) is_set: bool,
    pub(super) last_updated_at: Timestamp,
}

/// The connectors, oldest first.
#[derive(Debug, Default)]
pub(super) struct Store {
    connectors: BTreeMap<u64, Arc<Connector>>,
    names: BTreeMap<String, BTreeSet<u64>>,
    past: VecDeque<Change>,
    last_id: u64,
}

/// How to undo one write.
#[derive(Debug)]
struct Change {
    at: Instant,
    id: u64,
    before: Option<Arc<Connector>>,
}

impl Store {
    /// The oldest connector of this name.
    pub(super) fn find(&self, name: &str) -> Option<&Arc<Connector>> {
        self.names.get(name)?.first().and_then(|id| self.connectors.get(id))
    }

    pub(super) fn holds(&self, id: u64) -> bool {
        self.connectors.contains_key(&id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Connector>> {
        self.connectors.values()
    }

    /// The connectors as they were `ago`, and before the last `writes`.
    pub(super) fn as_it_was(&self, ago: Duration, writes: usize, now: Instant) -> Vec<Arc<Connector>> {
        let mut view = self.connectors.clone();
        for (back, change) in self.past.iter().rev().enumerate() {
            if back >= writes && now.duration_since(change.at) >= ago {
                break;
            }
            match &change.before {
                Some(before) => view.insert(change.id, Arc::clone(before)),
                None => view.remove(&change.id),
            };
        }
        view.into_values().collect()
    }

    /// An id that no connector has had.
    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Adds this connector, or replaces the one of its id.
    pub(super) fn put(&mut self, connector: Connector, now: Instant) -> Arc<Connector> {
        self.last_id = self.last_id.max(connector.id);
        let connector = Arc::new(connector);
        let before = self.connectors.insert(connector.id, Arc::clone(&connector));
        if let Some(before) = &before {
            self.forget_name(before);
        }
        self.names.entry(connector.name.clone()).or_default().insert(connector.id);
        self.remember(connector.id, before, now);
        connector
    }

    pub(super) fn remove(&mut self, id: u64, now: Instant) {
        if let Some(before) = self.connectors.remove(&id) {
            self.forget_name(&before);
            self.remember(id, Some(before), now);
        }
    }

    fn forget_name(&mut self, connector: &Connector) {
        if let Some(ids) = self.names.get_mut(&connector.name) {
            ids.remove(&connector.id);
            if ids.is_empty() {
                self.names.remove(&connector.name);
            }
        }
    }

    fn remember(&mut self, id: u64, before: Option<Arc<Connector>>, at: Instant) {
        if self.past.len() == MOST_CHANGES {
            self.past.pop_front();
        }
        self.past.push_back(Change { at, id, before });
    }
}
