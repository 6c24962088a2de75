//! Flux's kustomize-controller as a plain process. Its source-controller is not to be had as a Go module, so a test plays that
//! part: it serves the repository as an archive and says so in the status of the `GitRepository`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use axum::Router;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::repository::{BRANCH, Repository};
use crate::support::control_plane::ControlPlane;
use crate::support::http::get;
use crate::support::kubeconfig::User;
use crate::support::objects::{Address, Objects, condition};
use crate::support::operator::token;
use crate::support::process::{Process, Run, free_port};
use crate::support::{tools, wait, yaml};

/// Where Flux and its objects are.
pub(crate) const NAMESPACE: &str = "flux-system";
const ACCOUNT: &str = "kustomize-controller";
/// How long something may take that Flux is expected to do. It looks every five seconds.
pub(crate) const DEADLINE: Duration = Duration::from_mins(3);

/// A running Flux.
pub(crate) struct Flux {
    folder: PathBuf,
    objects_of: PathBuf,
    _process: Process,
}

impl Flux {
    /// The one of the control plane that the stories share. The first caller starts it, the others wait.
    pub(crate) async fn shared() -> &'static Flux {
        static SHARED: OnceCell<Flux> = OnceCell::const_new();
        let start = || async {
            Flux::start(ControlPlane::shared().await, &Run::current().folder().join("flux")).await
        };
        SHARED.get_or_init(start).await
    }

    /// Installs and starts it.
    pub(crate) async fn start(plane: &ControlPlane, folder: &Path) -> Flux {
        let tools = tools::folder("flux");
        std::fs::create_dir_all(folder).expect("create Flux's folder");
        plane.define(&tools.join("manifests")).await;
        install(&Objects::new(plane.client().await)).await;
        let kubeconfig = folder.join("kubeconfig");
        plane.write_kubeconfig(&kubeconfig, &User::Token(&token(plane, NAMESPACE, ACCOUNT).await), NAMESPACE);
        let health = free_port();
        let arguments = [
            "--enable-leader-election=false".to_owned(),
            format!("--metrics-addr=127.0.0.1:{}", free_port()),
            format!("--health-addr=127.0.0.1:{health}"),
            "--requeue-dependency=5s".to_owned(),
        ];
        let variables = [
            ("RUNTIME_NAMESPACE", NAMESPACE.to_owned()),
            ("KUBECONFIG", kubeconfig.display().to_string()),
            ("TMPDIR", folder.display().to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value));
        let log = folder.join("kustomize-controller.log");
        let process = Process::start(&tools.join("kustomize-controller"), &arguments, &variables, &log);
        let url = format!("http://127.0.0.1:{health}/readyz");
        wait::until("Flux is ready", DEADLINE, || get(&url)).await;
        Flux { folder: folder.to_owned(), objects_of: plane.kubeconfig(), _process: process }
    }

    /// Waits until a `Kustomization` is so, and returns it.
    pub(crate) async fn eventually(&self, name: &str, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let objects = self.objects().await;
        let seen = objects.watch_until(&kustomization(name), DEADLINE, |seen| seen.is_some_and(&is_so)).await;
        match seen {
            Ok(seen) => seen.expect("it was seen"),
            Err(last) => self.give_up(name, what, last.as_ref()),
        }
    }

    /// Waits until a condition of a `Kustomization` reads `Status/Reason` at a commit, which it attempted or applied.
    pub(crate) async fn shows(&self, name: &str, revision: &str, what: &str) -> Value {
        let is_so = |seen: &Value| {
            let attempted = seen["status"]["lastAttemptedRevision"] == of_branch(revision);
            attempted && condition(seen, "Ready") == what
        };
        self.eventually(name, what, is_so).await
    }

    /// Waits until a `Kustomization` is gone.
    pub(crate) async fn gone(&self, name: &str) {
        let objects = self.objects().await;
        let gone = objects.watch_until(&kustomization(name), DEADLINE, |seen| seen.is_none()).await;
        if let Err(last) = gone {
            self.give_up(name, "gone", last.as_ref());
        }
    }

    async fn objects(&self) -> Objects {
        Objects::new(crate::support::kubeconfig::client(&self.objects_of).await)
    }

    fn give_up(&self, name: &str, what: &str, last: Option<&Value>) -> ! {
        Run::current().keep();
        let status = last.map_or_else(|| json!("it is not there"), |last| last["status"].clone());
        panic!(
            "the Kustomization {name} is not {what} after {DEADLINE:?}. Last seen:\n{}\nLogs: {}",
            serde_yaml::to_string(&status).unwrap_or_default(),
            self.folder.display()
        )
    }
}

