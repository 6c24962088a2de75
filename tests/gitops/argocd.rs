//! Argo CD itself: its controller, its repository server and Redis as plain processes, set up with its own manifests and
//! with the health checks that this repository ships.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::repository::{BRANCH, Repository};
use crate::support::audit::Audit;
use crate::support::control_plane::ControlPlane;
use crate::support::http::get;
use crate::support::kubeconfig::User;
use crate::support::objects::{Address, Objects};
use crate::support::operator::token;
use crate::support::process::{Process, Run, free_port};
use crate::support::{tools, wait, yaml};

/// Where Argo CD and its Applications are.
pub(crate) const NAMESPACE: &str = "argocd";
const ACCOUNT: &str = "argocd-application-controller";
/// How long something may take that Argo CD is expected to do. It retries with pauses of its own.
pub(crate) const DEADLINE: Duration = Duration::from_mins(3);
/// How often it compares by itself; 2 minutes where nobody says otherwise.
const COMPARES_EVERY: &str = "10s";

/// A running Argo CD.
pub(crate) struct ArgoCd {
    folder: PathBuf,
    objects_of: PathBuf,
    _processes: Vec<Process>,
}

impl ArgoCd {
    /// The one of the control plane that the stories share. The first caller starts it, the others wait.
    pub(crate) async fn shared() -> &'static ArgoCd {
        static SHARED: OnceCell<ArgoCd> = OnceCell::const_new();
        let start = || async {
            ArgoCd::start(ControlPlane::shared().await, &Run::current().folder().join("argocd")).await
        };
        SHARED.get_or_init(start).await
    }

    /// Installs it, with the health checks as `docs/gitops.md` says, and starts it.
    pub(crate) async fn start(plane: &ControlPlane, folder: &Path) -> ArgoCd {
        let tools = tools::folder("argocd");
        std::fs::create_dir_all(folder).expect("create Argo CD's folder");
        plane.define(&tools.join("manifests")).await;
        install(&Objects::new(plane.client().await), &tools.join("manifests")).await;
        let checks = tools::repository().join("deploy/gitops/argocd/argocd-cm.yaml");
        let said = plane
            .kubectl()
            .args(["apply", "--server-side", "--field-manager=connector-operator", "-f"])
            .arg(&checks)
            .output()
            .expect("run kubectl");
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));

        let kubeconfig = folder.join("kubeconfig");
        let token = token(plane, NAMESPACE, ACCOUNT).await;
        plane.write_kubeconfig(&kubeconfig, &User::Token(&token), NAMESPACE);
        let mut site = Site { folder, tools: &tools, kubeconfig: &kubeconfig, healthy: Vec::new() };
        let processes = site.start_all();
        for url in &site.healthy {
            wait::until(&format!("Argo CD answers {url}"), DEADLINE, || get(url)).await;
        }
        ArgoCd { folder: folder.to_owned(), objects_of: plane.kubeconfig(), _processes: processes }
    }

    /// What it asks of the API server from now on.
    pub(crate) fn audit(plane: &ControlPlane) -> Audit {
        Audit::of(plane, &format!("system:serviceaccount:{NAMESPACE}:{ACCOUNT}"))
    }

    /// What it shows of an Application, `Synced Healthy` say.
    pub(crate) fn shown(application: &Value) -> String {
        let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
        let status = &application["status"];
        [text(&status["sync"]["status"]), text(&status["health"]["status"])].join(" ")
    }

    /// Waits until an Application is so, and returns it.
    pub(crate) async fn eventually(&self, name: &str, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let objects = self.objects().await;
        let found = objects.watch_until(&application(name), DEADLINE, |seen| seen.is_some_and(&is_so)).await;
        match found {
            Ok(seen) => seen.expect("it was seen"),
            Err(last) => self.give_up(name, what, last),
        }
    }

    /// Waits until it shows an Application so, `Synced Healthy` say, at a commit.
    pub(crate) async fn shows(&self, name: &str, revision: &str, what: &str) -> Value {
        let is_so =
            |seen: &Value| seen["status"]["sync"]["revision"] == revision && ArgoCd::shown(seen) == what;
        self.eventually(name, what, is_so).await
    }

    /// Waits until an Application is gone.
    pub(crate) async fn gone(&self, name: &str) {
        let objects = self.objects().await;
        let gone = objects.watch_until(&application(name), DEADLINE, |seen| seen.is_none()).await;
        if let Err(last) = gone {
            self.give_up(name, "gone", last);
        }
    }

    /// Has it compare now, as the webhook of a Git server would. `hard` forgets what is cached.
    pub(crate) async fn refresh(&self, name: &str, how: &str) {
        let change = json!({"metadata": {"annotations": {"argocd.argoproj.io/refresh": how}}});
        self.objects().await.merge(&application(name), &change).await.expect("ask for a refresh");
    }

    async fn objects(&self) -> Objects {
        Objects::new(crate::support::kubeconfig::client(&self.objects_of).await)
    }

    fn give_up(&self, name: &str, what: &str, last: Option<Value>) -> ! {
        Run::current().keep();
        let mut last = last.unwrap_or_else(|| json!("it is not there"));
        if let Some(metadata) = last["metadata"].as_object_mut() {
            metadata.remove("managedFields");
        }
        panic!(
            "the Application {name} is not {what} after {DEADLINE:?}. Last seen:\n{}\nLogs: {}",
            serde_yaml::to_string(&last).unwrap_or_default(),
            self.folder.display()
        )
    }
}

