//! Log lines: where they go, how they look, and which may exist at all.
//!
//! Only lines that this crate wrote are let through, plus the few named below. Libraries are shut out by default, at every
//! level, because they log what they carry: `kube_client::client` writes the **whole body** of an answer that it cannot decode
//! as a warning (a Secret's, too) and headers at trace; HTTP and TLS libraries dump headers and frames. A list of what to shut out
//! would be outdated by the next dependency. Whatever a library has to say that matters reaches us as an error that it returns.

use std::io::{self, IsTerminal};
use std::panic::PanicHookInfo;

use tracing::level_filters::LevelFilter;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::filter::{FilterExt, Targets, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Filter, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry, fmt, registry};

use crate::settings::LogFormat;

/// Libraries' lines that carry no data and that nobody else tells: that the CA of the cluster could not be read again, or that
/// a kubeconfig switches the verification of certificates off.
const OF_LIBRARIES: [(&str, LevelFilter); 2] =
    [("kube_client::client::tls", LevelFilter::WARN), ("kube_client::config", LevelFilter::WARN)];

/// Hears of the [spans](crate::spans).
pub type SpanListener = Box<dyn Layer<Registry> + Send + Sync>;

/// Starts to write log lines to stderr, and panics as log lines; `spans` hears of spans, if anybody does. Call once, first thing.
pub fn install(format: LogFormat, level: LevelFilter, spans: Option<SpanListener>) {
    let colours = io::stderr().is_terminal();
    // A second call, as in tests, leaves the first one's choice in place.
    let _ = tracing::subscriber::set_global_default(subscriber(format, level, spans, colours, io::stderr));
    std::panic::set_hook(Box::new(log_panic));
}

fn subscriber<W>(
    format: LogFormat,
    level: LevelFilter,
    spans: Option<SpanListener>,
    colours: bool,
    writer: W,
) -> impl Subscriber
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    registry().with(spans).with(lines(format, colours, writer).with_filter(allowed(level)))
}

fn allowed<S>(level: LevelFilter) -> impl Filter<S> {
    let targets = Targets::new()
        .with_target(env!("CARGO_CRATE_NAME"), level)
        .with_targets(OF_LIBRARIES.map(|(target, most)| (target, most.min(level))));
    // A span that lines knew of would exist for their sake, and stand in each of them.
    targets.and(filter_fn(is_event))
}

fn is_event(metadata: &Metadata<'_>) -> bool {
    metadata.is_event()
}

fn lines<S, W>(format: LogFormat, colours: bool, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // Where stderr is closed, complaining about it there would panic.
    let lines = fmt::layer().with_writer(writer).log_internal_errors(false);
    match format {
        LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).boxed(),
        LogFormat::Text => lines.with_ansi(colours).boxed(),
    }
}

/// The place is enough to find a panic; its message may quote the value it tripped over, and that may be a secret.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    tracing::error!(place, "panicked: a mistake in this program, please report it");
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use k8s_openapi::api::core::v1::Secret;
    use kube::client::Body;

    use super::*;

    const CANARY: &str = "c2VjcmV0LWNhbmFyeQ==";

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Log {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    /// What is written at `level` while `work` runs.
    fn log_of(format: LogFormat, level: LevelFilter, work: impl FnOnce()) -> String {
        let log = Log::default();
        let writer = log.clone();
        tracing::subscriber::with_default(
            subscriber(format, level, None, false, move || writer.clone()),
            work,
        );
        log.text()
    }

    /// kube reads a Secret whose `data` is not what it should be.
    fn read_a_broken_secret() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let answer = runtime.block_on(async {
            let cluster = tower::service_fn(|_: http::Request<Body>| async {
                let body = format!(
                    r#"{{"apiVersion":"v1","kind":"Secret","metadata":7,"data":{{"key":"{CANARY}"}}}}"#
                );
                Ok::<_, std::convert::Infallible>(http::Response::new(Body::from(body.into_bytes())))
            });
            let client = kube::Client::new(cluster, "default");
            kube::Api::<Secret>::default_namespaced(client).get("broken").await
        });
        assert!(answer.is_err(), "the Secret is not broken enough: {answer:?}");
    }

    #[test]
    fn a_body_that_kube_cannot_decode_is_in_no_log_not_even_at_trace() {
        let log = log_of(LogFormat::Json, LevelFilter::TRACE, || {
            tracing::trace!("our own line");
            read_a_broken_secret();
        });

        assert!(log.contains("our own line"), "{log}");
        assert!(!log.contains(CANARY), "{log}");
    }

    #[test]
    fn without_the_filter_that_body_is_logged() {
        // Shows that the test above can fail; when kube stops doing it, this says so.
        let log = Log::default();
        let writer = log.clone();
        let unfiltered = registry().with(lines(LogFormat::Text, false, move || writer.clone()));

        tracing::subscriber::with_default(unfiltered, read_a_broken_secret);

        assert!(log.text().contains(CANARY), "{}", log.text());
    }

    #[test]
    fn libraries_say_nothing_even_at_trace() {
        let log = log_of(LogFormat::Text, LevelFilter::TRACE, || {
            tracing::error!(target: "hyper::proto", "from hyper");
            tracing::error!(target: "reqwest::connect", "from reqwest");
            tracing::error!(target: "h2::codec", "from h2");
            tracing::error!(target: "rustls::client", "from rustls");
            tracing::error!(target: "kube_client::client", "from kube");
            tracing::warn!(target: "kube_client::client::tls", "that certificates are not verified");
            tracing::info!(target: "kube_client::client::tls", "too much");
        });

        assert!(log.ends_with("that certificates are not verified\n"), "{log}");
        assert_eq!(log.lines().count(), 1, "{log}");
    }

    #[test]
    fn json_is_one_object_a_line_with_the_fields_beside_the_message() {
        let log = log_of(LogFormat::Json, LevelFilter::INFO, || {
            tracing::info!(connector = "iot/plant-a", "created");
            tracing::debug!("too detailed");
        });

        let lines: Vec<serde_json::Value> =
            log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 1, "{log}");
        assert_eq!(lines[0]["message"], "created");
        assert_eq!(lines[0]["connector"], "iot/plant-a");
        assert_eq!(lines[0]["level"], "INFO");
        assert!(lines[0]["timestamp"].as_str().unwrap().ends_with('Z'), "{log}");
    }

    #[test]
    fn spans_are_in_no_line_not_even_at_trace() {
        for format in [LogFormat::Json, LogFormat::Text] {
            let log = log_of(format, LevelFilter::TRACE, || {
                let pass = crate::spans::pass("onomondo", "OnomondoConnector", "iot", "plant-a", "changed");
                pass.in_scope(|| tracing::info!("our own line"));
            });

            assert!(log.contains("our own line"), "{log}");
            assert!(!log.contains("plant-a") && !log.contains("reconcile"), "{log}");
        }
    }

    #[test]
    fn a_panic_names_its_place_and_not_the_value_it_tripped_over() {
        let log = log_of(LogFormat::Text, LevelFilter::ERROR, || {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(log_panic));
            let panicked = std::panic::catch_unwind(|| panic!("{CANARY}"));
            std::panic::set_hook(before);
            assert!(panicked.is_err());
        });

        assert!(log.contains(file!()) && log.contains("please report it"), "{log}");
        assert!(!log.contains(CANARY), "{log}");
    }
}
