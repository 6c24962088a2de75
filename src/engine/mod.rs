//! Stub.

pub mod events;
pub mod kubernetes_error;
pub mod lease;
