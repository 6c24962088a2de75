//! The calls that AVEVA's own clients make, written down: method, path, casing, headers, body, and what they then look for
//! in the answer.
//!
//! Sources: `adh_sample_library_preview` 0.10.19rc0 on `PyPI` (`Authentication.py`, `BaseClient.py`, `SdsError.py`) for tokens,
//! headers and errors; the vendor's samples in public repositories for OMF connections, which they call through that library
//! (Python: create, wait until Active, find by name, delete) or through `OSIsoft.OmfIngress` (.NET: wait until no longer
//! listed, or listed as Deleted); and the notebook "OMF to Data Hub Quick Start Guide".

use std::time::Duration;

use axum::body::Body;
use connector_operator::emulator::DEFAULT_OMF_SCOPE;
use http::Request;
use serde_json::{Value, json};

use super::support::Hub;
use crate::support::Answer;

/// What the Python library sends with every request: it is built on `requests`.
const AGENT: [(&str, &str); 4] = [
    ("User-Agent", "python-requests/2.32.3"),
    ("Accept-Encoding", "gzip, deflate"),
    ("Accept", "*/*"),
    ("Connection", "keep-alive"),
];

struct Library {
    hub: Hub,
    token: String,
}

async fn call(hub: &Hub, method: &str, path: &str, headers: &[(&str, &str)], body: String) -> Answer {
    let mut request = Request::builder().method(method).uri(path).header("Host", "hub.example");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if !body.is_empty() || method == "DELETE" {
        request = request.header("Content-Length", body.len());
    }
    hub.try_request(request.body(Body::from(body)).unwrap()).await.unwrap()
}

impl Library {
    /// `ADHClient(api_version, tenant, url, client_id, client_secret)`: it gets a token at once.
    async fn new(hub: &Hub, client_id: &str, client_secret: &str) -> Result<Self, String> {
        let discovered =
            call(hub, "GET", "/identity/.well-known/openid-configuration", &AGENT, String::new()).await;
        let endpoint = discovered.body["token_endpoint"].as_str().expect("token_endpoint").to_owned();
        let path = endpoint.strip_prefix("http://hub.example").expect("on the same host");
        let form =
            format!("client_id={client_id}&client_secret={client_secret}&grant_type=client_credentials");
        let headers = [&AGENT[..], &[("Content-Type", "application/x-www-form-urlencoded")]].concat();
        let token = call(hub, "POST", path, &headers, form).await;
        // No expires_in is how it sees a failure; it then reads error.
        if token.body["expires_in"].is_null() {
            return Err(token.body["error"].as_str().expect("error").to_owned());
        }
        let token = token.body["access_token"].as_str().expect("access_token").to_owned();
        Ok(Self { hub: hub.clone(), token })
    }

    /// `baseClient.request`: the same headers for every method, a Content-Type also without a body.
    async fn request(&self, method: &str, further: &str, body: String) -> Answer {
        let (tenant, namespace) = DEFAULT_OMF_SCOPE.split_once('/').unwrap();
        let path = format!("/api/v1/Tenants/{tenant}/Namespaces/{namespace}/OmfConnections{further}");
        let authorization = format!("Bearer {}", self.token);
        let headers = [
            AGENT[0],
            AGENT[1],
            ("Accept", "application/json"),
            AGENT[3],
            ("Content-type", "application/json"),
            ("Authorization", &authorization),
        ];
        call(&self.hub, method, &path, &headers, body).await
    }

    /// What `baseClient.checkResponse` lets pass.
    async fn checked(&self, method: &str, further: &str, body: String) -> Value {
        let answer = self.request(method, further, body).await;
        assert!((200..300).contains(&answer.status) && answer.status != 207, "{answer:?}");
        answer.body
    }

    async fn id_of(&self, name: &str) -> Option<String> {
        let all = self.checked("GET", "", String::new()).await;
        let mut found = all["Results"].as_array().expect("Results").iter();
        found
            .find(|one| one["Name"].as_str().expect("Name").to_lowercase() == name.to_lowercase())
            .map(|one| one["Id"].as_str().expect("Id").to_owned())
    }
}

#[tokio::test(start_paused = true)]
async fn the_python_samples_create_wait_find_and_delete() {
    let hub = Hub::new();
    let library = Library::new(&hub, "emulator-client", "emulator-secret").await.unwrap();
    assert_eq!(library.id_of("OMF Connection").await, None);
    // json.dumps: spaces behind : and ,
    let body = "{\"Name\": \"OMF Connection\", \"Description\": \"the sample's\", \"ClientIds\": [\"c1\"]}";
    let created = library.request("POST", "", body.to_owned()).await;
    assert_eq!(created.status, 202, "the notebook takes nothing else for a success");
    let id = created.body["Id"].as_str().unwrap().to_owned();
    let state = async || library.checked("GET", &format!("/{id}"), String::new()).await["State"].clone();
    assert_eq!(state().await, "Creating");
    let mut waited = 0;
    while state().await != "Active" {
        tokio::time::sleep(Duration::from_secs(5)).await;
        waited += 1;
    }
    assert_eq!(waited, 1);

    assert_eq!(
        library.id_of("omf connection").await.as_ref(),
        Some(&id),
        "it looks the name up without case"
    );
    library.checked("DELETE", &format!("/{id}"), String::new()).await;
    // The .NET sample: until it is listed as Deleted, or no longer.
    let deleted = async || {
        let all = library.checked("GET", "", String::new()).await;
        let rows = all["Results"].as_array().unwrap();
        rows.iter().find(|row| row["Id"] == *id).is_none_or(|row| row["State"] == "Deleted")
    };
    assert!(!deleted().await);
    while !deleted().await {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test]
async fn the_python_library_reads_errors() {
    let hub = Hub::new();
    let refused = Library::new(&hub, "emulator-client", "wrong").await.err();
    assert_eq!(refused.as_deref(), Some("invalid_client"));

    let library = Library::new(&hub, "emulator-client", "emulator-secret").await.unwrap();
    let answer = library.request("GET", "/nowhere", String::new()).await;
    assert_eq!(answer.status, 404);
    // SdsError.fromResponse decodes only where the Content-Type is this and nothing else.
    assert_eq!(answer.header("content-type"), Some("application/json"));
    for member in ["Error", "Reason", "Resolution"] {
        assert!(answer.body[member].is_string(), "{member} in {answer:?}");
    }
    assert!(answer.header("Operation-Id").is_some());
}

#[tokio::test(start_paused = true)]
async fn the_notebook_deletes_without_a_content_type() {
    let hub = Hub::new();
    let id = hub.has_active("line-7", &["a"]).await;
    let authorization = format!("Bearer {}", hub.issued().await);
    let headers = [&AGENT[..], &[("Authorization", authorization.as_str())]].concat();
    let path = hub.one(&id).replace("tenants", "Tenants").replace("namespaces", "Namespaces");
    let answer = call(&hub, "DELETE", &path.replace("omfC", "OmfC"), &headers, String::new()).await;
    assert_eq!((answer.status, &answer.body["State"]), (202, &json!("Deleting")));
}
