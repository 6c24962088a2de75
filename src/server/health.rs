//! Alive and ready, as numbers in memory. Written by whoever knows, read by the server.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// A run loop that says nothing for this long is taken for stuck; it should beat at least every 10 seconds.
const LONGEST_SILENCE: Duration = Duration::from_mins(1);

/// The sign of life of the run loop. Cheap to clone. Until the first beat, as in a replica that waits for the lease, and after
/// [`Heartbeat::rest`] nothing is expected.
#[derive(Debug, Clone, Default)]
pub struct Heartbeat(Arc<Mutex<Option<Instant>>>);

impl Heartbeat {
    /// The loop moved. From now on it is expected to go on doing so.
    pub fn beat(&self) {
        *lock(&self.0) = Some(Instant::now());
    }

    /// The loop ended and will not beat again.
    pub fn rest(&self) {
        *lock(&self.0) = None;
    }

    /// How long the loop has been silent, where that is too long.
    pub(super) fn silent_for(&self) -> Option<Duration> {
        let last = (*lock(&self.0))?;
        Some(last.elapsed()).filter(|silence| *silence > LONGEST_SILENCE)
    }
}

/// What must be true before the process counts as ready: named conditions, all of them. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<Mutex<BTreeMap<String, bool>>>);

impl Readiness {
    /// Adds a condition that is not met yet, such as "onomondoconnectors listed". The same name again is the same condition.
    pub fn condition(&self, name: impl Into<String>) -> Condition {
        let condition = Condition { name: name.into(), readiness: self.clone() };
        condition.set(false);
        condition
    }

    /// The names of the conditions that are not met, sorted.
    pub fn missing(&self) -> Vec<String> {
        let conditions = lock(&self.0);
        conditions.iter().filter(|(_, met)| !**met).map(|(name, _)| name.clone()).collect()
    }
}

/// One condition of [`Readiness`].
#[derive(Debug, Clone)]
pub struct Condition {
    name: String,
    readiness: Readiness,
}

impl Condition {
    /// Says whether it is met.
    pub fn set(&self, met: bool) {
        lock(&self.readiness.0).insert(self.name.clone(), met);
    }
}

/// No code that can panic runs under these locks, so what a poisoned one holds is still whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
