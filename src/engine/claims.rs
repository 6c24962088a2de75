//! Whose a remote object is: the claim that is written before a create, and who wins where several connectors want one.
//!
//! Pure. A claim is an annotation that anybody could copy or forge, so it counts only with a proof that this installation made for this very
//! object, scope and name.

use super::fingerprint::FingerprintKey;
use super::object::ObjectKey;
use crate::remote::Identity;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The content of the claim annotation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Claim {
    /// Where the name is valid.
    pub scope: String,
    /// The remote name that was about to be created.
    pub name: String,
    uid: String,
    proof: String,
}

impl Claim {
    /// The claim of the object `uid` on `name`.
    pub fn new(key: &FingerprintKey, uid: &str, scope: &str, name: &str) -> Self {
        Self {
            scope: scope.to_owned(),
            name: name.to_owned(),
            uid: uid.to_owned(),
            proof: key.of_claim(uid, scope, name),
        }
    }

    /// The claim in an annotation, if it is this object's own.
    pub fn read(key: &FingerprintKey, uid: &str, annotation: &str) -> Option<Self> {
        let claim: Self = serde_json::from_str(annotation).ok()?;
        let ours = claim.uid == uid && key.proves_claim(uid, &claim.scope, &claim.name, &claim.proof);
        ours.then_some(claim)
    }

    /// The remote name as that of an object. Where the vendor names its objects itself, it is nobody's but the claim's.
    pub fn identity(&self) -> Identity {
        self.name.as_str().into()
    }

    /// The annotation's value.
    pub fn annotation(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// One connector's interest in one identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stake {
    /// The connector.
    pub connector: ObjectKey,
    /// Its creationTimestamp and uid: the order among those who hold nothing.
    pub age: (String, String),
    /// How it holds the identity.
    pub hold: Hold,
    /// Whether its spec still asks for this identity.
    pub wants: bool,
}

/// How a connector holds an identity; the better comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hold {
    /// Its status records it.
    Recorded,
    /// It may have created it under its open claim, or renamed its object to it.
    Claimed,
    /// It only wants it.
    Nothing,
}

impl Stake {
    /// The smallest stake wins.
    fn order(&self) -> (Hold, bool, &(String, String)) {
        (self.hold, !self.wants, &self.age)
    }
}

/// Every connector's stakes, by the realm in which an identity means the same object.
#[derive(Debug, Default)]
pub struct Stakes {
    by_identity: BTreeMap<(String, Identity), BTreeMap<ObjectKey, Stake>>,
    by_connector: BTreeMap<ObjectKey, BTreeSet<(String, Identity)>>,
}

impl Stakes {
    /// Sets all stakes of a connector. Returns the other connectors for which the winner changed.
    pub fn set(
        &mut self,
        connector: &ObjectKey,
        stakes: &[(String, Identity, Stake)],
    ) -> BTreeSet<ObjectKey> {
        let places: BTreeSet<(String, Identity)> =
            stakes.iter().map(|(realm, identity, _)| (realm.clone(), identity.clone())).collect();
        let before = self.by_connector.remove(connector).unwrap_or_default();
        let mut wake = BTreeSet::new();
        for place in before.union(&places) {
            let winner_before = self.winner_at(place).cloned();
            if let Some(at_place) = self.by_identity.get_mut(place) {
                at_place.remove(connector);
            }
            for (_, _, stake) in
                stakes.iter().filter(|(realm, identity, _)| (realm, identity) == (&place.0, &place.1))
            {
                self.by_identity.entry(place.clone()).or_default().insert(connector.clone(), stake.clone());
            }
            if self.winner_at(place).map(|stake| &stake.connector)
                != winner_before.as_ref().map(|stake| &stake.connector)
            {
                wake.extend(self.by_identity.get(place).into_iter().flat_map(BTreeMap::keys).cloned());
            }
            if self.by_identity.get(place).is_some_and(BTreeMap::is_empty) {
                self.by_identity.remove(place);
            }
        }
        if !places.is_empty() {
            self.by_connector.insert(connector.clone(), places);
        }
        wake.remove(connector);
        wake
    }

