//! Many worlds on several threads, and what a person is told when one of them breaks a promise.

use super::run::{How, Report, run};
use super::scenario::Scenario;
use super::shortest::shortest;
use super::tally::Tally;
use std::fmt::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// One run that is to be made.
#[derive(Debug, Clone)]
pub struct Run {
    pub scenario: Scenario,
    pub how: How,
}

/// What came of many runs.
pub struct Sum {
    pub tally: Tally,
    pub broken: Vec<(Run, Report)>,
}

/// A number from the environment.
pub fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// Makes the runs of the numbers from `first`, `many` of them, on as many threads as `JOBS` says (2), telling how far it is.
pub fn make(what: &str, first: u64, many: u64, run_of: impl Fn(u64) -> Run + Sync) -> Sum {
    const MOST_BROKEN: usize = 20;
    make_until(MOST_BROKEN, what, first, many, run_of)
}

/// The same, until so many are broken.
pub fn make_until(
    most_broken: usize,
    what: &str,
    first: u64,
    many: u64,
    run_of: impl Fn(u64) -> Run + Sync,
) -> Sum {
    let next = AtomicU64::new(first);
    let sum = Mutex::new(Sum { tally: Tally::default(), broken: Vec::new() });
    let told = Mutex::new(Instant::now());
    let began = Instant::now();
    std::thread::scope(|threads| {
        for _ in 0..setting("JOBS", 2) {
            threads.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= first + many {
                        return;
                    }
                    let one = run_of(number);
                    let report = run(&one.scenario, one.how);
                    let mut sum = sum.lock().expect("the sum");
                    sum.tally.add(&report.tally);
                    if !report.violations.is_empty() {
                        sum.broken.push((one, report));
                    }
                    if sum.broken.len() >= most_broken {
                        next.store(u64::MAX / 2, Ordering::Relaxed);
                        return;
                    }
                    let mut told = told.lock().expect("the clock");
                    if told.elapsed() > Duration::from_secs(10) {
                        *told = Instant::now();
                        let (done, broken) = (number + 1 - first, sum.broken.len());
                        println!(
                            "{what}: {done} of {many} in {:.0} s, {broken} broken",
                            began.elapsed().as_secs_f64()
                        );
                    }
                }
            });
        }
    });
    sum.into_inner().expect("the sum")
}

/// Fails with the shortest history of the first that is broken, in words, and the command that tells it again.
pub fn assert_whole(sum: &Sum) {
    let Some((one, report)) = sum.broken.first() else { return };
    let promise = report.violations[0].promise;
    for (one, report) in &sum.broken {
        println!(
            "BROKEN seed {} crash_at {:?}: {}",
            one.scenario.seed, one.how.crash_at, report.violations[0]
        );
    }
    println!("looking for the shortest history that breaks the first of them");
    let mut text = String::new();
    let short = shortest(&one.scenario, one.how, promise);
    let told = run(&short, How { tell: true, ..one.how });
    let _ = writeln!(text, "\nThe shortest history found that breaks {promise:?}:\n{}", short.describe());
    for line in &told.lines {
        let _ = writeln!(text, "{line}");
    }
    for violation in &told.violations {
        let _ = writeln!(text, "VIOLATION {violation}");
    }
    let crash = one.how.crash_at.map(|at| format!("CRASH_AT={at} ")).unwrap_or_default();
    let seed = one.scenario.seed;
    panic!("{text}\n{} broken. Again: {crash}SEED={seed} make replay", sum.broken.len());
}
