//! Every switch of this vendor, seen under each of its answers.

use std::time::Duration;

use http::Request;
use serde_json::{Value, json};
use tokio::time::advance;

use super::support::{FORM, Hub, connection};
use crate::both_ways::stories;
use crate::support::{Answer, Vendor};

/// What the list says after so many milliseconds each.
async fn over_time(hub: &Hub, steps: &[u64]) -> Vec<Vec<String>> {
    let mut seen = Vec::new();
    for milliseconds in steps {
        advance(Duration::from_millis(*milliseconds)).await;
        seen.push(hub.states().await);
    }
    seen
}

/// A hub with one connection that is being deleted, and its id.
async fn deleting(vendor: &Vendor) -> (Hub, String) {
    let hub = Hub::of(vendor);
    let id = hub.has_active("x", &["a"]).await;
    hub.remove(&id).await;
    (hub, id)
}

/// The one connection that reads back from this body.
async fn read_back(vendor: &Vendor, body: Value) -> Value {
    let hub = Hub::of(vendor);
    hub.control("POST", "/omf/connections", Some(json!([body]))).await;
    hub.listed().await[0].clone()
}

/// How many of so many connections at a time are served, and the status of the next.
async fn open(hub: &Hub, count: usize) -> (usize, Value) {
    let mut held = Vec::new();
    for served in 0..count {
        let connection = hub.emulator.connect();
        let request = Request::get(&hub.base).header("Authorization", &hub.authorization);
        let request = request.body(axum::body::Body::empty()).unwrap();
        let answer = tower::ServiceExt::oneshot(connection.clone(), request).await.unwrap();
        if answer.status() != 200 {
            return (served, json!(answer.status().as_u16()));
        }
        held.push(connection);
    }
    (count, Value::Null)
}

fn told(answer: &Answer) -> Value {
    json!([answer.status, answer.body["State"]])
}

