//! `connector-operator run`: the order in which the process comes up and goes down.
//!
//! Up: the HTTP server, so that somebody can ask; the cluster; then the [replica](super::replica), which does the work. The server goes down
//! last.

use std::io;
use std::time::Duration;

use tokio::time::timeout;

use super::cluster::{self, ClusterError};
use super::controllers::{self, TransportError};
use super::replica::{Ended, Replica};
use super::traces::Traces;
use crate::server::{self, BindError, Endpoints};
use crate::settings::Settings;
use crate::shutdown::{self, Signals};

/// How long connections that are being answered, and the last spans, may take when everything else is over.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// Why the operator could not start, or ended otherwise than as it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// No signal handlers.
    #[error("cannot take over SIGTERM and SIGINT")]
    Signals(#[source] io::Error),
    /// No HTTP server.
    #[error(transparent)]
    Server(#[from] BindError),
    /// No way to vendors.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// No cluster.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The work ended by itself.
    #[error(transparent)]
    Ended(#[from] Ended),
}

/// Runs the operator until it is asked to stop, and sends its last spans.
///
/// # Errors
/// Why it could not start or go on.
pub(super) async fn run(settings: Settings, traces: Option<Traces>) -> Result<(), RunError> {
    let signals = Signals::install().map_err(RunError::Signals)?;
    let (trigger, shutdown) = shutdown::pair(settings.shutdown_timeout);
    tokio::spawn(signals.forward(trigger));

    let endpoints = Endpoints::default();
    let (last_words, server_stop) = shutdown::pair(Duration::ZERO);
    // Not ready before the controllers have said what they wait for.
    let started = endpoints.readiness.condition("started");
    let (address, server) = server::bind(settings.listen, endpoints.clone(), server_stop).await?;
    let server = tokio::spawn(server);
    tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "serving /healthz, /readyz and /metrics");

    let replica = Replica {
        transport: controllers::transport(&settings, settings.allow_insecure_endpoints)?,
        client: cluster::connect(&endpoints.metrics).await?,
        settings,
        endpoints,
        shutdown,
    };
    let end = replica.run(&started).await;

    last_words.request();
    let last_spans = async {
        if let Some(traces) = traces {
            traces.flush(LAST_ANSWERS).await;
        }
    };
    // The server waits for connections that are being answered; they are few and brief.
    let _ = tokio::join!(timeout(LAST_ANSWERS, server), last_spans);
    match &end {
        Ok(()) => tracing::info!("stopped"),
        Err(error) => tracing::error!(error = super::explain(error), "stopped"),
    }
    Ok(end?)
}
