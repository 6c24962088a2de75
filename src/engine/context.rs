//! What every pass of one controller shares: the client, the settings, and the state that the run loop keeps.
//!
//! The state is behind one lock that is never held across an `await`. What a pass learns goes in through the methods here, so that
//! the indexes never disagree with the objects.

use super::cache::{Cache, Cached};
use super::claims::{Claim, Stake, Stakes};
use super::convergence::Convergence;
use super::events::EventPublisher;
use super::fingerprint::FingerprintKey;
use super::object::{Object, ObjectKey};
use super::run::Key;
use super::secrets::SecretIndex;
use super::shrink::Guard;
use super::vendor::Vendor;
use crate::api::{CLAIM_ANNOTATION, ConnectorSpec, ManagementPolicy, SecretStatus};
use crate::metrics::Metrics;
use crate::remote::{Identity, Reflector, ReflectorEvent, Transport};
use crate::settings::AllowedHosts;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::PartialObjectMeta;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
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
}

/// See the module.
pub struct Context<V: Vendor> {
    /// The Kubernetes client.
    pub client: kube::Client,
    /// The settings.
    pub settings: EngineSettings,
    /// The way to vendors.
    pub transport: Transport,
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
}

impl<V: Vendor> Context<V> {
    /// The state, for a moment; never across an `await`.
    pub fn state(&self) -> MutexGuard<'_, State<V>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
            key,
            metrics,
            events,
            leads_since: OnceLock::new(),
            listed,
            state: Mutex::new(state),
        }
    }
}

/// One vendor account's reflector, shared by all account objects with the same endpoint, credential and scope.
pub struct Remote<V: Vendor> {
    /// The reflector.
    pub reflector: Arc<Reflector<V::Client>>,
    /// Its task.
    pub task: AbortHandle,
    /// The account objects that use it.
    pub accounts: BTreeSet<ObjectKey>,
    /// Whether its lists may be believed.
    pub guard: Guard,
    /// Whether its connectors were told that its snapshot is too old.
    pub told_stale: bool,
    /// The snapshot's revision at which `content_at` was taken, and when that was.
    pub content: Option<(u64, String)>,
    /// The fingerprints of the credential, salted for each account that uses it.
    pub credential_fingerprints: BTreeMap<ObjectKey, String>,
    /// What its accounts were last woken for.
    pub reported: Option<Reported>,
}

/// What an account's status says of its listing. A list that leaves it as it was wakes no account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    /// The snapshot's revision.
    pub revision: u64,
    /// Why the last list failed, in the words of the status.
    pub failing: Option<String>,
    /// The hash of the loss that is not believed.
    pub shrunk: Option<String>,
}

/// What connectors see of their account.
pub struct AccountView<V: Vendor> {
    /// The account's spec as it was connected.
    pub spec: V::AccountSpec,
    /// Where its identities are valid.
    pub scope: String,
    /// The name of its remote.
    pub remote: String,
    /// Its reflector; it stays when the account or its Secret goes, so that deletes can still be made.
    pub reflector: Arc<Reflector<V::Client>>,
    /// Whether it may be used for anything but deletes.
    pub usable: bool,
}

impl<V: Vendor> Clone for AccountView<V> {
    fn clone(&self) -> Self {
        Self {
            spec: self.spec.clone(),
            scope: self.scope.clone(),
            remote: self.remote.clone(),
            reflector: self.reflector.clone(),
            usable: self.usable,
        }
    }
}

