//! Who may have what only one object of a realm can have at a time: a client id that is mapped to one connection, a name. Pure.
//!
//! What an object at the vendor has, its connector keeps for as long as its spec asks for it; nobody takes it away. What no object has goes to
//! whoever has an open claim for it, and else to the oldest that asks. What a connector has but no longer asks for is about to be given up: the
//! others wait for it, and release what they give up themselves meanwhile, so that a chain of moves always ends. But who cannot have what it asks
//! for gives up nothing either, so nobody waits for that.

use super::claims::Stakes;
use super::object::ObjectKey;
use super::vendor::{Phase, Vendor, Withheld};
use crate::remote::{ExclusiveId, Identity, RemoteItem, Snapshot};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The most that a message names.
const NAMED: usize = 3;

/// What one connector asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// Where.
    pub realm: String,
    /// Its creationTimestamp and uid.
    pub age: (String, String),
    /// The generation of the spec that asks for it.
    pub generation: i64,
    /// Whether it may have been created already, under an open claim.
    pub is_claimed: bool,
    /// Whether it is not looked at for now: then it takes nothing, and gives nothing up.
    pub is_suspended: bool,
    /// What; sorted.
    pub ids: Arc<[ExclusiveId]>,
}

/// What every connector asks for.
#[derive(Debug, Default)]
pub struct Wishes {
    numbers: BTreeMap<ObjectKey, u32>,
    by_number: BTreeMap<u32, (ObjectKey, Wish)>,
    by_id: BTreeSet<(ExclusiveId, u32)>,
    next: u32,
}

impl Wishes {
    /// Sets what a connector asks for. Returns the others for which that may matter.
    pub fn set(&mut self, connector: &ObjectKey, wish: Option<Wish>) -> BTreeSet<ObjectKey> {
        let wish = wish.filter(|wish| !wish.ids.is_empty());
        let before = self.numbers.get(connector).and_then(|number| self.by_number.get(number));
        if before.map(|(_, before)| before) == wish.as_ref() {
            return BTreeSet::new();
        }
        let (old, stood) = before.map_or((Arc::default(), None), |(_, before)| {
            (before.ids.clone(), Some((before.realm.clone(), before.is_claimed, before.is_suspended)))
        });
        let stands = wish.as_ref().map(|wish| (wish.realm.clone(), wish.is_claimed, wish.is_suspended));
        let new = wish.as_ref().map(|wish| wish.ids.clone()).unwrap_or_default();
        let touched: Vec<ExclusiveId> = if stood == stands {
            let only = |one: &[ExclusiveId], other: &[ExclusiveId]| -> Vec<ExclusiveId> {
                one.iter().filter(|id| other.binary_search(id).is_err()).copied().collect()
            };
            [only(&old, &new), only(&new, &old)].concat()
        } else {
            old.iter().chain(new.iter()).copied().collect()
        };
        let others = self.interested(&touched, Some(connector));
        self.replace(connector, &old, wish);
        others
    }

    /// The connectors, other than `besides`, that ask for any of `ids`.
    pub fn interested(&self, ids: &[ExclusiveId], besides: Option<&ObjectKey>) -> BTreeSet<ObjectKey> {
        let numbers: BTreeSet<u32> = ids.iter().flat_map(|id| self.asking_for(*id)).collect();
        let keys = numbers.iter().filter_map(|number| self.by_number.get(number)).map(|(key, _)| key);
        keys.filter(|key| Some(*key) != besides).cloned().collect()
    }

    fn replace(&mut self, connector: &ObjectKey, old: &[ExclusiveId], wish: Option<Wish>) {
        let Some(wish) = wish else {
            if let Some(number) = self.numbers.remove(connector) {
                self.by_number.remove(&number);
                for id in old {
                    self.by_id.remove(&(*id, number));
                }
            }
            return;
        };
        let next = &mut self.next;
        let number = *self.numbers.entry(connector.clone()).or_insert_with(|| {
            *next += 1;
            *next
        });
        for id in old.iter().filter(|id| wish.ids.binary_search(id).is_err()) {
            self.by_id.remove(&(*id, number));
        }
        self.by_id.extend(wish.ids.iter().map(|id| (*id, number)));
        self.by_number.insert(number, (connector.clone(), wish));
    }

    fn asking_for(&self, id: ExclusiveId) -> impl Iterator<Item = u32> {
        self.by_id.range((id, 0)..=(id, u32::MAX)).map(|(_, number)| *number)
    }

    /// What this connector asks for.
    pub fn of(&self, connector: &ObjectKey) -> Option<&Wish> {
        self.by_number.get(self.numbers.get(connector)?).map(|(_, wish)| wish)
    }

    fn asks(&self, connector: &ObjectKey, id: ExclusiveId) -> bool {
        self.of(connector).is_some_and(|wish| wish.ids.binary_search(&id).is_ok())
    }

    /// Who gets what no object has.
    fn first(&self, realm: &str, id: ExclusiveId) -> Option<&ObjectKey> {
        self.asking_for(id)
            .filter_map(|number| self.by_number.get(&number))
            .filter(|(_, wish)| wish.realm == realm && (wish.is_claimed || !wish.is_suspended))
            .min_by_key(|(_, wish)| (!wish.is_claimed, &wish.age))
            .map(|(connector, _)| connector)
    }
}

/// Who has something that a connector asks for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holder {
    /// Another connector, at the vendor or by right.
    Connector(ObjectKey),
    /// An object at the vendor that no connector manages.
    Unmanaged(Identity),
    /// An object that the vendor is taking away.
    Leaving(Identity),
}