/// Where an Application is.
pub(crate) fn application(name: &str) -> Address {
    Address::parse(&format!("Application/{NAMESPACE}/{name}"), NAMESPACE)
}

/// An Application of `deploy/gitops/argocd/`, led to a repository of the test's own.
pub(crate) fn shipped(file: &str, repository: &Repository) -> Value {
    let file = tools::repository().join("deploy/gitops/argocd").join(file);
    let mut application = yaml::documents_of_file(&file).remove(0);
    application["spec"]["source"]["repoURL"] = json!(repository.url());
    application["spec"]["source"]["targetRevision"] = json!(BRANCH);
    application
}

/// Argo CD's own manifests, beside what its installer would generate: keys, rights, a project.
async fn install(objects: &Objects, manifests: &Path) {
    let put = |object: Value| async move {
        objects.apply_value(object, NAMESPACE).await.unwrap_or_else(|error| panic!("refused: {error}"));
    };
    put(json!({"kind": "Namespace", "metadata": {"name": NAMESPACE}})).await;
    for name in ["argocd-cm", "argocd-cmd-params-cm", "argocd-gpg-keys-cm", "argocd-rbac-cm", "argocd-secret"]
    {
        for object in yaml::documents_of_file(&manifests.join(format!("{name}.yaml"))) {
            put(object).await;
        }
    }
    let key: String = std::iter::repeat_with(fastrand::alphanumeric).take(32).collect();
    let secret = Address::parse("Secret/argocd-secret", NAMESPACE);
    let data = json!({"stringData": {"server.secretkey": key}});
    objects.merge(&secret, &data).await.expect("give Argo CD its key");
    put(json!({"kind": "Secret", "metadata": {"name": "argocd-redis"}, "stringData": {"auth": ""}})).await;
    put(json!({"kind": "ServiceAccount", "metadata": {"name": ACCOUNT}})).await;
    put(json!({
        "kind": "ClusterRoleBinding",
        "metadata": {"name": ACCOUNT},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": NAMESPACE}],
    }))
    .await;
    put(json!({
        "kind": "AppProject",
        "metadata": {"name": "default"},
        "spec": {
            "sourceRepos": ["*"],
            "destinations": [{"server": "*", "namespace": "*"}],
            "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
        },
    }))
    .await;
}

struct Site<'a> {
    folder: &'a Path,
    tools: &'a Path,
    kubeconfig: &'a Path,
    /// What answers once everything has started.
    healthy: Vec<String>,
}

impl Site<'_> {
    fn start_all(&mut self) -> Vec<Process> {
        let redis_port = free_port();
        let redis = Process::start(
            &redis_server(),
            &["--port", &redis_port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
                .map(str::to_owned),
            &[],
            &self.folder.join("redis.log"),
        );
        let redis_at = format!("--redis=127.0.0.1:{redis_port}");
        let (server_port, server_metrics) = (free_port(), free_port());
        let server = self.start(
            "argocd-repo-server",
            server_metrics,
            &[
                "--address=127.0.0.1".to_owned(),
                "--metrics-address=127.0.0.1".to_owned(),
                format!("--port={server_port}"),
                format!("--metrics-port={server_metrics}"),
                "--disable-tls".to_owned(),
                redis_at.clone(),
            ],
        );
        let controller_metrics = free_port();
        let controller = self.start(
            "argocd-application-controller",
            controller_metrics,
            &[
                format!("--namespace={NAMESPACE}"),
                format!("--kubeconfig={}", self.kubeconfig.display()),
                format!("--metrics-port={controller_metrics}"),
                format!("--repo-server=127.0.0.1:{server_port}"),
                "--repo-server-plaintext".to_owned(),
                "--persist-resource-health".to_owned(),
                redis_at,
            ],
        );
        vec![redis, server, controller]
    }

    fn start(&mut self, part: &str, metrics_port: u16, arguments: &[String]) -> Process {
        self.healthy.push(format!("http://127.0.0.1:{metrics_port}/metrics"));
        let path = std::env::var("PATH").unwrap_or_default();
        let temporary = self.folder.join(part);
        std::fs::create_dir_all(&temporary).expect("create a folder");
        let variables = [
            ("ARGOCD_BINARY_NAME", part.to_owned()),
            ("ARGOCD_FAKE_IN_CLUSTER", "true".to_owned()),
            ("ARGOCD_GPG_ENABLED", "false".to_owned()),
            ("ARGOCD_RECONCILIATION_TIMEOUT", COMPARES_EVERY.to_owned()),
            ("ARGOCD_TLS_DATA_PATH", self.folder.display().to_string()),
            ("ARGOCD_SSH_DATA_PATH", self.folder.display().to_string()),
            ("KUBECONFIG", self.kubeconfig.display().to_string()),
            ("TMPDIR", temporary.display().to_string()),
            // It calls Helm, as its image has it.
            ("PATH", format!("{}:{path}", tools::folder("helm3").display())),
        ]
        .map(|(name, value)| (name.to_owned(), value));
        Process::start(
            &self.tools.join("argocd"),
            arguments,
            &variables,
            &self.folder.join(format!("{part}.log")),
        )
    }
}

/// Debian's, which `tests/gitops/prepare` installs.
fn redis_server() -> PathBuf {
    let found = Command::new("sh").args(["-c", "command -v redis-server"]).output().expect("run sh");
    let path = String::from_utf8_lossy(&found.stdout).trim().to_owned();
    assert!(!path.is_empty(), "Argo CD needs redis-server: run tests/gitops/prepare, as `make gitops` does");
    PathBuf::from(path)
}
