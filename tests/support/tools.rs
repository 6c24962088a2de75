//! Finds the pinned tools, and builds them where this machine does not have them yet (`tests/build-tools`).

use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The clone under test. Cargo sets the variable for every test it runs; the value of the build would be wrong where
/// several clones share one target folder.
pub fn repository() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").expect("run the tests with cargo").into()
}

/// The folder with the tools of `tests/<module>/go.mod`. Progress goes to the terminal.
pub fn folder(module: &str) -> PathBuf {
    let script = repository().join("tests/build-tools");
    let built = Command::new("sh")
        .arg(&script)
        .arg(module)
        .stderr(Stdio::inherit())
        .output()
        .unwrap_or_else(|error| panic!("cannot run {}: {error}", script.display()));
    assert!(built.status.success(), "{} {module} failed; it says why above", script.display());
    PathBuf::from(String::from_utf8_lossy(&built.stdout).trim())
}