/// How what a connector asks for stands.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Contest {
    /// What it will have once others have given it up.
    pub withheld: Withheld,
    /// Who gives that up.
    pub givers: BTreeSet<Holder>,
    /// The first few of what others keep: what messages call it, and who keeps it.
    pub taken: Vec<(String, Holder)>,
    /// How much others keep.
    pub taken_count: usize,
    /// Whether others still have all that it asks for.
    pub has_nothing: bool,
    /// Whether it and all that it waits for would each have to give up everything first.
    pub is_stuck: bool,
}

/// Where a contest is held.
pub struct Arena<'a, V: Vendor> {
    /// The realm.
    pub realm: &'a str,
    /// Who asks for what.
    pub wishes: &'a Wishes,
    /// Who has which object.
    pub stakes: &'a Stakes,
    /// The objects.
    pub snapshot: &'a Snapshot<V::Item>,
}

impl<V: Vendor> Arena<'_, V> {
    /// How it stands for `me`, who has the object `mine`, or could take over `found`, and asks for `asked`.
    pub fn contest(
        &self,
        me: &ObjectKey,
        mine: Option<&Identity>,
        found: Option<&Identity>,
        asked: &[(ExclusiveId, &str)],
    ) -> Contest {
        let mut contest = Contest::default();
        let mut held_up = BTreeMap::new();
        let mut own = mine
            .and_then(|mine| self.snapshot.get(mine.as_str()))
            .map(|entry| entry.item.exclusive())
            .unwrap_or_default();
        own.sort_unstable();
        // A vendor may after all let two objects have it: then it is no obstacle to keep it.
        let missing = asked.iter().filter(|(id, _)| own.binary_search(id).is_err());
        for (id, label) in missing {
            let Some((holder, gives_up)) = self.obstacle(me, found, *id, &mut held_up) else { continue };
            if gives_up {
                contest.withheld.insert(*id);
                contest.givers.insert(holder);
                continue;
            }
            contest.taken_count += 1;
            if contest.taken.len() < NAMED {
                contest.taken.push(((*label).to_owned(), holder));
            }
        }
        contest.has_nothing = !asked.is_empty() && contest.withheld.len() == asked.len();
        contest.is_stuck = contest.has_nothing && mine.is_some() && !self.anybody_can_go_on(me);
        contest
    }

    /// Who stands between `me` and `id`, and whether they are about to give it up.
    fn obstacle<'b>(
        &'b self,
        me: &ObjectKey,
        found: Option<&Identity>,
        id: ExclusiveId,
        held_up: &mut BTreeMap<&'b ObjectKey, bool>,
    ) -> Option<(Holder, bool)> {
        let holder = self.snapshot.holders().get(id).filter(|holder| Some(*holder) != found);
        let Some(object) = holder else {
            // Nobody's, or anybody's who comes first.
            let first = self.wishes.first(self.realm, id).filter(|first| *first != me)?;
            return Some((Holder::Connector(first.clone()), false));
        };
        if self.is_leaving(object) {
            return Some((Holder::Leaving(object.clone()), true));
        }
        match self.manager_of(object) {
            None => Some((Holder::Unmanaged(object.clone()), false)),
            Some(manager) if manager == me => None,
            Some(manager) => {
                let gives_up = !self.wishes.asks(manager, id)
                    && !*held_up.entry(manager).or_insert_with(|| self.is_held_up(manager));
                Some((Holder::Connector(manager.clone()), gives_up))
            }
        }
    }

    /// Whether `one` is in a conflict, and so gives nothing up: somebody keeps an id that is asked for by it, or by a connector that it waits for,
    /// directly or through others. To wait for each other in a circle is no conflict.
    fn is_held_up(&self, one: &ObjectKey) -> bool {
        let mut known: BTreeSet<&ObjectKey> = BTreeSet::new();
        let mut waiting = vec![one];
        while let Some(one) = waiting.pop() {
            let Some(wish) = self.wishes.of(one) else { continue };
            if wish.is_suspended {
                return true;
            }
            for id in wish.ids.iter() {
                let Some(object) = self.snapshot.holders().get(*id) else {
                    if self.wishes.first(self.realm, *id).is_some_and(|first| first != one) {
                        return true;
                    }
                    continue;
                };
                match self.manager_of(object) {
                    _ if self.is_leaving(object) => {}
                    Some(manager) if manager == one => {}
                    Some(manager) if !self.wishes.asks(manager, *id) => {
                        if known.insert(manager) {
                            waiting.push(manager);
                        }
                    }
                    _ => return true,
                }
            }
        }
        false
    }

    fn is_leaving(&self, object: &Identity) -> bool {
        let entry = self.snapshot.get(object.as_str());
        entry.is_some_and(|entry| V::phase(&entry.item) == Phase::Leaving)
    }

    fn manager_of(&self, object: &Identity) -> Option<&ObjectKey> {
        self.stakes.holder(self.realm, object).map(|holder| &holder.connector)
    }

    /// Whether `me`, or anybody that it waits for, could be left with something after giving up what others wait for.
    fn anybody_can_go_on(&self, me: &ObjectKey) -> bool {
        let mut known: BTreeSet<&ObjectKey> = [me].into();
        let mut waiting = vec![me];
        while let Some(one) = waiting.pop() {
            // Who asks for nothing is on its way out, and gives up everything.
            let Some(wish) = self.wishes.of(one) else { return true };
            for id in wish.ids.iter() {
                let Some(object) = self.snapshot.holders().get(*id) else {
                    if self.wishes.first(self.realm, *id) == Some(one) {
                        return true;
                    }
                    continue;
                };
                match self.manager_of(object) {
                    _ if self.is_leaving(object) => return true,
                    Some(manager) if manager == one => return true,
                    Some(manager) if !self.wishes.asks(manager, *id) && known.insert(manager) => {
                        waiting.push(manager);
                    }
                    _ => {}
                }
            }
        }
        false
    }
}

#[cfg(test)]
mod tests;
