//! Faults: what goes wrong on purpose, for which requests, and how often it has. This module decides; `exchange` does it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::watch;

/// The most faults in force at a time.
const MOST_FAULTS: usize = 1000;
/// The longest that a request may take effect after its client has left.
const LATEST_MILLISECONDS: u64 = 3_600_000;

/// Something that goes wrong for the requests that match. Where several match, the newest is applied.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Which requests; absent members match any.
    #[serde(default, rename = "match")]
    pub matching: Matching,
    /// What happens to them.
    pub action: Action,
}

/// Which requests a fault is for. Never those of the control API.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Matching {
    /// This method (in any case).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Paths that start with this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Requests with a key of this organisation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organisation: Option<String>,
    /// Bodies that hold at least these members, secrets as the request log shows them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// From the how many-th such request on; the first is 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nth: Option<u64>,
    /// How many times at most; absent: as long as the fault is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
}

/// What happens to a request.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// This answer, instead of the vendor's.
    Status {
        /// The status code.
        code: u16,
        /// A string is sent as it is; anything else as JSON; absent: no body.
        #[serde(default)]
        body: Option<Value>,
        /// Further headers; they win over the ones that the body brings.
        #[serde(default)]
        headers: BTreeMap<String, String>,
        /// Whether the request takes effect before it is answered so.
        #[serde(default)]
        after_applying: bool,
    },
    /// A refusal with this status in the vendor's own form, instead of its answer.
    Refused {
        /// The status code.
        code: u16,
        /// Whether the request takes effect before it is answered so.
        #[serde(default)]
        after_applying: bool,
    },
    /// The vendor's own answer, later.
    Delay {
        /// How much later.
        milliseconds: u64,
        /// Whether the request takes effect before the wait or after it.
        #[serde(default)]
        after_applying: bool,
    },
    /// The vendor's own answer, later, and its effect with it: also when the client has left by then.
    ApplyLate {
        /// How much later; at most an hour.
        milliseconds: u64,
    },
    /// No answer; the connection stays open until the fault is taken away, and then it is cut.
    Hang {
        /// Whether the request takes effect all the same.
        #[serde(default)]
        after_applying: bool,
    },
    /// The connection ends; nothing took effect.
    CutBefore {},
    /// The request takes effect, then the connection ends without an answer.
    CutAfterApplying {},
    /// A gateway's HTML page.
    Html {
        /// The status code.
        #[serde(default = "bad_gateway")]
        code: u16,
        /// Whether the request takes effect behind the gateway.
        #[serde(default)]
        after_applying: bool,
    },
    /// The vendor's own answer with the first half of its body.
    HalfBody {
        /// What comes after that half.
        #[serde(default)]
        then: AfterHalf,
    },
    /// The vendor's own answer after so many bytes of white space, which JSON allows: a list that is too large.
    LargeBody {
        /// How many bytes.
        bytes: u64,
    },
    /// The vendor's answer to a spent rate limit; nothing takes effect.
    RateLimited {
        /// Whether it says so in its rate-limit headers.
        #[serde(default = "yes")]
        headers: bool,
        /// In how many seconds those headers say that it is over.
        #[serde(default = "a_minute")]
        reset_seconds: u32,
        /// The seconds in a `Retry-After` header; absent: no such header.
        #[serde(default)]
        retry_after_seconds: Option<u32>,
    },
    /// A list as it was some time ago, or before the last writes.
    StaleList {
        /// How long ago.
        #[serde(default)]
        milliseconds: Option<u64>,
        /// How many writes before.
        #[serde(default)]
        writes: Option<usize>,
    },
    /// A list that lacks some of its items, with no sign of it.
    ShrinkList {
        /// How many of the first are left.
        #[serde(default)]
        keep: Option<usize>,
        /// The names of those that are missing.
        #[serde(default)]
        without: Vec<String>,
    },
}

/// How half a body ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AfterHalf {
    /// The connection ends, short of the promised length.
    #[default]
    Cut,
    /// Nothing more comes, and the connection stays open.
    Hang,
    /// A well-formed answer of half the length.
    End,
}

/// A fault with what became of it.
#[derive(Debug, Clone, Serialize)]
pub struct FaultState {
    /// Its number, unique since the start.
    pub id: u64,
    /// What it is.
    #[serde(flatten)]
    pub fault: Fault,
    /// How many requests matched.
    pub seen: u64,
    /// To how many it was applied.
    pub hits: u64,
}

