//! Every switch of Onomondo, and how switches are set.

use serde_json::{Value, json};

use crate::both_ways::stories;
use crate::support::{Answer, SUPPLIER, Vendor, https, tls};

fn refusal(answer: &Answer) -> Value {
    json!([answer.status, answer.error()])
}

const LATER: &str = "2025-09-18T10:00:00.000Z";
const WITH_TAG: &str = "11111111-1111-4111-8111-111111111111";

/// Which secrets of `abc` are set, and which were updated later than its creation.
async fn secrets(vendor: &Vendor) -> Value {
    let meta = vendor.listed("abc").await["meta"].clone();
    let told = meta.as_object().unwrap().iter().map(|(name, secret)| {
        let set = if secret["is_set"] == true { "set" } else { "unset" };
        let moved = if secret["last_updated_at"] == LATER { ", moved" } else { "" };
        (name.clone(), Value::from(format!("{set}{moved}")))
    });
    Value::Object(told.collect())
}

/// A vendor with a key `narrow` that reaches only what has a tag, and two connectors of which one has it.
async fn narrowed(vendor: &Vendor) -> Vendor {
    vendor.control("PUT", &format!("/onomondo/tags/{WITH_TAG}"), Some(json!({ "name": "Team A" }))).await;
    let mut keys = vendor.control("GET", "/onomondo/keys", None).await;
    let narrow = json!({ "key": "narrow", "organisation": "default", "tags": [WITH_TAG] });
    keys.as_array_mut().unwrap().push(narrow);
    vendor.control("PUT", "/onomondo/keys", Some(keys)).await;
    let mut tagged = https("tagged");
    tagged["tags"] = json!([WITH_TAG]);
    vendor.has(tagged).await;
    vendor.has(https("untagged")).await;
    vendor.with_authorization("narrow")
}

async fn spent(vendor: &Vendor) -> Answer {
    vendor.control("PUT", "/switches", Some(json!({ "onomondo.requests-per-minute": 1 }))).await;
    vendor.get("/connectors").await;
    vendor.get("/connectors").await
}

async fn passthrough_of(vendor: &Vendor, rules: Value) -> Value {
    let mut body = https("abc");
    body["passthrough"] = rules;
    vendor.has(body).await;
    vendor.listed("abc").await["passthrough"].clone()
}

