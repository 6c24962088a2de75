//! Every decoder, given what is arbitrary and what is nearly right: it never panics, says what is fit to be read, loses no row, and does not
//! mind in which pieces its input comes.

use std::cell::Cell;

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{FileFailurePersistence, TestRunner};

use crate::corpora::inputs;
use crate::decoders::{DECODERS, Decoder};
use crate::mutation::{Change, changed, changes};

/// Of a hundred changed inputs, so many at least have to be understood, and so many refused: else what is changed is not what matters.
const SHARE: u32 = 1;

/// The settings of a run: `PROPTEST_CASES` says how many, and what failed once is tried first from then on.
pub(crate) fn config() -> ProptestConfig {
    let kept = FileFailurePersistence::Direct("tests/hostile/regressions.txt");
    ProptestConfig { failure_persistence: Some(Box::new(kept)), ..ProptestConfig::default() }
}

struct Tally {
    inputs: u32,
    decoded: u32,
}

#[allow(clippy::similar_names, reason = "a decoder, and what it decoded")]
fn fuzz(decoder: &Decoder) -> Tally {
    let seeds = inputs(decoder);
    let tally = Cell::new((0, 0));
    let strategy = (any::<Index>(), changes(), prop::collection::vec(1_usize..40, 1..5));
    let run = TestRunner::new(config()).run(&strategy, |(seed, change, pieces)| {
        let (_, seed) = seed.get(&seeds);
        let input = changed(seed, &change);
        let outcome = (decoder.run)(&input, &[usize::MAX]);
        prop_assert_eq!(&(decoder.run)(&input, &pieces), &outcome, "in pieces of {:?}", pieces);
        if is_change(seed, &input, &change) {
            let (changed, decoded) = tally.get();
            tally.set((changed + 1, decoded + u32::from(outcome.decoded)));
        }
        Ok(())
    });
    run.unwrap_or_else(|failure| panic!("{}: {failure}", decoder.name));
    let (changed, decoded) = tally.get();
    Tally { inputs: changed, decoded }
}

fn is_change(seed: &[u8], input: &[u8], change: &Change) -> bool {
    matches!(change, Change::Edited { .. }) && seed != input
}

#[test]
fn whatever_comes_is_understood_or_refused_in_words_that_are_fit_to_be_read() {
    println!("{:18} {:>9} {:>9}", "decoder", "changed", "decoded");
    let mut hollow = Vec::new();
    for decoder in DECODERS {
        let Tally { inputs, decoded } = fuzz(decoder);
        println!("{:18} {inputs:9} {decoded:9}", decoder.name);
        // What is sealed is understood only as it was.
        let share = if matches!(decoder.name, "claim" | "pem") { 0 } else { inputs * SHARE / 100 };
        if inputs == 0 || decoded < share || inputs - decoded < share {
            hollow.push(format!("{}: {decoded} of {inputs}", decoder.name));
        }
    }
    assert!(hollow.is_empty(), "these were hardly put to the test: {hollow:#?}");
}
