//! Every switch of Apono.

use std::time::Duration;

use serde_json::{Value, json};

use super::support::{Apono, CONNECTORS};
use crate::both_ways::stories;
use crate::support::{Answer, Vendor};

const LATER: &str = "2025-09-18T10:00:00.000Z";

async fn spent(apono: &Apono) -> Answer {
    apono.vendor.control("PUT", "/switches", Some(json!({ "apono.requests-per-minute": 1 }))).await;
    apono.get(CONNECTORS).await;
    apono.get(CONNECTORS).await
}

/// The statuses of a list and a read in version 3, of a list in version 2, and of a PUT.
async fn reached(vendor: &Vendor) -> Value {
    let apono = Apono::of(vendor);
    apono.agent("abc", "prod").await;
    json!([
        apono.get(CONNECTORS).await.status,
        apono.read("abc").await.status,
        apono.get("/api/v2/connectors").await.status,
        apono.rename("abc", "other").await.status,
    ])
}

/// The statuses and names after each of these PUTs of a name.
async fn named(apono: &Apono, names: &[&str]) -> Value {
    let mut told = Vec::new();
    for name in names {
        told.push(json!([apono.rename("abc", name).await.status, apono.read("abc").await.body["name"]]));
    }
    json!(told)
}

async fn page(apono: &Apono, query: &str) -> Value {
    let answer = apono.get(&format!("{CONNECTORS}?{query}")).await;
    json!([answer.status, answer.body["items"].as_array().map(Vec::len)])
}

