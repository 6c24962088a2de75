//! The vendor emulator, judged by the vendors' published examples, and each of its switches and faults seen to matter.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod apono;
mod both_ways;
mod control;
mod examples;
mod faults;
mod keys;
mod laws;
mod manual;
mod omf;
mod process;
mod schema;
mod support;
mod switches;

#[path = "../support/tools.rs"]
#[allow(unreachable_pub, reason = "the stories share it")]
mod tools;
