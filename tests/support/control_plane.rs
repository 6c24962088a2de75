//! A real Kubernetes control plane: etcd, kube-apiserver and kube-controller-manager as plain processes on the loopback,
//! one a test process, shared by all its stories; and one of its own for a story that breaks it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Client;
use kube::api::{Api, Patch, PatchParams};
use kube::runtime::conditions::is_crd_established;
use kube::runtime::wait::await_condition;
use serde_json::{Value, json};

use super::certificates::{Authority, Pair, write_private};
use super::components::{self, Reach, Site};
use super::http::send_json;
use super::objects::{KINDS, Objects, VERSION};
use super::process::{Process, Run, Signal, free_port};
use super::{kubeconfig, record, tools, wait};

/// Seen: 3 s on two idle cores. The rest is for a machine that does other work too.
const STARTS_WITHIN: Duration = Duration::from_mins(2);
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// A port may be taken between our look and the server's.
const STARTS_TRIED: usize = 3;

/// The running control plane.
pub struct ControlPlane {
    folder: PathBuf,
    tools: PathBuf,
    url: String,
    authority: Authority,
    etcd: String,
    processes: Mutex<Vec<Process>>,
}

impl ControlPlane {
    /// The one of this test process, with the CRDs of `crds/` established. The first caller starts it, the others wait.
    pub async fn shared() -> &'static ControlPlane {
        static SHARED: OnceLock<ControlPlane> = OnceLock::new();
        // Each test has a runtime of its own, and the control plane outlives them all: it starts in none of theirs.
        let start = || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(ControlPlane::start("control-plane"))
        };
        tokio::task::spawn_blocking(move || SHARED.get_or_init(start))
            .await
            .expect("the control plane starts; what went wrong is printed above")
    }

    /// One that nobody else uses, for the story of this name, which may break it. It stands until [`ControlPlane::end`].
    pub async fn own(story: &str) -> &'static ControlPlane {
        Box::leak(Box::new(ControlPlane::start(&format!("control-plane-{story}")).await))
    }

    /// Ends its processes.
    pub fn end(&self) {
        self.processes().clear();
    }

    /// One whose API server pods reach, and which knows none of the operator's kinds: for a node. There is one on a machine.
    pub async fn for_pods() -> ControlPlane {
        ControlPlane::begin("control-plane", Reach::Pods).await
    }

    async fn start(name: &str) -> ControlPlane {
        let plane = ControlPlane::begin(name, Reach::Processes).await;
        plane.install_crds().await;
        plane.processes().extend(record::start(name, &plane.tools, &plane.kubeconfig()));
        plane
    }

    /// One that knows none of the operator's kinds, for a test that installs them itself. It ends with the value. `name` is
    /// that of its folder and begins with `control-plane`.
    pub async fn without_definitions(name: &str) -> ControlPlane {
        ControlPlane::begin(name, Reach::Processes).await
    }

    async fn begin(name: &str, reach: Reach) -> ControlPlane {
        let folder = Run::current().folder().join(name);
        let tools = tools::folder("control-plane");
        let mut why = String::new();
        for _ in 0..STARTS_TRIED {
            match ControlPlane::try_start(&folder, &tools, reach).await {
                Ok(plane) => return plane,
                Err(error) => why = error,
            }
        }
        Run::current().keep();
        panic!("the control plane did not start, its logs are in {}:\n{why}", folder.display());
    }

    async fn try_start(folder: &Path, tools: &Path, reach: Reach) -> Result<ControlPlane, String> {
        let _ = fs::remove_dir_all(folder);
        fs::create_dir_all(folder).map_err(|error| error.to_string())?;
        let authority = Authority::new(folder);
        let (port, etcd_port) = (reach.port(), free_port());
        let site = Site { folder, tools, authority: &authority, reach, port, etcd_port };
        let (url, etcd, processes) = (site.url(), site.etcd_url(), site.start_all());
        let plane = ControlPlane {
            folder: folder.to_owned(),
            tools: tools.to_owned(),
            url,
            authority,
            etcd,
            processes: Mutex::new(processes),
        };
        let admin = plane.authority.client("admin", Some("system:masters"));
        plane.write_kubeconfig(&plane.kubeconfig(), &kubeconfig::User::Certificate(&admin), "default");
        plane.ready().await?;
        Ok(plane)
    }

    fn processes(&self) -> std::sync::MutexGuard<'_, Vec<Process>> {
        self.processes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the API server is ready and the controllers give a namespace its default ServiceAccount.
    async fn ready(&self) -> Result<(), String> {
        let started = Instant::now();
        let client = self.client().await;
        loop {
            let why = match self.looks_ready(&client).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            if let Some(ended) = self.processes().iter_mut().find_map(Process::epitaph) {
                return Err(ended);
            }
            if started.elapsed() > STARTS_WITHIN {
                return Err(format!("not ready after {STARTS_WITHIN:?}: {why}"));
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    async fn looks_ready(&self, client: &Client) -> Result<(), String> {
        let request = http::Request::get("/readyz").body(Vec::new()).map_err(|error| error.to_string())?;
        client.request_text(request).await.map_err(|error| format!("/readyz: {error}"))?;
        let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), "default");
        let account = accounts.get_opt("default").await.map_err(|error| error.to_string())?;
        account.ok_or_else(|| "the default ServiceAccount is not there".to_owned())?;
        // It calls itself ready before the storage of custom objects is.
        let objects = Objects::new(client.clone());
        for kind in KINDS {
            objects.try_list(kind, "default").await?;
        }
        Ok(())
    }

    async fn install_crds(&self) {
        for name in self.define(&tools::repository().join("crds")).await {
            self.served(&name).await;
        }
    }

    /// Applies every definition of a folder's YAML files and waits until they are established. Other objects in there are
    /// left out. Returns the definitions' names.
    pub async fn define(&self, folder: &Path) -> Vec<String> {
        let crds: Api<CustomResourceDefinition> = Api::all(self.client().await);
        let mut names = Vec::new();
        for definition in definitions(folder) {
            let name = definition["metadata"]["name"].as_str().expect("a CRD has a name").to_owned();
            let params = PatchParams::apply("tests").force();
            crds.patch(&name, &params, &Patch::Apply(&definition))
                .await
                .unwrap_or_else(|error| panic!("the API server refuses the CRD {name}: {error}"));
            names.push(name);
        }
        for name in &names {
            let established = await_condition(crds.clone(), name, is_crd_established());
            tokio::time::timeout(STARTS_WITHIN, established)
                .await
                .unwrap_or_else(|_| panic!("the CRD {name} is not Established after {STARTS_WITHIN:?}"))
                .unwrap_or_else(|error| panic!("cannot watch the CRD {name}: {error}"));
        }
        names
    }

    /// For a moment after a CRD is Established, the API server answers its lists with "storage is (re)initializing".
    async fn served(&self, name: &str) {
        let (plural, group) = name.split_once('.').expect("plural.group");
        let path = format!("/apis/{group}/{VERSION}/{plural}");
        let client = self.client().await;
        wait::until(&format!("the API server lists {plural}"), STARTS_WITHIN, || {
            let request = http::Request::get(&path).body(Vec::new()).expect("a request");
            client.request::<Value>(request)
        })
        .await;
    }

    /// The admin's kubeconfig: for the test itself, never for the operator.
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.join("admin.kubeconfig")
    }

    /// The admin's client, for the runtime that calls this.
    pub async fn client(&self) -> Client {
        kubeconfig::client(&self.kubeconfig()).await
    }

    /// Writes a kubeconfig for another user, readable by this user only.
    pub fn write_kubeconfig(&self, file: &Path, user: &kubeconfig::User<'_>, namespace: &str) {
        self.write_kubeconfig_by_name(file, &self.host(), user, namespace);
    }

    /// The same with another name of the API server's certificate in it, as `name:port`.
    pub fn write_kubeconfig_by_name(
        &self,
        file: &Path,
        host: &str,
        user: &kubeconfig::User<'_>,
        namespace: &str,
    ) {
        write_private(
            file,
            &kubeconfig::text(&format!("https://{host}"), &self.authority(), user, namespace),
        );
    }

    /// Address and port of the API server.
    pub fn host(&self) -> String {
        self.url.trim_start_matches("https://").to_owned()
    }

    /// Who signs the certificate of everybody who comes to this control plane.
    pub fn signer(&self) -> &Authority {
        &self.authority
    }

    /// Where its programs are.
    pub fn tools(&self) -> &Path {
        &self.tools
    }

    /// The certificate of the authority that signed all the others.
    pub fn authority(&self) -> PathBuf {
        self.authority.certificate()
    }

    /// The API server's own certificate.
    pub fn serving_pair(&self) -> Pair {
        Pair::named(&self.folder, components::API_SERVER)
    }

    /// The API server is gone from one moment to the next. Only on a control plane of the story's own.
    pub async fn kill_api_server(&self) {
        let mut server = self.take(components::API_SERVER);
        server.signal(Signal::Kill);
        server.exited(STARTS_WITHIN).await;
        self.processes().push(server);
    }

    /// The API server that was killed starts again where it was, with nothing in its memory.
    pub async fn start_api_server(&self) {
        let mut server = self.take(components::API_SERVER);
        server.start_again();
        self.processes().push(server);
        self.ready().await.unwrap_or_else(|why| panic!("the API server did not come back: {why}"));
    }

    fn take(&self, component: &str) -> Process {
        let mut processes = self.processes();
        let found = processes.iter().position(|process| process.name() == component);
        processes.remove(found.unwrap_or_else(|| panic!("there is no {component}")))
    }

    /// etcd forgets all history: who asks for what was before is answered 410.
    pub async fn compact(&self) {
        let ask = async |path: &str, body: Value| {
            let url = format!("{}/v3/kv/{path}", self.etcd);
            let (code, text) = send_json(http::Method::POST, &url, &body).await.expect("etcd answers");
            assert_eq!(code, 200, "{url}: {text}");
            serde_json::from_str::<Value>(&text).expect("JSON")
        };
        let newest = ask("range", json!({"key": "AA=="})).await["header"]["revision"].clone();
        ask("compaction", json!({"revision": newest, "physical": true})).await;
    }

    /// The real kubectl, as admin.
    pub fn kubectl(&self) -> Command {
        let mut command = Command::new(self.tools.join("kubectl"));
        command.env_clear().env("HOME", &self.folder).env("KUBECONFIG", self.kubeconfig());
        command
    }

    /// One JSON object a line for every request the API server answered.
    pub fn audit_log(&self) -> PathBuf {
        self.folder.join("audit.log")
    }
}

/// All CRDs of a folder's YAML files.
fn definitions(folder: &Path) -> Vec<Value> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    let mut objects: Vec<Value> =
        files.iter().flat_map(|file| super::yaml::documents_of_file(file)).collect();
    objects.retain(|object| object["kind"] == "CustomResourceDefinition");
    objects
}
