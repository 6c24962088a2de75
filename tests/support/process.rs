//! Real processes that never outlive the test run, however it ends.
//!
//! A guardian (a few lines of shell) holds the read end of a pipe. Each process writes its own id into that pipe before
//! it becomes the program. When the test process dies, even by SIGKILL, the pipe ends and the guardian kills what is
//! left and removes the run's folder.

use std::fs::{self, File};
use std::io::Write;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use super::wait;

/// Finished runs whose folders stay, for a look at the logs of a failed story.
const RUNS_KEPT: usize = 5;
/// How long a run lasts that was handed over.
const KEPT_SECONDS: u32 = 24 * 3600;
/// The file that names the process which keeps a run going.
const KEPT_BY: &str = "kept-by";

const GUARDIAN: &str = r#"
trap '' INT TERM HUP
alive=
while read -r sign id; do
    case $sign in
    +) alive="$alive $id" ;;
    -) left=
       for other in $alive; do [ "$other" = "$id" ] || left="$left $other"; done
       alive=$left ;;
    esac
done
[ -z "$alive" ] || kill -KILL $alive 2>/dev/null
tries=0
until [ -e "$1/keep" ] || rm -rf "$1" 2>/dev/null || [ $tries -ge 50 ]; do
    tries=$((tries + 1))
    sleep 0.1
done
rm -rf "$1"/control-plane*/etcd
"#;

/// Says its own id to the guardian, whose pipe is its stdin, then becomes the program.
const LAUNCHER: &str = r#"echo "+ $$" >&0; exec "$@" </dev/null"#;

/// This test process's folder for data and logs, and the guardian that looks after it.
pub struct Run {
    folder: PathBuf,
    guardian: Mutex<File>,
}

impl Run {
    /// The one of this test process.
    pub fn current() -> &'static Run {
        static RUN: OnceLock<Run> = OnceLock::new();
        RUN.get_or_init(|| Run::begin(Path::new(env!("CARGO_TARGET_TMPDIR")), std::process::id()))
    }

    #[allow(clippy::zombie_processes, reason = "the guardian waits for us, not we for it")]
    fn begin(parent: &Path, id: u32) -> Run {
        let runs = parent.join("runs");
        fs::create_dir_all(&runs).expect("create the folder of the runs");
        forget_old_runs(&runs);
        let folder = runs.join(id.to_string());
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("create the run's folder");
        let mut guardian = Command::new("sh")
            .args(["-c", GUARDIAN, "guardian"])
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("start the guardian (sh)");
        let pipe = guardian.stdin.take().expect("the guardian's pipe");
        Run { folder, guardian: Mutex::new(File::from(OwnedFd::from(pipe))) }
    }

    /// Where this run keeps its data, readable by this user only through the files' own modes.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Leaves the run's logs in place after the end: a story failed.
    pub fn keep(&self) {
        let _ = fs::write(self.folder.join("keep"), "");
    }

    /// Lets everything that runs outlive this process, and returns the id of the process whose end now ends it all. It ends
    /// by itself after a day.
    #[allow(clippy::zombie_processes, reason = "it outlives us")]
    pub fn hand_over(&self) -> u32 {
        let pipe = self.pipe().try_clone().expect("share the guardian's pipe");
        let keeper = Command::new("sleep")
            .arg(KEPT_SECONDS.to_string())
            .stdin(pipe)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("start the keeper (sleep)");
        fs::write(self.folder.join(KEPT_BY), keeper.id().to_string()).expect("note who keeps the run");
        keeper.id()
    }

    fn pipe(&self) -> std::sync::MutexGuard<'_, File> {
        self.guardian.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes the folders of runs that ended, except the newest few.
fn forget_old_runs(runs: &Path) {
    let mut ended: Vec<_> = fs::read_dir(runs)
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .filter(|run| !is_process(run.file_name()))
        .filter(|run| !fs::read_to_string(run.path().join(KEPT_BY)).is_ok_and(is_process))
        .filter_map(|run| Some((run.metadata().ok()?.modified().ok()?, run.path())))
        .collect();
    ended.sort();
    for (_, folder) in ended.iter().rev().skip(RUNS_KEPT) {
        let _ = fs::remove_dir_all(folder);
    }
}

fn is_process(id: impl AsRef<Path>) -> bool {
    Path::new("/proc").join(id).exists()
}

/// What a test does to a process.
#[derive(Clone, Copy, Debug)]
pub enum Signal {
    /// Asks it to end.
    Terminate,
    /// Ends it where it stands.
    Kill,
    /// Freezes it.
    Stop,
    /// Lets it run again.
    Continue,
}