/// What is remembered of one connector between its passes. All of it may be lost at any time.
#[derive(Default)]
pub struct Memory {
    uid: String,
    /// What the rest belongs to: generation, Secrets and forced pass. Another one starts afresh.
    pub basis: String,
    /// What was written, until the status says so.
    pub secrets_written: BTreeMap<String, SecretStatus>,
    /// Whether the claim was written by this process and every create under it was refused for certain.
    pub claim_is_clean: bool,
    /// When the last create or rename was sent whose end is not known for certain.
    pub last_doubt: Option<Instant>,
    /// A create that was refused; a list has to be looked at before the refusal is believed.
    pub refused: Option<(&'static str, String)>,
    /// What was written in vain.
    pub convergence: Convergence,
    /// Since when key and certificate do not match.
    pub mismatch_since: Option<Instant>,
    /// Since when it waits for something to register.
    pub waiting_since: Option<Instant>,
    /// The forced pass that was asked for last, and when this process heard of it.
    pub forced: Option<(String, Instant)>,
}

/// Everything that the run loop knows.
pub struct State<V: Vendor> {
    /// The connectors.
    pub connectors: Cache<Object<V::Connector>>,
    /// The accounts.
    pub accounts: Cache<Object<V::Account>>,
    /// The namespaces, where they may be watched.
    pub namespaces: Option<Cache<PartialObjectMeta<Namespace>>>,
    /// The Secrets that somebody refers to.
    pub secrets: SecretIndex,
    /// Who has a stake in which identity.
    pub stakes: Stakes,
    /// The accounts as connected.
    pub views: BTreeMap<ObjectKey, AccountView<V>>,
    /// The reflectors.
    pub remotes: BTreeMap<String, Remote<V>>,
    /// Accounts that have had a pass since our start: only from then on does their absence among the views mean anything.
    pub settled: BTreeSet<ObjectKey>,
    /// Accounts that a connector is about to need.
    pub hold_requested: BTreeSet<ObjectKey>,
    memory: BTreeMap<ObjectKey, Memory>,
    users: BTreeMap<ObjectKey, BTreeSet<ObjectKey>>,
    account_of: BTreeMap<ObjectKey, ObjectKey>,
}

impl<V: Vendor> State<V> {
    /// Nothing known yet; ready once each of `scopes` has been listed.
    pub fn new(scopes: &[Option<String>], namespaces: bool) -> Self {
        Self {
            connectors: Cache::new(scopes.iter().cloned()),
            accounts: Cache::new(scopes.iter().cloned()),
            namespaces: namespaces.then(|| Cache::new([None])),
            secrets: SecretIndex::default(),
            stakes: Stakes::default(),
            views: BTreeMap::new(),
            remotes: BTreeMap::new(),
            settled: BTreeSet::new(),
            hold_requested: BTreeSet::new(),
            memory: BTreeMap::new(),
            users: BTreeMap::new(),
            account_of: BTreeMap::new(),
        }
    }

    /// Whether every feed has listed once.
    pub fn is_ready(&self) -> bool {
        self.connectors.is_ready()
            && self.accounts.is_ready()
            && self.namespaces.as_ref().is_none_or(Cache::is_ready)
    }

    /// What is remembered of a connector; another uid starts afresh.
    pub fn memory(&mut self, key: &ObjectKey, uid: &str) -> &mut Memory {
        let memory = self.memory.entry(key.clone()).or_default();
        if memory.uid != uid {
            *memory = Memory { uid: uid.to_owned(), ..Memory::default() };
        }
        memory
    }

    /// The account that a connector uses, by its last decodable spec.
    pub fn account_of(&self, connector: &ObjectKey) -> Option<&ObjectKey> {
        self.account_of.get(connector)
    }

    /// The connectors that use an account.
    pub fn users(&self, account: &ObjectKey) -> impl Iterator<Item = &ObjectKey> {
        self.users.get(account).into_iter().flatten()
    }

    /// Brings the indexes in line with the cached connector; who has to look again because of it.
    pub fn index(&mut self, key: &ObjectKey, fingerprint_key: &FingerprintKey) -> BTreeSet<ObjectKey> {
        let object = self.connectors.get(key).cloned();
        self.index_account(key, object.as_deref());
        let stakes = object.map(|object| self.stakes_of(key, &object, fingerprint_key)).unwrap_or_default();
        if !self.account_of.contains_key(key) {
            self.memory.remove(key);
            self.secrets.refer(&Key::Connector(key.clone()), BTreeSet::new());
        }
        self.stakes.set(key, &stakes)
    }

    /// Puts the reply to one of our writes into the cache and the indexes; who has to look again.
    pub fn fold(
        &mut self,
        object: Object<V::Connector>,
        fingerprint_key: &FingerprintKey,
    ) -> BTreeSet<ObjectKey> {
        let key = object.key();
        self.connectors.fold(object);
        self.index(&key, fingerprint_key)
    }

    /// The connectors with our finalizer that have an identity or an open claim under `account`.
    pub fn held_by(&self, account: &ObjectKey, fingerprint_key: &FingerprintKey) -> Vec<ObjectKey> {
        let holds = |key: &&ObjectKey| {
            self.connectors.get(key).is_some_and(|object| {
                object.has_finalizer()
                    && (recorded::<V>(object).is_some() || open_claim(object, fingerprint_key).is_some())
            })
        };
        self.users(account).filter(holds).cloned().collect()
    }

