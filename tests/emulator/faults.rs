//! Every fault: the request that meets it, and the next one that does not.

use std::collections::BTreeSet;
use std::time::Duration;

use connector_operator::emulator::Outcome;
use serde_json::{Value, json};

use crate::support::{Vendor, https, tls};

/// The kinds of action that the stories below show.
pub(crate) const SHOWN: [&str; 13] = [
    "status",
    "refused",
    "delay",
    "apply_late",
    "hang",
    "cut_before",
    "cut_after_applying",
    "html",
    "half_body",
    "large_body",
    "rate_limited",
    "stale_list",
    "shrink_list",
];

fn once(method: &str) -> Value {
    json!({ "method": method, "times": 1 })
}

#[tokio::test]
async fn every_kind_of_action_is_shown_here() {
    let unknown = json!({ "action": { "kind": "unheard-of" } });
    let answer = Vendor::new().send("POST", "/_emulator/faults", unknown).await;
    assert_eq!(answer.status, 400);
    let (_, expected) = answer.error().split_once("expected one of").expect("what there is");
    let known = expected.split('`').skip(1).step_by(2).collect::<BTreeSet<_>>();
    assert_eq!(known, BTreeSet::from(SHOWN));
}

#[tokio::test]
async fn a_status_stands_in_for_the_answer() {
    let vendor = Vendor::new();
    let headers = json!({ "retry-after": "7", "content-type": "application/problem+json" });
    let action = json!({ "kind": "status", "code": 503, "body": { "error": "down" }, "headers": headers });
    vendor.fault(once("POST"), action).await;
    let answer = vendor.post(https("abc")).await;
    assert_eq!((answer.status, answer.error(), answer.header("retry-after")), (503, "down", Some("7")));
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(answer.headers.get_all("content-type").iter().count(), 1);
    assert_eq!(vendor.list().await, json!([]), "it took no effect");
    assert_eq!(vendor.post(https("abc")).await.status, 200, "the next one is answered");
}

#[tokio::test]
async fn a_status_may_hide_an_effect() {
    let vendor = Vendor::new();
    vendor.fault(once("POST"), json!({ "kind": "status", "code": 504, "after_applying": true })).await;
    let answer = vendor.post(https("abc")).await;
    assert_eq!((answer.status, answer.text.as_str()), (504, ""));
    assert_eq!(vendor.names().await, ["abc"]);
}

#[tokio::test]
async fn a_refusal_is_in_the_vendors_own_form() {
    let vendor = Vendor::new();
    vendor.fault(once("POST"), json!({ "kind": "refused", "code": 503 })).await;
    let answer = vendor.post(https("abc")).await;
    assert_eq!((answer.status, answer.body), (503, json!({ "error": "service_unavailable" })));
    vendor.fault(once("POST"), json!({ "kind": "refused", "code": 504, "after_applying": true })).await;
    assert_eq!(vendor.post(https("abc")).await.error(), "gateway_timeout");
    assert_eq!(vendor.names().await, ["abc"], "only the second took effect");
}