stories! {
    "onomondo";

    the_rate_limit: "onomondo.requests-per-minute", async |vendor: Vendor| {
        let mut statuses = Vec::new();
        for _ in 0..3 {
            statuses.push(vendor.get("/connectors").await.status);
        }
        tokio::time::advance(std::time::Duration::from_mins(1)).await;
        let next = vendor.get("/connectors").await;
        json!([statuses, next.status, next.header("x-ratelimit-limit"), next.header("x-ratelimit-remaining")])
    }, {
        "600" => [[200, 200, 200], 200, "600", "599"],
        "2" => [[200, 200, 429], 200, "2", "1"],
        "0" => [[200, 200, 200], 200, null, null],
    }

    the_scheme: "onomondo.authorization-scheme", async |vendor: Vendor| {
        let bare = vendor.get("/connectors").await;
        let bearer = vendor.with_authorization("Bearer emulator-key").get("/connectors").await;
        json!([bare.status, bearer.status])
    }, {
        "bare" => [200, 401],
        "bearer" => [401, 200],
        "both" => [200, 200],
    }

    retry_after: "onomondo.retry-after", async |vendor: Vendor| {
        let answer = spent(&vendor).await;
        json!([answer.status, answer.header("retry-after"), answer.header("x-ratelimit-reset")])
    }, {
        "absent" => [429, null, "1758188377"],
        "seconds" => [429, "60", "1758188377"],
        "date" => [429, "Thu, 18 Sep 2025 09:39:36 GMT", "1758188377"],
    }

    rate_limit_headers: "onomondo.rate-limit-headers", async |vendor: Vendor| {
        let before = vendor.get("/connectors").await;
        let after = spent(&vendor).await;
        json!([before.header("x-ratelimit-remaining"), after.header("x-ratelimit-remaining")])
    }, {
        "present" => ["599", "0"],
        "when-spent" => [null, "0"],
        "absent" => [null, null],
    }

    invalid_status: "onomondo.invalid-status", async |vendor: Vendor| {
        refusal(&vendor.post(json!({ "name": "abc", "type": "tls", "options": {} })).await)
    }, {
        "400" => [400, "missing_option_host"],
        "422" => [422, "missing_option_host"],
    }

    error_body: "onomondo.error-body", async |vendor: Vendor| {
        json!(vendor.post(json!({ "name": "ab" })).await.text)
    }, {
        "code" => "{\"error\":\"invalid_name\"}",
        "generic" => "{\"error\":\"bad_request\"}",
        "with-message" => "{\"error\":\"invalid_name\",\"message\":\"name has to match ^[-_a-zA-Z0-9]{3,255}$\"}",
        "text" => "name has to match ^[-_a-zA-Z0-9]{3,255}$",
        "empty" => "",
    }

    delete_blocked: "onomondo.delete-blocked-body", async |vendor: Vendor| {
        vendor.has(https("abc")).await;
        vendor.sim("1", "abc").await;
        let answer = vendor.delete("/connectors/abc").await;
        json!([answer.status, answer.body])
    }, {
        "code" => [403, { "error": "connector_in_use" }],
        "forbidden" => [403, { "error": "forbidden" }],
        "message" => [403, { "message": "Connector still mapped to some SIMs" }],
    }

    duplicate_name: "onomondo.duplicate-name", async |vendor: Vendor| {
        vendor.has(https("abc")).await;
        vendor.has(https("abd")).await;
        let (second, renamed) = (vendor.post(https("abc")).await, vendor.patch("abd", json!({ "name": "abc" })).await);
        json!([second.status, renamed.status, vendor.names().await])
    }, {
        "409" => [409, 409, ["abc", "abd"]],
        "400" => [400, 400, ["abc", "abd"]],
        "422" => [422, 422, ["abc", "abd"]],
        "allowed" => [200, 200, ["abc", "abc", "abc"]],
    }

    options_patch: "onomondo.options-patch", async |vendor: Vendor| {
        vendor.has(tls("abc")).await;
        vendor.at(LATER);
        let part = vendor.patch("abc", json!({ "options": { "port": 8883 } })).await;
        let options = json!({ "host": "other.example.com", "port": 1, "server_name": "b", "key": "another key" });
        let whole = vendor.patch("abc", json!({ "options": options })).await;
        json!([refusal(&part), whole.body["options"]["port"], secrets(&vendor).await])
    }, {
        "merge" => [[200, ""], 1, { "ca": "unset", "cert": "set", "key": "set, moved" }],
        "replace" => [[400, "missing_option_host"], 1, { "ca": "unset", "cert": "unset, moved", "key": "set, moved" }],
    }

    clear_secret: "onomondo.clear-secret", async |vendor: Vendor| {
        vendor.has(tls("abc")).await;
        let by_null = vendor.patch("abc", json!({ "options": { "key": null } })).await;
        let by_empty = vendor.patch("abc", json!({ "options": { "cert": "" } })).await;
        json!([by_null.status, by_empty.status, secrets(&vendor).await])
    }, {
        "either" => [200, 200, { "ca": "unset", "cert": "unset", "key": "unset" }],
        "null" => [200, 400, { "ca": "unset", "cert": "set", "key": "unset" }],
        "empty" => [400, 200, { "ca": "unset", "cert": "unset", "key": "set" }],
        "refused" => [400, 400, { "ca": "unset", "cert": "set", "key": "set" }],
        "ignored" => [200, 200, { "ca": "unset", "cert": "set", "key": "set" }],
    }

    secret_timestamps: "onomondo.secret-timestamps", async |vendor: Vendor| {
        vendor.has(tls("abc")).await;
        vendor.at(LATER);
        vendor.patch("abc", json!({ "passthrough": [] })).await;
        secrets(&vendor).await
    }, {
        "written" => { "ca": "unset", "cert": "set", "key": "set" },
        "all" => { "ca": "unset, moved", "cert": "set, moved", "key": "set, moved" },
    }

    same_secret: "onomondo.same-secret", async |vendor: Vendor| {
        vendor.has(tls("abc")).await;
        vendor.at(LATER);
        vendor.patch("abc", json!({ "options": { "key": "the key", "cert": "another certificate" } })).await;
        secrets(&vendor).await
    }, {
        "moves" => { "ca": "unset", "cert": "set, moved", "key": "set, moved" },
        "keeps" => { "ca": "unset", "cert": "set, moved", "key": "set" },
    }

    tls_secrets: "onomondo.tls-secrets", async |vendor: Vendor| {
        refusal(&vendor.post(tls("abc")).await)
    }, {
        "optional" => [200, ""],
        "required" => [400, "missing_option_ca"],
    }

    passthrough_order: "onomondo.passthrough-order", async |vendor: Vendor| {
        passthrough_of(&vendor, json!([{ "protocol": "udp" }, { "protocol": "icmp" }])).await
    }, {
        "kept" => [{ "protocol": "udp" }, { "protocol": "icmp" }],
        "sorted" => [{ "protocol": "icmp" }, { "protocol": "udp" }],
    }

    passthrough_member: "onomondo.passthrough-member", async |vendor: Vendor| {
        passthrough_of(&vendor, json!([{ "protocol": "udp", "ip": null }, { "protocol": "icmp" }])).await
    }, {
        "absent" => [{ "protocol": "udp" }, { "protocol": "icmp" }],
        "null" => [{ "protocol": "udp", "ip": null, "port": null }, { "protocol": "icmp", "ip": null }],
        "as-written" => [{ "protocol": "udp", "ip": null }, { "protocol": "icmp" }],
    }

    empty_passthrough: "onomondo.empty-passthrough", async |vendor: Vendor| {
        vendor.has(https("abc")).await;
        json!(vendor.listed("abc").await.get("passthrough").map(Value::to_string))
    }, {
        "empty" => "[]",
        "null" => "null",
        "absent" => null,
    }

    empty_tags: "onomondo.empty-tags", async |vendor: Vendor| {
        vendor.has(https("abc")).await;
        json!(vendor.listed("abc").await.get("tags").map(Value::to_string))
    }, {
        "empty" => "[]",
        "null" => "null",
        "absent" => null,
    }

    write_reply_tags: "onomondo.write-reply-tags", async |vendor: Vendor| {
        let mut body = https("abc");
        body["tags"] = json!([SUPPLIER]);
        let created = vendor.has(body).await;
        let updated = vendor.patch("abc", json!({})).await.body;
        json!([created["tags"][0].is_object(), updated["tags"], vendor.listed("abc").await["tags"][0]["id"]])
    }, {
        "objects" => [
            true,
            [{ "name": "Supplier", "id": SUPPLIER, "can_write": false, "color": "#5ba571" }],
            SUPPLIER,
        ],
        "uuids" => [false, [SUPPLIER], SUPPLIER],
    }

    unknown_tag: "onomondo.unknown-tag", async |vendor: Vendor| {
        let mut body = https("abc");
        body["tags"] = json!([WITH_TAG, SUPPLIER]);
        let answer = vendor.post(body).await;
        let names = answer.body["tags"].as_array().into_iter().flatten().map(|tag| tag["name"].clone());
        json!([refusal(&answer), names.collect::<Vec<_>>()])
    }, {
        "refused" => [[400, "unknown_tag"], []],
        "dropped" => [[200, ""], ["Supplier"]],
        "accepted" => [[200, ""], [WITH_TAG, "Supplier"]],
    }

    unknown_option: "onomondo.unknown-option", async |vendor: Vendor| {
        let mut body = https("abc");
        body["options"]["futureOption"] = json!(7);
        let answer = vendor.post(body).await;
        json!([refusal(&answer), answer.body["options"].get("futureOption")])
    }, {
        "kept" => [[200, ""], 7],
        "ignored" => [[200, ""], null],
        "refused" => [[400, "unknown_option"], null],
    }

    host_normalisation: "onomondo.host-normalisation", async |vendor: Vendor| {
        let with_path = json!({ "name": "with-path", "type": "https", "options": { "host": "https://A.example/V1" } });
        let hosts = [vendor.has(tls("abc")).await, vendor.has(https("abd")).await, vendor.has(with_path).await];
        json!(hosts.map(|connector| connector["options"]["host"].clone()))
    }, {
        "none" => ["Broker.example.com", "https://Ingest.example.com", "https://A.example/V1"],
        "lower-case" => ["broker.example.com", "https://ingest.example.com", "https://a.example/V1"],
        "trailing-slash" => ["Broker.example.com", "https://Ingest.example.com/", "https://A.example/V1"],
    }

    return_body_default: "onomondo.return-body-default", async |vendor: Vendor| {
        json!(vendor.has(https("abc")).await["options"].get("shouldReturnBody"))
    }, {
        "shown" => false,
        "absent" => null,
    }

    identifiers: "onomondo.identifiers", async |vendor: Vendor| {
        let identified = |connector: &Value| {
            let shown = ["id", "uuid", "organization_id"].iter().filter(|name| connector.get(**name).is_some());
            shown.count()
        };
        let created = vendor.has(https("abc")).await;
        let updated = vendor.patch("abc", json!({})).await.body;
        json!([identified(&created), identified(&updated), identified(&vendor.listed("abc").await)])
    }, {
        "patch-reply" => [0, 3, 0],
        "everywhere" => [3, 3, 3],
        "nowhere" => [0, 0, 0],
    }

    empty_meta: "onomondo.empty-meta", async |vendor: Vendor| {
        json!(vendor.has(https("abc")).await.get("meta"))
    }, {
        "absent" => null,
        "empty" => {},
    }

    list_order: "onomondo.list-order", async |vendor: Vendor| {
        let names = ["hhh", "aaa", "ggg", "bbb", "fff", "ccc", "eee", "ddd"];
        for name in names {
            vendor.has(https(name)).await;
        }
        let (first, second) = (vendor.names().await, vendor.names().await);
        json!({ "as created": first == names, "sorted": first.is_sorted(), "the same again": first == second })
    }, {
        "created" => { "as created": true, "sorted": false, "the same again": true },
        "name" => { "as created": false, "sorted": true, "the same again": true },
        "shuffled" => { "as created": false, "sorted": false, "the same again": false },
    }

    narrowed_key_read: "onomondo.narrowed-key-read", async |vendor: Vendor| {
        json!(narrowed(&vendor).await.names().await)
    }, {
        "hidden" => ["tagged"],
        "shown" => ["tagged", "untagged"],
    }

    narrowed_key_write: "onomondo.narrowed-key-write", async |vendor: Vendor| {
        let narrow = narrowed(&vendor).await;
        let patched = narrow.patch("untagged", json!({})).await;
        let deleted = narrow.delete("/connectors/untagged").await;
        json!([refusal(&patched), refusal(&deleted), narrow.patch("tagged", json!({})).await.status])
    }, {
        "404" => [[404, "not_found"], [404, "not_found"], 200],
        "403" => [[403, "forbidden"], [403, "forbidden"], 200],
    }

    narrowed_key_create: "onomondo.narrowed-key-create", async |vendor: Vendor| {
        let narrow = narrowed(&vendor).await;
        let answer = narrow.post(https("abc")).await;
        json!([answer.status, narrow.names().await, vendor.names().await.len()])
    }, {
        "allowed" => [200, ["tagged"], 3],
        "refused" => [403, ["tagged"], 2],
        "tagged" => [200, ["tagged", "abc"], 3],
    }

    rename_with_sims: "onomondo.rename-with-sims", async |vendor: Vendor| {
        vendor.has(https("abc")).await;
        vendor.sim("1", "abc").await;
        let renamed = vendor.patch("abc", json!({ "name": "abd" })).await;
        let sims = vendor.get("/sims").await.body;
        json!([renamed.status, sims["sims"][0]["connector"], vendor.delete("/connectors/abd").await.status])
    }, {
        "follow" => [200, "abd", 403],
        "stay" => [200, "abc", 200],
        "refused" => [403, "abc", 404],
    }
}

