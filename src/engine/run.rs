//! The run loop of one controller: what changed goes into the queue, what is due is reconciled, and nothing else happens here.
//!
//! It is one task with one `select!` in a fixed order. A pass that panics or takes too long is only that pass's failure. Nothing runs
//! before every feed has listed once, because a claim that is not known yet cannot be respected.

use super::accounts;
use super::cache::{Cached, Told};
use super::context::Context;
use super::feeds::{Fed, feeds};
use super::held;
use super::object::ObjectKey;
use super::outcome::Outcome;
use super::queue::{Cause, Next, Queue};
use super::reconcile;
use super::vendor::Vendor;
use crate::metrics::ReconcileResult;
use crate::remote::ReflectorEvent;
use crate::server::{Condition, Heartbeat};
use crate::shutdown::Shutdown;
use crate::spans;
use futures::future::BoxFuture;
use futures::stream::{BoxStream, FuturesUnordered, SelectAll};
use futures::{FutureExt, StreamExt};
use k8s_openapi::api::core::v1::Namespace;
use kube::Resource;
use kube::api::PartialObjectMeta;
use kube::runtime::watcher::Event;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{Instrument, Span};

/// What is reconciled. Accounts come before connectors.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// An account.
    Account(ObjectKey),
    /// A connector.
    Connector(ObjectKey),
    /// A connector that has to be told that its account is held.
    Held(ObjectKey),
}

/// A pass may take as long as a few calls, each of which has its own deadline.
const LONGEST_PASS: Duration = Duration::from_mins(12);
/// The heartbeat goes on even when nothing does.
const LONGEST_SLEEP: Duration = Duration::from_secs(10);

type Lane = Option<ObjectKey>;
type Finished = (Key, Instant, Result<Outcome, ReconcileResult>);

/// The signs of life that the run loop gives.
pub struct Signs {
    /// Beats as long as the loop turns.
    pub heartbeat: Heartbeat,
    /// Met once every feed has listed.
    pub caches_synced: Condition,
}

/// The controller of one vendor.
pub struct Controller<V: Vendor> {
    pub(super) context: Arc<Context<V>>,
    pub(super) queue: Queue<Key, Lane>,
    feeds: SelectAll<BoxStream<'static, Fed<V>>>,
    lists: mpsc::Receiver<(String, ReflectorEvent)>,
    running: FuturesUnordered<BoxFuture<'static, Finished>>,
    pub(super) awaiting_list: BTreeMap<String, BTreeSet<ObjectKey>>,
    signs: Signs,
}

impl<V: Vendor> Controller<V> {
    /// A controller that has not begun.
    pub fn new(
        context: Arc<Context<V>>,
        lists: mpsc::Receiver<(String, ReflectorEvent)>,
        signs: Signs,
    ) -> Self {
        let concurrency = context.settings.concurrency.max(1);
        context.metrics.controller_starts(V::NAME, concurrency);
        // One slow account must leave room for the others.
        let in_lane = (concurrency - concurrency / 4).max(1);
        Self {
            feeds: feeds(&context),
            queue: Queue::new(in_lane, fastrand::u64(..)),
            context,
            lists,
            running: FuturesUnordered::new(),
            awaiting_list: BTreeMap::new(),
            signs,
        }
    }

    /// Runs until it is asked to stop, and lets running passes finish until the deadline. Before `leads` says since when this process
    /// leads, it only keeps its caches. Returns how many passes were dropped.
    pub async fn run(mut self, mut leads: watch::Receiver<Option<Instant>>, shutdown: Shutdown) -> usize {
        loop {
            let since = *leads.borrow_and_update();
            if let Some(since) = since {
                self.context.leads_since.get_or_init(|| since);
            }
            self.signs.heartbeat.beat();
            self.start_what_is_due();
            let now = Instant::now();
            let due = if self.may_start() { self.queue.next_due() } else { None };
            let sleep = due.unwrap_or(now + LONGEST_SLEEP).min(now + LONGEST_SLEEP);
            tokio::select! {
                biased;
                Some(finished) = self.running.next() => self.finished(finished),
                Some(fed) = self.feeds.next() => self.fed(fed),
                Some((remote, event)) = self.lists.recv() => self.listed(&remote, &event),
                () = sleep_until(sleep) => {}
                Ok(()) = leads.changed(), if since.is_none() => {}
                deadline = shutdown.requested() => return self.drain(deadline).await,
            }
        }
    }

    /// Lets running passes finish. Returns how many did not: what they had sent may still take effect.
    async fn drain(mut self, deadline: Instant) -> usize {
        self.signs.heartbeat.rest();
        tracing::info!(
            controller = V::NAME,
            passes = self.running.len(),
            "stopping; running passes may finish"
        );
        loop {
            tokio::select! {
                biased;
                finished = self.running.next() => match finished {
                    Some(finished) => self.finished(finished),
                    None => return 0,
                },
                () = sleep_until(deadline) => {
                    let passes = self.running.len();
                    tracing::warn!(controller = V::NAME, passes, "stopped before these passes were done");
                    return passes;
                }
            }
        }
    }

