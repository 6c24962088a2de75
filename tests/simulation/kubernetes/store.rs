//! What the simulated API server holds: the objects, and every change since the last compaction. It admits anything; the rules are in
//! [`rules`](super::rules).

use super::resource::Resource;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Which object: plural, namespace (empty where there is none), name.
pub type Key = (&'static str, String, String);

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    Added,
    Modified,
    Deleted,
}

impl What {
    /// The type of the watch event.
    pub fn event(self) -> &'static str {
        match self {
            Self::Added => "ADDED",
            Self::Modified => "MODIFIED",
            Self::Deleted => "DELETED",
        }
    }
}

/// One change. The object is as it is then; a deleted one as it was, with the revision of its end.
#[derive(Debug, Clone)]
pub struct Change {
    pub revision: u64,
    pub what: What,
    pub key: Key,
    pub object: Arc<Value>,
}

/// See the module.
#[derive(Debug)]
pub struct Store {
    revision: u64,
    compacted: u64,
    uids: u64,
    objects: BTreeMap<Key, Arc<Value>>,
    changes: Vec<Change>,
    /// Every version of every object, which no compaction forgets: for the referee.
    versions: BTreeMap<Key, Vec<(u64, Arc<Value>)>>,
}

impl Store {
    pub fn new() -> Self {
        // Not 0 or 1, which mean something else to clients.
        Self {
            revision: 100,
            compacted: 100,
            uids: 0,
            objects: BTreeMap::new(),
            changes: Vec::new(),
            versions: BTreeMap::new(),
        }
    }

    /// The revision of the newest change.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The object, as it is now.
    pub fn get(&self, key: &Key) -> Option<&Arc<Value>> {
        self.objects.get(key)
    }

    /// Every object of a resource, in the order of their names; of one namespace only where one is given.
    pub fn of<'a>(
        &'a self,
        resource: &'a Resource,
        namespace: Option<&'a str>,
    ) -> impl Iterator<Item = (&'a Key, &'a Arc<Value>)> {
        let from = (static_plural(resource), namespace.unwrap_or_default().to_owned(), String::new());
        self.objects.range(from..).take_while(move |((plural, at, _), _)| {
            *plural == resource.plural && namespace.is_none_or(|namespace| namespace == at)
        })
    }

    /// A uid that no object had before.
    pub fn new_uid(&mut self) -> String {
        self.uids += 1;
        format!("00000000-0000-4000-8000-{:012x}", self.uids)
    }

    /// Puts an object in as the next revision, and returns it as it is then.
    pub fn put(&mut self, key: Key, mut object: Value) -> Arc<Value> {
        self.revision += 1;
        object["metadata"]["resourceVersion"] = self.revision.to_string().into();
        let object = Arc::new(object);
        let before = self.objects.insert(key.clone(), Arc::clone(&object));
        let what = if before.is_some() { What::Modified } else { What::Added };
        self.remember(what, key, &object);
        object
    }

    /// Takes an object out as the next revision, and returns it with the revision of its end.
    pub fn take(&mut self, key: &Key) -> Option<Arc<Value>> {
        let mut object = (*self.objects.remove(key)?).clone();
        self.revision += 1;
        object["metadata"]["resourceVersion"] = self.revision.to_string().into();
        let object = Arc::new(object);
        self.remember(What::Deleted, key.clone(), &object);
        Some(object)
    }

    fn remember(&mut self, what: What, key: Key, object: &Arc<Value>) {
        self.versions.entry(key.clone()).or_default().push((self.revision, Arc::clone(object)));
        self.changes.push(Change { revision: self.revision, what, key, object: Arc::clone(object) });
    }

    /// The versions of an object that somebody may act on who was told of it as of `revision`: that one, and every later one.
    pub fn versions_since(&self, key: &Key, revision: u64) -> &[(u64, Arc<Value>)] {
        let versions = self.versions.get(key).map(Vec::as_slice).unwrap_or_default();
        let from = versions.partition_point(|(of, _)| *of <= revision).saturating_sub(1);
        &versions[from..]
    }

    /// Every object of that plural that there ever was.
    pub fn ever<'a>(&'a self, plural: &'a str) -> impl Iterator<Item = &'a Key> {
        self.versions.keys().filter(move |key| key.0 == plural)
    }

    /// The first change of `resource` in `namespace` after `revision`; an error where the history does not reach back so far.
    pub fn change_after(
        &self,
        revision: u64,
        resource: &Resource,
        namespace: Option<&str>,
    ) -> Result<Option<&Change>, Compacted> {
        if revision < self.compacted {
            return Err(Compacted { oldest: self.compacted });
        }
        let from = self.changes.partition_point(|change| change.revision <= revision);
        Ok(self.changes[from..].iter().find(|change| {
            let (plural, at, _) = &change.key;
            *plural == resource.plural && namespace.is_none_or(|namespace| namespace == at)
        }))
    }

    /// Forgets every change until now.
    pub fn compact(&mut self) {
        self.compacted = self.revision;
        self.changes.clear();
    }

    /// The oldest revision that a watch can begin at.
    pub fn compacted(&self) -> u64 {
        self.compacted
    }
}

/// The history before this revision is gone.
#[derive(Debug, Clone, Copy)]
pub struct Compacted {
    pub oldest: u64,
}

/// The resource's plural, which lives as long as the program.
pub fn static_plural(resource: &Resource) -> &'static str {
    Resource::named(&resource.plural).plural.as_str()
}
