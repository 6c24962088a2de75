//! How many requests an account may send, and who goes next.
//!
//! [`Budget`] is pure: the time is passed in. It is a token bucket that holds a tenth of the minute's requests and
//! refills with the other nine tenths over a minute, so that no sixty seconds ever see more than the whole. The
//! vendor's own headers only ever make it stricter. Reads, creates with deletes, and updates take turns, so that a storm of one
//! starves none of the others.

use super::errors::RemoteError;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// What a request is for. Each class has its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Lists and probes.
    Read,
    /// Creates and deletes.
    Lifecycle,
    /// Updates.
    Update,
}

const CLASSES: usize = 3;
/// The longest that a vendor may hold an account at a time (semantics, 7).
const LONGEST_HOLD: Duration = Duration::from_mins(30);

/// The token bucket of one account and the line before it.
#[derive(Debug)]
pub struct Budget {
    per_minute: f64,
    tokens: f64,
    refilled_at: Instant,
    held_until: Option<Instant>,
    lines: [VecDeque<u64>; CLASSES],
    turn: usize,
    next_ticket: u64,
}

/// Whether the ticket that asked may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grant {
    /// It may go now; its token is spent.
    Now,
    /// It is another's turn: ask again when something changes.
    NotYet,
    /// It is first, but there is nothing to spend before then.
    At(Instant),
}

impl Budget {
    /// A full bucket of `per_minute` requests a minute.
    pub fn new(per_minute: u32, now: Instant) -> Self {
        let per_minute = f64::from(per_minute.max(1));
        Self {
            per_minute,
            tokens: burst(per_minute),
            refilled_at: now,
            held_until: None,
            lines: Default::default(),
            turn: 0,
            next_ticket: 0,
        }
    }

    /// Changes the rate; what is already in the bucket stays, cut to the new size.
    pub fn set_per_minute(&mut self, per_minute: u32) {
        self.per_minute = f64::from(per_minute.max(1));
        self.tokens = self.tokens.min(burst(self.per_minute));
    }

    /// Stands in line.
    pub fn enter(&mut self, class: Class) -> u64 {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.lines[class as usize].push_back(ticket);
        ticket
    }

    /// Leaves the line without having gone.
    pub fn leave(&mut self, ticket: u64) {
        for line in &mut self.lines {
            line.retain(|waiting| *waiting != ticket);
        }
    }

    /// Asks for `ticket` whether it may go.
    pub fn grant(&mut self, ticket: u64, now: Instant) -> Grant {
        let Some(class) = self.next_class() else { return Grant::NotYet };
        if self.lines[class].front() != Some(&ticket) {
            return Grant::NotYet;
        }
        if let Some(until) = self.held_until.filter(|until| *until > now) {
            return Grant::At(until);
        }
        self.refill(now);
        if self.tokens < 1.0 {
            let missing = (1.0 - self.tokens) / refill_per_second(self.per_minute);
            return Grant::At(now + Duration::from_secs_f64(missing) + Duration::from_millis(1));
        }
        self.tokens -= 1.0;
        self.lines[class].pop_front();
        self.turn = (class + 1) % CLASSES;
        Grant::Now
    }

    /// Nothing is sent for `wait`, at most half an hour.
    pub fn hold(&mut self, wait: Duration, now: Instant) {
        let until = now + wait.min(LONGEST_HOLD);
        self.held_until = Some(self.held_until.map_or(until, |held| held.max(until)));
    }

    /// The moment until which the account is held, while it is.
    pub fn held_until(&self, now: Instant) -> Option<Instant> {
        self.held_until.filter(|until| *until > now)
    }

    /// What the vendor's headers said is left of this window, and how long the window still lasts.
    pub fn observe(&mut self, remaining: u32, reset_in: Duration, now: Instant) {
        self.refill(now);
        self.tokens = self.tokens.min(f64::from(remaining));
        if remaining == 0 {
            self.hold(reset_in, now);
        }
    }

    /// How long it takes until every class has had a turn. Who could not wait so long would never get the second of two requests where a minute has
    /// but a few: what the first one spent would be for nothing, again and again.
    pub fn round(&self) -> Duration {
        #[expect(clippy::cast_precision_loss, reason = "three are few")]
        let tokens = CLASSES as f64;
        Duration::from_secs_f64(tokens / refill_per_second(self.per_minute)) + Duration::from_secs(1)
    }

    fn next_class(&self) -> Option<usize> {
        (0..CLASSES).map(|step| (self.turn + step) % CLASSES).find(|class| !self.lines[*class].is_empty())
    }

    fn refill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.refilled_at).as_secs_f64();
        self.tokens =
            (self.tokens + elapsed * refill_per_second(self.per_minute)).min(burst(self.per_minute));
        self.refilled_at = now;
    }
}

/// A tenth of the minute's requests may go at once.
fn burst(per_minute: f64) -> f64 {
    (per_minute / 10.0).max(1.0)
}

