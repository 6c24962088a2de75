//! The emulated vendors as a pod, which the operator's pod finds by name as it finds a vendor: there is one for all stories.

use std::time::Duration;

use serde_json::{Value, json};

use crate::images::EMULATOR;
use crate::node::Node;
use crate::shell::say;
use crate::support::objects::{Address, condition};
use crate::support::opening::random_text;
use crate::support::vendor::Vendor;
use crate::support::wait;

/// What pods call it.
const NAME: &str = "vendors.emulator.svc.cluster.local";
const NAMESPACE: &str = "emulator";
const PORT: u16 = 8080;
const UP_WITHIN: Duration = Duration::from_mins(1);
/// The tenant and the agent of the samples.
const TENANT: &str = "6a2b3c4d-0000-0000-0000-000000000001";
/// The connector id of Apono's sample.
const AGENT: &str = "6c1d9a52-7f0b-4a7e-9c53-0b8f6f2c1e11";

/// The vendors, and as whom they know the operator.
pub(crate) struct Vendors {
    /// Their controls, from this process.
    pub(crate) emulator: Vendor,
    host: String,
    /// Onomondo's key.
    pub(crate) api_key: String,
    /// Apono's token.
    pub(crate) token: String,
    /// The Data Hub's client.
    pub(crate) client_id: String,
    /// Its secret.
    pub(crate) client_secret: String,
}

impl Vendors {
    /// Starts the pod.
    pub(crate) async fn start(node: &Node) -> Vendors {
        let labels = json!({"pod-security.kubernetes.io/enforce": "restricted"});
        let namespace = json!({"kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}});
        node.objects.apply_value(namespace, "").await.expect("a namespace");
        let account = Address::parse("ServiceAccount/default", NAMESPACE);
        let there = |found: Option<&Value>| found.is_some();
        node.objects.watch_until(&account, UP_WITHIN, there).await.expect("a ServiceAccount");
        node.objects.apply_value(pod(), NAMESPACE).await.expect("a pod");
        let address = Address::parse("Pod/vendors", NAMESPACE);
        let up = |pod: Option<&Value>| pod.is_some_and(|pod| condition(pod, "Ready").starts_with("True"));
        let seen = node.objects.watch_until(&address, UP_WITHIN, up).await;
        let pod = seen.unwrap_or_else(|last| panic!("the emulator is not up: {last:?}")).expect("a pod");
        let ip = pod["status"]["podIP"].as_str().expect("an address");
        node.names.set(NAME, ip.parse().expect("an address"));
        say(&format!("the vendors are a pod at {ip}, which pods call {NAME}"));
        let vendors = Vendors {
            emulator: Vendor::at(&format!("http://{ip}:{PORT}")),
            host: format!("{NAME}:{PORT}"),
            api_key: random_text("onomondo-key"),
            token: random_text("apono-token"),
            client_id: random_text("data-hub-client"),
            client_secret: random_text("data-hub-secret"),
        };
        vendors.admit().await;
        vendors
    }

    /// What accounts name.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.host)
    }

    /// What the operator has to be allowed to reach.
    pub(crate) fn host(&self) -> String {
        self.host.clone()
    }

    /// What must be read nowhere.
    pub(crate) fn secrets(&self) -> [&str; 3] {
        [&self.api_key, &self.token, &self.client_secret]
    }

    async fn admit(&self) {
        let put = |path: &'static str, body: Value| async move {
            wait::until("the emulator listens", UP_WITHIN, || crate::support::http::get(self.emulator.url()))
                .await;
            self.emulator.control(http::Method::PUT, path, &body).await;
        };
        put("onomondo/keys", json!([{"key": self.api_key, "organisation": "default"}])).await;
        put("apono/tokens", json!([{"token": self.token, "organisation": "default"}])).await;
        let client = json!({"client_id": self.client_id, "client_secret": self.client_secret, "tenant": TENANT, "access": "full"});
        put("omf/clients", json!([client])).await;
        self.emulator.apono().register(AGENT, "as-it-registered").await;
    }

    /// All that the vendors have, each as `vendor name`.
    pub(crate) async fn have(&self) -> Vec<String> {
        let onomondo = self.emulator.connectors().await;
        let apono = self.emulator.apono().connectors().await;
        let hub = self.emulator.data_hub().connections().await;
        let named = |vendor: &str, all: &[Value], key: &str| {
            all.iter().map(|one| format!("{vendor} {}", one[key].as_str().unwrap_or("?"))).collect::<Vec<_>>()
        };
        let mut all = [
            named("onomondo", &onomondo, "name"),
            named("apono", &apono, "name"),
            named("omf", &hub, "Name"),
        ]
        .concat();
        all.sort();
        all
    }

    /// They have nothing any more, but an agent of Apono that has registered: for the next story.
    pub(crate) async fn forget(&self) {
        let nothing = Value::Null;
        for path in ["onomondo/connectors", "apono/connectors", "omf/connections", "requests"] {
            self.emulator.control(http::Method::DELETE, path, &nothing).await;
        }
        self.emulator.apono().uninstall(AGENT).await;
        self.emulator.apono().register(AGENT, "as-it-registered").await;
    }
}

fn pod() -> Value {
    let container = json!({
        "name": "vendors",
        "image": EMULATOR,
        "imagePullPolicy": "Never",
        "args": [format!("--listen=0.0.0.0:{PORT}")],
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": true,
        },
    });
    json!({
        "kind": "Pod",
        "metadata": {"name": "vendors"},
        "spec": {
            "containers": [container],
            "automountServiceAccountToken": false,
            "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
        },
    })
}
