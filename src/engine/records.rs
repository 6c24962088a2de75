//! Which connectors record which identity at which place, where that gives them no stake in it: those that only look (Observe, Plan), and those whose account is not
//! connected.

use super::object::ObjectKey;
use crate::remote::Identity;
use std::collections::{BTreeMap, BTreeSet};

/// Where, and an identity there.
pub type Place = (String, Identity);

/// See the module.
#[derive(Debug, Default)]
pub struct Records {
    by_place: BTreeMap<Place, BTreeSet<ObjectKey>>,
    place_of: BTreeMap<ObjectKey, Place>,
}

impl Records {
    /// Sets what a connector records. Returns the identity that it recorded until now and records there no longer.
    pub fn set(&mut self, connector: &ObjectKey, place: Option<Place>) -> Option<Identity> {
        let before = self.place_of.remove(connector);
        if let Some(before) = &before
            && let Some(connectors) = self.by_place.get_mut(before)
        {
            connectors.remove(connector);
            if connectors.is_empty() {
                self.by_place.remove(before);
            }
        }
        if let Some(place) = place {
            self.by_place.entry(place.clone()).or_default().insert(connector.clone());
            self.place_of.insert(connector.clone(), place);
        }
        before.filter(|before| self.place_of.get(connector) != Some(before)).map(|(_, identity)| identity)
    }

    /// The connectors that record it.
    pub fn at(&self, place: &Place) -> impl Iterator<Item = &ObjectKey> {
        self.by_place.get(place).into_iter().flatten()
    }
}
