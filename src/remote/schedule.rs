//! When an account's next list is due. Pure: the time and the jitter are passed in.

use std::time::Duration;
use tokio::time::Instant;

/// Why a list is wanted before its interval is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresh {
    /// Something was written: look at it when the writing pauses.
    Written,
    /// Nobody knows whether something was written: look soon.
    Doubt,
    /// A list that is sent at this moment or later is waited for.
    NotBefore(Instant),
}

/// After the last write, how long to wait for another before looking.
const WRITE_PAUSE: Duration = Duration::from_secs(2);
/// However long the writing goes on, look this often.
const LONGEST_WRITE_PAUSE: Duration = Duration::from_secs(30);
/// Two lists are never closer than this.
const SPACING: Duration = Duration::from_secs(1);
const FIRST_BACK_OFF: Duration = Duration::from_secs(2);
/// While the vendor is at work on something: how long to wait for the first look.
const FIRST_LOOK: Duration = Duration::from_secs(2);

/// See the module.
#[derive(Debug)]
pub struct Schedule {
    interval: Duration,
    regular: Instant,
    written_since: Option<Instant>,
    after_write: Option<Instant>,
    wanted: Option<Instant>,
    not_before: Instant,
    failures: u32,
    /// How many lists in a row have found the vendor at work without anything new.
    looks: u32,
}

impl Schedule {
    /// The first list is due at once.
    pub fn new(interval: Duration, now: Instant) -> Self {
        Self {
            interval,
            regular: now,
            written_since: None,
            after_write: None,
            wanted: None,
            not_before: now,
            failures: 0,
            looks: 0,
        }
    }

    /// The interval.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// Changes the interval; a shorter one takes effect at once.
    pub fn set_interval(&mut self, interval: Duration, now: Instant) {
        self.interval = interval;
        self.regular = self.regular.min(now + interval);
    }

    /// The moment of the next list.
    pub fn due(&self) -> Instant {
        let earliest = [Some(self.regular), self.after_write, self.wanted].into_iter().flatten().min();
        earliest.unwrap_or(self.regular).max(self.not_before)
    }

    /// Asks for an earlier list.
    pub fn request(&mut self, refresh: Refresh, now: Instant) {
        match refresh {
            Refresh::Written => {
                let since = *self.written_since.get_or_insert(now);
                self.after_write = Some((now + WRITE_PAUSE).min(since + LONGEST_WRITE_PAUSE));
            }
            Refresh::Doubt => self.want(now),
            Refresh::NotBefore(at) => self.want(at.max(now)),
        }
    }

    /// A list is sent: what was asked for until now is answered by it.
    pub fn sent(&mut self, now: Instant) {
        self.written_since = None;
        self.after_write = None;
        self.wanted = self.wanted.filter(|at| *at > now);
    }

    /// The list came. `jitter` is from 0 to 1.
    pub fn succeeded(&mut self, now: Instant, jitter: f64) {
        self.failures = 0;
        self.regular = now + self.interval.mul_f64(0.9 + 0.2 * jitter);
        self.not_before = now + SPACING;
    }

    /// The list failed, and is tried again after a growing pause or what the vendor asked for.
    pub fn failed(&mut self, now: Instant, asked: Option<Duration>, jitter: f64) {
        let doubled = FIRST_BACK_OFF.saturating_mul(1 << self.failures.min(10));
        let back_off = doubled.min(self.interval.max(Duration::from_mins(1))).mul_f64(0.75 + 0.5 * jitter);
        self.failures = self.failures.saturating_add(1);
        self.regular = now + asked.unwrap_or(Duration::ZERO).min(Duration::from_mins(30)).max(back_off);
        self.not_before = self.regular;
    }

    /// A list found the vendor at work on something, or not: while it is, the next look is soon, and each that shows nothing new doubles the
    /// pause.
    pub fn watch(&mut self, in_flight: bool, news: bool, now: Instant) {
        self.looks = if in_flight && !news { self.looks.saturating_add(1) } else { 0 };
        let pause = FIRST_LOOK.saturating_mul(1 << self.looks.min(10));
        if in_flight && pause < self.interval {
            self.want(now + pause);
        }
    }

    fn want(&mut self, at: Instant) {
        self.wanted = Some(self.wanted.map_or(at, |wanted| wanted.min(at)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    #[tokio::test(start_paused = true)]
    async fn a_thousand_writes_in_a_row_ask_for_one_list() {
        let start = Instant::now();
        let mut schedule = Schedule::new(MINUTE, start);
        schedule.sent(start);
        schedule.succeeded(start, 0.5);
        for write in 0..1000 {
            schedule.request(Refresh::Written, start + Duration::from_millis(4 * write));
        }
        assert_eq!(schedule.due(), start + Duration::from_millis(4 * 999) + WRITE_PAUSE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_doubt_looks_soon_but_never_before_a_back_off_is_over() {
        let start = Instant::now();
        let mut schedule = Schedule::new(MINUTE, start);
        schedule.sent(start);
        schedule.succeeded(start, 0.5);
        schedule.request(Refresh::Doubt, start);
        assert_eq!(schedule.due(), start + SPACING);
        schedule.failed(start, Some(Duration::from_secs(20)), 0.5);
        schedule.request(Refresh::Doubt, start);
        assert_eq!(schedule.due(), start + Duration::from_secs(20));
    }

    #[tokio::test(start_paused = true)]
    async fn failures_back_off_to_the_interval_and_a_success_ends_that() {
        let start = Instant::now();
        let mut schedule = Schedule::new(MINUTE, start);
        let mut pauses = Vec::new();
        for _ in 0..8 {
            schedule.failed(start, None, 0.5);
            pauses.push(schedule.due() - start);
        }
        assert!(pauses.is_sorted() && pauses[7] == MINUTE, "{pauses:?}");
        schedule.succeeded(start, 0.5);
        schedule.failed(start, None, 0.5);
        assert_eq!(schedule.due() - start, FIRST_BACK_OFF);
    }

    #[tokio::test(start_paused = true)]
    async fn while_the_vendor_is_at_work_the_looks_are_soon_and_grow_rarer_until_something_happens() {
        let mut now = Instant::now();
        let mut schedule = Schedule::new(MINUTE, now);
        let mut pauses = Vec::new();
        for news in [true, false, false, true, false, false, false, false, false] {
            schedule.sent(now);
            schedule.succeeded(now, 0.5);
            schedule.watch(true, news, now);
            let pause = schedule.due() - now;
            pauses.push(pause.as_secs());
            now += pause;
        }
        assert_eq!(pauses, [2, 4, 8, 2, 4, 8, 16, 32, 60]);
        schedule.sent(now);
        schedule.succeeded(now, 0.5);
        schedule.watch(false, true, now);
        assert_eq!(schedule.due() - now, MINUTE, "nothing is in flight any more");
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_waited_for_outlives_one_that_is_sent_too_early() {
        let start = Instant::now();
        let mut schedule = Schedule::new(MINUTE, start);
        schedule.succeeded(start, 0.5);
        schedule.request(Refresh::NotBefore(start + Duration::from_secs(40)), start);
        schedule.sent(start + Duration::from_secs(10));
        schedule.succeeded(start + Duration::from_secs(10), 0.5);
        assert_eq!(schedule.due(), start + Duration::from_secs(40));
    }
}
