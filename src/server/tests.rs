//! What a probe, a scrape and a client that dawdles get to see.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tower::ServiceExt;

use super::*;
use crate::shutdown;

async fn ask(endpoints: &Endpoints, path: &str) -> (StatusCode, String) {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let response = router(endpoints.clone()).oneshot(request).await.unwrap();
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn ready_means_that_every_condition_is_met_and_the_answer_names_the_others() {
    let endpoints = Endpoints::default();
    let settings = endpoints.readiness.condition("settings read");
    let connectors = endpoints.readiness.condition("onomondoconnectors listed");
    settings.set(true);

    assert_eq!(
        ask(&endpoints, "/readyz").await,
        (StatusCode::SERVICE_UNAVAILABLE, "not yet: onomondoconnectors listed\n".to_owned())
    );

    connectors.set(true);
    assert_eq!(ask(&endpoints, "/readyz").await, (StatusCode::OK, "ok\n".to_owned()));

    connectors.set(false);
    assert_eq!(ask(&endpoints, "/readyz").await.0, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test(start_paused = true)]
async fn alive_means_that_a_run_loop_that_beat_once_goes_on_beating() {
    let endpoints = Endpoints::default();
    let wait = |seconds| tokio::time::advance(Duration::from_secs(seconds));

    wait(3600).await;
    assert_eq!(ask(&endpoints, "/healthz").await.0, StatusCode::OK, "waiting for the lease is no illness");

    endpoints.heartbeat.beat();
    wait(60).await;
    assert_eq!(ask(&endpoints, "/healthz").await, (StatusCode::OK, "ok\n".to_owned()));
    wait(1).await;
    assert_eq!(
        ask(&endpoints, "/healthz").await,
        (StatusCode::SERVICE_UNAVAILABLE, "the run loop has not moved for 61 seconds\n".to_owned())
    );

    endpoints.heartbeat.beat();
    assert_eq!(ask(&endpoints, "/healthz").await.0, StatusCode::OK);

    wait(61).await;
    endpoints.heartbeat.rest();
    assert_eq!(ask(&endpoints, "/healthz").await.0, StatusCode::OK, "a loop that ended is not stuck");
}

#[tokio::test]
async fn metrics_come_in_the_format_that_they_claim() {
    let endpoints = Endpoints::default();
    endpoints.metrics.event_dropped();

    let request = Request::get("/metrics").body(Body::empty()).unwrap();
    let response = router(endpoints.clone()).oneshot(request).await.unwrap();

    assert_eq!(
        response.headers()[header::CONTENT_TYPE],
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    let (_, text) = ask(&endpoints, "/metrics").await;
    assert!(text.contains("connector_operator_events_dropped_total 1\n"), "{text}");
}

#[tokio::test]
async fn nothing_else_is_served() {
    assert_eq!(ask(&Endpoints::default(), "/").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn it_listens_until_the_shutdown_and_closes_each_connection_after_its_answer() {
    let (trigger, shutdown) = shutdown::pair(Duration::from_secs(1));
    let (address, server) =
        bind("127.0.0.1:0".parse().unwrap(), Endpoints::default(), shutdown).await.unwrap();
    let server = tokio::spawn(server);

    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nok\n"), "{answer}");
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");

    trigger.request();
    server.await.unwrap();
    let refused = TcpStream::connect(address).await.unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn a_client_that_dawdles_is_cut_off() {
    let (_trigger, shutdown) = shutdown::pair(Duration::from_secs(1));
    let (address, server) =
        bind("127.0.0.1:0".parse().unwrap(), Endpoints::default(), shutdown).await.unwrap();
    let server = tokio::spawn(server);
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"GET /healthz HTTP/1.1\r\nHost: ").await.unwrap();

    // From here on time only passes where everybody waits.
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    let mut answer = Vec::new();
    let reading = client.read_to_end(&mut answer);
    let ended = tokio::time::timeout(Duration::from_hours(1), reading).await.expect("was never cut off");

    assert!(!answer.starts_with(b"HTTP/1.1 200"), "{ended:?}: {}", String::from_utf8_lossy(&answer));
    assert!(
        began.elapsed() <= connections::LONGEST_CONNECTION + Duration::from_secs(1),
        "{:?}",
        began.elapsed()
    );
    server.abort();
}

#[tokio::test]
async fn a_taken_address_is_named_together_with_what_to_do() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    let (_trigger, shutdown) = shutdown::pair(Duration::from_secs(1));

    let Err(error) = bind(address, Endpoints::default(), shutdown).await else { panic!("bound twice") };

    assert_eq!(
        error.to_string(),
        format!(
            "cannot listen on {address} for /healthz, /readyz and /metrics: set --listen to an address of this machine and a free port"
        )
    );
    assert!(std::error::Error::source(&error).is_some(), "the cause is missing");
}
