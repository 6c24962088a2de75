//! Lists in pages, their filter, and what becomes of a listing while connectors come and go.

use serde_json::{Value, json};
use url::form_urlencoded::byte_serialize;

use super::support::{Apono, CONNECTORS, texts};
use crate::support::Vendor;

/// An organisation with connectors `c000`, `c001` and so on, every third disconnected.
async fn with_connectors(apono: &Apono, count: usize) {
    let connectors = (0..count).map(|number| {
        let status = if number % 3 == 0 { "DISCONNECTED" } else { "CONNECTED" };
        json!({ "id": format!("c{number:03}"), "status": status })
    });
    let state = json!({ "connectors": connectors.collect::<Vec<_>>() });
    let state = json!({ "apono": { "organisations": { "default": state } } });
    apono.vendor.control("PUT", "/state", Some(state)).await;
}

/// The ids on each page of a listing, with `between` after each page.
async fn walk(apono: &Apono, query: &str, between: impl AsyncFn()) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut token = None;
    loop {
        let page_token = token
            .map(|token: String| {
                format!("&page_token={}", byte_serialize(token.as_bytes()).collect::<String>())
            })
            .unwrap_or_default();
        let answer = apono.get(&format!("{CONNECTORS}?{query}{page_token}")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        pages.push(texts(answer.body["items"].as_array().expect("items"), "id"));
        token = answer.body["pagination"]["next_page_token"].as_str().map(str::to_owned);
        if token.is_none() {
            return pages;
        }
        assert!(pages.len() < 1000, "this listing does not end");
        between().await;
    }
}

fn sizes(pages: &[Vec<String>]) -> Vec<usize> {
    pages.iter().map(Vec::len).collect()
}

#[tokio::test]
async fn pages_are_as_long_as_the_limit_and_hold_everything_once() {
    let apono = Apono::new();
    with_connectors(&apono, 250).await;
    let expected = (0..250).map(|number| format!("c{number:03}")).collect::<Vec<_>>();
    for (query, lengths) in
        [("", vec![100, 100, 50]), ("limit=125", vec![125, 125]), ("limit=1000", vec![250])]
    {
        let pages = walk(&apono, query, async || ()).await;
        assert_eq!((sizes(&pages), pages.concat()), (lengths, expected.clone()), "{query}");
    }
    with_connectors(&apono, 0).await;
    assert_eq!(walk(&apono, "", async || ()).await, [[""; 0]], "one empty page");
}

#[tokio::test]
async fn every_order_holds_across_pages() {
    for order in ["created", "id", "name", "shuffled"] {
        for token in ["after", "offset"] {
            let switches = [("apono.list-order", order), ("apono.page-token", token)];
            let apono = Apono::of(&Vendor::with_switches(&switches));
            with_connectors(&apono, 25).await;
            let mut ids = walk(&apono, "limit=10", async || ()).await.concat();
            ids.sort();
            let expected = (0..25).map(|number| format!("c{number:03}")).collect::<Vec<_>>();
            assert_eq!(ids, expected, "{order}, {token}");
        }
    }
}

#[tokio::test]
async fn the_filter_admits_any_of_its_statuses_without_case() {
    let apono = Apono::new();
    with_connectors(&apono, 7).await;
    for (query, count) in [
        ("status=CONNECTED", 4),
        ("status=disconnected", 3),
        ("status=CONNECTED&status=DISCONNECTED", 7),
        ("status=UNHEARD-OF", 0),
        ("status=UNHEARD-OF&status=CONNECTED", 4),
        ("unheard-of=1", 7),
    ] {
        assert_eq!(apono.items(&format!("?{query}")).await.len(), count, "{query}");
    }
    let pages = walk(&apono, "status=CONNECTED&limit=3", async || ()).await;
    assert_eq!(sizes(&pages), [3, 1], "pages count what is admitted");
}

