//! `make gitops`: Argo CD and Flux themselves apply what is in a Git repository to the real control plane, with the operator
//! beside them under the chart's rights.
//!
//! Not a test among the others: Argo CD and Flux take minutes to build, once. They run as plain processes. What a node
//! would do is not asked for here, but said of the operator's Deployment once the operator runs as a process.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says what it saw by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod argocd;
mod checks;
mod declared;
mod flux;
mod from_nothing;
mod repository;
mod with_argocd;
mod with_flux;
