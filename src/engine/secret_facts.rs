//! Write-only values: what is declared, what was recorded after our last write, and what therefore differs. Pure.
//!
//! No value is ever here, only its fingerprint: a vendor tells no more of a secret than that it is set, and when it was changed.

use super::vendor::SecretState;
use crate::api::SecretStatus;
use std::collections::BTreeMap;

/// What is known of the write-only values.
#[derive(Debug, Default, Clone)]
pub struct SecretFacts {
    /// The declared values, by field.
    pub declared: BTreeMap<&'static str, Declared>,
    /// What was recorded after our last write.
    pub recorded: BTreeMap<String, SecretStatus>,
    /// Whether drift at the vendor is written over.
    pub overwrite_drift: bool,
}

impl SecretFacts {
    /// What is known after a write of ours that sent none of them and led from `before` to `after`. A vendor may move their dates all
    /// the same, and that is our own doing: only a date that somebody had moved before stays a difference.
    #[must_use]
    pub fn after_another_write(
        &self,
        before: &BTreeMap<String, SecretState>,
        after: &BTreeMap<String, SecretState>,
    ) -> Self {
        let mut facts = self.clone();
        for (field, recorded) in &mut facts.recorded {
            if let (Some(before), Some(after)) = (before.get(field), after.get(field))
                && recorded.last_updated_at.is_some()
                && recorded.last_updated_at == before.last_updated_at
            {
                recorded.last_updated_at.clone_from(&after.last_updated_at);
            }
        }
        facts
    }
}

/// A write-only value that the spec declares.
#[derive(Debug, Clone)]
pub struct Declared {
    /// Its path in a [`Change`].
    pub path: &'static str,
    /// The fingerprint of its value.
    pub fingerprint: String,
}

/// Why a write-only value is not what is declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretDifference {
    /// The declared value was never written, or is another one now.
    Undelivered,
    /// It was changed or cleared at the vendor since our write.
    Drifted,
}

/// The paths of the declared values that differ, and why.
pub fn secret_differences(
    facts: &SecretFacts,
    seen: &BTreeMap<String, SecretState>,
) -> Vec<(&'static str, SecretDifference)> {
    let difference = |field: &str, declared: &Declared| {
        let is_declared =
            |recorded: &&SecretStatus| recorded.fingerprint.as_ref() == Some(&declared.fingerprint);
        let recorded = facts.recorded.get(field).filter(is_declared);
        let Some(recorded) = recorded else { return Some(SecretDifference::Undelivered) };
        let seen = seen.get(field)?;
        let fell = recorded.is_set && !seen.is_set;
        let moved = recorded.last_updated_at.is_some() && recorded.last_updated_at != seen.last_updated_at;
        (fell || moved).then_some(SecretDifference::Drifted)
    };
    facts
        .declared
        .iter()
        .filter_map(|(field, declared)| {
            difference(field, declared).map(|difference| (declared.path, difference))
        })
        .collect()
}
