//! Agents: they register, connect, say that they are there, leave, and register again.

use serde_json::{Value, json};

use super::support::{Apono, texts};

const LATER: &str = "2025-09-18T10:00:00.000Z";
const AT_FIRST: &str = "2025-09-18T09:38:36.087Z";

/// Status, last connection, and the number of sessions.
async fn seen(apono: &Apono, id: &str) -> Value {
    let connector = apono.read(id).await.body;
    json!([connector["status"], connector["last_connected"], connector["sessions"].as_array().map(Vec::len)])
}

#[tokio::test]
async fn an_agent_without_further_ado_registers_a_connector_of_its_id() {
    let apono = Apono::new();
    assert_eq!(apono.read("abc").await.status, 404, "nothing is there before");
    let registered = apono.installed("abc", json!({})).await;
    assert_eq!(registered["name"], "abc");
    assert_eq!(seen(&apono, "abc").await, json!(["CONNECTED", AT_FIRST, 1]));
}

#[tokio::test]
async fn an_agent_may_register_and_connect_later() {
    let apono = Apono::new();
    apono.installed("abc", json!({ "connected": false })).await;
    assert_eq!(seen(&apono, "abc").await, json!(["DISCONNECTED", null, 0]));
    apono.vendor.at(LATER);
    apono.tell("abc", "heartbeat").await;
    assert_eq!(seen(&apono, "abc").await, json!(["DISCONNECTED", null, 0]), "it is not connected");
    apono.tell("abc", "connect").await;
    assert_eq!(seen(&apono, "abc").await, json!(["CONNECTED", LATER, 1]));
}

#[tokio::test]
async fn a_heartbeat_moves_dates_and_nothing_else() {
    let apono = Apono::new();
    apono.agent("abc", "prod").await;
    let mut expected = apono.read("abc").await.body;
    apono.vendor.at(LATER);
    apono.tell("abc", "heartbeat").await;
    expected["last_connected"] = json!(LATER);
    expected["sessions"][0]["last_connected_time"] = json!(LATER);
    assert_eq!(apono.read("abc").await.body, expected);
}

#[tokio::test]
async fn an_agent_that_disconnects_leaves_its_connector_and_its_last_date() {
    let apono = Apono::new();
    apono.agent("abc", "prod").await;
    let session = apono.read("abc").await.body["sessions"][0]["id"].clone();
    apono.vendor.at(LATER);
    apono.tell("abc", "disconnect").await;
    assert_eq!(seen(&apono, "abc").await, json!(["DISCONNECTED", AT_FIRST, 0]));
    apono.tell("abc", "disconnect").await;
    apono.tell("abc", "connect").await;
    assert_eq!(seen(&apono, "abc").await, json!(["CONNECTED", LATER, 1]));
    assert_ne!(apono.read("abc").await.body["sessions"][0]["id"], session, "a new session");
}

#[tokio::test]
async fn several_agents_of_one_connector_are_several_sessions() {
    let apono = Apono::new();
    for (agent, version) in [("one", "1.0.0"), ("two", "1.1.0")] {
        apono.installed(agent, json!({ "connector_id": "abc", "version": version })).await;
    }
    assert_eq!(apono.ids("").await, ["abc"]);
    let connector = apono.read("abc").await.body;
    assert_eq!(connector["version"], "1.1.0", "that of the agent that connected last");
    let versions = connector["sessions"].as_array().unwrap().iter();
    let versions = versions.map(|session| session["metadata"].clone()).collect::<Vec<_>>();
    assert_eq!(texts(&versions, "connector_version"), ["1.0.0", "1.1.0"]);
    apono.tell("one", "disconnect").await;
    assert_eq!(seen(&apono, "abc").await, json!(["CONNECTED", AT_FIRST, 1]), "one is left");
    apono.tell("two", "disconnect").await;
    assert_eq!(seen(&apono, "abc").await, json!(["DISCONNECTED", AT_FIRST, 0]));
}

#[tokio::test]
async fn a_connector_that_is_deleted_while_its_agent_runs_registers_again() {
    for by_api in [true, false] {
        let apono = Apono::new();
        apono.agent("abc", "prod").await;
        apono.rename("abc", "renamed").await;
        if by_api {
            apono.delete("abc").await;
        } else {
            apono.vendor.control("DELETE", "/apono/connectors/abc", None).await;
        }
        assert_eq!(apono.read("abc").await.status, 404, "the agent has not noticed");
        apono.vendor.at(LATER);
        let registered = apono.tell("abc", "heartbeat").await;
        assert_eq!(registered["name"], "prod", "as at first");
        assert_eq!(seen(&apono, "abc").await, json!(["CONNECTED", LATER, 1]));
    }
}

#[tokio::test]
async fn an_agent_that_does_not_run_never_registers() {
    let apono = Apono::new();
    apono.agent("abc", "prod").await;
    apono.tell("abc", "disconnect").await;
    apono.delete("abc").await;
    assert_eq!(apono.tell("abc", "heartbeat").await, Value::Null);
    assert_eq!(apono.ids("").await, [""; 0]);

    apono.agent("abd", "prod").await;
    apono.vendor.control("DELETE", "/apono/agents/abd", None).await;
    apono.delete("abd").await;
    assert_eq!(apono.vendor.delete("/_emulator/apono/agents/abd").await.status, 404, "it is uninstalled");
    let answer = apono.vendor.send("POST", "/_emulator/apono/agents/abd/heartbeat", json!(null)).await;
    assert_eq!((answer.status, answer.error()), (404, "there is no agent abd"));
    assert_eq!(apono.ids("").await, [""; 0]);
}

#[tokio::test]
async fn an_agent_that_is_installed_anew_takes_over() {
    let apono = Apono::new();
    apono.agent("abc", "prod").await;
    apono.rename("abc", "renamed").await;
    apono.installed("abc", json!({ "version": "2.0.0", "cloud_provider_type": "GCP" })).await;
    let connector = apono.read("abc").await.body;
    assert_eq!(
        [&connector["name"], &connector["version"], &connector["cloud_provider_type"]],
        ["renamed", "2.0.0", "GCP"]
    );
    assert_eq!(connector["sessions"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn an_agent_can_do_three_things() {
    let apono = Apono::new();
    apono.agent("abc", "prod").await;
    let answer = apono.vendor.send("POST", "/_emulator/apono/agents/abc/dance", json!(null)).await;
    assert_eq!((answer.status, answer.error()), (404, "an agent can connect, disconnect and heartbeat"));
    let unheard_of =
        apono.vendor.send("PUT", "/_emulator/apono/agents/abc", json!({ "unheard-of": 1 })).await;
    assert_eq!(unheard_of.status, 400);
    let agents = apono.vendor.control("GET", "/apono/agents", None).await;
    assert_eq!((&agents[0]["id"], &agents[0]["connector_id"]), (&json!("abc"), &json!("abc")));
    assert_eq!(apono.vendor.control("GET", "/requests", None).await, json!([]), "no vendor was asked");
}
