//! The referee: holds every step of the operator against the promises of `semantics.md`, by what really is in Kubernetes and at the vendors.
//!
//! It knows what the operator can know: a process may act on what it was last told, however stale that is, and on nothing older. It never looks
//! into the operator.

mod kubernetes;
mod vendors;

use super::declared::Declared;
use super::kubernetes::{Answer, ApiServer, Key, Request};
use super::line::{Line, Process};
use super::remote::{Remote, Vendor};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::time::Duration;

pub use vendors::{REQUESTS_PER_MINUTE, credential};

/// How long a pass may go on with what it was told when it began: a few calls with their deadlines.
const LONGEST_PASS: Duration = Duration::from_mins(5);

/// A promise that was broken.
#[derive(Debug, Clone)]
pub struct Violation {
    pub at: Duration,
    pub promise: &'static str,
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:.3}s  {}: {}", self.at.as_secs_f64(), self.promise, self.what)
    }
}

/// Who made an object of a vendor's.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Maker {
    /// The operator, for the object of that uid.
    Operator(String),
    /// Somebody else.
    Person,
}

/// See the module.
#[derive(Default)]
pub struct Referee {
    violations: Vec<Violation>,
    told: BTreeMap<(Process, Key), Vec<(Duration, u64)>>,
    makers: BTreeMap<String, Maker>,
    /// When an object of that identity was there first, and last.
    seen: BTreeMap<(Vendor, String), (Duration, Duration)>,
    calls: BTreeMap<(Process, String), VecDeque<Duration>>,
    held: BTreeMap<(Process, String), Duration>,
    /// The names of creates that made nothing.
    doubted: BTreeSet<String>,
    /// Which process wrote the claim on a name.
    claimants: BTreeMap<String, Process>,
    /// How often somebody made or changed an object of that identity.
    by_hand: BTreeMap<(Vendor, String), u64>,
    leader: Option<Process>,
    elects: bool,
    /// Requests that change something: at the vendors, and in Kubernetes beside the leases.
    pub vendor_writes: u64,
    pub kubernetes_writes: u64,
    pub lists: u64,
}

impl Referee {
    pub fn new() -> Self {
        Self::default()
    }

    /// Everything that was broken.
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// Says that a promise was broken.
    pub fn breaks(&mut self, at: Duration, promise: &'static str, what: impl Into<String>) {
        self.violations.push(Violation { at, promise, what: what.into() });
    }

    /// A watch told a process of an object as of a revision.
    pub fn told(&mut self, now: Duration, line: &Line, key: &Key, revision: u64) {
        self.told.entry((line.process, key.clone())).or_default().push((now, revision));
    }

    /// An answer told a process of the objects in it.
    pub fn told_by_answer(&mut self, now: Duration, line: &Line, request: &Request, answer: &Answer) {
        let of = |object: &serde_json::Value| {
            let metadata = &object["metadata"];
            let text = |name: &str| metadata[name].as_str().unwrap_or_default().to_owned();
            let revision = text("resourceVersion").parse::<u64>().ok()?;
            Some(((request.key().0, text("namespace"), text("name")), revision))
        };
        let objects: Vec<_> = match answer.body["items"].as_array() {
            Some(items) => items.iter().filter_map(of).collect(),
            None => of(&answer.body).into_iter().collect(),
        };
        for (key, revision) in objects {
            self.told(now, line, &key, revision);
        }
    }

    /// Whether an object has been there for so long that no list of the vendor's lags it any more.
    pub fn is_old(&self, now: Duration, remote: &Remote) -> bool {
        const SETTLED: Duration = Duration::from_mins(2);
        let seen = self.seen.get(&(remote.vendor, remote.identity.clone()));
        seen.is_some_and(|(first, _)| *first + SETTLED < now)
    }

    /// Somebody changed what a vendor has, from `before` to `after`.
    pub fn changed_by_hand(&mut self, before: &[Remote], after: &[Remote]) {
        for remote in after {
            let old = before.iter().find(|old| old.id == remote.id);
            if old.is_none() {
                self.person_made(&remote.id);
            }
            if old.is_none_or(|old| old.body != remote.body) {
                *self.by_hand.entry((remote.vendor, remote.identity.clone())).or_default() += 1;
            }
        }
    }

    /// Whether somebody changed what a connector has, or asks for, so often that a field could have been taken for theirs (semantics, 5).
    pub fn was_insisted(&self, one: &Declared) -> bool {
        let identities: BTreeSet<&str> = [one.shown(), one.wanted()].into_iter().flatten().collect();
        let times =
            |identity: &str| self.by_hand.get(&(one.vendor, identity.to_owned())).copied().unwrap_or(0);
        identities.into_iter().map(times).sum::<u64>() >= 3
    }

    /// A person made an object at a vendor, or an agent did.
    pub fn person_made(&mut self, id: &str) {
        self.makers.insert(id.to_owned(), Maker::Person);
    }

    /// The versions of every connector of a vendor that a process may act on.
    fn may_act_on(&self, now: Duration, process: Process, vendor: Vendor, api: &ApiServer) -> Vec<Declared> {
        let store = api.store();
        let mut versions = Vec::new();
        for key in store.ever(vendor.connectors()) {
            let Some(told) = self.told.get(&(process, key.clone())) else { continue };
            let long_ago = told.iter().rev().find(|(at, _)| *at + LONGEST_PASS <= now);
            let Some((_, oldest)) = long_ago.or_else(|| told.first()) else { continue };
            let since = store.versions_since(key, *oldest);
            versions.extend(since.iter().filter_map(|(_, object)| Declared::new(key, object.clone())));
        }
        versions
    }
}
