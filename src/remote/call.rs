//! One request to a vendor, before it has a credential.

use super::answer::ANSWER_LIMIT;
use super::budget::Class;
use super::errors::RemoteError;
use super::rows::ELEMENT_LIMIT;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use url::Url;

/// One request, before it has a credential.
pub struct Call {
    pub(super) operation: &'static str,
    pub(super) class: Class,
    method: Method,
    path: Vec<String>,
    query: Vec<(&'static str, String)>,
    body: Option<Bytes>,
    /// The most bytes of an answer that is no list.
    pub(super) answer_limit: usize,
}

/// Everything but the unreserved characters of RFC 3986.
const PATH_SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

impl Call {
    /// A request without a body. `operation` names it in metrics.
    pub fn new(operation: &'static str, class: Class, method: Method, path: &[&str]) -> Self {
        Self {
            operation,
            class,
            method,
            path: path.iter().map(ToString::to_string).collect(),
            query: Vec::new(),
            body: None,
            answer_limit: ANSWER_LIMIT,
        }
    }

    /// A read.
    pub fn get(operation: &'static str, path: &[&str]) -> Self {
        Self::new(operation, Class::Read, Method::GET, path)
    }

    /// The answer is one element of a list: it may be as large as the list has it. What could be created could else not be changed.
    #[must_use]
    pub fn for_an_element(mut self) -> Self {
        self.answer_limit = ELEMENT_LIMIT;
        self
    }

    /// Adds a query parameter.
    #[must_use]
    pub fn query(mut self, name: &'static str, value: &str) -> Self {
        self.query.push((name, value.to_owned()));
        self
    }

    /// Adds a JSON body.
    ///
    /// # Errors
    /// [`RemoteError::Request`] where `body` is no JSON; its text never shows a value.
    pub fn json(mut self, body: &impl Serialize) -> Result<Self, RemoteError> {
        let bytes =
            serde_json::to_vec(body).map_err(|_| RemoteError::Request("its body is no JSON".into()))?;
        self.body = Some(bytes.into());
        Ok(self)
    }

    /// The request to `endpoint` with its credential.
    pub(super) fn request(
        &self,
        endpoint: &Url,
        authorization: &HeaderValue,
    ) -> Result<Request<Bytes>, RemoteError> {
        let mut url = beneath(endpoint, &self.path);
        for (index, (name, value)) in self.query.iter().enumerate() {
            url.push(if index == 0 { '?' } else { '&' });
            url.extend(utf8_percent_encode(name, PATH_SEGMENT));
            url.push('=');
            url.extend(utf8_percent_encode(value, PATH_SEGMENT));
        }
        let mut request = Request::builder()
            .method(self.method.clone())
            .uri(url)
            .header(ACCEPT, "application/json")
            .header(AUTHORIZATION, authorization);
        if self.body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        request
            .body(self.body.clone().unwrap_or_default())
            .map_err(|_| RemoteError::Request("its URL or headers are not valid".into()))
    }
}

/// The URL of a path beneath an endpoint.
pub(super) fn beneath<S: AsRef<str>>(endpoint: &Url, path: &[S]) -> String {
    let mut url = endpoint.as_str().trim_end_matches('/').to_owned();
    for segment in path {
        url.push('/');
        url.extend(utf8_percent_encode(segment.as_ref(), PATH_SEGMENT));
    }
    url
}