/// A running program whose output goes to a file.
pub struct Process {
    name: String,
    program: PathBuf,
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
    child: Child,
    log: PathBuf,
    ended: Option<ExitStatus>,
}

impl Process {
    /// Starts `program` with exactly these arguments and variables (beside `PATH` and a `HOME` of the run's own), so that
    /// nothing of the person's environment, such as a proxy or a kubeconfig, reaches it. `log` gets what it prints.
    pub fn start(
        program: &Path,
        arguments: &[String],
        variables: &[(String, String)],
        log: &Path,
    ) -> Process {
        let child = launch(program, arguments, variables, log);
        let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Process {
            name,
            program: program.to_owned(),
            arguments: arguments.to_vec(),
            variables: variables.to_vec(),
            child,
            log: log.to_owned(),
            ended: None,
        }
    }

    /// Starts it again as it was started, after it ended; its log goes on.
    pub fn start_again(&mut self) {
        assert!(self.exit_status().is_some(), "{} still runs", self.name);
        self.child = launch(&self.program, &self.arguments, &self.variables, &self.log);
        self.ended = None;
    }

    /// The program's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The process id: what `/proc/<id>` and signals go by.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal. One to a process that has ended does nothing.
    pub fn signal(&mut self, signal: Signal) {
        if self.exit_status().is_some() {
            return;
        }
        let name = match signal {
            Signal::Terminate => "-TERM",
            Signal::Kill => "-KILL",
            Signal::Stop => "-STOP",
            Signal::Continue => "-CONT",
        };
        let sent = Command::new("kill").arg(name).arg(self.id().to_string()).status();
        assert!(sent.is_ok_and(|status| status.success()), "cannot send {name} to {}", self.name);
    }

    /// How it ended, or `None` while it runs.
    pub fn exit_status(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().expect("ask for a child's state");
            if self.ended.is_some() {
                let _ = writeln!(Run::current().pipe(), "- {}", self.child.id());
            }
        }
        self.ended
    }

    /// If it ended: its name and last words.
    pub fn epitaph(&mut self) -> Option<String> {
        let status = self.exit_status()?;
        Some(format!("{} ended ({status}); its last lines:\n{}", self.name, self.last_lines(20)))
    }

    /// Waits until it ends.
    pub async fn exited(&mut self, deadline: Duration) -> ExitStatus {
        let what = format!("{} ends", self.name);
        let process = std::sync::Mutex::new(self);
        wait::until(&what, deadline, || async {
            let mut process = process.lock().unwrap_or_else(PoisonError::into_inner);
            process
                .exit_status()
                .ok_or_else(|| format!("it runs; its last lines:\n{}", process.last_lines(20)))
        })
        .await
    }

    /// The file with all it printed.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// The end of what it printed.
    pub fn last_lines(&self, count: usize) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(count)..].join("\n")
    }
}

/// See [`Process::start`].
fn launch(program: &Path, arguments: &[String], variables: &[(String, String)], log: &Path) -> Child {
    let run = Run::current();
    let output = File::options()
        .create(true)
        .append(true)
        .open(log)
        .unwrap_or_else(|error| panic!("cannot open {}: {error}", log.display()));
    let errors = output.try_clone().expect("share the log between stdout and stderr");
    let pipe = run.pipe().try_clone().expect("share the guardian's pipe");
    Command::new("sh")
        .args(["-c", LAUNCHER, "launcher"])
        .arg(program)
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", run.folder())
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .stdin(pipe)
        .stdout(output)
        .stderr(errors)
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start {}: {error}", program.display()))
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.exit_status().is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
            let _ = writeln!(Run::current().pipe(), "- {}", self.child.id());
        }
    }
}

/// A TCP port of the loopback that nobody listens on. Taken below the range that the kernel gives to outgoing
/// connections, and counted up from a random start, so that two runs at once rarely try the same one.
pub fn free_port() -> u16 {
    use std::net::TcpListener;
    use std::sync::atomic::{AtomicU16, Ordering};
    const FIRST: u16 = 20_000;
    const COUNT: u16 = 12_000;
    static NEXT: OnceLock<AtomicU16> = OnceLock::new();
    let next = NEXT.get_or_init(|| AtomicU16::new(fastrand::u16(0..COUNT)));
    for _ in 0..COUNT {
        let port = FIRST + next.fetch_add(1, Ordering::Relaxed) % COUNT;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port between {FIRST} and {}", FIRST + COUNT);
}
