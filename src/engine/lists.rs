//! What follows from a vendor's list: who has to look again, and whether the list is believed at all.
//!
//! A list that shows nothing new wakes nobody.

use super::events::{Event, EventType};
use super::identity::{object_renaming, recorded};
use super::object::ObjectKey;
use super::queue::Cause;
use super::run::{Controller, Key};
use super::shrink::RecordedObject;
use super::state::{AccountView, Reported, State};
use super::vendor::{Vendor, Withheld};
use crate::api::ACCEPT_SNAPSHOT_ANNOTATION;
use crate::remote::{Difference, ExclusiveId, Identity, ReflectorEvent, Snapshot};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// How long a deleted object is remembered.
const DELETED_MEMORY: Duration = Duration::from_hours(1);

impl<V: Vendor> Controller<V> {
    /// An annotation on the account may accept a list that was not believed.
    pub(super) fn judge_acceptance(&mut self, account: &ObjectKey) {
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

    /// A reflector fetched a list, or failed to.
    pub(super) fn listed(&mut self, name: &str, event: &ReflectorEvent) {
        let ReflectorEvent::Listed(difference) = event else {
            tracing::debug!(controller = V::NAME, remote = name, "the list failed");
            return self.list_failed(name);
        };
        let Difference { appeared, changed, vanished, exclusive: _ } = difference;
        tracing::debug!(controller = V::NAME, remote = name, ?appeared, ?changed, ?vanished, "listed");
        let believed_again = self.judge(name);
        self.tell_reappeared(name, difference);
        let (first, touched) = {
            let mut state = self.context.state();
            let Some(remote) = state.remotes.get_mut(name) else { return };
            // What is heard of late may be an earlier reflector's.
            let has_listed = remote.reflector.snapshot().lists() > 0;
            let first = has_listed && !std::mem::replace(&mut remote.has_listed, true);
            let realm = remote.realm.clone();
            // The first list wakes everybody anyway.
            (first, if first { BTreeSet::new() } else { concerned(&state, &realm, difference) })
        };
        if first || believed_again {
            let users = self.users_of_remote(name);
            self.wake_connectors(users, Cause::Dependency);
        }
        self.wake_connectors(touched, Cause::Remote);
        let waiting = self.awaiting_list.remove(name).unwrap_or_default();
        self.wake_connectors(waiting, Cause::Remote);
        self.wake_accounts(name);
        // Who sees that the list was counted sees what it woke, too.
        self.show_queue();
        self.context.metrics.reflector_listed(V::NAME);
    }

    /// Tells of objects that were deleted from here and are there again: their account, since their own connectors are gone.
    fn tell_reappeared(&self, name: &str, difference: &Difference) {
        let mut state = self.context.state();
        let Some(remote) = state.remotes.get_mut(name) else { return };
        remote.deleted.retain(|_, (_, at)| at.elapsed() < DELETED_MEMORY);
        let again: Vec<(Identity, ObjectKey)> = difference
            .appeared
            .iter()
            .filter_map(|identity| Some((identity.clone(), remote.deleted.remove(identity)?.0)))
            .collect();
        let accounts = remote.accounts.clone();
        let accounts: Vec<_> = accounts.iter().filter_map(|key| state.accounts.get(key)).collect();
        for (identity, connector) in again {
            let Some(advice) = V::reappeared(&identity) else { continue };
            for account in &accounts {
                self.context.events.publish(Event {
                    regarding: account.reference(),
                    kind: EventType::Warning,
                    reason: "Reappeared",
                    action: "Reconcile",
                    note: format!("{identity}, deleted by {connector}, is there again: {advice}"),
                });
            }
        }
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
            let is_told = remote.reported.as_ref() == Some(&reported) && remote.forced.is_empty();
            if is_told && !looks_at_secrets && !remote.told_stale {
                if reported.failing.is_none() {
                    let accounts = remote.accounts.iter().map(ToString::to_string);
                    self.context.metrics.snapshot_refreshed(V::NAME, accounts);
                }
                return;
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

    /// Judges the newest list of a remote. Returns whether lists are believed again: what waited for that need not be anything that
    /// the list touched.
    fn judge(&self, name: &str) -> bool {
        let mut state = self.context.state();
        let Some(reflector) = state.remotes.get(name).map(|remote| remote.reflector.clone()) else {
            return false;
        };
        judge(&mut state, name, &reflector.snapshot());
        state.remotes.get_mut(name).is_some_and(|remote| remote.guard.is_believed_again())
    }
}

/// What is to be made of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Belief {
    /// It is believed.
    Believed,
    /// Too much is missing in it: nothing may be written for it.
    Shrunk,
    /// The account reads another one by now, and another pass follows on that.
    Replaced,
}

/// Judges what a view shows: a pass may meet a list of which the run loop has not heard yet.
pub fn belief<V: Vendor>(
    state: &mut State<V>,
    view: &AccountView<V>,
    snapshot: &Snapshot<V::Item>,
) -> Belief {
    let guard = |state: &State<V>| {
        let remote = state.remotes.get(&view.remote)?;
        let is_same = Arc::ptr_eq(&remote.reflector, &view.reflector);
        is_same.then(|| (remote.guard.has_judged(snapshot.lists()), remote.guard.shrunk().is_some()))
    };
    if guard(state).is_some_and(|(has_judged, _)| !has_judged) {
        judge(state, &view.remote, snapshot);
    }
    match guard(state) {
        Some((_, false)) => Belief::Believed,
        Some((_, true)) => Belief::Shrunk,
        None => Belief::Replaced,
    }
}

fn judge<V: Vendor>(state: &mut State<V>, name: &str, snapshot: &Snapshot<V::Item>) {
    let recorded = recorded_objects(state, name, snapshot);
    let Some(remote) = state.remotes.get(name) else { return };
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
    let Some(remote) = state.remotes.get_mut(name) else { return };
    remote.guard.judge(snapshot.lists(), &recorded, replaced, &last_good, &acceptances);
}

/// The connectors of a realm that have anything to do with what a list touched.
fn concerned<V: Vendor>(state: &State<V>, realm: &str, difference: &Difference) -> BTreeSet<ObjectKey> {
    let identities: BTreeSet<&Identity> = difference.touched().collect();
    let moved: BTreeSet<ExclusiveId> = difference.exclusive.iter().copied().collect();
    let with_stake = identities.iter().flat_map(|identity| state.stakes.interested(realm, identity)).cloned();
    let asking = state.wishes.interested(&difference.exclusive, None);
    with_stake.chain(asking).chain(state.onlookers(realm, &identities, &moved)).collect()
}

/// The connectors of all accounts that share a remote.
pub fn users_of_remote<V: Vendor>(state: &State<V>, name: &str) -> Vec<ObjectKey> {
    let Some(remote) = state.remotes.get(name) else { return Vec::new() };
    remote.accounts.iter().flat_map(|account| state.users(account)).cloned().collect()
}

/// The recorded objects of connectors that are not being deleted, held against the newest list.
fn recorded_objects<V: Vendor>(
    state: &State<V>,
    name: &str,
    snapshot: &Snapshot<V::Item>,
) -> Vec<RecordedObject> {
    let users = users_of_remote(state, name);
    let objects =
        users.iter().filter_map(|key| state.connectors.get(key)).filter(|object| !object.is_deleted());
    // An identity of another scope says nothing about this list.
    let in_scope = |object: &&Arc<super::object::Object<V::Connector>>| {
        let view = state.account_of(&object.key()).and_then(|account| state.views.get(account));
        view.is_some_and(|view| object.status.scope.as_ref() == Some(&view.scope))
    };
    objects
        .filter(in_scope)
        .filter_map(|object| {
            let identity = recorded::<V>(object)?;
            let renamed = object_renaming::<V>(object);
            let entry = snapshot
                .get(identity.as_str())
                .or_else(|| renamed.and_then(|renamed| snapshot.get(renamed.as_str())));
            let differs = entry.is_some_and(|entry| {
                let remote = object.status.remote.as_ref();
                remote != Some(&V::remote(&entry.item, remote))
                    || object.spec.as_ref().is_ok_and(|spec| {
                        !V::changes(spec, object.name(), &Withheld::new(), &entry.item).is_empty()
                    })
            });
            Some(RecordedObject { missing: entry.is_none(), identity, differs })
        })
        .collect()
}
