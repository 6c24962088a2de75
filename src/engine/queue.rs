//! What is to be reconciled next. Pure: no IO, no clock of its own.
//!
//! Every key has one slot, so no object is ever reconciled twice at once, and a wake while it runs is not lost. Keys wait in
//! lanes, one an account: a lane can be held (the vendor said 429) and bounds how many of its keys run at once. Among keys
//! that are due, the one that has waited longest goes first, whatever lane it is in.

use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// Why a key is woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The object itself changed: any back-off is over.
    Changed,
    /// Something that it depends on changed: any back-off is over.
    Dependency,
    /// Its remote object changed: a back-off is respected.
    Remote,
}

impl Cause {
    /// For a trace.
    pub fn word(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Dependency => "dependency",
            Self::Remote => "remote",
        }
    }
}

/// What a finished reconcile asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Nothing until it is woken.
    Wait,
    /// Again after this time, unless woken before.
    After(Duration),
    /// It failed: again after a pause that grows with each failure in a row.
    BackOff,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    Due(Instant, u64),
    Running { woken: Option<Cause> },
}

#[derive(Debug)]
struct Slot<L> {
    state: State,
    lane: L,
    cause: Option<Cause>,
    failures: u32,
    not_before: Option<Instant>,
}

#[derive(Debug)]
struct Lane<K> {
    due: BTreeMap<(Instant, u64), K>,
    held_until: Option<Instant>,
    running: usize,
}

impl<K> Default for Lane<K> {
    fn default() -> Self {
        Self { due: BTreeMap::new(), held_until: None, running: 0 }
    }
}

impl<K> Lane<K> {
    /// When its first key may run, by the lane's own rules; `None` while it is full or empty.
    fn head(&self, at_most: usize) -> Option<(Instant, u64)> {
        let (at, sequence) = *self.due.keys().next()?;
        let at = self.held_until.map_or(at, |held| at.max(held));
        (self.running < at_most).then_some((at, sequence))
    }
}

/// See the module. `K` is what is reconciled, `L` the lane that it goes in.
#[derive(Debug)]
pub struct Queue<K, L> {
    slots: BTreeMap<K, Slot<L>>,
    lanes: BTreeMap<L, Lane<K>>,
    at_most_in_lane: usize,
    sequence: u64,
    jitter: fastrand::Rng,
}

const FIRST_BACK_OFF: Duration = Duration::from_secs(2);
const LONGEST_BACK_OFF: Duration = Duration::from_mins(5);

impl<K: Ord + Clone, L: Ord + Clone> Queue<K, L> {
    /// An empty queue in which at most `at_most_in_lane` keys of a lane run at once.
    pub fn new(at_most_in_lane: usize, seed: u64) -> Self {
        Self {
            slots: BTreeMap::new(),
            lanes: BTreeMap::new(),
            at_most_in_lane,
            sequence: 0,
            jitter: fastrand::Rng::with_seed(seed),
        }
    }

    /// Makes `key` due. Where it runs already, it runs once more afterwards.
    pub fn wake(&mut self, key: &K, lane: &L, cause: Cause, now: Instant) {
        let slot = self.slot(key, lane);
        if cause != Cause::Remote {
            slot.failures = 0;
            slot.not_before = None;
        }
        let at = slot.not_before.map_or(now, |not_before| not_before.max(now));
        if let State::Running { woken } = slot.state {
            slot.state = State::Running { woken: Some(stronger(woken, cause)) };
            return;
        }
        slot.cause = Some(stronger(slot.cause, cause));
        match slot.state {
            State::Due(due, _) if due <= at => {}
            _ => self.schedule(key, at),
        }
    }

    /// Why a key runs, or is due; `None` where its timer ran out.
    pub fn cause_of(&self, key: &K) -> Option<Cause> {
        self.slots.get(key)?.cause
    }

    /// Whether `key` runs now.
    pub fn is_running(&self, key: &K) -> bool {
        self.slots.get(key).is_some_and(|slot| matches!(slot.state, State::Running { .. }))
    }

    /// Takes the next key that may run, and marks it running.
    pub fn pop(&mut self, now: Instant) -> Option<K> {
        let at_most = self.at_most_in_lane;
        let lane = self
            .lanes
            .values_mut()
            .filter_map(|lane| lane.head(at_most).map(|head| (head, lane)))
            .filter(|((at, _), _)| *at <= now)
            .min_by_key(|(head, _)| *head)?
            .1;
        let (_, key) = lane.due.pop_first()?;
        lane.running += 1;
        if let Some(slot) = self.slots.get_mut(&key) {
            slot.state = State::Running { woken: None };
        }
        Some(key)
    }