    /// Who wins an identity.
    pub fn winner(&self, realm: &str, identity: &Identity) -> Option<&Stake> {
        self.winner_at(&(realm.to_owned(), identity.clone()))
    }

    /// Every connector with a stake in an identity.
    pub fn interested(&self, realm: &str, identity: &Identity) -> impl Iterator<Item = &ObjectKey> {
        self.by_identity.get(&(realm.to_owned(), identity.clone())).into_iter().flat_map(BTreeMap::keys)
    }

    /// Who holds an identity, if anybody does.
    pub fn holder(&self, realm: &str, identity: &Identity) -> Option<&Stake> {
        self.winner(realm, identity).filter(|stake| stake.hold != Hold::Nothing)
    }

    /// What a connector holds.
    pub fn held_by(&self, connector: &ObjectKey) -> BTreeSet<(String, Identity)> {
        let holds = |place: &&(String, Identity)| {
            let stake = self.by_identity.get(*place).and_then(|at_place| at_place.get(connector));
            stake.is_some_and(|stake| stake.hold != Hold::Nothing)
        };
        self.by_connector.get(connector).into_iter().flatten().filter(holds).cloned().collect()
    }

    fn winner_at(&self, place: &(String, Identity)) -> Option<&Stake> {
        self.by_identity.get(place)?.values().min_by_key(|stake| stake.order())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fingerprint::KEY_LENGTH;

    fn stake(name: &str, created: &str, hold: Hold, wants: bool) -> Stake {
        Stake { connector: ObjectKey::new("ns", name), age: (created.into(), name.into()), hold, wants }
    }

    fn set(stakes: &mut Stakes, identity: &str, stake: Stake) -> BTreeSet<ObjectKey> {
        stakes.set(&stake.connector.clone(), &[("remote".into(), identity.into(), stake)])
    }

    fn winner(stakes: &Stakes, identity: &str) -> Option<String> {
        stakes.winner("remote", &identity.into()).map(|stake| stake.connector.name.clone())
    }

    #[test]
    fn a_copied_or_forged_claim_is_void() {
        let key = FingerprintKey::new(&[1; KEY_LENGTH]);
        let annotation = Claim::new(&key, "uid-1", "host", "plant-a").annotation();
        assert_eq!(Claim::read(&key, "uid-1", &annotation).map(|claim| claim.name), Some("plant-a".into()));
        assert_eq!(Claim::read(&key, "uid-2", &annotation), None, "copied to another object");
        assert_eq!(
            Claim::read(&key, "uid-1", &annotation.replace("plant-a", "plant-b")),
            None,
            "another name"
        );
        let other = FingerprintKey::new(&[2; KEY_LENGTH]);
        assert_eq!(Claim::read(&other, "uid-1", &annotation), None, "restored into another installation");
        assert_eq!(Claim::read(&key, "uid-1", "{}"), None);
    }

    #[test]
    fn whoever_holds_it_wins_else_the_oldest() {
        let mut stakes = Stakes::default();
        set(&mut stakes, "plant-a", stake("young", "2026-02", Hold::Nothing, true));
        set(&mut stakes, "plant-a", stake("old", "2026-01", Hold::Nothing, true));
        assert_eq!(winner(&stakes, "plant-a"), Some("old".into()));
        let woken = set(&mut stakes, "plant-a", stake("young", "2026-02", Hold::Claimed, true));
        assert_eq!(winner(&stakes, "plant-a"), Some("young".into()));
        assert_eq!(woken, [ObjectKey::new("ns", "old")].into(), "the loser hears of it");
    }

    #[test]
    fn when_the_winner_goes_the_others_hear_of_it() {
        let mut stakes = Stakes::default();
        set(&mut stakes, "plant-a", stake("old", "2026-01", Hold::Recorded, true));
        set(&mut stakes, "plant-a", stake("young", "2026-02", Hold::Nothing, true));
        let woken = stakes.set(&ObjectKey::new("ns", "old"), &[]);
        assert_eq!(woken, [ObjectKey::new("ns", "young")].into());
        assert_eq!(winner(&stakes, "plant-a"), Some("young".into()));
    }
}
