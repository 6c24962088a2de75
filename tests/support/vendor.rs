//! The vendors, played by the emulator: a process of its own for each story. What it saw, what it is made to do wrong, and
//! what somebody else changes behind the operator's back.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::apono;
use super::certificates::write_private;
use super::http::{get, send_json};
use super::omf;
use super::process::{Process, Signal};
use super::wait;

/// Where the state of a vendor that went down lies.
const STATE: &str = "vendor-state.json";
const STARTS_WITHIN: Duration = Duration::from_secs(30);

/// A running emulator.
pub struct Vendor {
    /// Where it is one of this machine, and not a pod.
    process: Option<Process>,
    url: String,
    folder: PathBuf,
    arguments: Vec<String>,
}

/// One request that the vendor saw.
#[derive(Clone, Debug, Deserialize)]
pub struct Request {
    /// Counts up.
    pub seq: u64,
    /// When it came, by the vendor's clock.
    pub at: String,
    /// The connection that it came on.
    pub connection: u64,
    /// Whose key it carried.
    pub organisation: Option<String>,
    /// In capitals.
    pub method: String,
    /// Without the query.
    pub path: String,
    /// Without the question mark.
    pub query: Option<String>,
    /// Secrets replaced by `<set> sha256:…`.
    pub body: Option<Value>,
    /// `answered`, `cut`, `held`, `abandoned`.
    pub outcome: String,
    /// The status of the answer.
    pub status: Option<u16>,
}

impl Request {
    /// Whether it asks for a change. Who gets a token changes nothing.
    pub fn is_write(&self) -> bool {
        self.method != "GET" && !self.path.starts_with("/identity/")
    }
}

/// `POST /connectors plant-a`; behind it ` -> 429` or ` -> cut` where it did not succeed. Of a path of Apono or of the Data
/// Hub only what comes behind the version or the namespace.
impl fmt::Display for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.method, short(&self.path))?;
        if let Some(query) = &self.query {
            write!(formatter, "?{query}")?;
        }
        let name = self.body.as_ref().and_then(|body| body["name"].as_str().or(body["Name"].as_str()));
        // A PATCH names what it changes by its path; a name in its body is a rename.
        if let Some(name) = name {
            write!(formatter, " {name}")?;
        }
        match self.status {
            Some(code) if code < 300 => Ok(()),
            Some(code) => write!(formatter, " -> {code}"),
            None => write!(formatter, " -> {}", self.outcome),
        }
    }
}

impl Vendor {
    /// Starts an emulator with these switches, in which each of these credentials (`onomondo:key`) is valid for the
    /// organisation `default`.
    pub async fn start(folder: &Path, credentials: &[String], switches: &[(String, String)]) -> Vendor {
        let mut arguments: Vec<String> =
            credentials.iter().map(|credential| format!("--credential={credential}=default")).collect();
        arguments.extend(switches.iter().map(|(name, value)| format!("--switch={name}={value}")));
        let mut process = launch(folder, &arguments, &["--listen=127.0.0.1:0".to_owned()]);
        let url = wait::until("the emulator listens", STARTS_WITHIN, || {
            let said = process.last_lines(20);
            let ended = process.epitaph();
            async move {
                assert!(ended.is_none(), "{}", ended.unwrap_or_default());
                said.lines()
                    .find_map(|line| line.strip_prefix("listening on ").map(str::to_owned))
                    .ok_or(said)
            }
        })
        .await;
        Vendor { process: Some(process), url, folder: folder.to_owned(), arguments }
    }

    /// An emulator that somebody else runs.
    pub fn at(url: &str) -> Vendor {
        Vendor { process: None, url: url.to_owned(), folder: PathBuf::new(), arguments: Vec::new() }
    }

    /// The vendor is down: nobody listens any more. What it keeps is there again after [`Vendor::comes_back`]; its log of
    /// requests begins anew.
    pub async fn goes_down(&mut self) {
        let state = self.read("state").await;
        write_private(&self.folder.join(STATE), &state.to_string());
        self.process().signal(Signal::Terminate);
        self.process().exited(STARTS_WITHIN).await;
    }

    /// The vendor that went down listens again where it did.
    pub async fn comes_back(&mut self) {
        let flags =
            [format!("--listen={}", self.host()), format!("--state={}", self.folder.join(STATE).display())];
        self.process = Some(launch(&self.folder, &self.arguments, &flags));
        let url = format!("{}/_emulator", self.url);
        wait::until("the emulator listens again", STARTS_WITHIN, || get(&url)).await;
    }

