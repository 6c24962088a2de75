//! The loop breaker: notices a field that never becomes what we write. Pure.
//!
//! Such a field belongs to somebody else: to a vendor that normalises, or to a second cluster that manages the same object. Writing
//! it for ever would only be noise, so after three lists that each came after our write and still differ, it is left alone. Whoever sets it back
//! does so at intervals of their own, and lists in between agree; but what held for an hour is no such quarrel, and the next one who changes it is corrected as
//! the first one was. Time is passed in.

use super::report::planned;
use super::vendor::Change;
use crate::api::PlannedChange;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// How many lists after our own writes have to disagree.
const PATIENCE: u32 = 3;
/// What we wrote was in place when it held for so long.
const IN_PLACE: Duration = Duration::from_hours(1);

#[derive(Debug)]
struct Attempt {
    /// What we wrote; `None` also stands for every secret.
    value: Option<String>,
    /// The number of the newest list when we wrote it last.
    written_after: u64,
    /// When that was.
    written_at: Instant,
    /// Whether no list has come since.
    pending: bool,
    disagreed: u32,
}

/// What was written to one object, and how often that did not last.
#[derive(Debug, Default)]
pub struct Convergence {
    attempts: BTreeMap<&'static str, Attempt>,
    /// What the process before this one wrote in vain, as it stands in the status.
    inherited: Vec<PlannedChange>,
}

impl Convergence {
    /// Takes over what the status says was written in vain before this process started.
    pub fn inheriting(stuck: &[PlannedChange]) -> Self {
        Self { inherited: stuck.to_vec(), ..Self::default() }
    }

    /// Notes that `changes` were written when `lists` complete lists had come.
    pub fn wrote(&mut self, changes: &[Change], lists: u64, now: Instant) {
        for change in changes {
            let attempt = self.attempts.entry(change.field).or_insert_with(|| Attempt {
                value: change.to.clone(),
                written_after: lists,
                written_at: now,
                pending: true,
                disagreed: 0,
            });
            if attempt.value != change.to {
                attempt.value.clone_from(&change.to);
                attempt.disagreed = 0;
            }
            attempt.written_after = lists;
            attempt.written_at = now;
            attempt.pending = true;
        }
    }

    /// Compares what list number `list` shows with what was written. 0 is no list but our own write's echo.
    pub fn saw(&mut self, changes: &[Change], list: u64, now: Instant) {
        if list > 0 {
            self.inherited.retain(|stuck| changes.iter().any(|change| is_about(stuck, change)));
        }
        self.attempts.retain(|field, attempt| {
            if list <= attempt.written_after {
                return true;
            }
            let differs = changes.iter().any(|change| change.field == *field && change.to == attempt.value);
            if differs && attempt.pending {
                let was_in_place = now.saturating_duration_since(attempt.written_at) >= IN_PLACE;
                attempt.disagreed = if was_in_place { 1 } else { attempt.disagreed + 1 };
                attempt.pending = false;
            }
            differs
        });
    }

    /// Whether that change has been written in vain often enough.
    pub fn is_stuck(&self, change: &Change) -> bool {
        let in_vain = |attempt: &Attempt| attempt.value == change.to && attempt.disagreed >= PATIENCE;
        self.attempts.get(change.field).is_some_and(in_vain)
            || self.inherited.iter().any(|stuck| is_about(stuck, change))
    }
}

/// Whether it is the same field that was to become the same. What the vendor makes of it may be another thing each time.
fn is_about(stuck: &PlannedChange, change: &Change) -> bool {
    planned(std::slice::from_ref(change)).iter().any(|one| (&one.field, &one.to) == (&stuck.field, &stuck.to))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(to: &str) -> Change {
        Change::shown("options.port", Some("443".into()), Some(to.into()))
    }

    #[test]
    fn three_lists_that_disagree_after_our_writes_are_enough() {
        let (mut convergence, now) = (Convergence::default(), Instant::now());
        let change = port("8883");
        for list in 1..=3 {
            assert!(!convergence.is_stuck(&change), "before list {list}");
            convergence.wrote(std::slice::from_ref(&change), list - 1, now);
            convergence.saw(std::slice::from_ref(&change), list, now);
        }
        assert!(convergence.is_stuck(&change));
        assert!(!convergence.is_stuck(&port("1883")), "another value has not been tried");
    }

    #[test]
    fn who_sets_it_back_once_a_week_is_corrected_for_ever_and_who_does_each_half_hour_is_not() {
        const WEEK: Duration = Duration::from_hours(168);
        for (pause, gives_up) in [(WEEK, false), (Duration::from_mins(30), true)] {
            let (mut convergence, start) = (Convergence::default(), Instant::now());
            let change = port("8883");
            for turn in 1..=5 {
                let now = start + pause * turn;
                convergence.saw(std::slice::from_ref(&change), u64::from(turn), now);
                convergence.wrote(std::slice::from_ref(&change), u64::from(turn), now);
            }
            assert_eq!(convergence.is_stuck(&change), gives_up, "every {pause:?}");
        }
    }

    #[test]
    fn lists_between_two_writes_count_once_and_an_echo_not_at_all() {
        let (mut convergence, now) = (Convergence::default(), Instant::now());
        let change = port("8883");
        convergence.wrote(std::slice::from_ref(&change), 1, now);
        for list in [0, 1, 2, 3, 4, 5] {
            convergence.saw(std::slice::from_ref(&change), list, now);
        }
        assert!(!convergence.is_stuck(&change));
    }

    #[test]
    fn one_list_that_agrees_starts_afresh() {
        let (mut convergence, now) = (Convergence::default(), Instant::now());
        let change = port("8883");
        for list in 1..=2 {
            convergence.wrote(std::slice::from_ref(&change), list - 1, now);
            convergence.saw(std::slice::from_ref(&change), list, now);
        }
        convergence.saw(&[], 3, now);
        convergence.wrote(std::slice::from_ref(&change), 3, now);
        convergence.saw(std::slice::from_ref(&change), 4, now);
        assert!(!convergence.is_stuck(&change));
    }

    #[test]
    fn what_was_stuck_before_a_restart_stays_so_until_a_list_agrees() {
        let stuck = [port("8883"), Change::of_secret("options.key")];
        let (mut convergence, now) = (Convergence::inheriting(&planned(&stuck)), Instant::now());
        assert!(stuck.iter().all(|change| convergence.is_stuck(change)));
        assert!(!convergence.is_stuck(&port("1883")), "another value has not been tried");
        convergence.saw(&[], 0, now);
        assert!(convergence.is_stuck(&stuck[0]), "an echo is no list");
        convergence.saw(&stuck[..1], 1, now);
        assert!(convergence.is_stuck(&stuck[0]));
        assert!(!convergence.is_stuck(&stuck[1]), "the list agreed on it");
    }
}
