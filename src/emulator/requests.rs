//! The log of the requests that the emulator saw: what tests assert, and what a person reads to see what a client does.
//!
//! It never holds a credential or a secret: bodies arrive here already redacted by their vendor.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;

/// The most bytes of request bodies that are kept; the oldest entries go first.
const MOST_BODY_BYTES: usize = 64 << 20;

/// One request, in the order of arrival.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// 1 for the first request since the start; never used twice.
    pub seq: u64,
    /// When it arrived, by the emulator's clock.
    pub at: String,
    /// Which connection it came on: distinct numbers are distinct connections.
    pub connection: u64,
    /// The organisation whose key it carried, if it carried a known one.
    pub organisation: Option<String>,
    /// The method, in capitals.
    pub method: String,
    /// The path as sent, without the query.
    pub path: String,
    /// The query as sent, without the question mark.
    pub query: Option<String>,
    /// The body with every secret replaced by `<set> sha256:…` of its bytes.
    pub body: Option<LoggedBody>,
    /// How it ended.
    pub outcome: Outcome,
    /// The status of the answer, where there was one.
    pub status: Option<u16>,
    /// The fault that was applied to it.
    pub fault: Option<u64>,
}

/// A request's body as the log keeps it: as text, which takes a fraction of what a tree of values does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedBody(String);

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Still being worked on. Never seen in what the log returns.
    InProgress,
    /// Held back by a fault: a delay that has not passed, or a request that is never answered.
    Held,
    /// Answered; see the status.
    Answered,
    /// Its connection was cut on purpose.
    Cut,
    /// The client went away before there was an answer.
    Abandoned,
}

/// Which entries a reader wants.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only entries with a greater `seq`.
    pub since: u64,
    /// Only this method (in any case).
    pub method: Option<String>,
    /// Only paths that start with this.
    pub path: Option<String>,
}

/// The log. The oldest entries are dropped when it is full.
#[derive(Debug)]
pub struct Requests {
    log: Mutex<Log>,
    changed: watch::Sender<()>,
}

#[derive(Debug)]
struct Log {
    entries: VecDeque<Entry>,
    next: u64,
    capacity: usize,
    body_bytes: usize,
}

/// What is known of a request when it arrives.
pub(super) struct Arriving {
    pub(super) at: String,
    pub(super) connection: u64,
    pub(super) organisation: Option<String>,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: Option<String>,
    pub(super) body: Option<Value>,
}

/// An entry whose request is being worked on. Dropped without an ending it reads as abandoned.
pub(super) struct Arrival {
    requests: Arc<Requests>,
    seq: u64,
    ended: bool,
}

impl Requests {
    pub(super) fn new(capacity: usize) -> Self {
        let log = Log { entries: VecDeque::new(), next: 1, capacity: capacity.max(1), body_bytes: 0 };
        Self { log: Mutex::new(log), changed: watch::Sender::new(()) }
    }

    /// The entries that match, oldest first, up to the first request that is still being worked on: what was returned once
    /// has its place in the order for good.
    pub fn read(&self, filter: &Filter) -> Vec<Entry> {
        self.lock().matching(filter).cloned().collect()
    }

    /// Waits until at least `count` entries match, for at most `patience`, then reads.
    pub async fn wait(&self, filter: &Filter, count: usize, patience: Duration) -> Vec<Entry> {
        let deadline = Instant::now() + patience;
        let mut changed = self.changed.subscribe();
        loop {
            let enough = self.lock().matching(filter).count() >= count;
            if enough || tokio::time::timeout_at(deadline, changed.changed()).await.is_err() {
                return self.read(filter);
            }
        }
    }

    /// Forgets every entry. The numbering goes on.
    pub fn clear(&self) {
        let mut log = self.lock();
        log.entries.clear();
        log.body_bytes = 0;
    }