stories! {
    "apono";

    the_rate_limit: "apono.requests-per-minute", async |vendor: Vendor| {
        let apono = Apono::of(&vendor);
        let mut statuses = Vec::new();
        for _ in 0..3 {
            statuses.push(apono.get(CONNECTORS).await.status);
        }
        tokio::time::advance(Duration::from_mins(1)).await;
        json!([statuses, apono.get(CONNECTORS).await.status])
    }, {
        "0" => [[200, 200, 200], 200],
        "2" => [[200, 200, 429], 200],
    }

    largest_page: "apono.largest-page", async |vendor: Vendor| {
        let connectors = (0..1001).map(|number| json!({ "id": format!("c{number}") })).collect::<Vec<_>>();
        let state = json!({ "apono": { "organisations": { "default": { "connectors": connectors } } } });
        vendor.control("PUT", "/state", Some(state)).await;
        json!(Apono::of(&vendor).items("?limit=5000").await.len())
    }, {
        "1000" => 1000,
        "7" => 7,
        "0" => 1001,
    }

    heartbeats: "apono.heartbeat-seconds", async |vendor: Vendor| {
        let apono = Apono::of(&vendor);
        apono.agent("abc", "prod").await;
        apono.agent("abd", "leaves").await;
        apono.tell("abd", "disconnect").await;
        tokio::time::advance(Duration::from_secs(95)).await;
        apono.vendor.at(LATER);
        let dates = apono.items("").await.iter().map(|item| item["last_connected"].clone()).collect::<Vec<_>>();
        apono.delete("abc").await;
        tokio::time::advance(Duration::from_secs(24)).await;
        let not_yet = apono.read("abc").await.status;
        tokio::time::advance(Duration::from_secs(2)).await;
        json!([dates, not_yet, apono.read("abc").await.status])
    }, {
        "0" => [["2025-09-18T09:38:36.087Z", "2025-09-18T09:38:36.087Z"], 404, 404],
        "30" => [["2025-09-18T09:59:55.000Z", "2025-09-18T09:38:36.087Z"], 404, 200],
    }

    version_three: "apono.v3", async |vendor: Vendor| reached(&vendor).await, {
        "served" => [200, 200, 200, 200],
        "404" => [404, 404, 200, 404],
        "403" => [403, 403, 200, 403],
    }

    version_two: "apono.v2", async |vendor: Vendor| reached(&vendor).await, {
        "served" => [200, 200, 200, 200],
        "404" => [200, 200, 404, 200],
    }

    sessions: "apono.sessions", async |vendor: Vendor| {
        let apono = Apono::of(&vendor).not_as_specified();
        apono.agent("abc", "prod").await;
        let (list, one, put) =
            (apono.items("").await[0].clone(), apono.read("abc").await.body, apono.rename("abc", "b").await.body);
        json!([list, one, put].map(|seen| seen.get("sessions").is_some()))
    }, {
        "present" => [true, true, true],
        "absent" => [false, false, false],
    }

    metadata_member: "apono.metadata-member", async |vendor: Vendor| {
        let apono = Apono::of(&vendor);
        apono.installed("abc", json!({ "metadata": { "region": "eu-west-1" } })).await;
        apono.installed("abd", json!({})).await;
        let known = apono.read("abc").await.body["sessions"][0]["metadata"]["cloud_provider_metadata"].clone();
        let none = apono.read("abd").await.body["sessions"][0]["metadata"].clone();
        json!([known["region"], known.get("zone").map(Value::to_string), known.as_object().unwrap().len(), none])
    }, {
        "absent" => ["eu-west-1", null, 1, { "connector_version": "1.0.0" }],
        "null" => ["eu-west-1", "null", 13, { "connector_version": "1.0.0", "cloud_provider_metadata": null }],
    }

    never_connected: "apono.never-connected", async |vendor: Vendor| {
        let apono = Apono::of(&vendor);
        apono.installed("abc", json!({ "connected": false })).await;
        let in_three = apono.read("abc").await.body;
        let in_two = apono.get("/api/v2/connectors").await.body[0].clone();
        json!([in_three, in_two].map(|seen| seen.get("last_connected").is_some()))
    }, {
        "null" => [true, true],
        "absent" => [false, false],
    }

    last_connected_form: "apono.v2-last-connected", async |vendor: Vendor| {
        let apono = Apono::of(&vendor).not_as_specified();
        apono.agent("abc", "prod").await;
        apono.get("/api/v2/connectors").await.body[0]["last_connected"].clone()
    }, {
        "number" => 1_758_188_316.087,
        "string" => "1758188316.087000000",
    }

    status_words: "apono.status-words", async |vendor: Vendor| {
        let apono = Apono::of(&vendor);
        apono.installed("abc", json!({ "connected": false })).await;
        let before = apono.read("abc").await.body["status"].clone();
        apono.tell("abc", "connect").await;
        let connected = apono.get("/api/v2/connectors").await.body[0]["status"].clone();
        apono.tell("abc", "disconnect").await;
        json!([before, connected, apono.read("abc").await.body["status"], apono.items("?status=DISCONNECTED").await.len()])
    }, {
        "upper" => ["DISCONNECTED", "CONNECTED", "DISCONNECTED", 1],
        "lower" => ["disconnected", "connected", "disconnected", 1],
        "further" => ["PENDING", "CONNECTED", "DISCONNECTED", 1],
    }

    name_characters: "apono.name-characters", async |vendor: Vendor| {
        let apono = Apono::of(&vendor);
        apono.agent("abc", "a").await;
        named(&apono, &["Prod1", "prod-eks_2", "Prod EKS (grün)"]).await
    }, {
        "any" => [[200, "Prod1"], [200, "prod-eks_2"], [200, "Prod EKS (grün)"]],
        "hyphens" => [[200, "Prod1"], [200, "prod-eks_2"], [400, "prod-eks_2"]],
        "alphanumeric" => [[200, "Prod1"], [400, "Prod1"], [400, "Prod1"]],
    }

    duplicate_name: "apono.duplicate-name", async |vendor: Vendor| {
        let apono = Apono::of(&vendor);
        apono.agent("abc", "a").await;
        apono.agent("abd", "taken").await;
        named(&apono, &["taken", "free"]).await
    }, {
        "409" => [[409, "a"], [200, "free"]],
        "400" => [[400, "a"], [200, "free"]],
        "422" => [[422, "a"], [200, "free"]],
        "allowed" => [[200, "taken"], [200, "free"]],
    }

    unknown_put: "apono.unknown-put", async |vendor: Vendor| {
        let apono = Apono::of(&vendor);
        let put = apono.rename("abc", "prod").await;
        json!([put.status, put.body["status"], apono.read("abc").await.status])
    }, {
        "404" => [404, null, 404],
        "creates" => [200, "DISCONNECTED", 200],
    }

    delete_used: "apono.delete-used", async |vendor: Vendor| {
        let apono = Apono::of(&vendor);
        apono.agent("abc", "prod").await;
        apono.vendor.control("PUT", "/apono/integrations/one", Some(json!({ "connector_id": "abc" }))).await;
        let used = apono.delete("abc").await.status;
        apono.vendor.control("DELETE", "/apono/integrations/one", None).await;
        json!([used, apono.delete("abc").await.status])
    }, {
        "deletes" => [204, 404],
        "409" => [409, 204],
        "400" => [400, 204],
    }

    invalid_status: "apono.invalid-status", async |vendor: Vendor| {
        let apono = Apono::of(&vendor);
        json!([apono.rename("abc", "").await.status, apono.get(&format!("{CONNECTORS}?limit=x")).await.status])
    }, {
        "400" => [400, 400],
        "422" => [422, 422],
    }

    error_body: "apono.error-body", async |vendor: Vendor| {
        let apono = Apono::of(&vendor);
        json!([apono.rename("abc", "").await.text, apono.read("abc").await.text, apono.with_token("x").read("abc").await.status])
    }, {
        "code" => ["{\"status\":\"400\",\"code\":\"BadRequest\"}", "", 401],
        "with-message" => [
            "{\"status\":\"400\",\"code\":\"BadRequest\",\"message\":\"name has characters that it may not have, or none\"}",
            "",
            401,
        ],
        "text" => ["name has characters that it may not have, or none", "", 401],
        "empty" => ["", "", 401],
    }

    not_found_body: "apono.not-found-body", async |vendor: Vendor| {
        let answer = Apono::of(&vendor).read("abc").await;
        json!([answer.status, answer.text])
    }, {
        "empty" => [404, ""],
        "code" => [404, "{\"status\":\"404\",\"code\":\"NotFound\"}"],
    }

    unknown_method: "apono.unknown-method", async |vendor: Vendor| {
        json!(Apono::of(&vendor).ask("POST", CONNECTORS, Some(json!({ "name": "abc" }))).await.status)
    }, {
        "405" => 405,
        "404" => 404,
    }

    large_limit: "apono.large-limit", async |vendor: Vendor| {
        let apono = Apono::of(&vendor);
        json!([page(&apono, "limit=1000").await, page(&apono, "limit=1001").await])
    }, {
        "clamped" => [[200, 0], [200, 0]],
        "refused" => [[200, 0], [400, null]],
    }

    last_page_token: "apono.last-page-token", async |vendor: Vendor| {
        let pagination = Apono::of(&vendor).get(CONNECTORS).await.body["pagination"].clone();
        json!(pagination.to_string())
    }, {
        "null" => "{\"next_page_token\":null}",
        "absent" => "{}",
        "empty" => "{\"next_page_token\":\"\"}",
    }

    page_token: "apono.page-token", async |vendor: Vendor| {
        let apono = Apono::of(&vendor);
        for id in ["a", "b", "c"] {
            apono.agent(id, id).await;
        }
        let first = apono.get(&format!("{CONNECTORS}?limit=1")).await.body;
        apono.delete("a").await;
        let token = first["pagination"]["next_page_token"].as_str().unwrap().to_owned();
        let token = url::form_urlencoded::byte_serialize(token.as_bytes()).collect::<String>();
        json!([first["items"][0]["id"], apono.ids(&format!("?page_token={token}")).await])
    }, {
        "after" => ["a", ["b", "c"]],
        "offset" => ["a", ["c"]],
    }

    list_order: "apono.list-order", async |vendor: Vendor| {
        let apono = Apono::of(&vendor);
        for (id, name) in [("c", "2"), ("b", "3"), ("d", "1"), ("a", "4")] {
            apono.agent(id, name).await;
        }
        let (first, second) = (apono.ids("").await.concat(), apono.ids("").await.concat());
        let two = apono.get("/api/v2/connectors").await.body;
        let two = super::support::texts(two.as_array().unwrap(), "connector_id").concat();
        if first == second && second == two { json!(first) } else { json!("it varies") }
    }, {
        "created" => "cbda",
        "id" => "abcd",
        "name" => "dcba",
        "shuffled" => "it varies",
    }

    rate_limit_headers: "apono.rate-limit-headers", async |vendor: Vendor| {
        let apono = Apono::of(&vendor);
        vendor.control("PUT", "/switches", Some(json!({ "apono.requests-per-minute": 5 }))).await;
        let before = apono.get(CONNECTORS).await;
        let after = spent(&apono).await;
        json!([before.header("x-ratelimit-remaining"), after.header("x-ratelimit-remaining")])
    }, {
        "absent" => [null, null],
        "present" => ["4", "0"],
        "when-spent" => [null, "0"],
    }

    retry_after: "apono.retry-after", async |vendor: Vendor| {
        let answer = spent(&Apono::of(&vendor)).await;
        json!([answer.status, answer.header("retry-after")])
    }, {
        "absent" => [429, null],
        "seconds" => [429, "60"],
        "date" => [429, "Thu, 18 Sep 2025 09:39:36 GMT"],
    }

    registers_again: "apono.registers-again", async |vendor: Vendor| {
        let apono = Apono::of(&vendor);
        apono.agent("abc", "prod").await;
        apono.delete("abc").await;
        let mut statuses = Vec::new();
        for verb in ["heartbeat", "disconnect", "connect"] {
            apono.tell("abc", verb).await;
            statuses.push(apono.read("abc").await.status);
        }
        apono.agent("abc", "prod").await;
        json!([statuses, apono.read("abc").await.status])
    }, {
        "heartbeat" => [[200, 200, 200], 200],
        "restart" => [[404, 404, 200], 200],
        "never" => [[404, 404, 404], 200],
    }

    name_again: "apono.name-again", async |vendor: Vendor| {
        let apono = Apono::of(&vendor);
        apono.agent("abc", "prod").await;
        apono.rename("abc", "renamed").await;
        apono.delete("abc").await;
        apono.tell("abc", "heartbeat").await["name"].clone()
    }, {
        "first" => "prod",
        "kept" => "renamed",
    }

    uninstall: "apono.uninstall", async |vendor: Vendor| {
        let apono = Apono::of(&vendor);
        for agent in ["one", "two"] {
            apono.installed(agent, json!({ "connector_id": "abc" })).await;
        }
        let mut told = Vec::new();
        for agent in ["one", "two"] {
            apono.vendor.control("DELETE", &format!("/apono/agents/{agent}"), None).await;
            told.push(apono.read("abc").await.body["status"].clone());
        }
        json!(told)
    }, {
        "stays" => ["CONNECTED", "DISCONNECTED"],
        "gone" => ["CONNECTED", null],
    }
}