    fn index_account(&mut self, key: &ObjectKey, object: Option<&Object<V::Connector>>) {
        let account = match object.map(|object| &object.spec) {
            Some(Ok(spec)) => Some(account_key(spec, &key.namespace)),
            // An undecodable spec keeps the account of the last one that was decodable.
            Some(Err(_)) => self.account_of.get(key).cloned(),
            None => None,
        };
        let before = self.account_of.get(key).cloned();
        if before == account {
            return;
        }
        if let Some(users) = before.as_ref().and_then(|before| self.users.get_mut(before)) {
            users.remove(key);
        }
        match account {
            Some(account) => {
                self.users.entry(account.clone()).or_default().insert(key.clone());
                self.account_of.insert(key.clone(), account);
            }
            None => {
                self.account_of.remove(key);
            }
        }
    }

    fn stakes_of(
        &self,
        key: &ObjectKey,
        object: &Object<V::Connector>,
        fingerprint_key: &FingerprintKey,
    ) -> Vec<(String, Identity, Stake)> {
        let Some(view) = self.account_of.get(key).and_then(|account| self.views.get(account)) else {
            return Vec::new();
        };
        let wanted = match &object.spec {
            Ok(spec) if spec.management_policy() == ManagementPolicy::Manage => {
                Some(V::wanted(spec, object.name()))
            }
            Ok(_) => return Vec::new(),
            Err(_) => None,
        };
        let recorded = recorded::<V>(object);
        let claimed = open_claim(object, fingerprint_key).map(|claim| Identity::from(claim.name.as_str()));
        let renaming = object_renaming::<V>(object);
        let held: BTreeSet<Identity> = [recorded, claimed, renaming].into_iter().flatten().collect();
        let stake = |identity: &Identity, holds: bool| Stake {
            connector: key.clone(),
            age: (creation(object), object.uid().to_owned()),
            holds,
            wants: wanted.as_ref() == Some(identity),
        };
        let only_wanted = wanted.iter().filter(|wanted| !held.contains(*wanted) && !object.is_deleted());
        held.iter()
            .map(|identity| (view.remote.clone(), identity.clone(), stake(identity, true)))
            .chain(
                only_wanted.map(|identity| (view.remote.clone(), identity.clone(), stake(identity, false))),
            )
            .collect()
    }
}

/// The account that a spec names.
pub fn account_key(spec: &impl ConnectorSpec, namespace: &str) -> ObjectKey {
    let reference = spec.account_ref();
    ObjectKey::new(reference.namespace.as_deref().unwrap_or(namespace), &reference.name)
}

/// The identity that a connector's status records: only with its scope is it more than shown.
pub fn recorded<V: Vendor>(object: &Object<V::Connector>) -> Option<Identity> {
    object.status.scope.as_ref()?;
    object.status.remote.as_ref().map(V::recorded)
}

/// The identity that a rename under way leads to.
pub fn object_renaming<V: Vendor>(object: &Object<V::Connector>) -> Option<Identity> {
    object.status.renaming_to.as_deref().map(Identity::from)
}

/// The claim on a connector, while its status records no identity.
pub fn open_claim<K>(object: &Object<K>, key: &FingerprintKey) -> Option<Claim>
where
    K: super::object::Kind,
    K::Status: RecordsIdentity,
{
    if object.status.records_identity() {
        return None;
    }
    Claim::read(key, object.uid(), object.annotation(CLAIM_ANNOTATION)?)
}

/// Whether a status records an identity.
pub trait RecordsIdentity {
    /// Whether it does.
    fn records_identity(&self) -> bool;
}

impl<R> RecordsIdentity for crate::api::ConnectorStatus<R> {
    fn records_identity(&self) -> bool {
        self.scope.is_some() && self.remote.is_some()
    }
}

fn creation<K: super::object::Kind>(object: &Object<K>) -> String {
    object.metadata.creation_timestamp.as_ref().map(|time| time.0.to_string()).unwrap_or_default()
}

impl<K: super::object::Kind> Cached for Object<K> {
    fn key(&self) -> ObjectKey {
        Object::key(self)
    }
    fn resource_version(&self) -> Option<&str> {
        self.metadata.resource_version.as_deref()
    }
    fn differs(&self, newer: &Self) -> bool {
        self.differs_for_reconcile(newer)
    }
}

impl Cached for PartialObjectMeta<Namespace> {
    fn key(&self) -> ObjectKey {
        super::object::key_of(&self.metadata)
    }
    fn resource_version(&self) -> Option<&str> {
        self.metadata.resource_version.as_deref()
    }
    fn differs(&self, newer: &Self) -> bool {
        self.metadata.labels != newer.metadata.labels
    }
}
