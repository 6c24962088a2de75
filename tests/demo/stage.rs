//! What the person sees: headings, sentences, commands and their real output. Colours and pauses only on a terminal.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::control_plane::ControlPlane;
use crate::support::tools;

/// Time to read what was just printed. Nobody reads a pipe.
const PAUSE: Duration = Duration::from_millis(1500);

const BOLD: &str = "1";
const DIM: &str = "2";
const CYAN: &str = "1;36";

/// The terminal, and the shell whose commands it shows.
pub(crate) struct Stage {
    is_terminal: bool,
    has_colours: bool,
    started: Instant,
    shell: Option<Shell>,
}

/// Where commands run: in the repository, with the pinned kubectl before any other.
struct Shell {
    kubeconfig: PathBuf,
    path: String,
    emulator: String,
}

impl Stage {
    pub(crate) fn new() -> Stage {
        let is_terminal = std::io::stdout().is_terminal();
        let has_colours = is_terminal && std::env::var_os("NO_COLOR").is_none();
        Stage { is_terminal, has_colours, started: Instant::now(), shell: None }
    }

    /// From here on, commands see this control plane and this emulator.
    pub(crate) fn with_shell(self, plane: &ControlPlane, emulator: &str) -> Stage {
        let inherited = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{inherited}", tools::folder("control-plane").display());
        let shell = Shell { kubeconfig: plane.kubeconfig(), path, emulator: emulator.to_owned() };
        Stage { shell: Some(shell), ..self }
    }

    fn coloured(&self, colour: &str, text: &str) -> String {
        if self.has_colours { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// A new scene, after time to read the last one.
    pub(crate) async fn heading(&self, text: &str) {
        self.pause().await;
        println!("\n{}", self.coloured(CYAN, &format!("── {text}")));
    }

    /// Something on the side.
    pub(crate) fn whisper(&self, text: &str) {
        println!("{}", self.coloured(DIM, text));
    }

    /// Runs a shell command as printed, shows what it says, and returns that. Panics where it fails.
    pub(crate) async fn run(&self, command: &str) -> String {
        println!("{}", self.coloured(BOLD, &format!("$ {command}")));
        let shell = self.shell.as_ref().expect("the control plane runs");
        let output = Command::new("sh")
            .args(["-c", command])
            .current_dir(tools::repository())
            .env("PATH", &shell.path)
            .env("KUBECONFIG", &shell.kubeconfig)
            .env("EMULATOR", &shell.emulator)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .expect("run sh");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        print!("{text}");
        if !text.is_empty() && !text.ends_with('\n') {
            println!();
        }
        assert!(output.status.success(), "that command failed ({})", output.status);
        self.pause().await;
        text
    }

    async fn pause(&self) {
        if self.is_terminal {
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Since the demonstration began.
    pub(crate) fn elapsed(&self) -> String {
        seconds(self.started.elapsed())
    }

    /// What the person types to do as the commands here do.
    pub(crate) fn exports(&self) -> Vec<String> {
        let shell = self.shell.as_ref().expect("the control plane runs");
        let tools = tools::folder("control-plane");
        vec![
            format!("export KUBECONFIG={}", shell.kubeconfig.display()),
            format!("export EMULATOR={}", shell.emulator),
            format!("export PATH={}:$PATH", tools.display()),
        ]
    }
}

/// A duration as people say it.
pub(crate) fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

/// A sentence.
pub(crate) fn say(text: &str) {
    println!("{text}");
}

/// Lines to copy.
pub(crate) fn show(lines: &[String]) {
    for line in lines {
        println!("  {line}");
    }
}
