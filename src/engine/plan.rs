//! What to do about one connector: a pure function of what is declared, what the vendor has, and what was recorded.
//!
//! A plan that writes carries a [`WritePermit`], and only [`ManagementPolicy::Manage`] gives one: a plan that would write under `Observe`
//! or `Plan` cannot be built.

use super::claims::Stake;
use super::convergence::Convergence;
use super::object::ObjectKey;
use super::vendor::{Change, SecretState, Vendor, WhenAbsent};
use crate::api::{AdoptionPolicy, ManagementPolicy, SecretStatus};
use crate::remote::{Absence, Entry, Identity, Snapshot};
use std::collections::BTreeMap;
use tokio::time::Instant;

/// Leave to write to the vendor.
#[derive(Debug, PartialEq, Eq)]
pub struct WritePermit(());

impl WritePermit {
    fn of(policy: ManagementPolicy) -> Option<Self> {
        (policy == ManagementPolicy::Manage).then_some(Self(()))
    }
}

/// How an object came to be ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bond {
    /// Its identity is recorded in status.
    Recorded,
    /// Our claim stood open when it appeared.
    Claimed,
    /// It is taken over now.
    Adopted,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub enum Plan {
    /// Nothing: it is there and as declared.
    InSync {
        /// What it is.
        identity: Identity,
        /// How it is ours; anything but `Recorded` is recorded now.
        bond: Bond,
    },
    /// Create it.
    Create(WritePermit),
    /// Take the lost identity out of status; the next pass creates it again.
    Forget(WritePermit),
    /// Change it.
    Update(Update),
    /// Under Observe and Plan: what is there, and what Manage would change. `None`: nothing is there.
    Shown {
        /// What is there.
        identity: Option<Identity>,
        /// What differs.
        changes: Vec<Change>,
    },
    /// Not now.
    Wait(Waiting),
    /// Not without a person.
    Blocked(Blocked),
}

/// One update of one object.
#[derive(Debug, PartialEq, Eq)]
pub struct Update {
    /// The leave.
    pub permit: WritePermit,
    /// What is changed.
    pub identity: Identity,
    /// How it is ours.
    pub bond: Bond,
    /// What changes.
    pub changes: Vec<Change>,
    /// What its identity becomes by it.
    pub rename_to: Option<Identity>,
}

/// Why a pass ends without anything done.
#[derive(Debug, PartialEq, Eq)]
pub enum Waiting {
    /// It seems gone; a list sent at this moment or later has to confirm it.
    ForAbsence(Identity, Instant),
    /// No list has come yet.
    ForList,
    /// It cannot be created from here.
    ForRegistration(WhenAbsent),
}

/// What a person has to resolve.
#[derive(Debug, PartialEq, Eq)]
pub enum Blocked {
    /// Another connector has it.
    HeldBy(ObjectKey, Identity),
    /// It exists, and may not be taken over.
    NotAdoptable {
        /// What exists.
        identity: Identity,
        /// What would change.
        changes: Vec<Change>,
        /// The policy that refuses.
        policy: AdoptionPolicy,
    },
    /// The new name of a rename is taken.
    NameTaken(Identity),
    /// The vendor lists several objects of this identity.
    Ambiguous(Identity, usize),
    /// The update could clear these secrets, which the spec does not declare.
    WouldClearSecret(Vec<String>, Vec<Change>),
    /// Written in vain three times.
    NotConverging(Vec<Change>),
}

/// What is known of the write-only values.
#[derive(Debug, Default, Clone)]
pub struct SecretFacts {
    /// The declared values, by field.
    pub declared: BTreeMap<&'static str, Declared>,
    /// What was recorded after our last write.
    pub recorded: BTreeMap<String, SecretStatus>,
    /// Whether drift at the vendor is written over.
    pub overwrite_drift: bool,
}

impl SecretFacts {
    /// What is known after a write of ours that sent none of them and led from `before` to `after`. A vendor may move their dates all
    /// the same, and that is our own doing: only a date that somebody had moved before stays a difference.
    #[must_use]
    pub fn after_another_write(
        &self,
        before: &BTreeMap<String, SecretState>,
        after: &BTreeMap<String, SecretState>,
    ) -> Self {
        let mut facts = self.clone();
        for (field, recorded) in &mut facts.recorded {
            if let (Some(before), Some(after)) = (before.get(field), after.get(field))
                && recorded.last_updated_at.is_some()
                && recorded.last_updated_at == before.last_updated_at
            {
                recorded.last_updated_at.clone_from(&after.last_updated_at);
            }
        }
        facts
    }
}

/// A write-only value that the spec declares.
#[derive(Debug, Clone)]
pub struct Declared {
    /// Its path in a [`Change`].
    pub path: &'static str,
    /// The fingerprint of its value.
    pub fingerprint: String,
}

