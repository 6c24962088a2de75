//! What a client may send, what comes back, and what the documents forbid.

use serde_json::{Value, json};

use super::support::{Hub, base, connection};
use connector_operator::emulator::DEFAULT_OMF_SCOPE;

#[tokio::test(start_paused = true)]
async fn an_update_replaces_everything() {
    let hub = Hub::new();
    hub.at("2021-03-18T23:57:44.6109361Z");
    let id = hub.has_active("line-7", &["AAAA", "bbbb"]).await;
    let answer = hub.put(&id, json!({ "Name": "Line 7", "ClientIds": ["cccc"] })).await;
    let expected = json!({
        "Id": id,
        "Name": "Line 7",
        "State": "Active",
        "Description": null,
        "CreatedDate": "2021-03-18T23:57:44.6109361Z",
        "ClientIds": ["cccc"],
    });
    assert_eq!(
        (answer.status, &answer.body),
        (200, &expected),
        "what is left out is gone, nothing is merged"
    );
    assert_eq!(hub.read(&id).await.body, expected);
    assert_eq!(hub.listed().await, [expected]);
    hub.has("another", &["aaaa", "BBBB"]).await;
}

#[tokio::test(start_paused = true)]
async fn names_are_not_unique_and_ids_are_read_without_case() {
    let hub = Hub::new();
    let first = hub.has("twin", &["a"]).await;
    let second = hub.has("twin", &["b"]).await;
    assert_ne!(first, second);
    assert_eq!(hub.states().await, ["twin Creating", "twin Creating"]);
    assert_eq!(hub.read(&first.to_uppercase()).await.body["Id"], first);
}

#[tokio::test(start_paused = true)]
async fn both_versions_and_every_casing_reach_the_same_connections() {
    let hub = Hub::new();
    let id = hub.has("line-7", &["a"]).await;
    let v1 = base("v1", DEFAULT_OMF_SCOPE);
    for path in [
        base("v2-preview", DEFAULT_OMF_SCOPE),
        v1.replace("tenants", "Tenants").replace("namespaces", "Namespaces").replace("omfC", "OmfC"),
        v1.to_uppercase(),
        format!("{v1}/"),
        format!("{v1}?skip=0"),
    ] {
        let listed = hub.get(&path).await;
        assert_eq!((listed.status, &listed.body["Results"][0]["Id"]), (200, &json!(id)), "{path}");
    }
    let answer = hub.get(&base("v3", DEFAULT_OMF_SCOPE)).await;
    assert_eq!(answer.status, 404, "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn a_client_id_is_in_one_connection_of_a_namespace() {
    let hub = Hub::new();
    let holder = hub.has_active("holder", &["d6b178a4-AAAA"]).await;
    let other = hub.has_active("other", &["feecf1d0"]).await;
    let refused = |answer: crate::support::Answer| {
        assert_eq!(answer.status, 400, "{answer:?}");
        assert_eq!(
            answer.body["Parameters"],
            json!({ "ClientId": "D6B178A4-aaaa", "OmfConnectionId": holder })
        );
        let reason = answer.body["Reason"].as_str().unwrap();
        assert!(reason.contains("D6B178A4-aaaa") && reason.contains(&holder), "it names both: {reason}");
    };
    refused(hub.post(connection("third", &["x", "D6B178A4-aaaa"])).await);
    refused(hub.put(&other, connection("other", &["feecf1d0", "D6B178A4-aaaa"])).await);
    assert_eq!(hub.states().await, ["holder Active", "other Active"], "nothing took effect");
    assert_eq!(hub.read(&other).await.body["ClientIds"], json!(["feecf1d0"]));
    let own = hub.put(&holder, connection("holder", &["D6B178A4-AAAA", "y"])).await;
    assert_eq!(own.status, 200, "its own client ids are no obstacle: {own:?}");

    let scope = DEFAULT_OMF_SCOPE.replace("production", "test");
    let mut namespaces = hub.control("GET", "/omf/namespaces", None).await;
    let tenant = namespaces[0]["tenant"].clone();
    namespaces.as_array_mut().unwrap().push(json!({ "tenant": tenant, "namespace": "test" }));
    hub.control("PUT", "/omf/namespaces", Some(namespaces)).await;
    hub.in_scope(&scope).has("elsewhere", &["d6b178a4-aaaa"]).await;
}

#[tokio::test(start_paused = true)]
async fn the_documented_limits_hold() {
    let hub = Hub::new();
    let ids = |count: usize| (0..count).map(|n| format!("{n:036}")).collect::<Vec<_>>();
    let body = |name: usize, description: usize, ids: Vec<String>| json!({ "Name": "ä".repeat(name), "Description": "ö".repeat(description), "ClientIds": ids });
    let largest = hub.post(body(200, 1000, ids(10_000))).await;
    assert_eq!(largest.status, 202, "{}", largest.status);
    let id = largest.body["Id"].as_str().unwrap();
    hub.control("POST", "/omf/settle", None).await;
    for beyond in [body(201, 0, ids(1)), body(0, 1001, ids(1)), body(0, 0, ids(10_001))] {
        assert_eq!(hub.post(beyond.clone()).await.status, 400);
        assert_eq!(hub.put(id, beyond).await.status, 400);
    }
    assert_eq!(hub.read(id).await.body["ClientIds"].as_array().unwrap().len(), 10_000);
}

#[tokio::test(start_paused = true)]
async fn what_is_required_is_required() {
    let hub = Hub::new();
    let id = hub.has_active("there", &["a"]).await;
    let refused = [
        (json!([]), "not a JSON object"),
        (json!({}), "ClientIds is missing"),
        (json!({ "Name": "n", "clientIds": ["b"] }), "ClientIds is missing"),
        (json!({ "Name": "n", "ClientIds": null }), "ClientIds is missing"),
        (json!({ "Name": "n", "ClientIds": "b" }), "is not an array"),
        (json!({ "Name": "n", "ClientIds": [7] }), "is not a string"),
        (json!({ "Name": "n", "ClientIds": [""] }), "is empty"),
        (json!({ "Name": 7, "ClientIds": ["b"] }), "Name is not a string"),
        (json!({ "Name": "n", "Description": [], "ClientIds": ["b"] }), "Description is not a string"),
    ];
    for (body, reason) in refused {
        for answer in [hub.post(body.clone()).await, hub.put(&id, body.clone()).await] {
            let told = answer.body["Reason"].as_str().unwrap_or_default();
            assert!(answer.status == 400 && told.contains(reason), "{body}: {answer:?}");
        }
    }
    let nameless = json!({ "ClientIds": ["b"], "Unknown": 1 });
    assert_eq!(hub.put(&id, nameless.clone()).await.status, 400, "a PUT needs a Name");
    let created = hub.post(nameless).await;
    assert_eq!((created.status, &created.body["Name"]), (202, &Value::Null), "a POST does not");
    assert_eq!(created.body.get("Unknown"), None, "what no document names is ignored");
}

#[tokio::test(start_paused = true)]
async fn the_state_and_the_date_are_the_servers() {
    let hub = Hub::new();
    let mut body = connection("line-7", &["a"]);
    body["State"] = json!("Active");
    body["Id"] = json!("mine");
    body["CreatedDate"] = json!("1999-01-01T00:00:00Z");
    let created = hub.post(body).await.body;
    assert_eq!(
        (&created["State"], &created["CreatedDate"]),
        (&json!("Creating"), &json!("2025-09-18T09:38:36.0870000Z"))
    );
    assert_ne!(created["Id"], "mine");
}
