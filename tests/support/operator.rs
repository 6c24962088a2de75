//! The real operator as a real process, with the rights of the chart's ServiceAccount and nobody else's.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::chart::Release;
use super::control_plane::ControlPlane;
use super::http::get;
use super::kubeconfig::User;
use super::process::{Process, Signal, free_port};

const READY_WITHIN: Duration = Duration::from_mins(1);
const LOOK_AGAIN: Duration = Duration::from_millis(20);
const TOKEN_LASTS_SECONDS: u32 = 24 * 3600;

/// One replica.
pub struct Operator {
    /// `operator-0`, …
    pub name: String,
    process: Process,
    port: u16,
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
}

impl Operator {
    /// Starts a replica and waits until `/readyz` says yes.
    pub async fn start(plane: &ControlPlane, release: &Release, name: &str, folder: &Path) -> Operator {
        let kubeconfig = folder.join(format!("{name}.kubeconfig"));
        let token = token(plane, &release.namespace, &release.service_account).await;
        let cluster = release.cluster.clone().unwrap_or_else(|| plane.host());
        plane.write_kubeconfig_by_name(&kubeconfig, &cluster, &User::Token(&token), &release.namespace);
        let log = folder.join(format!("{name}.log"));
        let port = free_port();
        let arguments = on_port(&release.arguments, port);
        let of_kubeconfig = [("KUBECONFIG".to_owned(), kubeconfig.display().to_string())];
        let variables = [&of_kubeconfig, &release.variables[..]].concat();
        let process = launch(&arguments, &variables, &log);
        let mut operator = Operator { name: name.to_owned(), process, port, arguments, variables };
        operator.ready().await;
        operator
    }

    /// Starts it again after it ended; its log goes on.
    pub async fn restart(&mut self) {
        assert!(self.process.exit_status().is_some(), "{} still runs", self.name);
        self.port = free_port();
        self.arguments = on_port(&self.arguments, self.port);
        let log = self.process.log().to_owned();
        self.process = launch(&self.arguments, &self.variables, &log);
        self.ready().await;
    }

    async fn ready(&mut self) {
        let started = std::time::Instant::now();
        loop {
            let why = match get(&self.url("/readyz")).await {
                Ok((200, _)) => return,
                Ok((code, text)) => format!("{code} {text}"),
                Err(error) => error,
            };
            if let Some(ended) = self.process.epitaph() {
                panic!("{}: {ended}", self.name);
            }
            assert!(
                started.elapsed() < READY_WITHIN,
                "{} is not ready: {why}; its last lines:\n{}",
                self.name,
                self.process.last_lines(30)
            );
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// An address on its own HTTP server.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// What Prometheus would scrape.
    pub async fn metrics(&self) -> String {
        let (code, text) = get(&self.url("/metrics")).await.expect("the metrics page answers");
        assert_eq!(code, 200, "{text}");
        text
    }

    /// The value of one metric, named with its labels as the page prints them.
    pub async fn metric(&self, series: &str) -> Option<f64> {
        let page = self.metrics().await;
        let line = page.lines().find(|line| line.rsplit_once(' ').is_some_and(|(name, _)| name == series))?;
        line.rsplit_once(' ')?.1.parse().ok()
    }

    /// The process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.process.exit_status().is_none()
    }

    /// Ends it where it stands.
    pub async fn kill(&mut self) {
        self.process.signal(Signal::Kill);
        self.process.exited(Duration::from_secs(10)).await;
    }

    /// Asks it to end, and says how it did.
    pub async fn terminate(&mut self) -> std::process::ExitStatus {
        self.process.signal(Signal::Continue);
        self.process.signal(Signal::Terminate);
        self.process.exited(Duration::from_secs(40)).await
    }

    /// All it logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.process.log()).unwrap_or_default()
    }
}

fn launch(arguments: &[String], variables: &[(String, String)], log: &Path) -> Process {
    let program = Path::new(env!("CARGO_BIN_EXE_connector-operator"));
    Process::start(program, arguments, variables, log)
}

/// The chart's arguments, but for the address: every replica of a story runs on this machine.
fn on_port(arguments: &[String], port: u16) -> Vec<String> {
    let others = arguments.iter().filter(|argument| !argument.starts_with("--listen=")).cloned();
    others.chain([format!("--listen=127.0.0.1:{port}")]).collect()
}

/// What the kubelet would mount into a pod of this ServiceAccount.
pub async fn token(plane: &ControlPlane, namespace: &str, service_account: &str) -> String {
    let request = json!({
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": TOKEN_LASTS_SECONDS},
    });
    let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{service_account}/token");
    let request = http::Request::post(path).body(request.to_string().into_bytes()).expect("a request");
    let reply: Value = plane.client().await.request(request).await.expect("a token for the ServiceAccount");
    reply["status"]["token"].as_str().expect("a token").to_owned()
}
