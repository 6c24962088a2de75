//! As much as the documents allow: what one request has to do grows with what it says, not with what there is.

use std::time::{Duration, Instant};

use serde_json::json;

use super::support::{Hub, connection};

/// Connections with the most client ids that one may have.
const MOST: usize = 50;
const CLIENT_IDS: usize = 10_000;

fn client_ids(connection: usize) -> Vec<String> {
    (0..CLIENT_IDS).map(|n| format!("{connection:08x}-0000-4000-8000-{n:012x}")).collect()
}

fn rows(first: usize, count: usize) -> serde_json::Value {
    let rows =
        (first..first + count).map(|n| json!({ "Name": format!("line-{n}"), "ClientIds": client_ids(n) }));
    rows.collect()
}

/// How long the fastest of five lists took.
async fn fastest_list(hub: &Hub, count: usize) -> Duration {
    let mut fastest = Duration::MAX;
    for _ in 0..5 {
        let started = Instant::now();
        let answer = hub.get(&hub.base).await;
        fastest = fastest.min(started.elapsed());
        assert_eq!(answer.body["Results"].as_array().unwrap().len(), count);
    }
    fastest
}

#[tokio::test]
async fn half_a_million_client_ids_are_listed_in_linear_time() {
    let hub = Hub::new();
    hub.control("POST", "/omf/connections", Some(rows(0, MOST / 10))).await;
    let tenth = fastest_list(&hub, MOST / 10).await;
    hub.control("POST", "/omf/connections", Some(rows(MOST / 10, MOST - MOST / 10))).await;
    let whole = fastest_list(&hub, MOST).await;
    assert!(whole < tenth * 40, "a tenth took {tenth:?}, all of it {whole:?}");
}

#[tokio::test]
async fn a_write_among_half_a_million_client_ids_looks_only_at_its_own() {
    let hub = Hub::new();
    hub.control("POST", "/omf/connections", Some(rows(0, MOST))).await;
    let ids = client_ids(MOST - 1);
    let taken = hub.post(connection("taken", &[&ids[CLIENT_IDS - 1].to_uppercase()])).await;
    assert_eq!(taken.status, 400, "the last of them is found");
    let started = Instant::now();
    for n in 0..100 {
        hub.has("small", &[&format!("small-{n}")]).await;
    }
    let small = started.elapsed();
    let started = Instant::now();
    let answer = hub.post(json!({ "Name": "large", "ClientIds": client_ids(MOST) })).await;
    let large = started.elapsed();
    assert_eq!(answer.status, 202);
    assert!(small < large * 20, "100 writes of one client id took {small:?}, one of 10,000 {large:?}");
}