/// How a vendor is to distort a list, as an extension of the request.
#[derive(Debug, Clone)]
pub(super) enum Distortion {
    Stale { milliseconds: u64, writes: usize },
    Shrunk { keep: Option<usize>, without: Vec<String> },
}

/// A request, as far as faults look at it.
pub(super) struct Subject<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) organisation: Option<&'a str>,
    pub(super) body: Option<&'a Value>,
}

/// The faults in force.
#[derive(Debug, Default)]
pub struct Faults {
    book: Mutex<Book>,
    removed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Book {
    last: u64,
    faults: Vec<FaultState>,
}

impl Faults {
    /// Adds a fault and returns its number. Refused where it could not be carried out.
    pub fn add(&self, fault: Fault) -> Result<u64, String> {
        fault.check()?;
        let mut book = self.lock();
        if book.faults.len() >= MOST_FAULTS {
            return Err(format!("there are {MOST_FAULTS} faults already; delete some first"));
        }
        book.last += 1;
        let id = book.last;
        book.faults.push(FaultState { id, fault, seen: 0, hits: 0 });
        Ok(id)
    }

    /// Every fault with its counts, oldest first.
    pub fn list(&self) -> Vec<FaultState> {
        self.lock().faults.clone()
    }

    /// Takes one fault away; false where there is none of this number.
    pub fn remove(&self, id: u64) -> bool {
        let taken = {
            let faults = &mut self.lock().faults;
            let at = faults.iter().position(|state| state.id == id);
            at.map(|at| faults.remove(at)).is_some()
        };
        self.removed.send_replace(());
        taken
    }

    /// Takes every fault away.
    pub fn clear(&self) {
        self.lock().faults.clear();
        self.removed.send_replace(());
    }

    /// Waits until this fault is taken away.
    pub(super) async fn gone(&self, id: u64) {
        let mut removed = self.removed.subscribe();
        while self.lock().faults.iter().any(|state| state.id == id) {
            if removed.changed().await.is_err() {
                return;
            }
        }
    }

    /// The fault to apply to this request, if any. Counts it.
    pub(super) fn choose(&self, subject: &Subject<'_>) -> Option<(u64, Action)> {
        let mut book = self.lock();
        let mut chosen = None;
        for state in book.faults.iter_mut().rev().filter(|state| state.fault.matching.admits(subject)) {
            state.seen += 1;
            if chosen.is_none() && state.is_due() {
                state.hits += 1;
                chosen = Some((state.id, state.fault.action.clone()));
            }
        }
        chosen
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FaultState {
    fn is_due(&self) -> bool {
        let Matching { nth, times, .. } = &self.fault.matching;
        self.seen >= nth.unwrap_or(1) && times.is_none_or(|times| self.hits < times)
    }
}

impl Fault {
    fn check(&self) -> Result<(), String> {
        match &self.action {
            Action::Status { code, .. } | Action::Refused { code, .. } | Action::Html { code, .. }
                if !(200..=599).contains(code) =>
            {
                Err(format!("{code} cannot be the status of an answer; use 200 to 599"))
            }
            Action::Status { headers, .. } => headers.iter().try_for_each(|(name, value)| {
                let sound =
                    http::HeaderName::try_from(name).is_ok() && http::HeaderValue::try_from(value).is_ok();
                if sound { Ok(()) } else { Err(format!("{name}: {value:?} cannot be a header")) }
            }),
            Action::ApplyLate { milliseconds } if *milliseconds > LATEST_MILLISECONDS => {
                Err(format!("apply_late takes at most {LATEST_MILLISECONDS} milliseconds"))
            }
            Action::StaleList { milliseconds: None, writes: None } => {
                Err("stale_list needs milliseconds or writes".to_owned())
            }
            _ => Ok(()),
        }
    }
}

impl Matching {
    fn admits(&self, subject: &Subject<'_>) -> bool {
        self.method.as_ref().is_none_or(|method| method.eq_ignore_ascii_case(subject.method))
            && self.path.as_ref().is_none_or(|path| subject.path.starts_with(path))
            && self.organisation.as_deref().is_none_or(|name| subject.organisation == Some(name))
            && self.body.as_ref().is_none_or(|part| subject.body.is_some_and(|body| holds(body, part)))
    }
}

/// Whether `whole` holds every member of `part`, at any depth.
fn holds(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().all(|(name, part)| whole.get(name).is_some_and(|whole| holds(whole, part)))
        }
        _ => whole == part,
    }
}

fn bad_gateway() -> u16 {
    502
}

fn a_minute() -> u32 {
    60
}

fn yes() -> bool {
    true
}
