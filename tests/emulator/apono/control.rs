//! The state of Apono behind its back.

use connector_operator::emulator::Configuration;
use serde_json::{Value, json};

use super::support::{Apono, CONNECTORS};
use crate::support::Vendor;

#[tokio::test]
async fn drift_is_made_behind_the_vendors_back() {
    let apono = Apono::new();
    apono.agent("abc", "prod").await;
    let mut expected = apono.read("abc").await.body;
    let change = json!({ "name": "theirs", "status": "UPGRADING", "is_latest_version": false });
    apono.vendor.control("PATCH", "/apono/connectors/abc", Some(change)).await;
    expected["name"] = json!("theirs");
    expected["status"] = json!("UPGRADING");
    expected["is_latest_version"] = json!(false);
    assert_eq!(apono.read("abc").await.body, expected, "that and nothing else");

    let from_the_web_app = json!({ "name": "other", "last_connected": "now", "future_field": { "a": 1 } });
    apono.vendor.control("PUT", "/apono/connectors/other", Some(from_the_web_app)).await;
    let apono = apono.not_as_specified();
    let other = apono.read("other").await.body;
    assert_eq!(
        (&other["last_connected"], &other["future_field"]),
        (&json!("2025-09-18T09:38:36.087Z"), &json!({ "a": 1 }))
    );
    let moved = json!({ "id": "moved" });
    apono.vendor.control("PATCH", "/apono/connectors/other", Some(moved)).await;
    assert_eq!(apono.ids("").await, ["abc", "moved"]);
    apono.vendor.control("DELETE", "/apono/connectors/moved", None).await;
    assert_eq!(apono.ids("").await, ["abc"]);
    apono.vendor.control("DELETE", "/apono/connectors", None).await;
    assert_eq!(apono.ids("").await, [""; 0]);
    for path in ["/connectors/abc", "/integrations/abc", "/agents/abd"] {
        assert_eq!(apono.vendor.delete(&format!("/_emulator/apono{path}")).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn an_unsound_edit_is_refused_with_its_reason() {
    let apono = Apono::new();
    apono.agent("other", "other").await;
    for (edit, reason) in [
        (json!([]), "object"),
        (json!({ "name": 7 }), "name has to be a string"),
        (json!({ "id": "other" }), "id other belongs to another connector"),
        (json!({ "last_connected": "yesterday" }), "neither a date nor"),
        (json!({ "is_latest_version": "yes" }), "true or false"),
        (json!({ "sessions": [{}] }), "a session lacks its id"),
        (json!({ "sessions": {} }), "sessions has to be an array"),
    ] {
        let answer = apono.vendor.send("PUT", "/_emulator/apono/connectors/abc", edit.clone()).await;
        assert!(answer.status == 400 && answer.error().contains(reason), "{edit}: {answer:?}");
    }
    assert_eq!(apono.vendor.send("PATCH", "/_emulator/apono/connectors/abc", json!({})).await.status, 404);
    assert_eq!(apono.ids("").await, ["other"]);
}

#[tokio::test]
async fn a_state_starts_another_emulator() {
    let apono = Apono::new();
    apono.installed("abc", json!({ "name": "prod", "metadata": { "region": "eu-west-1" } })).await;
    apono.installed("abd", json!({ "connected": false })).await;
    apono.vendor.control("PUT", "/apono/integrations/one", Some(json!({ "connector_id": "abc" }))).await;
    let state = apono.vendor.control("GET", "/state", None).await;
    let configuration = Configuration { state: Some(state.clone()), ..Configuration::default() };
    let twin = Apono::of(&Vendor::configured(configuration));
    assert_eq!(twin.vendor.control("GET", "/state", None).await, state);
    assert_eq!(twin.get(CONNECTORS).await.text, apono.get(CONNECTORS).await.text);
    twin.vendor.at("2025-09-18T10:00:00.000Z");
    twin.tell("abc", "heartbeat").await;
    let sessions = twin.read("abc").await.body["sessions"].clone();
    assert_eq!(sessions.as_array().map(Vec::len), Some(1), "the agent has its session back: {sessions}");

    for wrong in [
        json!({ "apono": { "organisations": { "a": { "x": 1 } } } }),
        json!({ "apono": { "organisations": { "a": { "agents": [{}] } } } }),
        json!({ "apono": { "organisations": { "a": { "integrations": [{}] } } } }),
    ] {
        assert_eq!(apono.vendor.send("PUT", "/_emulator/state", wrong.clone()).await.status, 400, "{wrong}");
    }
}

#[tokio::test]
async fn the_log_tells_whose_token_it_was_and_what_was_sent() {
    let apono = Apono::new();
    apono.agent("abc", "prod").await;
    apono.get(&format!("{CONNECTORS}?limit=7&status=CONNECTED")).await;
    apono.rename("abc", "renamed").await;
    apono.with_token("wrong").delete("abc").await;
    let log = apono.vendor.control("GET", "/requests", None).await;
    let line = |entry: &Value| {
        json!([entry["method"], entry["query"], entry["body"], entry["organisation"], entry["status"]])
    };
    assert_eq!(
        log.as_array().unwrap().iter().map(line).collect::<Vec<_>>(),
        [
            json!(["GET", "limit=7&status=CONNECTED", null, "default", 200]),
            json!(["PUT", null, { "name": "renamed" }, "default", 200]),
            json!(["DELETE", null, null, null, 401]),
        ]
    );
    assert!(!log.to_string().contains("emulator-token"), "{log}");
}

#[tokio::test]
async fn a_fault_of_a_spent_minute_is_answered_in_the_vendors_form() {
    let apono = Apono::new();
    let action = json!({ "kind": "rate_limited", "reset_seconds": 90, "retry_after_seconds": 5 });
    apono.vendor.fault(json!({ "organisation": "default", "times": 1 }), action).await;
    let answer = apono.get(CONNECTORS).await;
    assert_eq!(
        (answer.status, answer.body.clone()),
        (429, json!({ "status": "429", "code": "TooManyRequests" }))
    );
    assert_eq!(
        (answer.header("retry-after"), answer.header("x-ratelimit-reset")),
        (Some("5"), Some("1758188407"))
    );
    assert_eq!(apono.get(CONNECTORS).await.status, 200);
}

#[tokio::test]
async fn a_fault_refuses_in_the_vendors_form() {
    let apono = Apono::new();
    apono.vendor.fault(json!({ "times": 1 }), json!({ "kind": "refused", "code": 503 })).await;
    let answer = apono.get(CONNECTORS).await;
    assert_eq!(
        (answer.status, answer.text.as_str()),
        (503, "{\"status\":\"503\",\"code\":\"ServiceUnavailable\"}")
    );
}
