//! Who reaches what: tenants, namespaces, roles, and how many connections a client may have open.

use connector_operator::emulator::{Configuration, Credential, DEFAULT_OMF_SCOPE};
use http::Request;
use serde_json::json;

use super::support::{Hub, connection};

fn credential(text: &str, organisation: &str) -> Credential {
    Credential { vendor: "omf".to_owned(), text: text.to_owned(), organisation: organisation.to_owned() }
}

/// Two tenants, with a fixed token each; the first has a client too.
fn two_tenants() -> Hub {
    let credentials = vec![
        credential("id:se:cret", "T1/plant"),
        credential("first", "T1/plant"),
        credential("second", "T2/plant"),
    ];
    Hub::configured(Configuration { credentials, ..Configuration::default() })
}

#[tokio::test(start_paused = true)]
async fn credentials_name_clients_fixed_tokens_and_their_namespace() {
    let hub = two_tenants();
    let first = hub.with_token("first").in_scope("t1/PLANT");
    first.has("line-7", &["a"]).await;
    let second = hub.with_token("second").in_scope("T2/plant");
    assert_eq!(second.states().await, Vec::<String>::new(), "the other tenant's namespace");
    let form = "client_id=id&client_secret=se%3Acret&grant_type=client_credentials";
    let token = hub.token(form).await.body["access_token"].as_str().unwrap().to_owned();
    assert_eq!(first.with_token(&token).states().await, ["line-7 Creating"]);
    assert_eq!(
        hub.get(&hub.base).await.status,
        401,
        "the default token is valid only where no other is given"
    );
    let log = hub.control("GET", "/requests?method=GET", None).await;
    let tenants = log.as_array().unwrap().iter().map(|entry| &entry["organisation"]).collect::<Vec<_>>();
    assert_eq!(tenants, [&json!("T2"), &json!("T1"), &json!(null)]);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_tenant_or_namespace_is_404_for_every_operation() {
    let hub = Hub::new();
    let (tenant, _) = DEFAULT_OMF_SCOPE.split_once('/').unwrap();
    for (scope, parameter, id) in [
        ("0000/production".to_owned(), "TenantId", "0000"),
        (format!("{tenant}/nowhere"), "NamespaceId", "nowhere"),
    ] {
        let lost = hub.in_scope(&scope);
        for answer in [
            lost.get(&lost.base).await,
            lost.post(connection("line-7", &["a"])).await,
            lost.read("an-id").await,
            lost.put("an-id", connection("line-7", &["a"])).await,
            lost.remove("an-id").await,
        ] {
            assert_eq!(answer.status, 404, "{answer:?}");
            assert_eq!(answer.body["Parameters"], json!({ parameter: id }));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_namespace_can_vanish() {
    let hub = Hub::new();
    hub.has("line-7", &["a"]).await;
    hub.control("PUT", "/omf/namespaces", Some(json!([]))).await;
    assert_eq!(hub.get(&hub.base).await.status, 404);
    let (tenant, namespace) = DEFAULT_OMF_SCOPE.split_once('/').unwrap();
    let again = json!([{ "tenant": tenant, "namespace": namespace }]);
    hub.control("PUT", "/omf/namespaces", Some(again)).await;
    assert_eq!(hub.states().await, Vec::<String>::new(), "what was in it went with it");
}

#[tokio::test(start_paused = true)]
async fn a_clients_roles_may_allow_reading_only_or_nothing() {
    let hub = Hub::new();
    let id = hub.has_active("line-7", &["a"]).await;
    let limited = hub.with_token(&hub.issued().await);
    let statuses = async || {
        [
            limited.get(&hub.base).await.status,
            limited.read(&id).await.status,
            limited.post(connection("line-8", &["b"])).await.status,
            limited.put(&id, connection("line-8", &["b"])).await.status,
            limited.remove(&id).await.status,
        ]
    };
    let mut clients = hub.control("GET", "/omf/clients", None).await;
    for (access, expected) in [("read", [200, 200, 403, 403, 403]), ("none", [403; 5])] {
        clients[0]["access"] = json!(access);
        hub.control("PUT", "/omf/clients", Some(clients.clone())).await;
        assert_eq!(statuses().await, expected, "{access}, for a token that was issued before too");
    }
    assert_eq!(hub.states().await, ["line-7 Active"]);
}

#[tokio::test(start_paused = true)]
async fn a_client_may_have_24_connections_open() {
    let hub = Hub::new();
    let other_client = hub.with_token(&hub.issued().await);
    let ask = async |connection: &connector_operator::emulator::InProcess| {
        let request = Request::get(&hub.base).header("Authorization", "Bearer emulator-bearer-token");
        let request = request.body(axum::body::Body::empty()).unwrap();
        tower::ServiceExt::oneshot(connection.clone(), request).await.unwrap()
    };
    let mut open = (0..24).map(|_| hub.emulator.connect()).collect::<Vec<_>>();
    for connection in &open {
        assert_eq!(ask(connection).await.status(), 200);
    }
    assert_eq!(ask(&open[0]).await.status(), 200, "one that is open already is no further one");
    let further = hub.emulator.connect();
    let refused = ask(&further).await;
    assert_eq!(refused.status(), 503);
    assert_eq!(other_client.get(&hub.base).await.status, 200, "another client is another count");
    let usage = hub.control("GET", "/omf/usage", None).await;
    assert_eq!(usage["fixed-token"], json!({ "open": 25, "most": 25 }));

    open.truncate(20);
    assert_eq!(ask(&further).await.status(), 200, "connections that have ended do not count");
    let usage = hub.control("GET", "/omf/usage", None).await;
    assert_eq!(usage["fixed-token"], json!({ "open": 21, "most": 25 }));
    hub.control("DELETE", "/omf/usage", None).await;
    assert_eq!(hub.control("GET", "/omf/usage", None).await, json!({}));
}
