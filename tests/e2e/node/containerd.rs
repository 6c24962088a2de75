//! containerd: the node's container runtime, and how an image gets into it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::images::{PAUSE, archive};
use crate::machine;
use crate::node::network;
use crate::support::process::Process;
use crate::support::wait;

/// Where it listens, as everybody expects it.
pub(super) const SOCKET: &str = "/run/containerd/containerd.sock";
const READY_WITHIN: Duration = Duration::from_mins(1);

/// Starts it, with a folder for its configuration.
pub(super) fn start(tools: &Path, folder: &Path) -> Process {
    let networks = network::write(folder);
    let file = folder.join("containerd.toml");
    std::fs::write(&file, configuration(&networks)).expect("write containerd's configuration");
    let inherited = std::env::var("PATH").unwrap_or_default();
    // It looks for its shim there.
    let path = ("PATH".to_owned(), format!("{}:{inherited}", tools.display()));
    let arguments = ["--config".to_owned(), file.display().to_string()];
    Process::start(&tools.join("containerd"), &arguments, &[path], &folder.join("containerd.log"))
}

/// `restrict_oom_score_adj`: runc dies where it may not lower the score, as in a container or a small virtual machine.
fn configuration(networks: &Path) -> String {
    format!(
        "\
version = 3
disabled_plugins = ['io.containerd.nri.v1.nri', 'io.containerd.tracing.processor.v1.otlp', 'io.containerd.internal.v1.tracing']

[plugins.'io.containerd.cri.v1.images']
snapshotter = 'overlayfs'
[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = '{PAUSE}'

[plugins.'io.containerd.cri.v1.runtime']
restrict_oom_score_adj = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
bin_dirs = ['{}']
conf_dir = '{}'
",
        network::PLUGINS,
        networks.display()
    )
}

/// Waits until it answers.
pub(super) async fn ready(tools: &Path) {
    wait::until("containerd answers", READY_WITHIN, || ctr(tools, vec!["version".to_owned()])).await;
}

/// Loads an image of those that the outer half built.
pub(super) async fn import(tools: &Path, image: &str) {
    let file: PathBuf = machine::images().join(archive(image));
    let arguments = vec!["images".to_owned(), "import".to_owned(), file.display().to_string()];
    done(ctr(tools, arguments).await);
}

/// Gives an image a further name.
pub(super) async fn tag(tools: &Path, image: &str, name: &str) {
    done(ctr(tools, ["images", "tag", image, name].map(str::to_owned).to_vec()).await);
}

fn done(ran: Result<(), String>) {
    ran.unwrap_or_else(|said| panic!("ctr: {said}"));
}

/// Its command line, in the namespace of Kubernetes' containers.
async fn ctr(tools: &Path, arguments: Vec<String>) -> Result<(), String> {
    let mut command = Command::new(tools.join("ctr"));
    command.args(["--namespace", "k8s.io"]).args(arguments);
    let ran = tokio::task::spawn_blocking(move || command.output()).await.expect("it ends");
    let ran = ran.map_err(|error| error.to_string())?;
    if ran.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&ran.stderr).into_owned()) }
}
