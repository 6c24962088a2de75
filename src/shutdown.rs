//! The request to stop: who asked, how everybody hears of it, and until when running work may finish.
//!
//! The first SIGTERM or SIGINT asks; the second one ends the process at once. Nothing in here ends work by itself.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::Instant;

/// Asks everybody who holds a [`Shutdown`] of the same pair to stop.
#[derive(Debug)]
pub struct Trigger {
    deadline: watch::Sender<Option<Instant>>,
    drain: Duration,
}

/// Hears of the request to stop. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Shutdown {
    deadline: watch::Receiver<Option<Instant>>,
}

/// A pair of both ends; work may go on for `drain` after the request.
pub fn pair(drain: Duration) -> (Trigger, Shutdown) {
    let (sender, receiver) = watch::channel(None);
    (Trigger { deadline: sender, drain }, Shutdown { deadline: receiver })
}

impl Trigger {
    /// Asks to stop. The deadline counts from the first time.
    pub fn request(&self) {
        self.deadline.send_if_modified(|deadline| {
            let first = deadline.is_none();
            deadline.get_or_insert_with(|| Instant::now() + self.drain);
            first
        });
    }
}

impl Shutdown {
    /// Waits for the request to stop and returns the instant by which all work has to be over. A trigger that is gone can
    /// no longer ask, so nobody is left to work for: that counts as a request with no time left. May be cancelled and called again.
    pub async fn requested(&self) -> Instant {
        let mut deadline = self.deadline.clone();
        let requested = deadline.wait_for(Option::is_some).await;
        requested.ok().and_then(|deadline| *deadline).unwrap_or_else(Instant::now)
    }

    /// Whether the request was made.
    pub fn is_requested(&self) -> bool {
        self.deadline.borrow().is_some() || self.deadline.has_changed().is_err()
    }
}

/// SIGTERM (Kubernetes) and SIGINT (Ctrl-C), taken over from the moment this is made.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Takes the signals over; fails where the system refuses handlers.
    pub fn install() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Turns the first signal into a request to stop and ends the process at the second, with the exit code that a shell
    /// shows for it (143 or 130). Runs until then.
    pub async fn forward(mut self, trigger: Trigger) {
        let name = self.next().await.0;
        tracing::info!(
            signal = name,
            "asked to stop: running work may finish, a second signal ends it at once"
        );
        trigger.request();
        let (name, exit_code) = self.next().await;
        tracing::warn!(signal = name, "asked to stop a second time: ending at once");
        std::process::exit(exit_code);
    }

    async fn next(&mut self) -> (&'static str, i32) {
        tokio::select! {
            _ = self.terminate.recv() => ("SIGTERM", 128 + 15),
            _ = self.interrupt.recv() => ("SIGINT", 128 + 2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAIN: Duration = Duration::from_secs(25);

    #[tokio::test(start_paused = true)]
    async fn everybody_hears_of_the_request_and_of_one_deadline() {
        let (trigger, shutdown) = pair(DRAIN);
        let other = shutdown.clone();
        assert!(!shutdown.is_requested());

        let asked_at = Instant::now();
        trigger.request();
        tokio::time::advance(Duration::from_secs(5)).await;
        trigger.request();

        assert!(other.is_requested());
        assert_eq!(shutdown.requested().await, asked_at + DRAIN);
        assert_eq!(other.requested().await, asked_at + DRAIN, "asking again gave more time");
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_a_trigger_that_is_gone() {
        let (trigger, shutdown) = pair(DRAIN);
        drop(trigger);

        assert!(shutdown.is_requested());
        assert_eq!(shutdown.requested().await, Instant::now());
    }
}
