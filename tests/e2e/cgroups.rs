//! The control groups of the node's pods. They are the one thing that a machine of its own does not take along when it ends, so somebody
//! waits for its end, however that comes, and removes them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

const ROOT: &str = "/sys/fs/cgroup";

/// Waits until its pipe ends, then removes the groups from below, for as long as the last processes in them need to go.
const SWEEPER: &str = r#"
trap '' INT TERM HUP
read -r _
tries=0
while [ $tries -lt 100 ]; do
    left=
    for group in "$@"; do
        [ -d "$group" ] || continue
        find "$group" -depth -type d -exec rmdir {} + 2>/dev/null
        [ -d "$group" ] && left=yes
    done
    [ -n "$left" ] || exit 0
    tries=$((tries + 1))
    sleep 0.1
done
"#;

/// A control group below which the kubelet puts its pods. It goes when this does.
pub(crate) struct Group {
    name: String,
    pipe: Option<ChildStdin>,
    sweeper: Child,
}

impl Group {
    /// Makes it in every hierarchy that this machine has: one with version 2, several with version 1.
    pub(crate) fn new() -> Group {
        let name = format!("connector-operator-e2e-{}", std::process::id());
        let folders: Vec<PathBuf> = hierarchies().iter().map(|hierarchy| hierarchy.join(&name)).collect();
        let mut sweeper = Command::new("sh")
            .args(["-c", SWEEPER, "sweeper"])
            .args(&folders)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("start the sweeper (sh)");
        let pipe = sweeper.stdin.take();
        for folder in &folders {
            fs::create_dir(folder)
                .unwrap_or_else(|error| panic!("cannot make {}: {error}", folder.display()));
        }
        Group { name, pipe, sweeper }
    }

    /// Its path below each hierarchy.
    pub(crate) fn path(&self) -> String {
        format!("/{}", self.name)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        drop(self.pipe.take());
        let _ = self.sweeper.wait();
    }
}

fn hierarchies() -> Vec<PathBuf> {
    let root = Path::new(ROOT);
    if root.join("cgroup.controllers").exists() {
        return vec![root.to_owned()];
    }
    let entries = fs::read_dir(root).expect("this machine has control groups").filter_map(Result::ok);
    // A link is another name of a hierarchy.
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    folders.map(|entry| entry.path()).filter(|path| path.join("cgroup.procs").exists()).collect()
}
