//! What is remembered of one connector between its passes. It is never needed to be right: all of it may be lost at any time.

use super::convergence::Convergence;
use super::forced::{Answered, Requests};
use super::status::Verdict;
use super::vendor::Phase;
use crate::api::SecretStatus;
use std::collections::BTreeMap;
use tokio::time::Instant;

/// What a connector waits for, as far as that may take too long. Another one has a time of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awaited {
    /// Something that has to register.
    Registration,
    /// The end of a phase at the vendor.
    End(Phase),
}

/// What the vendor refused.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// When.
    pub at: Instant,
    /// The name of the remote that refused it: another account may allow it.
    pub remote: String,
    /// What is said of it.
    pub verdict: Verdict,
}

/// What is remembered of one connector between its passes. All of it may be lost at any time.
#[derive(Default)]
pub struct Memory {
    /// Whose it is: another object of the same name starts afresh.
    pub(super) uid: String,
    /// What the rest belongs to: generation, Secrets and forced pass. Another one starts afresh.
    pub basis: String,
    /// What was written, until the status says so.
    pub secrets_written: BTreeMap<String, SecretStatus>,
    /// Whether the claim was written by this process and every create under it was refused for certain.
    pub claim_is_clean: bool,
    /// When the last create or rename was sent whose end is not known for certain.
    pub last_doubt: Option<Instant>,
    /// A write that was refused; a list that was sent later has to be looked at before the refusal is believed.
    pub refused: Option<Refusal>,
    /// What was written in vain.
    pub convergence: Convergence,
    /// Since when its account is missed.
    pub account_missed_since: Option<Instant>,
    /// Since when key and certificate do not match.
    pub mismatch_since: Option<Instant>,
    /// What it waits for that may take too long, and since when.
    pub waiting: Option<(Awaited, Instant)>,
    /// Which forced passes are done.
    pub answered: Answered,
    /// What the annotations that ask for a forced pass say while one is not done, and since when this process knows.
    pub forced: Option<(Requests, Instant)>,
}
