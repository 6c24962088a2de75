//! Where the object of a connector is, by all that is known, and who else wants it.

use super::{Bond, Facts};
use crate::api::ManagementPolicy;
use crate::engine::claims::Stakes;
use crate::engine::exclusives::{Arena, Wishes};
use crate::engine::object::ObjectKey;
use crate::engine::vendor::{Change, Phase, Vendor};
use crate::remote::Identity;

/// Where it is.
pub(super) enum Located {
    /// In the snapshot.
    Here(Identity, Bond),
    /// Recorded or claimed, but not in the snapshot.
    Lost,
    /// Recorded, and listed as gone.
    Gone,
    /// Nothing is its own, and nothing can be taken over.
    Nowhere,
}

impl<V: Vendor> Facts<'_, V> {
    /// Finds out who else wants what it asks for: the identity, and whatever else only one can have.
    pub fn contend(&mut self, realm: &str, wishes: &Wishes, stakes: &Stakes) {
        self.claim_is_anothers = self.own.yield_claim::<V>(self.me, realm, stakes, self.snapshot);
        let (mine, found) = match self.locate() {
            Located::Here(identity, Bond::Adopted) => (None, Some(identity)),
            Located::Here(identity, _) => (Some(identity), None),
            // Once its claim has proven to lead nowhere, it takes what it finds.
            Located::Lost if self.own.recorded.is_none() => {
                (None, V::find(self.spec, &self.me.name, self.snapshot))
            }
            Located::Lost | Located::Gone | Located::Nowhere => (None, None),
        };
        let holds_mine = mine.as_ref().and_then(|mine| stakes.holder(realm, mine));
        self.is_anothers =
            self.own.recorded.is_some() && holds_mine.is_some_and(|stake| stake.connector != *self.me);
        let meant = V::wanted(self.spec, &self.me.name).or_else(|| found.clone());
        self.winner = meant.and_then(|meant| {
            let winner = stakes.winner(realm, &meant)?.clone();
            Some((meant, winner))
        });
        let asked = V::exclusive(self.spec);
        if !asked.is_empty() && self.policy == ManagementPolicy::Manage {
            let arena = Arena::<V> { realm, wishes, stakes, snapshot: self.snapshot };
            self.contest = arena.contest(self.me, mine.as_ref(), found.as_ref(), &asked);
        }
    }

    pub(super) fn holder_before_me(&self) -> Option<(Identity, ObjectKey)> {
        let (identity, winner) = self.winner.as_ref().filter(|_| self.policy == ManagementPolicy::Manage)?;
        (winner.connector != *self.me).then(|| (identity.clone(), winner.connector.clone()))
    }

    /// What it would take over.
    pub fn adopted(&self) -> Option<Identity> {
        match self.locate() {
            Located::Here(identity, Bond::Adopted) => Some(identity),
            _ => None,
        }
    }

    pub(super) fn locate(&self) -> Located {
        let bond = if self.own.recorded.is_some() { Bond::Recorded } else { Bond::Claimed };
        if let Some(own) = self.own.find::<V>(self.snapshot) {
            let is_gone = self.phase(&own) == Phase::Gone;
            return if is_gone { Located::Gone } else { Located::Here(own, bond) };
        }
        if !self.own.is_nothing() {
            return Located::Lost;
        }
        match V::find(self.spec, &self.me.name, self.snapshot) {
            Some(found) => Located::Here(found, Bond::Adopted),
            None => Located::Nowhere,
        }
    }

    /// What differs at the object that is there, and the number of the list that showed it (0: our own write's echo).
    pub fn sight(&self) -> Option<(Vec<Change>, u64)> {
        let Located::Here(identity, _) = self.locate() else { return None };
        let entry = self.snapshot.get(identity.as_str())?;
        Some((self.changes(entry), entry.listed_in))
    }
}