/// The other nine tenths come back over a minute.
fn refill_per_second(per_minute: f64) -> f64 {
    (per_minute - burst(per_minute)).max(0.9) / 60.0
}

/// A [`Budget`] that tasks wait on.
#[derive(Debug, Clone)]
pub struct SharedBudget {
    budget: Arc<Mutex<Budget>>,
    changed: Arc<Notify>,
}

impl SharedBudget {
    /// A full budget of `per_minute` requests a minute.
    pub fn new(per_minute: u32) -> Self {
        Self {
            budget: Arc::new(Mutex::new(Budget::new(per_minute, Instant::now()))),
            changed: Arc::new(Notify::new()),
        }
    }

    /// The budget itself, for a moment.
    pub fn lock(&self) -> MutexGuard<'_, Budget> {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a turn, at most `patience`.
    ///
    /// # Errors
    /// [`RemoteError::BudgetSpent`] where the turn would come later than that; nothing was spent.
    pub async fn acquire(&self, class: Class, patience: Duration) -> Result<(), RemoteError> {
        let deadline = Instant::now() + patience;
        let place = PlaceInLine { budget: self, ticket: self.lock().enter(class) };
        loop {
            let changed = self.changed.notified();
            let wake_at = match self.lock().grant(place.ticket, Instant::now()) {
                Grant::Now => return Ok(()),
                Grant::NotYet => deadline,
                Grant::At(at) if at > deadline => {
                    return Err(RemoteError::BudgetSpent(at.saturating_duration_since(Instant::now())));
                }
                Grant::At(at) => at,
            };
            tokio::select! {
                biased;
                () = changed => {}
                () = sleep_until(wake_at) => if wake_at == deadline {
                    return Err(RemoteError::BudgetSpent(patience));
                },
            }
        }
    }
}

/// Leaves the line when dropped, so that a cancelled call blocks nobody.
struct PlaceInLine<'a> {
    budget: &'a SharedBudget,
    ticket: u64,
}

impl Drop for PlaceInLine<'_> {
    fn drop(&mut self) {
        self.budget.lock().leave(self.ticket);
        self.budget.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends as fast as the budget lets it for `span`; the moments of sending.
    fn send_all(budget: &mut Budget, class: Class, start: Instant, span: Duration) -> Vec<Instant> {
        let (mut now, mut sent) = (start, Vec::new());
        while now < start + span {
            let ticket = budget.enter(class);
            match budget.grant(ticket, now) {
                Grant::Now => sent.push(now),
                Grant::At(at) => now = at,
                Grant::NotYet => panic!("nobody else is in line"),
            }
            budget.leave(ticket);
        }
        sent
    }

    #[tokio::test(start_paused = true)]
    async fn no_sixty_seconds_see_more_than_the_minutes_requests() {
        let start = Instant::now();
        let mut budget = Budget::new(600, start);
        let sent = send_all(&mut budget, Class::Read, start, Duration::from_mins(3));
        for from in &sent {
            let within =
                sent.iter().filter(|at| **at >= *from && **at < *from + Duration::from_mins(1)).count();
            assert!(within <= 600, "{within} requests in one minute");
        }
        assert!(sent.len() > 1600, "the budget is used, {} sent in three minutes", sent.len());
    }

    #[tokio::test(start_paused = true)]
    async fn a_storm_of_updates_starves_neither_a_create_nor_a_list() {
        let now = Instant::now();
        let mut budget = Budget::new(600, now);
        let updates: Vec<u64> = (0..20).map(|_| budget.enter(Class::Update)).collect();
        let create = budget.enter(Class::Lifecycle);
        let list = budget.enter(Class::Read);
        assert_eq!(budget.grant(list, now), Grant::Now);
        assert_eq!(budget.grant(create, now), Grant::Now);
        assert_eq!(budget.grant(updates[0], now), Grant::Now);
    }

    #[tokio::test(start_paused = true)]
    async fn the_vendors_headers_make_it_stricter_and_a_hold_ends_after_half_an_hour() {
        let now = Instant::now();
        let mut budget = Budget::new(600, now);
        budget.observe(0, Duration::from_hours(24), now);
        let ticket = budget.enter(Class::Read);
        assert_eq!(budget.grant(ticket, now), Grant::At(now + LONGEST_HOLD));
        assert_eq!(budget.grant(ticket, now + LONGEST_HOLD), Grant::Now);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_cannot_wait_is_told_and_leaves_the_line() {
        let budget = SharedBudget::new(600);
        budget.lock().hold(Duration::from_mins(10), Instant::now());
        let refused = budget.acquire(Class::Update, Duration::from_secs(30)).await;
        assert!(matches!(refused, Err(RemoteError::BudgetSpent(_))), "{refused:?}");
        tokio::time::advance(Duration::from_mins(11)).await;
        budget.acquire(Class::Read, Duration::from_secs(1)).await.expect("the line is empty again");
    }
}
