//! The vendors: one folder each, behind the engine's [`Vendor`](crate::engine::vendor::Vendor) trait.
//!
//! A vendor knows its own wire format and endpoints. It never touches Kubernetes.

pub mod onomondo;
