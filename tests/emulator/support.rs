//! A client that needs no socket, and the words that the stories share.

use std::sync::{Arc, Mutex};

use axum::body::Body;
use connector_operator::emulator::{
    Clock, Configuration, ConnectionCut, Credential, DEFAULT_API_KEY, Emulator, InProcess,
};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use jiff::Timestamp;
use serde_json::{Value, json};
use tower::ServiceExt;

/// An emulator with one connection to it and a clock that the test sets.
#[derive(Clone)]
pub(crate) struct Vendor {
    pub(crate) emulator: Emulator,
    pub(crate) authorization: String,
    connection: InProcess,
    time: Arc<Mutex<Timestamp>>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    /// The body as JSON; null where it is none.
    pub(crate) body: Value,
}

impl Vendor {
    pub(crate) fn new() -> Self {
        Self::with_switches(&[])
    }

    pub(crate) fn with_switches(switches: &[(&str, &str)]) -> Self {
        let switches =
            switches.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self::configured(Configuration { switches, ..Configuration::default() })
    }

    pub(crate) fn configured(configuration: Configuration) -> Self {
        let time = Arc::new(Mutex::new("2025-09-18T09:38:36.087Z".parse().unwrap()));
        let shown = Arc::clone(&time);
        let clock = Clock::new(move || *shown.lock().unwrap());
        let emulator = Emulator::new(Configuration { clock, ..configuration }).unwrap();
        let connection = emulator.connect();
        Self { emulator, authorization: DEFAULT_API_KEY.to_owned(), connection, time }
    }

    /// The same emulator, seen by another key.
    pub(crate) fn with_authorization(&self, authorization: &str) -> Self {
        Self { authorization: authorization.to_owned(), ..self.clone() }
    }

    /// What the clock shows from now on.
    pub(crate) fn at(&self, time: &str) {
        *self.time.lock().unwrap() = time.parse().unwrap();
    }

    pub(crate) async fn try_send(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Result<Answer, ConnectionCut> {
        let mut request =
            Request::builder().method(method).uri(path).header("Authorization", &self.authorization);
        if body.is_some() {
            request = request.header("Content-Type", "application/json");
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        self.try_request(request.body(body).unwrap()).await
    }

    pub(crate) async fn try_request(&self, request: Request<Body>) -> Result<Answer, ConnectionCut> {
        let (head, body) = self.connection.clone().oneshot(request).await?.into_parts();
        let bytes = body.collect().await.map_err(|_| ConnectionCut)?.to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let body = serde_json::from_str(&text).unwrap_or_default();
        Ok(Answer { status: head.status.as_u16(), headers: head.headers, text, body })
    }

    pub(crate) async fn send(&self, method: &str, path: &str, body: Value) -> Answer {
        self.try_send(method, path, Some(body)).await.expect("the connection was cut")
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.try_send("GET", path, None).await.expect("the connection was cut")
    }

    pub(crate) async fn post(&self, body: Value) -> Answer {
        self.send("POST", "/connectors", body).await
    }

    pub(crate) async fn patch(&self, name: &str, body: Value) -> Answer {
        self.send("PATCH", &format!("/connectors/{name}"), body).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.try_send("DELETE", path, None).await.expect("the connection was cut")
    }

    /// The list, which has to be there.
    pub(crate) async fn list(&self) -> Value {
        let answer = self.get("/connectors").await;
        assert_eq!(answer.status, 200, "GET /connectors answered {answer:?}");
        answer.body
    }

    /// The names in the list.
    pub(crate) async fn names(&self) -> Vec<String> {
        let list = self.list().await;
        let connectors = list.as_array().expect("a bare array");
        connectors.iter().map(|connector| connector["name"].as_str().unwrap().to_owned()).collect()
    }

    /// The connector of this name as the list shows it; null where it does not.
    pub(crate) async fn listed(&self, name: &str) -> Value {
        let list = self.list().await;
        list.as_array()
            .unwrap()
            .iter()
            .find(|connector| connector["name"] == name)
            .cloned()
            .unwrap_or_default()
    }

    /// Creates a connector, which has to succeed.
    pub(crate) async fn has(&self, body: Value) -> Value {
        let answer = self.post(body).await;
        assert_eq!(answer.status, 200, "POST /connectors answered {answer:?}");
        answer.body
    }

    /// A request to the control API, which has to succeed.
    pub(crate) async fn control(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let answer = self.try_send(method, &format!("/_emulator{path}"), body).await.expect("an answer");
        let status = StatusCode::from_u16(answer.status).unwrap();
        assert!(status.is_success(), "{method} /_emulator{path} answered {answer:?}");
        answer.body
    }

    /// Adds a fault.
    pub(crate) async fn fault(&self, matching: Value, action: Value) -> u64 {
        let fault = json!({ "match": matching, "action": action });
        self.control("POST", "/faults", Some(fault)).await["id"].as_u64().unwrap()
    }

    /// Maps a SIM to a connector, behind the vendor's API.
    pub(crate) async fn sim(&self, id: &str, connector: &str) {
        self.control("PUT", &format!("/onomondo/sims/{id}"), Some(json!({ "connector": connector }))).await;
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The code of a refusal.
    pub(crate) fn error(&self) -> &str {
        self.body["error"].as_str().unwrap_or_default()
    }
}

/// A credential that a vendor accepts.
pub(crate) fn credential(vendor: &str, text: &str, organisation: &str) -> Credential {
    Credential { vendor: vendor.to_owned(), text: text.to_owned(), organisation: organisation.to_owned() }
}

/// A TLS connector with a key and a certificate.
pub(crate) fn tls(name: &str) -> Value {
    json!({
        "name": name,
        "type": "tls",
        "options": {
            "host": "Broker.example.com",
            "port": 443,
            "server_name": "foobar.example.com",
            "key": "the key",
            "cert": "the certificate",
        },
    })
}

/// An HTTPS connector.
pub(crate) fn https(name: &str) -> Value {
    json!({ "name": name, "type": "https", "options": { "host": "https://Ingest.example.com" } })
}

/// The tag that the first organisation has from the start.
pub(crate) const SUPPLIER: &str = "a5023f47-1db8-425e-b664-dc0b8921f644";
