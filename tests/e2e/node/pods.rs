//! Pods, and the processes that they really are: what a security context promises is looked up in the kernel.

use std::fs;
use std::path::PathBuf;

/// A process of a container, as `/proc` shows it.
pub(crate) struct Contained {
    folder: PathBuf,
}

/// The processes that run this program, as their containers see its path.
pub(crate) fn running(program: &str) -> Vec<Contained> {
    let entries = fs::read_dir("/proc").expect("/proc").filter_map(Result::ok);
    let runs = |folder: &PathBuf| {
        let words = fs::read(folder.join("cmdline")).unwrap_or_default();
        words.split(|byte| *byte == 0).next() == Some(program.as_bytes())
    };
    entries.map(|entry| entry.path()).filter(runs).map(|folder| Contained { folder }).collect()
}

impl Contained {
    /// Panics unless the process has no right beyond those of Pod Security's `restricted`, and no file to write to.
    pub(crate) fn assert_confined(&self, user: u32) {
        let status = fs::read_to_string(self.folder.join("status")).expect("the process lives");
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.unwrap_or_else(|| panic!("no {name} in {status}"))
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ")
        };
        let four_times = [user.to_string(), user.to_string(), user.to_string(), user.to_string()].join(" ");
        for (name, expected) in [
            ("Uid", four_times.as_str()),
            ("Gid", four_times.as_str()),
            ("CapPrm", "0000000000000000"),
            ("CapEff", "0000000000000000"),
            ("CapBnd", "0000000000000000"),
            ("NoNewPrivs", "1"),
            // Filtered: by the runtime's default profile.
            ("Seccomp", "2"),
        ] {
            assert_eq!(field(name), expected, "{name} of the process");
        }
        let mounts = fs::read_to_string(self.folder.join("mountinfo")).expect("its mounts");
        let root =
            mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>()).find(|mount| mount[4] == "/");
        let options = root.expect("a root")[5].to_owned();
        assert!(options.split(',').any(|option| option == "ro"), "its root can be written to: {options}");
    }
}
