//! The election against an API server in memory, with time that passes only where everybody waits.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use kube::client::Body;
use serde_json::{Value, json};

use super::*;
use crate::shutdown;

const NEVER: Duration = Duration::from_hours(10);

/// How the API server behaves.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Mood {
    Healthy,
    /// Nothing reaches it.
    Away,
    /// It does what it is told and nobody hears of it.
    Mute,
    /// It refuses with this status.
    Refuses(u16),
}

#[derive(Debug)]
struct Server {
    mood: Mood,
    lease: Option<Value>,
    version: u64,
    writes: Vec<String>,
}

#[derive(Debug, Clone)]
struct Cluster(Arc<Mutex<Server>>);

impl Cluster {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Server {
            mood: Mood::Healthy,
            lease: None,
            version: 0,
            writes: Vec::new(),
        })))
    }

    fn client(&self) -> kube::Client {
        let cluster = self.clone();
        kube::Client::new(
            tower::service_fn(move |request: Request<Body>| {
                let cluster = cluster.clone();
                async move { Ok::<_, Infallible>(cluster.answer(request).await) }
            }),
            "default",
        )
    }

    fn lease(&self, identity: &str) -> Lease {
        let settings = LeaderElection {
            name: "connector-operator".to_owned(),
            duration: Duration::from_secs(15),
            renew_deadline: Duration::from_secs(10),
            retry_period: Duration::from_secs(2),
        };
        Lease::new(self.client(), "operators", settings, identity.to_owned(), 7)
    }

    async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let mood = self.0.lock().unwrap().mood;
        match mood {
            Mood::Away => std::future::pending().await,
            Mood::Refuses(code) => return status(code, "Refused"),
            Mood::Healthy | Mood::Mute => {}
        }
        let response = self.0.lock().unwrap().serve(&method, &path, &body);
        if mood == Mood::Mute {
            std::future::pending::<()>().await;
        }
        response
    }

    fn mood(&self, mood: Mood) {
        self.0.lock().unwrap().mood = mood;
    }

    /// Somebody else changes the object, or removes it.
    fn edit(&self, change: impl FnOnce(&mut Option<Value>)) {
        let mut server = self.0.lock().unwrap();
        change(&mut server.lease);
        server.version += 1;
        let version = server.version.to_string();
        if let Some(lease) = &mut server.lease {
            lease["metadata"]["resourceVersion"] = json!(version);
        }
    }

    fn spec(&self, field: &str) -> Value {
        self.0.lock().unwrap().lease.as_ref().map_or(Value::Null, |lease| lease["spec"][field].clone())
    }

    fn writes(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().writes)
    }
}

impl Server {
    fn serve(&mut self, method: &Method, path: &str, body: &[u8]) -> Response<Body> {
        const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/operators/leases";
        assert!(path == LEASES || path == format!("{LEASES}/connector-operator"), "called {path}");
        let current = self.lease.as_ref().map(|lease| lease["metadata"]["resourceVersion"].clone());
        let mut sent: Value = serde_json::from_slice(body).unwrap_or_default();
        match (method.as_str(), current) {
            ("GET" | "PUT", None) => return status(404, "NotFound"),
            ("GET", Some(_)) => {}
            ("POST", Some(_)) => return status(409, "AlreadyExists"),
            ("PUT", Some(version)) if sent["metadata"]["resourceVersion"] != version => {
                return status(409, "Conflict");
            }
            ("POST" | "PUT", _) => {
                self.version += 1;
                sent["metadata"]["resourceVersion"] = json!(self.version.to_string());
                self.writes.push(format!("{method} {}", sent["spec"]["holderIdentity"].as_str().unwrap()));
                self.lease = Some(sent);
            }
            (other, _) => panic!("nobody may {other} a lease"),
        }
        Response::new(Body::from(serde_json::to_vec(&self.lease).unwrap()))
    }
}

fn status(code: u16, reason: &str) -> Response<Body> {
    let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": "no", "code": code});
    let mut response = Response::new(Body::from(body.to_string().into_bytes()));
    *response.status_mut() = StatusCode::from_u16(code).unwrap();
    response
}

async fn acquire(lease: Lease) -> Held {
    let (_trigger, shutdown) = shutdown::pair(Duration::ZERO);
    timeout(NEVER, lease.acquire(&shutdown)).await.expect("nobody came to lead").unwrap()
}

