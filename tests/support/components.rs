//! The command lines of the control plane's components.

use std::fs;
use std::path::Path;

use super::certificates::{Authority, Pair, token_signer, write_private};
use super::kubeconfig;
use super::process::{Process, free_port};

/// Every request as one line of who did what to which object, never a body: stories count writes by it.
const AUDIT_POLICY: &str = "\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
rules:
  - level: Metadata
";

/// What the stories need of kube-controller-manager; the rest would only take CPU from them.
const CONTROLLERS: &str = "namespace-controller,garbage-collector-controller,serviceaccount-controller,\
root-ca-certificate-publisher-controller,clusterrole-aggregation-controller";
/// What makes pods of a Deployment, beside those.
const CONTROLLERS_OF_PODS: &str = "deployment-controller,replicaset-controller,pod-garbage-collector-controller,\
node-lifecycle-controller,endpointslice-controller,disruption-controller";
/// The address of the Service `kubernetes`, which every pod is told. Nothing forwards it: the API server listens there itself.
pub const SERVICE_ADDRESS: &str = "10.0.0.1";
const HTTPS: u16 = 443;

/// Who reaches the API server.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Processes of this machine, at a free port of the loopback.
    Processes,
    /// Pods too, at the address of the Service `kubernetes`, which this machine has to have.
    Pods,
}

/// The API server's program.
pub const API_SERVER: &str = "kube-apiserver";

/// Where the components keep their files, and who they trust.
pub struct Site<'a> {
    /// Data, certificates and logs.
    pub folder: &'a Path,
    /// The programs.
    pub tools: &'a Path,
    /// The authority that signed everybody's certificate.
    pub authority: &'a Authority,
    /// Who reaches the API server.
    pub reach: Reach,
    /// Where it listens.
    pub port: u16,
    /// Where etcd listens.
    pub etcd_port: u16,
}

impl Reach {
    /// A port for the API server.
    pub fn port(self) -> u16 {
        if self == Reach::Pods { HTTPS } else { free_port() }
    }

    fn address(self) -> &'static str {
        if self == Reach::Pods { SERVICE_ADDRESS } else { "127.0.0.1" }
    }

    /// A kubelet has the rights of the pods that run on its node.
    fn authorization(self) -> &'static str {
        if self == Reach::Pods { "Node,RBAC" } else { "RBAC" }
    }

    fn controllers(self) -> String {
        if self == Reach::Pods {
            [CONTROLLERS, CONTROLLERS_OF_PODS].join(",")
        } else {
            CONTROLLERS.to_owned()
        }
    }
}

impl Site<'_> {
    /// The API server's address.
    pub fn url(&self) -> String {
        format!("https://{}:{}", self.reach.address(), self.port)
    }

    /// etcd's address.
    pub fn etcd_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.etcd_port)
    }

    fn start(&self, tool: &str, arguments: &[String]) -> Process {
        Process::start(&self.tools.join(tool), arguments, &[], &self.folder.join(format!("{tool}.log")))
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// Starts all three; they find each other by themselves.
    pub fn start_all(&self) -> Vec<Process> {
        let signer = token_signer(self.folder);
        let etcd_url = self.etcd_url();
        vec![self.etcd(&etcd_url), self.api_server(&etcd_url, &signer), self.controller_manager(&signer)]
    }

    /// Data that lives as long as the run needs no fsync, which is most of what a write costs.
    fn etcd(&self, url: &str) -> Process {
        let peers = format!("http://127.0.0.1:{}", free_port());
        self.start(
            "etcd",
            &[
                "--unsafe-no-fsync".into(),
                format!("--data-dir={}", self.path("etcd")),
                format!("--listen-client-urls={url}"),
                format!("--advertise-client-urls={url}"),
                format!("--listen-peer-urls={peers}"),
                format!("--initial-advertise-peer-urls={peers}"),
                format!("--initial-cluster=default={peers}"),
            ],
        )
    }

    fn api_server(&self, etcd: &str, signer: &Pair) -> Process {
        let serving = self.authority.server(API_SERVER);
        let policy = self.folder.join("audit-policy.yaml");
        fs::write(&policy, AUDIT_POLICY).expect("write the audit policy");
        // As whom it asks a kubelet for a pod's log.
        let to_kubelet = self.authority.client("kube-apiserver-kubelet-client", Some("system:masters"));
        self.start(
            API_SERVER,
            &[
                format!("--etcd-servers={etcd}"),
                format!("--bind-address={}", self.reach.address()),
                format!("--kubelet-client-certificate={}", to_kubelet.certificate.display()),
                format!("--kubelet-client-key={}", to_kubelet.key.display()),
                format!("--kubelet-certificate-authority={}", self.authority.certificate().display()),
                "--kubelet-preferred-address-types=InternalIP".into(),
                format!("--secure-port={}", self.port),
                "--endpoint-reconciler-type=none".into(),
                // Every story has a Service, and there are more stories than a /24 has addresses.
                "--service-cluster-ip-range=10.0.0.0/16".into(),
                format!("--authorization-mode={}", self.reach.authorization()),
                format!("--client-ca-file={}", self.authority.certificate().display()),
                format!("--tls-cert-file={}", serving.certificate.display()),
                format!("--tls-private-key-file={}", serving.key.display()),
                format!("--service-account-issuer={}", self.url()),
                format!("--service-account-key-file={}", signer.certificate.display()),
                format!("--service-account-signing-key-file={}", signer.key.display()),
                format!("--audit-policy-file={}", policy.display()),
                format!("--audit-log-path={}", self.path("audit.log")),
                // In one file: the log is read from start to end, and ends with the run.
                "--audit-log-maxsize=100000".into(),
                "--audit-log-mode=blocking".into(),
                "--profiling=false".into(),
            ],
        )
    }

    fn controller_manager(&self, signer: &Pair) -> Process {
        let pair = self.authority.client("system:kube-controller-manager", None);
        let config = self.folder.join("kube-controller-manager.kubeconfig");
        let user = kubeconfig::User::Certificate(&pair);
        write_private(
            &config,
            &kubeconfig::text(&self.url(), &self.authority.certificate(), &user, "default"),
        );
        self.start(
            "kube-controller-manager",
            &[
                format!("--kubeconfig={}", config.display()),
                format!("--controllers={}", self.reach.controllers()),
                "--leader-elect=false".into(),
                // As everywhere: each controller with the rights that are made for it. The garbage collector has none without.
                "--use-service-account-credentials=true".into(),
                "--secure-port=0".into(),
                format!("--root-ca-file={}", self.authority.certificate().display()),
                format!("--service-account-private-key-file={}", signer.key.display()),
                "--kube-api-qps=200".into(),
                "--kube-api-burst=400".into(),
                "--profiling=false".into(),
            ],
        )
    }
}
