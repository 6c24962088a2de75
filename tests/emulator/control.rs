//! The control API: the request log, the connections, the clock, and the state behind the vendor's back.

use std::time::Duration;

use connector_operator::emulator::{Configuration, Filter};
use serde_json::{Value, json};

use crate::support::{SUPPLIER, Vendor, https, tls};

#[tokio::test]
async fn the_log_tells_what_was_asked_in_order_and_not_a_secret() {
    let vendor = Vendor::new();
    vendor.post(tls("abc")).await;
    vendor.patch("abc", json!({ "options": { "key": null, "cert": "", "ca": 7 } })).await;
    vendor.get("/sims?filter[]=connector:abc").await;
    vendor.with_authorization("wrong").delete("/connectors/abc").await;
    vendor.get("/nowhere").await;

    let log = vendor.control("GET", "/requests", None).await;
    let line = |entry: &Value| {
        let text = |name: &str| entry[name].as_str().unwrap_or("-").to_owned();
        format!("{} {} {} {}", text("method"), text("path"), entry["status"], text("organisation"))
    };
    let lines = log.as_array().unwrap().iter().map(line).collect::<Vec<_>>();
    assert_eq!(
        lines,
        [
            "POST /connectors 200 default",
            "PATCH /connectors/abc 400 default",
            "GET /sims 200 default",
            "DELETE /connectors/abc 401 -",
            "GET /nowhere 404 -",
        ]
    );
    assert_eq!(log[2]["query"], "filter[]=connector:abc");
    assert_eq!(log[0]["at"], "2025-09-18T09:38:36.087Z");
    assert_eq!(log[0]["body"]["options"]["port"], 443, "what is no secret is shown as sent");
    // printf 'the key' | sha256sum
    let digest = "3a0aac44832e55528a834fec737786c999e7b8dea8bd601bb59f195237d58b2e";
    assert_eq!(log[0]["body"]["options"]["key"], format!("<set> sha256:{digest}"));
    assert_eq!(
        (&log[1]["body"]["options"]["key"], &log[1]["body"]["options"]["cert"]),
        (&Value::Null, &json!(""))
    );
    let everything = log.to_string() + &vendor.control("GET", "/state", None).await["onomondo"].to_string();
    assert!(!everything.contains("the key") && !everything.contains("the certificate"), "{everything}");

    vendor.control("DELETE", "/requests", None).await;
    assert_eq!(vendor.control("GET", "/requests", None).await, json!([]));
    vendor.get("/connectors").await;
    assert_eq!(vendor.control("GET", "/requests", None).await[0]["seq"], 6, "numbers are never used twice");
}

#[tokio::test]
async fn bodies_that_cannot_be_redacted_are_not_logged() {
    let vendor = Vendor::new();
    let send = |path: &'static str, body: String| {
        let request = http::Request::post(path).header("Content-Type", "application/json");
        vendor.try_request(request.body(axum::body::Body::from(body)).unwrap())
    };
    send("/connectors", "{\"options\": {\"key\": \"canary\"".to_owned()).await.unwrap();
    send("/elsewhere", "{\"secret\": \"canary\"}".to_owned()).await.unwrap();
    send("/connectors", format!("{{\"name\": \"{}\"}}", "canary".repeat(20_000))).await.unwrap();
    assert_eq!(send("/connectors", "x".repeat(2 << 20)).await.unwrap().status, 413);
    let log = vendor.control("GET", "/requests", None).await;
    let bodies = log.as_array().unwrap().iter().map(|entry| entry["body"].clone()).collect::<Vec<_>>();
    let expected = ["<28 bytes that are not JSON>", "<20 bytes>", "<120012 bytes>"];
    assert_eq!(bodies[..3], expected.map(Value::from));
    assert_eq!(bodies[3], Value::Null);
}

