//! Where tracing is on, a collector is told of each pass, with its calls and writes beneath it, and of nothing that is secret. Where the collector
//! is away, nobody notices but the log.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::plant::{ACCOUNT, HTTPS, PLANT_A, POST, TLS};
use crate::support::collector::{Collector, Span};
use crate::support::opening::{Opening, random_text};
use crate::support::process::free_port;
use crate::support::story::{DEADLINE, Story};
use crate::support::wait::until;

/// The longest that an operator may take to end whose collector does not answer; a request to it may take longer.
const GOODBYE: Duration = Duration::from_secs(8);
/// How often the line about a collector that is away may stand in the log of a story.
const AWAY: &str = "spans do not reach the collector and are lost";

/// A story whose traces go to `endpoint`, after so many milliseconds at most.
fn traced(name: &str, endpoint: &str, delay: &str) -> Opening {
    Story::named(name)
        .value("tracing.enabled", true)
        .value("tracing.endpoint", endpoint)
        .variable("OTEL_BSP_SCHEDULE_DELAY", delay)
}

fn is_pass(span: &Span, name: &str) -> bool {
    span.name.starts_with("reconcile ") && span.get("name") == name
}

#[tokio::test]
async fn a_create_is_told_as_a_pass_with_its_calls_and_writes_and_without_its_secrets() {
    let collector = Collector::start().await;
    let token = random_text("collector-token");
    let mut story = traced("traces", &collector.url(), "50")
        .variable("OTEL_EXPORTER_OTLP_HEADERS", &format!("x-collector-token={token}"))
        .variable("OTEL_RESOURCE_ATTRIBUTES", "service.name=other,team=platform")
        .variable("OTEL_SERVICE_NAME", "plants")
        .begin()
        .await;
    story.onomondo_account("").await;
    story.ready(ACCOUNT).await;
    story.tls_secret("client").await;
    story.apply(TLS).await;
    story.ready(PLANT_A).await;

    let post = collector.span("POST", |span| span.name == "POST create").await;
    let told = json!({
        "http.request.method": "POST",
        "http.response.status_code": "200",
        "operation": "create",
        "server.address": "127.0.0.1",
    });
    assert_eq!(json!(post.attributes), told);
    assert!(!post.failed, "{post:?}");
    let is_its_pass = |span: &Span| is_pass(span, "plant-a") && collector.beneath(span).contains(&post);
    let pass = collector.span("pass over plant-a with the POST beneath it", is_its_pass).await;
    assert!(pass.is_root() && !pass.failed, "{pass:?}");
    assert_eq!(pass.service, "plants");
    let cause = pass.get("cause");
    assert!(["changed", "dependency"].contains(&cause), "a new object's pass is made since it is {cause}");
    let told = json!({
        "cause": cause,
        "controller": "onomondo",
        "kind": "OnomondoConnector",
        "name": "plant-a",
        "namespace": "traces",
        "outcome": pass.get("outcome"),
    });
    assert_eq!(json!(pass.attributes), told);
    assert!(["success", "requeue_after"].contains(&pass.get("outcome")), "{pass:?}");
    let beneath: Vec<String> = collector.beneath(&pass).into_iter().map(|span| span.name).collect();
    assert_eq!(beneath, ["patch OnomondoConnector", "POST create", "apply status OnomondoConnector"]);
    // The vendor is read for the account, whoever waits for it.
    collector.span("list", |span| span.name == "GET list" && span.is_root()).await;

    assert_eq!(collector.header("x-collector-token"), std::slice::from_ref(&token));
    assert_eq!(collector.header("content-type"), ["application/x-protobuf"]);
    assert_eq!(story.secrets_in(&collector.text()), [""; 0]);
    let log = story.operator().log();
    assert!(!log.contains(&token) && !log.contains(AWAY), "{log}");
    story.end().await;
}

#[tokio::test]
async fn what_waits_is_sent_at_the_end() {
    let collector = Collector::start().await;
    let mut story = traced("traces-last", &collector.url(), "3600000").begin().await;
    story.onomondo_account("").await;
    story.ready(ACCOUNT).await;
    assert_eq!(collector.spans(), []);

    assert!(story.operator().terminate().await.success());
    let names: Vec<String> = collector.spans().into_iter().map(|span| span.name).collect();
    assert!(names.contains(&"apply status OnomondoAccount".to_owned()), "{names:?}");
    story.end().await;
}

#[tokio::test]
async fn a_collector_that_is_away_is_said_once_and_hurts_nobody() {
    let endpoint = format!("http://127.0.0.1:{}", free_port());
    let mut story = traced("traces-away", &endpoint, "20").begin().await;
    story.onomondo_account("").await;
    story.ready(ACCOUNT).await;
    until("the log tells of it", DEADLINE, async || {
        let log = story.operators[0].log();
        if log.contains(AWAY) { Ok(()) } else { Err(log) }
    })
    .await;
    story.apply(HTTPS).await;
    story.ready(PLANT_A).await;
    story.cost(&[POST], &[(PLANT_A, "patch, status")]).await;
    assert!(story.operator().terminate().await.success());
    let log = story.operator().log();
    assert_eq!(log.matches(AWAY).count(), 1, "{log}");
    story.end().await;
}

#[tokio::test]
async fn a_collector_that_never_answers_holds_up_neither_the_work_nor_the_end() {
    // Its backlog takes connections, and nobody reads what comes by them.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let endpoint = format!("http://{}", silent.local_addr().expect("its address"));
    let mut story = traced("traces-silent", &endpoint, "20").begin().await;
    story.onomondo_account("").await;
    story.ready(ACCOUNT).await;
    story.apply(HTTPS).await;
    story.ready(PLANT_A).await;
    story.cost(&[POST], &[(PLANT_A, "patch, status")]).await;

    let asked = Instant::now();
    assert!(story.operator().terminate().await.success());
    assert!(asked.elapsed() < GOODBYE, "it took {:?} to end", asked.elapsed());
    story.end().await;
}
