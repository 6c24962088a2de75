//! Whatever comes from outside: every decoder against arbitrary and mutated input, and the real client against a server that means ill.
//!
//! `PROPTEST_CASES` says how much (`make fuzz CASES=20000`); the inputs in `tests/corpora/` are replayed first.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test says what it saw by panicking, and how much it saw by printing"
)]

mod canned;
mod corpora;
mod decoders;
mod laws;
mod mutation;
mod plans;
#[allow(unreachable_pub, dead_code, reason = "the stories include it, too")]
#[path = "../support/hostile.rs"]
mod server;
mod socket;
mod vendors;
