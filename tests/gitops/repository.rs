//! A Git repository of a test's own, with what a team keeps in one.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The branch that everything follows.
pub(crate) const BRANCH: &str = "main";

/// The repository and its work tree.
pub(crate) struct Repository {
    folder: PathBuf,
}

impl Repository {
    /// A new one without a commit.
    pub(crate) fn new(folder: PathBuf) -> Repository {
        std::fs::create_dir_all(&folder).expect("create the repository's folder");
        let repository = Repository { folder };
        repository.git(&["init", "--quiet", "--initial-branch", BRANCH]);
        repository
    }

    /// Where Argo CD finds it.
    pub(crate) fn url(&self) -> String {
        format!("file://{}", self.folder.display())
    }

    /// Its work tree.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes a file below the work tree.
    pub(crate) fn write(&self, path: &str, text: &str) {
        let file = self.folder.join(path);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("create a folder");
        std::fs::write(&file, text).unwrap_or_else(|error| panic!("cannot write {path}: {error}"));
    }

    /// Copies a folder into the work tree.
    pub(crate) fn copy(&self, from: &Path, path: &str) {
        let to = self.folder.join(path);
        std::fs::create_dir_all(to.parent().expect("a folder")).expect("create a folder");
        let copied = Command::new("cp").arg("-r").arg(from).arg(&to).status().expect("run cp");
        assert!(copied.success(), "cannot copy {}", from.display());
    }

    /// Removes a file from the work tree.
    pub(crate) fn remove(&self, path: &str) {
        std::fs::remove_file(self.folder.join(path))
            .unwrap_or_else(|error| panic!("cannot remove {path}: {error}"));
    }

    /// Commits the work tree as it is, and returns the commit.
    pub(crate) fn commit(&self, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
        self.git(&["rev-parse", "HEAD"]).trim().to_owned()
    }

    fn git(&self, arguments: &[&str]) -> String {
        let ran = Command::new("git")
            .current_dir(&self.folder)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &self.folder)
            .args(["-c", "user.name=A team", "-c", "user.email=team@example.com"])
            .args(arguments)
            .output()
            .expect("run git");
        assert!(ran.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8_lossy(&ran.stdout).into_owned()
    }
}
