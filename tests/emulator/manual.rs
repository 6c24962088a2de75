//! The manual, `docs/emulator.md`, names whatever there is.

use std::collections::BTreeSet;

use connector_operator::emulator::{Answers, Configuration, Emulator};

use crate::faults::SHOWN;

const MANUAL: &str = include_str!("../../docs/emulator.md");

/// The row of a table that begins with this word.
fn row(word: &str) -> &'static str {
    let start = format!("| `{word}` |");
    MANUAL.lines().find(|line| line.starts_with(&start)).unwrap_or_else(|| panic!("the manual lacks {word}"))
}

#[test]
fn the_manual_names_every_switch_with_its_answers_the_default_first() {
    let emulator = Emulator::new(Configuration::default()).unwrap();
    for switch in emulator.switches().known() {
        let row = row(switch.name);
        let named = row.split('`').skip(3).step_by(2).collect::<Vec<_>>();
        assert_eq!(named[0], switch.default, "{row}");
        if let Answers::OneOf(words) = switch.answers {
            let missing = words.iter().find(|(word, _)| !named.contains(word));
            assert_eq!(missing, None, "{row}");
        }
    }
    let known = emulator.switches().known();
    let vendors = known.iter().filter_map(|switch| switch.name.split('.').next()).collect::<BTreeSet<_>>();
    let is_row = |line: &&str| vendors.iter().any(|vendor| line.starts_with(&format!("| `{vendor}.")));
    let rows = MANUAL.lines().filter(is_row).count();
    assert_eq!(rows, known.len(), "no switch that is gone is named");
}

#[test]
fn the_manual_names_every_fault() {
    for kind in SHOWN {
        row(kind);
    }
}
