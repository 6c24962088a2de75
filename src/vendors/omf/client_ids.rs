//! A set of client ids, kept small: an account may list half a million of them. Pure.
//!
//! Nearly all of them are UUIDs, which take sixteen bytes here instead of a text's seventy. They are compared without regard to case (api.md), as
//! a set: neither order nor repetition counts.

use crate::remote::ExclusiveId;
use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeSet;
use std::fmt;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientIds {
    /// Sorted.
    uuids: Box<[u128]>,
    /// What is no UUID, in lower case, sorted.
    others: Box<[Box<str>]>,
    /// A hash of all, which tells sets apart.
    digest: ExclusiveId,
}

/// The most ids that a difference names, of those that it adds and of those that it removes. That many UUIDs are shown whole.
const NAMED: usize = 2;

enum Form {
    Uuid(u128),
    Other(Box<str>),
}

impl ClientIds {
    /// The set of these ids.
    pub fn of<'a>(ids: impl IntoIterator<Item = &'a str>) -> Self {
        let (mut uuids, mut others) = (Vec::new(), Vec::new());
        for id in ids {
            push(id, &mut uuids, &mut others);
        }
        Self::sorted(uuids, others)
    }

    fn sorted(mut uuids: Vec<u128>, mut others: Vec<Box<str>>) -> Self {
        uuids.sort_unstable();
        uuids.dedup();
        others.sort_unstable();
        others.dedup();
        let mut context = ring::digest::Context::new(&ring::digest::SHA256);
        for uuid in &uuids {
            context.update(&uuid.to_be_bytes());
        }
        for other in &others {
            context.update(&(other.len() as u64).to_be_bytes());
            context.update(other.as_bytes());
        }
        let number = context.finish().as_ref().iter().take(16).fold(0, |n, byte| n << 8 | u128::from(*byte));
        Self { uuids: uuids.into(), others: others.into(), digest: ExclusiveId::from_number(number) }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.uuids.len() + self.others.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What tells this set from others.
    pub fn digest(&self) -> ExclusiveId {
        self.digest
    }

    /// What of these only one connection of a namespace can have: each of them.
    pub fn exclusive(&self) -> Vec<ExclusiveId> {
        let uuids = self.uuids.iter().map(|uuid| ExclusiveId::from_number(*uuid));
        uuids.chain(self.others.iter().map(|other| ExclusiveId::of(other))).collect()
    }

    /// What turns this set into `wanted`, in a few words: `adds …, … and 7 more; removes …`.
    pub fn difference(&self, wanted: &Self) -> String {
        let (adds, removes) = (named(wanted, self), named(self, wanted));
        let parts = [("adds", adds), ("removes", removes)].into_iter().filter(|(_, ids)| !ids.is_empty());
        parts.map(|(what, ids)| format!("{what} {ids}")).collect::<Vec<_>>().join("; ")
    }
}

/// Some of what `one` has and `other` has not. Both are sorted, so this is one walk over both.
fn named(one: &ClientIds, other: &ClientIds) -> String {
    let uuids = missing(&one.uuids, &other.uuids).map(|uuid| spelled(*uuid));
    let others = missing(&one.others, &other.others).map(ToString::to_string);
    let (mut names, mut count) = (Vec::new(), 0_usize);
    for name in uuids.chain(others) {
        count += 1;
        if names.len() < NAMED {
            names.push(name);
        }
    }
    let more = if count > NAMED { format!(" and {} more", count - NAMED) } else { String::new() };
    format!("{}{more}", names.join(", "))
}

fn missing<'a, T: Ord>(one: &'a [T], other: &'a [T]) -> impl Iterator<Item = &'a T> {
    let mut rest = other.iter().peekable();
    one.iter().filter(move |item| {
        while rest.next_if(|next| next < item).is_some() {}
        rest.peek() != Some(item)
    })
}

/// What only one connection can have, as a person spells it.
pub(super) fn exclusive(id: &str) -> ExclusiveId {
    match form(id) {
        Form::Uuid(uuid) => ExclusiveId::from_number(uuid),
        Form::Other(other) => ExclusiveId::of(&other),
    }
}

/// The ids of which each is another, in their order: of two spellings of one the first stays.
pub(super) fn distinct(ids: &[String]) -> impl Iterator<Item = (ExclusiveId, &str)> {
    let mut known = BTreeSet::new();
    let each = ids.iter().map(|id| (exclusive(id), id.as_str()));
    each.filter(move |(exclusive, _)| known.insert(*exclusive))
}

fn push(id: &str, uuids: &mut Vec<u128>, others: &mut Vec<Box<str>>) {
    match form(id) {
        Form::Uuid(uuid) => uuids.push(uuid),
        Form::Other(other) => others.push(other),
    }
}

