//! What Kubernetes holds of one kind, as far as the watches have told. Pure.
//!
//! A relist is compared by resourceVersion with what was there, so that it yields exactly what changed and what is gone. The replies to our
//! own writes go in too, and an older event never overrides them.

use super::object::ObjectKey;
use kube::runtime::watcher::Event;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// An object that can be cached.
pub trait Cached {
    /// Its namespace and name.
    fn key(&self) -> ObjectKey;
    /// Its resourceVersion.
    fn resource_version(&self) -> Option<&str>;
    /// Whether `newer` differs from it in anything that anybody waits for.
    fn differs(&self, newer: &Self) -> bool;
}

/// What an event came to.
#[derive(Debug, PartialEq, Eq, Clone)]
pub enum Told {
    /// New, or changed in something that counts.
    Changed(ObjectKey),
    /// No longer there.
    Gone(ObjectKey),
}

/// The objects that one feed watches: a namespace, or everything.
pub type Scope = Option<String>;

/// See the module.
#[derive(Debug)]
pub struct Cache<K> {
    live: BTreeMap<ObjectKey, Arc<K>>,
    incoming: BTreeMap<Scope, BTreeMap<ObjectKey, Arc<K>>>,
    awaited: BTreeSet<Scope>,
}

impl<K: Cached> Cache<K> {
    /// An empty cache that is ready when each of `scopes` has been listed once.
    pub fn new(scopes: impl IntoIterator<Item = Scope>) -> Self {
        Self { live: BTreeMap::new(), incoming: BTreeMap::new(), awaited: scopes.into_iter().collect() }
    }

    /// Whether every feed has listed once.
    pub fn is_ready(&self) -> bool {
        self.awaited.is_empty()
    }

    /// The object of that key.
    pub fn get(&self, key: &ObjectKey) -> Option<&Arc<K>> {
        self.live.get(key)
    }

    /// Every object.
    pub fn iter(&self) -> impl Iterator<Item = (&ObjectKey, &Arc<K>)> {
        self.live.iter()
    }

    /// Takes in an event of the feed that watches `scope`.
    pub fn take(&mut self, scope: &Scope, event: Event<K>) -> Vec<Told> {
        match event {
            Event::Init => {
                self.incoming.insert(scope.clone(), BTreeMap::new());
                Vec::new()
            }
            Event::InitApply(object) => {
                self.incoming.entry(scope.clone()).or_default().insert(object.key(), Arc::new(object));
                Vec::new()
            }
            Event::InitDone => self.relisted(scope),
            Event::Apply(object) => self.put(Arc::new(object)).into_iter().collect(),
            Event::Delete(object) => {
                let key = object.key();
                let known = self.live.get(&key);
                if known.is_some_and(|known| is_newer(known.resource_version(), object.resource_version())) {
                    return Vec::new();
                }
                self.live.remove(&key).map(|_| Told::Gone(key)).into_iter().collect()
            }
        }
    }

    /// Takes in the reply to one of our own writes, unless something newer is known.
    pub fn fold(&mut self, object: K) {
        if self.live.contains_key(&object.key()) {
            self.put(Arc::new(object));
        }
    }

    fn put(&mut self, object: Arc<K>) -> Option<Told> {
        let key = object.key();
        let known = self.live.get(&key);
        if known.is_some_and(|known| is_newer(known.resource_version(), object.resource_version())) {
            return None;
        }
        let differs = known.is_none_or(|known| known.differs(&object));
        self.live.insert(key.clone(), object);
        differs.then_some(Told::Changed(key))
    }

    fn relisted(&mut self, scope: &Scope) -> Vec<Told> {
        self.awaited.remove(scope);
        let incoming = self.incoming.remove(scope).unwrap_or_default();
        let in_scope = |key: &ObjectKey| scope.as_ref().is_none_or(|namespace| *namespace == key.namespace);
        let gone: Vec<ObjectKey> =
            self.live.keys().filter(|key| in_scope(key) && !incoming.contains_key(*key)).cloned().collect();
        for key in &gone {
            self.live.remove(key);
        }
        let changed: Vec<Told> = incoming.into_values().filter_map(|object| self.put(object)).collect();
        gone.into_iter().map(Told::Gone).chain(changed).collect()
    }
}

