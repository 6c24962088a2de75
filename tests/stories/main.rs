//! The stories: what a person who uses the operator lives through, told against a real control plane, the real operator
//! process and the emulated vendors.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says what it saw by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod certificate;
mod chart;
mod crash;
mod create;
mod credential;
mod deletes;
mod docs;
mod harness;
mod lag;
mod outage;
mod refused;
mod replicas;
mod scope;
mod secrets;
mod tenants;
mod throttled;
