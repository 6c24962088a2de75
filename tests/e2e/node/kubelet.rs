//! The kubelet, as the node that it is: with the rights of the Node authorizer and no others.

use std::path::Path;

use serde_json::json;

use crate::machine;
use crate::node::{NAME, containerd, names};
use crate::support::components::SERVICE_ADDRESS;
use crate::support::control_plane::ControlPlane;
use crate::support::kubeconfig;
use crate::support::process::Process;

/// Starts it.
pub(super) fn start(tools: &Path, folder: &Path, plane: &ControlPlane) -> Process {
    let user = plane.signer().client(&format!("system:node:{NAME}"), Some("system:nodes"));
    let credentials = folder.join("kubelet.kubeconfig");
    plane.write_kubeconfig(&credentials, &kubeconfig::User::Certificate(&user), "default");
    let file = folder.join("kubelet.json");
    std::fs::write(&file, configuration(plane)).expect("write the kubelet's configuration");
    let arguments = [
        format!("--config={}", file.display()),
        format!("--kubeconfig={}", credentials.display()),
        format!("--hostname-override={NAME}"),
        format!("--node-ip={SERVICE_ADDRESS}"),
    ];
    Process::start(&tools.join("kubelet"), &arguments, &[], &folder.join("kubelet.log"))
}

/// What differs from the defaults makes it content with a machine that has control groups of version 1, and with however little disk is left.
fn configuration(plane: &ControlPlane) -> String {
    let serving = plane.signer().server("kubelet");
    let configuration = json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": SERVICE_ADDRESS,
        "tlsCertFile": serving.certificate,
        "tlsPrivateKeyFile": serving.key,
        "authentication": {
            "anonymous": {"enabled": false},
            "x509": {"clientCAFile": plane.authority()},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": machine::group(),
        "enforceNodeAllocatable": [],
        "failCgroupV1": false,
        "failSwapOn": false,
        "makeIPTablesUtilChains": false,
        "containerRuntimeEndpoint": format!("unix://{}", containerd::SOCKET),
        "clusterDNS": [SERVICE_ADDRESS],
        "clusterDomain": names::DOMAIN,
        "evictionHard": {"memory.available": "0%", "nodefs.available": "0%", "nodefs.inodesFree": "0%", "imagefs.available": "0%"},
        "imageGCHighThresholdPercent": 100,
        "shutdownGracePeriod": "0s",
    });
    configuration.to_string()
}
