//! Everything that is left to chance, drawn from one seed: each use has a stream of its own, so that one draw more here moves nothing there.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

/// One stream of draws.
pub struct Dice(fastrand::Rng);

impl Dice {
    /// The stream of that use of a seed.
    pub fn of(seed: u64, usage: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        (seed, usage).hash(&mut hasher);
        Self(fastrand::Rng::with_seed(hasher.finish()))
    }

    /// Whether something happens that happens so often, from 0 to 1.
    pub fn chance(&mut self, rate: f64) -> bool {
        self.0.f64() < rate
    }

    /// A number from `from` to `to`, both included.
    pub fn between(&mut self, from: u64, to: u64) -> u64 {
        self.0.u64(from..=to)
    }

    /// One of them.
    pub fn one_of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.0.usize(..choices.len())]
    }

    /// So many milliseconds, from `from` to `to`.
    pub fn milliseconds(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(self.between(from, to))
    }

    /// So many seconds, from `from` to `to`, in milliseconds.
    pub fn seconds(&mut self, from: u64, to: u64) -> Duration {
        self.milliseconds(from * 1000, to * 1000)
    }
}
