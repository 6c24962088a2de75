//! Whether the simulated API server answers as the real one does: one script is sent to both, and the answers are compared field by field.
//!
//! Left out of the comparison: managed fields, which the simulated server does not keep, and what differs from run to run (uids, times,
//! resourceVersions), of which only is compared where they are the same and where they are not.

use super::kubernetes::{ApiServer, Reply, Request};
use super::support::control_plane::ControlPlane;
use bytes::Bytes;
use http_body_util::BodyExt;
use kube::client::Body;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const NAMESPACE: &str = "honesty";
const CONNECTORS: &str = "/apis/connector-operator.io/v1alpha1/namespaces/honesty/onomondoconnectors";
const SECRETS: &str = "/api/v1/namespaces/honesty/secrets";
const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/honesty/leases";
const MERGE: &str = "application/merge-patch+json";
const APPLY: &str = "application/apply-patch+yaml";
const JSON: &str = "application/json";
const ONLY_METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
const ONLY_METADATA_LIST: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

/// A server that answers requests: the simulated one or the real one.
enum Server {
    Simulated(ApiServer),
    Real(&'static ControlPlane, kube::Client),
}

impl Server {
    /// It starts again and has forgotten its history.
    async fn forget(&self) {
        match self {
            Self::Simulated(server) => server.compact(),
            Self::Real(plane, _) => {
                plane.kill_api_server().await;
                plane.compact().await;
                plane.start_api_server().await;
            }
        }
    }

    async fn answer(&self, request: http::Request<Vec<u8>>) -> (u16, Value) {
        match self {
            Self::Simulated(server) => {
                let (head, body) = request.into_parts();
                match Request::read(&head, &body) {
                    Err(refused) => (refused.code, refused.body),
                    Ok(request) => match server.handle(&request) {
                        Reply::Answer(answer) => (answer.code, answer.body),
                        Reply::Watch(mut watch) => {
                            let mut events = Vec::new();
                            while let Some(event) = watch.next().await {
                                events.push(event.line);
                            }
                            (200, json!(events))
                        }
                    },
                }
            }
            Self::Real(_, client) => {
                let is_watch = request.uri().query().is_some_and(|query| query.contains("watch=true"));
                let answer = client.send(request.map(Body::from)).await.expect("an answer");
                let code = answer.status().as_u16();
                let bytes: Bytes = answer.into_body().collect().await.expect("a whole answer").to_bytes();
                let body = if is_watch {
                    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
                    lines.map(|line| serde_json::from_slice::<Value>(line).expect("an event")).collect()
                } else {
                    serde_json::from_slice(&bytes).expect("JSON")
                };
                (code, body)
            }
        }
    }
}

/// One telling of the script: what was sent, what came, and names for what differs from run to run.
struct Telling {
    server: Server,
    names: BTreeMap<String, String>,
    told: Vec<(String, Value)>,
}

impl Telling {
    fn new(server: Server) -> Self {
        Self { server, names: BTreeMap::new(), told: Vec::new() }
    }

    /// Sends a request; the answer as it came.
    async fn send(
        &mut self,
        method: &str,
        path: &str,
        content_type: &str,
        accept: &str,
        body: &Value,
    ) -> Value {
        let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", content_type)
            .header("accept", accept)
            .body(bytes)
            .expect("a request");
        let (code, answer) = self.server.answer(request).await;
        let mut shown = answer.clone();
        self.level(&mut shown);
        let step = self.told.len();
        self.told.push((
            format!("{step}: {method} {path} {content_type}"),
            json!({ "code": code, "body": shown }),
        ));
        answer
    }

    async fn get(&mut self, path: &str) -> Value {
        self.send("GET", path, JSON, JSON, &Value::Null).await
    }

    async fn create(&mut self, path: &str, body: &Value) -> Value {
        self.send("POST", path, JSON, JSON, body).await
    }