#[tokio::test]
async fn what_registers_during_a_listing_is_listed_and_what_is_gone_hides_nothing() {
    let apono = Apono::new();
    with_connectors(&apono, 4).await;
    let pages = walk(&apono, "limit=2", async || {
        apono.installed("new", json!({})).await;
        apono.delete("c000").await;
    })
    .await;
    assert_eq!(pages, [vec!["c000", "c001"], vec!["c002", "c003"], vec!["new"]]);
}

#[tokio::test]
async fn a_query_that_means_nothing_is_refused() {
    let apono = Apono::new();
    with_connectors(&apono, 3).await;
    let first = apono.get(&format!("{CONNECTORS}?limit=1")).await;
    let token = first.body["pagination"]["next_page_token"].as_str().expect("a token").to_owned();
    for query in [
        "limit=0",
        "limit=-1",
        "limit=ten",
        "limit=2147483648",
        "page_token=nonsense",
        &format!("page_token={token}"),
    ] {
        let answer = apono.get(&format!("{CONNECTORS}?{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
    }
    assert_eq!(apono.get(&format!("{CONNECTORS}?page_token=")).await.status, 200, "an empty token is none");
}

#[tokio::test]
async fn a_fault_may_meet_one_page_only() {
    let apono = Apono::new();
    with_connectors(&apono, 6).await;
    let second = json!({ "path": CONNECTORS, "nth": 2, "times": 1 });
    apono.vendor.fault(second.clone(), json!({ "kind": "shrink_list", "without": ["c002", "c003"] })).await;
    let pages = walk(&apono, "limit=2", async || ()).await;
    assert_eq!(pages, [["c000", "c001"], ["c004", "c005"]]);

    apono.vendor.control("DELETE", "/faults", None).await;
    apono.vendor.fault(second, json!({ "kind": "status", "code": 503 })).await;
    let token =
        apono.get(&format!("{CONNECTORS}?limit=2")).await.body["pagination"]["next_page_token"].clone();
    let encoded = byte_serialize(token.as_str().unwrap().as_bytes()).collect::<String>();
    assert_eq!(apono.get(&format!("{CONNECTORS}?limit=2&page_token={encoded}")).await.status, 503);
    assert_eq!(apono.get(&format!("{CONNECTORS}?limit=2&page_token={encoded}")).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_list_lags_and_shrinks_in_both_versions_while_a_read_does_not() {
    let apono = Apono::new();
    apono.agent("abc", "first").await;
    tokio::time::advance(std::time::Duration::from_secs(10)).await;
    apono.tell("abc", "heartbeat").await;
    apono.rename("abc", "second").await;
    let once = |path: &str| json!({ "path": path, "times": 1 });
    let name = async || apono.items("").await.first().map(|item| item["name"].clone()).unwrap_or_default();

    apono.vendor.fault(once(CONNECTORS), json!({ "kind": "stale_list", "writes": 1 })).await;
    assert_eq!(name().await, "first", "a heartbeat is no write");
    apono.vendor.fault(once(CONNECTORS), json!({ "kind": "stale_list", "milliseconds": 5000 })).await;
    assert_eq!(name().await, "first");
    apono.vendor.fault(once(CONNECTORS), json!({ "kind": "stale_list", "milliseconds": 15000 })).await;
    assert_eq!(name().await, Value::Null, "before it registered");
    apono.vendor.fault(once(CONNECTORS), json!({ "kind": "shrink_list", "without": ["second"] })).await;
    assert_eq!(name().await, Value::Null, "by its name");
    apono.vendor.fault(once("/api/v2"), json!({ "kind": "shrink_list", "keep": 0 })).await;
    assert_eq!(apono.get("/api/v2/connectors").await.body, json!([]));
    apono.vendor.fault(once(CONNECTORS), json!({ "kind": "stale_list", "writes": 1 })).await;
    assert_eq!(apono.read("abc").await.body["name"], "second", "one connector is read as it is");
    assert_eq!(name().await, "second");
}
