//! `--tracing`: the way of the [spans](crate::spans) to a collector, by OTLP over HTTP with protobuf.
//!
//! Where to, with which headers, how much of it and under which name is said by the variables that OpenTelemetry names for every program
//! (`OTEL_EXPORTER_OTLP_ENDPOINT`, …); its SDK reads them, and keeps the queue, which drops what does not fit. The work never waits for a collector:
//! spans are sent by a thread of the SDK's own, which exists only where tracing is on, and which asks the runtime to carry its requests.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use http_body_util::BodyExt;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::EnvResourceDetector;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout};
use tower::ServiceExt;
use tracing::Metadata;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::{Layer, Registry};

use crate::remote::Transport;
use crate::spans::TARGET;
use crate::telemetry::SpanListener;

/// How long one request to the collector may take.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(10);
/// The most bytes of an answer that are read; a collector says little.
const ANSWER_LIMIT: usize = 64 * 1024;
/// A collector that is away is said so often, and no oftener.
const SAY_AGAIN: Duration = Duration::from_mins(10);

/// Spans cannot be sent anywhere.
#[derive(Debug, thiserror::Error)]
#[error(
    "--tracing is on, and where to send spans is not clear: set OTEL_EXPORTER_OTLP_ENDPOINT (and \
     OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, which goes before it, if at all) to a URL such as http://collector.example:4318"
)]
// Its cause is left out: it quotes the URL, and a URL can hold a password.
pub struct EndpointError;

/// Spans on their way to a collector.
pub(super) struct Traces {
    provider: SdkTracerProvider,
}

impl Traces {
    /// Begins to take spans. The requests go by `transport` and are carried by the runtime of `handle`.
    pub(super) fn start(transport: Transport, handle: Handle) -> Result<Self, EndpointError> {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_http_client(Collector { transport, handle, away: Mutex::default() })
            .build()
            .map_err(|_| EndpointError)?;
        let provider =
            SdkTracerProvider::builder().with_resource(resource()).with_batch_exporter(exporter).build();
        Ok(Self { provider })
    }

    /// What hears of the spans.
    pub(super) fn listener(&self) -> SpanListener {
        tracing_opentelemetry::layer::<Registry>()
            .with_tracer(self.provider.tracer(env!("CARGO_PKG_NAME")))
            .with_location(false)
            .with_target(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_context_activation(false)
            .with_filter(filter_fn(is_ours))
            .boxed()
    }

    /// Sends what still waits, for so long at most, and takes no more.
    pub(super) async fn flush(self, at_most: Duration) {
        // It blocks its thread until the SDK's one has sent all, which needs this one.
        let flush = tokio::task::spawn_blocking(move || self.provider.shutdown_with_timeout(at_most));
        if !matches!(timeout(at_most, flush).await, Ok(Ok(Ok(())))) {
            tracing::debug!("the last spans may not have reached the collector");
        }
    }
}

/// Log lines stay log lines, and libraries' spans may carry anything.
fn is_ours(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.target() == TARGET
}

/// Who sends the spans: the operator in its version, unless the environment says otherwise.
fn resource() -> Resource {
    let own = Resource::builder_empty()
        .with_service_name(env!("CARGO_PKG_NAME"))
        .with_attribute(opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_detector(Box::new(EnvResourceDetector::new()));
    match std::env::var("OTEL_SERVICE_NAME") {
        Ok(name) if !name.is_empty() => own.with_service_name(name).build(),
        _ => own.build(),
    }
}

/// The SDK's HTTP client.
struct Collector {
    transport: Transport,
    handle: Handle,
    away: Mutex<Away>,
}

/// Since when it is known that the collector does not take spans.
#[derive(Debug, Default)]
struct Away {
    said: Option<Instant>,
}

impl fmt::Debug for Collector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Collector").finish_non_exhaustive()
    }
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let host = request.uri().host().unwrap_or_default().to_owned();
        let sending = send(self.transport.clone(), request);
        // A timer is of the runtime that it is made on.
        let sent = self.handle.spawn(async { timeout(EXPORT_TIMEOUT, sending).await });
        let answer = match sent.await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err("no answer in time".into()),
            // The runtime ends.
            Err(error) => return Err(error.into()),
        };
        let trouble = match &answer {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("it answered {}", answer.status())),
            Err(error) => Some(super::explain(&**error)),
        };
        self.away.lock().unwrap_or_else(PoisonError::into_inner).tell(&host, trouble.as_deref());
        answer
    }
}

async fn send(transport: Transport, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
    let (head, mut body) = transport.oneshot(request).await?.into_parts();
    // Read to its end, so that the connection can be used again. Nobody wants to know what it says.
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        length += frame?.data_ref().map_or(0, Bytes::len);
        if length > ANSWER_LIMIT {
            return Err("it answered at too great a length".into());
        }
    }
    Ok(Response::from_parts(head, Bytes::new()))
}

impl Away {
    /// Says that spans are lost, and that they no longer are: each once in a while.
    fn tell(&mut self, collector: &str, trouble: Option<&str>) {
        match (trouble, self.said) {
            (Some(why), said) if said.is_none_or(|said| said.elapsed() >= SAY_AGAIN) => {
                tracing::warn!(
                    collector,
                    why,
                    "spans do not reach the collector and are lost; all else goes on"
                );
                self.said = Some(Instant::now());
            }
            (None, Some(_)) => {
                tracing::info!(collector, "spans reach the collector again");
                self.said = None;
            }
            _ => {}
        }
    }
}
