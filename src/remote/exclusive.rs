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
            // Another may have taken it over within the same list.
            if self.by_id.get(id) == Some(holder) {
                self.by_id.remove(id);
            }
        }
        for id in &new {
            self.by_id.insert(*id, holder.clone());
        }
        gone.into_iter().chain(new).collect()
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
}
