//! What may be a connector's own at the vendor, and what of that leads nowhere any more. Pure.
//!
//! Whatever is found here may be changed and deleted without anybody being asked. So nothing may stay in it that could come to mean another's
//! object: neither a claim on what another connector has, nor a rename that was not applied.

use super::claims::{Claim, Stakes};
use super::identity::{object_renaming, recorded};
use super::object::{Object, ObjectKey};
use super::vendor::Vendor;
use crate::remote::{Absence, Identity, RemoteItem, Snapshot};
use tokio::time::Instant;

/// The recorded object and where a rename leads, or else what stands under an open claim.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Own {
    /// The identity in status.
    pub recorded: Option<Identity>,
    /// Where a rename was under way.
    pub renaming_to: Option<Identity>,
    /// An open claim under which something may have been created.
    pub claimed: Option<String>,
}

/// What became of a rename that was announced.
#[derive(Debug, PartialEq, Eq)]
pub enum Rename {
    /// It may have been applied, or may still be.
    Doubted(Identity),
    /// It was not applied, and what was sent of it will not be any more.
    Failed(Identity),
}

impl Own {
    /// What a connector says of itself; of its claim, as far as that counts.
    pub fn of<V: Vendor>(object: &Object<V::Connector>, claim: Option<&Claim>) -> Self {
        Self {
            recorded: recorded::<V>(object),
            renaming_to: object_renaming::<V>(object),
            claimed: claim.map(|claim| claim.name.clone()),
        }
    }

    /// Whether nothing at the vendor can be its own.
    pub fn is_nothing(&self) -> bool {
        self.recorded.is_none() && self.renaming_to.is_none() && self.claimed.is_none()
    }

    /// The object that it has.
    pub fn find<V: Vendor>(&self, snapshot: &Snapshot<V::Item>) -> Option<Identity> {
        let present = |identity: &&Identity| snapshot.get(identity.as_str()).is_some();
        if self.recorded.is_some() {
            return self.recorded.iter().chain(&self.renaming_to).find(present).cloned();
        }
        V::find_claimed(self.claimed.as_deref()?, snapshot)
    }

    /// Whether nothing of it is there any more under any of its names, and that is proven: no list before `from` tells.
    pub fn is_gone<I: RemoteItem>(&self, snapshot: &Snapshot<I>, from: Instant) -> bool {
        let identities = self.recorded.iter().chain(&self.renaming_to).map(Identity::as_str);
        let mut names = identities.chain(self.claimed.as_deref());
        names.all(|name| is_proven(snapshot.absence(name), from))
    }

    /// Lets go of a claim that leads to another's object: who holds that object by record, or has a better claim of the same, has it. Returns whether
    /// it was so.
    pub fn yield_claim<V: Vendor>(
        &mut self,
        me: &ObjectKey,
        realm: &str,
        stakes: &Stakes,
        snapshot: &Snapshot<V::Item>,
    ) -> bool {
        let Some(claim) = self.claimed.as_deref().filter(|_| self.recorded.is_none()) else { return false };
        let Some(found) = V::find_claimed(claim, snapshot) else { return false };
        let is_anothers = [found, Identity::from(claim)]
            .iter()
            .any(|identity| stakes.holder(realm, identity).is_some_and(|stake| stake.connector != *me));
        if is_anothers {
            self.claimed = None;
        }
        is_anothers
    }

    /// What became of the rename, as far as it is not plainly seen: its object is there under its recorded name. A list that was sent at `from` or later
    /// tells for certain.
    pub fn rename<I: RemoteItem>(&self, snapshot: &Snapshot<I>, from: Instant) -> Option<Rename> {
        let leads_to = self.renaming_to.as_ref()?;
        snapshot.get(self.recorded.as_ref()?.as_str())?;
        let is_settled = snapshot.last_sent().is_some_and(|sent| sent >= from);
        let rename = if is_settled { Rename::Failed } else { Rename::Doubted };
        Some(rename(leads_to.clone()))
    }
}

/// Whether an absence is proven (semantics, 2): two complete lists, the second sent late enough.
fn is_proven(absence: Option<Absence>, from: Instant) -> bool {
    absence.is_some_and(|absence| absence.lists >= 2 && absence.last_sent >= from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::claims::{Hold, Stake};
    use crate::engine::toy::{Toy, ToyThing};
    use std::time::Duration;

    const REALM: &str = "toys";

    fn listed(name: &str) -> Snapshot<ToyThing> {
        let mut snapshot = Snapshot::new(Duration::ZERO);
        let ticket = snapshot.begin_list(Instant::now());
        snapshot.apply(ticket, vec![ToyThing { name: name.into(), ..ToyThing::default() }]);
        snapshot
    }

    /// Who holds `bear`: name, age, how, and whether it is still asked for.
    fn stakes(holders: &[(&str, &str, Hold, bool)]) -> Stakes {
        let mut stakes = Stakes::default();
        for (name, created, hold, wants) in holders {
            let connector = ObjectKey::new("toys", name);
            let age = ((*created).to_owned(), (*name).to_owned());
            let stake = Stake { connector: connector.clone(), age, hold: *hold, wants: *wants };
            stakes.set(&connector, &[(REALM.into(), "bear".into(), stake)]);
        }
        stakes
    }

    /// Whether `me`, with an open claim on `bear`, lets go of it.
    fn yields(snapshot: &Snapshot<ToyThing>, stakes: &Stakes) -> bool {
        let me = ObjectKey::new("toys", "me");
        let mut own = Own { claimed: Some("bear".into()), ..Own::default() };
        let yields = own.yield_claim::<Toy>(&me, REALM, stakes, snapshot);
        assert_eq!(own.find::<Toy>(snapshot).is_none(), yields || snapshot.get("bear").is_none());
        yields
    }

    #[tokio::test(start_paused = true)]
    async fn a_claim_is_let_go_of_where_another_has_what_it_leads_to_by_a_better_right() {
        use Hold::{Claimed, Nothing, Recorded};
        let mine = |wants| ("me", "2026-01", Claimed, wants);
        for (other, wants, expected, why) in [
            (("other", "2026-02", Recorded, true), true, true, "the other's status records it"),
            (("other", "2026-02", Recorded, false), true, true, "and so it is while it is given up"),
            (("other", "2026-02", Claimed, true), false, true, "the other still asks for what both claimed"),
            (("other", "2026-02", Claimed, true), true, false, "both ask for it, and mine is older"),
            (("other", "2025-12", Nothing, true), true, false, "who only wants it has to wait"),
        ] {
            let stakes = stakes(&[mine(wants), other]);
            assert_eq!(yields(&listed("bear"), &stakes), expected, "{why}");
            assert!(!yields(&listed("wolf"), &stakes), "what is not there may still come to light: {why}");
        }
        assert!(!yields(&listed("bear"), &stakes(&[mine(true)])));
    }
}
