//! The two requests of OAuth 2 client credentials: the discovery document (`OpenID` Connect Discovery 1.0), and the token (RFC 6749, 4.4).
//!
//! Neither follows a redirect, and a secret is sent nowhere that the administrator has not allowed. Of what the endpoints answer, errors show
//! only RFC 6749's own codes.

use super::answer::{ANSWER_LIMIT, Response, open};
use super::authorization::Places;
use super::client::Connection;
use super::errors::RemoteError;
use crate::spans;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Request, request};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use tracing::Instrument;
use url::{Url, form_urlencoded};

/// How long a token is believed to live whose life is not told.
const UNTOLD_LIFE: Duration = Duration::from_mins(1);
/// The longest that a token is believed to live. AVEVA's live 60 to 3600 s.
const LONGEST_LIFE: Duration = Duration::from_hours(1);
/// The codes of RFC 6749, 5.2.
const CODES: [&str; 6] = [
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
];
/// How much of a host's name a message shows.
const SHOWN_HOST: usize = 100;

/// An OAuth client.
pub(super) struct OauthClient {
    pub(super) id: String,
    pub(super) secret: SecretString,
}

/// A token, as it is sent, and how long it lives.
pub(super) struct Granted {
    pub(super) header: HeaderValue,
    pub(super) life: Duration,
}

/// The way to the two endpoints.
pub(super) struct Road<'a> {
    pub(super) connection: &'a Connection,
    pub(super) places: &'a Places,
    /// How long it may take, and when that is over.
    pub(super) patience: Duration,
    pub(super) deadline: Instant,
}

impl Road<'_> {
    /// Where the document says that tokens are fetched, if the administrator allows it.
    pub(super) async fn discover(&self, document: &Url) -> Result<Url, RemoteError> {
        #[derive(Deserialize)]
        struct Document {
            token_endpoint: String,
        }
        let response = self.ask("discovery", Request::get(document.as_str()), Bytes::new()).await?;
        if !response.status.is_success() {
            return Err(response.into_error(None));
        }
        let found = response.json::<Document>()?.token_endpoint;
        let url = Url::parse(&found).ok();
        let host = url.as_ref().and_then(Url::host_str).unwrap_or("no host");
        let host: String = host.chars().take(SHOWN_HOST).collect();
        let what = format!("the token endpoint that the vendor's discovery document names, at {host},");
        (self.connection.permits)(&what, &found).map_err(RemoteError::NotPermitted)
    }

    /// Fetches a token.
    pub(super) async fn fetch(&self, endpoint: &Url, client: &OauthClient) -> Result<Granted, RemoteError> {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("client_id", &client.id)
            .append_pair("client_secret", client.secret.expose_secret())
            .append_pair("grant_type", "client_credentials")
            .finish();
        let request =
            Request::post(endpoint.as_str()).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let response = self.ask("token", request, form.into()).await?;
        if response.status.is_success() { granted(&response) } else { Err(refused(response)) }
    }

    async fn ask(
        &self,
        operation: &'static str,
        request: request::Builder,
        body: Bytes,
    ) -> Result<Response, RemoteError> {
        let request = request
            .header(ACCEPT, "application/json")
            .body(body)
            .map_err(|_| RemoteError::Request("its URL is not valid".into()))?;
        let _place = self.places.take(self.deadline).await?;
        let started = Instant::now();
        let span = spans::vendor_call(operation, request.method(), request.uri().host());
        let exchange = async { open(&self.connection.transport, request).await?.whole(ANSWER_LIMIT).await };
        let result = timeout_at(self.deadline, exchange)
            .instrument(span.clone())
            .await
            // Not how long this one took: a condition must not move by itself.
            .unwrap_or_else(|_| Err(RemoteError::Timeout(self.patience)));
        let status = result.as_ref().ok().map(|response| response.status.as_u16());
        spans::answer(&span, status);
        (self.connection.observer)(operation, status.unwrap_or(0), started.elapsed());
        result
    }
}

fn granted(response: &Response) -> Result<Granted, RemoteError> {
    #[derive(Deserialize)]
    struct Grant {
        access_token: String,
        token_type: Option<String>,
        #[serde(default)]
        expires_in: Value,
    }
    let malformed = |what: &str| RemoteError::Malformed { status: response.status, what: what.into() };
    let grant: Grant = response.json()?;
    if grant.token_type.is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return Err(malformed("a token of another kind than Bearer"));
    }
    if grant.access_token.is_empty() {
        return Err(malformed("an empty token"));
    }
    let mut header = HeaderValue::try_from(format!("Bearer {}", grant.access_token))
        .map_err(|_| malformed("a token with characters that no header may carry"))?;
    header.set_sensitive(true);
    Ok(Granted { header, life: life(&grant.expires_in) })
}

/// A number, or a number in a text as some servers write it.
fn life(expires_in: &Value) -> Duration {
    let told = match expires_in {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    match told {
        Some(seconds) if seconds >= 1.0 => Duration::from_secs_f64(seconds.min(LONGEST_LIFE.as_secs_f64())),
        _ => UNTOLD_LIFE,
    }
}

fn refused(response: Response) -> RemoteError {
    #[derive(Deserialize)]
    struct Refusal {
        error: String,
    }
    let said = serde_json::from_slice::<Refusal>(response.body()).ok().map(|refusal| refusal.error);
    let code = CODES.into_iter().find(|code| said.as_deref() == Some(code)).map(str::to_owned);
    response.into_error(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_life_is_believed_within_reason() {
        for (told, believed) in [
            (json!(60), 60),
            (json!("1800"), 1800),
            (json!(3599.0), 3599),
            (json!(1e300), 3600),
            (json!(0), 60),
            (json!(-5), 60),
            (json!("soon"), 60),
            (json!("NaN"), 60),
            (Value::Null, 60),
        ] {
            assert_eq!(life(&told), Duration::from_secs(believed), "{told}");
        }
    }
}