/// Everything that a plan is made of.
pub struct Facts<'a, V: Vendor> {
    /// The connector.
    pub me: &'a ObjectKey,
    /// Its spec.
    pub spec: &'a V::ConnectorSpec,
    /// What may be done.
    pub policy: ManagementPolicy,
    /// Whether an existing object may be taken over: the spec's policy under the account's ceiling.
    pub adoption: AdoptionPolicy,
    /// Whether the spec consents to losing secrets that it does not declare.
    pub consents_to_clearing: bool,
    /// The identity in status.
    pub recorded: Option<Identity>,
    /// Where a rename was under way.
    pub renaming_to: Option<Identity>,
    /// The remote name of an open claim under which something may have been created.
    pub claimed: Option<Identity>,
    /// Who wins the identity that the spec asks for.
    pub winner: Option<Stake>,
    /// The vendor's objects.
    pub snapshot: &'a Snapshot<V::Item>,
    /// The write-only values.
    pub secrets: &'a SecretFacts,
    /// A list that proves absence was sent at this moment or later.
    pub absence_from: Instant,
}

/// Decides what to do. `convergence` knows what was written in vain.
pub fn plan<V: Vendor>(facts: &Facts<'_, V>, convergence: &Convergence) -> Plan {
    if facts.snapshot.lists() == 0 {
        return Plan::Wait(Waiting::ForList);
    }
    let wanted = V::wanted(facts.spec, &facts.me.name);
    if let Some(holder) = facts.holder_before_me() {
        return Plan::Blocked(Blocked::HeldBy(holder, wanted));
    }
    match facts.locate() {
        Located::Here(identity, bond) => facts.plan_for_existing(identity, bond, convergence),
        Located::Lost(identity) => facts.plan_for_lost(identity, convergence),
        Located::Nowhere => facts.plan_for_absent(convergence),
    }
}

enum Located {
    Here(Identity, Bond),
    /// Recorded or claimed, but not in the snapshot.
    Lost(Identity),
    Nowhere,
}

