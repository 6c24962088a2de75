//! The images of the node: the operator's own, built as `make image` builds it where no registry is reachable, and the two that only the
//! tests need. Each is an archive that containerd can take.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::machine::without_cargos_words;
use crate::shell::say;
use crate::support::tools;

/// What the Dockerfile and the chart call this image, and what the README calls one's own: the node has it by each name, so that what
/// people read is run as it is.
pub(crate) const OPERATOR: [&str; 2] =
    [concat!("ghcr.io/connector-operator/connector-operator:", env!("CARGO_PKG_VERSION")), README];
/// The README's example.
const README: &str = "registry.example.com/connector-operator:dev";
/// The emulated vendors.
pub(crate) const EMULATOR: &str = "localhost/vendor-emulator:e2e";
/// What holds a pod together.
pub(crate) const PAUSE: &str = "localhost/pause:1";

/// The file with an image, in the folder of the archives.
pub(crate) fn archive(image: &str) -> String {
    let name = image.rsplit('/').next().unwrap_or(image);
    format!("{}.tar", name.split(':').next().unwrap_or(name))
}

/// Builds all of them into `folder`.
pub(crate) fn build(folder: &Path) {
    fs::create_dir_all(folder).expect("make the folder of the images");
    let builder = Builder::new(folder);
    say("the operator's image, as `OFFLINE=1 image/build` makes it");
    let programs = folder.join("programs");
    builder.run(
        Command::new("image/compile")
            .args([architecture(), "connector-operator,vendor-emulator"])
            .arg(&programs),
    );
    builder.run(Command::new("image/build").arg(OPERATOR[0]));
    builder.save(OPERATOR[0]);
    say("the emulator's");
    builder.add(EMULATOR, "emulator.Dockerfile", &programs);
    say("the one that holds pods together");
    let pause = tools::repository().join("tests/e2e/images/pause.rs");
    builder.run(
        Command::new("rustc")
            .args(["-C", "opt-level=2", "-C", "target-feature=+crt-static", "-o"])
            .arg(programs.join("pause"))
            .arg(pause),
    );
    builder.add(PAUSE, "pause.Dockerfile", &programs);
    fs::remove_dir_all(&builder.storage).expect("remove the builder's storage");
}

fn architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" }
}

/// buildah with a storage of its own, so that nothing stays with the person's images.
struct Builder<'a> {
    folder: &'a Path,
    storage: std::path::PathBuf,
}

impl Builder<'_> {
    fn new(folder: &Path) -> Builder<'_> {
        let storage = folder.join("storage");
        fs::create_dir_all(&storage).expect("make the builder's storage");
        let configuration = format!(
            "[storage]\ndriver = \"vfs\"\ngraphroot = \"{0}/root\"\nrunroot = \"{0}/run\"\n",
            storage.display()
        );
        fs::write(storage.join("storage.conf"), configuration).expect("write the builder's configuration");
        Builder { folder, storage }
    }

    /// Runs a step, and shows what it said where it fails.
    fn run(&self, command: &mut Command) {
        let ran = without_cargos_words(command)
            .current_dir(tools::repository())
            .env("CONTAINERS_STORAGE_CONF", self.storage.join("storage.conf"))
            .env("BUILDAH_ISOLATION", "chroot")
            .env("BUILDER", "buildah")
            .env("OFFLINE", "1")
            .output()
            .unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
        let said = [ran.stdout, ran.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
        assert!(ran.status.success(), "{command:?} failed ({}):\n{said}", ran.status);
    }

    fn add(&self, image: &str, dockerfile: &str, context: &Path) {
        let dockerfile = tools::repository().join("tests/e2e/images").join(dockerfile);
        self.run(
            Command::new("buildah").args(["build", "--tag", image, "--file"]).arg(dockerfile).arg(context),
        );
        self.save(image);
    }

    fn save(&self, image: &str) {
        let target = format!("oci-archive:{}:{image}", self.folder.join(archive(image)).display());
        self.run(Command::new("buildah").args(["push", "--quiet", image, &target]));
    }
}
