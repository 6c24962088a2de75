//! A Kubernetes for tests in paused time, in which nobody but the operator does anything: objects that can be listed, read, and written to under
//! the real one's precondition. Its watches tell nothing, so what a test changes is seen by the next operator that starts.

use bytes::Bytes;
use futures::stream;
use http::{Method, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use kube::client::Body;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// The objects. Cloning shares them.
#[derive(Clone, Default)]
pub(super) struct Cluster(Arc<Mutex<Stored>>);

#[derive(Default)]
struct Stored {
    /// By path.
    objects: BTreeMap<String, Value>,
    version: u64,
    writes: Vec<String>,
}

impl Cluster {
    /// A client that reaches these objects.
    pub(super) fn client(&self) -> kube::Client {
        let cluster = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let cluster = cluster.clone();
            async move { Ok::<_, Infallible>(cluster.answer(request).await) }
        });
        kube::Client::new(service, "default")
    }

    /// Puts an object at a path such as `/api/v1/namespaces/plant/secrets/token`, as somebody who applies it.
    pub(super) fn put(&self, path: &str, object: Value) {
        self.stored().store(path, object);
    }

    /// The object at a path.
    pub(super) fn get(&self, path: &str) -> Value {
        self.stored().objects.get(path).unwrap_or_else(|| panic!("nothing is at {path}")).clone()
    }

    /// The paths that the operator wrote to, oldest first.
    pub(super) fn writes(&self) -> Vec<String> {
        self.stored().writes.clone()
    }

    fn stored(&self) -> MutexGuard<'_, Stored> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(&self, request: Request<Body>) -> Answer {
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let body = request.into_body().collect().await.expect("a body").to_bytes();
        if uri.query().is_some_and(|query| query.contains("watch=")) {
            let silence = stream::pending::<Result<Frame<Bytes>, Infallible>>();
            return Response::new(StreamBody::new(silence).boxed_unsync());
        }
        let (status, answer) = match method {
            Method::GET => self.stored().read(uri.path()),
            Method::PATCH => self.stored().patch(uri.path(), &serde_json::from_slice(&body).expect("JSON")),
            _ => (StatusCode::CREATED, serde_json::from_slice(&body).expect("JSON")),
        };
        let mut response = Response::new(Full::from(answer.to_string()).boxed_unsync());
        *response.status_mut() = status;
        response
    }
}

impl Stored {
    fn store(&mut self, path: &str, mut object: Value) -> Value {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.objects.insert(path.to_owned(), object.clone());
        object
    }

    fn read(&self, path: &str) -> (StatusCode, Value) {
        if let Some(object) = self.objects.get(path) {
            return (StatusCode::OK, object.clone());
        }
        let inside = format!("{path}/");
        let items: Vec<&Value> =
            self.objects.iter().filter(|(at, _)| at.starts_with(&inside)).map(|(_, object)| object).collect();
        if items.is_empty() {
            return refusal(StatusCode::NOT_FOUND, "NotFound");
        }
        let version = self.version.to_string();
        let list = json!({
            "apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": version}, "items": items,
        });
        (StatusCode::OK, list)
    }

    /// A merge patch of the metadata, or an apply of the whole status.
    fn patch(&mut self, path: &str, body: &Value) -> (StatusCode, Value) {
        self.writes.push(path.to_owned());
        let (path, is_status) = match path.strip_suffix("/status") {
            Some(object) => (object, true),
            None => (path, false),
        };
        let Some(mut object) = self.objects.get(path).cloned() else {
            return refusal(StatusCode::NOT_FOUND, "NotFound");
        };
        if ["uid", "resourceVersion"].iter().any(|key| body["metadata"][key] != object["metadata"][key]) {
            return refusal(StatusCode::CONFLICT, "Conflict");
        }
        if is_status {
            object["status"] = body["status"].clone();
        } else {
            for (key, value) in body["metadata"].as_object().into_iter().flatten() {
                object["metadata"][key] = value.clone();
            }
        }
        (StatusCode::OK, self.store(path, object))
    }
}

fn refusal(status: StatusCode, reason: &str) -> (StatusCode, Value) {
    let code = status.as_u16();
    (
        status,
        json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code}),
    )
}
