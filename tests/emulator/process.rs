//! The binary on a socket: its line of output, its flags, connections that are cut, its end.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use connector_operator::emulator::{Configuration, Emulator};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A running emulator; ended when the test is.
struct Process {
    child: Child,
    address: String,
}

impl Process {
    fn start(flags: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vendor-emulator"));
        let mut child = command.args(flags).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address =
            line.trim().strip_prefix("listening on http://").expect("one line with the address").to_owned();
        Self { child, address }
    }

    async fn connect(&self) -> Wire {
        Wire(TcpStream::connect(&self.address).await.unwrap())
    }

    /// One request on a connection of its own.
    async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let answer = self.connect().await.ask(method, path, body).await;
        let (_, body) = answer.split_once("\r\n\r\n").expect("an answer");
        serde_json::from_str(body).unwrap_or_default()
    }

    fn terminate(mut self) -> ExitStatus {
        let killed = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(killed.success());
        self.child.wait().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A connection, spoken to by hand, so that half an answer can be seen.
struct Wire(TcpStream);

impl Wire {
    async fn send(&mut self, method: &str, path: &str, body: Option<Value>, last: bool) {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let end = if last { "Connection: close\r\n" } else { "" };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: emulator\r\nAuthorization: emulator-key\r\n{end}\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        self.0.write_all((head + &body).as_bytes()).await.unwrap();
    }

    /// Everything until the connection ends, however it ends.
    async fn rest(&mut self) -> String {
        let mut received = Vec::new();
        let reading = self.0.read_to_end(&mut received);
        let _ = tokio::time::timeout(Duration::from_secs(20), reading).await.expect("the connection ends");
        String::from_utf8(received).unwrap()
    }

    async fn ask(mut self, method: &str, path: &str, body: Option<Value>) -> String {
        self.send(method, path, body, true).await;
        self.rest().await
    }
}

fn connector() -> Value {
    json!({ "name": "abc", "type": "https", "options": { "host": "https://ingest.example.com" } })
}

#[tokio::test]
async fn it_serves_until_it_is_told_to_end() {
    let process = Process::start(&["--listen", "127.0.0.1:0"]);
    assert_eq!(process.ask("GET", "/connectors", None).await, json!([]));
    let mut idle = process.connect().await;
    assert_eq!(process.terminate().code(), Some(0));
    assert_eq!(idle.rest().await, "", "connections end with it");
}

#[tokio::test]
async fn its_flags_reach_the_vendor() {
    let state = std::env::temp_dir().join(format!("vendor-emulator-{}.json", std::process::id()));
    let connectors = json!({ "onomondo": { "organisations": { "acme": { "connectors": [connector()] } } } });
    std::fs::write(&state, connectors.to_string()).unwrap();
    let process = Process::start(&[
        "--credential",
        "onomondo:emulator-key=acme",
        "--switch",
        "onomondo.identifiers=everywhere",
        "--switch",
        "onomondo.requests-per-minute=1",
        "--state",
        state.to_str().unwrap(),
    ]);
    std::fs::remove_file(&state).unwrap();
    let list = process.ask("GET", "/connectors", None).await;
    assert_eq!((&list[0]["name"], &list[0]["id"]), (&json!("abc"), &json!(1)));
    assert_eq!(process.ask("GET", "/connectors", None).await["error"], "rate_limit_exceeded");
    assert_eq!(process.ask("GET", "/_emulator/requests", None).await[0]["organisation"], "acme");
}

#[test]
fn its_help_names_every_switch_and_what_each_answer_means() {
    let output = Command::new(env!("CARGO_BIN_EXE_vendor-emulator")).arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let emulator = Emulator::new(Configuration::default()).unwrap();
    for (name, state) in emulator.switches().states() {
        assert!(help.contains(name) && help.contains(state.question), "{name} is missing in\n{help}");
        for answer in state.answers.keys().filter(|answer| !answer.contains('–')) {
            assert!(help.contains(&format!("{answer}: ")), "{name}={answer} is missing in\n{help}");
        }
    }
}

#[test]
fn a_credential_for_nobody_ends_it_with_what_there_is() {
    for (flag, reason) in
        [("nobody:a=b", "onomondo"), ("key=b", "there is no :"), ("onomondo:key", "there is no =")]
    {
        let output = Command::new(env!("CARGO_BIN_EXE_vendor-emulator"))
            .args(["--credential", flag])
            .output()
            .unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && told.contains(reason), "{flag}: {told}");
    }
}

#[test]
fn a_wrong_switch_ends_it_with_what_there_is() {
    for (flag, reason) in
        [("onomondo.nonsense=1", "onomondo.options-patch"), ("onomondo.options-patch=1", "merge, replace")]
    {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vendor-emulator"));
        let mut child = command.args(["--switch", flag]).stderr(Stdio::piped()).spawn().unwrap();
        let mut told = String::new();
        child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(1));
        assert!(told.contains(reason), "{told}");
    }
}

