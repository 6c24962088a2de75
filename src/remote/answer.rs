//! The vendor's answer: its head first, then as much of its body as its reader allows. It is never logged.

use super::errors::RemoteError;
use super::rate::asked_to_wait;
use super::rows::{Listed, Rows};
use super::transport::{Transport, TransportBody};
use bytes::{Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use rustls::CertificateError;
use serde::de::DeserializeOwned;
use std::error::Error;
use std::io;
use std::time::Duration;
use tower::ServiceExt;

/// The most bytes of an answer that is neither a list nor an element of one.
pub(super) const ANSWER_LIMIT: usize = 1024 * 1024;

/// A whole answer.
pub struct Response {
    /// The HTTP status.
    pub status: StatusCode,
    content_type: Option<String>,
    retry_after: Option<Duration>,
    body: Bytes,
}

/// The answer to a request for a list.
pub enum ListAnswer<T> {
    /// 2xx, with the whole list.
    Listed(Listed<T>),
    /// Anything else: the vendor's own error format is in it.
    Refused(Response),
}

impl Response {
    /// Decodes a 2xx JSON answer.
    ///
    /// # Errors
    /// [`RemoteError::Malformed`] for anything else than the JSON of a `T`. The text names line and column, never a value.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, RemoteError> {
        expect_json(self.status, self.content_type.as_deref())?;
        serde_json::from_slice(&self.body).map_err(|error| RemoteError::Malformed {
            status: self.status,
            what: format!(
                "JSON that is cut or of another shape (line {}, column {})",
                error.line(),
                error.column()
            ),
        })
    }

    /// The answer as it is, for a vendor's own error format. Never to be logged or shown.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The error that a non-2xx answer is, with the vendor's checked code.
    pub fn into_error(self, code: Option<String>) -> RemoteError {
        RemoteError::Status { status: self.status, code, reference: None, retry_after: self.retry_after }
    }
}

/// An answer of which only the head has come.
pub(super) struct Opened {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    body: TransportBody,
}

/// Sends a request and waits for the head of its answer.
pub(super) async fn open(transport: &Transport, request: Request<Bytes>) -> Result<Opened, RemoteError> {
    let answer = transport.clone().oneshot(request).await.map_err(|error| unreachable(&*error))?;
    let (head, body) = answer.into_parts();
    Ok(Opened { status: head.status, headers: head.headers, body })
}

impl Opened {
    /// Reads an answer that is no list, of at most `limit` bytes. Of a refusal the status counts: where its body is too large or breaks off, only the vendor's own words are lost.
    pub(super) async fn whole(mut self, limit: usize) -> Result<Response, RemoteError> {
        let body = match self.rest(limit).await {
            Err(_) if !self.status.is_success() => Bytes::new(),
            read => read?,
        };
        Ok(Response {
            status: self.status,
            retry_after: asked_to_wait(self.status, &self.headers),
            content_type: self.content_type(),
            body,
        })
    }

    async fn rest(&mut self, limit: usize) -> Result<Bytes, RemoteError> {
        let mut body = BytesMut::new();
        while let Some(data) = self.next().await? {
            if body.len() + data.len() > limit {
                let what = format!("more than {limit} bytes");
                return Err(RemoteError::Malformed { status: self.status, what });
            }
            body.extend_from_slice(&data);
        }
        Ok(body.freeze())
    }

    /// Reads a list, in `member` where the document is an object; of at most `limit` bytes, with those that earlier parts of it have `taken`.
    pub(super) async fn list<T: DeserializeOwned>(
        mut self,
        member: Option<&str>,
        limit: usize,
        taken: usize,
    ) -> Result<ListAnswer<T>, RemoteError> {
        if !self.status.is_success() {
            return Ok(ListAnswer::Refused(self.whole(ANSWER_LIMIT).await?));
        }
        expect_json(self.status, self.content_type().as_deref())?;
        let mut rows = Rows::new(self.status, member, limit, taken);
        while let Some(data) = self.next().await? {
            rows.take(&data)?;
        }
        Ok(ListAnswer::Listed(rows.finish()?))
    }

    async fn next(&mut self) -> Result<Option<Bytes>, RemoteError> {
        while let Some(frame) = self.body.frame().await {
            if let Ok(data) = frame.map_err(|error| unreachable(&*error))?.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }

    fn content_type(&self) -> Option<String> {
        Some(self.headers.get(CONTENT_TYPE)?.to_str().ok()?.to_ascii_lowercase())
    }
}

fn expect_json(status: StatusCode, content_type: Option<&str>) -> Result<(), RemoteError> {
    // The vendor's own words stay out: a header can repeat what it was sent.
    let what = match content_type {
        None => return Ok(()),
        Some(kind) if kind.contains("json") => return Ok(()),
        Some(kind) if kind.starts_with("text/html") => "an HTML page where JSON was expected",
        Some(_) => "something else where JSON was expected",
    };
    Err(RemoteError::Malformed { status, what: what.into() })
}

/// The cause at the bottom, in the network library's words; those hold no URL (the transport takes it out).
fn unreachable(error: &(dyn Error + 'static)) -> RemoteError {
    let mut cause = error;
    loop {
        if let Some(words) = out_of_time(cause) {
            return RemoteError::Unreachable(words.to_owned());
        }
        let Some(deeper) = cause.source() else { break };
        cause = deeper;
    }
    RemoteError::Unreachable(cause.to_string().chars().filter(|c| !c.is_control()).take(200).collect())
}

/// What is wrong with a certificate that is not valid now. The library's own words count the seconds since then, and a condition must not move by
/// itself.
fn out_of_time(cause: &(dyn Error + 'static)) -> Option<&'static str> {
    use CertificateError as Why;
    let mut inner = cause;
    // An I/O error that holds another one passes it over when it is asked for its source.
    while let Some(held) = inner.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        inner = held;
    }
    let rustls::Error::InvalidCertificate(why) = inner.downcast_ref()? else { return None };
    match why {
        Why::Expired | Why::ExpiredContext { .. } => Some("its certificate has expired"),
        Why::NotValidYet | Why::NotValidYetContext { .. } => Some("its certificate is not valid yet"),
        Why::ExpiredRevocationList | Why::ExpiredRevocationListContext { .. } => {
            Some("the revocation list for its certificate has expired")
        }
        _ => None,
    }
}
