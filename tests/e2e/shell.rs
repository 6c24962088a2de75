//! What a person sees and types: headings, sentences, commands that are run exactly as they are printed, and what they say.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::control_plane::ControlPlane;
use crate::support::process::Run;
use crate::support::tools;

/// What takes longer says how long.
const LONG: Duration = Duration::from_secs(3);

/// A new chapter.
pub(crate) fn heading(text: &str) {
    println!("\n── {text}");
}

/// A sentence.
pub(crate) fn say(text: &str) {
    println!("{text}");
}

/// A duration as people say it.
pub(crate) fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

/// A shell in the repository, whose kubectl and Helm are the pinned ones and go to the node's cluster, as the operator's own commands do.
pub(crate) struct Shell {
    path: String,
    kubeconfig: PathBuf,
}

impl Shell {
    /// One with the Helm of `tests/<module>/go.mod`.
    pub(crate) fn new(plane: &ControlPlane, helm: &str) -> Shell {
        let inherited = std::env::var("PATH").unwrap_or_default();
        let program = Path::new(env!("CARGO_BIN_EXE_connector-operator"));
        let programs = program.parent().expect("the folder of the build");
        let own = [tools::folder(helm), plane.tools().to_owned(), programs.to_owned()];
        let own = own.map(|folder| folder.display().to_string());
        Shell { path: format!("{}:{inherited}", own.join(":")), kubeconfig: plane.kubeconfig() }
    }

    /// Runs it as printed, shows what it says, and returns that. Panics where it fails.
    pub(crate) fn run(&self, command: &str) -> String {
        let (succeeded, said) = self.try_run(command);
        assert!(succeeded, "that command failed: {command}");
        said
    }

    /// The same, and whether it succeeded.
    pub(crate) fn try_run(&self, command: &str) -> (bool, String) {
        println!("$ {command}");
        let started = Instant::now();
        let (succeeded, said) = self.ask(command);
        for line in said.lines() {
            println!("  {line}");
        }
        if started.elapsed() > LONG {
            println!("  [{}]", seconds(started.elapsed()));
        }
        (succeeded, said)
    }

    /// Runs it without showing it.
    pub(crate) fn ask(&self, command: &str) -> (bool, String) {
        let output = Command::new("sh")
            // What it says and what it complains of, in the order of their coming.
            .args(["-c", &format!("exec 2>&1\n{command}")])
            .current_dir(tools::repository())
            .env_clear()
            .env("PATH", &self.path)
            .env("HOME", Run::current().folder())
            .env("KUBECONFIG", &self.kubeconfig)
            .stdin(Stdio::null())
            .output()
            .expect("run sh");
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    }
}
