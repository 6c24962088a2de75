//! The image has what it promises: one program, a user without rights, labels that say what it is, and nothing to attack with.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::images::{OPERATOR, archive};
use crate::machine;
use crate::shell::say;
use crate::told::Cluster;

/// What is to be fetched by every node.
const LARGEST_BYTES: u64 = 25_000_000;
const PROGRAM: &str = "usr/local/bin/connector-operator";

/// Looks into the archive that the node runs.
pub(crate) fn is_what_it_promises(cluster: &Cluster) {
    let image = Image::read(&machine::images().join(archive(OPERATOR[0])));
    let configuration = &image.configuration["config"];
    assert_eq!(configuration["User"], "65532:65532");
    assert_eq!(configuration["Entrypoint"], json!([format!("/{PROGRAM}")]));
    assert_eq!(configuration["ExposedPorts"], json!({"8080/tcp": {}}));
    let labels = &configuration["Labels"];
    for (label, expected) in [
        ("title", "connector-operator"),
        ("licenses", "Apache-2.0"),
        ("version", env!("CARGO_PKG_VERSION")),
        ("source", env!("CARGO_PKG_REPOSITORY")),
    ] {
        assert_eq!(labels[format!("org.opencontainers.image.{label}")], expected, "{label} of {labels}");
    }
    let (_, revision) = cluster.node.shell("helm").ask("git rev-parse HEAD || echo unknown");
    assert_eq!(labels["org.opencontainers.image.revision"], revision.trim());
    let expected = ["etc/ssl/certs/ca-certificates.crt", PROGRAM, "usr/share/doc/connector-operator/LICENSE"];
    assert_eq!(image.files, expected, "the files: no shell, no library");
    assert!(image.bytes < LARGEST_BYTES, "{} bytes are to be fetched", image.bytes);
    say(&format!("{labels:#}"));
    say(&format!("{} MB to be fetched: {}", image.bytes / 1_000_000, image.files.join(", ")));
}

/// What an archive of one image holds.
struct Image {
    configuration: Value,
    /// By their paths, in order.
    files: Vec<String>,
    /// Of the layers, compressed as they are sent.
    bytes: u64,
}

impl Image {
    fn read(archive: &Path) -> Image {
        let json = |file: &str| -> Value { serde_json::from_slice(&member(archive, file)).expect("JSON") };
        let blob = |descriptor: &Value| {
            format!("blobs/{}", descriptor["digest"].as_str().expect("a digest").replace(':', "/"))
        };
        let manifest = json(&blob(&json("index.json")["manifests"][0]));
        let layers = manifest["layers"].as_array().expect("layers");
        let mut files: Vec<String> = layers.iter().flat_map(|layer| listed(archive, &blob(layer))).collect();
        files.sort();
        Image {
            configuration: json(&blob(&manifest["config"])),
            files,
            bytes: layers.iter().filter_map(|layer| layer["size"].as_u64()).sum(),
        }
    }
}

fn member(archive: &Path, file: &str) -> Vec<u8> {
    let ran = Command::new("tar").arg("-xOf").arg(archive).arg(file).output().expect("run tar");
    assert!(ran.status.success(), "{file} is not in {}", archive.display());
    ran.stdout
}

/// The files of a layer, without the folders.
fn listed(archive: &Path, layer: &str) -> Vec<String> {
    let ran = Command::new("sh")
        .args(["-c", "tar -xOf \"$1\" \"$2\" | tar -tzf -", "list"])
        .arg(archive)
        .arg(layer)
        .output()
        .expect("run tar");
    assert!(ran.status.success(), "{layer} is no layer: {}", String::from_utf8_lossy(&ran.stderr));
    let names = String::from_utf8_lossy(&ran.stdout).into_owned();
    names.lines().filter(|name| !name.ends_with('/')).map(str::to_owned).collect()
}
