//! The simulated API server: one request in, one answer or one watch out. It has no network of its own: who calls it is at its door.

use super::answer::{Answer, continue_expired, not_found, too_old};
use super::request::Request;
use super::resource::Resource;
use super::rules::{self, Part};
use super::store::{Key, Store};
use super::watch::Watch;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// The server. Cloning shares it.
#[derive(Clone)]
pub struct ApiServer {
    inner: Arc<Inner>,
}

struct Inner {
    store: Mutex<Store>,
    pages: Mutex<Pages>,
    /// Wakes who waits for a change, in the order in which they came: a channel would choose an order of its own.
    moved: Notify,
}

/// Lists of which not every page was asked for.
#[derive(Default)]
struct Pages {
    last: u64,
    open: BTreeMap<String, Page>,
    /// Where lists go on that are older than the history: from an object of that name, with what there is then.
    rests: BTreeMap<String, String>,
}

impl Pages {
    fn token(&mut self) -> String {
        self.last += 1;
        format!("page-{}", self.last)
    }
}

struct Page {
    revision: u64,
    left: Vec<Value>,
}

/// What a request comes to.
pub enum Reply {
    Answer(Answer),
    Watch(Watch),
}

impl ApiServer {
    pub fn new() -> Self {
        let (store, pages) = (Mutex::new(Store::new()), Mutex::default());
        Self { inner: Arc::new(Inner { store, pages, moved: Notify::new() }) }
    }

    /// What it holds, for a moment.
    pub fn store(&self) -> MutexGuard<'_, Store> {
        self.inner.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hears of every change from the moment on in which it is enabled.
    pub fn moved(&self) -> &Notify {
        &self.inner.moved
    }

    /// Answers a request.
    pub fn handle(&self, request: &Request) -> Reply {
        if request.is_watch() {
            return Reply::Watch(Watch::new(self.clone(), request));
        }
        let answer = match request.method.as_str() {
            "GET" if request.name.is_some() => self.get(request),
            "GET" => self.list(request),
            _ => self.write(request),
        };
        Reply::Answer(answer.unwrap_or_else(|refused| refused))
    }

    /// An object as it is now.
    pub fn object(&self, key: &Key) -> Option<Arc<Value>> {
        self.store().get(key).cloned()
    }

    /// Forgets its history, so that watches end and lists that are half read are too old.
    pub fn compact(&self) {
        self.store().compact();
        self.inner.moved.notify_waiters();
    }

    fn get(&self, request: &Request) -> Result<Answer, Answer> {
        let key = request.key();
        let object = self.object(&key).ok_or_else(|| not_found(request.resource, &key.2))?;
        Ok(Answer::ok(shown(request, (*object).clone())))
    }

    fn write(&self, request: &Request) -> Result<Answer, Answer> {
        let mut store = self.store();
        let key = request.key();
        let now = whole_seconds();
        let answer = match (request.method.as_str(), request.part) {
            ("POST", Part::Main) => rules::create(&mut store, &key, request.body.clone(), &now),
            ("PUT", Part::Main) => rules::replace(&mut store, &key, request.body.clone()),
            ("DELETE", Part::Main) => rules::delete(&mut store, &key, &request.body["preconditions"], &now),
            ("PATCH", part) if request.content_type.starts_with("application/merge-patch") => {
                rules::merge_patch(&mut store, &key, part, &request.body)
            }
            ("PATCH", Part::Status) if request.content_type.starts_with("application/apply-patch") => {
                rules::apply_status(&mut store, &key, &request.body)
            }
            _ => panic!("the simulated API server does not know how to {}", request.describe()),
        };
        self.inner.moved.notify_waiters();
        answer.map(|answer| Answer { code: answer.code, body: shown(request, answer.body) })
    }

