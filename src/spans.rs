//! What a trace tells: a span for each pass, and beneath it one for each call to a vendor and each write to Kubernetes.
//!
//! All spans are made here, so that what may leave the process by them is read in one place: words of this program, names of Kubernetes objects,
//! methods, statuses and hosts. Never a path or a query, a header, a body, the text of an error, or anything that a vendor made up. Where nobody
//! listens (`--tracing` is off) a span is nothing: making one asks whether somebody does, and that is all.

use http::Method;
use tracing::Span;
use tracing::field::Empty;

/// By what a listener knows them among the spans of libraries.
pub const TARGET: &str = "connector_operator::spans";

/// One pass of a controller over an object, and why it is made. It ends with [`outcome`].
pub fn pass(controller: &'static str, kind: &str, namespace: &str, name: &str, cause: &'static str) -> Span {
    tracing::info_span!(
        target: TARGET,
        "reconcile",
        otel.name = %format_args!("reconcile {kind}"),
        controller,
        kind,
        namespace,
        name,
        cause,
        outcome = Empty,
        otel.status_code = Empty,
    )
}

/// How a pass ended.
pub fn outcome(pass: &Span, word: &'static str, failed: bool) {
    pass.record("outcome", word);
    if failed {
        pass.record("otel.status_code", "ERROR");
    }
}

/// One request to a vendor, from its sending to the last byte of the answer. It ends with [`answer`].
pub fn vendor_call(operation: &'static str, method: &Method, host: Option<&str>) -> Span {
    tracing::info_span!(
        target: TARGET,
        "vendor call",
        otel.name = %format_args!("{method} {operation}"),
        otel.kind = "client",
        operation,
        http.request.method = method.as_str(),
        server.address = host,
        http.response.status_code = Empty,
        otel.status_code = Empty,
    )
}

/// One write to a Kubernetes object. It ends with [`answer`].
pub fn kubernetes_write(write: &'static str, kind: &str, namespace: &str, name: &str) -> Span {
    tracing::info_span!(
        target: TARGET,
        "kubernetes write",
        otel.name = %format_args!("{write} {kind}"),
        otel.kind = "client",
        write,
        kind,
        namespace,
        name,
        http.response.status_code = Empty,
        otel.status_code = Empty,
    )
}

/// What came back of a call or a write: its HTTP status, or nothing.
pub fn answer(call: &Span, status: Option<u16>) {
    if let Some(status) = status {
        call.record("http.response.status_code", status);
    }
    if status.is_none_or(|status| status >= 400) {
        call.record("otel.status_code", "ERROR");
    }
}
