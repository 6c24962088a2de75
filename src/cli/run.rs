//! `connector-operator run`: from settings to a stopped process.
//!
//! The server is up first. Then the caches fill, whoever leads; only the leader reconciles, and one that has lost its lease drops its work and exits.

use crate::engine::context::EngineSettings;
use crate::engine::lease::{Held, Lease, Lost};
use crate::engine::start::{Shared, controller, fingerprint_key};
use crate::engine::{events, vendor::Vendor};
use crate::metrics::Metrics;
use crate::remote::{TransportSettings, transport};
use crate::server::{Endpoints, bind};
use crate::settings::Settings;
use crate::shutdown::{Shutdown, Signals, pair};
use crate::vendors::onomondo::Onomondo;
use futures::future::{BoxFuture, join_all, pending};
use std::time::Duration;
use thiserror::Error;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// Why the operator ended otherwise than by being asked to.
#[derive(Debug, Error)]
pub enum RunError {
    /// The signals could not be taken over.
    #[error("cannot handle SIGTERM and SIGINT: {0}")]
    Signals(std::io::Error),
    /// `--listen` does not work.
    #[error(transparent)]
    Bind(#[from] crate::server::BindError),
    /// No way to the API server.
    #[error(
        "no way to the Kubernetes API server: {0}; run in a pod with a ServiceAccount, or set KUBECONFIG"
    )]
    Kubernetes(String),
    /// `--ca-file` does not work.
    #[error("--ca-file {0}: {1}")]
    CaFile(String, String),
    /// No HTTP client for the vendors.
    #[error("no HTTP client for the vendors: {0}")]
    Transport(String),
    /// Another replica leads now.
    #[error("the lease was lost ({0:?}); another replica may lead, so this one ends")]
    LeaseLost(Lost),
}

/// How long calls to the API server may idle; watches have their own deadline of about five minutes.
const WATCH_READ_TIMEOUT: Duration = Duration::from_secs(310);
const KEY_RETRY: Duration = Duration::from_secs(5);

/// Runs the operator until it is asked to stop.
///
/// # Errors
/// See [`RunError`].
pub async fn run(settings: Settings) -> Result<(), RunError> {
    let (trigger, shutdown) = pair(settings.shutdown_timeout);
    tokio::spawn(Signals::install().map_err(RunError::Signals)?.forward(trigger));
    let endpoints = Endpoints::default();
    let (address, serving) = bind(settings.listen, endpoints.clone(), shutdown.clone()).await?;
    tokio::spawn(serving);
    tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "serving /healthz, /readyz and /metrics");
    let client = kubernetes_client().await?;
    let metrics = endpoints.metrics.clone();
    let dropped = metrics.clone();
    let instance = instance();
    let (publisher, sender) =
        events::start(client.clone(), &instance, fastrand::u64(..), move || dropped.event_dropped());
    let Some(key) = key_when_it_is_there(&client, &settings, &shutdown).await else { return Ok(()) };
    let (lead, leads) = watch::channel(None);
    let shared = Shared {
        client: client.clone(),
        transport: vendor_transport(&settings)?,
        key,
        metrics: metrics.clone(),
        events: publisher,
        readiness: endpoints.readiness,
        heartbeat: endpoints.heartbeat,
        leads,
        shutdown: shutdown.clone(),
    };
    let mut held = None;
    let result = tokio::select! {
        // Also while running passes finish after the request to stop, the lease has to be kept.
        _ = join_all(controllers(&settings, &shared)) => Ok(()),
        lost = lead_until_lost(&client, &settings, &metrics, &lead, &shutdown, instance, &mut held) => {
            Err(RunError::LeaseLost(lost))
        }
    };
    sender.drain().await;
    if let Some(held) = held.filter(|_| result.is_ok()) {
        held.release().await;
    }
    tracing::info!("stopped");
    result
}

