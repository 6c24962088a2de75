//! One real node with a real control plane: what a pod needs to run, and no more.

mod containerd;
mod kubelet;
mod names;
mod network;
pub(crate) mod pods;

use std::path::Path;
use std::time::{Duration, Instant};

use crate::images;
use crate::shell::{Shell, say, seconds};
use crate::support::control_plane::ControlPlane;
use crate::support::kubeconfig;
use crate::support::objects::{Address, Objects, condition};
use crate::support::process::{Process, Run};
use crate::support::tools;
use names::Names;

/// What the kubelet registers it as.
const NAME: &str = "node";
/// Seen: 5 s on two idle cores.
const READY_WITHIN: Duration = Duration::from_mins(2);

/// The node and its control plane.
pub(crate) struct Node {
    /// Kubernetes, with an administrator's rights.
    pub(crate) objects: Objects,
    /// The control plane.
    pub(crate) plane: ControlPlane,
    /// What pods find by name.
    pub(crate) names: Names,
    processes: Vec<Process>,
}

impl Node {
    /// Starts everything; the node is Ready and has the images when this returns.
    pub(crate) async fn start() -> Node {
        let started = Instant::now();
        let folder = Run::current().folder();
        let runtime = tools::folder("containerd");
        let containerd = containerd::start(&runtime, folder);
        let names = Names::answer().await;
        let plane = ControlPlane::for_pods().await;
        let objects = Objects::new(plane.client().await);
        containerd::ready(&runtime).await;
        for image in [images::PAUSE, images::EMULATOR, images::OPERATOR[0]] {
            containerd::import(&runtime, image).await;
        }
        for name in &images::OPERATOR[1..] {
            containerd::tag(&runtime, images::OPERATOR[0], name).await;
        }
        let mut node = Node { objects, plane, names, processes: vec![containerd] };
        let tools = tools::folder("node");
        node.processes.push(kubelet::start(&tools, folder, &node.plane));
        node.processes.push(node.scheduler(&tools, folder));
        node.ready().await;
        say(&format!(
            "kubelet, containerd and the control plane are there after {}",
            seconds(started.elapsed())
        ));
        node
    }

    /// A shell for what a person types, with the Helm of this module.
    pub(crate) fn shell(&self, helm: &str) -> Shell {
        Shell::new(&self.plane, helm)
    }

    fn scheduler(&self, tools: &Path, folder: &Path) -> Process {
        let file = folder.join("kube-scheduler.kubeconfig");
        let pair = self.plane.signer().client("system:kube-scheduler", None);
        self.plane.write_kubeconfig(&file, &kubeconfig::User::Certificate(&pair), "default");
        let arguments = [
            format!("--kubeconfig={}", file.display()),
            format!("--authentication-kubeconfig={}", file.display()),
            "--leader-elect=false".to_owned(),
            "--secure-port=0".to_owned(),
        ];
        Process::start(&tools.join("kube-scheduler"), &arguments, &[], &folder.join("kube-scheduler.log"))
    }

    async fn ready(&mut self) {
        let address = Address::parse(&format!("Node/{NAME}"), "");
        let is_ready = |node: Option<&serde_json::Value>| {
            node.is_some_and(|node| condition(node, "Ready") == "True/KubeletReady")
        };
        if let Err(last) = self.objects.watch_until(&address, READY_WITHIN, is_ready).await {
            let ended: Vec<String> = self.processes.iter_mut().filter_map(Process::epitaph).collect();
            let logs: Vec<String> =
                self.processes.iter().map(|one| format!("{}:\n{}", one.name(), one.last_lines(15))).collect();
            panic!(
                "the node is not Ready after {READY_WITHIN:?}: {last:?}\n{}\n{}",
                ended.join("\n"),
                logs.join("\n")
            );
        }
    }

    /// What a person would look at after a failure; the pods' logs are kept with those of the run.
    pub(crate) fn autopsy(&self) {
        let shell = self.shell("helm");
        for command in [
            "kubectl get pods,leases -A -o wide",
            "kubectl get connectors,connectoraccounts -A -o wide",
            "kubectl describe pods -n connector-operator-system | tail -n 60",
            "kubectl get events -A --sort-by=.lastTimestamp | tail -n 30",
            "for log in /var/log/pods/*/*/*.log; do echo \"$log\"; tail -n 15 \"$log\" | cut -c1-400; done",
        ] {
            shell.try_run(command);
        }
        let kept = Run::current().folder().join("pods");
        shell.ask(&format!("cp -r /var/log/pods '{}'", kept.display()));
    }
}
