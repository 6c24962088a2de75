//! The run loop of one controller: what changed goes into the queue, what is due is reconciled, and nothing else happens here.
//!
//! It is one task with one `select!` in a fixed order. A pass that panics or takes too long is only that pass's failure. Nothing runs
//! before every feed has listed once, because a claim that is not known yet cannot be respected.

use super::accounts;
use super::cache::{Scope, Told};
use super::context::{Context, Reported};
use super::object::ObjectKey;
use super::queue::{Cause, Next, Queue};
use super::reconcile;
use super::shrink::RecordedObject;
use super::vendor::Vendor;
use super::watch::feed;
use crate::api::ACCEPT_SNAPSHOT_ANNOTATION;
use crate::metrics::ReconcileResult;
use crate::remote::{Identity, ReflectorEvent};
use crate::server::{Condition, Heartbeat};
use crate::shutdown::Shutdown;
use futures::future::BoxFuture;
use futures::stream::{BoxStream, FuturesUnordered, SelectAll};
use futures::{FutureExt, StreamExt};
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::Api;
use kube::api::PartialObjectMeta;
use kube::runtime::watcher::{Config, Event};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};

use super::object::Object;

/// What is reconciled. Accounts come before connectors.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// An account.
    Account(ObjectKey),
    /// A connector.
    Connector(ObjectKey),
}

/// What a pass tells the run loop.
#[derive(Debug)]
pub struct Outcome {
    /// When to look again.
    pub next: Next,
    /// Whom else to wake.
    pub wake: Vec<(Key, Cause)>,
    /// No connector of the same account before then.
    pub hold: Option<Instant>,
    /// Wake it after the next list of this remote, counted from that number of lists.
    pub after_list: Option<(String, u64)>,
}

impl Outcome {
    /// Nothing more until it is woken.
    pub fn wait() -> Self {
        Self { next: Next::Wait, wake: Vec::new(), hold: None, after_list: None }
    }

    /// Again at once, on newer knowledge.
    pub fn soon() -> Self {
        Self { next: Next::After(Duration::from_millis(200)), ..Self::wait() }
    }

    /// Again after a growing pause.
    pub fn failed() -> Self {
        Self { next: Next::BackOff, ..Self::wait() }
    }

    /// Wake it after the next list of this account.
    pub fn after_list<V: Vendor>(&mut self, view: &super::context::AccountView<V>) {
        self.after_list = Some((view.remote.clone(), view.reflector.snapshot().lists()));
    }
}

/// A pass may take as long as a few calls, each of which has its own deadline.
const LONGEST_PASS: Duration = Duration::from_mins(12);
/// The heartbeat goes on even when nothing does.
const LONGEST_SLEEP: Duration = Duration::from_secs(10);

type Lane = Option<ObjectKey>;
type Finished = (Key, Instant, Result<Outcome, ReconcileResult>);

/// One event of one feed.
enum Fed<V: Vendor> {
    Connector(Scope, Event<Object<V::Connector>>),
    Account(Scope, Event<Object<V::Account>>),
    Secret(Scope, Event<PartialObjectMeta<Secret>>),
    Namespace(Event<PartialObjectMeta<Namespace>>),
}

/// The signs of life that the run loop gives.
pub struct Signs {
    /// Beats as long as the loop turns.
    pub heartbeat: Heartbeat,
    /// Met once every feed has listed.
    pub caches_synced: Condition,
}

