//! The network between an operator and the real API server, made to misbehave: a proxy that ends the TLS on both sides, so that it knows
//! one request from another. It can hold one back, lose an answer, be slow, cut what is open and let nobody in.
//!
//! It adds and changes nothing: who comes through it comes with a bearer token, which the API server judges.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, BodyStream, Full, StreamBody};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1 as client;
use hyper::server::conn::http1 as server;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::control_plane::ControlPlane;
use super::story::DEADLINE;

type Body = UnsyncBoxBody<Bytes, hyper::Error>;

/// A proxy that ends with the story.
pub struct ApiProxy {
    port: u16,
    shared: Arc<Shared>,
    task: AbortHandle,
}

/// One request that is held back. It goes on when this is released, or dropped.
pub struct Held {
    what: String,
    came: watch::Receiver<bool>,
    released: watch::Sender<bool>,
}

struct Shared {
    conduct: Mutex<Conduct>,
    /// Counts up: who was connected before is cut off.
    era: watch::Sender<u64>,
    upstream: String,
    connector: TlsConnector,
}

#[derive(Default)]
struct Conduct {
    lets_nobody_in: bool,
    latency: Duration,
    rules: Vec<Rule>,
    gone: usize,
}

/// What happens to the next request that it is about.
struct Rule {
    method: String,
    path: String,
    what: What,
}

enum What {
    Hold { came: watch::Sender<bool>, released: watch::Receiver<bool> },
    LoseTheAnswer { lost: watch::Sender<bool> },
    Refuse(StatusCode),
}

impl ApiProxy {
    /// Starts one in front of the API server of `plane`, on a free port.
    pub async fn start(plane: &ControlPlane) -> ApiProxy {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let acceptor = acceptor(plane);
        let shared = Arc::new(Shared {
            conduct: Mutex::default(),
            era: watch::Sender::new(0),
            upstream: plane.host(),
            connector: connector(&plane.authority()),
        });
        let serving = shared.clone();
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                if serving.conduct().lets_nobody_in {
                    continue;
                }
                let (shared, acceptor, mut era) =
                    (serving.clone(), acceptor.clone(), serving.era.subscribe());
                tokio::spawn(async move {
                    tokio::select! {
                        // Who goes away in the middle is no concern of the proxy.
                        _ = serve(socket, &acceptor, &shared) => {}
                        _ = era.changed() => {}
                    }
                });
            }
        });
        ApiProxy { port, shared, task: task.abort_handle() }
    }

    /// Where the API server is for whoever is to come through the proxy.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Holds back the next request with this method whose path ends so, before the API server sees it.
    pub fn hold(&self, method: &str, path: &str) -> Held {
        let (came, has_come) = watch::channel(false);
        let (release, released) = watch::channel(false);
        self.rule(method, path, What::Hold { came, released });
        Held { what: format!("{method} …{path}"), came: has_come, released: release }
    }

    /// The API server does what the next such request asks, and the answer never arrives: the connection ends instead. What this returns is true
    /// then.
    pub fn lose_the_answer(&self, method: &str, path: &str) -> watch::Receiver<bool> {
        let (lost, is_lost) = watch::channel(false);
        self.rule(method, path, What::LoseTheAnswer { lost });
        is_lost
    }

    /// The next such request is refused with this status, and the API server hears nothing of it.
    pub fn refuse(&self, method: &str, path: &str, status: u16) {
        self.rule(method, path, What::Refuse(StatusCode::from_u16(status).expect("a status")));
    }

    fn rule(&self, method: &str, path: &str, what: What) {
        let rule = Rule { method: method.to_owned(), path: path.to_owned(), what };
        self.shared.conduct().rules.push(rule);
    }

    /// From now on every request, and every piece of an answer, takes this much longer.
    pub fn is_slow(&self, latency: Duration) {
        self.shared.conduct().latency = latency;
    }

    /// Cuts every connection, and lets nobody in.
    pub fn goes_down(&self) {
        self.shared.conduct().lets_nobody_in = true;
        self.cut();
    }

    /// Lets everybody in again.
    pub fn comes_back(&self) {
        self.shared.conduct().lets_nobody_in = false;
    }

    /// Cuts every connection where it is; who comes again gets through.
    pub fn cut(&self) {
        self.shared.era.send_modify(|era| *era += 1);
    }

    /// How many watches the API server ended because what they asked for is gone (410).
    pub fn expired_watches(&self) -> usize {
        self.shared.conduct().gone
    }
}

impl Drop for ApiProxy {
    fn drop(&mut self) {
        self.task.abort();
        self.cut();
    }
}

