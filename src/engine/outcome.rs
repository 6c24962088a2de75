//! What a pass tells the run loop: when to look again, and who else has to.

use super::kubernetes::WriteError;
use super::queue::{Cause, Next};
use super::run::Key;
use super::vendor::Vendor;
use crate::metrics::ReconcileResult;
use std::time::Duration;
use tokio::time::Instant;

/// The longest that an account is held at a time (semantics, 7).
const LONGEST_HOLD: Duration = Duration::from_mins(30);

/// What a pass tells the run loop.
#[derive(Debug)]
pub struct Outcome {
    /// When to look again.
    pub next: Next,
    /// Whom else to wake.
    pub wake: Vec<(Key, Cause)>,
    /// No connector of the same account before then.
    pub hold: Option<Instant>,
    /// Wake it after the next list of this remote, counted from that number of lists.
    pub after_list: Option<(String, u64)>,
    /// The resourceVersion of the connector that the pass ended with: what it read, or the reply to its own last write.
    pub seen: Option<String>,
}

impl Outcome {
    /// Nothing more until it is woken.
    pub fn wait() -> Self {
        Self { next: Next::Wait, wake: Vec::new(), hold: None, after_list: None, seen: None }
    }

    /// No connector of the same account before `wait` is over, half an hour at most. Returns when to look again.
    pub fn hold_for(&mut self, wait: Duration) -> Next {
        let wait = wait.min(LONGEST_HOLD);
        self.hold = Some(Instant::now() + wait);
        Next::After(wait)
    }

    /// The outcome of a pass that ended with a write that did not happen: again after a growing pause. Newer knowledge, which is what a conflict
    /// waits for, ends the pause at once; before it comes, a pass would only call the vendor again and meet the same conflict. What the pass found
    /// out until then still reaches whom it concerns.
    #[must_use]
    pub fn despite(self, error: &WriteError) -> Self {
        let next = match error {
            WriteError::Gone => Next::Wait,
            WriteError::Conflict | WriteError::Failed(_) => Next::BackOff,
        };
        Self { next, ..self }
    }

    /// How the pass went, in the words of metrics and traces.
    pub fn result(&self) -> ReconcileResult {
        match self.next {
            Next::Wait => ReconcileResult::Success,
            Next::After(_) => ReconcileResult::RequeueAfter,
            Next::BackOff => ReconcileResult::Error,
        }
    }

    /// Wake it after the next list of this account.
    pub fn after_list<V: Vendor>(&mut self, view: &super::state::AccountView<V>) {
        self.after_list = Some((view.remote.clone(), view.reflector.snapshot().lists()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::object::ObjectKey;

    #[test]
    fn what_a_pass_found_out_reaches_others_although_its_last_write_failed() {
        let waiting = (Key::Connector(ObjectKey::new("ns", "plant-a")), Cause::Dependency);
        for error in [WriteError::Gone, WriteError::Conflict, WriteError::Failed("503".into())] {
            let outcome = Outcome { wake: vec![waiting.clone()], ..Outcome::wait() };
            assert_eq!(outcome.despite(&error).wake, std::slice::from_ref(&waiting), "after {error}");
        }
    }

    #[test]
    fn a_cache_that_stays_behind_makes_a_pass_meet_the_same_conflict_less_and_less_often() {
        let next = Outcome { next: Next::BackOff, ..Outcome::wait() }.despite(&WriteError::Conflict).next;
        assert_eq!(next, Next::BackOff);
    }
}
