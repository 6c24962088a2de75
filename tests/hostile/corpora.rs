//! The inputs that are kept: examples from the vendors' documents, and what once broke something. They come first in every run.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::decoders::{DECODERS, Decoder};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpora")
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
}

/// What is kept for a decoder, with the files' names, and what is made for it.
pub(crate) fn inputs(decoder: &Decoder) -> Vec<(String, Vec<u8>)> {
    let folder = folder().join(decoder.name);
    let kept = names(&folder).into_iter().map(|name| {
        let input = fs::read(folder.join(&name)).expect("a file");
        (name, input)
    });
    let made = (decoder.made)().into_iter().map(|input| ("made".to_owned(), input));
    made.chain(kept).collect()
}

#[test]
fn every_decoder_has_a_corpus_and_every_corpus_a_decoder() {
    let mut found = names(&folder());
    assert!(found.remove("README.md"), "tests/corpora/README.md says where the inputs come from");
    let known: BTreeSet<String> = DECODERS.iter().map(|decoder| decoder.name.to_owned()).collect();
    assert_eq!(found, known);
    for decoder in DECODERS {
        assert!(!names(&folder().join(decoder.name)).is_empty(), "nothing is kept for {}", decoder.name);
    }
}

#[test]
fn what_is_kept_is_decoded_alike_in_whatever_pieces_it_comes() {
    for decoder in DECODERS {
        let mut decoded = 0;
        for (name, input) in inputs(decoder) {
            let whole = (decoder.run)(&input, &[usize::MAX]);
            for size in [1, 3, 64] {
                let in_pieces = (decoder.run)(&input, &[size]);
                assert_eq!(in_pieces, whole, "{}/{name} in pieces of {size}", decoder.name);
            }
            decoded += usize::from(whole.decoded);
        }
        assert!(decoded > 0, "nothing that is kept for {} is understood", decoder.name);
    }
}
