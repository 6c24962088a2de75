//! A request to the simulated API server: what its method, path, query and headers come to.

use super::answer::Answer;
use super::resource::Resource;
use super::rules::Part;
use super::store::{Key, static_plural};
use serde_json::Value;
use std::collections::BTreeMap;

/// A request as the server understands it.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: http::Method,
    pub resource: &'static Resource,
    pub namespace: Option<String>,
    pub name: Option<String>,
    pub part: Part,
    pub query: BTreeMap<String, String>,
    /// Whether only metadata is asked for.
    pub metadata_only: bool,
    pub content_type: String,
    pub body: Value,
}

impl Request {
    /// Reads a request.
    ///
    /// # Errors
    /// The server's answer to what is no request to anything that it has.
    pub fn read(parts: &http::request::Parts, body: &[u8]) -> Result<Self, Answer> {
        let header = |name: http::HeaderName| {
            parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
        };
        let query = parts.uri.query().unwrap_or_default().as_bytes();
        let (resource, namespace, rest) = place(parts.uri.path()).ok_or_else(|| {
            Answer::failure(404, "NotFound", "the server could not find the requested resource")
        })?;
        let part = if rest.get(1).is_some_and(|part| part == "status") { Part::Status } else { Part::Main };
        let body = if body.is_empty() {
            Value::Null
        } else {
            // An apply patch is YAML, of which JSON is a part.
            serde_json::from_slice(body)
                .map_err(|error| Answer::failure(400, "BadRequest", error.to_string()))?
        };
        Ok(Self {
            method: parts.method.clone(),
            resource,
            namespace,
            name: rest.first().cloned(),
            part,
            query: url::form_urlencoded::parse(query).into_owned().collect(),
            metadata_only: header(http::header::ACCEPT).contains("as=PartialObjectMetadata"),
            content_type: header(http::header::CONTENT_TYPE),
            body,
        })
    }

    /// The object that it is about.
    pub fn key(&self) -> Key {
        let in_body = || self.body["metadata"]["name"].as_str().map(str::to_owned);
        let name = self.name.clone().or_else(in_body).unwrap_or_default();
        (static_plural(self.resource), self.namespace.clone().unwrap_or_default(), name)
    }

    /// A parameter of the query.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// Whether it asks for a watch.
    pub fn is_watch(&self) -> bool {
        self.parameter("watch") == Some("true")
    }

    /// Whether it would change anything.
    pub fn is_write(&self) -> bool {
        self.method != http::Method::GET
    }

    /// What is done to what, in few words: `patch onomondoconnectors/plant-a/status`.
    pub fn describe(&self) -> String {
        let verb = match (self.method.as_str(), self.is_watch(), self.name.is_some()) {
            ("GET", true, _) => "watch",
            ("GET", _, true) => "get",
            ("GET", ..) => "list",
            ("POST", ..) => "create",
            ("PUT", ..) => "replace",
            ("PATCH", ..) if self.content_type.contains("apply") => "apply",
            ("PATCH", ..) => "patch",
            ("DELETE", ..) => "delete",
            _ => "?",
        };
        let (plural, namespace, name) = self.key();
        let part = if self.part == Part::Status { "/status" } else { "" };
        if name.is_empty() {
            format!("{verb} {plural} {namespace}")
        } else {
            format!("{verb} {plural} {namespace}/{name}{part}")
        }
    }
}

/// Resource, namespace, and what follows them: name and subresource.
fn place(path: &str) -> Option<(&'static Resource, Option<String>, Vec<String>)> {
    let mut segments = path.trim_matches('/').split('/').map(str::to_owned);
    let group = match segments.next()?.as_str() {
        "api" => String::new(),
        "apis" => segments.next()?,
        _ => return None,
    };
    let _version = segments.next()?;
    let mut rest: Vec<String> = segments.collect();
    let namespace = if rest.first().is_some_and(|first| first == "namespaces") && rest.len() > 2 {
        let namespace = rest.remove(1);
        rest.remove(0);
        Some(namespace)
    } else {
        None
    };
    if rest.is_empty() {
        return None;
    }
    let plural = rest.remove(0);
    Some((Resource::find(&group, &plural)?, namespace, rest))
}