/// Where a `Kustomization` is.
pub(crate) fn kustomization(name: &str) -> Address {
    Address::parse(&format!("Kustomization/{name}"), NAMESPACE)
}

/// A `Kustomization` of `deploy/gitops/flux/kustomizations.yaml`.
pub(crate) fn shipped(name: &str) -> Value {
    let file = tools::repository().join("deploy/gitops/flux/kustomizations.yaml");
    let all = yaml::documents_of_file(&file);
    let found = all.into_iter().find(|object| object["metadata"]["name"] == name);
    found.unwrap_or_else(|| panic!("{} has no Kustomization {name}", file.display()))
}

/// How Flux writes a commit.
pub(crate) fn of_branch(revision: &str) -> String {
    format!("{BRANCH}@sha1:{revision}")
}

async fn install(objects: &Objects) {
    let put = |object: Value| async move {
        objects.apply_value(object, NAMESPACE).await.unwrap_or_else(|error| panic!("refused: {error}"));
    };
    put(json!({"kind": "Namespace", "metadata": {"name": NAMESPACE}})).await;
    put(json!({"kind": "ServiceAccount", "metadata": {"name": ACCOUNT}})).await;
    put(json!({
        "kind": "ClusterRoleBinding",
        "metadata": {"name": ACCOUNT},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": NAMESPACE}],
    }))
    .await;
}

/// What the source-controller does for one repository: archives, and a server for them.
pub(crate) struct Source {
    name: String,
    folder: PathBuf,
    url: String,
}

impl Source {
    /// Serves nothing yet. The server ends with the test's runtime.
    pub(crate) async fn new(name: &str, folder: PathBuf) -> Source {
        std::fs::create_dir_all(&folder).expect("create the folder of the archives");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let served = folder.clone();
        let serve = move |uri: axum::http::Uri| {
            let file = served.join(uri.path().trim_start_matches('/'));
            async move { std::fs::read(file).map_err(|_| axum::http::StatusCode::NOT_FOUND) }
        };
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(serve)).await });
        Source { name: name.to_owned(), folder, url: format!("http://{address}") }
    }

    /// Shows Flux a commit of the repository.
    pub(crate) async fn publish(&self, objects: &Objects, repository: &Repository, revision: &str) {
        let file = format!("{revision}.tar.gz");
        let archive = self.folder.join(&file);
        let packed = Command::new("tar")
            .args(["--exclude=.git", "-czf"])
            .arg(&archive)
            .arg("-C")
            .arg(repository.folder())
            .arg(".")
            .status()
            .expect("run tar");
        assert!(packed.success(), "tar failed");
        let bytes = std::fs::read(&archive).expect("the archive");
        let digest = ring::digest::digest(&ring::digest::SHA256, &bytes);
        let digest = digest.as_ref().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        let source = json!({
            "kind": "GitRepository",
            "metadata": {"name": self.name},
            "spec": {"interval": "1h", "url": "https://git.example.com/team", "ref": {"branch": BRANCH}},
        });
        objects.apply_value(source, NAMESPACE).await.expect("the GitRepository");
        let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let status = json!({
            "observedGeneration": 1,
            "conditions": [{
                "type": "Ready", "status": "True", "reason": "Succeeded", "message": "stored artifact",
                "observedGeneration": 1, "lastTransitionTime": now,
            }],
            "artifact": {
                "path": file, "url": format!("{}/{file}", self.url), "revision": of_branch(revision),
                "digest": format!("sha256:{digest}"), "lastUpdateTime": now, "size": bytes.len(),
            },
        });
        let address = Address::parse(&format!("GitRepository/{}", self.name), NAMESPACE);
        objects.merge_status(&address, &status).await.expect("the artifact");
    }
}
