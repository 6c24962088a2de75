//! One replica at work: the fingerprint key, the caches, the lease, and only then any work.
//!
//! Down, when asked: the controllers, within the shutdown timeout; then the lease and the waiting events, together. Where running work had to be
//! dropped, what it sent may still take effect, so the lease is left to expire. A lease that is lost drops the work at once. It opens no port and finds no cluster by itself, so that a simulation runs exactly this.

use std::time::Duration;

use futures::future::{join_all, pending};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::controllers;
use crate::engine::events;
use crate::engine::fingerprint::FingerprintKey;
use crate::engine::lease::{Held, Lease, Lost};
use crate::engine::start::{Shared, fingerprint_key};
use crate::metrics::Metrics;
use crate::remote::Transport;
use crate::server::{Condition, Endpoints};
use crate::settings::Settings;
use crate::shutdown::Shutdown;

/// What the controllers may take beyond the shutdown timeout before they are dropped: they keep to it by themselves.
const GRACE: Duration = Duration::from_millis(500);
/// How long the lease may take to be given up. With the shutdown timeout and the grace it has to stay under the 30 s that a pod has.
const GOODBYE: Duration = Duration::from_secs(2);
/// How long to wait before the fingerprint key is asked for again.
const KEY_RETRY: Duration = Duration::from_secs(5);

/// Why a replica ended without having been asked to.
#[derive(Debug, thiserror::Error)]
pub enum Ended {
    /// Another replica works now, or may.
    #[error("stopped working and ended, so that another replica can take over")]
    LeaseLost(#[source] Lost),
    /// Running passes, or whole controllers, had to be dropped.
    #[error("running work did not finish within --shutdown-timeout ({0:?}) and was dropped")]
    NotFinished(Duration),
}

/// What a replica works with.
pub struct Replica {
    /// The settings.
    pub settings: Settings,
    /// The way to the API server.
    pub client: kube::Client,
    /// The way to vendors.
    pub transport: Transport,
    /// What the HTTP server shows.
    pub endpoints: Endpoints,
    /// The request to stop.
    pub shutdown: Shutdown,
}

impl Replica {
    /// Works until it is asked to stop; `started` is set once the controllers have said what they wait for.
    ///
    /// # Errors
    /// Why it ended without having been asked to.
    pub async fn run(self, started: &Condition) -> Result<(), Ended> {
        let Some(key) = self.key().await else { return Ok(()) };
        started.set(true);
        self.work(key).await
    }

    /// The fingerprint key. It is asked for until it is there; `None` when the shutdown came first.
    async fn key(&self) -> Option<FingerprintKey> {
        let until_there = async {
            loop {
                match fingerprint_key(&self.client, &self.settings.namespace).await {
                    Ok(key) => return key,
                    Err(error) => tracing::error!("{error}; trying again in {KEY_RETRY:?}"),
                }
                sleep(KEY_RETRY).await;
            }
        };
        tokio::select! {
            biased;
            _ = self.shutdown.requested() => None,
            key = until_there => Some(key),
        }
    }

    /// Runs the controllers until they have finished or the lease is lost, and says goodbye.
    async fn work(self, key: FingerprintKey) -> Result<(), Ended> {
        let metrics = self.endpoints.metrics.clone();
        let instance = instance();
        let (publisher, sender) =
            events::start(self.client.clone(), &instance, fastrand::u64(..), move || metrics.event_dropped());
        let (lead, leads) = watch::channel(None);
        let shared = Shared {
            client: self.client.clone(),
            transport: self.transport.clone(),
            key,
            metrics: self.endpoints.metrics.clone(),
            events: publisher,
            readiness: self.endpoints.readiness.clone(),
            heartbeat: self.endpoints.heartbeat.clone(),
            leads,
            shutdown: self.shutdown.clone(),
        };
        let working = async { join_all(controllers::all(&self.settings, &shared)).await.iter().sum() };
        let mut held = None;
        let end = tokio::select! {
            // First: a process that was stopped and goes on must not work on an old lease. Also while running work finishes after the
            // request to stop, the lease has to be kept.
            biased;
            lost = self.lead_until_lost(&lead, instance, &mut held) => return Err(Ended::LeaseLost(lost)),
            end = finished_in_time(working, &self.shutdown, self.settings.shutdown_timeout) => end,
        };
        // What was dropped may still be on its way to a vendor: the lease is left to expire then.
        let held = held.filter(|_| end.is_ok());
        let release = async {
            if let Some(held) = held {
                held.release().await;
            }
        };
        let (_, ()) = tokio::join!(timeout(GOODBYE, release), sender.drain());
        end
    }

