//! What connectors record whose account is not connected: after a start, as long as it is suspended, say, or its Secret is missing. In which realm that is cannot be
//! told without the credential. So whoever would take over an object of such an identity at the same place waits.

use super::object::ObjectKey;
use crate::remote::Identity;
use std::collections::{BTreeMap, BTreeSet};

/// A scope, and an identity there.
type Place = (String, Identity);

/// The connectors without a connected account that manage, by what they record.
#[derive(Debug, Default)]
pub struct Unconnected {
    by_place: BTreeMap<Place, BTreeSet<ObjectKey>>,
    place_of: BTreeMap<ObjectKey, Place>,
}

impl Unconnected {
    /// Sets what a connector without a connected account records. Returns the identity that it kept until now and keeps no longer.
    pub fn set(&mut self, connector: &ObjectKey, place: Option<Place>) -> Option<Identity> {
        let before = self.place_of.remove(connector);
        if let Some(before) = &before
            && let Some(keepers) = self.by_place.get_mut(before)
        {
            keepers.remove(connector);
            if keepers.is_empty() {
                self.by_place.remove(before);
            }
        }
        if let Some(place) = place {
            self.by_place.entry(place.clone()).or_default().insert(connector.clone());
            self.place_of.insert(connector.clone(), place);
        }
        before.filter(|before| self.place_of.get(connector) != Some(before)).map(|(_, identity)| identity)
    }

    /// A connector other than `me` that may have this object.
    pub fn keeper(&self, scope: &str, identity: &Identity, me: &ObjectKey) -> Option<&ObjectKey> {
        let keepers = self.by_place.get(&(scope.to_owned(), identity.clone()))?;
        keepers.iter().find(|keeper| *keeper != me)
    }
}
