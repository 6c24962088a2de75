//! One simulated world: the API server, the vendors, the weather between them, and what is written down of it.

use super::kubernetes::ApiServer;
use super::line::{Line, Process};
use super::referee::Referee;
use super::remote::Vendor;
use super::scenario::Scenario;
use super::specs;
use super::tally::Tally;
use super::trace::Trace;
use super::weather::Weather;
use connector_operator::emulator::{Clock, Configuration, Credential, Emulator};
use serde_json::Value;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// When every world begins.
pub const BEGINNING: &str = "2026-01-01T00:00:00Z";

/// Where a call can be when the process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Boundary {
    /// It has not left yet.
    Leaving,
    /// It took effect, and its answer has not arrived yet.
    Answered,
}

/// See the module.
pub struct World {
    pub api: ApiServer,
    pub emulator: Emulator,
    pub began: Instant,
    clock_ahead: AtomicI64,
    state: Mutex<State>,
}

/// What changes, behind one lock that is never held across an `await`.
pub struct State {
    pub weather: Weather,
    pub tally: Tally,
    pub trace: Trace,
    pub referee: Referee,
    /// How many boundaries were passed, and at which the process dies.
    pub boundaries: u64,
    /// How many of them were passed when everything had come to rest.
    pub boundaries_to_rest: Option<u64>,
    pub crash_at: Option<u64>,
    /// The newest process of each replica.
    pub lines: Vec<Option<Line>>,
}

impl World {
    /// A world as the scenario describes it, in which nothing has happened yet.
    pub fn new(scenario: &Scenario, crash_at: Option<u64>, tell: bool) -> Arc<Self> {
        let start = BEGINNING.parse().expect("a time");
        let configuration = Configuration {
            seed: scenario.seed,
            clock: Clock::with_tokio_time(start),
            credentials: credentials(),
            switches: scenario.switches.clone(),
            state: None,
            log_entries: 16,
        };
        Arc::new(Self {
            api: ApiServer::new(),
            emulator: Emulator::new(configuration).expect("an emulator"),
            began: Instant::now(),
            clock_ahead: AtomicI64::new(0),
            state: Mutex::new(State {
                weather: Weather::new(scenario.seed, scenario.weather.clone()),
                tally: Tally::default(),
                trace: Trace::new(tell),
                referee: Referee::new(),
                boundaries: 0,
                boundaries_to_rest: None,
                crash_at,
                lines: vec![None; scenario.replicas],
            }),
        })
    }

    /// A vendor's account, as it is declared.
    pub fn account(&self, vendor: Vendor) -> Option<Arc<Value>> {
        self.api.object(&(vendor.accounts(), specs::namespace(vendor).to_owned(), "default".to_owned()))
    }

    /// What changes, for a moment.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long the world has been there.
    pub fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// How far the operator's wall clock is ahead, in milliseconds. The referee's callers hold the state, and none of them asks for the time.
    pub fn clock_ahead(&self) -> i64 {
        self.clock_ahead.load(Ordering::Relaxed)
    }

    /// Lets it jump.
    pub fn clock_jumps(&self, milliseconds: i64) {
        self.clock_ahead.fetch_add(milliseconds, Ordering::Relaxed);
    }

    /// Writes down that something happened.
    pub fn tell(&self, what: impl FnOnce() -> String) {
        let now = self.now();
        self.state().trace.add(now, what);
    }

    /// A call passes a boundary: the process may die here, and then this never returns.
    pub async fn passes(&self, line: &Line, boundary: Boundary, what: &str) {
        line.if_alive().await;
        let dies = {
            let mut state = self.state();
            state.boundaries += 1;
            state.crash_at == Some(state.boundaries)
        };
        if dies {
            self.tell(|| format!("{} dies, {boundary:?}: {what}", name(line.process)));
            line.sever();
            line.if_alive().await;
        }
    }
}

/// How the trace calls a process.
pub fn name(process: Process) -> String {
    format!("operator-{}#{}", process.replica, process.boot)
}

/// The credentials of the emulated vendors: two organisations of Onomondo, so that an account can be handed another's key.
fn credentials() -> Vec<Credential> {
    let credential = |vendor: &str, text: &str, organisation: &str| Credential {
        vendor: vendor.to_owned(),
        text: text.to_owned(),
        organisation: organisation.to_owned(),
    };
    vec![
        credential("onomondo", super::canary::ONOMONDO_KEY, "default"),
        credential("onomondo", super::canary::OTHER_ONOMONDO_KEY, "other"),
        credential("apono", super::canary::APONO_TOKEN, "default"),
        credential("omf", super::canary::OMF_CLIENT, connector_operator::emulator::DEFAULT_OMF_SCOPE),
    ]
}