    /// Leads, by the lease where there is to be one, and returns when the lease is lost.
    async fn lead_until_lost(
        &self,
        lead: &watch::Sender<Option<Instant>>,
        identity: String,
        held: &mut Option<Held>,
    ) -> Lost {
        let Some(election) = self.settings.leader_election.clone() else {
            lead.send_replace(Some(Instant::now()));
            return pending().await;
        };
        let metrics: &Metrics = &self.endpoints.metrics;
        let name = election.name.clone();
        metrics.set_leader(&name, false);
        let namespace = &self.settings.namespace;
        let lease = Lease::new(self.client.clone(), namespace, election, identity, fastrand::u64(..));
        let Some(gained) = lease.acquire(&self.shutdown).await else { return pending().await };
        metrics.set_leader(&name, true);
        lead.send_replace(Some(gained.gained_at()));
        held.insert(gained).lost().await
    }
}

/// Waits for the work, which returns how much of it was dropped, and drops it where it goes on for too long after a request to stop.
async fn finished_in_time(
    work: impl Future<Output = usize>,
    shutdown: &Shutdown,
    shutdown_timeout: Duration,
) -> Result<(), Ended> {
    let overdue = async {
        sleep_until(shutdown.requested().await + GRACE).await;
    };
    tokio::select! {
        biased;
        dropped = work => if dropped == 0 { Ok(()) } else { Err(Ended::NotFinished(shutdown_timeout)) },
        () = overdue => Err(Ended::NotFinished(shutdown_timeout)),
    }
}

/// A name that is unique to this process: a pod's name, which is its host name, is not, since its containers restart.
fn instance() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = Some(host.trim()).filter(|host| !host.is_empty()).unwrap_or("connector-operator");
    format!("{host}_{:016x}", fastrand::u64(..))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shutdown;

    const TIMEOUT: Duration = Duration::from_secs(25);

    #[tokio::test(start_paused = true)]
    async fn work_that_finishes_after_the_request_to_stop_is_waited_for() {
        let (trigger, shutdown) = shutdown::pair(TIMEOUT);
        trigger.request();

        let work = async {
            sleep(TIMEOUT).await;
            0
        };
        let end = finished_in_time(work, &shutdown, TIMEOUT).await;

        assert!(end.is_ok(), "{end:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn controllers_that_ended_but_dropped_running_passes_are_an_error() {
        let (trigger, shutdown) = shutdown::pair(TIMEOUT);
        trigger.request();

        let end = finished_in_time(async { 1 }, &shutdown, TIMEOUT).await;

        assert!(matches!(end, Err(Ended::NotFinished(TIMEOUT))), "{end:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_does_not_finish_is_dropped_and_that_is_an_error() {
        let (trigger, shutdown) = shutdown::pair(TIMEOUT);
        let work = async {
            sleep(Duration::from_mins(1)).await;
            trigger.request();
            pending().await
        };
        let began = Instant::now();

        let end = finished_in_time(work, &shutdown, TIMEOUT).await;

        assert_eq!(began.elapsed(), Duration::from_mins(1) + TIMEOUT + GRACE);
        assert_eq!(
            end.unwrap_err().to_string(),
            "running work did not finish within --shutdown-timeout (25s) and was dropped"
        );
    }

    #[test]
    fn no_two_processes_have_one_name() {
        assert_ne!(instance(), instance());
    }
}
