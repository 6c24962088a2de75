//! The pods' network: a bridge on this machine, and no way out of it.

use std::path::{Path, PathBuf};

use serde_json::json;

/// Where Debian's package puts the plugins.
pub(super) const PLUGINS: &str = "/usr/lib/cni";
const PODS: &str = "10.88.0.0/24";

/// Writes the configuration, and returns its folder. Nothing is translated: pods reach the API server, who is on this machine, by their own
/// address.
pub(super) fn write(folder: &Path) -> PathBuf {
    let networks = folder.join("networks");
    std::fs::create_dir_all(&networks).expect("make the folder of the networks");
    let bridge = json!({
        "type": "bridge",
        "bridge": "pods",
        "isGateway": true,
        "ipMasq": false,
        "hairpinMode": true,
        "ipam": {"type": "host-local", "ranges": [[{"subnet": PODS}]], "routes": [{"dst": "0.0.0.0/0"}]},
    });
    let list = json!({"cniVersion": "1.0.0", "name": "pods", "plugins": [bridge]});
    std::fs::write(networks.join("pods.conflist"), list.to_string()).expect("write the network");
    networks
}
