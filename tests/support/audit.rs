//! What the API server was asked, by its own audit log: who wrote what, and who was refused.

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kube::Client;
use serde_json::Value;

use super::control_plane::ControlPlane;
use super::objects::GROUP;
use super::wait;

/// How long the API server may take to write a line that it owes.
const WRITTEN_WITHIN: Duration = Duration::from_secs(20);

/// One answered request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `create`, `update`, `patch`, `apply` (a server-side apply), `delete`, `get`, `list`, `watch`, …
    pub verb: String,
    /// API group; empty for the core group.
    pub group: String,
    /// `onomondoconnectors`, `secrets`, …
    pub resource: String,
    /// Namespace; empty for cluster-wide requests.
    pub namespace: String,
    /// Name; empty for lists and for creates with a generated name.
    pub name: String,
    /// `status`, `token`, …; mostly empty.
    pub subresource: String,
    /// The status code of the answer.
    pub code: u64,
}

impl Request {
    fn read(line: &str) -> Option<Request> {
        let entry: Value = serde_json::from_str(line).ok()?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let target = &entry["objectRef"];
        let mut verb = text(&entry["verb"]);
        // The log does not tell a server-side apply from another patch, but only an apply can be forced.
        if verb == "patch" && text(&entry["requestURI"]).contains("force=true") {
            "apply".clone_into(&mut verb);
        }
        Some(Request {
            verb,
            group: text(&target["apiGroup"]),
            resource: text(&target["resource"]),
            namespace: text(&target["namespace"]),
            name: text(&target["name"]),
            subresource: text(&target["subresource"]),
            code: entry["responseStatus"]["code"].as_u64().unwrap_or_default(),
        })
    }

    /// Whether it was meant to change something.
    pub fn is_write(&self) -> bool {
        matches!(self.verb.as_str(), "create" | "update" | "patch" | "apply" | "delete" | "deletecollection")
    }

    /// Whether it is about the operator's own kinds.
    pub fn is_of_own_group(&self) -> bool {
        self.group == GROUP
    }
}

/// `apply onomondoconnectors/plant-a/status`, and ` -> 409` behind it where it failed.
impl fmt::Display for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.verb, self.resource)?;
        for part in [&self.name, &self.subresource] {
            if !part.is_empty() {
                write!(formatter, "/{part}")?;
            }
        }
        if self.code >= 300 { write!(formatter, " -> {}", self.code) } else { Ok(()) }
    }
}

/// The part of the audit log that is one user's, from some moment on.
pub struct Audit {
    user: String,
    from: u64,
}

impl Audit {
    /// Everything that `user` asks from now on.
    pub fn of(plane: &ControlPlane, user: &str) -> Audit {
        let from = std::fs::metadata(plane.audit_log()).map_or(0, |file| file.len());
        Audit { user: user.to_owned(), from }
    }

    /// The user's answered requests in the order of the log: all of those that were answered before this call.
    pub async fn requests(&self, plane: &ControlPlane, client: &Client) -> Vec<Request> {
        self.written(plane, client).await;
        let user = format!("\"username\":\"{}\"", self.user);
        self.lines(plane)
            .filter(|line| line.contains(&user))
            .filter_map(|line| Request::read(&line))
            .collect()
    }

    /// Waits until the log holds a request that is sent only now.
    async fn written(&self, plane: &ControlPlane, client: &Client) {
        static MARKS: AtomicU64 = AtomicU64::new(0);
        let mark = format!("/version?mark={}", MARKS.fetch_add(1, Ordering::Relaxed));
        let request = http::Request::get(&mark).body(Vec::new()).expect("a request");
        client.request_text(request).await.expect("the API server answers /version");
        let quoted = format!("\"requestURI\":\"{mark}\"");
        wait::until("the audit log holds a request", WRITTEN_WITHIN, || async {
            self.lines(plane).any(|line| line.contains(&quoted)).then_some(()).ok_or("it does not")
        })
        .await;
    }

    fn lines(&self, plane: &ControlPlane) -> impl Iterator<Item = String> + use<> {
        let mut file = File::open(plane.audit_log()).expect("open the audit log");
        file.seek(SeekFrom::Start(self.from)).expect("seek in the audit log");
        BufReader::new(file).lines().map_while(Result::ok)
    }
}