    fn may_start(&self) -> bool {
        self.context.leads_since.get().is_some()
            && self.running.len() < self.context.settings.concurrency.max(1)
            && self.context.state().is_ready()
    }

    fn start_what_is_due(&mut self) {
        while self.may_start() {
            let Some(key) = self.queue.pop(Instant::now()) else { break };
            if let Key::Held(connector) = &key
                && self.queue.is_running(&Key::Connector(connector.clone()))
            {
                // It was woken while the account was held. A pass is on its way by now, and may be about to create what this one would say is not there.
                self.queue.done(&key, Next::Wait, Instant::now());
                continue;
            }
            let cause = self.queue.cause_of(&key);
            tracing::debug!(controller = V::NAME, ?key, ?cause, "pass begins");
            self.running.push(pass(self.context.clone(), key, cause));
        }
        self.context.metrics.set_active_workers(V::NAME, self.running.len());
        self.show_queue();
    }

    /// Says how many wait.
    pub(super) fn show_queue(&self) {
        self.context.metrics.set_queue_depth(V::NAME, self.queue.depth(Instant::now()));
    }

    fn finished(&mut self, (key, started, result): Finished) {
        let now = Instant::now();
        let outcome = match result {
            Ok(outcome) => outcome,
            Err(kind) => {
                self.context.metrics.reconcile_finished(V::NAME, kind, now - started);
                self.queue.done(&key, Next::BackOff, now);
                return;
            }
        };
        self.context.metrics.reconcile_finished(V::NAME, outcome.result(), now - started);
        self.queue.done(&key, outcome.next, now);
        if self.changed_meanwhile(&key, outcome.seen.as_deref()) {
            self.wake(&key, Cause::Changed);
            // Another pass may have met the limit while this one ran.
            if let Key::Connector(key) = &key {
                self.tell_if_held(key);
            }
        }
        // Of a connector that is gone by now no account is known, and the lane of none is that of all accounts: its account's next call is held anyway.
        if let (Some(until), Some(account)) = (outcome.hold, self.lane(&key)) {
            self.queue.hold(&Some(account.clone()), until);
            // The account's status says that it is held, and until when.
            self.tell_all_held(&account);
            self.wake(&Key::Account(account), Cause::Dependency);
        }
        self.wake_if_let_go(&key);
        if let (Key::Connector(object), Some((remote, lists))) = (&key, outcome.after_list) {
            self.await_list(object, remote, lists);
        }
        for (key, cause) in outcome.wake {
            self.wake(&key, cause);
        }
        self.forget_if_gone(&key);
    }

    /// An account that is being deleted waits for its connectors, and this may have been the last one that needed it. As long as any does, a pass over it
    /// would find nothing new, and might wake this connector again.
    fn wake_if_let_go(&mut self, key: &Key) {
        let Some(account) = self.lane(key) else { return };
        let is_let_go = {
            let state = self.context.state();
            let waits = state.accounts.get(&account).is_some_and(|account| account.is_deleted());
            waits && state.held_by(&account, &self.context.key).is_empty()
        };
        if is_let_go {
            self.wake(&Key::Account(account), Cause::Dependency);
        }
    }

    /// Whether a connector was changed by somebody else while a pass over it ran.
    fn changed_meanwhile(&self, key: &Key, seen: Option<&str>) -> bool {
        let Key::Connector(key) = key else { return false };
        self.context.state().connectors.get(key).is_some_and(|known| known.resource_version() != seen)
    }

    fn await_list(&mut self, object: &ObjectKey, remote: String, lists: u64) {
        let came = {
            let state = self.context.state();
            state.remotes.get(&remote).is_none_or(|remote| remote.reflector.snapshot().lists() > lists)
        };
        if came {
            self.wake(&Key::Connector(object.clone()), Cause::Remote);
        } else {
            self.awaiting_list.entry(remote).or_default().insert(object.clone());
        }
    }

    pub(super) fn wake(&mut self, key: &Key, cause: Cause) {
        let lane = self.lane(key);
        self.queue.wake(key, &lane, cause, Instant::now());
    }

    pub(super) fn wake_connectors(&mut self, keys: impl IntoIterator<Item = ObjectKey>, cause: Cause) {
        for key in keys {
            self.wake(&Key::Connector(key), cause);
        }
    }

    fn lane(&self, key: &Key) -> Lane {
        match key {
            Key::Account(_) | Key::Held(_) => None,
            Key::Connector(key) => self.context.state().account_of(key).cloned(),
        }
    }

    fn forget_if_gone(&mut self, key: &Key) {
        let gone = match key {
            Key::Account(key) => self.context.state().accounts.get(key).is_none(),
            Key::Connector(key) | Key::Held(key) => self.context.state().connectors.get(key).is_none(),
        };
        if gone {
            self.queue.forget(key);
        }
    }

