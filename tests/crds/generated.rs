//! `crds/` is what the types say, and every schema in it is bounded and plain.

use std::fs;
use std::path::PathBuf;

use connector_operator::api::schema::definitions;
use connector_operator::cli::crds;

/// Set (to anything) to write `crds/` anew instead of comparing.
const UPDATE: &str = "UPDATE_CRDS";

fn folder() -> PathBuf {
    PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("run the tests with cargo")).join("crds")
}

#[test]
fn the_committed_definitions_are_what_the_types_say() {
    let mut expected = Vec::new();
    for definition in definitions().expect("the definitions serialise") {
        let file = folder().join(&definition.file);
        let text = crds::document(&definition).expect("the definition serialises");
        if std::env::var_os(UPDATE).is_some() {
            fs::write(&file, &text).expect("the file can be written");
        }
        let committed = fs::read_to_string(&file).unwrap_or_default();
        assert!(
            committed == text,
            "{} is stale. Run `{UPDATE}=1 cargo test --test crds generated` and commit the result.",
            file.display()
        );
        expected.push(definition.file);
    }
    let mut found: Vec<String> = fs::read_dir(folder())
        .expect("the folder crds/ is there")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    expected.sort();
    found.sort();
    assert_eq!(found, expected, "crds/ holds other files than the six kinds");
}
