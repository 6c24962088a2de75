//! The simulation: the real engine, the real vendors and the real remote code, in one thread under paused time, with every choice drawn from one
//! seed.
//!
//! `make simulate` runs many seeds; `SEED=n cargo test --test simulation replay -- --nocapture` tells one.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says what it saw by panicking")]
#![allow(clippy::print_stdout, missing_docs, unreachable_pub, reason = "it is a test, and tells what it saw")]

mod acts;
mod canary;
mod clusters;
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

use many::{Run, assert_whole, make, make_until, setting};
use run::{How, run};
use scenario::Scenario;

/// Any number of worlds: `SEEDS` of them from `FIRST_SEED` on.
#[test]
fn whatever_happens_every_promise_is_kept() {
    let (first, many) = (setting("FIRST_SEED", 1), setting("SEEDS", 2000));
    let sum = make("worlds", first, many, |seed| Run { scenario: Scenario::of(seed), how: How::default() });
    println!("{}", sum.tally.table());
    assert_whole(&sum);
    assert_eq!(sum.tally.missed(), Vec::<String>::new(), "a world in which little goes wrong proves little");
}

/// For a build into which somebody has put a fault: `make planted` (tests/simulation/planted/) asks this of each of its faults.
#[test]
#[ignore = "it fails where no fault was put in"]
fn a_fault_that_was_put_in_is_found() {
    let (first, many) = (setting("FIRST_SEED", 1), setting("SEEDS", 2000));
    let run_of = |seed| Run { scenario: Scenario::of(seed), how: How::default() };
    let sum = make_until(1, "worlds", first, many, run_of);
    let found = sum.broken.first().unwrap_or_else(|| panic!("{many} worlds kept every promise"));
    println!(
        "FOUND after {} worlds, by seed {}: {}",
        sum.tally.worlds, found.0.scenario.seed, found.1.violations[0]
    );
}

/// At every boundary of some worlds in fair weather: before each request leaves, and after each has taken effect.
#[test]
fn wherever_the_process_dies_every_promise_is_kept() {
    let (first, many) = (setting("FIRST_SEED", 1), setting("CRASHED_SEEDS", 4));
    let mut points = Vec::new();
    for seed in first..first + many {
        let scenario = Scenario::of(seed).in_fair_weather();
        let boundaries = run(&scenario, How::default()).boundaries;
        points.extend((1..=boundaries).map(|at| (scenario.clone(), at)));
    }
    let total = u64::try_from(points.len()).expect("a number");
    let sum = make("crash points", 0, total, |point| {
        let (scenario, at) = points[usize::try_from(point).expect("a number")].clone();
        Run { scenario, how: How { crash_at: Some(at), tell: false } }
    });
    println!("the process died at each of {total} boundaries of {many} worlds");
    assert_whole(&sum);
}

/// A failing seed can be told again only if one seed has one history, in this process and in any other.
#[test]
fn one_seed_has_one_history() {
    const IN_ANOTHER_PROCESS: &str = "SIMULATION_PRINTS_HISTORIES";
    let many = setting("COMPARED_SEEDS", 50);
    let histories: Vec<String> =
        (1..=many).map(|seed| format!("{:016x}", run(&Scenario::of(seed), How::default()).hash)).collect();
    let here = histories.join(" ");
    if std::env::var_os(IN_ANOTHER_PROCESS).is_some() {
        println!("histories: {here}");
        return;
    }
    let other = std::process::Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "one_seed_has_one_history", "--nocapture"])
        .env(IN_ANOTHER_PROCESS, "yes")
        .output()
        .expect("another process");
    let other = String::from_utf8_lossy(&other.stdout).into_owned();
    let there = other.lines().find_map(|line| line.split_once("histories: ")).expect("its histories").1;
    assert_eq!(here, there, "the histories of {many} seeds");
    println!("the histories of {many} seeds in two processes are the same");
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