    fn fed(&mut self, fed: Fed<V>) {
        match fed {
            Fed::Connector(scope, event) => {
                let told = self.context.state().connectors.take(&scope, event);
                for told in told {
                    self.connector_told(told);
                }
            }
            Fed::Account(scope, event) => {
                let told = self.context.state().accounts.take(&scope, event);
                for told in told {
                    self.account_told(&told);
                }
            }
            Fed::Secret(scope, event) => {
                let users = self.context.state().secrets.take(&scope, event);
                for user in users {
                    self.wake(&user, Cause::Dependency);
                }
            }
            Fed::Namespace(event) => self.namespace_fed(event),
        }
        let ready = self.context.state().is_ready();
        self.signs.caches_synced.set(ready);
    }

    fn connector_told(&mut self, told: Told) {
        let (Told::Changed(key) | Told::Gone(key)) = &told;
        let account_before = self.context.state().account_of(key).cloned();
        let others = self.context.state().index(key, &self.context.key);
        self.wake_connectors(others, Cause::Dependency);
        match told {
            Told::Changed(key) => {
                self.tell_if_held(&key);
                let key = Key::Connector(key);
                // What changes during a pass is judged at its end: most of it is the pass's own doing.
                if !self.queue.is_running(&key) {
                    self.wake(&key, Cause::Changed);
                }
            }
            Told::Gone(key) => {
                self.queue.forget(&Key::Connector(key));
                // The last connector of an account may be what its delete waited for.
                if let Some(account) = account_before {
                    let waits = self
                        .context
                        .state()
                        .accounts
                        .get(&account)
                        .is_none_or(|account| account.is_deleted());
                    if waits {
                        self.wake(&Key::Account(account), Cause::Dependency);
                    }
                }
            }
        }
    }

    fn account_told(&mut self, told: &Told) {
        let (Told::Changed(key) | Told::Gone(key)) = told;
        self.wake(&Key::Account(key.clone()), Cause::Changed);
        // An account that appears or goes says nothing by itself; its connectors have to look.
        let users: Vec<ObjectKey> = self.context.state().users(key).cloned().collect();
        if matches!(told, Told::Gone(_)) || !self.context.state().settled.contains(key) {
            self.wake_connectors(users, Cause::Dependency);
        }
        self.judge_acceptance(key);
    }

    fn namespace_fed(&mut self, event: Event<PartialObjectMeta<Namespace>>) {
        let told = {
            let mut state = self.context.state();
            state.namespaces.as_mut().map(|namespaces| namespaces.take(&None, event)).unwrap_or_default()
        };
        for told in told {
            let (Told::Changed(namespace) | Told::Gone(namespace)) = told;
            let inside: Vec<ObjectKey> = {
                let state = self.context.state();
                state
                    .connectors
                    .iter()
                    .map(|(key, _)| key)
                    .filter(|key| key.namespace == namespace.name)
                    .cloned()
                    .collect()
            };
            self.wake_connectors(inside, Cause::Dependency);
        }
    }
}

/// One pass, which can neither panic nor last for ever.
fn pass<V: Vendor>(context: Arc<Context<V>>, key: Key, cause: Option<Cause>) -> BoxFuture<'static, Finished> {
    let span = span::<V>(&key, cause);
    async move {
        let started = Instant::now();
        let work = async {
            match &key {
                Key::Account(key) => accounts::reconcile(&context, key).await,
                Key::Connector(key) => reconcile::reconcile(&context, key).await,
                Key::Held(key) => held::tell(&context, key).await,
            }
        };
        let result = match AssertUnwindSafe(timeout(LONGEST_PASS, work)).catch_unwind().await {
            Ok(Ok(outcome)) => Ok(outcome),
            Ok(Err(_)) => Err(ReconcileResult::TimedOut),
            Err(_) => Err(ReconcileResult::Panicked),
        };
        let kind = result.as_ref().map_or_else(|kind| *kind, Outcome::result);
        spans::outcome(&Span::current(), kind.word(), kind.is_error());
        match &result {
            Ok(outcome) => tracing::debug!(controller = V::NAME, ?key, next = ?outcome.next, "pass ends"),
            Err(kind) => tracing::error!(controller = V::NAME, ?key, ?kind, "a pass did not end by itself"),
        }
        (key, started, result)
    }
    .instrument(span)
    .boxed()
}

/// What a trace tells of a pass.
fn span<V: Vendor>(key: &Key, cause: Option<Cause>) -> Span {
    let cause = cause.map_or("due", Cause::word);
    let (kind, key) = match key {
        Key::Account(key) => (V::Account::kind(&()), key),
        Key::Connector(key) | Key::Held(key) => (V::Connector::kind(&()), key),
    };
    spans::pass(V::NAME, &kind, &key.namespace, &key.name, cause)
}
