//! What only one object of a place can have at a time, such as a client id that may be mapped to one connection: who has it. Pure.
//!
//! There may be half a million of them in an account, so each is sixteen bytes here, whatever its spelling.

use super::item::Identity;
use std::collections::BTreeMap;

/// A digest of one such thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExclusiveId(u128);

impl ExclusiveId {
    /// The thing that has this number already, such as a UUID.
    pub const fn from_number(number: u128) -> Self {
        Self(number)
    }

    /// Its number.
    pub const fn number(self) -> u128 {
        self.0
    }

    /// The thing that is spelled so.
    pub fn of(spelling: &str) -> Self {
        let digest = ring::digest::digest(&ring::digest::SHA256, spelling.as_bytes());
        Self(digest.as_ref().iter().take(16).fold(0, |number, byte| number << 8 | u128::from(*byte)))
    }
}

/// Which object has what.
#[derive(Debug, Default)]
pub struct Holders {
    by_id: BTreeMap<ExclusiveId, Identity>,
    /// Who has it as well, which happens while a vendor takes one object away and has another with the same already.
    others: BTreeMap<ExclusiveId, Vec<Identity>>,
}

impl Holders {
    /// Who has it.
    pub fn get(&self, id: ExclusiveId) -> Option<&Identity> {
        self.by_id.get(&id)
    }

    /// `holder` had `before` and has `after`. Returns what changed hands by it, or came and went.
    pub fn moved(
        &mut self,
        holder: &Identity,
        mut before: Vec<ExclusiveId>,
        mut after: Vec<ExclusiveId>,
    ) -> Vec<ExclusiveId> {
        before.sort_unstable();
        after.sort_unstable();
        let gone: Vec<ExclusiveId> =
            before.iter().filter(|id| after.binary_search(id).is_err()).copied().collect();
        let new: Vec<ExclusiveId> =
            after.iter().filter(|id| before.binary_search(id).is_err()).copied().collect();
        for id in &gone {
            self.leaves(*id, holder);
        }
        for id in &new {
            if let Some(earlier) = self.by_id.insert(*id, holder.clone()) {
                self.others.entry(*id).or_default().push(earlier);
            }
        }
        gone.into_iter().chain(new).collect()
    }

    /// `holder` has it no longer. Another may have taken it over before, within the same list.
    fn leaves(&mut self, id: ExclusiveId, holder: &Identity) {
        let others = self.others.entry(id).or_default();
        if self.by_id.get(&id) != Some(holder) {
            others.retain(|other| other != holder);
        } else if let Some(other) = others.pop() {
            self.by_id.insert(id, other);
        } else {
            self.by_id.remove(&id);
        }
        if self.others.get(&id).is_some_and(Vec::is_empty) {
            self.others.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(spellings: &[&str]) -> Vec<ExclusiveId> {
        spellings.iter().map(|spelling| ExclusiveId::of(spelling)).collect()
    }

    #[test]
    fn what_moves_from_one_object_to_another_is_held_by_the_new_one_in_whatever_order_they_are_listed() {
        for order in [["giver", "taker"], ["taker", "giver"]] {
            let mut holders = Holders::default();
            holders.moved(&"giver".into(), Vec::new(), ids(&["a", "b"]));
            holders.moved(&"taker".into(), Vec::new(), ids(&["c"]));
            for name in order {
                let touched = match name {
                    "giver" => holders.moved(&"giver".into(), ids(&["a", "b"]), ids(&["b"])),
                    _ => holders.moved(&"taker".into(), ids(&["c"]), ids(&["a", "c"])),
                };
                assert_eq!(touched, ids(&["a"]), "{name}");
            }
            for (spelling, holder) in [("a", "taker"), ("b", "giver"), ("c", "taker")] {
                assert_eq!(
                    holders.get(ExclusiveId::of(spelling)).map(Identity::as_str),
                    Some(holder),
                    "{spelling}"
                );
            }
        }
    }

    #[test]
    fn what_two_have_is_the_others_when_one_goes() {
        for gone in ["leaving", "active"] {
            let mut holders = Holders::default();
            for name in ["active", "leaving"] {
                holders.moved(&name.into(), Vec::new(), ids(&["a"]));
            }
            holders.moved(&gone.into(), ids(&["a"]), Vec::new());
            let left = if gone == "leaving" { "active" } else { "leaving" };
            assert_eq!(holders.get(ExclusiveId::of("a")).map(Identity::as_str), Some(left));
            holders.moved(&left.into(), ids(&["a"]), Vec::new());
            assert_eq!(holders.get(ExclusiveId::of("a")), None);
        }
    }
}
