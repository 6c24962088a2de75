//! Everything that a vendor account holds, as of its last complete list and our own writes since.
//!
//! Pure: time is passed in, and nothing here does IO. Two rules keep it honest. A list that was sent before one of our writes
//! finished never overrides what that write left behind. And a list that shows exactly what was there before our
//! write, within the vendor's allowance for consistency, is taken for a stale one.

use super::exclusive::{ExclusiveId, Holders};
use super::item::{Identity, RemoteItem};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// One object as the snapshot holds it.
#[derive(Debug)]
pub struct Entry<I> {
    /// The object as last listed or answered.
    pub item: Arc<I>,
    /// Its digest, of all objects under this identity.
    pub digest: u64,
    /// How many objects of the last list had this identity; more than one is the vendor's doing and is only reported.
    pub copies: usize,
    /// The number of the list that last showed it, 0 where only our own write did.
    pub listed_in: u64,
}

impl<I> Clone for Entry<I> {
    fn clone(&self) -> Self {
        Self { item: self.item.clone(), digest: self.digest, copies: self.copies, listed_in: self.listed_in }
    }
}

/// What our writes left behind under one identity, until later lists can only confirm or override it.
#[derive(Debug)]
struct Fold {
    /// The newest write's.
    sequence: u64,
    /// What was there before each write that a list may still lag, and when that write finished.
    earlier: VecDeque<(Instant, Option<u64>)>,
}

/// So many writes to one object are remembered; more do not follow each other within an allowance.
const MOST_EARLIER: usize = 16;

/// Proof of when a list was sent.
#[derive(Debug, Clone, Copy)]
pub struct Ticket {
    sequence: u64,
    sent_at: Instant,
}

/// What a list changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Not there before.
    pub appeared: Vec<Identity>,
    /// There before with another digest.
    pub changed: Vec<Identity>,
    /// No longer there.
    pub vanished: Vec<Identity>,
    /// What the changes took from one object or gave to another.
    pub exclusive: Vec<ExclusiveId>,
}

impl Difference {
    /// Whether the list showed nothing new.
    pub fn is_empty(&self) -> bool {
        self.appeared.is_empty() && self.changed.is_empty() && self.vanished.is_empty()
    }

    /// Every identity that the list touched.
    pub fn touched(&self) -> impl Iterator<Item = &Identity> {
        self.appeared.iter().chain(&self.changed).chain(&self.vanished)
    }
}

/// The evidence that an identity is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Absence {
    /// Complete lists in a row without it.
    pub lists: u64,
    /// When the last of them was sent.
    pub last_sent: Instant,
}

/// See the module.
#[derive(Debug)]
pub struct Snapshot<I> {
    entries: BTreeMap<Identity, Entry<I>>,
    folds: BTreeMap<Identity, Fold>,
    holders: Holders,
    /// For what has vanished lately: the number of lists when it was last there.
    last_seen: BTreeMap<Identity, u64>,
    sequence: u64,
    lists: u64,
    last_sent: Option<Instant>,
    revision: u64,
    allowance: Duration,
}

impl<I: RemoteItem> Snapshot<I> {
    /// An empty snapshot that has seen no list. `allowance` is how long the vendor's lists may lag its writes.
    pub fn new(allowance: Duration) -> Self {
        Self {
            entries: BTreeMap::new(),
            folds: BTreeMap::new(),
            holders: Holders::default(),
            last_seen: BTreeMap::new(),
            sequence: 0,
            lists: 0,
            last_sent: None,
            revision: 0,
            allowance,
        }
    }

    /// The object of that identity.
    pub fn get(&self, identity: &str) -> Option<&Entry<I>> {
        self.entries.get(identity)
    }

    /// Which object has what only one can have.
    pub fn holders(&self) -> &Holders {
        &self.holders
    }

    /// Whether the vendor is still at work on any object.
    pub fn is_in_flight(&self) -> bool {
        self.entries.values().any(|entry| entry.item.in_flight())
    }

    /// Every object, by identity.
    pub fn iter(&self) -> impl Iterator<Item = (&Identity, &Entry<I>)> {
        self.entries.iter()
    }

    /// How many identities there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many complete lists it has seen.
    pub fn lists(&self) -> u64 {
        self.lists
    }

    /// When the last complete list was sent.
    pub fn last_sent(&self) -> Option<Instant> {
        self.last_sent
    }

    /// Moves whenever the content does.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// To be called when a list is about to be sent.
    pub fn begin_list(&mut self, now: Instant) -> Ticket {
        self.sequence += 1;
        Ticket { sequence: self.sequence, sent_at: now }
    }

    /// Takes over a complete list.
    pub fn apply(&mut self, ticket: Ticket, items: Vec<I>) -> Difference {
        self.lists += 1;
        self.last_sent = Some(ticket.sent_at);
        let mut listed = self.by_identity(items);
        self.keep_what_the_list_cannot_know(ticket, &mut listed);
        let mut difference = compare(&self.entries, &listed);
        difference.exclusive = self.move_holders(&difference, &listed);
        for identity in &difference.vanished {
            self.last_seen.insert(identity.clone(), self.lists - 1);
        }
        self.entries = listed;
        let (entries, lists) = (&self.entries, self.lists);
        // Three lists without it say as much as the count of all lists would.
        self.last_seen.retain(|identity, seen| !entries.contains_key(identity) && lists - *seen <= 3);
        if !difference.is_empty() {
            self.revision += 1;
        }
        difference
    }