#[tokio::test]
async fn a_status_that_no_answer_can_have_is_refused() {
    let vendor = Vendor::new();
    for action in [
        json!({ "kind": "status", "code": 99 }),
        json!({ "kind": "status", "code": 500, "headers": { "a b": "c" } }),
        json!({ "kind": "html", "code": 700 }),
        json!({ "kind": "refused", "code": 600 }),
        json!({ "kind": "stale_list" }),
        json!({ "kind": "apply_late", "milliseconds": 3_600_001 }),
        json!({ "kind": "status", "code": 500, "unheard-of": 1 }),
        json!({ "kind": "cut_before", "unheard-of": 1 }),
    ] {
        let answer = vendor.send("POST", "/_emulator/faults", json!({ "action": action })).await;
        assert_eq!(answer.status, 400, "{action}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_delay_holds_the_answer_back_before_or_after_the_effect() {
    for (after_applying, meanwhile) in [(false, vec![]), (true, vec!["abc"])] {
        let vendor = Vendor::new();
        let action = json!({ "kind": "delay", "milliseconds": 5000, "after_applying": after_applying });
        vendor.fault(once("POST"), action).await;
        let started = tokio::time::Instant::now();
        let (answer, names) = tokio::join!(vendor.post(https("abc")), async {
            tokio::time::sleep(Duration::from_secs(4)).await;
            vendor.names().await
        });
        assert_eq!((answer.status, started.elapsed().as_secs()), (200, 5));
        assert_eq!(names, meanwhile, "after four seconds, after_applying = {after_applying}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_may_take_effect_after_its_client_has_left() {
    let vendor = Vendor::new();
    vendor.fault(once("POST"), json!({ "kind": "apply_late", "milliseconds": 40_000 })).await;
    let patience = Duration::from_secs(30);
    assert!(tokio::time::timeout(patience, vendor.post(https("abc"))).await.is_err());
    assert_eq!(vendor.names().await, Vec::<String>::new(), "not yet");
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert_eq!(vendor.names().await, ["abc"]);

    vendor.fault(once("POST"), json!({ "kind": "apply_late", "milliseconds": 40_000 })).await;
    let (started, answer) = (tokio::time::Instant::now(), vendor.post(https("abd")).await);
    assert_eq!((answer.status, started.elapsed().as_secs()), (200, 40), "a client that waits is answered");
}

#[tokio::test(start_paused = true)]
async fn a_hang_lasts_until_the_fault_is_taken_away() {
    for (after_applying, left) in [(false, vec![]), (true, vec!["abc"])] {
        let vendor = Vendor::new();
        let id =
            vendor.fault(once("POST"), json!({ "kind": "hang", "after_applying": after_applying })).await;
        let hanging = vendor.try_send("POST", "/connectors", Some(https("abc")));
        let taking_away = async {
            tokio::time::sleep(Duration::from_hours(1)).await;
            let seen = vendor.emulator.requests().read(&connector_operator::emulator::Filter::default());
            vendor.control("DELETE", &format!("/faults/{id}"), None).await;
            seen.iter().map(|entry| entry.outcome).collect::<Vec<_>>()
        };
        let (hanging, outcomes) = tokio::join!(hanging, taking_away);
        assert_eq!(outcomes, [Outcome::Held]);
        assert!(hanging.is_err(), "then the connection is cut");
        assert_eq!(vendor.names().await, left, "after_applying = {after_applying}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_gives_up_is_seen_to() {
    let vendor = Vendor::new();
    vendor.fault(once("POST"), json!({ "kind": "hang" })).await;
    let patience = Duration::from_secs(30);
    assert!(tokio::time::timeout(patience, vendor.post(https("abc"))).await.is_err());
    let seen = vendor.control("GET", "/requests", None).await;
    assert_eq!((&seen[0]["outcome"], &seen[0]["status"]), (&json!("abandoned"), &json!(null)));
}

#[tokio::test]
async fn a_cut_ends_the_connection_before_or_after_the_effect() {
    for (kind, left) in [("cut_before", vec![]), ("cut_after_applying", vec!["abc"])] {
        let vendor = Vendor::new();
        vendor.fault(once("POST"), json!({ "kind": kind })).await;
        assert!(vendor.try_send("POST", "/connectors", Some(https("abc"))).await.is_err(), "{kind}");
        assert_eq!(vendor.names().await, left, "{kind}");
        let seen = vendor.control("GET", "/requests", None).await;
        assert_eq!((&seen[0]["outcome"], &seen[0]["fault"]), (&json!("cut"), &json!(1)));
    }
}

#[tokio::test]
async fn a_gateway_answers_in_html() {
    let vendor = Vendor::new();
    vendor.fault(once("GET"), json!({ "kind": "html", "code": 200 })).await;
    let answer = vendor.get("/connectors").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(answer.text.starts_with("<!DOCTYPE html>"), "{}", answer.text);
    assert_eq!(vendor.get("/connectors").await.header("content-type"), Some("application/json"));

    vendor.fault(once("POST"), json!({ "kind": "html", "after_applying": true })).await;
    assert_eq!(vendor.post(https("abc")).await.status, 502);
    assert_eq!(vendor.names().await, ["abc"]);
}

#[tokio::test(start_paused = true)]
async fn half_a_body_ends_in_a_cut_or_in_an_end_or_not_at_all() {
    let vendor = Vendor::new();
    vendor.has(https("abc")).await;
    let whole = vendor.get("/connectors").await.text;

    vendor.fault(once("GET"), json!({ "kind": "half_body" })).await;
    assert!(vendor.try_send("GET", "/connectors", None).await.is_err(), "cut");

    vendor.fault(once("GET"), json!({ "kind": "half_body", "then": "end" })).await;
    let answer = vendor.get("/connectors").await;
    assert_eq!((answer.status, answer.text.as_str()), (200, &whole[..whole.len() / 2]));

    vendor.fault(once("GET"), json!({ "kind": "half_body", "then": "hang" })).await;
    let hanging = tokio::time::timeout(Duration::from_hours(1), vendor.get("/connectors")).await;
    assert!(hanging.is_err(), "hang");

    assert_eq!(vendor.get("/connectors").await.text, whole);
}

#[tokio::test]
async fn a_large_body_is_white_space_before_the_answer() {
    let vendor = Vendor::new();
    vendor.has(https("abc")).await;
    let whole = vendor.get("/connectors").await.text;
    vendor.fault(once("GET"), json!({ "kind": "large_body", "bytes": 200_000 })).await;
    let answer = vendor.get("/connectors").await;
    assert_eq!((answer.text.len(), answer.text.trim_start()), (200_000 + whole.len(), whole.as_str()));
    assert_eq!(answer.body.as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_spent_rate_limit_tells_when_it_is_over_or_not() {
    let vendor = Vendor::new();
    vendor.fault(once("POST"), json!({ "kind": "rate_limited", "reset_seconds": 90 })).await;
    let told = vendor.post(https("abc")).await;
    assert_eq!((told.status, told.header("x-ratelimit-remaining")), (429, Some("0")));
    // 2025-09-18T09:38:36.087Z and 90 seconds, rounded up.
    assert_eq!((told.header("x-ratelimit-reset"), told.header("retry-after")), (Some("1758188407"), None));

    let silent = json!({ "kind": "rate_limited", "headers": false });
    vendor.fault(once("POST"), silent).await;
    let silent = vendor.post(https("abc")).await;
    assert_eq!(
        (silent.status, silent.header("x-ratelimit-reset"), silent.header("retry-after")),
        (429, None, None)
    );

    vendor.fault(once("POST"), json!({ "kind": "rate_limited", "retry_after_seconds": 5 })).await;
    assert_eq!(vendor.post(https("abc")).await.header("retry-after"), Some("5"));
    assert_eq!(vendor.list().await, json!([]), "none took effect");
}

#[tokio::test(start_paused = true)]
async fn a_list_lags_by_a_time_or_by_writes() {
    let vendor = Vendor::new();
    vendor.has(https("first")).await;
    tokio::time::advance(Duration::from_secs(10)).await;
    vendor.has(tls("second")).await;
    vendor.patch("first", json!({ "name": "renamed" })).await;
    vendor.delete("/connectors/second").await;
    assert_eq!(vendor.names().await, ["renamed"]);
    for (lag, seen) in [
        (json!({ "writes": 1 }), vec!["renamed", "second"]),
        (json!({ "writes": 2 }), vec!["first", "second"]),
        (json!({ "writes": 3 }), vec!["first"]),
        (json!({ "writes": 99 }), vec![]),
        (json!({ "milliseconds": 5000 }), vec!["first"]),
        (json!({ "milliseconds": 15000 }), vec![]),
    ] {
        let mut action = lag.clone();
        action["kind"] = json!("stale_list");
        vendor.fault(once("GET"), action).await;
        assert_eq!(vendor.names().await, seen, "{lag}");
    }
    tokio::time::advance(Duration::from_secs(10)).await;
    vendor.fault(json!({}), json!({ "kind": "stale_list", "milliseconds": 5000 })).await;
    assert_eq!(vendor.names().await, ["renamed"], "a lag passes");
}

#[tokio::test]
async fn a_list_shrinks() {
    let vendor = Vendor::new();
    for name in ["aaa", "bbb", "ccc"] {
        vendor.has(https(name)).await;
    }
    vendor.fault(once("GET"), json!({ "kind": "shrink_list", "keep": 1 })).await;
    assert_eq!(vendor.names().await, ["aaa"]);
    vendor.fault(once("GET"), json!({ "kind": "shrink_list", "without": ["aaa", "ccc"] })).await;
    assert_eq!(vendor.names().await, ["bbb"]);
    vendor.fault(once("GET"), json!({ "kind": "shrink_list", "keep": 0 })).await;
    assert_eq!(vendor.names().await, Vec::<String>::new());
    assert_eq!(vendor.names().await, ["aaa", "bbb", "ccc"], "nothing was lost");
}

#[tokio::test]
async fn a_fault_meets_the_requests_that_it_names_and_counts_them() {
    let vendor = Vendor::new();
    vendor
        .control(
            "PUT",
            "/onomondo/keys",
            Some(json!([
                { "key": "emulator-key", "organisation": "default" },
                { "key": "other-key", "organisation": "other" },
            ])),
        )
        .await;
    let other = vendor.with_authorization("other-key");
    let matching = json!({
        "method": "post",
        "path": "/connectors",
        "organisation": "default",
        "body": { "options": { "port": 443 } },
        "nth": 2,
        "times": 2,
    });
    vendor.fault(matching, json!({ "kind": "status", "code": 500 })).await;
    let mut statuses = Vec::new();
    for name in ["aaa", "bbb", "ccc", "ddd"] {
        assert_eq!(other.post(tls(name)).await.status, 200, "another organisation");
        assert_eq!(vendor.post(https(&name.repeat(2))).await.status, 200, "another body");
        assert_eq!(vendor.get("/connectors").await.status, 200, "another method");
        statuses.push(vendor.post(tls(name)).await.status);
    }
    assert_eq!(statuses, [200, 500, 500, 200], "the second and the third");
    let listed = vendor.control("GET", "/faults", None).await;
    assert_eq!((&listed[0]["seen"], &listed[0]["hits"]), (&json!(4), &json!(2)));
}

#[tokio::test]
async fn a_body_is_matched_with_its_secrets_as_the_log_shows_them() {
    let vendor = Vendor::new();
    let raw = json!({ "body": { "options": { "key": "the key" } } });
    vendor.fault(raw, json!({ "kind": "status", "code": 500 })).await;
    assert_eq!(vendor.post(tls("abc")).await.status, 200);
    let redacted = vendor.control("GET", "/requests", None).await[0]["body"]["options"]["key"].clone();
    let matching = json!({ "body": { "options": { "key": redacted } } });
    vendor.fault(matching, json!({ "kind": "status", "code": 500 })).await;
    assert_eq!(vendor.post(tls("abd")).await.status, 500);
}

#[tokio::test]
async fn the_newest_fault_wins_and_faults_are_taken_away() {
    let vendor = Vendor::new();
    vendor.fault(json!({}), json!({ "kind": "status", "code": 500 })).await;
    let second = vendor.fault(json!({ "times": 1 }), json!({ "kind": "status", "code": 503 })).await;
    vendor.fault(json!({ "times": 1 }), json!({ "kind": "status", "code": 429 })).await;
    let seen = [(); 3].map(|()| vendor.get("/connectors"));
    let mut statuses = Vec::new();
    for answer in seen {
        statuses.push(answer.await.status);
    }
    assert_eq!(statuses, [429, 503, 500]);

    vendor.control("DELETE", &format!("/faults/{second}"), None).await;
    assert_eq!(vendor.control("GET", "/faults", None).await.as_array().unwrap().len(), 2);
    assert_eq!(vendor.delete(&format!("/_emulator/faults/{second}")).await.status, 404, "it is gone");
    vendor.control("DELETE", "/faults", None).await;
    assert_eq!(vendor.get("/connectors").await.status, 200);
}