stories! {
    "omf";
    token_seconds: "omf.token-seconds", async |vendor: Vendor| {
        let hub = Hub::of(&vendor);
        let issued = hub.token(FORM).await.body;
        let by_token = hub.with_token(issued["access_token"].as_str().unwrap());
        let mut statuses = Vec::new();
        for seconds in [0, 59, 3540] {
            advance(Duration::from_secs(seconds)).await;
            statuses.push(by_token.get(&hub.base).await.status);
        }
        advance(Duration::from_secs(1)).await;
        json!([issued["expires_in"], statuses, by_token.get(&hub.base).await.status])
    }, {
        "3600" => [3600, [200, 200, 200], 401],
        "60" => [60, [200, 200, 401], 401],
        "0" => [0, [401, 401, 401], 401],
    }

    creating_milliseconds: "omf.creating-milliseconds", async |vendor: Vendor| {
        let hub = Hub::of(&vendor);
        hub.has("x", &["a"]).await;
        json!(over_time(&hub, &[0, 999, 1, 4000]).await)
    }, {
        "1000" => [["x Creating"], ["x Creating"], ["x Active"], ["x Active"]],
        "5000" => [["x Creating"], ["x Creating"], ["x Creating"], ["x Active"]],
        "0" => [["x Active"], ["x Active"], ["x Active"], ["x Active"]],
    }

    deleting_milliseconds: "omf.deleting-milliseconds", async |vendor: Vendor| {
        let (hub, _) = deleting(&vendor).await;
        json!(over_time(&hub, &[0, 1000, 4000]).await)
    }, {
        "1000" => [["x Deleting"], ["x Deleted"], []],
        "5000" => [["x Deleting"], ["x Deleting"], ["x Deleted"]],
        "0" => [["x Deleted"], [], []],
    }

    deleted_milliseconds: "omf.deleted-milliseconds", async |vendor: Vendor| {
        let (hub, _) = deleting(&vendor).await;
        json!(over_time(&hub, &[1000, 1000, 4000]).await)
    }, {
        "1000" => [["x Deleted"], [], []],
        "5000" => [["x Deleted"], ["x Deleted"], []],
        "0" => [[], [], []],
    }

    concurrent_connections: "omf.concurrent-connections", async |vendor: Vendor| {
        json!(open(&Hub::of(&vendor), 30).await)
    }, {
        "24" => [24, 503],
        "2" => [2, 503],
        "0" => [30, null],
    }

    creation: "omf.creation", async |vendor: Vendor| {
        let hub = Hub::of(&vendor);
        hub.has("x", &["a"]).await;
        json!(over_time(&hub, &[86_400_000]).await)
    }, {
        "completes" => [["x Active"]],
        "stays" => [["x Creating"]],
    }

    deletion: "omf.deletion", async |vendor: Vendor| {
        let (hub, _) = deleting(&vendor).await;
        json!(over_time(&hub, &[86_400_000]).await)
    }, {
        "completes" => [[]],
        "stays" => [["x Deleting"]],
    }

    deleted_row: "omf.deleted-row", async |vendor: Vendor| {
        let (hub, _) = deleting(&vendor).await;
        json!(over_time(&hub, &[999, 1, 86_400_000]).await)
    }, {
        "passes" => [["x Deleting"], ["x Deleted"], []],
        "vanishes" => [["x Deleting"], [], []],
        "stays" => [["x Deleting"], ["x Deleted"], ["x Deleted"]],
    }

    deleted_get: "omf.deleted-get", async |vendor: Vendor| {
        let (hub, id) = deleting(&vendor).await;
        let before = told(&hub.read(&id).await);
        advance(Duration::from_secs(1)).await;
        json!([before, told(&hub.read(&id).await), hub.states().await])
    }, {
        "shown" => [[200, "Deleting"], [200, "Deleted"], ["x Deleted"]],
        "404" => [[200, "Deleting"], [404, null], ["x Deleted"]],
    }

    create_reply: "omf.create-reply", async |vendor: Vendor| {
        let hub = Hub::of(&vendor);
        json!([told(&hub.post(connection("x", &["a"])).await), hub.states().await])
    }, {
        "creating" => [[202, "Creating"], ["x Creating"]],
        "active" => [[202, "Active"], ["x Creating"]],
    }

    delete_reply: "omf.delete-reply", async |vendor: Vendor| {
        let hub = Hub::of(&vendor);
        let id = hub.has_active("x", &["a"]).await;
        let answer = hub.remove(&id).await;
        json!([answer.status, answer.body["State"], answer.text.is_empty()])
    }, {
        "connection" => [202, "Deleting", false],
        "empty" => [202, null, true],
    }

    list_shape: "omf.list-shape", async |vendor: Vendor| {
        let hub = Hub::of(&vendor);
        let empty = hub.get(&hub.base).await.body;
        hub.has("x", &["a"]).await;
        let body = hub.get(&hub.base).await.body;
        json!([empty, body["Results"][0]["Name"], body[0]["Name"]])
    }, {
        "results" => [{ "Results": [] }, "x", null],
        "bare-array" => [[], null, "x"],
    }

    empty_list: "omf.empty-list", async |vendor: Vendor| {
        let hub = Hub::of(&vendor);
        let empty = hub.get(&hub.base).await.body;
        hub.has("x", &["a"]).await;
        json!([empty, hub.listed().await.len()])
    }, {
        "empty" => [{ "Results": [] }, 1],
        "null" => [{ "Results": null }, 1],
    }

    valueless: "omf.valueless", async |vendor: Vendor| {
        let body = json!({ "Id": "i", "State": null, "CreatedDate": null, "ClientIds": ["a"] });
        read_back(&vendor, body).await
    }, {
        "null" => { "Id": "i", "Name": null, "State": null, "Description": null, "CreatedDate": null, "ClientIds": ["a"] },
        "absent" => { "Id": "i", "ClientIds": ["a"] },
    }

    no_client_ids: "omf.no-client-ids", async |vendor: Vendor| {
        let hub = Hub::of(&vendor);
        let id = hub.has_active("x", &["a"]).await;
        let put = hub.put(&id, connection("x", &[])).await;
        json!([hub.post(connection("y", &[])).await.status, put.status, put.body["ClientIds"]])
    }, {
        "accepted" => [202, 200, []],
        "refused" => [400, 400, null],
    }

    empty_client_ids: "omf.empty-client-ids", async |vendor: Vendor| {
        let row = read_back(&vendor, json!({ "Name": "x" })).await;
        json!([row.get("ClientIds").is_some(), row["ClientIds"]])
    }, {
        "empty" => [true, []],
        "null" => [true, null],
        "absent" => [false, null],
    }

    client_id_case: "omf.client-id-case", async |vendor: Vendor| {
        read_back(&vendor, json!({ "ClientIds": ["aB", "C"] })).await["ClientIds"].clone()
    }, {
        "kept" => ["aB", "C"],
        "lower" => ["ab", "c"],
        "upper" => ["AB", "C"],
    }

    client_id_order: "omf.client-id-order", async |vendor: Vendor| {
        read_back(&vendor, json!({ "ClientIds": ["c", "a", "b"] })).await["ClientIds"].clone()
    }, {
        "kept" => ["c", "a", "b"],
        "sorted" => ["a", "b", "c"],
    }

    repeated_client_id: "omf.repeated-client-id", async |vendor: Vendor| {
        let hub = Hub::of(&vendor);
        let answer = hub.post(connection("x", &["a", "b", "A"])).await;
        json!([answer.status, answer.body["ClientIds"]])
    }, {
        "dropped" => [202, ["a", "b"]],
        "kept" => [202, ["a", "b", "A"]],
        "refused" => [400, null],
    }

    client_id_taken: "omf.client-id-taken", async |vendor: Vendor| {
        let hub = Hub::of(&vendor);
        hub.has("x", &["a"]).await;
        let answer = hub.post(connection("y", &["A"])).await;
        json!([answer.status, answer.body["Parameters"]["ClientId"]])
    }, {
        "400" => [400, "A"],
        "409" => [409, "A"],
    }

    client_ids_freed: "omf.client-ids-freed", async |vendor: Vendor| {
        let (hub, _) = deleting(&vendor).await;
        let mut statuses = Vec::new();
        for _ in 0..3 {
            let answer = hub.post(connection("y", &["a"])).await;
            if let Some(id) = answer.body["Id"].as_str() {
                hub.control("DELETE", &format!("/omf/connections/{id}"), None).await;
            }
            statuses.push(answer.status);
            advance(Duration::from_secs(1)).await;
        }
        json!(statuses)
    }, {
        "when-deleted" => [400, 202, 202],
        "at-once" => [202, 202, 202],
        "when-gone" => [400, 400, 202],
    }

    put_under_way: "omf.put-under-way", async |vendor: Vendor| {
        let (hub, leaving) = deleting(&vendor).await;
        let coming = hub.has("y", &["b"]).await;
        let put = async |id: &str, client_id: &str| hub.put(id, connection("z", &[client_id])).await.status;
        let under_way = [put(&coming, "b").await, put(&leaving, "a").await];
        advance(Duration::from_secs(1)).await;
        json!([under_way, put(&leaving, "a").await, put(&coming, "b").await])
    }, {
        "400" => [[400, 400], 400, 200],
        "409" => [[409, 409], 409, 200],
        "accepted" => [[200, 200], 200, 200],
    }

    delete_while_creating: "omf.delete-while-creating", async |vendor: Vendor| {
        let hub = Hub::of(&vendor);
        let id = hub.has("x", &["a"]).await;
        json!([hub.remove(&id).await.status, hub.states().await])
    }, {
        "accepted" => [202, ["x Deleting"]],
        "400" => [400, ["x Creating"]],
        "409" => [409, ["x Creating"]],
    }

    delete_again: "omf.delete-again", async |vendor: Vendor| {
        let (hub, id) = deleting(&vendor).await;
        let deleting = hub.remove(&id).await.status;
        advance(Duration::from_secs(1)).await;
        json!([deleting, hub.remove(&id).await.status, hub.states().await])
    }, {
        "accepted" => [202, 202, ["x Deleted"]],
        "400" => [400, 400, ["x Deleted"]],
        "404" => [404, 404, ["x Deleted"]],
    }

    list_order: "omf.list-order", async |vendor: Vendor| {
        let hub = Hub::of(&vendor);
        for name in ["c", "a", "d", "b"] {
            hub.has(name, &[name]).await;
        }
        let names = async || hub.listed().await.iter().map(|row| row["Name"].clone()).collect::<Vec<_>>();
        let first = names().await;
        let mut shuffled = false;
        for _ in 0..10 {
            shuffled |= names().await != first;
        }
        json!([shuffled, if shuffled { Vec::new() } else { first }])
    }, {
        "created" => [false, ["c", "a", "d", "b"]],
        "name" => [false, ["a", "b", "c", "d"]],
        "shuffled" => [true, []],
    }

    invalid_client: "omf.invalid-client", async |vendor: Vendor| {
        let answer = Hub::of(&vendor).token(&FORM.replace("emulator-secret", "wrong")).await;
        json!([answer.status, answer.body])
    }, {
        "400" => [400, { "error": "invalid_client" }],
        "401" => [401, { "error": "invalid_client" }],
    }

    foreign_tenant: "omf.foreign-tenant", async |vendor: Vendor| {
        let hub = Hub::of(&vendor);
        let namespaces = json!([{ "tenant": "theirs", "namespace": "plant" }]);
        hub.control("PUT", "/omf/namespaces", Some(namespaces)).await;
        let answer = hub.get(&hub.in_scope("theirs/plant").base).await;
        json!([answer.status, answer.body["Parameters"]])
    }, {
        "403" => [403, {}],
        "404" => [404, { "TenantId": "theirs" }],
    }

    too_many_connections: "omf.too-many-connections", async |vendor: Vendor| {
        json!(open(&Hub::of(&vendor), 30).await)
    }, {
        "503" => [24, 503],
        "429" => [24, 429],
    }

    error_body: "omf.error-body", async |vendor: Vendor| {
        let hub = Hub::of(&vendor);
        let answer = hub.read("nowhere").await;
        json!([
            answer.status,
            answer.body.get("Parameters"),
            answer.body.get("DynamicProperties"),
            answer.body["Error"],
            if answer.body.is_null() { answer.text.as_str() } else { "json" },
        ])
    }, {
        "parameters" => [404, { "OmfConnectionId": "nowhere" }, null, "The resource was not found.", "json"],
        "dynamic-properties" => [404, null, { "OmfConnectionId": "nowhere" }, "The resource was not found.", "json"],
        "nulls" => [404, null, null, null, "json"],
        "text" => [404, null, null, null, "The resource was not found. There is no OMF connection \"nowhere\"."],
        "empty" => [404, null, null, null, ""],
    }
}