#[tokio::test(start_paused = true)]
async fn a_reader_waits_for_what_it_wants() {
    let vendor = Vendor::new();
    let started = tokio::time::Instant::now();
    assert_eq!(vendor.control("GET", "/requests?since=0&wait=5s", None).await, json!([]));
    assert_eq!(started.elapsed(), Duration::from_secs(5), "in vain");

    let reading = vendor.control("GET", "/requests?since=1&method=post&path=/conn&count=2&wait=300s", None);
    let sending = async {
        for name in ["aaa", "bbb", "ccc"] {
            tokio::time::sleep(Duration::from_secs(10)).await;
            vendor.has(https(name)).await;
            vendor.list().await;
        }
    };
    let started = tokio::time::Instant::now();
    let (read, ()) = tokio::join!(async { (reading.await, started.elapsed().as_secs()) }, sending);
    let seqs =
        read.0.as_array().unwrap().iter().map(|entry| entry["seq"].as_u64().unwrap()).collect::<Vec<_>>();
    assert_eq!((seqs, read.1), (vec![3, 5], 30), "the second and third POST, as soon as there are two");
    let wrong = vendor.get("/_emulator/requests?wait=soon").await;
    assert_eq!((wrong.status, wrong.error()), (400, "wait has to be like 500ms or 5s"));
}

#[tokio::test]
async fn the_log_is_bounded() {
    let vendor = Vendor::configured(Configuration { log_entries: 3, ..Configuration::default() });
    for _ in 0..5 {
        vendor.list().await;
    }
    let kept = vendor.emulator.requests().read(&Filter::default());
    assert_eq!(kept.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [3, 4, 5]);
    let later = vendor.emulator.requests().read(&Filter { since: 4, ..Filter::default() });
    assert_eq!(later.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [5]);
}

#[tokio::test]
async fn drift_is_made_behind_the_vendors_back() {
    let vendor = Vendor::new();
    vendor.has(tls("abc")).await;
    let before = vendor.listed("abc").await;
    vendor.at("2026-01-01T00:00:00Z");
    let change = json!({
        "options": { "port": 8883 },
        "meta": { "key": { "last_updated_at": "now" }, "cert": { "is_set": false } },
        "tags": [SUPPLIER],
        "future_field": { "a": 1 },
    });
    vendor.control("PATCH", "/onomondo/connectors/abc", Some(change)).await;
    let after = vendor.listed("abc").await;
    let mut expected = before;
    expected["options"]["port"] = json!(8883);
    expected["meta"]["key"]["last_updated_at"] = json!("2026-01-01T00:00:00.000Z");
    expected["meta"]["cert"]["is_set"] = json!(false);
    let supplier = json!({ "name": "Supplier", "id": SUPPLIER, "can_write": false, "color": "#5ba571" });
    expected["tags"] = json!([supplier]);
    expected["future_field"] = json!({ "a": 1 });
    assert_eq!(after, expected, "that and nothing else");

    let beta = json!({ "type": "mqtt_beta", "options": { "anything": [1, 2] }, "meta": { "token": { "is_set": true } } });
    vendor.control("PUT", "/onomondo/connectors/from-the-web-app", Some(beta)).await;
    let beta = vendor.listed("from-the-web-app").await;
    assert_eq!((&beta["type"], &beta["options"]), (&json!("mqtt_beta"), &json!({ "anything": [1, 2] })));
    assert_eq!(beta["meta"]["token"]["is_set"], true);

    let renamed = json!({ "name": "renamed" });
    vendor.control("PATCH", "/onomondo/connectors/abc", Some(renamed)).await;
    vendor.control("DELETE", "/onomondo/connectors/from-the-web-app", None).await;
    assert_eq!(vendor.names().await, ["renamed"]);
    vendor.control("DELETE", "/onomondo/connectors", None).await;
    assert_eq!(vendor.names().await, Vec::<String>::new());
    for path in ["/connectors/abc", "/sims/1", "/tags/1"] {
        assert_eq!(vendor.delete(&format!("/_emulator/onomondo{path}")).await.status, 404, "{path}");
    }
    assert_eq!(
        vendor.control("GET", "/requests?method=DELETE", None).await,
        json!([]),
        "none of it is logged"
    );
}

