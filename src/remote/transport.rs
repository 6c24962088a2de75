//! The seam between the operator and a network: one `tower` service from request to response.
//!
//! Production fills it with reqwest; the tests fill it with the emulator's router and no socket. Nothing above this
//! file may know which. It never follows a redirect and never sends a `Referer`: both could carry a credential to a
//! host that nobody allowed.

use super::resolver::PublicOnly;
use bytes::Bytes;
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use std::collections::BTreeSet;
use std::sync::Arc;
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
    /// Whether names may lead to private addresses.
    pub private_addresses: bool,
    /// The hosts of the proxies that the environment names, whose addresses may be private all the same.
    pub proxies: BTreeSet<String>,
}

/// Idle connections kept to one vendor host. An account needs a handful, not one a request.
pub(super) const IDLE_CONNECTIONS: usize = 8;
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
    if !settings.private_addresses {
        builder = builder.dns_resolver(Arc::new(PublicOnly::besides(settings.proxies.clone())));
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::answer::open;
    use http_body_util::BodyExt;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};
    use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
    use std::io::{Read, Write};
    use std::net::TcpListener;

    /// An HTTPS server for `localhost` that gives `answer` to each of `connections`, and its certificate.
    fn https(answer: &'static str, connections: usize) -> (u16, String) {
        https_with(|_| {}, answer, connections)
    }

    /// The same with another certificate.
    fn https_with(
        change: impl FnOnce(&mut CertificateParams),
        answer: &'static str,
        connections: usize,
    ) -> (u16, String) {
        let mut params = CertificateParams::new(["localhost".to_owned()]).expect("a name");
        change(&mut params);
        let signing_key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&signing_key).expect("a certificate");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("protocol versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("a server");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        std::thread::spawn(move || {
            for _ in 0..connections {
                let (socket, _) = listener.accept().expect("a connection");
                let tls = rustls::ServerConnection::new(Arc::new(config.clone())).expect("a TLS connection");
                let mut stream = rustls::StreamOwned::new(tls, socket);
                // A client that does not trust the certificate goes away here.
                if stream.read(&mut [0; 4096]).is_ok_and(|read| read > 0) {
                    let _ = stream.write_all(answer.as_bytes());
                    stream.conn.send_close_notify();
                    let _ = stream.flush();
                }
            }
        });
        (port, certificate.pem())
    }

    async fn get(port: u16, ca_pem: Option<String>) -> Result<(u16, Bytes), BoxError> {
        let ca_pem = ca_pem.map(String::into_bytes);
        get_by(TransportSettings { ca_pem, private_addresses: true, ..TransportSettings::default() }, port)
            .await
    }

    async fn get_by(settings: TransportSettings, port: u16) -> Result<(u16, Bytes), BoxError> {
        // Another test may have installed it already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let transport = transport(&settings)?;
        let request = http::Request::get(format!("https://localhost:{port}/connectors")).body(Bytes::new())?;
        let answer = transport.oneshot(request).await?;
        let status = answer.status().as_u16();
        Ok((status, answer.into_body().collect().await?.to_bytes()))
    }

    #[tokio::test]
    async fn a_certificate_authority_of_the_administrators_own_is_trusted_and_no_other() {
        let (port, pem) = https("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n[]", 2);
        let stranger = get(port, None).await;
        assert!(stranger.is_err(), "a certificate that nobody vouches for was accepted: {stranger:?}");
        let (status, body) = get(port, Some(pem)).await.expect("an answer");
        assert_eq!((status, &body[..]), (200, &b"[]"[..]));
    }

    #[tokio::test]
    async fn a_name_that_leads_to_a_private_address_is_not_connected_to_unless_it_is_a_proxys() {
        let (port, pem) = https("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n[]", 1);
        let settings = TransportSettings { ca_pem: Some(pem.into_bytes()), ..TransportSettings::default() };
        let refused = get_by(settings.clone(), port).await.expect_err("localhost is private");
        let mut cause: &dyn std::error::Error = &*refused;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        assert!(cause.to_string().starts_with("its name leads to a private address"), "{cause}");
        // The server has one connection to give, which nobody has taken.
        let proxies = BTreeSet::from(["localhost".to_owned()]);
        let (status, _) = get_by(TransportSettings { proxies, ..settings }, port).await.expect("an answer");
        assert_eq!(status, 200);
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer_and_never_followed() {
        let (port, pem) = https(
            "HTTP/1.1 302 Found\r\nlocation: https://localhost:1/elsewhere\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            1,
        );
        let (status, _) = get(port, Some(pem)).await.expect("an answer");
        assert_eq!(status, 302);
    }

    #[tokio::test]
    async fn an_error_names_no_url() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        drop(listener);
        let error = get(port, None).await.expect_err("nobody listens there").to_string();
        assert!(!error.contains("/connectors") && !error.contains("localhost"), "{error}");
    }

    async fn what_is_said_of(change: impl FnOnce(&mut CertificateParams)) -> String {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (port, pem) = https_with(change, "", 1);
        let ca_pem = Some(pem.into_bytes());
        let settings = TransportSettings { ca_pem, private_addresses: true, ..TransportSettings::default() };
        let transport = transport(&settings).expect("a transport");
        let request = http::Request::get(format!("https://localhost:{port}/")).body(Bytes::new());
        let opened = open(&transport, request.expect("a request")).await;
        opened.err().expect("the certificate is not valid now").to_string()
    }

    // Else every failing list would say another number of seconds, and write a status for it.
    #[tokio::test]
    async fn what_is_said_of_a_certificate_that_is_not_valid_now_does_not_move_by_itself() {
        let expired = what_is_said_of(|params| params.not_after = date_time_ymd(2020, 1, 1)).await;
        assert_eq!(expired, "the vendor could not be reached: its certificate has expired");
        let early = what_is_said_of(|params| params.not_before = date_time_ymd(3000, 1, 1)).await;
        assert_eq!(early, "the vendor could not be reached: its certificate is not valid yet");
    }
}
