//! Each operation as it is documented, and the refusals that are known.

use connector_operator::emulator::Configuration;
use serde_json::{Value, json};

use super::support::{Apono, CONNECTORS};
use crate::support::{Vendor, credential, https};

#[tokio::test]
async fn a_connector_reads_with_every_documented_member() {
    let apono = Apono::new();
    let agent = json!({
        "name": "prod-eks",
        "version": "1.7.8",
        "is_latest_version": false,
        "cloud_provider_type": "AWS",
        "metadata": { "kubernetes_type": "EKS", "is_kubernetes_admin": true, "region": "eu-west-1" },
    });
    apono.installed("6c1d9a52", agent).await;
    let read = apono.read("6c1d9a52").await;
    let session = read.body["sessions"][0]["id"].as_str().expect("a session with an id");
    let expected = json!({
        "id": "6c1d9a52",
        "name": "prod-eks",
        "status": "CONNECTED",
        "version": "1.7.8",
        "last_connected": "2025-09-18T09:38:36.087Z",
        "is_latest_version": false,
        "cloud_provider_type": "AWS",
        "sessions": [{
            "id": session,
            "last_connected_time": "2025-09-18T09:38:36.087Z",
            "metadata": {
                "connector_version": "1.7.8",
                "cloud_provider_metadata":
                    { "kubernetes_type": "EKS", "is_kubernetes_admin": true, "region": "eu-west-1" },
            },
        }],
    });
    assert_eq!((read.status, &read.body), (200, &expected));
    let list = apono.get(CONNECTORS).await;
    assert_eq!(
        (list.status, list.body),
        (200, json!({ "items": [expected], "pagination": { "next_page_token": null } }))
    );
}

#[tokio::test]
async fn version_two_is_a_bare_array() {
    let apono = Apono::new();
    assert_eq!(apono.get("/api/v2/connectors").await.text, "[]");
    apono.agent("abc", "prod").await;
    let list = apono.get("/api/v2/connectors").await;
    assert_eq!(
        list.body,
        json!([{ "connector_id": "abc", "last_connected": 1_758_188_316.087, "status": "CONNECTED" }])
    );
}

#[tokio::test]
async fn the_name_is_all_that_a_put_changes() {
    let apono = Apono::new();
    let before = apono.agent("abc", "prod").await;
    let further = json!({ "name": "Renamed-1", "status": "DISCONNECTED", "id": "another" });
    let renamed = apono.ask("PUT", &format!("{CONNECTORS}/abc"), Some(further)).await;
    let mut expected = before;
    expected["name"] = json!("Renamed-1");
    assert_eq!((renamed.status, &renamed.body["name"]), (200, &json!("Renamed-1")));
    assert_eq!(apono.vendor.control("GET", "/apono/connectors/abc", None).await, expected);
    assert_eq!(apono.read("abc").await.body, renamed.body);
    assert_eq!(apono.rename("abc", "Renamed-1").await.status, 200, "the same name is no clash");
}

#[tokio::test]
async fn a_deletion_answers_204_and_then_404() {
    let apono = Apono::new();
    apono.agent("abc", "prod").await;
    let deleted = apono.delete("abc").await;
    assert_eq!((deleted.status, deleted.text.as_str()), (204, ""));
    for answer in [apono.delete("abc").await, apono.read("abc").await, apono.rename("abc", "prod").await] {
        assert_eq!((answer.status, answer.text.as_str()), (404, ""), "a bare 404");
    }
    assert_eq!(apono.ids("").await, [""; 0]);
}

#[tokio::test]
async fn an_unknown_token_gets_the_known_401_everywhere() {
    let apono = Apono::new();
    for authorization in
        ["", "Bearer ", "Bearer wrong", "emulator-token", "Bearer emulator-key", "Basic emulator-token"]
    {
        let stranger = apono.vendor.with_authorization(authorization);
        for path in
            [CONNECTORS, "/api/v2/connectors", "/api/admin/v4/integrations", "/api/admin/v3/connectors/abc"]
        {
            let answer = stranger.get(path).await;
            assert_eq!(
                (answer.status, answer.text.as_str()),
                (401, "{\"status\":\"401\",\"code\":\"Unauthorized\"}"),
                "{authorization:?} at {path}"
            );
        }
    }
    let lower = apono.vendor.with_authorization("bearer emulator-token");
    assert_eq!(lower.get(CONNECTORS).await.status, 200, "a scheme has no case");
    let at_onomondo = apono.vendor.with_authorization("emulator-token").get("/connectors").await;
    assert_eq!(at_onomondo.status, 401, "each vendor has its own credentials");
}

