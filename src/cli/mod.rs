//! Stub.

pub mod crds;
