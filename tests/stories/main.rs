//! The stories: what a person who uses the operator lives through, told against a real control plane, the real operator
//! process and the emulated vendors.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says what it saw by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod accounts;
mod adoption;
mod api_server;
mod apono;
mod applied;
mod canaries;
mod certificate;
mod chart;
mod claims;
mod connections;
mod converge;
mod crash;
mod create;
mod credential;
mod deletes;
mod deposed;
mod docs;
mod drift;
mod forced;
mod gitops;
mod harness;
mod helm;
mod hostile;
mod lag;
mod large;
mod manifests;
mod narrow;
mod network;
mod observe;
mod omf;
mod open_questions;
mod outage;
mod plan;
mod plant;
mod proxy;
mod quiet;
mod refused;
mod release;
mod removed;
mod rename;
mod replicas;
mod scope;
mod secrets;
mod security;
mod shrunk;
mod suspend;
mod tenants;
mod throttled;
mod traces;
mod type_change;
mod update;
