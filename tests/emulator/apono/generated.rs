//! A client that somebody else's generator makes of the published document (`tests/apono-client`) works unmodified.

use std::path::PathBuf;

use connector_operator::emulator::DEFAULT_APONO_TOKEN;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::process::Command;

use super::support::{Apono, texts};
use crate::tools;

/// The generated client, towards an emulator on a socket.
struct Generated {
    program: PathBuf,
    url: String,
    token: &'static str,
}

impl Generated {
    /// Serves this Apono until the test ends.
    async fn of(apono: &Apono) -> Self {
        let folder = tokio::task::spawn_blocking(|| tools::folder("apono-client")).await.unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", tcp.local_addr().unwrap());
        let emulator = apono.vendor.emulator.clone();
        tokio::spawn(async move { emulator.serve(tcp, std::future::pending()).await });
        Self { program: folder.join("apono-client"), url, token: DEFAULT_APONO_TOKEN }
    }

    /// The status of the answer, and what the client decoded; null where that is nothing.
    async fn run(&self, arguments: &[&str]) -> (u64, Value) {
        let mut command = Command::new(&self.program);
        command.arg(&self.url).args(arguments).env("APONO_TOKEN", self.token).kill_on_drop(true);
        let output = command.output().await.unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {told}");
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        (answer["status"].as_u64().unwrap(), answer["body"].clone())
    }

    /// The ids on each page of a listing.
    async fn pages(&self, arguments: &[&str]) -> Vec<Vec<String>> {
        let (status, pages) = self.run(&[&["list"], arguments].concat()).await;
        assert_eq!(status, 200);
        pages.as_array().unwrap().iter().map(|page| texts(page.as_array().unwrap(), "id")).collect()
    }
}

#[tokio::test]
async fn a_generated_client_works_unmodified() {
    let apono = Apono::new();
    for id in ["a", "b/1", "c", "d", "e"] {
        let id = id.replace('/', "%2F");
        apono.installed(&id, json!({ "metadata": { "region": "eu-west-1", "local_deploy": true } })).await;
    }
    apono.tell("c", "disconnect").await;
    apono.installed("f", json!({ "connected": false })).await;
    let generated = Generated::of(&apono).await;

    assert_eq!(generated.pages(&["2"]).await, [["a", "b/1"], ["c", "d"], ["e", "f"]]);
    assert_eq!(generated.pages(&["100", "CONNECTED"]).await, [["a", "b/1", "d", "e"]]);
    assert_eq!(generated.pages(&["4", "CONNECTED", "DISCONNECTED"]).await.concat().len(), 6);

    for id in ["a", "b/1", "c", "f"] {
        let (status, decoded) = generated.run(&["get", id]).await;
        let sent = apono.read(&id.replace('/', "%2F")).await.body;
        assert_eq!((status, decoded["name"].as_str()), (200, Some(id)));
        for member in ["status", "version", "last_connected", "sessions"] {
            assert_eq!(
                decoded.get(member),
                sent.get(member).filter(|sent| !sent.is_null()),
                "{member} of {id}"
            );
        }
    }

    let (status, renamed) = generated.run(&["rename", "a", "prod-eks"]).await;
    assert_eq!((status, &renamed["name"]), (200, &json!("prod-eks")));
    assert_eq!(apono.read("a").await.body["name"], "prod-eks");

    assert_eq!(generated.run(&["delete", "a"]).await, (204, json!("")));
    assert_eq!(generated.run(&["get", "a"]).await, (404, Value::Null));
    assert_eq!(apono.read("a").await.status, 404);

    let (status, list) = generated.run(&["list-v2"]).await;
    assert_eq!(
        (status, texts(list.as_array().unwrap(), "connector_id")),
        (200, ["b/1", "c", "d", "e", "f"].map(str::to_owned).to_vec())
    );
    assert!(list[0]["last_connected"].is_number(), "{list}");

    apono.vendor.control("PUT", "/apono/integrations/one", Some(json!({ "connector_id": "c" }))).await;
    let (status, integrations) = generated.run(&["integrations", "c"]).await;
    assert_eq!((status, &integrations["items"][0]["name"]), (200, &json!("one")));

    let stranger = Generated { token: "wrong", ..generated };
    assert_eq!(stranger.run(&["get", "c"]).await, (401, Value::Null));
}