    /// Folds in what one of our writes left under `identity`: the object, or nothing after a delete. Returns what that took from it or gave
    /// to it.
    pub fn fold(&mut self, identity: &Identity, left: Option<Arc<I>>, finished: Instant) -> Vec<ExclusiveId> {
        self.sequence += 1;
        let before = self.entries.get(identity).map(|entry| entry.digest);
        let fold = self
            .folds
            .entry(identity.clone())
            .or_insert_with(|| Fold { sequence: 0, earlier: VecDeque::new() });
        fold.sequence = self.sequence;
        fold.earlier.push_back((finished, before));
        if fold.earlier.len() > MOST_EARLIER {
            fold.earlier.pop_front();
        }
        let had = self.entries.get(identity).map(|entry| entry.item.exclusive()).unwrap_or_default();
        let has = left.as_ref().map(|item| item.exclusive()).unwrap_or_default();
        let moved = self.holders.moved(identity, had, has);
        if let Some(item) = left {
            let digest = item.digest();
            let entry = Entry { item, digest, copies: 1, listed_in: 0 };
            self.entries.insert(identity.clone(), entry);
        } else {
            self.entries.remove(identity);
            self.last_seen.insert(identity.clone(), self.lists);
        }
        self.revision += 1;
        moved
    }

    /// The evidence that `identity` is not there; none while it is, or while no list has come.
    pub fn absence(&self, identity: &str) -> Option<Absence> {
        if self.entries.contains_key(identity) {
            return None;
        }
        let lists = self.lists - self.last_seen.get(identity).copied().unwrap_or(0);
        Some(Absence { lists, last_sent: self.last_sent? })
    }

    /// Brings the holders in line with a list; what changed hands by it.
    fn move_holders(
        &mut self,
        difference: &Difference,
        listed: &BTreeMap<Identity, Entry<I>>,
    ) -> Vec<ExclusiveId> {
        let exclusive = |entries: &BTreeMap<Identity, Entry<I>>, identity: &Identity| {
            entries.get(identity).map(|entry| entry.item.exclusive()).unwrap_or_default()
        };
        let order = difference.vanished.iter().chain(&difference.changed).chain(&difference.appeared);
        order
            .flat_map(|identity| {
                let (before, after) = (exclusive(&self.entries, identity), exclusive(listed, identity));
                self.holders.moved(identity, before, after)
            })
            .collect()
    }

    fn by_identity(&self, items: Vec<I>) -> BTreeMap<Identity, Entry<I>> {
        let mut listed: BTreeMap<Identity, Entry<I>> = BTreeMap::new();
        for item in items {
            let digest = item.digest();
            listed
                .entry(item.identity())
                .and_modify(|first| {
                    first.copies += 1;
                    first.digest = first.digest.rotate_left(1) ^ digest;
                })
                .or_insert_with(|| Entry { item: Arc::new(item), digest, copies: 1, listed_in: self.lists });
        }
        listed
    }

    fn keep_what_the_list_cannot_know(&mut self, ticket: Ticket, listed: &mut BTreeMap<Identity, Entry<I>>) {
        let (entries, allowance) = (&self.entries, self.allowance);
        self.folds.retain(|identity, fold| {
            let ours = entries.get(identity);
            let shown = listed.get(identity).map(|entry| entry.digest);
            let sent_before = fold.sequence > ticket.sequence;
            fold.earlier.retain(|(finished, _)| ticket.sent_at < *finished + allowance);
            let stale = fold.earlier.iter().any(|(_, before)| shown == *before)
                && shown != ours.map(|entry| entry.digest);
            if sent_before || stale {
                match ours {
                    Some(entry) => listed.insert(identity.clone(), entry.clone()),
                    None => listed.remove(identity),
                };
            }
            // Within the allowance a later list may still be a stale one.
            sent_before || !fold.earlier.is_empty()
        });
    }
}

