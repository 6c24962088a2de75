//! The controls of this vendor: state in bulk, drift, and what is kept for the next start.

use connector_operator::emulator::Configuration;
use serde_json::{Value, json};

use super::support::{Hub, connection};

#[tokio::test(start_paused = true)]
async fn connections_are_put_there_many_at_once() {
    let hub = Hub::new();
    let rows = json!([
        { "Name": "plain", "ClientIds": ["a"] },
        { "Id": "MINE", "Name": null, "State": "Creating", "Description": "d", "CreatedDate": "2021-03-18T23:57:44.6109361Z", "ClientIds": ["b", "A"], "Future": { "x": 1 } },
        { "Name": "failed", "State": "Failed", "CreatedDate": null, "ClientIds": null },
    ]);
    let ids = hub.control("POST", "/omf/connections", Some(rows.clone())).await;
    assert_eq!(ids.as_array().unwrap().len(), 3);
    let listed = hub.listed().await;
    assert_eq!((&listed[0]["Id"], &listed[0]["State"]), (&ids[0], &json!("Active")));
    assert_eq!(listed[0]["CreatedDate"], "2025-09-18T09:38:36.0870000Z");
    assert_eq!(listed[1], rows[1], "as it is written, members that no document names too");
    assert_eq!(
        (&listed[2]["State"], &listed[2]["CreatedDate"], &listed[2]["ClientIds"]),
        (&json!("Failed"), &Value::Null, &json!([]))
    );
    tokio::time::advance(std::time::Duration::from_hours(1)).await;
    assert_eq!(
        hub.states().await,
        ["plain Active", "- Creating", "failed Failed"],
        "a state put there stays"
    );
    assert_eq!(hub.control("GET", "/omf/connections", None).await.as_array().unwrap().len(), 3);

    let twice = json!([{ "Name": "new", "ClientIds": [] }, { "Id": "mine", "ClientIds": [] }]);
    let refused = hub.send("POST", "/_emulator/omf/connections", twice).await;
    assert_eq!((refused.status, refused.error()), (400, "Id mine is there already"));
    assert_eq!(hub.listed().await.len(), 3, "all or none");
    hub.control("DELETE", "/omf/connections", None).await;
    assert_eq!(hub.listed().await, Vec::<Value>::new());
}

#[tokio::test(start_paused = true)]
async fn drift_is_made_behind_the_vendors_back() {
    let hub = Hub::new();
    let id = hub.has_active("line-7", &["a", "b"]).await;
    let path = format!("/omf/connections/{id}");
    let before = hub.listed().await[0].clone();
    hub.control("PATCH", &path, Some(json!({ "Name": "renamed", "ClientIds": ["b", "c"] }))).await;
    let mut expected = before;
    expected["Name"] = json!("renamed");
    expected["ClientIds"] = json!(["b", "c"]);
    assert_eq!(hub.listed().await, [expected.clone()], "that and nothing else");
    assert_eq!(hub.control("GET", &path, None).await, expected);
    let other = hub.has_active("other", &["a"]).await;
    let taken = hub.post(connection("third", &["C"])).await;
    assert_eq!(taken.status, 400, "client ids that were put there are taken");
    hub.control("PATCH", &path, Some(json!({ "ClientIds": ["A"] }))).await;
    assert_eq!(hub.listed().await[0]["ClientIds"], json!(["A"]), "nothing is validated beyond its form");

    hub.control("PUT", &path, Some(json!({ "State": "Deleting" }))).await;
    assert_eq!(hub.states().await, ["- Deleting", "other Active"]);
    hub.control("DELETE", &format!("/omf/connections/{other}"), None).await;
    assert_eq!(hub.states().await, ["- Deleting"]);
    assert_eq!(hub.read(&other).await.status, 404);
    hub.control("PUT", "/omf/connections/made", Some(json!({ "Name": "made" }))).await;
    assert_eq!(hub.read("made").await.body["Name"], "made");
    assert_eq!(hub.control("GET", "/requests?method=PATCH", None).await, json!([]), "none of it is logged");
}