    /// Where the vendor's API is: an account's endpoint.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Host and port.
    pub fn host(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// Host and port by another name: to an account, another place.
    pub fn other_host(&self) -> String {
        self.host().replace("127.0.0.1", "localhost")
    }

    /// Uses one of the emulator's controls.
    pub async fn control(&self, method: Method, path: &str, body: &Value) -> Value {
        let url = format!("{}/_emulator/{path}", self.url);
        let sent = send_json(method.clone(), &url, body).await;
        let (code, text) = sent.unwrap_or_else(|error| panic!("{method} {url}: {error}"));
        assert!(code < 300, "{method} {url}: {code} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Reads one of the emulator's controls.
    pub async fn read(&self, path: &str) -> Value {
        let url = format!("{}/_emulator/{path}", self.url);
        let (code, text) = get(&url).await.unwrap_or_else(|error| panic!("{url}: {error}"));
        assert!(code < 300, "{url}: {code} {text}");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{url}: {error}: {text}"))
    }

    /// All it was asked, oldest first.
    pub async fn requests(&self) -> Vec<Request> {
        serde_json::from_value(self.read("requests").await).expect("the emulator's log")
    }

    /// The number of the newest request: what comes later is [`Vendor::requests_since`] it.
    pub async fn newest(&self) -> u64 {
        self.requests().await.last().map_or(0, |request| request.seq)
    }

    /// What it was asked after request number `since`.
    pub async fn requests_since(&self, since: u64) -> Vec<Request> {
        serde_json::from_value(self.read(&format!("requests?since={since}")).await)
            .expect("the emulator's log")
    }

    /// Waits until `count` requests with this method came, and returns them. Panics after `deadline`.
    pub async fn wait_for(&self, method: &str, count: usize, deadline: Duration) -> Vec<Request> {
        let query = format!("requests?method={method}&count={count}&wait={}ms", deadline.as_millis());
        let seen: Vec<Request> = serde_json::from_value(self.read(&query).await).expect("the emulator's log");
        assert!(
            seen.len() >= count,
            "waited for {count} {method} for {deadline:?}; saw {}",
            lines(&seen).join(", ")
        );
        seen
    }

    /// Answers an open question about the vendor, such as `onomondo.options-patch` with `replace`.
    pub async fn switch(&self, name: &str, value: &str) {
        self.control(Method::PUT, "switches", &json!({name: value})).await;
    }

    /// Every open question has its default answer again.
    pub async fn switches_back(&self) {
        self.control(Method::DELETE, "switches", &Value::Null).await;
    }

    /// Makes requests go wrong: `matching` says which, `action` how (`docs/emulator.md`). Returns the fault's number.
    pub async fn fault(&self, matching: Value, action: Value) -> u64 {
        let added = self.control(Method::POST, "faults", &json!({"match": matching, "action": action})).await;
        added["id"].as_u64().expect("a fault has a number")
    }

    /// Whether and how often a fault was applied.
    pub async fn fault_hits(&self, id: u64) -> u64 {
        let faults = self.read("faults").await;
        let found = faults.as_array().and_then(|all| all.iter().find(|fault| fault["id"] == id));
        found.and_then(|fault| fault["hits"].as_u64()).unwrap_or_else(|| panic!("there is no fault {id}"))
    }

    /// This fault is over; the others stay.
    pub async fn fault_ends(&self, id: u64) {
        self.control(Method::DELETE, &format!("faults/{id}"), &Value::Null).await;
    }

    /// Nothing goes wrong on purpose any more.
    pub async fn heal(&self) {
        self.control(Method::DELETE, "faults", &Value::Null).await;
    }

    /// How many connections it accepted since the start, those of the tests themselves included.
    pub async fn connections_accepted(&self) -> u64 {
        self.read("connections").await["accepted"].as_u64().unwrap_or_default()
    }

    /// The Onomondo connectors, by name.
    pub async fn connectors(&self) -> Vec<Value> {
        let answer = self.read("onomondo/connectors").await;
        answer.as_array().cloned().unwrap_or_else(|| panic!("not a list: {answer}"))
    }

    /// An Onomondo connector as it is listed, or `None`.
    pub async fn connector(&self, name: &str) -> Option<Value> {
        self.connectors().await.into_iter().find(|connector| connector["name"] == name)
    }

    /// Somebody else makes or replaces an Onomondo connector.
    pub async fn put_connector(&self, name: &str, connector: &Value) {
        self.control(Method::PUT, &format!("onomondo/connectors/{name}"), connector).await;
    }

    /// Somebody else changes an Onomondo connector (a JSON merge patch).
    pub async fn change_connector(&self, name: &str, change: &Value) {
        self.control(Method::PATCH, &format!("onomondo/connectors/{name}"), change).await;
    }

    /// Somebody else deletes an Onomondo connector.
    pub async fn remove_connector(&self, name: &str) {
        self.control(Method::DELETE, &format!("onomondo/connectors/{name}"), &Value::Null).await;
    }

    /// Maps a SIM to an Onomondo connector, which then cannot be deleted.
    pub async fn map_sim(&self, id: &str, connector: &str) {
        self.control(Method::PUT, &format!("onomondo/sims/{id}"), &json!({"connector": connector})).await;
    }

    /// Removes a SIM.
    pub async fn remove_sim(&self, id: &str) {
        self.control(Method::DELETE, &format!("onomondo/sims/{id}"), &Value::Null).await;
    }

    /// Maps a SIM to no connector.
    pub async fn unmap_sim(&self, id: &str) {
        self.control(Method::PUT, &format!("onomondo/sims/{id}"), &json!({"connector": null})).await;
    }

    /// The valid API keys: `[{"key", "organisation", …}]`.
    pub async fn set_keys(&self, keys: &Value) {
        self.control(Method::PUT, "onomondo/keys", keys).await;
    }

    /// The process, to stop it, kill it or look at it.
    pub fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("a process of this test")
    }
}

/// What tells one path of a vendor from another.
fn short(path: &str) -> &str {
    apono::short(path).or_else(|| omf::short(path)).unwrap_or(path)
}

fn launch(folder: &Path, arguments: &[String], more: &[String]) -> Process {
    let program = Path::new(env!("CARGO_BIN_EXE_vendor-emulator"));
    let arguments = [arguments, more].concat();
    Process::start(program, &arguments, &[], &folder.join("vendor-emulator.log"))
}

/// Requests as compact lines.
pub fn lines(requests: &[Request]) -> Vec<String> {
    requests.iter().map(ToString::to_string).collect()
}