    pub(super) fn arrive(self: &Arc<Self>, arriving: Arriving) -> Arrival {
        let seq = self.lock().push(arriving);
        Arrival { requests: Arc::clone(self), seq, ended: false }
    }

    fn change(&self, seq: u64, change: impl FnOnce(&mut Entry)) {
        {
            let mut log = self.lock();
            let found = log.entries.binary_search_by_key(&seq, |entry| entry.seq).ok();
            if let Some(entry) = found.and_then(|index| log.entries.get_mut(index)) {
                change(entry);
            }
        }
        self.changed.send_replace(());
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log {
    fn push(&mut self, arriving: Arriving) -> u64 {
        let seq = self.next;
        self.next += 1;
        let body = arriving.body.as_ref().map(LoggedBody::new);
        self.body_bytes += body.as_ref().map_or(0, |body| body.0.len());
        self.entries.push_back(Entry {
            seq,
            at: arriving.at,
            connection: arriving.connection,
            organisation: arriving.organisation,
            method: arriving.method,
            path: arriving.path,
            query: arriving.query,
            body,
            outcome: Outcome::InProgress,
            status: None,
            fault: None,
        });
        while self.entries.len() > self.capacity
            || (self.body_bytes > MOST_BODY_BYTES && self.entries.len() > 1)
        {
            self.drop_oldest();
        }
        seq
    }

    fn matching<'a>(&'a self, filter: &'a Filter) -> impl Iterator<Item = &'a Entry> {
        let first = self.entries.partition_point(|entry| entry.seq <= filter.since);
        let later = self.entries.range(first..);
        later.take_while(|entry| entry.outcome != Outcome::InProgress).filter(|entry| filter.admits(entry))
    }

    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.entries.pop_front() {
            self.body_bytes -= oldest.body.as_ref().map_or(0, |body| body.0.len());
        }
    }
}

impl Arrival {
    /// The fault that is applied to this request.
    pub(super) fn meets_fault(&self, fault: u64) {
        self.requests.change(self.seq, |entry| entry.fault = Some(fault));
    }

    /// A fault holds this request back, perhaps for ever: readers need not wait for it.
    pub(super) fn held(&self) {
        self.requests.change(self.seq, |entry| entry.outcome = Outcome::Held);
    }

    pub(super) fn answered(mut self, status: u16) {
        self.end(Outcome::Answered, Some(status));
    }

    pub(super) fn cut(mut self) {
        self.end(Outcome::Cut, None);
    }

    fn end(&mut self, outcome: Outcome, status: Option<u16>) {
        self.ended = true;
        self.requests.change(self.seq, |entry| {
            entry.outcome = outcome;
            entry.status = status;
        });
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        if !self.ended {
            self.end(Outcome::Abandoned, None);
        }
    }
}

impl Filter {
    fn admits(&self, entry: &Entry) -> bool {
        self.method.as_ref().is_none_or(|method| entry.method.eq_ignore_ascii_case(method))
            && self.path.as_ref().is_none_or(|path| entry.path.starts_with(path))
    }
}

impl LoggedBody {
    fn new(body: &Value) -> Self {
        Self(body.to_string())
    }

    /// The body, redacted, as JSON. What was not JSON is a string that says so.
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}

impl Serialize for LoggedBody {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value().serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_once_keeps_its_place() {
        let requests = Arc::new(Requests::new(10));
        let arrive = |path: &str| {
            requests.arrive(Arriving {
                at: String::new(),
                connection: 1,
                organisation: None,
                method: "GET".to_owned(),
                path: path.to_owned(),
                query: None,
                body: None,
            })
        };
        let read =
            || requests.read(&Filter::default()).into_iter().map(|entry| entry.path).collect::<Vec<_>>();
        let (first, second) = (arrive("/first"), arrive("/second"));
        second.answered(200);
        assert_eq!(read(), Vec::<String>::new(), "the second waits for the first");
        first.answered(200);
        assert_eq!(read(), ["/first", "/second"]);
    }
}
