//! What the remote side knows of a vendor's object: what it is told apart by, and when it counts as changed.

use super::exclusive::ExclusiveId;
use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// What a vendor tells its objects apart by: a name at one, an id at another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity(Arc<str>);

impl Identity {
    /// The identity as the vendor spells it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Identity {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Borrow<str> for Identity {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// One object of a vendor's list.
pub trait RemoteItem: Send + Sync + 'static {
    /// What the vendor tells it apart by.
    fn identity(&self) -> Identity;
    /// A hash of what is managed or shown of it. Heartbeats stay out, so that they wake nobody.
    fn digest(&self) -> u64;
    /// What it has that no other object of its place can have at the same time, beside its identity; in any order.
    fn exclusive(&self) -> Vec<ExclusiveId> {
        Vec::new()
    }
    /// Whether the vendor is still at work on it, so that it is worth reading again soon.
    fn in_flight(&self) -> bool {
        false
    }
}
