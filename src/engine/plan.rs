//! What to do about one connector: a pure function of what is declared, what the vendor has, and what was recorded.
//!
//! A plan that writes carries a [`WritePermit`], and only [`ManagementPolicy::Manage`] gives one: a plan that would write under `Observe`
//! or `Plan` cannot be built.

use super::claims::Stake;
use super::convergence::Convergence;
use super::exclusives::Contest;
use super::object::ObjectKey;
use super::own::{Own, Rename};
use super::secret_facts::{SecretDifference, SecretFacts, secret_differences};
use super::vendor::{Change, Phase, Vendor, WhenAbsent, Withheld};
use crate::api::{AdoptionPolicy, ManagementPolicy};
use crate::remote::{Entry, Identity, Snapshot};
use located::Located;
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
    /// Take out of the connector what leads to nothing of its own; the next pass plans without it.
    Drop(Stale),
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
    /// What is declared but left out of it for now.
    pub withheld: Withheld,
}

/// What a connector carries that leads to nothing of its own.
#[derive(Debug, PartialEq, Eq)]
pub enum Stale {
    /// A claim on what another connector has, or on nothing.
    Claim,
    /// A rename that was announced and not applied.
    Rename,
}

/// Why a pass ends without anything done.
#[derive(Debug, PartialEq, Eq)]
pub enum Waiting {
    /// It seems gone; a list sent at this moment or later has to confirm it.
    ForAbsence(Instant),
    /// A rename to this name may have been applied; a list sent at this moment or later has to tell.
    ForRename(Identity, Instant),
    /// No list has come yet.
    ForList,
    /// It cannot be created from here.
    ForRegistration(WhenAbsent),
    /// The vendor is still at work on it.
    ForVendor(Identity, Bond),
    /// Another connector may have it, whose account is not connected.
    ForAccountOf(ObjectKey, Identity),
    /// What is missing has to be given up by others first. The identity: what is there and ours by now.
    ForRelease(Option<(Identity, Bond)>),
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
    /// Others keep what it asks for; the contest says what and who.
    Taken,
    /// It and what it waits for would each have to give up everything first.
    Standoff,
    /// The vendor lists several objects of this identity.
    Ambiguous(Identity, usize),
    /// The update could clear these secrets, which the spec does not declare.
    WouldClearSecret(Vec<String>, Vec<Change>),
    /// Written in vain three times.
    NotConverging(Vec<Change>),
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
    /// What may be its own.
    pub own: Own,
    /// Whether it carries a claim on what is another's.
    pub claim_is_anothers: bool,
    /// The identity that the spec asks for or means, and who wins it.
    pub winner: Option<(Identity, Stake)>,
    /// Whether the object that its status records has come to be another's, who asks for it: while it did not manage, it held nothing.
    pub is_anothers: bool,
    /// Who may have what it would take over, and cannot be asked: a connector whose account is not connected.
    pub keeper: Option<ObjectKey>,
    /// How what it asks for stands, where only one can have that. Only a connector that manages contends.
    pub contest: Contest,
    /// What to do when nothing is there.
    pub when_absent: WhenAbsent,
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
    if facts.claim_is_anothers {
        return Plan::Drop(Stale::Claim);
    }
    match facts.own.rename(facts.snapshot, facts.absence_from) {
        Some(Rename::Failed(to) | Rename::Doubted(to)) if facts.sends_again(&to) => {}
        Some(Rename::Failed(_)) => return Plan::Drop(Stale::Rename),
        Some(Rename::Doubted(to)) => return Plan::Wait(Waiting::ForRename(to, facts.absence_from)),
        None => {}
    }
    if let Some((wanted, holder)) = facts.holder_before_me() {
        return Plan::Blocked(Blocked::HeldBy(holder, wanted));
    }
    if let Some(permit) = WritePermit::of(facts.policy).filter(|_| facts.is_anothers) {
        return Plan::Forget(permit);
    }
    let keeper = facts.keeper.as_ref().filter(|_| facts.policy == ManagementPolicy::Manage);
    if let Some((keeper, identity)) = keeper.zip(facts.adopted()) {
        return Plan::Wait(Waiting::ForAccountOf(keeper.clone(), identity));
    }
    match facts.locate() {
        Located::Here(identity, bond) => facts.plan_for_existing(identity, bond, convergence),
        Located::Lost => facts.plan_for_lost(convergence),
        Located::Gone => facts.plan_for_gone(convergence),
        Located::Nowhere => facts.plan_for_absent(convergence),
    }
}

