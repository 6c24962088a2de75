//! The custom resource definitions: in step with the types, well-formed, accepted by the real API server without a
//! warning, and refusing each mistake with words that help.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod generated;
mod mechanical;
mod refused;
mod samples;
mod schema;
mod server;
mod spoil;
mod types;
mod well_formed;