#[tokio::test]
async fn a_body_without_a_usable_name_is_refused_and_changes_nothing() {
    let apono = Apono::new();
    apono.agent("abc", "prod").await;
    for body in [json!({}), json!([]), json!({ "name": null }), json!({ "name": 7 }), json!({ "name": "" })] {
        let answer = apono.ask("PUT", &format!("{CONNECTORS}/abc"), Some(body.clone())).await;
        assert_eq!(
            (answer.status, answer.text.as_str()),
            (400, "{\"status\":\"400\",\"code\":\"BadRequest\"}"),
            "{body}"
        );
    }
    let request =
        http::Request::put(format!("{CONNECTORS}/abc")).header("Authorization", "Bearer emulator-token");
    let answer = apono.vendor.try_request(request.body("{\"name\": \"b\"}".into()).unwrap()).await.unwrap();
    assert_eq!(answer.status, 415, "a body that does not say that it is JSON");
    assert_eq!(apono.read("abc").await.body["name"], "prod");
}

#[tokio::test]
async fn there_is_no_post() {
    let apono = Apono::new();
    for path in [CONNECTORS, "/api/v2/connectors", "/api/admin/v3/connectors/abc"] {
        let answer = apono.ask("POST", path, Some(json!({ "name": "abc" }))).await;
        assert_eq!(answer.status, 405, "{path}");
    }
    assert_eq!(apono.ids("").await, [""; 0]);
    let unknown = apono.get("/api/admin/v3/something").await;
    assert_eq!((unknown.status, unknown.text.as_str()), (404, ""));
}

#[tokio::test]
async fn a_token_reaches_its_own_organisation_and_may_be_for_reading_only() {
    let credentials =
        vec![credential("apono", "first:a=b", "first"), credential("apono", "second", "second")];
    let vendor = Vendor::configured(Configuration { credentials, ..Configuration::default() });
    let (first, second) =
        (Apono::of(&vendor).with_token("first:a=b"), Apono::of(&vendor).with_token("second"));
    first.agent("abc", "prod").await;
    assert_eq!((first.ids("").await.len(), second.ids("").await.len()), (1, 0));
    assert_eq!(second.read("abc").await.status, 404);
    assert_eq!(
        Apono::of(&vendor).get(CONNECTORS).await.status,
        401,
        "the default token is one of the default only"
    );
    assert_eq!(vendor.post(https("abc")).await.status, 200, "another vendor keeps its default");

    let tokens = json!([{ "token": "first:a=b", "organisation": "first", "read_only": true }]);
    vendor.control("PUT", "/apono/tokens", Some(tokens)).await;
    for answer in [first.rename("abc", "b").await, first.delete("abc").await] {
        assert_eq!((answer.status, answer.body), (403, json!({ "status": "403", "code": "Forbidden" })));
    }
    assert_eq!(first.read("abc").await.body["name"], "prod");
    assert_eq!(second.get(CONNECTORS).await.status, 401, "a token that is gone");
}

#[tokio::test]
async fn integrations_tell_which_connector_they_use() {
    let apono = Apono::new();
    for (id, connector) in [("one", json!("abc")), ("two", json!("other")), ("three", Value::Null)] {
        let integration = json!({ "connector_id": connector });
        apono.vendor.control("PUT", &format!("/apono/integrations/{id}"), Some(integration)).await;
    }
    let names = async |query: &str| {
        let answer = apono.get(&format!("/api/admin/v4/integrations{query}")).await;
        super::support::texts(answer.body["items"].as_array().expect("items"), "name")
    };
    assert_eq!(names("").await, ["one", "three", "two"]);
    assert_eq!(names("?connector_id=abc").await, ["one"]);
    assert_eq!(names("?connector_id=abc&connector_id=other&limit=1").await, ["one"]);
    assert_eq!(names("?connector_id=abc&status=ERROR").await, [""; 0]);
    apono.vendor.control("DELETE", "/apono/integrations/one", None).await;
    assert_eq!(names("?connector_id=abc").await, [""; 0]);
}
