//! The real clients over a transport that answers what it is told to, in pieces of any size.

use std::sync::Arc;

use bytes::Bytes;
use connector_operator::remote::{Connection, TokenCache, Transport};
use futures::stream;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use tower::BoxError;
use url::Url;

/// The one secret of all accounts: no text may tell of it.
pub(crate) const SECRET: &str = "c4nary-9f8e7d6c5b4a3210";

/// The one place beside the vendor where a token may be fetched.
pub(crate) const IDENTITY: &str = "https://identity.example/connect/token";

/// An answer.
#[derive(Clone)]
pub(crate) struct Answer {
    status: u16,
    headers: Vec<(String, Bytes)>,
    body: Bytes,
}

impl Answer {
    pub(crate) fn new(status: u16, body: &[u8]) -> Self {
        let headers = vec![("content-type".to_owned(), Bytes::from_static(b"application/json"))];
        Self { status, headers, body: Bytes::copy_from_slice(body) }
    }

    /// With these headers, those aside that HTTP does not allow.
    pub(crate) fn with_headers(mut self, headers: impl IntoIterator<Item = (String, Bytes)>) -> Self {
        self.headers.extend(headers);
        self
    }
}

/// A connection on which `answers` says what comes for each request, in pieces of these sizes, over and over.
pub(crate) fn connection(
    pieces: &[usize],
    answers: impl Fn(&http::Request<Bytes>) -> Answer + Send + Sync + 'static,
) -> Connection {
    let (pieces, answers) = (Arc::<[usize]>::from(pieces), Arc::new(answers));
    let transport = Transport::new(tower::service_fn(move |request: http::Request<Bytes>| {
        let (pieces, answer) = (pieces.clone(), answers(&request));
        async move {
            let mut response = http::Response::builder().status(answer.status);
            for (name, value) in answer.headers {
                let name = http::HeaderName::try_from(name);
                if let (Ok(name), Ok(value)) = (name, http::HeaderValue::from_maybe_shared(value)) {
                    response = response.header(name, value);
                }
            }
            let frames = in_pieces(answer.body, &pieces).into_iter().map(|piece| Ok(Frame::data(piece)));
            Ok::<_, BoxError>(response.body(StreamBody::new(stream::iter(frames)).boxed_unsync())?)
        }
    }));
    Connection {
        transport,
        endpoint: Url::parse("https://vendor.example").expect("a URL"),
        list_limit: 1 << 20,
        requests_per_minute: 60_000,
        observer: Arc::new(|_, _, _| {}),
        permits: Arc::new(|what, url| match url {
            IDENTITY => Ok(Url::parse(IDENTITY).expect("a URL")),
            _ => Err(format!("{what} goes to a host that the administrator has not allowed")),
        }),
        tokens: TokenCache::default(),
    }
}

fn in_pieces(mut body: Bytes, sizes: &[usize]) -> Vec<Bytes> {
    let mut pieces = Vec::new();
    for size in sizes.iter().cycle() {
        if body.is_empty() {
            break;
        }
        pieces.push(body.split_to((*size).min(body.len())));
    }
    pieces
}
