//! The objects that users write: the six custom resources of the group `connector-operator.io`, and nothing else.
//!
//! One file a vendor; [`common`] holds what they share, [`status`] what the operator reports back, [`access`] who may
//! use an account. The types are the source of `crds/`. This module must never hold a secret value (only references to
//! Kubernetes Secrets), never call anything, and never know how a vendor is spoken to.

#![allow(
    clippy::doc_markdown,
    rustdoc::bare_urls,
    reason = "the fields' docs are what `kubectl explain` prints"
)]
#![allow(unreachable_pub, reason = "KubeSchema copies each struct, pub and all, into a function")]

pub mod access;
pub mod apono;
pub mod common;
pub mod duration;
pub mod omf;
pub mod onomondo;
mod rules;
pub mod schema;
pub mod status;

pub use access::*;
pub use apono::*;
pub use common::*;
pub use omf::*;
pub use onomondo::*;
pub use status::*;
