//! The shrink guard: does not believe a list in which too much of what we recorded is missing. Pure.
//!
//! A narrowed key, another organisation's key and a silently capped list all look alike: half of everything is gone. Creating it all again would be the
//! worst answer, so nothing is written until the objects are back or a person accepts the loss (semantics, 4).

use crate::remote::Identity;
use std::collections::BTreeSet;

/// How many recorded objects may always be missing.
const ALWAYS_TOLERATED: usize = 2;

/// One recorded object, held against the newest list.
#[derive(Debug, Clone)]
pub struct RecordedObject {
    /// Its identity.
    pub identity: Identity,
    /// Whether the list lacks it.
    pub missing: bool,
    /// Whether it is not what was recorded of it.
    pub differs: bool,
}

/// Why a list is not believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shrunk {
    /// What is missing.
    pub missing: BTreeSet<Identity>,
    /// What differs, after the credential was replaced.
    pub differing: BTreeSet<Identity>,
    /// How many objects are recorded.
    pub recorded: usize,
    /// Whether the credential was replaced.
    pub credential_replaced: bool,
    /// What a person sets to accept it.
    pub hash: String,
}

/// Whether the lists of one remote are believed.
#[derive(Debug, Default)]
pub struct Guard {
    shrunk: Option<Shrunk>,
    accepted: BTreeSet<Identity>,
    /// The number of the newest list that was judged.
    judged: u64,
    /// Whether a list is believed after one that was not, and nobody has asked since.
    is_news: bool,
}

impl Guard {
    /// Why nothing is written, while that is so.
    pub fn shrunk(&self) -> Option<&Shrunk> {
        self.shrunk.as_ref()
    }

    /// Whether list number `list` has been judged.
    pub fn has_judged(&self, list: u64) -> bool {
        self.judged >= list
    }

    /// Whether lists are believed again since this was asked last.
    pub fn is_believed_again(&mut self) -> bool {
        std::mem::take(&mut self.is_news)
    }

    /// Judges list number `list`. `acceptances` are the annotations of the accounts; `last_good` is when the last believed list's content was taken.
    pub fn judge(
        &mut self,
        list: u64,
        recorded: &[RecordedObject],
        credential_replaced: bool,
        last_good: &str,
        acceptances: &[&str],
    ) {
        let doubted = self.shrunk.is_some();
        self.judged = list;
        self.shrunk = self.doubt(recorded, credential_replaced, last_good, acceptances);
        self.is_news |= doubted && self.shrunk.is_none();
    }

    /// Why the list is not believed, if so.
    fn doubt(
        &mut self,
        recorded: &[RecordedObject],
        credential_replaced: bool,
        last_good: &str,
        acceptances: &[&str],
    ) -> Option<Shrunk> {
        self.accepted.retain(|identity| {
            recorded.iter().any(|object| (object.missing || object.differs) && object.identity == *identity)
        });
        let not_accepted = |object: &&RecordedObject| !self.accepted.contains(&object.identity);
        let select = |wanted: fn(&RecordedObject) -> bool| -> BTreeSet<Identity> {
            recorded
                .iter()
                .filter(|object| wanted(object))
                .filter(not_accepted)
                .map(|object| object.identity.clone())
                .collect()
        };
        let missing = select(|object| object.missing);
        let differing = if credential_replaced { select(|object| object.differs) } else { BTreeSet::new() };
        let too_many = missing.len() > ALWAYS_TOLERATED && missing.len() * 2 >= recorded.len();
        if !too_many && !(credential_replaced && !(missing.is_empty() && differing.is_empty())) {
            return None;
        }
        let hash = hash(&missing, &differing, last_good);
        if acceptances.contains(&hash.as_str()) {
            self.accepted.extend(missing);
            self.accepted.extend(differing);
            return None;
        }
        Some(Shrunk { missing, differing, recorded: recorded.len(), credential_replaced, hash })
    }
}

fn hash(missing: &BTreeSet<Identity>, differing: &BTreeSet<Identity>, last_good: &str) -> String {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    let parts = [("missing", missing), ("differing", differing)];
    for (kind, identity) in
        parts.iter().flat_map(|(kind, set)| set.iter().map(move |identity| (kind, identity)))
    {
        context.update(format!("{kind} {} {identity}\n", identity.as_str().len()).as_bytes());
    }
    context.update(last_good.as_bytes());
    super::fingerprint::to_hex(&context.finish().as_ref()[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Recorded objects: the first `missing` of `all` are not in the list.
    fn recorded(all: usize, missing: usize) -> Vec<RecordedObject> {
        (0..all)
            .map(|number| RecordedObject {
                identity: format!("plant-{number}").as_str().into(),
                missing: number < missing,
                differs: false,
            })
            .collect()
    }

    fn is_shrunk(all: usize, missing: usize) -> bool {
        let mut guard = Guard::default();
        guard.judge(1, &recorded(all, missing), false, "t", &[]);
        guard.shrunk().is_some()
    }

    #[test]
    fn at_least_three_and_at_least_half() {
        for (all, missing, shrunk) in [
            (2, 2, false),
            (3, 3, true),
            (4, 2, false),
            (6, 3, true),
            (7, 3, false),
            (7, 4, true),
            (1000, 499, false),
        ] {
            assert_eq!(is_shrunk(all, missing), shrunk, "{missing} of {all} missing");
        }
    }

    #[test]
    fn after_another_credential_one_missing_or_differing_object_is_enough() {
        let mut guard = Guard::default();
        guard.judge(1, &recorded(10, 1), true, "t", &[]);
        assert!(guard.shrunk().is_some());
        guard.judge(1, &recorded(10, 0), true, "t", &[]);
        assert!(guard.shrunk().is_none());
        let mut differing = recorded(10, 0);
        differing[4].differs = true;
        guard.judge(1, &differing, true, "t", &[]);
        assert!(guard.shrunk().is_some());
    }

    #[test]
    fn the_hash_of_the_message_accepts_exactly_that_loss_until_it_is_made_good() {
        let mut guard = Guard::default();
        guard.judge(1, &recorded(6, 4), false, "t", &["0123456789abcdef"]);
        let hash = guard.shrunk().expect("it shrank").hash.clone();
        guard.judge(1, &recorded(6, 4), false, "t", &[&hash]);
        assert!(guard.shrunk().is_none(), "accepted");
        guard.judge(1, &recorded(6, 3), false, "t", &[&hash]);
        assert!(guard.shrunk().is_none(), "while it is made good, one by one");
        guard.judge(1, &recorded(6, 0), false, "t2", &[&hash]);
        guard.judge(1, &recorded(6, 4), false, "t2", &[&hash]);
        assert!(guard.shrunk().is_some(), "the same loss at another time is another loss");
    }

    #[test]
    fn it_is_over_when_the_objects_are_back() {
        let mut guard = Guard::default();
        guard.judge(1, &recorded(6, 4), false, "t", &[]);
        guard.judge(1, &recorded(6, 0), false, "t", &[]);
        assert!(guard.shrunk().is_none());
    }
}
