//! The one wall clock of the emulator, so that a test can pace it, stop it or make it jump.
//!
//! Durations (delays, rate-limit windows, lags) never come from here: they are tokio time, which a test can pause.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};

/// Where every date in a reply or in the request log comes from. Cloning shares the clock.
#[derive(Clone)]
pub struct Clock {
    source: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    offset_milliseconds: Arc<AtomicI64>,
}

impl Clock {
    /// A clock that reads `source`.
    pub fn new(source: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self { source: Arc::new(source), offset_milliseconds: Arc::default() }
    }

    /// The machine's clock.
    pub fn system() -> Self {
        Self::new(Timestamp::now)
    }

    /// A clock that shows `start` now and then moves with tokio's time, also while that is paused.
    pub fn with_tokio_time(start: Timestamp) -> Self {
        let started = tokio::time::Instant::now();
        Self::new(move || {
            let elapsed = SignedDuration::try_from(started.elapsed()).unwrap_or(SignedDuration::MAX);
            start.saturating_add(elapsed).unwrap_or(start)
        })
    }

    /// The time now, with the offset of [`Clock::set_offset`].
    pub fn now(&self) -> Timestamp {
        let now = (self.source)();
        now.saturating_add(self.offset()).unwrap_or(now)
    }

    /// How far this clock is set ahead of (or, negative, behind) its source.
    pub fn offset(&self) -> SignedDuration {
        SignedDuration::from_millis(self.offset_milliseconds.load(Ordering::Relaxed))
    }

    /// Sets the clock ahead of (or, negative, behind) its source: a vendor whose clock is wrong, or jumps.
    pub fn set_offset(&self, milliseconds: i64) {
        self.offset_milliseconds.store(milliseconds, Ordering::Relaxed);
    }
}

/// A date as the vendors print it: RFC 3339 in UTC with three digits after the second.
pub(super) fn with_milliseconds(at: Timestamp) -> String {
    format!("{at:.3}")
}
