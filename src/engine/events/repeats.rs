//! What was said lately, so that it is not said again. Pure: time is passed in.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::time::Instant;

/// How long the same thing is not said again.
const SILENCE: Duration = Duration::from_mins(10);
/// What is remembered; of more, the oldest is forgotten and may be said again.
const MOST_REMEMBERED: usize = 4096;

/// (uid, reason, note) of what was said, as hashes: notes are long, and a collision costs one event.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    hasher: RandomState,
    said: BTreeMap<u64, Instant>,
    order: VecDeque<(Instant, u64)>,
}

impl Repeats {
    /// Whether this was not said within the last ten minutes; then it counts as said now.
    pub(super) fn is_new(&mut self, what: (&str, &str, &str), now: Instant) -> bool {
        self.forget(now);
        let key = self.hasher.hash_one(what);
        if self.said.contains_key(&key) {
            return false;
        }
        self.said.insert(key, now);
        self.order.push_back((now, key));
        true
    }

    fn forget(&mut self, now: Instant) {
        while let Some((at, key)) = self.order.front().copied() {
            if self.order.len() < MOST_REMEMBERED && now < at + SILENCE {
                return;
            }
            self.order.pop_front();
            self.said.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_new_again_after_ten_minutes() {
        let mut repeats = Repeats::default();
        let start = Instant::now();
        let mut is_new =
            |minutes| repeats.is_new(("uid", "Created", "note"), start + Duration::from_mins(minutes));

        assert!(is_new(0));
        assert!(!is_new(9));
        assert!(is_new(10), "hearing it in between must not make it old again");
        assert!(!is_new(19));
    }

    #[test]
    fn another_object_reason_or_note_is_something_else() {
        let mut repeats = Repeats::default();
        let now = Instant::now();
        repeats.is_new(("uid", "Created", "note"), now);

        assert!(repeats.is_new(("other", "Created", "note"), now));
        assert!(repeats.is_new(("uid", "Updated", "note"), now));
        assert!(repeats.is_new(("uid", "Created", "other"), now));
        assert!(repeats.is_new(("uid", "", "Creatednote"), now));
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_is_forgotten_first() {
        let mut repeats = Repeats::default();
        let now = Instant::now();
        for number in 0..=MOST_REMEMBERED {
            assert!(repeats.is_new(("uid", "Created", &number.to_string()), now));
        }

        assert_eq!((repeats.said.len(), repeats.order.len()), (MOST_REMEMBERED, MOST_REMEMBERED));
        assert!(!repeats.is_new(("uid", "Created", "4096"), now));
        assert!(repeats.is_new(("uid", "Created", "0"), now));
    }
}
