//! The body and the headers of every refusal.

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};

use super::support::{Hub, connection};
use crate::support::Answer;

/// The members of `ErrorResponseBody`, other than the details.
const TEXTS: [&str; 4] = ["OperationId", "Error", "Reason", "Resolution"];

fn check(answer: &Answer, status: u16, details: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json"), "{answer:?}");
    for member in TEXTS {
        assert!(answer.body[member].as_str().is_some_and(|text| !text.is_empty()), "{member} in {answer:?}");
    }
    assert!(answer.body[details].is_object(), "{details} in {answer:?}");
    assert_eq!(answer.body.as_object().unwrap().len(), 5, "{answer:?}");
    assert_eq!(answer.header("operation-id"), answer.body["OperationId"].as_str(), "one id, in both places");
}

#[tokio::test(start_paused = true)]
async fn every_status_that_is_documented_has_its_body() {
    let hub = Hub::new();
    let id = hub.has_active("line-7", &["a"]).await;
    let parameters = "Parameters";
    check(&hub.post(json!({})).await, 400, parameters);
    check(&hub.with_token("wrong").get(&hub.base).await, 401, parameters);
    let mut tokens = hub.control("GET", "/omf/tokens", None).await;
    tokens[0]["access"] = json!("none");
    hub.control("PUT", "/omf/tokens", Some(tokens.clone())).await;
    check(&hub.get(&hub.base).await, 403, parameters);
    tokens[0]["access"] = json!("full");
    hub.control("PUT", "/omf/tokens", Some(tokens)).await;
    check(&hub.read("nowhere").await, 404, parameters);
    check(&hub.get("/api/v1/tenants/t/elsewhere").await, 404, parameters);
    check(&hub.send("PATCH", &hub.one(&id), json!({})).await, 405, parameters);
    for status in [408, 500, 503, 504] {
        for (method, path) in
            [("GET", hub.base.clone()), ("POST", hub.base.clone()), ("DELETE", hub.one(&id))]
        {
            let matching = json!({ "method": method, "times": 1 });
            hub.fault(matching, json!({ "kind": "refused", "code": status })).await;
            check(&hub.try_send(method, &path, None).await.unwrap(), status, parameters);
        }
    }
    assert_eq!(hub.states().await, ["line-7 Active"], "none of them took effect");
    check(&hub.get("/identity/elsewhere").await, 404, "DynamicProperties");
    check(&hub.get("/identity/connect/token").await, 405, "DynamicProperties");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_not_json_by_its_type_is_415() {
    let hub = Hub::new();
    let id = hub.has_active("line-7", &["a"]).await;
    for content_type in [None, Some("text/plain"), Some("application/x-www-form-urlencoded")] {
        for (method, path) in [("POST", hub.base.clone()), ("PUT", hub.one(&id))] {
            let mut request =
                Request::builder().method(method).uri(path).header("Authorization", &hub.authorization);
            if let Some(content_type) = content_type {
                request = request.header("Content-Type", content_type);
            }
            let body = Body::from(connection("line-8", &["b"]).to_string());
            check(&hub.try_request(request.body(body).unwrap()).await.unwrap(), 415, "Parameters");
        }
    }
    let request = Request::post(&hub.base)
        .header("Authorization", &hub.authorization)
        .header("Content-Type", "Application/JSON; charset=utf-8")
        .body(Body::from(connection("line-8", &["b"]).to_string()));
    assert_eq!(hub.try_request(request.unwrap()).await.unwrap().status, 202);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_in_the_vendors_form() {
    let hub = Hub::new();
    let body = json!({ "Name": "x".repeat(2 << 20), "ClientIds": [] });
    check(&hub.post(body).await, 413, "Parameters");
}

#[tokio::test]
async fn every_answer_has_an_operation_id_of_its_own() {
    let hub = Hub::new();
    let first = hub.get(&hub.base).await;
    let second = hub.get(&hub.base).await;
    let ids = [&first, &second].map(|answer| answer.header("operation-id").expect("an Operation-Id"));
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn a_spent_rate_limit_is_told_in_the_vendors_form() {
    let hub = Hub::new();
    let action = json!({ "kind": "rate_limited", "retry_after_seconds": 7 });
    hub.fault(json!({ "times": 1 }), action).await;
    let answer = hub.get(&hub.base).await;
    check(&answer, 429, "Parameters");
    assert_eq!(answer.header("retry-after"), Some("7"));
    hub.fault(json!({ "times": 1 }), json!({ "kind": "rate_limited" })).await;
    assert_eq!(hub.get(&hub.base).await.header("retry-after"), None::<&str>);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_may_hide_an_effect() {
    let hub = Hub::new();
    let refused = json!({ "kind": "refused", "code": 504, "after_applying": true });
    hub.fault(json!({ "method": "POST", "times": 1 }), refused).await;
    check(&hub.post(connection("line-7", &["a"])).await, 504, "Parameters");
    assert_eq!(hub.states().await, ["line-7 Creating"]);
    assert_eq!(hub.listed().await[0]["ClientIds"], Value::from(vec!["a"]));
}
