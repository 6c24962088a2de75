//! A collector of traces, as companies have one, which remembers all that it is sent.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use prost::Message;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use super::story::DEADLINE;
use super::wait::until;

/// A collector that ends with the story.
pub struct Collector {
    address: SocketAddr,
    sent: Arc<Mutex<Vec<Sent>>>,
    task: AbortHandle,
}

/// One request.
#[derive(Clone)]
struct Sent {
    headers: HeaderMap,
    body: Bytes,
}

/// A span in plain words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// `reconcile OnomondoConnector`, `POST create`, …
    pub name: String,
    /// Who sent it.
    pub service: String,
    /// What it tells, numbers as text.
    pub attributes: BTreeMap<String, String>,
    /// Whether it failed.
    pub failed: bool,
    id: Vec<u8>,
    parent: Vec<u8>,
    started: u64,
}

impl Collector {
    /// Starts one on a free port.
    pub async fn start() -> Collector {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let sent = Arc::<Mutex<Vec<Sent>>>::default();
        let router = Router::new().route("/v1/traces", post(take)).with_state(sent.clone());
        let task = tokio::spawn(async move { axum::serve(listener, router).await });
        Collector { address, sent, task: task.abort_handle() }
    }

    /// What programs are told.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All spans so far, in the order in which they began.
    pub fn spans(&self) -> Vec<Span> {
        let mut spans: Vec<Span> = self.requests().iter().flat_map(|sent| spans(&sent.body)).collect();
        spans.sort_by_key(|span| span.started);
        spans
    }

    /// The spans beneath `parent`, in the order in which they began.
    pub fn beneath(&self, parent: &Span) -> Vec<Span> {
        self.spans().into_iter().filter(|span| span.parent == parent.id).collect()
    }

    /// Waits for a span.
    pub async fn span(&self, what: &str, wanted: impl Fn(&Span) -> bool) -> Span {
        until(what, DEADLINE, async || {
            let spans = self.spans();
            spans.iter().find(|span| wanted(span)).cloned().ok_or_else(|| format!("there are {spans:#?}"))
        })
        .await
    }

    /// All bytes that came, headers included.
    pub fn text(&self) -> String {
        let text = |sent: &Sent| format!("{:?} {}", sent.headers, String::from_utf8_lossy(&sent.body));
        self.requests().iter().map(text).collect()
    }

    /// The values of a header that came, each once.
    pub fn header(&self, name: &str) -> Vec<String> {
        let value = |sent: &Sent| Some(sent.headers.get(name)?.to_str().ok()?.to_owned());
        let mut values: Vec<String> = self.requests().iter().filter_map(value).collect();
        values.sort();
        values.dedup();
        values
    }

    fn requests(&self) -> Vec<Sent> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Span {
    /// Whether it began by itself.
    pub fn is_root(&self) -> bool {
        self.parent.is_empty()
    }

    /// An attribute, or nothing.
    pub fn get(&self, attribute: &str) -> &str {
        self.attributes.get(attribute).map_or("", String::as_str)
    }
}

async fn take(State(sent): State<Arc<Mutex<Vec<Sent>>>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    sent.lock().unwrap_or_else(PoisonError::into_inner).push(Sent { headers, body });
    StatusCode::OK
}

fn spans(body: &Bytes) -> Vec<Span> {
    let request = ExportTraceServiceRequest::decode(body.clone()).expect("spans as OTLP has them");
    let mut spans = Vec::new();
    for of_resource in request.resource_spans {
        let resource = of_resource.resource.unwrap_or_default();
        let service = plain(resource.attributes).remove("service.name").unwrap_or_default();
        for span in of_resource.scope_spans.into_iter().flat_map(|of_scope| of_scope.spans) {
            assert!(span.events.is_empty() && span.links.is_empty(), "more than a span: {span:?}");
            spans.push(Span {
                name: span.name,
                service: service.clone(),
                attributes: plain(span.attributes),
                failed: span.status.is_some_and(|status| status.code == 2),
                id: span.span_id,
                parent: span.parent_span_id,
                started: span.start_time_unix_nano,
            });
        }
    }
    spans
}

fn plain(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    let value = |attribute: &KeyValue| match attribute.value.clone().and_then(|value| value.value) {
        Some(any_value::Value::StringValue(text)) => text,
        Some(any_value::Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    attributes.into_iter().map(|attribute| (attribute.key.clone(), value(&attribute))).collect()
}