#[tokio::test]
async fn an_unsound_edit_is_refused_with_its_reason() {
    let vendor = Vendor::new();
    vendor.has(https("other")).await;
    for (edit, reason) in [
        (json!([]), "object"),
        (json!({}), "type is missing"),
        (json!({ "type": 7 }), "type has to be a string"),
        (json!({ "type": "tls", "options": [] }), "options has to be an object"),
        (json!({ "type": "tls", "tags": [7] }), "tags"),
        (json!({ "type": "tls", "id": 1 }), "id 1 belongs to another connector"),
        (
            json!({ "type": "tls", "meta": { "key": { "last_updated_at": "yesterday" } } }),
            "neither a date nor now",
        ),
    ] {
        let answer = vendor.send("PUT", "/_emulator/onomondo/connectors/abc", edit.clone()).await;
        assert!(answer.status == 400 && answer.error().contains(reason), "{edit}: {answer:?}");
    }
    assert_eq!(vendor.send("PATCH", "/_emulator/onomondo/connectors/abc", json!({})).await.status, 404);
    assert_eq!(vendor.names().await, ["other"]);
}

#[tokio::test]
async fn a_state_starts_another_emulator() {
    let vendor = Vendor::new();
    vendor.has(tls("abc")).await;
    vendor.sim("1", "abc").await;
    let state = vendor.control("GET", "/state", None).await;
    let twin = Vendor::configured(Configuration { state: Some(state.clone()), ..Configuration::default() });
    assert_eq!(twin.control("GET", "/state", None).await, state);
    assert_eq!(twin.list().await, vendor.list().await);
    assert_eq!(twin.delete("/connectors/abc").await.status, 403, "SIMs are in it");

    for wrong in
        [json!({ "nobody": {} }), json!([]), json!({ "onomondo": { "organisations": { "a": { "x": 1 } } } })]
    {
        assert_eq!(vendor.send("PUT", "/_emulator/state", wrong.clone()).await.status, 400, "{wrong}");
    }
    let without_keys =
        json!({ "onomondo": { "organisations": { "default": { "connectors": [https("abd")] } } } });
    vendor.control("PUT", "/state", Some(without_keys)).await;
    assert_eq!(vendor.names().await, ["abd"], "the keys stay where the state names none");
}

#[tokio::test]
async fn made_up_identifiers_come_from_the_seed() {
    let uuids = async |seed| {
        let vendor = Vendor::configured(Configuration { seed, ..Configuration::default() });
        vendor.has(https("abc")).await;
        vendor.patch("abc", json!({})).await.body["uuid"].as_str().unwrap().to_owned()
    };
    let uuid = uuids(1).await;
    assert_eq!(uuid, uuids(1).await);
    assert_ne!(uuid, uuids(2).await);
    assert_eq!((uuid.len(), &uuid[14..15]), (36, "4"), "a version 4 UUID");
}

#[tokio::test]
async fn connections_are_counted_and_told_apart() {
    let vendor = Vendor::new();
    vendor.list().await;
    vendor.list().await;
    {
        let second = vendor.emulator.connect();
        let request = http::Request::get("/connectors").body(axum::body::Body::empty()).unwrap();
        tower::ServiceExt::oneshot(second.clone(), request).await.unwrap();
        assert_eq!(vendor.control("GET", "/connections", None).await, json!({ "accepted": 2, "open": 2 }));
    }
    assert_eq!(vendor.control("GET", "/connections", None).await, json!({ "accepted": 2, "open": 1 }));
    let log = vendor.control("GET", "/requests", None).await;
    let connections =
        log.as_array().unwrap().iter().map(|entry| entry["connection"].clone()).collect::<Vec<_>>();
    assert_eq!(connections, [json!(1), json!(1), json!(2)]);
}

#[tokio::test]
async fn the_clock_can_be_wrong() {
    let vendor = Vendor::new();
    let clock = vendor.control("PUT", "/clock", Some(json!({ "offset_milliseconds": -3_600_000 }))).await;
    assert_eq!(clock, json!({ "now": "2025-09-18T08:38:36.087Z", "offset_milliseconds": -3_600_000 }));
    let created = vendor.has(tls("abc")).await;
    assert_eq!(created["meta"]["key"]["last_updated_at"], "2025-09-18T08:38:36.087Z");
}

#[tokio::test]
async fn the_controls_list_themselves() {
    let vendor = Vendor::new();
    for path in ["/_emulator", "/_emulator/"] {
        let answer = vendor.get(path).await;
        assert_eq!(answer.status, 200);
        assert!(answer.text.contains("PUT    /_emulator/switches"), "{}", answer.text);
    }
    assert_eq!(vendor.get("/_emulator/nonsense").await.status, 404);
    assert_eq!(vendor.get("/_emulators").await.error(), "no emulated vendor has this path; see /_emulator");
}
