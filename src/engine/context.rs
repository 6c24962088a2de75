//! What every pass of one controller shares: the client, the settings, and the state that the run loop keeps.
//!
//! The [`State`] is behind one lock that is never held across an `await`.

use super::events::EventPublisher;
use super::fingerprint::FingerprintKey;
use super::forced::Answered;
use super::object::{Object, ObjectKey};
use super::state::State;
use super::vendor::Vendor;
use crate::metrics::Metrics;
use crate::remote::{ReflectorEvent, TokenCache, Transport};
use crate::settings::AllowedHosts;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// The settings that the engine reads.
#[derive(Debug, Clone)]
pub struct EngineSettings {
    /// The namespaces to watch; empty: all.
    pub watch_namespaces: Vec<String>,
    /// How many objects a controller reconciles at once.
    pub concurrency: usize,
    /// How often an account is read that does not say.
    pub resync_interval: Duration,
    /// How long a call may take where the account does not say.
    pub request_timeout: Duration,
    /// How long a vendor's lists may lag its writes.
    pub consistency_allowance: Duration,
    /// The most bytes of a vendor's list.
    pub list_size_limit: usize,
    /// The hosts that credentials may be sent to.
    pub allowed_hosts: AllowedHosts,
    /// Whether `http://` is allowed.
    pub allow_insecure_endpoints: bool,
    /// Whether Secrets may be watched.
    pub secrets_watch: bool,
    /// Whether namespaces may be watched.
    pub namespaces_watch: bool,
}

/// See the module.
pub struct Context<V: Vendor> {
    /// The Kubernetes client.
    pub client: kube::Client,
    /// The settings.
    pub settings: EngineSettings,
    /// The way to vendors.
    pub transport: Transport,
    /// The access tokens of all accounts.
    pub tokens: TokenCache,
    /// The key of all fingerprints.
    pub key: FingerprintKey,
    /// The metrics.
    pub metrics: Metrics,
    /// The events.
    pub events: EventPublisher,
    /// Since when this process may write: its start, or its gaining the lease. Nothing is reconciled before.
    pub leads_since: OnceLock<Instant>,
    /// Where the reflectors tell of their lists, by the name of the remote.
    pub listed: mpsc::Sender<(String, ReflectorEvent)>,
    state: Mutex<State<V>>,
    answered: Mutex<BTreeMap<ObjectKey, (String, Answered)>>,
}

impl<V: Vendor> Context<V> {
    /// The state, for a moment; never across an `await`.
    pub fn state(&self) -> MutexGuard<'_, State<V>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which forced passes of an account are done; another uid starts afresh.
    pub fn answered<T>(&self, account: &Object<V::Account>, change: impl FnOnce(&mut Answered) -> T) -> T {
        let mut all = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        let (uid, answered) = all.entry(account.key()).or_default();
        if uid != account.uid() {
            (*uid, *answered) = (account.uid().to_owned(), Answered::default());
        }
        change(answered)
    }

    /// The account is no more.
    pub fn forget_answered(&self, account: &ObjectKey) {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner).remove(account);
    }

    /// Since when this process may write.
    pub fn started(&self) -> Instant {
        self.leads_since.get().copied().unwrap_or_else(Instant::now)
    }

    /// Puts the pieces together.
    #[allow(clippy::too_many_arguments, reason = "each is one thing that the process made before")]
    pub fn new(
        client: kube::Client,
        settings: EngineSettings,
        transport: Transport,
        key: FingerprintKey,
        metrics: Metrics,
        events: EventPublisher,
        listed: mpsc::Sender<(String, ReflectorEvent)>,
        state: State<V>,
    ) -> Self {
        Self {
            client,
            settings,
            transport,
            tokens: TokenCache::default(),
            key,
            metrics,
            events,
            leads_since: OnceLock::new(),
            listed,
            state: Mutex::new(state),
            answered: Mutex::default(),
        }
    }
}
