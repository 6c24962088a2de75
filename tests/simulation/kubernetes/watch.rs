//! One watch: the changes of one resource since a revision, in their order, until its time is over or the history is gone.

use super::request::Request;
use super::server::{ApiServer, Selector, bookmark, gone, shown};
use super::store::{Change, Key};
use serde_json::{Value, json};
use std::pin::pin;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How often a watch on which nothing happens says how far it is.
const BOOKMARKS: Duration = Duration::from_mins(1);

/// See the module.
pub struct Watch {
    server: ApiServer,
    request: Request,
    selector: Selector,
    revision: u64,
    until: Instant,
    over: bool,
}

/// One event of a watch.
#[derive(Debug)]
pub struct WatchEvent {
    pub line: Value,
    /// Which object it tells of, and as of which revision; absent for what tells of none.
    pub about: Option<(Key, u64)>,
}

impl Watch {
    pub(super) fn new(server: ApiServer, request: &Request) -> Self {
        let number = |name: &str| request.parameter(name).and_then(|value| value.parse().ok());
        let revision = number("resourceVersion").filter(|revision| *revision > 0);
        let seconds = number("timeoutSeconds").unwrap_or(290);
        Self {
            revision: revision.unwrap_or_else(|| server.store().revision()),
            selector: Selector::read(request),
            request: request.clone(),
            server,
            until: Instant::now() + Duration::from_secs(seconds),
            over: false,
        }
    }

    /// Lets it end after so long at the latest.
    pub fn end_within(&mut self, duration: Duration) {
        self.until = self.until.min(Instant::now() + duration);
    }

    /// The next event; `None` when it is over.
    pub async fn next(&mut self) -> Option<WatchEvent> {
        let server = self.server.clone();
        let mut quiet_until = Instant::now() + BOOKMARKS;
        loop {
            if self.over {
                return None;
            }
            let mut moved = pin!(server.moved().notified());
            moved.as_mut().enable();
            match self.take() {
                Ok(Some(event)) => return Some(event),
                Ok(None) => {}
                Err(gone) => return Some(gone),
            }
            let wake = self.until.min(quiet_until);
            if timeout_at(wake, moved).await.is_ok() {
                continue;
            }
            if Instant::now() >= self.until {
                self.over = true;
                return None;
            }
            quiet_until = Instant::now() + BOOKMARKS;
            let bookmarks = self.request.parameter("allowWatchBookmarks") == Some("true");
            let newest = self.server.store().revision();
            if bookmarks && newest > self.revision {
                self.revision = newest;
                let line = bookmark(self.request.resource, self.request.metadata_only, newest);
                return Some(WatchEvent { line, about: None });
            }
        }
    }

    /// The next change that it is about, if there is one.
    fn take(&mut self) -> Result<Option<WatchEvent>, WatchEvent> {
        let store = self.server.store();
        loop {
            let change =
                store.change_after(self.revision, self.request.resource, self.request.namespace.as_deref());
            match change {
                Err(compacted) => {
                    self.over = true;
                    let line = gone(compacted.oldest, self.revision);
                    return Err(WatchEvent { line, about: None });
                }
                Ok(None) => return Ok(None),
                Ok(Some(change)) => {
                    self.revision = change.revision;
                    if self.selector.admits(&change.object) {
                        return Ok(Some(event(&self.request, change)));
                    }
                }
            }
        }
    }
}

fn event(request: &Request, change: &Change) -> WatchEvent {
    let object = shown(request, (*change.object).clone());
    let line = json!({ "type": change.what.event(), "object": object });
    WatchEvent { line, about: Some((change.key.clone(), change.revision)) }
}