impl<V: Vendor> Facts<'_, V> {
    fn phase(&self, identity: &Identity) -> Phase {
        let entry = self.snapshot.get(identity.as_str());
        entry.map_or(Phase::Gone, |entry| V::phase(&entry.item))
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
        let never = bond == Bond::Adopted && self.adoption == AdoptionPolicy::Never;
        if V::phase(&entry.item) != Phase::Settled && !never {
            return Plan::Wait(Waiting::ForVendor(identity, bond));
        }
        let refused = match self.adoption {
            AdoptionPolicy::Always => false,
            AdoptionPolicy::IfIdentical => !changes.is_empty(),
            AdoptionPolicy::Never => true,
        };
        if bond == Bond::Adopted && refused {
            return Plan::Blocked(Blocked::NotAdoptable { identity, changes, policy: self.adoption });
        }
        let is_earliers = bond == Bond::Adopted && self.contest.taken_count > 0;
        if changes.is_empty() && self.contest.withheld.is_empty() && !is_earliers {
            return Plan::InSync { identity, bond };
        }
        if self.contest.taken_count > 0 {
            return Plan::Blocked(Blocked::Taken);
        }
        if self.contest.is_stuck {
            return Plan::Blocked(Blocked::Standoff);
        }
        if changes.is_empty() || self.contest.has_nothing {
            return Plan::Wait(Waiting::ForRelease(Some((identity, bond))));
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
        let withheld = self.contest.withheld.clone();
        Plan::Update(Update { permit, identity, bond, changes, rename_to, withheld })
    }

    /// Whether a rename is still asked for, and possible: then it is sent again, whatever became of it, and stays announced.
    fn sends_again(&self, doubted: &Identity) -> bool {
        let asked = self.own.recorded.as_ref().and_then(|own| V::renames(self.spec, &self.me.name, own));
        self.policy == ManagementPolicy::Manage
            && asked.as_ref() == Some(doubted)
            && self.snapshot.get(doubted.as_str()).is_none()
    }

    fn plan_for_lost(&self, convergence: &Convergence) -> Plan {
        let is_gone = self.own.is_gone(self.snapshot, self.absence_from);
        if self.own.recorded.is_none() {
            return if is_gone { self.plan_after_claim(convergence) } else { self.wait_for_absence() };
        }
        match WritePermit::of(self.policy) {
            None => self.show_what_is_meant(),
            Some(_) if !is_gone => self.wait_for_absence(),
            Some(permit) => Plan::Forget(permit),
        }
    }

    /// Its claim has come to nothing, for certain. Only a create replaces it; else it would pass for ours what others make under it one day.
    fn plan_after_claim(&self, convergence: &Convergence) -> Plan {
        match self.plan_for_absent(convergence) {
            create @ Plan::Create(_) => create,
            _ => Plan::Drop(Stale::Claim),
        }
    }

    fn wait_for_absence(&self) -> Plan {
        Plan::Wait(Waiting::ForAbsence(self.absence_from))
    }

    /// The vendor itself says that it is gone: no later list has to confirm that.
    fn plan_for_gone(&self, convergence: &Convergence) -> Plan {
        match WritePermit::of(self.policy) {
            None => self.show_what_is_meant(),
            Some(permit) if self.own.recorded.is_some() => Plan::Forget(permit),
            Some(_) => self.plan_for_absent(convergence),
        }
    }

    fn plan_for_absent(&self, convergence: &Convergence) -> Plan {
        // An unproven claim on another name would be lost with the one that replaces it; `locate` has seen to that.
        let Some(permit) = WritePermit::of(self.policy) else { return self.show_what_is_meant() };
        if let Some(found) = V::find(self.spec, &self.me.name, self.snapshot) {
            // The claim was on an older form of the spec, and what it asks for now exists already.
            return self.plan_for_existing(found, Bond::Adopted, convergence);
        }
        match &self.when_absent {
            wait @ WhenAbsent::WaitFor { .. } => Plan::Wait(Waiting::ForRegistration(wait.clone())),
            WhenAbsent::Create if self.contest.taken_count > 0 => Plan::Blocked(Blocked::Taken),
            WhenAbsent::Create if !self.contest.withheld.is_empty() => Plan::Wait(Waiting::ForRelease(None)),
            WhenAbsent::Create => Plan::Create(permit),
        }
    }

    /// Without anything of its own there: what the spec means all the same, whoever has it.
    fn show_what_is_meant(&self) -> Plan {
        let found = V::find(self.spec, &self.me.name, self.snapshot);
        let entry = found.as_ref().and_then(|found| self.snapshot.get(found.as_str()));
        let changes = entry.map(|entry| self.changes(entry)).unwrap_or_default();
        Plan::Shown { identity: found, changes }
    }

    /// Everything that differs from the declaration.
    fn changes(&self, entry: &Entry<V::Item>) -> Vec<Change> {
        let mut changes = V::changes(self.spec, &self.me.name, &self.contest.withheld, &entry.item);
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

mod located;
#[cfg(test)]
mod tests;
