//! The engine: knows Kubernetes, knows no vendor.
//!
//! One [`run::Controller`] serves one vendor through the [`vendor::Vendor`] trait: feeds and lists wake objects in the
//! [`queue`], and a pass over one ([`reconcile`], [`cleanup`], [`accounts`]) dereferences, [plans](plan), acts and reports.

pub mod account_report;
pub mod accounts;
pub mod act;
pub mod at_rest;
pub mod cache;
pub mod claims;
pub mod cleanup;
pub mod context;
pub mod convergence;
pub mod dereference;
pub mod endpoint;
pub mod events;
pub mod exclusives;
pub mod feeds;
pub mod fingerprint;
pub mod forced;
pub mod held;
pub mod identity;
pub mod kubernetes;
pub mod kubernetes_error;
pub mod lease;
pub mod letting_go;
pub mod lists;
pub mod memory;
pub mod object;
pub mod outcome;
pub mod own;
pub mod pass;
pub mod plan;
pub mod queue;
pub mod reconcile;
pub mod records;
pub mod refusal;
pub mod report;
pub mod run;
pub mod secret_facts;
pub mod secrets;
pub mod sharing;
pub mod shrink;
pub mod start;
pub mod state;
pub mod status;
#[cfg(test)]
pub(crate) mod toy;
pub mod vendor;
pub mod watch;
