//! One task a vendor account: fetches the vendor's whole list on its schedule and says what changed.
//!
//! It never writes to the vendor, and it never takes anything but a complete, well-formed list for the truth.

use super::errors::{Disposition, RemoteError};
use super::item::RemoteItem;
use super::schedule::{Refresh, Schedule};
use super::snapshot::{Difference, Snapshot};
use futures::FutureExt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep_until};

/// Where lists come from: a vendor's client.
pub trait Source: Send + Sync + 'static {
    /// One object of the list.
    type Item: RemoteItem;

    /// Fetches the complete list, all pages of it.
    fn list(&self) -> impl Future<Output = Result<Vec<Self::Item>, RemoteError>> + Send;
}

/// How the listing goes.
#[derive(Debug, Clone)]
pub struct Health {
    /// When this reflector was started.
    pub started: Instant,
    /// When the last list was sent that came or failed.
    pub last_tried: Option<Instant>,
    /// When the last good list was sent.
    pub last_good: Option<Instant>,
    /// Why the last list failed, where it did.
    pub failing: Option<RemoteError>,
}

/// What one list told.
#[derive(Debug)]
pub enum ReflectorEvent {
    /// A complete list came.
    Listed(Difference),
    /// The list failed; [`Health::failing`] says why.
    Failed,
}

/// See the module.
#[derive(Debug)]
pub struct Reflector<S: Source> {
    source: S,
    snapshot: Mutex<Snapshot<S::Item>>,
    schedule: Mutex<Schedule>,
    health: Mutex<Health>,
    asked: Notify,
}

impl<S: Source> Reflector<S> {
    /// A reflector whose first list is due as soon as it runs.
    pub fn new(source: S, interval: Duration, allowance: Duration) -> Self {
        let now = Instant::now();
        Self {
            source,
            snapshot: Mutex::new(Snapshot::new(allowance)),
            schedule: Mutex::new(Schedule::new(interval, now)),
            health: Mutex::new(Health { started: now, last_tried: None, last_good: None, failing: None }),
            asked: Notify::new(),
        }
    }

    /// The vendor's client.
    pub fn source(&self) -> &S {
        &self.source
    }

    /// The snapshot, for a moment.
    pub fn snapshot(&self) -> MutexGuard<'_, Snapshot<S::Item>> {
        lock(&self.snapshot)
    }

    /// How the listing goes.
    pub fn health(&self) -> Health {
        lock(&self.health).clone()
    }

    /// Asks for a list before the interval is over.
    pub fn request(&self, refresh: Refresh) {
        lock(&self.schedule).request(refresh, Instant::now());
        self.asked.notify_one();
    }

    /// How often the account is read.
    pub fn interval(&self) -> Duration {
        lock(&self.schedule).interval()
    }

    /// Changes how often the account is read.
    pub fn set_interval(&self, interval: Duration) {
        lock(&self.schedule).set_interval(interval, Instant::now());
        self.asked.notify_one();
    }

    /// Lists for ever, telling `events` after each list, until nobody listens.
    pub async fn run<T: Clone>(self: Arc<Self>, name: T, events: mpsc::Sender<(T, ReflectorEvent)>) {
        loop {
            let due = lock(&self.schedule).due();
            tokio::select! {
                biased;
                () = self.asked.notified() => continue,
                () = sleep_until(due) => {}
            }
            let event = self.list().await;
            if events.send((name.clone(), event)).await.is_err() {
                return;
            }
        }
    }

    async fn list(&self) -> ReflectorEvent {
        let sent_at = Instant::now();
        let ticket = self.snapshot().begin_list(sent_at);
        lock(&self.schedule).sent(sent_at);
        // A panic must not end the task: nobody would ever hear of this account again.
        let result = AssertUnwindSafe(self.source.list()).catch_unwind().await.unwrap_or_else(|_| {
            Err(RemoteError::Request("reading the list panicked, which is a mistake in this program".into()))
        });
        let now = Instant::now();
        lock(&self.health).last_tried = Some(sent_at);
        match result {
            Ok(items) => {
                let (difference, in_flight) = {
                    let mut snapshot = self.snapshot();
                    (snapshot.apply(ticket, items), snapshot.is_in_flight())
                };
                let mut schedule = lock(&self.schedule);
                schedule.succeeded(now, fastrand::f64());
                schedule.watch(in_flight, !difference.is_empty(), now);
                drop(schedule);
                let mut health = lock(&self.health);
                health.last_good = Some(sent_at);
                health.failing = None;
                ReflectorEvent::Listed(difference)
            }
            Err(error) => {
                let asked = match error.disposition() {
                    Disposition::RetryAfter(wait) => Some(wait),
                    _ => None,
                };
                lock(&self.schedule).failed(now, asked, fastrand::f64());
                let mut health = lock(&self.health);
                // While it goes on failing alike, the first answer's reference stays.
                let known = health.failing.take().filter(|known| is_alike(known, &error));
                health.failing = Some(known.unwrap_or(error));
                ReflectorEvent::Failed
            }
        }
    }
}

fn is_alike(one: &RemoteError, other: &RemoteError) -> bool {
    one.without_reference().to_string() == other.without_reference().to_string()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::Identity;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[derive(Debug)]
    struct Thing;

    impl RemoteItem for Thing {
        fn identity(&self) -> Identity {
            "thing".into()
        }
        fn digest(&self) -> u64 {
            1
        }
    }

    /// Panics at its first list, fails at its second, and then lists one thing.
    #[derive(Default)]
    struct Moody(AtomicU32);

    impl Source for Moody {
        type Item = Thing;
        async fn list(&self) -> Result<Vec<Thing>, RemoteError> {
            match self.0.fetch_add(1, Ordering::Relaxed) {
                0 => panic!("a mistake"),
                1 => Err(RemoteError::Unreachable("nobody there".into())),
                _ => Ok(vec![Thing]),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_panic_and_a_failure_are_told_and_the_listing_goes_on() {
        let reflector = Arc::new(Reflector::new(Moody::default(), Duration::from_mins(1), Duration::ZERO));
        let (events, mut heard) = mpsc::channel(8);
        let task = tokio::spawn(reflector.clone().run("toys", events));
        for expected in ["Failed", "Failed", "Listed"] {
            let (name, event) = heard.recv().await.expect("the task lives");
            assert!(
                name == "toys" && format!("{event:?}").starts_with(expected),
                "{event:?} where {expected} was expected"
            );
        }
        assert_eq!(reflector.snapshot().len(), 1);
        assert!(reflector.health().failing.is_none());
        task.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn it_lists_once_an_interval_and_ends_when_nobody_listens() {
        let reflector =
            Arc::new(Reflector::new(Moody(AtomicU32::new(2)), Duration::from_mins(1), Duration::ZERO));
        let (events, mut heard) = mpsc::channel(8);
        let task = tokio::spawn(reflector.clone().run((), events));
        let started = Instant::now();
        for _ in 0..11 {
            heard.recv().await.expect("the task lives");
        }
        let took = started.elapsed();
        assert!(
            took >= Duration::from_mins(9) && took <= Duration::from_mins(11),
            "ten intervals took {took:?}"
        );
        drop(heard);
        task.await.expect("it ends by itself");
    }
}