fn compare<I>(old: &BTreeMap<Identity, Entry<I>>, new: &BTreeMap<Identity, Entry<I>>) -> Difference {
    let mut difference = Difference::default();
    for (identity, entry) in new {
        match old.get(identity) {
            None => difference.appeared.push(identity.clone()),
            Some(before) if before.digest != entry.digest => difference.changed.push(identity.clone()),
            Some(_) => {}
        }
    }
    difference.vanished = old.keys().filter(|identity| !new.contains_key(*identity)).cloned().collect();
    difference
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, PartialEq)]
    struct Thing(&'static str, u64);

    impl RemoteItem for Thing {
        fn identity(&self) -> Identity {
            self.0.into()
        }
        fn digest(&self) -> u64 {
            self.1
        }
    }

    const ALLOWANCE: Duration = Duration::from_secs(30);

    fn list(snapshot: &mut Snapshot<Thing>, now: Instant, items: &[Thing]) -> Difference {
        let ticket = snapshot.begin_list(now);
        snapshot.apply(ticket, items.to_vec())
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_says_what_appeared_changed_and_vanished() {
        let (mut snapshot, now) = (Snapshot::new(ALLOWANCE), Instant::now());
        list(&mut snapshot, now, &[Thing("kept", 1), Thing("changed", 1), Thing("gone", 1)]);
        let difference = list(&mut snapshot, now, &[Thing("kept", 1), Thing("changed", 2), Thing("new", 1)]);
        assert_eq!(difference.appeared, vec!["new".into()]);
        assert_eq!(difference.changed, vec!["changed".into()]);
        assert_eq!(difference.vanished, vec!["gone".into()]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_sent_before_a_write_finished_never_overrides_it() {
        let (mut snapshot, now) = (Snapshot::new(Duration::ZERO), Instant::now());
        list(&mut snapshot, now, &[Thing("a", 1), Thing("b", 1)]);
        let ticket = snapshot.begin_list(now);
        snapshot.fold(&"a".into(), Some(Thing("a", 2).into()), now);
        snapshot.fold(&"b".into(), None, now);
        snapshot.fold(&"c".into(), Some(Thing("c", 1).into()), now);
        let difference = snapshot.apply(ticket, vec![Thing("a", 1), Thing("b", 1)]);
        assert!(difference.is_empty(), "{difference:?}");
        assert_eq!(snapshot.get("a").map(|entry| entry.digest), Some(2));
        assert!(snapshot.get("b").is_none());
        assert!(snapshot.get("c").is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn within_the_allowance_a_list_that_lags_our_post_is_taken_for_stale_and_after_it_is_believed() {
        let (mut snapshot, now) = (Snapshot::new(ALLOWANCE), Instant::now());
        list(&mut snapshot, now, &[]);
        snapshot.fold(&"new".into(), Some(Thing("new", 1).into()), now);
        assert!(list(&mut snapshot, now + Duration::from_secs(10), &[]).is_empty());
        assert!(snapshot.get("new").is_some());
        let difference = list(&mut snapshot, now + Duration::from_secs(31), &[]);
        assert_eq!(difference.vanished, vec!["new".into()]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_that_lags_two_of_our_writes_is_stale_as_well() {
        let (mut snapshot, now) = (Snapshot::new(ALLOWANCE), Instant::now());
        list(&mut snapshot, now, &[]);
        snapshot.fold(&"new".into(), Some(Thing("new", 1).into()), now);
        snapshot.fold(&"new".into(), Some(Thing("new", 2).into()), now + Duration::from_secs(20));
        for (after, lagging) in [(22, vec![]), (25, vec![Thing("new", 1)]), (45, vec![Thing("new", 1)])] {
            let difference = list(&mut snapshot, now + Duration::from_secs(after), &lagging);
            assert!(difference.is_empty(), "after {after} s: {difference:?}");
        }
        let difference = list(&mut snapshot, now + Duration::from_secs(46), &[]);
        assert_eq!(difference.vanished, vec!["new".into()], "no list lags the first write any more");
    }

    #[tokio::test(start_paused = true)]
    async fn within_the_allowance_a_change_by_others_is_still_seen() {
        let (mut snapshot, now) = (Snapshot::new(ALLOWANCE), Instant::now());
        list(&mut snapshot, now, &[Thing("a", 1)]);
        snapshot.fold(&"a".into(), Some(Thing("a", 2).into()), now);
        let difference = list(&mut snapshot, now + Duration::from_secs(1), &[Thing("a", 3)]);
        assert_eq!(difference.changed, vec!["a".into()]);
    }

    #[tokio::test(start_paused = true)]
    async fn absence_counts_the_lists_in_a_row_without_it() {
        let (mut snapshot, now) = (Snapshot::new(ALLOWANCE), Instant::now());
        assert_eq!(snapshot.absence("a"), None, "no list has come");
        list(&mut snapshot, now, &[Thing("a", 1)]);
        assert_eq!(snapshot.absence("a"), None, "it is there");
        assert_eq!(snapshot.absence("never"), Some(Absence { lists: 1, last_sent: now }));
        for lists in 1..=6 {
            let at = now + Duration::from_secs(60 * lists);
            list(&mut snapshot, at, &[]);
            let absence = snapshot.absence("a").expect("a list has come");
            assert!(absence.lists >= lists.min(3), "{absence:?} after {lists} lists without it");
            assert_eq!(absence.last_sent, at);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn two_objects_of_one_identity_are_counted_and_not_lost() {
        let (mut snapshot, now) = (Snapshot::new(ALLOWANCE), Instant::now());
        list(&mut snapshot, now, &[Thing("twin", 1), Thing("twin", 2)]);
        assert_eq!(snapshot.get("twin").map(|entry| entry.copies), Some(2));
        assert!(!list(&mut snapshot, now, &[Thing("twin", 1)]).is_empty(), "the second one's end is seen");
    }
}
