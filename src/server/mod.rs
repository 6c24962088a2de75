//! The HTTP server of the process: `/healthz`, `/readyz` and `/metrics`.
//!
//! It is up before anything else and asks nobody: whether the process is alive and ready is known in memory, and depends on no vendor
//! and no lease. Connections are few, short, and end by themselves; what they ask never reaches a log.

mod connections;
mod health;

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::metrics::{self, Metrics};
use crate::shutdown::Shutdown;

pub use health::{Condition, Heartbeat, Readiness};

/// The server could not be started.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot listen on {address} for /healthz, /readyz and /metrics: set --listen to an address of this machine and a free port"
)]
pub struct BindError {
    address: SocketAddr,
    source: io::Error,
}

/// What the server tells about.
#[derive(Debug, Clone, Default)]
pub struct Endpoints {
    /// Shown at `/metrics`.
    pub metrics: Metrics,
    /// Decides `/readyz`.
    pub readiness: Readiness,
    /// Decides `/healthz`.
    pub heartbeat: Heartbeat,
}

/// Starts to listen on `address` (port 0: any free one) and returns where, and the server to run until `shutdown`.
pub async fn bind(
    address: SocketAddr,
    endpoints: Endpoints,
    shutdown: Shutdown,
) -> Result<(SocketAddr, impl Future<Output = ()> + Send + 'static), BindError> {
    let refuse = |source| BindError { address, source };
    let listener = tokio::net::TcpListener::bind(address).await.map_err(refuse)?;
    let local_address = listener.local_addr().map_err(refuse)?;
    let serving = axum::serve(connections::Limited::new(listener), router(endpoints)).with_graceful_shutdown(
        async move {
            shutdown.requested().await;
        },
    );
    Ok((local_address, async move {
        if let Err(error) = serving.await {
            tracing::error!(error = %error, "the server of /healthz, /readyz and /metrics ended");
        }
    }))
}

/// The three pages; anything else is 404.
fn router(endpoints: Endpoints) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics_page))
        .layer(axum::middleware::map_response(one_answer_a_connection))
        .with_state(endpoints)
}

async fn healthz(State(endpoints): State<Endpoints>) -> Response {
    match endpoints.heartbeat.silent_for() {
        None => (StatusCode::OK, "ok\n").into_response(),
        Some(silence) => {
            let body = format!("the run loop has not moved for {} seconds\n", silence.as_secs());
            (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
        }
    }
}

async fn readyz(State(endpoints): State<Endpoints>) -> Response {
    let missing = endpoints.readiness.missing();
    if missing.is_empty() {
        return (StatusCode::OK, "ok\n").into_response();
    }
    let body = format!("not yet: {}\n", missing.join(", "));
    (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
}

async fn metrics_page(State(endpoints): State<Endpoints>) -> Response {
    match endpoints.metrics.render() {
        Ok(text) => ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "the metrics could not be written\n").into_response(),
    }
}

/// Probes and scrapes are seconds apart; a connection that is kept for the next one only holds a place.
async fn one_answer_a_connection(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

#[cfg(test)]
mod tests;
