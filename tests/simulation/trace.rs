//! What happened in a world, in its order: as a hash always, and in words where somebody wants to read it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

/// The most lines that are kept.
const MOST_LINES: usize = 200_000;

/// See the module.
pub struct Trace {
    hasher: DefaultHasher,
    lines: Option<Vec<String>>,
}

impl Trace {
    /// A trace; `tell` keeps its words.
    pub fn new(tell: bool) -> Self {
        Self { hasher: DefaultHasher::new(), lines: tell.then(Vec::new) }
    }

    /// Adds what happened at `now`.
    pub fn add(&mut self, now: Duration, what: impl FnOnce() -> String) {
        let line = format!("{:>10.3}s  {}", now.as_secs_f64(), what());
        line.hash(&mut self.hasher);
        if let Some(lines) = &mut self.lines
            && lines.len() < MOST_LINES
        {
            lines.push(line);
        }
    }

    /// What tells two histories apart.
    pub fn hash(&self) -> u64 {
        self.hasher.finish()
    }

    /// The words, where they were kept.
    pub fn lines(&self) -> &[String] {
        self.lines.as_deref().unwrap_or_default()
    }
}
