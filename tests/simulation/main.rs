//! The simulation: the real engine, the real vendors and the real remote code, in one thread under paused time, with every choice drawn from one
//! seed.
//!
//! `make simulate` runs many seeds; `SEED=n cargo test --test simulation replay -- --nocapture` tells one.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says what it saw by panicking")]
#![allow(clippy::print_stdout, missing_docs, unreachable_pub, reason = "it is a test, and tells what it saw")]

mod acts;
mod canary;
mod declared;
mod dice;
mod doors;
mod ending;
mod expectations;
mod honesty;
mod kubernetes;
mod line;
mod many;
mod people;
mod referee;
mod remote;
mod replicas;
mod run;
mod scenario;
mod shortest;
mod specs;
#[path = "../support/mod.rs"]
mod support;
mod tally;
mod trace;
mod weather;
mod world;

use many::{Run, assert_whole, make, setting};
use run::{How, run};
use scenario::Scenario;

/// Any number of worlds: `SEEDS` of them from `FIRST_SEED` on.
#[test]
fn whatever_happens_every_promise_is_kept() {
    let (first, many) = (setting("FIRST_SEED", 1), setting("SEEDS", 200));
    let sum = make("worlds", first, many, |seed| Run { scenario: Scenario::of(seed), how: How::default() });
    println!("{}", sum.tally.table());
    assert_whole(&sum);
}

/// Tells one world: `SEED=7 CRASH_AT=12 make replay`.
#[test]
#[ignore = "it tells what a person wants to read"]
fn replay() {
    let seed = setting("SEED", 1);
    let scenario = Scenario::of(seed);
    let crash_at = Some(setting("CRASH_AT", 0)).filter(|at| *at > 0);
    let report = run(&scenario, How { crash_at, tell: true });
    println!("{}", scenario.describe());
    for line in &report.lines {
        println!("{line}");
    }
    for violation in &report.violations {
        println!("VIOLATION {violation}");
    }
    println!("{:016x}, {} boundaries, {:?}", report.hash, report.boundaries, report.tally);
    assert!(report.violations.is_empty(), "seed {seed} breaks a promise");
}