/// Keeps the lease for that long.
async fn keep(held: &mut Held, time: Duration) {
    let lost = timeout(time, held.lost()).await;
    assert!(lost.is_err(), "{lost:?}");
}

/// How long it takes until the lease is lost, and why it is.
async fn time_until_lost(held: &mut Held) -> (Duration, Lost) {
    let before = Instant::now();
    let lost = timeout(NEVER, held.lost()).await.unwrap();
    (before.elapsed(), lost)
}

#[tokio::test(start_paused = true)]
async fn the_first_one_creates_the_lease_and_leads() {
    let cluster = Cluster::new();

    let held = acquire(cluster.lease("first")).await;

    assert_eq!(held.gained_at(), Instant::now());
    assert_eq!(cluster.writes(), ["POST first"]);
    assert_eq!(cluster.spec("holderIdentity"), "first");
    assert_eq!(cluster.spec("leaseDurationSeconds"), 15);
    assert_eq!(cluster.spec("leaseTransitions"), 0);
    assert_eq!(cluster.spec("acquireTime"), cluster.spec("renewTime"));
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_renews_keeps_everybody_else_waiting() {
    let cluster = Cluster::new();
    let mut first = acquire(cluster.lease("first")).await;
    cluster.writes();

    let second = timeout(Duration::from_mins(10), acquire(cluster.lease("second")));
    let (second, ()) = tokio::join!(second, keep(&mut first, Duration::from_mins(10)));

    assert!(second.is_err(), "both lead");
    let writes = cluster.writes();
    assert!((250..=300).contains(&writes.len()), "renewed {} times in ten minutes", writes.len());
    assert!(writes.iter().all(|write| write == "PUT first"), "{writes:?}");
    assert_eq!(cluster.spec("leaseTransitions"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_died_is_replaced_when_its_lease_has_run_out_and_not_before() {
    let cluster = Cluster::new();
    let mut first = acquire(cluster.lease("first")).await;
    let second = tokio::spawn(acquire(cluster.lease("second")));
    keep(&mut first, Duration::from_secs(21)).await;
    let died_at = Instant::now();
    drop(first);

    let second = second.await.unwrap();

    // The last renewal was up to a pause before the death, and was seen up to a pause later.
    let leaderless = second.gained_at() - died_at;
    assert!((12..=18).contains(&leaderless.as_secs()), "nobody led for {leaderless:?}");
    assert_eq!(cluster.spec("holderIdentity"), "second");
    assert_eq!(cluster.spec("leaseTransitions"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_leaves_is_replaced_at_once() {
    let cluster = Cluster::new();
    let mut first = acquire(cluster.lease("first")).await;
    let second = tokio::spawn(acquire(cluster.lease("second")));
    keep(&mut first, Duration::from_mins(1)).await;

    first.release().await;
    assert_eq!(cluster.spec("holderIdentity"), "");
    let left_at = Instant::now();
    let second = second.await.unwrap();

    let leaderless = second.gained_at() - left_at;
    assert!(leaderless <= Duration::from_millis(2_400), "nobody led for {leaderless:?}");
    assert_eq!(cluster.spec("leaseTransitions"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_cannot_renew_stops_before_anybody_else_may_start() {
    let moods =
        [(Mood::Away, "the API server did not answer within 5s"), (Mood::Refuses(500), "500 Refused: no")];
    for (mood, reason) in moods {
        let cluster = Cluster::new();
        let mut first = acquire(cluster.lease("first")).await;

        cluster.mood(mood);
        let (after, lost) = time_until_lost(&mut first).await;

        assert_eq!(after, Duration::from_secs(10), "{mood:?}");
        assert!(matches!(lost, Lost::NotRenewed { .. }), "{lost:?}");
        assert_eq!(
            lost.to_string(),
            format!("the lease operators/connector-operator could not be renewed for 10s: {reason}")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_short_outage_costs_nothing() {
    let cluster = Cluster::new();
    let mut first = acquire(cluster.lease("first")).await;

    cluster.mood(Mood::Refuses(503));
    keep(&mut first, Duration::from_secs(7)).await;
    cluster.mood(Mood::Healthy);

    keep(&mut first, Duration::from_mins(1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_somebody_else_took_is_lost_at_the_next_renewal() {
    let cluster = Cluster::new();
    let mut first = acquire(cluster.lease("first")).await;

    cluster.edit(|lease| lease.as_mut().unwrap()["spec"]["holderIdentity"] = json!("a person"));
    let (after, lost) = time_until_lost(&mut first).await;

    assert!(after <= Duration::from_millis(2_400), "noticed after {after:?}");
    assert_eq!(lost.to_string(), "the lease operators/connector-operator is now held by a person");
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_somebody_emptied_is_lost_too() {
    let cluster = Cluster::new();
    let mut first = acquire(cluster.lease("first")).await;

    cluster.edit(|lease| lease.as_mut().unwrap()["spec"]["holderIdentity"] = json!(""));
    let (_, lost) = time_until_lost(&mut first).await;

    assert_eq!(
        lost.to_string(),
        "the lease operators/connector-operator is nobody's any more: somebody emptied it"
    );
}

#[tokio::test(start_paused = true)]
async fn a_label_on_the_lease_neither_costs_it_nor_gets_lost() {
    let cluster = Cluster::new();
    let mut first = acquire(cluster.lease("first")).await;

    cluster.edit(|lease| lease.as_mut().unwrap()["metadata"]["labels"] = json!({"team": "iot"}));
    keep(&mut first, Duration::from_secs(30)).await;

    let labels = cluster.0.lock().unwrap().lease.clone().unwrap()["metadata"]["labels"].clone();
    assert_eq!(labels, json!({"team": "iot"}));
}

#[tokio::test(start_paused = true)]
async fn a_renewal_whose_answer_was_lost_is_recognised() {
    let cluster = Cluster::new();
    let mut first = acquire(cluster.lease("first")).await;
    cluster.writes();

    cluster.mood(Mood::Mute);
    keep(&mut first, Duration::from_secs(6)).await;
    assert_eq!(cluster.writes(), ["PUT first"], "the server has a version that the leader does not know");
    cluster.mood(Mood::Healthy);

    keep(&mut first, Duration::from_mins(1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_was_deleted_is_created_again() {
    let cluster = Cluster::new();
    let mut first = acquire(cluster.lease("first")).await;

    cluster.edit(|lease| *lease = None);
    keep(&mut first, Duration::from_secs(30)).await;

    assert_eq!(cluster.spec("holderIdentity"), "first");
}

#[tokio::test(start_paused = true)]
async fn keeping_may_be_interrupted_at_any_time() {
    let cluster = Cluster::new();
    let mut first = acquire(cluster.lease("first")).await;

    for _ in 0..600 {
        keep(&mut first, Duration::from_millis(100)).await;
    }

    assert!(cluster.writes().len() > 20, "it was not renewed in between");
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_was_interrupted_does_not_prevent_the_release() {
    let cluster = Cluster::new();
    let mut first = acquire(cluster.lease("first")).await;
    cluster.mood(Mood::Mute);
    keep(&mut first, Duration::from_secs(3)).await;
    cluster.mood(Mood::Healthy);

    first.release().await;

    assert_eq!(cluster.spec("holderIdentity"), "");
    assert_eq!(cluster.spec("leaseDurationSeconds"), 1);
}

#[tokio::test(start_paused = true)]
async fn an_unreachable_server_does_not_hold_up_the_release_for_longer_than_the_lease() {
    let cluster = Cluster::new();
    let first = acquire(cluster.lease("first")).await;
    cluster.mood(Mood::Away);
    let before = Instant::now();

    first.release().await;

    assert!(before.elapsed() <= Duration::from_secs(5), "{:?}", before.elapsed());
}

#[tokio::test(start_paused = true)]
async fn whoever_may_not_read_leases_goes_on_trying() {
    let cluster = Cluster::new();
    cluster.mood(Mood::Refuses(403));
    let lease = tokio::spawn(acquire(cluster.lease("first")));
    tokio::time::sleep(Duration::from_mins(5)).await;

    cluster.mood(Mood::Healthy);
    let granted_at = Instant::now();

    let gained_at = lease.await.unwrap().gained_at();
    assert!(gained_at - granted_at <= Duration::from_millis(2_400), "{:?}", gained_at - granted_at);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_the_lease_stops_when_asked() {
    let cluster = Cluster::new();
    let _first = acquire(cluster.lease("first")).await;
    let (trigger, shutdown) = shutdown::pair(Duration::ZERO);
    let second = tokio::spawn({
        let lease = cluster.lease("second");
        async move { lease.acquire(&shutdown).await }
    });
    tokio::time::sleep(Duration::from_secs(3)).await;

    trigger.request();

    let before = Instant::now();
    assert!(second.await.unwrap().is_none());
    assert_eq!(before.elapsed(), Duration::ZERO);
}