fn form(id: &str) -> Form {
    uuid(id).map_or_else(|| Form::Other(id.to_lowercase().into()), Form::Uuid)
}

/// The number of a UUID in its usual form, and of nothing else: another form of it is another id.
fn uuid(id: &str) -> Option<u128> {
    let bytes = id.as_bytes();
    if bytes.len() != 36 {
        return None;
    }
    bytes.iter().enumerate().try_fold(0_u128, |number, (at, byte)| {
        if matches!(at, 8 | 13 | 18 | 23) {
            return (*byte == b'-').then_some(number);
        }
        Some(number << 4 | u128::from(char::from(*byte).to_digit(16)?))
    })
}

fn spelled(uuid: u128) -> String {
    let hex = format!("{uuid:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

impl Default for ClientIds {
    fn default() -> Self {
        Self::of([])
    }
}

/// Reads them one by one; what is no text is passed over, and a null is an empty set.
impl<'de> Deserialize<'de> for ClientIds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Ids;

        impl<'de> Visitor<'de> for Ids {
            type Value = ClientIds;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a list of client ids")
            }

            fn visit_unit<E>(self) -> Result<ClientIds, E> {
                Ok(ClientIds::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut ids: A) -> Result<ClientIds, A::Error> {
                let (mut uuids, mut others) = (Vec::new(), Vec::new());
                while let Some(id) = ids.next_element::<MaybeText<'de>>()? {
                    if let MaybeText::Text(id) = id {
                        push(&id, &mut uuids, &mut others);
                    }
                }
                Ok(ClientIds::sorted(uuids, others))
            }
        }

        deserializer.deserialize_any(Ids)
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum MaybeText<'a> {
    #[serde(borrow)]
    Text(std::borrow::Cow<'a, str>),
    Other(IgnoredAny),
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ONE: &str = "d6b178a4-0de5-4c30-8ba7-0a84751be854";

    #[test]
    fn neither_order_nor_repetition_nor_case_counts() {
        let upper = ONE.to_uppercase();
        assert_eq!(ClientIds::of([ONE, "Other", "b"]), ClientIds::of(["b", "oTHER", &upper, ONE]));
        assert_ne!(ClientIds::of([ONE]), ClientIds::of([ONE, "b"]));
        assert_ne!(ClientIds::of(["ab"]).digest(), ClientIds::of(["a", "b"]).digest());
        assert_eq!(exclusive(&upper), exclusive(ONE));
        let bare = ONE.replace('-', "");
        assert_ne!(exclusive(&bare), exclusive(ONE), "another form is another id");
    }

    #[test]
    fn a_difference_is_short_however_many_there_are() {
        let ids = |range: std::ops::Range<u32>| -> Vec<String> {
            range.map(|n| format!("client-{n:05}")).collect()
        };
        let set = |range| ClientIds::of(ids(range).iter().map(String::as_str));
        let difference = set(0..9_999).difference(&set(1..10_000));
        assert_eq!(difference, "adds client-09999; removes client-00000");
        let much = set(0..10).difference(&set(5_000..10_000));
        assert!(much.contains("and 4998 more") && much.contains("and 8 more") && much.len() < 200, "{much}");
        assert_eq!(ClientIds::of([ONE]).difference(&ClientIds::default()), format!("removes {ONE}"));
    }

    #[test]
    fn nulls_and_other_shapes_are_survived() {
        for (text, expected) in [
            ("null", ClientIds::default()),
            (r#"["a", null, 7, {"x": [1]}, "b"]"#, ClientIds::of(["a", "b"])),
            (r#"["caf\u00e9"]"#, ClientIds::of(["café"])),
        ] {
            assert_eq!(serde_json::from_str::<ClientIds>(text).expect(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn it_is_the_set_that_the_texts_are(
            one in proptest::collection::vec("[a-c]{1,2}|[0-9a-f]{8}-1111-1111-1111-[0-9a-f]{12}", 0..12),
            other in proptest::collection::vec("[a-c]{1,2}", 0..12),
        ) {
            let set = |ids: &[String]| -> BTreeSet<String> { ids.iter().cloned().collect() };
            let of = |ids: &[String]| ClientIds::of(ids.iter().map(String::as_str));
            prop_assert_eq!(of(&one) == of(&other), set(&one) == set(&other));
            prop_assert_eq!(of(&one).len(), set(&one).len());
            prop_assert_eq!(of(&one).difference(&of(&other)).is_empty(), set(&one) == set(&other));
            let read: ClientIds = serde_json::from_value(serde_json::json!(one)).expect("a list");
            prop_assert_eq!(read, of(&one));
        }
    }
}