    fn list(&self, request: &Request) -> Result<Answer, Answer> {
        let limit = request.parameter("limit").and_then(|limit| limit.parse().ok()).unwrap_or(usize::MAX);
        let mut page = match request.parameter("continue") {
            None => self.all(request),
            Some(token) => self.next_page(request, token)?,
        };
        let rest = page.left.split_off(limit.min(page.left.len()));
        let items = std::mem::replace(&mut page.left, rest);
        let resource = request.resource;
        let (api_version, kind) = if request.metadata_only {
            ("meta.k8s.io/v1".to_owned(), "PartialObjectMetadataList".to_owned())
        } else {
            (resource.api_version(), format!("{}List", resource.kind))
        };
        let mut metadata = json!({ "resourceVersion": page.revision.to_string() });
        if resource.is_custom() && !request.metadata_only {
            // Lists of custom resources say in so many words that there is no more.
            metadata["continue"] = "".into();
        }
        if !page.left.is_empty() {
            metadata["remainingItemCount"] = page.left.len().into();
            metadata["continue"] = self.keep(page).into();
        }
        Ok(Answer::ok(
            json!({ "apiVersion": api_version, "kind": kind, "metadata": metadata, "items": items }),
        ))
    }

    fn all(&self, request: &Request) -> Page {
        let store = self.store();
        let selector = Selector::read(request);
        let objects = store.of(request.resource, request.namespace.as_deref());
        let left = objects
            .filter(|(_, object)| selector.admits(object))
            .map(|(_, object)| listed(request, (**object).clone()))
            .collect();
        Page { revision: store.revision(), left }
    }

    fn next_page(&self, request: &Request, token: &str) -> Result<Page, Answer> {
        let name = |object: &Value| object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        if let Some(next) = self.pages().rests.remove(token) {
            let mut rest = self.all(request);
            rest.left.retain(|object| name(object) >= next);
            return Ok(rest);
        }
        let page = self.pages().open.remove(token).unwrap_or_else(|| panic!("no list has the page {token}"));
        if page.revision >= self.store().compacted() {
            return Ok(page);
        }
        let mut pages = self.pages();
        let token = pages.token();
        pages.rests.insert(token.clone(), page.left.first().map(name).unwrap_or_default());
        Err(continue_expired(&token))
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.inner.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, page: Page) -> String {
        let mut pages = self.pages();
        let token = pages.token();
        pages.open.insert(token.clone(), page);
        token
    }
}

/// Which objects a list or a watch is about, by `fieldSelector`: `type!=helm.sh/release.v1`.
pub struct Selector(Vec<(String, String, bool)>);

impl Selector {
    pub fn read(request: &Request) -> Self {
        let terms = request.parameter("fieldSelector").unwrap_or_default().split(',');
        let read = |term: &str| {
            let (path, value, equal) = match term.split_once("!=") {
                Some((path, value)) => (path, value, false),
                None => term.split_once('=').map(|(path, value)| (path, value, true))?,
            };
            Some((format!("/{}", path.replace('.', "/")), value.to_owned(), equal))
        };
        Self(terms.filter_map(read).collect())
    }

    pub fn admits(&self, object: &Value) -> bool {
        self.0.iter().all(|(path, value, equal)| {
            let is = object.pointer(path).and_then(Value::as_str).unwrap_or_default() == value;
            is == *equal
        })
    }
}

/// An object in the form that was asked for.
pub fn shown(request: &Request, object: Value) -> Value {
    if request.metadata_only && object["kind"] != "Status" {
        let metadata = &object["metadata"];
        return json!({ "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata });
    }
    object
}

/// The same in a list, where objects of Kubernetes' own do not repeat their kind.
fn listed(request: &Request, object: Value) -> Value {
    let mut object = shown(request, object);
    if let (false, false, Some(members)) =
        (request.metadata_only, request.resource.is_custom(), object.as_object_mut())
    {
        members.remove("kind");
        members.remove("apiVersion");
    }
    object
}

/// The time as metadata holds it.
fn whole_seconds() -> String {
    let now = connector_operator::clock::now();
    jiff::Timestamp::from_second(now.as_second()).expect("a time").to_string()
}

/// The 410 to a watch that begins before the history does.
pub fn gone(oldest: u64, asked: u64) -> Value {
    json!({ "type": "ERROR", "object": too_old(oldest, asked).body })
}

/// The resource of a request's watch, for whoever delivers its events.
pub fn bookmark(resource: &Resource, metadata_only: bool, revision: u64) -> Value {
    let (api_version, kind) = if metadata_only {
        ("meta.k8s.io/v1".to_owned(), "PartialObjectMetadata".to_owned())
    } else {
        (resource.api_version(), resource.kind.clone())
    };
    let metadata = json!({ "resourceVersion": revision.to_string(), "creationTimestamp": null });
    json!({ "type": "BOOKMARK", "object": { "apiVersion": api_version, "kind": kind, "metadata": metadata } })
}