impl Held {
    /// Waits until the request is there.
    pub async fn came(&mut self) {
        let came = tokio::time::timeout(DEADLINE, self.came.wait_for(|came| *came)).await;
        assert!(matches!(came, Ok(Ok(_))), "{} did not come within {DEADLINE:?}", self.what);
    }

    /// Lets the request go on.
    pub fn release(self) {
        let _ = self.released.send(true);
    }
}

impl Shared {
    fn conduct(&self) -> MutexGuard<'_, Conduct> {
        self.conduct.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The rule for this request, which is used up with it.
    fn rule_for(&self, request: &Request<Incoming>) -> Option<What> {
        let mut conduct = self.conduct();
        let is_about = |rule: &Rule| {
            request.method().as_str() == rule.method && request.uri().path().ends_with(&rule.path)
        };
        let found = conduct.rules.iter().position(is_about)?;
        Some(conduct.rules.remove(found).what)
    }

    async fn lag(&self) {
        let latency = self.conduct().latency;
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
    }

    fn look_at(&self, piece: &[u8]) {
        const EXPIRED: &[u8] = br#""code":410"#;
        if piece.starts_with(br#"{"type":"ERROR""#) && piece.windows(EXPIRED.len()).any(|at| at == EXPIRED) {
            self.conduct().gone += 1;
        }
    }
}

/// Serves one connection, over one to the API server. Either side's end is both sides' end.
async fn serve(socket: TcpStream, acceptor: &TlsAcceptor, shared: &Arc<Shared>) -> io::Result<()> {
    let downstream = acceptor.accept(socket).await?;
    let socket = TcpStream::connect(&shared.upstream).await?;
    let name = ServerName::try_from("127.0.0.1").expect("a name");
    let upstream = shared.connector.connect(name, socket).await?;
    let (sender, connection) = client::handshake(TokioIo::new(upstream)).await.map_err(io::Error::other)?;
    // One request at a time goes over one connection.
    let sender = Arc::new(tokio::sync::Mutex::new(sender));
    let service = service_fn(|request| forward(request, sender.clone(), shared.clone()));
    tokio::select! {
        served = server::Builder::new().serve_connection(TokioIo::new(downstream), service) => {
            served.map_err(io::Error::other)
        }
        ended = connection => ended.map_err(io::Error::other),
    }
}

async fn forward(
    request: Request<Incoming>,
    sender: Arc<tokio::sync::Mutex<client::SendRequest<Incoming>>>,
    shared: Arc<Shared>,
) -> io::Result<Response<Body>> {
    shared.lag().await;
    let what = shared.rule_for(&request);
    match what {
        None => answer(request, &sender, shared).await,
        Some(What::Hold { came, mut released }) => {
            let _ = came.send(true);
            let _ = released.wait_for(|released| *released).await;
            answer(request, &sender, shared).await
        }
        Some(What::LoseTheAnswer { lost }) => {
            answer(request, &sender, shared).await?;
            let _ = lost.send(true);
            Err(io::Error::other("the answer is lost"))
        }
        Some(What::Refuse(status)) => Ok(refusal(status)),
    }
}

/// In the words of Kubernetes.
fn refusal(status: StatusCode) -> Response<Body> {
    let body = serde_json::json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": status.as_u16(),
        "reason": status.canonical_reason().unwrap_or_default().replace(' ', ""),
    });
    let body = Full::from(body.to_string()).map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

async fn answer(
    request: Request<Incoming>,
    sender: &tokio::sync::Mutex<client::SendRequest<Incoming>>,
    shared: Arc<Shared>,
) -> io::Result<Response<Body>> {
    let answer = sender.lock().await.send_request(request).await.map_err(io::Error::other)?;
    Ok(answer.map(|body| {
        let pieces = BodyStream::new(body).then(move |piece| {
            let shared = shared.clone();
            async move {
                shared.lag().await;
                if let Some(data) = piece.as_ref().ok().and_then(|piece| piece.data_ref()) {
                    shared.look_at(data);
                }
                piece
            }
        });
        StreamBody::new(pieces).boxed_unsync()
    }))
}

fn acceptor(plane: &ControlPlane) -> TlsAcceptor {
    let serving = plane.serving_pair();
    let certificate = CertificateDer::from_pem_file(&serving.certificate).expect("the certificate");
    let key = PrivateKeyDer::from_pem_file(&serving.key).expect("its key");
    let config = rustls::ServerConfig::builder().with_no_client_auth();
    TlsAcceptor::from(Arc::new(config.with_single_cert(vec![certificate], key).expect("they fit")))
}

fn connector(authority: &Path) -> TlsConnector {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority).expect("the authority")).expect("an authority");
    let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}