/// Whether resourceVersion `known` is newer than `other`. Kubernetes compares them as whole numbers; what is no number is never newer.
fn is_newer(known: Option<&str>, other: Option<&str>) -> bool {
    let number = |version: Option<&str>| version.and_then(|version| version.parse::<u64>().ok());
    matches!((number(known), number(other)), (Some(known), Some(other)) if known > other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone)]
    struct Thing {
        name: &'static str,
        version: &'static str,
        content: u8,
    }

    impl Cached for Thing {
        fn key(&self) -> ObjectKey {
            ObjectKey::new("ns", self.name)
        }
        fn resource_version(&self) -> Option<&str> {
            Some(self.version)
        }
        fn differs(&self, newer: &Self) -> bool {
            self.content != newer.content
        }
    }

    fn thing(name: &'static str, version: &'static str, content: u8) -> Thing {
        Thing { name, version, content }
    }

    fn key(name: &str) -> ObjectKey {
        ObjectKey::new("ns", name)
    }

    fn listed(cache: &mut Cache<Thing>, things: &[Thing]) -> Vec<Told> {
        cache.take(&None, Event::Init);
        for thing in things {
            cache.take(&None, Event::InitApply(thing.clone()));
        }
        cache.take(&None, Event::InitDone)
    }

    #[test]
    fn a_relist_tells_exactly_what_changed_and_what_is_gone() {
        let mut cache = Cache::new([None]);
        assert!(!cache.is_ready());
        listed(&mut cache, &[thing("same", "1", 1), thing("changed", "1", 1), thing("gone", "1", 1)]);
        assert!(cache.is_ready());
        let told =
            listed(&mut cache, &[thing("same", "5", 1), thing("changed", "6", 2), thing("new", "7", 1)]);
        assert_eq!(
            told,
            [Told::Gone(key("gone")), Told::Changed(key("changed")), Told::Changed(key("new"))],
            "and nothing about what only has another resourceVersion"
        );
    }

    #[test]
    fn the_old_objects_stay_until_a_relist_is_complete() {
        let mut cache = Cache::new([None]);
        listed(&mut cache, &[thing("a", "1", 1)]);
        cache.take(&None, Event::Init);
        assert!(cache.get(&key("a")).is_some());
    }

    #[test]
    fn an_event_older_than_the_reply_to_our_own_write_is_dropped() {
        let mut cache = Cache::new([None]);
        listed(&mut cache, &[thing("a", "9", 1)]);
        cache.fold(thing("a", "12", 2));
        assert_eq!(cache.take(&None, Event::Apply(thing("a", "10", 3))), []);
        assert_eq!(cache.get(&key("a")).map(|thing| thing.content), Some(2));
        assert_eq!(cache.take(&None, Event::Apply(thing("a", "12", 2))), [], "its own echo tells nothing");
        assert_eq!(cache.take(&None, Event::Apply(thing("a", "13", 3))), [Told::Changed(key("a"))]);
    }

    #[test]
    fn a_reply_never_brings_back_an_object_that_is_gone() {
        let mut cache = Cache::new([None]);
        listed(&mut cache, &[thing("a", "1", 1)]);
        assert_eq!(cache.take(&None, Event::Delete(thing("a", "3", 1))), [Told::Gone(key("a"))]);
        cache.fold(thing("a", "2", 1));
        assert!(cache.get(&key("a")).is_none());
    }

    #[test]
    fn a_relist_of_one_namespace_says_nothing_of_another() {
        let mut cache = Cache::new([Some("ns".to_owned()), Some("other".to_owned())]);
        cache.take(&Some("ns".into()), Event::Init);
        cache.take(&Some("ns".into()), Event::InitApply(thing("a", "1", 1)));
        cache.take(&Some("ns".into()), Event::InitDone);
        assert!(!cache.is_ready(), "the other namespace has not been listed");
        cache.take(&Some("other".into()), Event::Init);
        assert_eq!(cache.take(&Some("other".into()), Event::InitDone), []);
        assert!(cache.get(&key("a")).is_some());
        assert!(cache.is_ready());
    }
}
