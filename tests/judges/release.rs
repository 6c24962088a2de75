//! `make release`, as far as it goes without a registry: what it refuses, what it makes, and what it would do with it.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::process::Run;
use crate::support::{tools, yaml};

#[test]
fn a_tag_that_is_not_the_version_is_refused() {
    let said = publish(&copied("other-version"), "v9.9.9").expect_err("it was published");
    let version = env!("CARGO_PKG_VERSION");
    let expected = format!("publish: Cargo.toml has the version '{version}', the tag says '9.9.9'");
    assert!(said.contains(&expected), "{said}");
}

#[test]
fn a_version_that_the_changelog_does_not_know_is_refused() {
    let version = env!("CARGO_PKG_VERSION");
    let folder = copied("no-changelog");
    let changelog = std::fs::read_to_string(folder.join("CHANGELOG.md")).expect("the changelog");
    let without = changelog.replace(&format!("## [{version}]"), "## [something else]");
    std::fs::write(folder.join("CHANGELOG.md"), without).expect("write the changelog");
    let said = publish(&folder, &format!("v{version}")).expect_err("it was published");
    assert!(said.contains(&format!("CHANGELOG.md has no section [{version}]")), "{said}");
}

#[test]
fn a_release_names_its_image_by_digest_and_signs_whatever_it_publishes() {
    let version = env!("CARGO_PKG_VERSION");
    let folder = copied("release");
    let changelog = std::fs::read_to_string(folder.join("CHANGELOG.md")).expect("the changelog");
    let released = changelog.replacen("## [Unreleased]", &format!("## [{version}] - 2026-01-01"), 1);
    std::fs::write(folder.join("CHANGELOG.md"), released).expect("write the changelog");
    let said = publish(&folder, &format!("v{version}")).unwrap_or_else(|error| panic!("{error}"));

    let image = "registry.example.com/team/connector-operator";
    let digest = format!("sha256:{}", "0".repeat(64));
    let signed = [
        format!("cosign sign --yes {image}@{digest}"),
        format!(
            "cosign attest --yes --type cyclonedx --predicate target/published/connector-operator.cdx.json {image}@{digest}"
        ),
        format!("cosign sign --yes registry.example.com/team/charts/connector-operator@{digest}"),
        "cosign sign-blob --yes --bundle target/published/SHA256SUMS.bundle target/published/SHA256SUMS"
            .to_owned(),
    ];
    for command in signed {
        assert!(said.contains(&format!("would: {command}\n")), "no `{command}` in:\n{said}");
    }
    let published = folder.join("target/published");
    for object in yaml::documents_of_file(&published.join("install.yaml")) {
        if object["kind"] == "Deployment" {
            let container = &object["spec"]["template"]["spec"]["containers"][0];
            assert_eq!(container["image"], format!("{image}@{digest}"));
        }
    }
    let chart = unpacked(&published.join(format!("connector-operator-{version}.tgz")));
    let values = &yaml::documents_of_file(&chart.join("values.yaml"))[0];
    assert_eq!(values["image"]["digest"], digest);
    let notes = std::fs::read_to_string(published.join("notes.md")).expect("the notes");
    assert!(notes.contains("### Added"), "{notes}");
    let bill = std::fs::read_to_string(published.join("connector-operator.cdx.json")).expect("the SBOM");
    let bill: Value = serde_json::from_str(&bill).expect("JSON");
    assert_eq!(bill["metadata"]["component"]["name"], "connector-operator");
    let parts = bill["components"].as_array().expect("components");
    let is_part = |name: &str| parts.iter().any(|part| part["name"] == name);
    assert!(is_part("kube") && is_part("rustls") && !is_part("proptest"), "{} parts", parts.len());
    let sums = std::fs::read_to_string(published.join("SHA256SUMS")).expect("the sums");
    assert_eq!(sums.lines().count(), 4, "{sums}");
}

fn publish(folder: &Path, tag: &str) -> Result<String, String> {
    let ran = Command::new(folder.join("release/publish"))
        .env("TAG", tag)
        .env("REGISTRY", "registry.example.com/team")
        .env("DRY_RUN", "1")
        .output()
        .expect("run release/publish");
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    if ran.status.success() { Ok(said) } else { Err(said + &String::from_utf8_lossy(&ran.stderr)) }
}

/// A copy of the repository in a folder of the test's own.
fn copied(name: &str) -> PathBuf {
    let folder = Run::current().folder().join(name);
    std::fs::create_dir_all(&folder).expect("create a folder");
    let copy = "tar -C \"$1\" --exclude=./target --exclude=./.git -cf - . | tar -C \"$2\" -xf -";
    let mut command = Command::new("sh");
    let copied = command.args(["-ec", copy, "copy"]).arg(tools::repository()).arg(&folder).status();
    assert!(copied.expect("run sh").success(), "cannot copy the repository");
    folder
}

fn unpacked(archive: &Path) -> PathBuf {
    let folder = archive.parent().expect("a folder").join("unpacked");
    std::fs::create_dir_all(&folder).expect("create a folder");
    let unpacked = Command::new("tar").arg("-xzf").arg(archive).arg("-C").arg(&folder).status();
    assert!(unpacked.expect("run tar").success(), "cannot unpack {}", archive.display());
    folder.join("connector-operator")
}
