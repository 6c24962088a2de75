//! The seam between the operator and a network: one `tower` service from request to response.
//!
//! Production fills it with reqwest; the tests fill it with the emulator's router and no socket. Nothing above this
//! file may know which. It never follows a redirect and never sends a `Referer`: both could carry a credential to a
//! host that nobody allowed.

use bytes::Bytes;
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use std::time::Duration;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, ServiceBuilder, ServiceExt};

/// What a vendor answers with: bytes in frames, read by [`super::Client`] under a limit.
pub type TransportBody = UnsyncBoxBody<Bytes, BoxError>;

/// One call to a vendor, whoever carries it.
pub type Transport = BoxCloneSyncService<http::Request<Bytes>, http::Response<TransportBody>, BoxError>;

/// How the production transport is built.
#[derive(Clone, Debug, Default)]
pub struct TransportSettings {
    /// Further certificate authorities, PEM, trusted beside the system's.
    pub ca_pem: Option<Vec<u8>>,
}

/// Idle connections kept to one vendor host. An account needs a handful, not one a request.
const IDLE_CONNECTIONS: usize = 8;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const IDLE_TIMEOUT: Duration = Duration::from_mins(2);

/// The production transport. Proxies are taken from the usual environment variables.
///
/// # Errors
/// The certificate authorities cannot be parsed, or the TLS roots of the system cannot be loaded.
pub fn transport(settings: &TransportSettings) -> Result<Transport, BoxError> {
    let mut builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_max_idle_per_host(IDLE_CONNECTIONS)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .user_agent(concat!("connector-operator/", env!("CARGO_PKG_VERSION")));
    if let Some(pem) = &settings.ca_pem {
        builder = builder.tls_certs_merge(reqwest::Certificate::from_pem_bundle(pem)?);
    }
    let client = builder.build()?;
    let service = ServiceBuilder::new()
        .map_request(|request: Result<reqwest::Request, reqwest::Error>| request)
        .service_fn(move |request: Result<reqwest::Request, reqwest::Error>| {
            let client = client.clone();
            async move {
                // An error's text must not carry the URL: it names remote objects.
                let response = client.execute(request?).await.map_err(reqwest::Error::without_url)?;
                let response: http::Response<reqwest::Body> = response.into();
                Ok::<_, BoxError>(response.map(|body| body.map_err(BoxError::from).boxed_unsync()))
            }
        })
        .map_request(|request: http::Request<Bytes>| reqwest::Request::try_from(request));
    Ok(BoxCloneSyncService::new(service))
}
