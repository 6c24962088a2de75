//! What a connector holds, wants, asks for or only records, read out of the object, its account and what is remembered of it.

use super::{AccountView, State};
use crate::api::{AccountSpec, ConnectorSpec, ManagementPolicy};
use crate::engine::claims::{Claim, Hold, Stake};
use crate::engine::exclusives::Wish;
use crate::engine::fingerprint::FingerprintKey;
use crate::engine::identity::{age, object_renaming, only_shows, open_claim, recorded};
use crate::engine::object::{Object, ObjectKey};
use crate::engine::records::Place;
use crate::engine::vendor::Vendor;
use crate::remote::{ExclusiveId, Identity};
use std::collections::BTreeMap;
use std::sync::Arc;

impl<V: Vendor> State<V> {
    /// What a connector that manages records, and where, while its account is not connected.
    pub(super) fn kept_without_account(
        &self,
        key: &ObjectKey,
        object: &Object<V::Connector>,
    ) -> Option<Place> {
        if self.view_of(key).is_some() || only_shows::<V>(object) {
            return None;
        }
        Some((place_of::<V>(object.status.scope.as_deref()?), recorded::<V>(object)?))
    }

    /// What a connector that does not manage records, and in which realm.
    pub(super) fn observed_by(&self, key: &ObjectKey, object: &Object<V::Connector>) -> Option<Place> {
        let view = self.view_of(key).filter(|_| only_shows::<V>(object))?;
        Some((view.realm.clone(), recorded_at::<V>(object, &view.scope)?))
    }

    pub(super) fn view_of(&self, key: &ObjectKey) -> Option<&AccountView<V>> {
        self.account_of.get(key).and_then(|account| self.views.get(account))
    }

    /// The open claim of a connector, if anything may have been created under it at this scope.
    fn claim_that_counts(
        &self,
        object: &Object<V::Connector>,
        fingerprint_key: &FingerprintKey,
        scope: &str,
    ) -> Option<Claim> {
        let memory = self.memory.get(&object.key()).filter(|memory| memory.uid == object.uid());
        let is_clean = memory.is_some_and(|memory| memory.claim_is_clean);
        open_claim(object, fingerprint_key).filter(|claim| claim.scope == scope && !is_clean)
    }

    pub(super) fn stakes_of(
        &self,
        key: &ObjectKey,
        object: &Object<V::Connector>,
        fingerprint_key: &FingerprintKey,
    ) -> Vec<(String, Identity, Stake)> {
        let Some(view) = self.view_of(key) else { return Vec::new() };
        if only_shows::<V>(object) {
            return Vec::new();
        }
        // One that is being deleted asks for nothing any more.
        let spec = object.spec.as_ref().ok().filter(|_| !object.is_deleted());
        let wanted = spec.and_then(|spec| V::wanted(spec, object.name()));
        let recorded = recorded_at::<V>(object, &view.scope);
        let claim = self.claim_that_counts(object, fingerprint_key, &view.scope);
        let is_asked_for =
            |claim: &Claim| spec.is_some_and(|spec| V::claim(spec, object.name()) == claim.name);
        let claimed_still = claim.as_ref().filter(|claim| is_asked_for(claim)).map(Claim::identity);
        let claimed = claim.as_ref().map(Claim::identity);
        let renaming = object_renaming::<V>(object);
        // The better hold goes in last.
        let mut holds: BTreeMap<Identity, Hold> = BTreeMap::new();
        holds.extend(wanted.iter().map(|wanted| (wanted.clone(), Hold::Nothing)));
        holds.extend([claimed, renaming].into_iter().flatten().map(|held| (held, Hold::Claimed)));
        holds.extend(recorded.map(|recorded| (recorded, Hold::Recorded)));
        let stake = |(identity, hold): (Identity, Hold)| {
            let wants = [&wanted, &claimed_still].iter().any(|asked| asked.as_ref() == Some(&identity));
            let stake = Stake { connector: key.clone(), age: age(object), hold, wants };
            (view.realm.clone(), identity, stake)
        };
        holds.into_iter().map(stake).collect()
    }

    fn account_is_suspended(&self, key: &ObjectKey) -> bool {
        let account = self.account_of.get(key).and_then(|account| self.accounts.get(account));
        account.and_then(|account| account.spec.as_ref().ok()).is_some_and(AccountSpec::suspend)
    }

    /// What a connector that manages asks for; one that is being deleted asks for nothing any more.
    pub(super) fn wish_of(
        &self,
        key: &ObjectKey,
        object: &Object<V::Connector>,
        fingerprint_key: &FingerprintKey,
    ) -> Option<Wish> {
        let view = self.view_of(key)?;
        let spec = object.spec.as_ref().ok()?;
        if object.is_deleted() || spec.management_policy() != ManagementPolicy::Manage {
            return None;
        }
        // Ten thousand of them take their time, and most writes are statuses of our own.
        let (age, generation) = (age(object), object.generation());
        let known = self.wishes.of(key).filter(|known| known.age == age && known.generation == generation);
        let ids = known.map_or_else(|| asked_for::<V>(spec), |known| known.ids.clone());
        if ids.is_empty() {
            return None;
        }
        let claim = self.claim_that_counts(object, fingerprint_key, &view.scope);
        let is_claimed = claim.is_some_and(|claim| claim.name == V::claim(spec, object.name()));
        let is_suspended = spec.suspend() || self.account_is_suspended(key);
        Some(Wish { realm: view.realm.clone(), age, generation, is_claimed, is_suspended, ids })
    }
}

/// A scope as far as it tells where an identity is valid: in the form of a realm, which does not depend on how it is spelled.
pub(in crate::engine) fn place_of<V: Vendor>(scope: &str) -> String {
    V::realm(scope, scope).into_owned()
}

/// What a connector records, if that is at this scope.
fn recorded_at<V: Vendor>(object: &Object<V::Connector>, scope: &str) -> Option<Identity> {
    let made_at = object.status.scope.as_deref()?;
    recorded::<V>(object).filter(|_| made_at == scope || place_of::<V>(made_at) == place_of::<V>(scope))
}

/// What a spec asks for, sorted, each once.
fn asked_for<V: Vendor>(spec: &V::ConnectorSpec) -> Arc<[ExclusiveId]> {
    let mut ids: Vec<ExclusiveId> = V::exclusive(spec).into_iter().map(|(id, _)| id).collect();
    ids.sort_unstable();
    ids.dedup();
    ids.into()
}