#[tokio::test]
async fn switches_are_set_while_it_runs_all_of_them_or_none() {
    let vendor = Vendor::new();
    let both = json!({ "onomondo.duplicate-name": "422", "onomondo.requests-per-minute": 7 });
    let states = vendor.control("PUT", "/switches", Some(both)).await;
    assert_eq!(states["onomondo.duplicate-name"]["value"], "422");
    assert_eq!(states["onomondo.requests-per-minute"]["value"], "7");

    for (wrong, reason) in [
        (json!({ "onomondo.identifiers": "nowhere", "onomondo.nonsense": "x" }), "there is no switch"),
        (
            json!({ "onomondo.identifiers": "nowhere", "onomondo.duplicate-name": "200" }),
            "409, 400, 422, allowed",
        ),
        (json!({ "onomondo.requests-per-minute": -1 }), "a whole number from 0 to 1000000"),
    ] {
        let answer = vendor.send("PUT", "/_emulator/switches", wrong).await;
        assert_eq!(answer.status, 400);
        assert!(answer.error().contains(reason), "{answer:?} names what there is");
    }
    let states = vendor.control("GET", "/switches", None).await;
    assert_eq!(states["onomondo.identifiers"]["value"], "patch-reply", "none of a wrong set was set");

    vendor.control("PUT", "/switches", Some(states)).await;
    vendor.control("DELETE", "/switches", None).await;
    let states = vendor.control("GET", "/switches", None).await;
    for (name, state) in states.as_object().unwrap() {
        assert_eq!(state["value"], state["default"], "{name}");
        assert!(state["question"].as_str().unwrap().ends_with('.'), "{name} says what it asks");
    }
}
