//! What happened how often, so that a run in which nothing went wrong cannot pass for one that proves something.

use super::weather::Trouble;
use std::collections::BTreeMap;

/// What every run has to put to the test.
const PROMISES: [&str; 19] = [
    "1: every write carries uid and resourceVersion",
    "1: nothing is written that says nothing new",
    "1: nothing is written when nothing changes",
    "1: only finalizer, claim and status are written",
    "1: only the leader writes",
    "2: a create has a claim that was written before it",
    "2: one remote object for each object",
    "3: a stranger's object is changed only where adoption allows it",
    "4: a quiet account costs one list an interval",
    "4: an account keeps to its requests a minute",
    "5: only what somebody else insists on is given up",
    "6: nothing but Manage writes to the vendor",
    "7: a 429 holds the whole account",
    "7: everything is as declared in the end, or says why not",
    "8: a delete ends when the vendor's object is gone",
    "8: only what was declared to be deleted is deleted",
    "9: Ready says what is really there",
    "9: conditions are coherent",
    "10: no secret goes into Kubernetes",
];

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

    /// What happened too seldom to prove anything: trouble in fewer than one world of a hundred, a promise that was put to the test less often than
    /// once in a hundred worlds. Few worlds prove nothing anyhow, and are not judged.
    pub fn missed(&self) -> Vec<String> {
        const JUDGED: u64 = 1000;
        if self.worlds < JUDGED {
            return Vec::new();
        }
        let seldom = |times: u64| times * 100 < self.worlds;
        let troubles = Trouble::ALL
            .iter()
            .map(|trouble| (format!("{trouble:?}"), self.troubles.get(trouble).copied().unwrap_or(0)));
        let promises = PROMISES
            .iter()
            .map(|promise| ((*promise).to_owned(), self.tested.get(promise).copied().unwrap_or(0)));
        troubles.chain(promises).filter(|(_, times)| seldom(*times)).map(|(what, _)| what).collect()
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
