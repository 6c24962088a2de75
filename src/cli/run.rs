//! `connector-operator run`: the order in which the process comes up and goes down.
//!
//! Up: the HTTP server, so that somebody can ask; the cluster; the lease; the controllers. Down, when asked: the controllers, within
//! the shutdown timeout; then the lease and the waiting events, together; the server last. A lease that is lost drops the work at
//! once. Nothing here knows a vendor.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};

use super::cluster::{self, ClusterError};
use crate::engine::events::{self, EventPublisher};
use crate::engine::lease::{Held, Lease, Lost};
use crate::metrics::Metrics;
use crate::server::{self, BindError, Endpoints, Heartbeat, Readiness};
use crate::settings::Settings;
use crate::shutdown::{self, Shutdown, Signals};

/// What the controllers may take beyond the shutdown timeout before they are dropped: they keep to it by themselves.
const GRACE: Duration = Duration::from_millis(500);
/// How long the lease may take to be given up. With the shutdown timeout and the grace it has to stay under the 30 s that a pod has.
const GOODBYE: Duration = Duration::from_secs(2);

/// Why the operator ended though nobody asked it to, or not as it should.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// No signal handlers.
    #[error("cannot take over SIGTERM and SIGINT")]
    Signals(#[source] io::Error),
    /// No HTTP server.
    #[error(transparent)]
    Server(#[from] BindError),
    /// No cluster.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// Another replica works now.
    #[error("stopped working and ended, so that another replica can take over")]
    LeaseLost(#[source] Lost),
    /// The controllers gave up.
    #[error("the controllers ended")]
    Controllers(#[source] Box<dyn Error + Send + Sync>),
    /// The controllers had to be dropped.
    #[error("running work did not finish within --shutdown-timeout ({0:?}) and was dropped")]
    NotFinished(Duration),
}

/// Everything that the process gives to its controllers.
#[derive(Clone)]
pub struct Work {
    /// The settings.
    pub settings: Arc<Settings>,
    /// The cluster.
    pub client: kube::Client,
    /// What is counted.
    pub metrics: Metrics,
    /// Where Kubernetes events go.
    pub events: EventPublisher,
    /// To add the conditions of being ready, such as "onomondoconnectors listed".
    pub readiness: Readiness,
    /// To beat at least every ten seconds.
    pub heartbeat: Heartbeat,
    /// Since when nobody else works: our gaining the lease, or our start where there is none.
    pub leading_since: Instant,
}

/// Runs the controllers until the shutdown is requested and what runs has finished, or until they cannot go on.
async fn run_controllers(work: Work, shutdown: Shutdown) -> Result<(), Box<dyn Error + Send + Sync>> {
    tracing::info!(controllers = ?work.settings.controllers, "working");
    shutdown.requested().await;
    Ok(())
}

/// Runs the operator until it is asked to stop.
///
/// # Errors
/// Why it could not start or go on.
pub async fn run(settings: Settings) -> Result<(), RunError> {
    let signals = Signals::install().map_err(RunError::Signals)?;
    let (trigger, shutdown) = shutdown::pair(settings.shutdown_timeout);
    tokio::spawn(signals.forward(trigger));

    let endpoints = Endpoints::default();
    let connected = endpoints.readiness.condition("cluster found");
    let (last_words, server_stop) = shutdown::pair(Duration::ZERO);
    let (address, server) = server::bind(settings.listen, endpoints.clone(), server_stop).await?;
    let server = tokio::spawn(server);
    tracing::info!(version = env!("CARGO_PKG_VERSION"), %address, "listening");

    let client = cluster::connect(&endpoints.metrics).await?;
    connected.set(true);
    let end = lead(Arc::new(settings), client, endpoints, shutdown).await;

    last_words.request();
    // The server waits for connections that are being answered; they are few and brief.
    let _ = timeout(GOODBYE, server).await;
    match &end {
        Ok(()) => tracing::info!("stopped"),
        Err(error) => tracing::error!(error = super::explain(error), "stopped"),
    }
    end
}

/// Waits for the lease and works while it is held.
async fn lead(
    settings: Arc<Settings>,
    client: kube::Client,
    endpoints: Endpoints,
    shutdown: Shutdown,
) -> Result<(), RunError> {
    let instance = instance();
    let held = match settings.leader_election.clone() {
        None => None,
        Some(election) => {
            let lease_name = election.name.clone();
            endpoints.metrics.set_leader(&lease_name, false);
            let identity = format!("{instance}_{:016x}", fastrand::u64(..));
            let lease =
                Lease::new(client.clone(), &settings.namespace, election, identity, fastrand::u64(..));
            let Some(held) = lease.acquire(&shutdown).await else { return Ok(()) };
            endpoints.metrics.set_leader(&lease_name, true);
            Some(held)
        }
    };
    let metrics = endpoints.metrics.clone();
    let (events, event_sender) =
        events::start(client.clone(), &instance, fastrand::u64(..), move || metrics.event_dropped());
    let work = Work {
        leading_since: held.as_ref().map_or_else(Instant::now, Held::gained_at),
        settings: Arc::clone(&settings),
        client,
        metrics: endpoints.metrics,
        events,
        readiness: endpoints.readiness,
        heartbeat: endpoints.heartbeat,
    };
    let working = finish_in_time(work, shutdown, settings.shutdown_timeout);
    match held {
        None => {
            let end = working.await;
            event_sender.drain().await;
            end
        }
        Some(mut held) => {
            let end = tokio::select! {
                biased;
                lost = held.lost() => return Err(RunError::LeaseLost(lost)),
                end = working => end,
            };
            let goodbye = timeout(GOODBYE, held.release());
            let (_, ()) = tokio::join!(goodbye, event_sender.drain());
            end
        }
    }
}

/// Runs the controllers, and drops them where they go on for too long after a request to stop.
async fn finish_in_time(work: Work, shutdown: Shutdown, shutdown_timeout: Duration) -> Result<(), RunError> {
    let overdue = async {
        sleep_until(shutdown.requested().await + GRACE).await;
    };
    tokio::select! {
        biased;
        end = run_controllers(work, shutdown.clone()) => end.map_err(RunError::Controllers),
        () = overdue => Err(RunError::NotFinished(shutdown_timeout)),
    }
}

/// The pod's name, which is its host name; outside a cluster the machine's.
fn instance() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "connector-operator".to_owned() } else { name.to_owned() }
}