    /// Gives uids, resourceVersions and times the same names in each telling.
    fn level(&mut self, value: &mut Value) {
        match value {
            Value::Object(members) => {
                members.remove("managedFields");
                for (name, member) in members.iter_mut() {
                    if let (true, Some(text)) =
                        (["uid", "resourceVersion", "continue"].contains(&name.as_str()), member.as_str())
                    {
                        let next = format!("<{name} {}>", self.names.len());
                        let known = self.names.entry(text.to_owned()).or_insert(next).clone();
                        *member = known.into();
                    } else if name.ends_with("Timestamp") && member.is_string() {
                        *member = "<a time>".into();
                    } else {
                        self.level(member);
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.level(item)),
            // The revisions in it are those that the server still has.
            Value::String(text) if text.starts_with("too old resource version: ") => {
                *text = "too old resource version: <asked> (<oldest>)".into();
            }
            Value::String(text) => {
                for (real, name) in &self.names {
                    if real.len() > 20 && text.contains(real) {
                        *text = text.replace(real, name);
                    }
                }
            }
            _ => {}
        }
    }
}

fn connector(name: &str) -> Value {
    json!({
        "apiVersion": "connector-operator.io/v1alpha1", "kind": "OnomondoConnector",
        "metadata": { "name": name, "annotations": { "somebody.example/note": "theirs" } },
        "spec": { "type": "https", "https": { "host": "https://a.example.com/v1" }, "unknown": { "field": 1 } },
        "status": { "observedGeneration": 7 },
    })
}

fn status(of: &Value, status: &Value) -> Value {
    json!({
        "apiVersion": "connector-operator.io/v1alpha1", "kind": "OnomondoConnector",
        "metadata": {
            "name": of["metadata"]["name"], "namespace": NAMESPACE,
            "uid": of["metadata"]["uid"], "resourceVersion": of["metadata"]["resourceVersion"],
        },
        "status": status,
    })
}

fn condition(kind: &str, status: &str) -> Value {
    json!({ "type": kind, "status": status, "reason": "Succeeded", "message": "it is", "observedGeneration": 1,
            "lastTransitionTime": "2026-01-01T00:00:00Z" })
}

fn preconditions(of: &Value) -> Value {
    json!({ "uid": of["metadata"]["uid"], "resourceVersion": of["metadata"]["resourceVersion"] })
}

async fn life_of_an_object(telling: &mut Telling) {
    let path = format!("{CONNECTORS}/plant-a");
    let applied = format!("{path}/status?force=true&fieldManager=connector-operator");
    let made = telling.create(CONNECTORS, &connector("plant-a")).await;
    telling.create(CONNECTORS, &connector("plant-a")).await;
    telling.get(&path).await;
    telling.get(&format!("{CONNECTORS}/nobody")).await;

    // Finalizer and claim in one patch, then the same on what is not known any more, and on another uid.
    let mut metadata = preconditions(&made);
    metadata["finalizers"] = json!(["connector-operator.io/finalizer"]);
    metadata["annotations"] = json!({ "connector-operator.io/claim": "{}" });
    let patched = telling.send("PATCH", &path, MERGE, ONLY_METADATA, &json!({ "metadata": metadata })).await;
    telling.send("PATCH", &path, MERGE, ONLY_METADATA, &json!({ "metadata": metadata })).await;
    let mut of_another = metadata.clone();
    of_another["uid"] = "11111111-1111-4111-8111-111111111111".into();
    of_another["resourceVersion"] = patched["metadata"]["resourceVersion"].clone();
    telling.send("PATCH", &path, MERGE, ONLY_METADATA, &json!({ "metadata": of_another })).await;

    // A status, the same again, one that says less, one on what is not known any more, one on another uid.
    let full = json!({
        "observedGeneration": 1, "scope": "api.onomondo.com", "conditions": [condition("Ready", "True")],
        "remote": { "name": "plant-a", "type": "https" },
        "secrets": { "key": { "isSet": true } },
    });
    let said = telling.send("PATCH", &applied, APPLY, JSON, &status(&patched, &full)).await;
    telling.send("PATCH", &applied, APPLY, JSON, &status(&said, &full)).await;
    let less = json!({ "observedGeneration": 1, "conditions": [condition("Ready", "False")] });
    let said = telling.send("PATCH", &applied, APPLY, JSON, &status(&said, &less)).await;
    telling.send("PATCH", &applied, APPLY, JSON, &status(&patched, &full)).await;
    let mut another = status(&said, &full);
    another["metadata"]["uid"] = "11111111-1111-4111-8111-111111111111".into();
    telling.send("PATCH", &applied, APPLY, JSON, &another).await;
    let nobody = format!("{CONNECTORS}/nobody/status?force=true&fieldManager=connector-operator");
    let mut of_nobody = status(&said, &full);
    of_nobody["metadata"]["name"] = "nobody".into();
    telling.send("PATCH", &nobody, APPLY, JSON, &of_nobody).await;

    // A person edits the spec; edits nothing; tries to edit the status.
    let edit = json!({ "spec": { "https": { "shouldReturnBody": true } } });
    telling.send("PATCH", &path, MERGE, JSON, &edit).await;
    telling.send("PATCH", &path, MERGE, JSON, &edit).await;
    let edited =
        telling.send("PATCH", &path, MERGE, JSON, &json!({ "status": { "observedGeneration": 99 } })).await;
    let mut replaced = edited.clone();
    replaced["spec"]["https"]["host"] = "https://b.example.com/v1".into();
    telling.send("PUT", &path, JSON, JSON, &replaced).await;
    telling.send("PUT", &path, JSON, JSON, &replaced).await;

    // It is deleted, and ends when its finalizer goes.
    let another = json!({ "kind": "DeleteOptions", "apiVersion": "v1",
        "preconditions": { "uid": "11111111-1111-4111-8111-111111111111" } });
    telling.send("DELETE", &path, JSON, JSON, &another).await;
    telling.send("DELETE", &path, JSON, JSON, &Value::Null).await;
    let ending = telling.send("DELETE", &path, JSON, JSON, &Value::Null).await;
    let mut metadata = preconditions(&ending);
    metadata["finalizers"] = json!(["connector-operator.io/finalizer", "somebody.example/finalizer"]);
    telling.send("PATCH", &path, MERGE, JSON, &json!({ "metadata": metadata })).await;
    metadata["finalizers"] = json!([]);
    telling.send("PATCH", &path, MERGE, ONLY_METADATA, &json!({ "metadata": metadata })).await;
    telling.get(&path).await;

    // Another of the same name is another object.
    telling.create(CONNECTORS, &connector("plant-a")).await;
    let mut late = status(&said, &full);
    late["metadata"]["resourceVersion"].take();
    late["metadata"].as_object_mut().expect("metadata").remove("resourceVersion");
    telling.send("PATCH", &applied, APPLY, JSON, &late).await;
    telling.send("DELETE", &path, JSON, JSON, &Value::Null).await;
    telling.send("DELETE", &path, JSON, JSON, &Value::Null).await;
}

async fn lists_and_watches(telling: &mut Telling) {
    for name in ["a", "b", "c", "d", "e"] {
        telling.create(CONNECTORS, &connector(&format!("plant-{name}"))).await;
    }
    let first = telling.get(&format!("{CONNECTORS}?limit=2")).await;
    let since = first["metadata"]["resourceVersion"].as_str().expect("a version").to_owned();
    // What happens between two pages is not in the second.
    telling.create(CONNECTORS, &connector("plant-f")).await;
    telling.send("DELETE", &format!("{CONNECTORS}/plant-d"), JSON, JSON, &Value::Null).await;
    let next = first["metadata"]["continue"].as_str().expect("another page").to_owned();
    let second = telling.get(&format!("{CONNECTORS}?limit=2&continue={next}")).await;
    let next = second["metadata"]["continue"].as_str().expect("another page").to_owned();
    telling.get(&format!("{CONNECTORS}?limit=2&continue={next}")).await;
    telling.get(CONNECTORS).await;
    telling
        .send("PATCH", &format!("{CONNECTORS}/plant-a"), MERGE, JSON, &json!({ "spec": { "suspend": true } }))
        .await;
    let watch = format!("{CONNECTORS}?watch=true&resourceVersion={since}&timeoutSeconds=2");
    telling.get(&watch).await;
    telling.send("GET", &watch, JSON, ONLY_METADATA, &Value::Null).await;
}

/// What was before the history was forgotten: a page of an older list, and a watch since an older revision.
async fn what_is_forgotten(telling: &mut Telling) {
    let first = telling.get(&format!("{CONNECTORS}?limit=2")).await;
    let since = first["metadata"]["resourceVersion"].as_str().expect("a version").to_owned();
    let next = first["metadata"]["continue"].as_str().expect("another page").to_owned();
    telling.create(CONNECTORS, &connector("plant-g")).await;
    telling.server.forget().await;
    let expired = telling.get(&format!("{CONNECTORS}?limit=2&continue={next}")).await;
    let rest = expired["metadata"]["continue"].as_str().expect("a way to the rest").to_owned();
    telling.create(CONNECTORS, &connector("plant-h")).await;
    telling.get(&format!("{CONNECTORS}?limit=2&continue={rest}")).await;
    telling.get(&format!("{CONNECTORS}?watch=true&resourceVersion={since}&timeoutSeconds=2")).await;
    telling.get(&format!("{CONNECTORS}?limit=1")).await;
}

async fn secrets_and_leases(telling: &mut Telling) {
    let secret = |name: &str, kind: &str| json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": name }, "type": kind, "data": { "key": "djE=" } });
    telling.create(SECRETS, &secret("one", "Opaque")).await;
    telling.create(SECRETS, &secret("release", "helm.sh/release.v1")).await;
    telling.get(&format!("{SECRETS}/one")).await;
    telling.get(&format!("{SECRETS}/none")).await;
    let selector = "fieldSelector=type%21%3Dhelm.sh%2Frelease.v1";
    let list =
        telling.send("GET", &format!("{SECRETS}?{selector}"), JSON, ONLY_METADATA_LIST, &Value::Null).await;
    let since = list["metadata"]["resourceVersion"].as_str().expect("a version").to_owned();
    telling
        .send("PATCH", &format!("{SECRETS}/one"), MERGE, JSON, &json!({ "data": { "key": "djI=" } }))
        .await;
    telling
        .send("PATCH", &format!("{SECRETS}/release"), MERGE, JSON, &json!({ "data": { "key": "djI=" } }))
        .await;
    telling.send("DELETE", &format!("{SECRETS}/one"), JSON, JSON, &Value::Null).await;
    let watch = format!("{SECRETS}?watch=true&resourceVersion={since}&timeoutSeconds=2&{selector}");
    telling.send("GET", &watch, JSON, ONLY_METADATA, &Value::Null).await;

    let lease = json!({ "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": { "name": "lease" },
        "spec": { "holderIdentity": "one", "leaseDurationSeconds": 15 } });
    let made = telling.create(LEASES, &lease).await;
    telling.create(LEASES, &lease).await;
    let mut taken = made.clone();
    taken["spec"]["holderIdentity"] = "two".into();
    telling.send("PUT", &format!("{LEASES}/lease"), JSON, JSON, &taken).await;
    telling.send("PUT", &format!("{LEASES}/lease"), JSON, JSON, &taken).await;
    telling.get(&format!("{LEASES}/lease")).await;
}

async fn tell(server: Server) -> Vec<(String, Value)> {
    let mut telling = Telling::new(server);
    let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": NAMESPACE } });
    telling.create("/api/v1/namespaces", &namespace).await;
    telling.told.clear();
    life_of_an_object(&mut telling).await;
    lists_and_watches(&mut telling).await;
    secrets_and_leases(&mut telling).await;
    what_is_forgotten(&mut telling).await;
    telling.told
}

#[tokio::test]
async fn the_simulated_api_server_answers_as_the_real_one_does() {
    let plane = ControlPlane::own("honesty").await;
    let real = tell(Server::Real(plane, plane.client().await)).await;
    let simulated = tell(Server::Simulated(ApiServer::new())).await;
    assert_eq!(real.len(), simulated.len(), "each was told the same script");
    let mut differences = Vec::new();
    for ((step, real), (_, simulated)) in real.iter().zip(&simulated) {
        if real != simulated {
            differences.push(format!("{step}\n  the real one: {real}\n  the simulated: {simulated}"));
        }
    }
    assert!(
        differences.is_empty(),
        "{} of {} answers differ:\n{}",
        differences.len(),
        real.len(),
        differences.join("\n")
    );
    println!("{} answers of the simulated API server are those of the real one", real.len());
}