    /// Takes back a key that ran.
    pub fn done(&mut self, key: &K, next: Next, now: Instant) {
        let Some(slot) = self.slots.get_mut(key) else { return };
        let State::Running { woken } = slot.state else { return };
        slot.state = State::Idle;
        slot.cause = None;
        if let Some(lane) = self.lanes.get_mut(&slot.lane) {
            lane.running -= 1;
        }
        let later = match next {
            Next::Wait => {
                slot.failures = 0;
                slot.not_before = None;
                None
            }
            Next::After(pause) => {
                slot.failures = 0;
                slot.not_before = None;
                Some(now + pause)
            }
            Next::BackOff => {
                let doubled = FIRST_BACK_OFF.saturating_mul(1 << slot.failures.min(10)).min(LONGEST_BACK_OFF);
                slot.failures += 1;
                let at = now + doubled.mul_f64(0.75 + 0.5 * self.jitter.f64());
                slot.not_before = Some(at);
                Some(at)
            }
        };
        if let Some(later) = later {
            self.schedule(key, later);
        }
        if let Some(cause) = woken {
            let lane = self.slots[key].lane.clone();
            self.wake(key, &lane, cause, now);
        }
    }

    /// Forgets a key that is no more. One that runs stays: whoever ends it asks again.
    pub fn forget(&mut self, key: &K) {
        let Some(slot) = self.slots.get(key) else { return };
        match slot.state {
            State::Running { .. } => return,
            State::Due(at, sequence) => {
                if let Some(lane) = self.lanes.get_mut(&slot.lane) {
                    lane.due.remove(&(at, sequence));
                }
            }
            State::Idle => {}
        }
        self.slots.remove(key);
    }

    /// Lets no key of the lane run before `until`.
    pub fn hold(&mut self, lane: &L, until: Instant) {
        let lane = self.lanes.entry(lane.clone()).or_default();
        lane.held_until = Some(lane.held_until.map_or(until, |held| held.max(until)));
    }

    /// Until when no key of the lane may run; it may be over.
    pub fn held_until(&self, lane: &L) -> Option<Instant> {
        self.lanes.get(lane)?.held_until
    }

    /// When the next key may run; `None` where only a wake or a finished key can change that.
    pub fn next_due(&self) -> Option<Instant> {
        self.lanes.values().filter_map(|lane| lane.head(self.at_most_in_lane)).map(|(at, _)| at).min()
    }

    /// How many keys wait to run at `now`, for the metric.
    pub fn depth(&self, now: Instant) -> usize {
        self.lanes.values().map(|lane| lane.due.keys().take_while(|(at, _)| *at <= now).count()).sum()
    }

    /// The slot of a key, moved to `lane` where it was in another and does not run.
    fn slot(&mut self, key: &K, lane: &L) -> &mut Slot<L> {
        let moved = match self.slots.get(key) {
            Some(slot) if slot.lane != *lane => match slot.state {
                State::Due(at, sequence) => {
                    if let Some(old) = self.lanes.get_mut(&slot.lane) {
                        old.due.remove(&(at, sequence));
                    }
                    self.lanes.entry(lane.clone()).or_default().due.insert((at, sequence), key.clone());
                    true
                }
                State::Idle => true,
                State::Running { .. } => false,
            },
            _ => false,
        };
        let slot = self.slots.entry(key.clone()).or_insert_with(|| Slot {
            state: State::Idle,
            lane: lane.clone(),
            cause: None,
            failures: 0,
            not_before: None,
        });
        if moved {
            slot.lane = lane.clone();
        }
        slot
    }

    fn schedule(&mut self, key: &K, at: Instant) {
        let Some(slot) = self.slots.get_mut(key) else { return };
        let lane = self.lanes.entry(slot.lane.clone()).or_default();
        if let State::Due(due, sequence) = slot.state {
            lane.due.remove(&(due, sequence));
        }
        self.sequence += 1;
        slot.state = State::Due(at, self.sequence);
        lane.due.insert((at, self.sequence), key.clone());
    }
}

/// Of two causes the one that says more; of two alike the earlier.
fn stronger(earlier: Option<Cause>, cause: Cause) -> Cause {
    earlier.filter(|earlier| *earlier != Cause::Remote).unwrap_or(cause)
}

#[cfg(test)]
mod tests;
