//! What the vendors' laws share: a connection to the emulator without a socket, in paused time.

use crate::emulator::InProcess;
use crate::remote::{Connection, TokenCache, Transport};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http_body_util::{BodyExt, Full};
use std::sync::Arc;
use tower::{BoxError, ServiceExt};
use url::Url;

/// The limit of a list that no law is about.
pub(super) const WHOLE: usize = 1 << 20;

/// The way to `emulator`, and to nobody else.
pub(super) fn transport(emulator: InProcess) -> Transport {
    Transport::new(tower::service_fn(move |request: http::Request<Bytes>| {
        let emulator = emulator.clone();
        async move {
            let response = emulator.oneshot(request.map(Full::new)).await?;
            Ok::<_, BoxError>(response.map(|body| body.map_err(BoxError::from).boxed_unsync()))
        }
    }))
}

/// The way to somebody who gives every request this answer.
pub(super) fn answering(status: u16, content_type: &'static str, body: &str) -> Transport {
    let body = Bytes::copy_from_slice(body.as_bytes());
    Transport::new(tower::service_fn(move |_: http::Request<Bytes>| {
        let body = Full::new(body.clone()).map_err(BoxError::from).boxed_unsync();
        let answer = http::Response::builder().status(status).header(CONTENT_TYPE, content_type).body(body);
        async { Ok::<_, BoxError>(answer?) }
    }))
}

/// A connection over `transport`, with a budget that no law meets.
pub(super) fn connection(transport: Transport, list_limit: usize) -> Connection {
    Connection {
        transport,
        endpoint: Url::parse("http://emulator").expect("a URL"),
        list_limit,
        requests_per_minute: 60_000,
        observer: Arc::new(|_, _, _| {}),
        permits: Arc::new(|_, _| Err("no other URL is called".to_owned())),
        tokens: TokenCache::default(),
    }
}

/// Runs a story in which waiting takes no time.
pub(super) fn in_paused_time(story: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime").block_on(story);
}