#[tokio::test]
async fn a_cut_sends_not_one_byte_and_half_a_body_exactly_half() {
    let process = Process::start(&[]);
    let fault = |action: Value| json!({ "match": { "method": "POST", "times": 1 }, "action": action });
    for kind in ["cut_before", "cut_after_applying"] {
        process.ask("POST", "/_emulator/faults", Some(fault(json!({ "kind": kind })))).await;
        let answer = process.connect().await.ask("POST", "/connectors", Some(connector())).await;
        assert_eq!(answer, "", "{kind}");
    }
    assert_eq!(process.ask("GET", "/connectors", None).await[0]["name"], "abc", "the second took effect");

    let whole = process.connect().await.ask("GET", "/connectors", None).await;
    let (_, whole) = whole.split_once("\r\n\r\n").unwrap();
    let half = json!({ "match": { "method": "GET" }, "action": { "kind": "half_body" } });
    process.ask("POST", "/_emulator/faults", Some(half)).await;
    let answer = process.connect().await.ask("GET", "/connectors", None).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(&format!("content-length: {}", whole.len())), "the whole is promised: {head}");
    assert_eq!(body, &whole[..whole.len() / 2]);
}

#[tokio::test]
async fn a_hang_ends_with_its_fault_and_a_client_that_leaves_is_seen() {
    let process = Process::start(&[]);
    let hang = json!({ "match": { "path": "/connectors" }, "action": { "kind": "hang" } });
    process.ask("POST", "/_emulator/faults", Some(hang)).await;
    let mut hanging = process.connect().await;
    hanging.send("GET", "/connectors", None, false).await;
    let mut leaving = process.connect().await;
    leaving.send("GET", "/connectors", None, false).await;
    let held = process.ask("GET", "/_emulator/requests?count=2&wait=20s", None).await;
    assert_eq!((&held[0]["outcome"], &held[1]["outcome"]), (&json!("held"), &json!("held")));

    drop(leaving);
    let abandoned = async {
        while process.ask("GET", "/_emulator/requests", None).await[1]["outcome"] != "abandoned" {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), abandoned).await.expect("the client that left is seen");
    process.ask("DELETE", "/_emulator/faults", None).await;
    assert_eq!(hanging.rest().await, "");
    assert_eq!(process.ask("GET", "/_emulator/requests", None).await[0]["outcome"], "cut");
}

#[tokio::test]
async fn a_kept_alive_connection_is_one_connection() {
    let process = Process::start(&[]);
    let mut wire = process.connect().await;
    for _ in 0..2 {
        wire.send("GET", "/connectors", None, false).await;
        let mut answer = Vec::new();
        while !answer.ends_with(b"[]") {
            answer.push(wire.0.read_u8().await.unwrap());
        }
    }
    let log = process.ask("GET", "/_emulator/requests", None).await;
    assert_eq!(log[0]["connection"], log[1]["connection"]);
    let counts = process.ask("GET", "/_emulator/connections", None).await;
    assert_eq!(
        counts,
        json!({ "accepted": 3, "open": 2 }),
        "this one, the kept one, and the log's, which has ended"
    );
}

#[tokio::test]
async fn idle_connections_are_cut_on_demand_but_not_the_one_that_asks() {
    let process = Process::start(&[]);
    let mut idle = process.connect().await;
    idle.send("GET", "/connectors", None, false).await;
    process.ask("GET", "/_emulator/requests?wait=20s", None).await;
    let answer = process.connect().await.ask("DELETE", "/_emulator/connections", None).await;
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    assert!(idle.rest().await.starts_with("HTTP/1.1 200"), "its answer, then its end");
}

#[tokio::test]
async fn a_server_in_the_process_takes_its_connections_with_it() {
    let emulator = Emulator::new(Configuration::default()).unwrap();
    let tcp = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut hanging = Wire(TcpStream::connect(tcp.local_addr().unwrap()).await.unwrap());
    let hang = json!({ "action": { "kind": "hang" } });
    emulator.faults().add(serde_json::from_value(hang).unwrap()).unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn({
        let emulator = emulator.clone();
        async move { emulator.serve(tcp, async { drop(stopped.await) }).await }
    });
    hanging.send("GET", "/connectors", None, false).await;
    let filter = connector_operator::emulator::Filter::default();
    assert_eq!(emulator.requests().wait(&filter, 1, Duration::from_secs(20)).await.len(), 1);
    stop.send(()).unwrap();
    serving.await.unwrap();
    assert_eq!(hanging.rest().await, "");
}
