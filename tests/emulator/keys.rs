//! Keys and what they reach, tags, SIMs, and the budget of an organisation.

use connector_operator::emulator::Configuration;
use serde_json::{Value, json};

use crate::support::{SUPPLIER, Vendor, credential, https};

#[tokio::test]
async fn a_key_reaches_its_own_organisation_and_no_other() {
    let keys = [("first-key", "first"), ("second-key", "second")];
    let credentials = keys.map(|(key, organisation)| credential("onomondo", key, organisation)).to_vec();
    let vendor = Vendor::configured(Configuration { credentials, ..Configuration::default() });
    let (first, second) = (vendor.with_authorization("first-key"), vendor.with_authorization("second-key"));
    first.has(https("abc")).await;
    assert_eq!(second.names().await, Vec::<String>::new());
    second.has(https("abc")).await;
    assert_eq!(second.delete("/connectors/abc").await.status, 200);
    assert_eq!(first.names().await, ["abc"], "one name in two organisations is two connectors");
    let kept = vendor.control("GET", "/onomondo/connectors?organisation=first", None).await;
    assert_eq!(kept.as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn an_unknown_key_is_refused_and_costs_no_organisation_anything() {
    let vendor = Vendor::new();
    for key in ["", "wrong", "emulator-key ", "EMULATOR-KEY"] {
        let answer = vendor.with_authorization(key).get("/connectors").await;
        assert_eq!((answer.status, answer.error()), (401, "unauthorized"), "{key:?}");
        assert_eq!(answer.header("x-ratelimit-limit"), None);
    }
    let without = http::Request::get("/connectors").body(axum::body::Body::empty()).unwrap();
    assert_eq!(vendor.try_request(without).await.unwrap().status, 401);
    assert_eq!(vendor.get("/connectors").await.header("x-ratelimit-remaining"), Some("599"));
}

#[tokio::test]
async fn organisations_have_a_budget_each_and_their_keys_share_it() {
    let vendor = Vendor::with_switches(&[("onomondo.requests-per-minute", "2")]);
    vendor
        .control(
            "PUT",
            "/onomondo/keys",
            Some(json!([
                { "key": "emulator-key", "organisation": "default" },
                { "key": "same", "organisation": "default" },
                { "key": "other", "organisation": "other" },
            ])),
        )
        .await;
    let mut statuses = Vec::new();
    for key in ["emulator-key", "same", "emulator-key", "other"] {
        statuses.push(vendor.with_authorization(key).get("/connectors").await.status);
    }
    assert_eq!(statuses, [200, 200, 429, 200]);
}

#[tokio::test]
async fn a_key_that_may_only_read_is_refused_each_write() {
    let vendor = Vendor::new();
    vendor.has(https("abc")).await;
    vendor.sim("1", "abc").await;
    let keys = json!([{ "key": "emulator-key", "organisation": "default", "read_only": true }]);
    vendor.control("PUT", "/onomondo/keys", Some(keys)).await;
    let statuses = [
        vendor.post(https("abd")).await.status,
        vendor.patch("abc", json!({})).await.status,
        vendor.delete("/connectors/abc").await.status,
        vendor.send("PATCH", "/sims/1", json!({ "connector": null })).await.status,
    ];
    assert_eq!(statuses, [403; 4]);
    assert_eq!(vendor.names().await, ["abc"]);
}

#[tokio::test]
async fn sims_are_listed_by_connector_in_pages() {
    let vendor = Vendor::new();
    vendor.has(https("abc")).await;
    for id in ["1", "2", "3"] {
        vendor.sim(id, "abc").await;
    }
    vendor.sim("4", "another").await;
    let first = vendor.get("/sims?filter[]=connector:abc&limit=2").await.body;
    assert_eq!((&first["count"], &first["total"], &first["limit"]), (&json!(2), &json!(3), &json!(2)));
    assert_eq!(first["sims"][0], json!({ "id": "1", "iccid": "", "label": null, "connector": "abc" }));
    let next = first["pagination"]["next_page"].as_str().expect("there is a next page");
    let second =
        vendor.get(&format!("/sims?filter%5B%5D=connector%3Aabc&limit=2&next_page={next}")).await.body;
    assert_eq!((&second["count"], &second["pagination"]["next_page"]), (&json!(1), &Value::Null));
    assert_eq!(vendor.get("/sims").await.body["total"], 4);
    assert_eq!(vendor.get("/sims?limit=many").await.status, 400);

    let keys = json!([{ "key": "emulator-key", "organisation": "default", "without_sims": true }]);
    vendor.control("PUT", "/onomondo/keys", Some(keys)).await;
    assert_eq!(vendor.get("/sims").await.status, 403, "a key may not be allowed to see SIMs");
}

#[tokio::test]
async fn a_sim_is_mapped_to_a_connector_that_exists() {
    let vendor = Vendor::new();
    vendor.sim("1", "elsewhere").await;
    let unknown = vendor.send("PATCH", "/sims/1", json!({ "connector": "abc" })).await;
    assert_eq!((unknown.status, unknown.error()), (400, "unknown_connector"));
    vendor.has(https("abc")).await;
    let mapped = vendor.send("PATCH", "/sims/1", json!({ "connector": "abc" })).await;
    assert_eq!((mapped.status, &mapped.body["connector"]), (200, &json!("abc")));
    assert_eq!(vendor.delete("/connectors/abc").await.status, 403);
    assert_eq!(vendor.send("PATCH", "/sims/9", json!({ "connector": null })).await.status, 404);
}

#[tokio::test]
async fn tags_are_searched_in_pages() {
    let vendor = Vendor::new();
    let another = "11111111-1111-4111-8111-111111111111";
    let tag = json!({ "name": "Team A", "can_write": true, "color": "#000000" });
    vendor.control("PUT", &format!("/onomondo/tags/{another}"), Some(tag)).await;
    let page = vendor.get("/tags/search/tags?offset=1&limit=1").await;
    let supplier = json!({ "name": "Supplier", "id": SUPPLIER, "can_write": false, "color": "#5ba571" });
    let expected = json!({ "count": 1, "limit": 1, "offset": 1, "total": 2, "result": [supplier] });
    assert_eq!((page.status, page.body), (200, expected));
}
