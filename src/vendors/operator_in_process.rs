//! The real controller of one vendor over a Kubernetes in memory, in time that a test can let pass.

use super::in_process::WHOLE;
use super::kubernetes_in_process::Cluster;
use crate::engine::context::EngineSettings;
use crate::engine::start::{Shared, controller};
use crate::engine::vendor::Vendor;
use crate::engine::{events, fingerprint::FingerprintKey};
use crate::metrics::Metrics;
use crate::remote::Transport;
use crate::server::{Heartbeat, Readiness};
use crate::settings::AllowedHosts;
use crate::shutdown::{self, Shutdown};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// An object of the group in the namespace `plant`, as somebody applies it.
pub(super) fn object(kind: &str, name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "connector-operator.io/v1alpha1", "kind": kind, "spec": spec,
        "metadata": {
            "name": name, "namespace": "plant", "uid": name, "generation": 1,
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
    })
}

/// An operator that works from now on, until it is [ended](end).
pub(super) fn begin<V: Vendor>(cluster: &Cluster, transport: Transport) -> JoinHandle<()> {
    let (trigger, shutdown) = shutdown::pair(Duration::ZERO);
    let work = work::<V>(cluster, transport, shutdown);
    tokio::spawn(async move {
        let _kept = trigger;
        work.await;
    })
}

/// What an operator does until it is asked to stop; it returns how many passes it dropped. Its intervals are a minute, its deadline and the vendor's
/// allowance half a minute.
pub(super) fn work<V: Vendor>(
    cluster: &Cluster,
    transport: Transport,
    shutdown: Shutdown,
) -> impl Future<Output = usize> + Send + 'static {
    const MINUTE: Duration = Duration::from_mins(1);
    let client = cluster.client();
    let (publisher, _sender) = events::start(client.clone(), "operator", 7, || {});
    let (leads, has_lead) = watch::channel(Some(Instant::now()));
    let shared = Shared {
        client,
        transport,
        key: FingerprintKey::new(&[7; 32]),
        metrics: Metrics::new(),
        events: publisher,
        readiness: Readiness::default(),
        heartbeat: Heartbeat::default(),
        leads: has_lead,
        shutdown,
    };
    let settings = EngineSettings {
        watch_namespaces: vec!["plant".to_owned()],
        concurrency: 4,
        resync_interval: MINUTE,
        request_timeout: MINUTE / 2,
        consistency_allowance: MINUTE / 2,
        list_size_limit: WHOLE,
        allowed_hosts: AllowedHosts::parse(&["emulator".to_owned()]).expect("a host"),
        allow_insecure_endpoints: true,
        secrets_watch: false,
        namespaces_watch: false,
    };
    async move {
        let _kept = leads;
        controller::<V>(shared, settings).await
    }
}

/// Ends an operator where it stands.
pub(super) async fn end(operator: JoinHandle<()>) {
    operator.abort();
    assert!(operator.await.is_err_and(|error| error.is_cancelled()), "it had ended by itself");
}