/// The controllers that the settings ask for. A new vendor is one line here.
fn controllers(settings: &Settings, shared: &Shared) -> Vec<BoxFuture<'static, ()>> {
    let mut controllers = Vec::new();
    let mut add = |name: &str, start: fn(Shared, EngineSettings) -> BoxFuture<'static, ()>| {
        if settings.controllers.contains(name) {
            controllers.push(start(shared.clone(), engine_settings(settings, name)));
        }
    };
    add(Onomondo::NAME, |shared, settings| Box::pin(controller::<Onomondo>(shared, settings)));
    controllers
}

fn engine_settings(settings: &Settings, controller: &str) -> EngineSettings {
    EngineSettings {
        watch_namespaces: settings.watch_namespaces.clone(),
        concurrency: settings.concurrency_of(controller),
        resync_interval: settings.resync_interval,
        request_timeout: settings.request_timeout,
        consistency_allowance: settings.consistency_allowance,
        list_size_limit: settings.list_size_limit,
        allowed_hosts: settings.allowed_hosts.clone(),
        allow_insecure_endpoints: settings.allow_insecure_endpoints,
        secrets_watch: settings.secrets_watch,
    }
}

/// Leads, by the lease where there is to be one, and returns when the lease is lost.
async fn lead_until_lost(
    client: &kube::Client,
    settings: &Settings,
    metrics: &Metrics,
    lead: &watch::Sender<Option<Instant>>,
    shutdown: &Shutdown,
    instance: String,
    held: &mut Option<Held>,
) -> Lost {
    let Some(election) = settings.leader_election.clone() else {
        lead.send_replace(Some(Instant::now()));
        return pending().await;
    };
    let name = election.name.clone();
    metrics.set_leader(&name, false);
    let lease = Lease::new(client.clone(), &settings.namespace, election, instance, fastrand::u64(..));
    let Some(gained) = lease.acquire(shutdown).await else { return pending().await };
    metrics.set_leader(&name, true);
    lead.send_replace(Some(gained.gained_at()));
    let lost = held.insert(gained).lost().await;
    metrics.set_leader(&name, false);
    lost
}

/// Unique to this process: a pod's name is not, since its container may restart.
fn instance() -> String {
    let host = std::env::var("HOSTNAME").ok().filter(|name| !name.is_empty());
    format!("{}_{:016x}", host.as_deref().unwrap_or("connector-operator"), fastrand::u64(..))
}

async fn kubernetes_client() -> Result<kube::Client, RunError> {
    let refuse = |error: &dyn std::fmt::Display| RunError::Kubernetes(error.to_string());
    let mut config = kube::Config::infer().await.map_err(|error| refuse(&error))?;
    // It would repeat POSTs; every caller here knows better when to try again.
    config.default_retry = false;
    config.read_timeout = Some(WATCH_READ_TIMEOUT);
    kube::Client::try_from(config).map_err(|error| refuse(&error))
}

fn vendor_transport(settings: &Settings) -> Result<crate::remote::Transport, RunError> {
    let ca_pem = match &settings.ca_file {
        None => None,
        Some(path) => Some(
            std::fs::read(path)
                .map_err(|error| RunError::CaFile(path.display().to_string(), error.to_string()))?,
        ),
    };
    transport(&TransportSettings { ca_pem }).map_err(|error| RunError::Transport(error.to_string()))
}

/// The fingerprint key; it is tried again until it is there or the process is asked to stop.
async fn key_when_it_is_there(
    client: &kube::Client,
    settings: &Settings,
    shutdown: &Shutdown,
) -> Option<crate::engine::fingerprint::FingerprintKey> {
    loop {
        match fingerprint_key(client, &settings.namespace).await {
            Ok(key) => return Some(key),
            Err(error) => tracing::error!("{error}; trying again in {KEY_RETRY:?}"),
        }
        tokio::select! {
            () = sleep(KEY_RETRY) => {}
            _ = shutdown.requested() => return None,
        }
    }
}
