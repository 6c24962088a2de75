//! The wall clock, for what people read: timestamps in statuses, and dates in vendors' headers.
//!
//! Nothing is ever timed by it: durations are tokio's time, which does not jump. A thread may have a clock of its own, as a simulation
//! does whose hours pass in milliseconds.

use std::cell::RefCell;
use std::rc::Rc;

use jiff::Timestamp;

type Source = Rc<dyn Fn() -> Timestamp>;

thread_local! {
    static OF_THIS_THREAD: RefCell<Option<Source>> = const { RefCell::new(None) };
}

/// The time now.
pub fn now() -> Timestamp {
    // Cloned, so that a source may ask for the time itself.
    let source = OF_THIS_THREAD.with_borrow(Clone::clone);
    source.map_or_else(Timestamp::now, |source| source())
}

/// Lets this thread read `source` instead of the machine's clock, until what is returned is dropped.
pub fn read_from(source: impl Fn() -> Timestamp + 'static) -> OwnClock {
    let before = OF_THIS_THREAD.replace(Some(Rc::new(source)));
    OwnClock { before }
}

/// This thread has a clock of its own; when this is dropped it has the one that it had before.
#[must_use = "the clock is taken away again when this is dropped"]
pub struct OwnClock {
    before: Option<Source>,
}

impl Drop for OwnClock {
    fn drop(&mut self) {
        OF_THIS_THREAD.set(self.before.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_of_its_own_is_for_one_thread_and_for_a_while() {
        let then = Timestamp::UNIX_EPOCH;
        let own = read_from(move || then);
        assert_eq!(now(), then);
        let elsewhere = std::thread::spawn(now).join().expect("a time");
        assert_ne!(elsewhere, then, "another thread has the machine's clock");
        drop(own);
        assert_ne!(now(), then, "it was taken away");
    }
}