#[tokio::test(start_paused = true)]
async fn an_unsound_edit_is_refused_with_its_reason() {
    let hub = Hub::new();
    let id = hub.has_active("line-7", &["a"]).await;
    hub.control("PUT", "/omf/connections/made", Some(json!({}))).await;
    for (edit, reason) in [
        (json!([]), "object"),
        (json!({ "Name": 7 }), "Name has to be a string or null"),
        (json!({ "ClientIds": "a" }), "ClientIds has to be an array"),
        (json!({ "ClientIds": [7] }), "ClientIds has to be an array of strings"),
    ] {
        let answer = hub.send("PUT", "/_emulator/omf/connections/made", edit.clone()).await;
        assert!(answer.status == 400 && answer.error().contains(reason), "{edit}: {answer:?}");
    }
    let taken = hub.send("PATCH", "/_emulator/omf/connections/made", json!({ "Id": id })).await;
    assert!(taken.status == 400 && taken.error().contains("belongs to another"), "{taken:?}");
    for path in ["/_emulator/omf/connections/nowhere", "/_emulator/omf/connections?namespace=nowhere"] {
        assert_eq!(hub.get(path).await.status, 404, "{path}");
    }
    assert_eq!(hub.send("PATCH", "/_emulator/omf/connections/nowhere", json!({})).await.status, 404);
    assert_eq!(hub.delete("/_emulator/omf/connections/nowhere").await.status, 404);
    let endless = json!([{ "token": "t", "tenant": "t", "expires_in": -1 }]);
    assert_eq!(hub.send("PUT", "/_emulator/omf/tokens", endless).await.status, 400);
}

#[tokio::test(start_paused = true)]
async fn a_state_starts_another_emulator() {
    let hub = Hub::new();
    hub.has_active("line-7", &["a"]).await;
    let leaving = hub.has_active("leaving", &["b"]).await;
    hub.remove(&leaving).await;
    let token = hub.issued().await;
    hub.control("PUT", "/omf/discovery", Some(json!({ "token_endpoint": "https://elsewhere" }))).await;
    let state = hub.control("GET", "/state", None).await;
    let twin = Hub::configured(Configuration { state: Some(state.clone()), ..Configuration::default() });
    assert_eq!(twin.control("GET", "/state", None).await, state);
    assert_eq!(twin.with_token(&token).listed().await, hub.listed().await, "also for tokens that are out");
    tokio::time::advance(std::time::Duration::from_hours(1)).await;
    assert_eq!(twin.states().await, ["line-7 Active"], "what was under way goes on");
    assert_eq!(twin.with_token(&token).get(&twin.base).await.status, 401, "and expires as it would have");

    let (tenant, namespace) = connector_operator::emulator::DEFAULT_OMF_SCOPE.split_once('/').unwrap();
    let namespaces =
        json!([{ "tenant": tenant, "namespace": namespace, "connections": [{ "Name": "only" }] }]);
    hub.control("PUT", "/state", Some(json!({ "omf": { "namespaces": namespaces } }))).await;
    assert_eq!(hub.states().await, ["only Active"], "clients and tokens stay where the state names none");
    for wrong in [
        json!({ "omf": {} }),
        json!({ "omf": { "namespaces": [{}] } }),
        json!({ "omf": { "namespaces": [{ "tenant": "t", "namespace": "n", "connections": [7] }] } }),
        json!({ "omf": { "namespaces": [], "tokens": [{ "token": "t", "tenant": "t", "expires_in": -1 }] } }),
    ] {
        assert_eq!(hub.send("PUT", "/_emulator/state", wrong.clone()).await.status, 400, "{wrong}");
    }
    assert_eq!(hub.states().await, ["only Active"], "and had no effect");
}

#[tokio::test]
async fn ids_come_from_the_seed() {
    let id = async |seed| {
        Hub::configured(Configuration { seed, ..Configuration::default() }).has("line-7", &["a"]).await
    };
    assert_eq!(id(1).await, id(1).await);
    assert_ne!(id(1).await, id(2).await);
}
