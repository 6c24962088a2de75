//! The outer half: what has to be there before the node can start, and the machine of its own on which the inner half runs.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use crate::cgroups::Group;
use crate::images;
use crate::shell::{heading, say, seconds};
use crate::support::process::Run;
use crate::support::tools;

/// The modules of `tests/build-tools` that the stories use: nothing can be fetched once they are told.
const TOOLS: [&str; 5] = ["control-plane", "node", "containerd", "helm", "helm3"];
/// How the inner half knows what it is: the control group for its pods.
const GROUP: &str = "CONNECTOR_OPERATOR_E2E_GROUP";
/// Where `own-machine` shows the folder on disk.
const DISK: &str = "/run/disk";

/// Whether this process runs on the machine of its own.
pub(crate) fn is_own() -> bool {
    std::env::var_os(GROUP).is_some()
}

/// The control group below which the node puts its pods.
pub(crate) fn group() -> String {
    std::env::var(GROUP).expect("this is the machine of its own")
}

/// The folder with the images' archives, on the machine of its own.
pub(crate) fn images() -> PathBuf {
    Path::new(DISK).join("images")
}

/// From here on this process keeps its data on the disk that is its own. To be called first: the folder of the runs is hidden by it, in which
/// process numbers of the other machine have a meaning.
pub(crate) fn settle_in() {
    let runs = Path::new(env!("CARGO_TARGET_TMPDIR")).join("runs");
    let own = Path::new(DISK).join("runs");
    std::fs::create_dir_all(&own).expect("make a folder");
    let mounted = Command::new("mount").arg("--bind").args([&own, &runs]).status();
    assert!(mounted.is_ok_and(|status| status.success()), "cannot mount {}", own.display());
}

/// Prepares everything, runs the inner half, and ends as it ended.
pub(crate) fn prepare_and_enter() -> ExitCode {
    if !is_root() {
        return without_root();
    }
    heading("Before the node: packages, tools, images");
    let started = Instant::now();
    let packages = Command::new(tools::repository().join("tests/e2e/install-packages")).status();
    assert!(packages.is_ok_and(|status| status.success()), "the packages are not there; it says why above");
    for module in TOOLS {
        tools::folder(module);
    }
    let folder = Run::current().folder();
    images::build(&folder.join("images"));
    say(&format!("ready after {}", seconds(started.elapsed())));
    enter(folder)
}

fn enter(folder: &Path) -> ExitCode {
    let group = Group::new();
    // The machine ends with this process, even where that is killed.
    let status = Command::new("setpriv")
        .args(["--pdeathsig", "KILL"])
        .arg(tools::repository().join("tests/e2e/own-machine"))
        .arg(folder)
        .arg(std::env::current_exe().expect("the program of this process"))
        .args(std::env::args_os().skip(1))
        .env(GROUP, group.path())
        .status()
        .expect("start the machine of its own");
    drop(group);
    if status.success() {
        return ExitCode::SUCCESS;
    }
    for heavy in ["containerd", "kubelet", "images"] {
        let _ = std::fs::remove_dir_all(folder.join(heavy));
    }
    Run::current().keep();
    say(&format!("\nThe logs are in {}", folder.display()));
    ExitCode::FAILURE
}

/// Takes out of a command's environment what Cargo tells a test of its package. A Cargo below it would take it for a change, and compile
/// most dependencies anew.
pub(crate) fn without_cargos_words(command: &mut Command) -> &mut Command {
    const OF_A_PACKAGE: [&str; 4] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"];
    for (name, _) in std::env::vars_os() {
        if OF_A_PACKAGE.iter().any(|words| name.to_string_lossy().starts_with(words)) {
            command.env_remove(name);
        }
    }
    command
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("run id");
    id.stdout.starts_with(b"0\n")
}

/// What remains where no node can be had: the same charts, manifests and rights on the real API server, with the operator as a process.
fn without_root() -> ExitCode {
    let warning = "\
!!!
!!! Without root there is no node: no image is built and no pod is run. What remains is told instead: the chart, the manifests, Helm and
!!! `release` on the real API server, with the operator as a process that has the rights of the chart's ServiceAccount.
!!!";
    eprintln!("{warning}");
    let remaining = ["helm::", "chart::", "manifests::", "gitops::", "release::"];
    let told = without_cargos_words(&mut Command::new(env!("CARGO")))
        .args(["test", "--locked", "--test", "stories", "--"])
        .args(remaining)
        .current_dir(tools::repository())
        .status()
        .expect("run cargo");
    eprintln!("{warning}");
    if told.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
