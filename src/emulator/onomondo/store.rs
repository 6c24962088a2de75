//! The connectors of one organisation, by name and with their past.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::emulator::history::History;

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
    connectors: History<Connector>,
    names: BTreeMap<String, BTreeSet<u64>>,
}

impl Store {
    /// The oldest connector of this name.
    pub(super) fn find(&self, name: &str) -> Option<&Arc<Connector>> {
        self.names.get(name)?.first().and_then(|id| self.connectors.get(*id))
    }

    pub(super) fn holds(&self, id: u64) -> bool {
        self.connectors.get(id).is_some()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Connector>> {
        self.connectors.iter()
    }

    /// The connectors as they were `ago`, and before the last `writes`.
    pub(super) fn as_it_was(&self, ago: Duration, writes: usize, now: Instant) -> Vec<Arc<Connector>> {
        self.connectors.as_it_was(ago, writes, now)
    }

    /// An id that no connector has had.
    pub(super) fn next_id(&mut self) -> u64 {
        self.connectors.next_id()
    }

    /// Adds this connector, or replaces the one of its id.
    pub(super) fn put(&mut self, connector: Connector, now: Instant) -> Arc<Connector> {
        let connector = Arc::new(connector);
        if let Some(before) = self.connectors.put(connector.id, Arc::clone(&connector), now) {
            self.forget_name(&before);
        }
        self.names.entry(connector.name.clone()).or_default().insert(connector.id);
        connector
    }

    pub(super) fn remove(&mut self, id: u64, now: Instant) {
        if let Some(before) = self.connectors.remove(id, now) {
            self.forget_name(&before);
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
}