/// The controller of one vendor.
pub struct Controller<V: Vendor> {
    context: Arc<Context<V>>,
    queue: Queue<Key, Lane>,
    feeds: SelectAll<BoxStream<'static, Fed<V>>>,
    lists: mpsc::Receiver<(String, ReflectorEvent)>,
    running: FuturesUnordered<BoxFuture<'static, Finished>>,
    awaiting_list: BTreeMap<String, BTreeSet<ObjectKey>>,
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
    /// leads, it only keeps its caches.
    pub async fn run(mut self, mut leads: watch::Receiver<Option<Instant>>, shutdown: Shutdown) {
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

    async fn drain(mut self, deadline: Instant) {
        self.signs.heartbeat.rest();
        tracing::info!(
            controller = V::NAME,
            passes = self.running.len(),
            "stopping; running passes may finish"
        );
        loop {
            tokio::select! {
                finished = self.running.next() => match finished {
                    Some(finished) => self.finished(finished),
                    None => return,
                },
                () = sleep_until(deadline) => {
                    tracing::warn!(controller = V::NAME, passes = self.running.len(), "stopped before these passes were done");
                    return;
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
            tracing::debug!(controller = V::NAME, ?key, "pass begins");
            self.running.push(pass(self.context.clone(), key));
        }
        self.context.metrics.set_active_workers(V::NAME, self.running.len());
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
        let kind = match outcome.next {
            Next::Wait => ReconcileResult::Success,
            Next::After(_) => ReconcileResult::RequeueAfter,
            Next::BackOff => ReconcileResult::Error,
        };
        self.context.metrics.reconcile_finished(V::NAME, kind, now - started);
        self.queue.done(&key, outcome.next, now);
        if let Some(until) = outcome.hold {
            let lane = self.lane(&key);
            self.queue.hold(&lane, until);
        }
        if let (Key::Connector(object), Some((remote, lists))) = (&key, outcome.after_list) {
            self.await_list(object, remote, lists);
        }
        for (key, cause) in outcome.wake {
            self.wake(&key, cause);
        }
        self.forget_if_gone(&key);
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

    fn wake(&mut self, key: &Key, cause: Cause) {
        let lane = self.lane(key);
        self.queue.wake(key, &lane, cause, Instant::now());
    }

    fn wake_connectors(&mut self, keys: impl IntoIterator<Item = ObjectKey>, cause: Cause) {
        for key in keys {
            self.wake(&Key::Connector(key), cause);
        }
    }

    fn lane(&self, key: &Key) -> Lane {
        match key {
            Key::Account(_) => None,
            Key::Connector(key) => self.context.state().account_of(key).cloned(),
        }
    }

    fn forget_if_gone(&mut self, key: &Key) {
        let gone = match key {
            Key::Account(key) => self.context.state().accounts.get(key).is_none(),
            Key::Connector(key) => self.context.state().connectors.get(key).is_none(),
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
            Told::Changed(key) => self.wake(&Key::Connector(key), Cause::Changed),
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

    /// An annotation on the account may accept a list that was not believed.
    fn judge_acceptance(&mut self, account: &ObjectKey) {
        let remote = {
            let state = self.context.state();
            let view = state.views.get(account);
            view.filter(|view| {
                state.remotes.get(&view.remote).is_some_and(|remote| remote.guard.shrunk().is_some())
            })
            .map(|view| view.remote.clone())
        };
        if let Some(remote) = remote
            && self.judge(&remote)
        {
            let users = self.users_of_remote(&remote);
            self.wake_connectors(users, Cause::Dependency);
        }
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

    /// A reflector fetched a list, or failed to.
    fn listed(&mut self, name: &str, event: &ReflectorEvent) {
        tracing::debug!(controller = V::NAME, remote = name, ?event, "listed");
        let ReflectorEvent::Listed(difference) = event else { return self.list_failed(name) };
        self.context.metrics.reflector_listed(V::NAME);
        let believed_again = self.judge(name);
        let (first, touched) = {
            let state = self.context.state();
            let Some(remote) = state.remotes.get(name) else { return };
            let touched: BTreeSet<ObjectKey> = difference
                .touched()
                .flat_map(|identity| state.stakes.interested(name, identity))
                .cloned()
                .collect();
            (remote.reflector.snapshot().lists() == 1, touched)
        };
        if first || believed_again {
            let users = self.users_of_remote(name);
            self.wake_connectors(users, Cause::Dependency);
        }
        let touched: Vec<ObjectKey> =
            touched.into_iter().chain(self.unstaked(name, difference.touched())).collect();
        self.wake_connectors(touched, Cause::Remote);
        let waiting = self.awaiting_list.remove(name).unwrap_or_default();
        self.wake_connectors(waiting, Cause::Remote);
        self.wake_accounts(name);
    }

    /// Connectors without a stake (Observe, Plan) that show what the list touched.
    fn unstaked<'i>(&self, name: &str, touched: impl Iterator<Item = &'i Identity>) -> Vec<ObjectKey> {
        let touched: BTreeSet<&Identity> = touched.collect();
        if touched.is_empty() {
            return Vec::new();
        }
        let state = self.context.state();
        let shows = |key: &&ObjectKey| {
            let Some(object) = state.connectors.get(key) else { return false };
            let wanted = object.spec.as_ref().ok().map(|spec| V::wanted(spec, object.name()));
            let shown = object.status.remote.as_ref().map(V::recorded);
            wanted.into_iter().chain(shown).any(|identity| touched.contains(&identity))
        };
        users_of_remote(&state, name).iter().filter(shows).cloned().collect()
    }

    fn list_failed(&mut self, name: &str) {
        let news = {
            let state = self.context.state();
            let Some(remote) = state.remotes.get(name) else { return };
            let first = remote.reported.as_ref().is_none_or(|reported| reported.failing.is_none());
            first && remote.reflector.snapshot().lists() == 0
        };
        if news {
            let users = self.users_of_remote(name);
            self.wake_connectors(users, Cause::Dependency);
        }
        self.wake_accounts(name);
    }

    /// Wakes the accounts of a remote, where the list changed anything that their statuses say.
    fn wake_accounts(&mut self, name: &str) {
        let accounts = {
            let mut state = self.context.state();
            let Some(remote) = state.remotes.get_mut(name) else { return };
            let failing = remote.reflector.health().failing.map(|error| error.to_string());
            let reported = Reported {
                revision: remote.reflector.snapshot().revision(),
                failing,
                shrunk: remote.guard.shrunk().map(|shrunk| shrunk.hash.clone()),
            };
            let looks_at_secrets = !self.context.settings.secrets_watch;
            if remote.reported.as_ref() == Some(&reported) && !looks_at_secrets && !remote.told_stale {
                return self
                    .context
                    .metrics
                    .snapshot_refreshed(V::NAME, remote.accounts.iter().map(ToString::to_string));
            }
            remote.reported = Some(reported);
            remote.accounts.clone()
        };
        for account in accounts {
            self.wake(&Key::Account(account), Cause::Dependency);
        }
    }

    fn users_of_remote(&self, name: &str) -> Vec<ObjectKey> {
        users_of_remote(&self.context.state(), name)
    }

    /// Judges whether the newest list of a remote is believed. Returns whether it is and the one before was not: what waited for
    /// that need not be anything that the list touched.
    fn judge(&self, name: &str) -> bool {
        let mut state = self.context.state();
        let recorded = recorded_objects(&state, name);
        let Some(remote) = state.remotes.get(name) else { return false };
        let accounts: Vec<_> =
            remote.accounts.iter().filter_map(|key| state.accounts.get(key).cloned()).collect();
        let current = remote.credential_fingerprints.clone();
        let replaced = accounts.iter().any(|account| {
            let known = account.status.credential_fingerprint.as_ref();
            known.is_some() && known != current.get(&account.key())
        });
        let last_good = accounts
            .iter()
            .filter_map(|account| account.status.last_snapshot.as_ref())
            .map(|last| last.at.clone())
            .max()
            .unwrap_or_default();
        let acceptances: Vec<&str> =
            accounts.iter().filter_map(|account| account.annotation(ACCEPT_SNAPSHOT_ANNOTATION)).collect();
        let Some(remote) = state.remotes.get_mut(name) else { return false };
        let doubted = remote.guard.shrunk().is_some();
        remote.guard.judge(&recorded, replaced, &last_good, &acceptances);
        doubted && remote.guard.shrunk().is_none()
    }
}

fn users_of_remote<V: Vendor>(state: &super::context::State<V>, name: &str) -> Vec<ObjectKey> {
    let Some(remote) = state.remotes.get(name) else { return Vec::new() };
    remote.accounts.iter().flat_map(|account| state.users(account)).cloned().collect()
}

/// The recorded objects of connectors that are not being deleted, held against the newest list.
fn recorded_objects<V: Vendor>(state: &super::context::State<V>, name: &str) -> Vec<RecordedObject> {
    let Some(remote) = state.remotes.get(name) else { return Vec::new() };
    let snapshot = remote.reflector.snapshot();
    let users = users_of_remote(state, name);
    let objects =
        users.iter().filter_map(|key| state.connectors.get(key)).filter(|object| !object.is_deleted());
    objects
        .filter_map(|object| {
            let identity = super::context::recorded::<V>(object)?;
            let renamed = super::context::object_renaming::<V>(object);
            let entry = snapshot
                .get(identity.as_str())
                .or_else(|| renamed.and_then(|renamed| snapshot.get(renamed.as_str())));
            let differs = entry.is_some_and(|entry| {
                let remote = object.status.remote.as_ref();
                remote != Some(&V::remote(&entry.item, remote))
                    || object
                        .spec
                        .as_ref()
                        .is_ok_and(|spec| !V::changes(spec, object.name(), &entry.item).is_empty())
            });
            Some(RecordedObject { missing: entry.is_none(), identity, differs })
        })
        .collect()
}

/// One pass, which can neither panic nor last for ever.
fn pass<V: Vendor>(context: Arc<Context<V>>, key: Key) -> BoxFuture<'static, Finished> {
    async move {
        let started = Instant::now();
        let work = async {
            match &key {
                Key::Account(key) => accounts::reconcile(&context, key).await,
                Key::Connector(key) => reconcile::reconcile(&context, key).await,
            }
        };
        let result = match AssertUnwindSafe(timeout(LONGEST_PASS, work)).catch_unwind().await {
            Ok(Ok(outcome)) => Ok(outcome),
            Ok(Err(_)) => Err(ReconcileResult::TimedOut),
            Err(_) => Err(ReconcileResult::Panicked),
        };
        match &result {
            Ok(outcome) => tracing::debug!(controller = V::NAME, ?key, next = ?outcome.next, "passed"),
            Err(_) => {}
        }
        if let Err(kind) = &result {
            tracing::error!(controller = V::NAME, ?key, ?kind, "a pass did not end by itself");
        }
        (key, started, result)
    }
    .boxed()
}

fn feeds<V: Vendor>(context: &Context<V>) -> SelectAll<BoxStream<'static, Fed<V>>> {
    let mut feeds = SelectAll::new();
    for scope in scopes(&context.settings.watch_namespaces) {
        let name = |kind: &str| format!("{kind} in {}", scope.as_deref().unwrap_or("all namespaces"));
        let connectors = name(&<V::Connector as kube::Resource>::plural(&()));
        let accounts = name(&<V::Account as kube::Resource>::plural(&()));
        let (here, client) = (scope.clone(), &context.client);
        let connectors =
            feed::<Object<V::Connector>>(api(client, scope.as_deref()), Config::default(), connectors);
        feeds.push(connectors.map(move |event| Fed::Connector(here.clone(), event)).boxed());
        let here = scope.clone();
        let accounts = feed::<Object<V::Account>>(api(client, scope.as_deref()), Config::default(), accounts);
        feeds.push(accounts.map(move |event| Fed::Account(here.clone(), event)).boxed());
        if context.settings.secrets_watch {
            let here = scope.clone();
            // Helm's release Secrets are many and large, and nobody refers to them.
            let config = Config::default().fields("type!=helm.sh/release.v1");
            let secrets =
                feed::<PartialObjectMeta<Secret>>(api(client, scope.as_deref()), config, name("secrets"));
            feeds.push(secrets.map(move |event| Fed::Secret(here.clone(), event)).boxed());
        }
    }
    if context.settings.watch_namespaces.is_empty() {
        let namespaces = feed::<PartialObjectMeta<Namespace>>(
            Api::all(context.client.clone()),
            Config::default(),
            "namespaces".to_owned(),
        );
        feeds.push(namespaces.map(Fed::Namespace).boxed());
    }
    feeds
}

/// One feed for everything, or one a watched namespace.
pub fn scopes(namespaces: &[String]) -> Vec<Scope> {
    if namespaces.is_empty() { vec![None] } else { namespaces.iter().cloned().map(Some).collect() }
}

fn api<K>(client: &kube::Client, namespace: Option<&str>) -> Api<K>
where
    K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
{
    match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    }
}