impl<V: Vendor> Facts<'_, V> {
    fn holder_before_me(&self) -> Option<ObjectKey> {
        let winner = self.winner.as_ref().filter(|_| self.policy == ManagementPolicy::Manage)?;
        (winner.connector != *self.me).then(|| winner.connector.clone())
    }

    fn locate(&self) -> Located {
        let present = |identity: &Identity| self.snapshot.get(identity.as_str()).is_some();
        if let Some(recorded) = &self.recorded {
            let renamed = self.renaming_to.as_ref().filter(|renamed| !present(recorded) && present(renamed));
            return match renamed {
                Some(renamed) => Located::Here(renamed.clone(), Bond::Recorded),
                None if present(recorded) => Located::Here(recorded.clone(), Bond::Recorded),
                None => Located::Lost(recorded.clone()),
            };
        }
        if let Some(claimed) = &self.claimed {
            return if present(claimed) {
                Located::Here(claimed.clone(), Bond::Claimed)
            } else {
                Located::Lost(claimed.clone())
            };
        }
        match V::find(self.spec, &self.me.name, self.snapshot) {
            Some(found) => Located::Here(found, Bond::Adopted),
            None => Located::Nowhere,
        }
    }

    fn plan_for_existing(&self, identity: Identity, bond: Bond, convergence: &Convergence) -> Plan {
        let Some(entry) = self.snapshot.get(identity.as_str()) else { return Plan::Wait(Waiting::ForList) };
        if entry.copies > 1 && self.policy == ManagementPolicy::Manage {
            return Plan::Blocked(Blocked::Ambiguous(identity, entry.copies));
        }
        let changes = self.changes(entry);
        let Some(permit) = WritePermit::of(self.policy) else {
            return Plan::Shown { identity: Some(identity), changes };
        };
        let refused = match self.adoption {
            AdoptionPolicy::Always => false,
            AdoptionPolicy::IfIdentical => !changes.is_empty(),
            AdoptionPolicy::Never => true,
        };
        if bond == Bond::Adopted && refused {
            return Plan::Blocked(Blocked::NotAdoptable { identity, changes, policy: self.adoption });
        }
        if changes.is_empty() {
            return Plan::InSync { identity, bond };
        }
        self.plan_update(permit, identity, bond, (entry, changes), convergence)
    }

    fn plan_update(
        &self,
        permit: WritePermit,
        identity: Identity,
        bond: Bond,
        (entry, changes): (&Entry<V::Item>, Vec<Change>),
        convergence: &Convergence,
    ) -> Plan {
        let rename_to = V::renames(self.spec, &self.me.name, &identity);
        if let Some(taken) = rename_to.as_ref().filter(|new| self.snapshot.get(new.as_str()).is_some()) {
            return Plan::Blocked(Blocked::NameTaken(taken.clone()));
        }
        let (stuck, changes): (Vec<Change>, Vec<Change>) =
            changes.into_iter().partition(|change| convergence.is_stuck(change));
        if changes.is_empty() {
            return Plan::Blocked(Blocked::NotConverging(stuck));
        }
        let cleared = V::might_clear(self.spec, &entry.item, &changes);
        if !cleared.is_empty() && !self.consents_to_clearing {
            return Plan::Blocked(Blocked::WouldClearSecret(cleared, changes));
        }
        Plan::Update(Update { permit, identity, bond, changes, rename_to })
    }

    fn plan_for_lost(&self, identity: Identity, convergence: &Convergence) -> Plan {
        let Some(permit) = WritePermit::of(self.policy) else {
            return Plan::Shown { identity: None, changes: Vec::new() };
        };
        let proven = [Some(&identity), self.renaming_to.as_ref()]
            .into_iter()
            .flatten()
            .all(|identity| is_proven(self.snapshot.absence(identity.as_str()), self.absence_from));
        if !proven {
            return Plan::Wait(Waiting::ForAbsence(identity, self.absence_from));
        }
        if self.recorded.is_some() { Plan::Forget(permit) } else { self.plan_for_absent(convergence) }
    }

    fn plan_for_absent(&self, convergence: &Convergence) -> Plan {
        // An unproven claim on another name would be lost with the one that replaces it; `locate` has seen to that.
        let Some(permit) = WritePermit::of(self.policy) else {
            return Plan::Shown { identity: None, changes: Vec::new() };
        };
        match V::when_absent(self.spec) {
            WhenAbsent::Create if V::find(self.spec, &self.me.name, self.snapshot).is_some() => {
                // The claim was on an older name of the spec, and the new one exists already.
                let wanted = V::wanted(self.spec, &self.me.name);
                self.plan_for_existing(wanted, Bond::Adopted, convergence)
            }
            WhenAbsent::Create => Plan::Create(permit),
            wait @ WhenAbsent::WaitFor { .. } => Plan::Wait(Waiting::ForRegistration(wait)),
        }
    }

    /// What differs at the object that is there, and the number of the list that showed it (0: our own write's echo).
    pub fn sight(&self) -> Option<(Vec<Change>, u64)> {
        let Located::Here(identity, _) = self.locate() else { return None };
        let entry = self.snapshot.get(identity.as_str())?;
        Some((self.changes(entry), entry.listed_in))
    }

    /// Everything that differs from the declaration.
    fn changes(&self, entry: &Entry<V::Item>) -> Vec<Change> {
        let mut changes = V::changes(self.spec, &self.me.name, &entry.item);
        let drifts = self.secrets.overwrite_drift || self.policy != ManagementPolicy::Manage;
        let secrets = secret_differences(self.secrets, &V::secrets(&entry.item));
        changes.extend(
            secrets
                .into_iter()
                .filter(|(_, difference)| drifts || *difference == SecretDifference::Undelivered)
                .map(|(path, _)| Change::of_secret(path)),
        );
        changes
    }
}

/// Whether an absence is proven (semantics, 2): two complete lists, the second sent late enough.
pub fn is_proven(absence: Option<Absence>, from: Instant) -> bool {
    absence.is_some_and(|absence| absence.lists >= 2 && absence.last_sent >= from)
}

/// Why a write-only value is not what is declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretDifference {
    /// The declared value was never written, or is another one now.
    Undelivered,
    /// It was changed or cleared at the vendor since our write.
    Drifted,
}

/// The paths of the declared values that differ, and why.
pub fn secret_differences(
    facts: &SecretFacts,
    seen: &BTreeMap<String, SecretState>,
) -> Vec<(&'static str, SecretDifference)> {
    let difference = |field: &str, declared: &Declared| {
        let is_declared =
            |recorded: &&SecretStatus| recorded.fingerprint.as_ref() == Some(&declared.fingerprint);
        let recorded = facts.recorded.get(field).filter(is_declared);
        let Some(recorded) = recorded else { return Some(SecretDifference::Undelivered) };
        let seen = seen.get(field)?;
        let fell = recorded.is_set && !seen.is_set;
        let moved = recorded.last_updated_at.is_some() && recorded.last_updated_at != seen.last_updated_at;
        (fell || moved).then_some(SecretDifference::Drifted)
    };
    facts
        .declared
        .iter()
        .filter_map(|(field, declared)| {
            difference(field, declared).map(|difference| (declared.path, difference))
        })
        .collect()
}

#[cfg(test)]
mod tests;
