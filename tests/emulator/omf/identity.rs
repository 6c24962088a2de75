//! Discovery, tokens, their lives and their end.

use std::time::Duration;

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};
use tokio::time::advance;

use super::support::{FORM, Hub};
use crate::support::Answer;

const DISCOVERY: &str = "/identity/.well-known/openid-configuration";

async fn discovered(hub: &Hub) -> Value {
    let request = Request::get(DISCOVERY).header("Host", "hub.example:8081").body(Body::empty()).unwrap();
    let answer = hub.try_request(request).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

#[tokio::test]
async fn discovery_names_the_token_endpoint_without_any_credential() {
    let hub = Hub::new();
    let document = discovered(&hub).await;
    assert_eq!(document["token_endpoint"], "http://hub.example:8081/identity/connect/token");
    assert_eq!(document["issuer"], "http://hub.example:8081/identity");
    let usual = ["jwks_uri", "authorization_endpoint", "grant_types_supported", "response_types_supported"];
    assert_eq!(usual.iter().find(|name| document.get(**name).is_none()), None, "{document}");
    assert_eq!(hub.send("POST", DISCOVERY, json!({})).await.status, 405);
}

#[tokio::test]
async fn discovery_can_name_an_endpoint_elsewhere() {
    let hub = Hub::new();
    let elsewhere = "https://tokens.example:444/connect/token";
    hub.control("PUT", "/omf/discovery", Some(json!({ "token_endpoint": elsewhere }))).await;
    assert_eq!(discovered(&hub).await["token_endpoint"], elsewhere);
    hub.control("PUT", "/omf/discovery", Some(json!({ "token_endpoint": null }))).await;
    let own = discovered(&hub).await;
    assert_eq!(own["token_endpoint"], "http://hub.example:8081/identity/connect/token");
}

#[tokio::test(start_paused = true)]
async fn a_client_gets_a_token_that_lives_as_long_as_it_says() {
    let hub = Hub::with_switches(&[("omf.token-seconds", "60")]);
    let answer = hub.token(FORM).await;
    let token = answer.body["access_token"].as_str().unwrap();
    let expected = json!({ "access_token": token, "expires_in": 60, "token_type": "Bearer" });
    assert_eq!(
        (answer.status, &answer.body, answer.header("cache-control")),
        (200, &expected, Some("no-store"))
    );
    let by_token = hub.with_token(token);
    advance(Duration::from_millis(59_999)).await;
    assert_eq!(by_token.get(&by_token.base).await.status, 200);
    advance(Duration::from_millis(1)).await;
    assert_eq!(by_token.get(&by_token.base).await.status, 401, "it has expired");
    let next = hub.issued().await;
    assert_ne!(next, token);
    assert_eq!(hub.with_token(&next).get(&hub.base).await.status, 200);
}

#[tokio::test]
async fn a_token_is_a_bearer_token() {
    let hub = Hub::new();
    for (authorization, status) in [
        ("Bearer emulator-bearer-token", 200),
        ("bearer emulator-bearer-token", 200),
        ("emulator-bearer-token", 401),
        ("Basic emulator-bearer-token", 401),
        ("Bearer", 401),
        ("Bearer emulator-key", 401),
        ("Bearer emulator-secret", 401),
    ] {
        let answer = hub.with_authorization(authorization).get(&hub.base).await;
        assert_eq!(answer.status, status, "{authorization}");
    }
    let anonymous = hub.try_request(Request::get(&hub.base).body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(anonymous.status, 401);
}

#[tokio::test]
async fn a_token_request_that_is_not_one_is_refused_as_oauth_says() {
    let hub = Hub::new();
    let told = |answer: Answer| (answer.status, answer.body);
    let error = |code: &str| (400, json!({ "error": code }));
    let form = |id: &str, secret: &str| {
        format!("client_id={id}&client_secret={secret}&grant_type=client_credentials")
    };
    for wrong in [form("emulator-client", "wrong"), form("nobody", "emulator-secret"), form("", "")] {
        assert_eq!(told(hub.token(&wrong).await), error("invalid_client"), "{wrong}");
    }
    assert_eq!(told(hub.token("client_id=emulator-client").await), error("invalid_request"));
    let password = FORM.replace("client_credentials", "password");
    assert_eq!(told(hub.token(&password).await), error("unsupported_grant_type"));
    let json =
        hub.send("POST", "/identity/connect/token", json!({ "grant_type": "client_credentials" })).await;
    assert_eq!(told(json), error("invalid_request"));
    assert_eq!(hub.get("/identity/connect/token").await.status, 405);
}

#[tokio::test]
async fn tokens_are_taken_back_of_one_client_or_of_all() {
    let hub = Hub::new();
    let mut clients = hub.control("GET", "/omf/clients", None).await;
    let mut second = clients[0].clone();
    second["client_id"] = json!("second");
    clients.as_array_mut().unwrap().push(second);
    hub.control("PUT", "/omf/clients", Some(clients)).await;
    let first = hub.with_token(&hub.issued().await);
    let second = hub.token(&FORM.replace("emulator-client", "second")).await.body["access_token"].clone();
    let second = hub.with_token(second.as_str().unwrap());
    let statuses = async || {
        let mut statuses = Vec::new();
        for one in [&first, &second, &hub] {
            statuses.push(one.get(&hub.base).await.status);
        }
        statuses
    };
    assert_eq!(statuses().await, [200, 200, 200]);
    hub.control("DELETE", "/omf/tokens?client_id=second", None).await;
    assert_eq!(statuses().await, [200, 401, 200]);
    hub.control("DELETE", "/omf/tokens", None).await;
    assert_eq!(statuses().await, [401, 401, 200], "the fixed token stays");
    hub.control("PUT", "/omf/tokens", Some(json!([]))).await;
    assert_eq!(statuses().await, [401, 401, 401]);
}

#[tokio::test(start_paused = true)]
async fn the_fixed_token_is_valid_for_ever() {
    let hub = Hub::new();
    advance(Duration::from_hours(24 * 365)).await;
    assert_eq!(hub.get(&hub.base).await.status, 200);
}

#[tokio::test]
async fn no_secret_of_a_token_request_is_logged() {
    let hub = Hub::new();
    hub.issued().await;
    hub.token("client_id=canary%2Bid&client_secret=canary%2Bsecret&grant_type=x&scope=s&canary+name=canary")
        .await;
    hub.token("{\"client_secret\": \"canary\"}").await;
    hub.send("POST", "/identity/connect/token", json!({ "client_secret": "canary" })).await;
    hub.token("client_secret=&client_id=").await;
    let log = hub.control("GET", "/requests", None).await;
    let bodies = log.as_array().unwrap().iter().map(|entry| &entry["body"]).collect::<Vec<_>>();
    // printf emulator-secret | sha256sum
    let digest = "<set> sha256:2dbb7f4f2a07e19f0c1a5ef2ac63bf16296b67a2f653d449cb8ba7dc4a1df220";
    let of = |secret: &str| json!({ "client_id": "emulator-client", "client_secret": secret, "grant_type": "client_credentials" });
    assert_eq!(*bodies[0], of(digest));
    assert_eq!(bodies[1]["client_id"], "canary+id");
    assert_eq!(bodies[1]["scope"], "s");
    assert!(bodies[1]["client_secret"].as_str().unwrap().starts_with("<set> sha256:"), "{}", bodies[1]);
    assert_eq!(*bodies[4], json!({ "client_secret": "", "client_id": "" }), "an empty secret is none");
    let told = log.to_string().replace("canary+id", "");
    assert!(!told.contains("canary") && !told.contains("emulator-secret"), "{told}");
}
