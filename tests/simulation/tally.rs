//! What happened how often, so that a run in which nothing went wrong cannot pass for one that proves something.

use super::weather::Trouble;
use std::collections::BTreeMap;

/// Counts of one world, or of many.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// How often each kind of trouble was met in this world; of many worlds, in how many of them it was met.
    pub troubles: BTreeMap<Trouble, u64>,
    /// How often each promise was put to the test: what it speaks of was so.
    pub tested: BTreeMap<&'static str, u64>,
    /// How many calls were made.
    pub calls: u64,
    /// How many worlds these counts are of.
    pub worlds: u64,
}

impl Tally {
    /// Trouble was met.
    pub fn met(&mut self, trouble: Trouble) {
        *self.troubles.entry(trouble).or_default() += 1;
    }

    /// A promise was put to the test.
    pub fn tests(&mut self, promise: &'static str) {
        *self.tested.entry(promise).or_default() += 1;
    }

    /// Adds the counts of one world.
    pub fn add(&mut self, world: &Tally) {
        for trouble in world.troubles.keys() {
            *self.troubles.entry(*trouble).or_default() += 1;
        }
        for (promise, times) in &world.tested {
            *self.tested.entry(promise).or_default() += times;
        }
        self.calls += world.calls;
        self.worlds += 1;
    }

    /// The table that a person reads.
    pub fn table(&self) -> String {
        use std::fmt::Write;
        let mut text = format!("{} worlds, {} calls\n", self.worlds, self.calls);
        for trouble in Trouble::ALL {
            let worlds = self.troubles.get(&trouble).copied().unwrap_or(0);
            let _ = writeln!(text, "  met in {worlds:>7} worlds   {trouble:?}");
        }
        for (promise, times) in &self.tested {
            let _ = writeln!(text, "  tested {times:>9} times   {promise}");
        }
        text
    }
}
