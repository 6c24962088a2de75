//! The items that an organisation has at a vendor, oldest first, with enough of their past for a list that lags.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

/// How many changes back a list can lag.
const MOST_CHANGES: usize = 50_000;

/// Items by a number that counts up with their creation.
#[derive(Debug)]
pub(super) struct History<T> {
    items: BTreeMap<u64, Arc<T>>,
    past: VecDeque<Change<T>>,
    last_id: u64,
}

/// How to undo one change.
#[derive(Debug)]
struct Change<T> {
    at: Instant,
    id: u64,
    before: Option<Arc<T>>,
    /// Whether somebody wrote, and not only time passed.
    written: bool,
}

impl<T> Default for History<T> {
    fn default() -> Self {
        Self { items: BTreeMap::new(), past: VecDeque::new(), last_id: 0 }
    }
}

impl<T> History<T> {
    pub(super) fn get(&self, id: u64) -> Option<&Arc<T>> {
        self.items.get(&id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<T>> {
        self.items.values()
    }

    /// The items as they were `ago`, and before the last `writes`.
    pub(super) fn as_it_was(&self, ago: Duration, writes: usize, now: Instant) -> Vec<Arc<T>> {
        let mut view = self.items.clone();
        let mut undone = 0;
        for change in self.past.iter().rev() {
            if undone >= writes && now.duration_since(change.at) >= ago {
                break;
            }
            undone += usize::from(change.written);
            match &change.before {
                Some(before) => view.insert(change.id, Arc::clone(before)),
                None => view.remove(&change.id),
            };
        }
        view.into_values().collect()
    }

    /// An id that no item has had.
    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Adds this item, or replaces the one of this id, which is returned.
    pub(super) fn put(&mut self, id: u64, item: Arc<T>, now: Instant) -> Option<Arc<T>> {
        self.last_id = self.last_id.max(id);
        let before = self.items.insert(id, item);
        self.remember(Change { at: now, id, before: before.clone(), written: true });
        before
    }

    /// What time alone has made of this item; none: nothing. No write, but a list that lags lags behind it too.
    pub(super) fn pass(&mut self, id: u64, item: Option<Arc<T>>, at: Instant) {
        let before = match item {
            Some(item) => self.items.insert(id, item),
            None => self.items.remove(&id),
        };
        self.remember(Change { at, id, before, written: false });
    }

    /// Removes the item of this id, which is returned.
    pub(super) fn remove(&mut self, id: u64, now: Instant) -> Option<Arc<T>> {
        let before = self.items.remove(&id)?;
        self.remember(Change { at: now, id, before: Some(Arc::clone(&before)), written: true });
        Some(before)
    }

    fn remember(&mut self, change: Change<T>) {
        if self.past.len() == MOST_CHANGES {
            self.past.pop_front();
        }
        self.past.push_back(change);
    }
}
