//! Everything that the run loop of one controller knows: the cached objects, and the indexes over them.
//!
//! What a pass learns goes in through the methods here, so that the indexes never disagree with the objects.

use super::cache::{Cache, Cached};
use super::claims::Stakes;
use super::exclusives::Wishes;
use super::fingerprint::FingerprintKey;
use super::identity::{account_key, only_shows, open_claim, recorded};
use super::memory::Memory;
use super::object::{Kind, Object, ObjectKey, key_of};
use super::records::Records;
use super::run::Key;
use super::secrets::SecretIndex;
use super::shrink::Guard;
use super::vendor::Vendor;
use crate::remote::{ExclusiveId, Identity, Reflector};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::PartialObjectMeta;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::task::AbortHandle;
use tokio::time::Instant;

/// One vendor account's reflector, shared by all account objects with the same endpoint, credential and scope.
pub struct Remote<V: Vendor> {
    /// The realm: where equal identities are the same object.
    pub realm: String,
    /// The reflector.
    pub reflector: Arc<Reflector<V::Client>>,
    /// Its task.
    pub task: AbortHandle,
    /// The account objects that use it.
    pub accounts: BTreeSet<ObjectKey>,
    /// Whether its lists may be believed.
    pub guard: Guard,
    /// Whether the run loop has heard of a list.
    pub has_listed: bool,
    /// Whether its connectors were told that its snapshot is too old.
    pub told_stale: bool,
    /// The revision of the snapshot's content, and since when it is known; empty where that is not.
    pub content: Option<(u64, String)>,
    /// The fingerprints of the credential, salted for each account that uses it.
    pub credential_fingerprints: BTreeMap<ObjectKey, String>,
    /// The forced passes of its accounts whose list has still to come, and when this process heard of them.
    pub forced: BTreeMap<ObjectKey, (String, Instant)>,
    /// What its accounts were last woken for.
    pub reported: Option<Reported>,
    /// What was deleted from here lately, and by whom.
    pub deleted: BTreeMap<Identity, (ObjectKey, Instant)>,
}

impl<V: Vendor> Remote<V> {
    /// One of which nothing is known yet, and that nobody uses.
    pub fn new(realm: String, reflector: Arc<Reflector<V::Client>>, task: AbortHandle) -> Self {
        Self {
            realm,
            reflector,
            task,
            accounts: BTreeSet::new(),
            guard: Guard::default(),
            has_listed: false,
            told_stale: false,
            content: None,
            credential_fingerprints: BTreeMap::new(),
            forced: BTreeMap::new(),
            reported: None,
            deleted: BTreeMap::new(),
        }
    }
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
    /// The realm: where equal identities are the same object.
    pub realm: String,
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
            realm: self.realm.clone(),
            reflector: self.reflector.clone(),
            usable: self.usable,
        }
    }
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
    /// What connectors record whose account is not connected, by the realm that their scope alone tells.
    pub unconnected: Records,
    /// Who asks for what only one can have.
    pub wishes: Wishes,
    /// The accounts as connected.
    pub views: BTreeMap<ObjectKey, AccountView<V>>,
    /// The reflectors.
    pub remotes: BTreeMap<String, Remote<V>>,
    /// Accounts that have had a pass since our start: only from then on does their absence among the views mean anything.
    pub settled: BTreeSet<ObjectKey>,
    /// Accounts that a connector is about to need.
    pub hold_requested: BTreeSet<ObjectKey>,
    memory: BTreeMap<ObjectKey, Memory>,
    /// What the connectors under Observe or Plan record, by realm.
    observed: Records,
    /// The connectors under Observe or Plan.
    unmanaged: BTreeSet<ObjectKey>,
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
            unconnected: Records::default(),
            observed: Records::default(),
            wishes: Wishes::default(),
            views: BTreeMap::new(),
            remotes: BTreeMap::new(),
            settled: BTreeSet::new(),
            hold_requested: BTreeSet::new(),
            memory: BTreeMap::new(),
            unmanaged: BTreeSet::new(),
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
        if object.as_deref().is_some_and(only_shows::<V>) {
            self.unmanaged.insert(key.clone());
        } else {
            self.unmanaged.remove(key);
        }
        let wish = object.as_deref().and_then(|object| self.wish_of(key, object, fingerprint_key));
        let kept = object.as_deref().and_then(|object| self.kept_without_account(key, object));
        let observed = object.as_deref().and_then(|object| self.observed_by(key, object));
        let stakes = object.map(|object| self.stakes_of(key, &object, fingerprint_key)).unwrap_or_default();
        if !self.account_of.contains_key(key) {
            self.memory.remove(key);
            self.secrets.refer(&Key::Connector(key.clone()), BTreeSet::new());
        }
        let held = self.stakes.held_by(key);
        let mut others = self.stakes.set(key, &stakes);
        for place in self.stakes.held_by(key).difference(&held) {
            // Who records it and does not manage has no stake in it, and is to hear that it is another's now.
            others.extend(self.observed.at(place).cloned());
        }
        others.extend(self.wishes.set(key, wish));
        self.observed.set(key, observed);
        if let Some(freed) = self.unconnected.set(key, kept) {
            let realms: BTreeSet<&str> = self.views.values().map(|view| &*view.realm).collect();
            others.extend(realms.iter().flat_map(|realm| self.stakes.interested(realm, &freed)).cloned());
        }
        others
    }

    /// The reflectors of other accounts that show the same objects as this one.
    pub fn others_of_realm(&self, view: &AccountView<V>) -> Vec<Arc<Reflector<V::Client>>> {
        let reflectors = self.remotes.values().filter(|remote| remote.realm == view.realm);
        let others = reflectors.map(|remote| &remote.reflector);
        others.filter(|reflector| !Arc::ptr_eq(reflector, &view.reflector)).cloned().collect()
    }

    /// The connectors of a realm that hold and want nothing there and only show it (Observe, Plan), as far as they show one of
    /// `identities` or ask for what `moved`.
    pub fn onlookers(
        &self,
        realm: &str,
        identities: &BTreeSet<&Identity>,
        moved: &BTreeSet<ExclusiveId>,
    ) -> Vec<ObjectKey> {
        let shows = |key: &&ObjectKey| {
            let Some(object) = self.connectors.get(key) else { return false };
            let Some(spec) = object.spec.as_ref().ok() else { return false };
            let view = self.account_of.get(*key).and_then(|account| self.views.get(account));
            if view.is_none_or(|view| view.realm != realm) {
                return false;
            }
            let wanted = V::wanted(spec, object.name());
            let shown = object.status.remote.as_ref().map(V::recorded);
            wanted.into_iter().chain(shown).any(|identity| identities.contains(&identity))
                || V::exclusive(spec).iter().any(|(id, _)| moved.contains(id))
        };
        self.unmanaged.iter().filter(shows).cloned().collect()
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
}

impl<K: Kind> Cached for Object<K> {
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
        key_of(&self.metadata)
    }
    fn resource_version(&self) -> Option<&str> {
        self.metadata.resource_version.as_deref()
    }
    fn differs(&self, newer: &Self) -> bool {
        self.metadata.labels != newer.metadata.labels
    }
}

pub(super) mod interests;
#[cfg(test)]
mod tests;
