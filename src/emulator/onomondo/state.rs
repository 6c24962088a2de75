//! Everything that Onomondo keeps: organisations, their keys, connectors, SIMs and tags.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::store::{Connector, Store};
use crate::emulator::rate_limit::Budget;
use crate::emulator::{DEFAULT_API_KEY, DEFAULT_ORGANISATION};

/// The id of the first organisation, as the PATCH example shows it.
const FIRST_ORGANISATION: u64 = 2;

#[derive(Debug, Default)]
pub(super) struct Onomondos {
    pub(super) organisations: BTreeMap<String, Organisation>,
    pub(super) keys: Vec<Key>,
}

#[derive(Debug)]
pub(super) struct Organisation {
    pub(super) id: u64,
    pub(super) connectors: Store,
    pub(super) tags: BTreeMap<String, Tag>,
    pub(super) sims: BTreeMap<String, Sim>,
    pub(super) budget: Budget,
}

/// An API key and what it may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Key {
    #[serde(rename = "key")]
    pub(super) text: String,
    pub(super) organisation: String,
    /// UUIDs of tags: the key reaches only connectors that have one of them. None: every connector.
    #[serde(default)]
    pub(super) tags: Vec<String>,
    /// Whether every write is refused with 403.
    #[serde(default)]
    pub(super) read_only: bool,
    /// Whether `/sims` is refused with 403.
    #[serde(default)]
    pub(super) without_sims: bool,
}

/// A tag, in the order in which the list example prints its members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tag {
    pub(super) name: String,
    #[serde(default)]
    pub(super) id: String,
    #[serde(default)]
    pub(super) can_write: bool,
    #[serde(default = "a_colour")]
    pub(super) color: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sim {
    #[serde(default)]
    pub(super) id: String,
    #[serde(default)]
    pub(super) iccid: String,
    #[serde(default)]
    pub(super) label: Option<String>,
    /// The name of its connector.
    #[serde(default)]
    pub(super) connector: Option<String>,
}

impl Onomondos {
    /// One organisation for each that `keys` names; without keys the default one. The first has the examples' tag.
    pub(super) fn new(mut keys: Vec<(String, String)>) -> Self {
        if keys.is_empty() {
            keys.push((DEFAULT_API_KEY.to_owned(), DEFAULT_ORGANISATION.to_owned()));
        }
        let mut state = Self::default();
        for (key, organisation) in &keys {
            state.organisation(organisation);
            state.keys.push(Key {
                text: key.clone(),
                organisation: organisation.clone(),
                tags: Vec::new(),
                read_only: false,
                without_sims: false,
            });
        }
        let first = keys.first().map(|(_, organisation)| state.organisation(organisation));
        if let Some(first) = first {
            let tag = Tag::of_the_examples();
            first.tags.insert(tag.id.clone(), tag);
        }
        state
    }

    /// The organisation of this name, made where there is none.
    pub(super) fn organisation(&mut self, name: &str) -> &mut Organisation {
        let id = FIRST_ORGANISATION + self.organisations.len() as u64;
        self.organisations.entry(name.to_owned()).or_insert_with(|| Organisation {
            id,
            connectors: Store::default(),
            tags: BTreeMap::new(),
            sims: BTreeMap::new(),
            budget: Budget::default(),
        })
    }

    /// The organisation that is meant where none is named.
    pub(super) fn first_organisation(&self) -> String {
        let oldest = self.organisations.iter().min_by_key(|(_, organisation)| organisation.id);
        oldest.map_or_else(|| DEFAULT_ORGANISATION.to_owned(), |(name, _)| name.clone())
    }
}

impl Organisation {
    /// How many SIMs refer to the connector of this name.
    pub(super) fn sims_of(&self, connector: &str) -> usize {
        self.sims.values().filter(|sim| sim.connector.as_deref() == Some(connector)).count()
    }
}

impl Key {
    /// Whether this key reaches the connector.
    pub(super) fn reaches(&self, connector: &Connector) -> bool {
        self.tags.is_empty() || self.tags.iter().any(|tag| connector.tags.contains(tag))
    }
}

impl Tag {
    /// The one tag that the documents' list example shows.
    fn of_the_examples() -> Self {
        Self {
            name: "Supplier".to_owned(),
            id: "a5023f47-1db8-425e-b664-dc0b8921f644".to_owned(),
            can_write: false,
            color: a_colour(),
        }
    }
}

fn a_colour() -> String {
    "#5ba571".to_owned()
}
