//! Records every version of the operator's objects that a test run makes, for `make corpus`.

use std::path::{Path, PathBuf};

use super::objects::{GROUP, KINDS};
use super::process::Process;

/// Names the folder to record into. Nothing is recorded where it is not set.
pub const RECORD: &str = "RECORD_OBJECTS";

/// Starts what records the control plane `name`, a process for each kind: kubectl, which prints each version of an object as
/// JSON.
pub fn start(name: &str, tools: &Path, kubeconfig: &Path) -> Vec<Process> {
    let Some(folder) = std::env::var_os(RECORD).map(PathBuf::from) else { return Vec::new() };
    std::fs::create_dir_all(&folder).expect("create the folder of the records");
    let watch = |kind: &str| {
        let resource = format!("{}s.{GROUP}", kind.to_lowercase());
        let arguments = ["get", &resource, "--all-namespaces", "--watch-only", "--output=json"];
        let arguments = arguments.map(str::to_owned);
        let variables = [("KUBECONFIG".to_owned(), kubeconfig.display().to_string())];
        let file = folder.join(format!("{kind}-{name}-{}.json", std::process::id()));
        Process::start(&tools.join("kubectl"), &arguments, &variables, &file)
    };
    KINDS.iter().map(|kind| watch(kind)).collect()
}
