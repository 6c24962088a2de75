//! How much memory the replicas take, and whether it grows.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Instant;

/// What a process takes until it is warm does not count: this share of its samples.
const WARMING_UP: f64 = 0.25;
/// More growth than this share, from the first sample that counts to the last, is a leak.
const GROWTH_ALLOWED: f64 = 0.10;
/// How many samples are printed of each process.
const PRINTED: usize = 12;

/// Samples of the resident memory by process: seconds since the start, and megabytes.
#[derive(Default)]
pub(crate) struct Memory {
    started: Option<Instant>,
    samples: BTreeMap<u32, Vec<(f64, f64)>>,
}

impl Memory {
    /// Takes a sample of a process.
    pub(crate) fn sample(&mut self, process: u32) {
        let started = *self.started.get_or_insert_with(Instant::now);
        let Some(megabytes) = resident(process) else { return };
        self.samples.entry(process).or_default().push((started.elapsed().as_secs_f64(), megabytes));
    }

    /// Panics where a process takes more and more.
    pub(crate) fn assert_flat(&self) {
        for (process, samples) in &self.samples {
            let (warm, mean) = warm(samples);
            let seconds = warm.last().map_or(0.0, |last| last.0) - warm.first().map_or(0.0, |first| first.0);
            let growth = slope(warm) * seconds / mean;
            assert!(
                growth < GROWTH_ALLOWED,
                "the memory of process {process} grew by {:.0} % in {seconds:.0} s:\n{self}",
                100.0 * growth
            );
        }
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "resident memory")?;
        for (process, samples) in &self.samples {
            let (warm, mean) = warm(samples);
            let per_hour = slope(warm) * 3600.0;
            write!(formatter, "\n  process {process}: mean {mean:.1} MB, slope {per_hour:+.2} MB an hour;")?;
            let step = samples.len().div_ceil(PRINTED).max(1);
            for (second, megabytes) in samples.iter().step_by(step) {
                write!(formatter, " {second:.0} s {megabytes:.1}")?;
            }
        }
        Ok(())
    }
}

/// The samples that count, and their mean.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a share of a count"
)]
fn warm(samples: &[(f64, f64)]) -> (&[(f64, f64)], f64) {
    let warm = &samples[(samples.len() as f64 * WARMING_UP) as usize..];
    (warm, warm.iter().map(|(_, megabytes)| megabytes).sum::<f64>() / warm.len().max(1) as f64)
}

/// By least squares: megabytes a second.
#[allow(clippy::cast_precision_loss, reason = "a count")]
fn slope(samples: &[(f64, f64)]) -> f64 {
    let count = samples.len().max(1) as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| samples.iter().map(of).sum::<f64>() / count;
    let (second, megabytes) = (mean(|sample| sample.0), mean(|sample| sample.1));
    let together = samples.iter().map(|(at, mb)| (at - second) * (mb - megabytes)).sum::<f64>();
    let spread = samples.iter().map(|(at, _)| (at - second).powi(2)).sum::<f64>();
    if spread > 0.0 { together / spread } else { 0.0 }
}

fn resident(process: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().trim_end_matches(" kB").trim().parse::<f64>().ok()? / 1024.0)
}
