//! What the operator counts about itself, as Prometheus reads it at `/metrics`.
//!
//! Names are controller-runtime's and client-go's where the meaning is the same, so that existing dashboards and alerts work.
//! A label never holds a URL, the text of an error, or anything that a vendor made up: every label is a word of this program,
//! an HTTP status, or the name of a Kubernetes object that a person wrote. Signatures keep it so (`&'static str`).

mod process;
mod snapshots;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use snapshots::Snapshots;

/// The content type of [`Metrics::render`]: `OpenMetrics` text.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds in seconds; all of them are among controller-runtime's, so that its queries find them.
const SECONDS: [f64; 13] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// So many fields may have a line of their own in the count of corrected drift; vendors have a few dozen.
const MOST_DRIFT_FIELDS: usize = 200;

/// How one reconcile ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReconcileResult {
    /// Nothing more to do.
    Success,
    /// It will be looked at again at a known time.
    RequeueAfter,
    /// It failed and will be tried again.
    Error,
    /// It took longer than it may and was dropped; counts as an error, too.
    TimedOut,
    /// It panicked: a mistake in this program; counts as an error, too.
    Panicked,
}

impl ReconcileResult {
    /// As controller-runtime calls it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::RequeueAfter => "requeue_after",
            Self::Error | Self::TimedOut | Self::Panicked => "error",
        }
    }

    /// Whether it counts as an error.
    pub fn is_error(self) -> bool {
        matches!(self, Self::Error | Self::TimedOut | Self::Panicked)
    }
}

/// All metrics. Cheap to clone; every clone counts into the same numbers.
#[derive(Debug, Clone)]
pub struct Metrics(Arc<Inner>);

type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

#[derive(Debug)]
struct Inner {
    registry: Registry,
    reconciles: Family<ControllerResult, Counter>,
    reconcile_errors: Family<Controller, Counter>,
    reconcile_timeouts: Family<Controller, Counter>,
    reconcile_panics: Family<Controller, Counter>,
    reconcile_seconds: Histograms<Controller>,
    active_workers: Family<Controller, Gauge>,
    max_concurrent_reconciles: Family<Controller, Gauge>,
    queue_depth: Family<Name, Gauge>,
    leader: Family<LeaseName, Gauge>,
    kubernetes_requests: Family<KubernetesRequest, Counter>,
    reflector_lists: Family<Name, Counter>,
    api_requests: Family<ApiRequest, Counter>,
    api_request_seconds: Histograms<VendorOperation>,
    rate_limited: Family<Vendor, Counter>,
    drift_corrected: Family<VendorField, Counter>,
    drift_fields: AtomicUsize,
    events_dropped: Counter,
    snapshots: Snapshots,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Controller {
    controller: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ControllerResult {
    controller: &'static str,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Name {
    name: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LeaseName {
    name: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KubernetesRequest {
    code: String,
    method: String,
    host: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Vendor {
    vendor: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VendorOperation {
    vendor: &'static str,
    operation: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ApiRequest {
    vendor: &'static str,
    operation: &'static str,
    code: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VendorField {
    vendor: &'static str,
    field: String,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Metrics with everything at zero.
    pub fn new() -> Self {
        let in_seconds: fn() -> Histogram = || Histogram::new(SECONDS);
        let mut inner = Inner {
            registry: Registry::default(),
            reconciles: Family::default(),
            reconcile_errors: Family::default(),
            reconcile_timeouts: Family::default(),
            reconcile_panics: Family::default(),
            reconcile_seconds: Family::new_with_constructor(in_seconds),
            active_workers: Family::default(),
            max_concurrent_reconciles: Family::default(),
            queue_depth: Family::default(),
            leader: Family::default(),
            kubernetes_requests: Family::default(),
            reflector_lists: Family::default(),
            api_requests: Family::default(),
            api_request_seconds: Family::new_with_constructor(in_seconds),
            rate_limited: Family::default(),
            drift_corrected: Family::default(),
            drift_fields: AtomicUsize::new(0),
            events_dropped: Counter::<u64, AtomicU64>::default(),
            snapshots: Snapshots::default(),
        };
        inner.register();
        Self(Arc::new(inner))
    }

    /// A controller will run with up to `workers` reconciles at a time. Its counters start at zero here: a counter that
    /// appears with its first error has no increase for an alert to see.
    pub fn controller_starts(&self, controller: &'static str, workers: usize) {
        let labels = Controller { controller };
        for result in ["success", "requeue_after", "error"] {
            let _ = self.0.reconciles.get_or_create(&ControllerResult { controller, result });
        }
        for family in [&self.0.reconcile_errors, &self.0.reconcile_timeouts, &self.0.reconcile_panics] {
            let _ = family.get_or_create(&labels);
        }
        self.0.max_concurrent_reconciles.get_or_create(&labels).set(gauge(workers));
        self.0.active_workers.get_or_create(&labels).set(0);
    }

    /// One reconcile ended after `took`.
    pub fn reconcile_finished(&self, controller: &'static str, result: ReconcileResult, took: Duration) {
        let labels = Controller { controller };
        self.0.reconciles.get_or_create(&ControllerResult { controller, result: result.word() }).inc();
        self.0.reconcile_seconds.get_or_create(&labels).observe(took.as_secs_f64());
        if result.is_error() {
            self.0.reconcile_errors.get_or_create(&labels).inc();
        }
        match result {
            ReconcileResult::TimedOut => drop(self.0.reconcile_timeouts.get_or_create(&labels).inc()),
            ReconcileResult::Panicked => drop(self.0.reconcile_panics.get_or_create(&labels).inc()),
            _ => {}
        }
    }

    /// How many reconciles of `controller` run now.
    pub fn set_active_workers(&self, controller: &'static str, workers: usize) {
        self.0.active_workers.get_or_create(&Controller { controller }).set(gauge(workers));
    }

    /// How many objects wait in the queue `name` to be reconciled now.
    pub fn set_queue_depth(&self, name: &'static str, depth: usize) {
        self.0.queue_depth.get_or_create(&Name { name }).set(gauge(depth));
    }

    /// Whether this process holds the lease `name`.
    pub fn set_leader(&self, name: &str, leads: bool) {
        self.0.leader.get_or_create(&LeaseName { name: name.to_owned() }).set(i64::from(leads));
    }

    /// A request to the Kubernetes API server at `host` ended with this HTTP status; 0: without an answer, shown as client-go does.
    pub fn kubernetes_request_finished(&self, status: u16, method: &str, host: &str) {
        let code = if status == 0 { "<error>".to_owned() } else { status.to_string() };
        let labels = KubernetesRequest { code, method: method.to_owned(), host: host.to_owned() };
        self.0.kubernetes_requests.get_or_create(&labels).inc();
    }

    /// A reflector listed a vendor account anew; `name` is the vendor's.
    pub fn reflector_listed(&self, name: &'static str) {
        self.0.reflector_lists.get_or_create(&Name { name }).inc();
    }

    /// One call to a vendor ended after `took` with this HTTP status; 0: without an answer, shown as `none`.
    pub fn api_request_finished(
        &self,
        vendor: &'static str,
        operation: &'static str,
        status: u16,
        took: Duration,
    ) {
        let code = if status == 0 { "none".to_owned() } else { status.to_string() };
        self.0.api_requests.get_or_create(&ApiRequest { vendor, operation, code }).inc();
        let labels = VendorOperation { vendor, operation };
        self.0.api_request_seconds.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// A vendor told an account to slow down.
    pub fn rate_limited(&self, vendor: &'static str) {
        self.0.rate_limited.get_or_create(&Vendor { vendor }).inc();
    }

    /// A vendor's whole list was read and understood just now. `account` is `namespace/name`; `unmanaged` are the objects
    /// that no connector declares.
    pub fn snapshot_taken(&self, vendor: &'static str, account: &str, objects: usize, unmanaged: usize) {
        self.0.snapshots.taken(vendor, account, objects, unmanaged);
    }

    /// The list was read again and has not changed.
    pub fn snapshot_refreshed(&self, vendor: &'static str, accounts: impl Iterator<Item = String>) {
        for account in accounts {
            self.0.snapshots.refreshed(vendor, &account);
        }
    }

    /// The account is gone, so its lines go, too.
    pub fn account_removed(&self, vendor: &'static str, account: &str) {
        self.0.snapshots.removed(vendor, account);
    }

    /// A difference that somebody else made at the vendor was put right. `field` is its path in the vendor's words, such as
    /// `options.port`; what an index opens (`passthrough[3].ip`) is left out, and more fields than a vendor can have are `other`.
    pub fn drift_corrected(&self, vendor: &'static str, field: &str) {
        let field = field.split('[').next().unwrap_or_default().to_owned();
        let mut labels = VendorField { vendor, field };
        if self.0.drift_corrected.get(&labels).is_none()
            && self.0.drift_fields.fetch_add(1, Ordering::Relaxed) >= MOST_DRIFT_FIELDS
        {
            "other".clone_into(&mut labels.field);
        }
        self.0.drift_corrected.get_or_create(&labels).inc();
    }

    /// A Kubernetes event was not published, because too many waited or the API server refused it.
    pub fn event_dropped(&self) {
        self.0.events_dropped.inc();
    }

    /// Everything as text of [`CONTENT_TYPE`].
    pub fn render(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.0.registry)?;
        Ok(text)
    }
}

impl Inner {
    /// The names and what they mean. The library appends `_total` to counters, `_info` to infos, and a full stop to each help.
    fn register(&mut self) {
        let r = &mut self.registry;
        r.register(
            "controller_runtime_reconcile",
            "Reconciles by controller and result",
            self.reconciles.clone(),
        );
        r.register(
            "controller_runtime_reconcile_errors",
            "Reconciles that failed",
            self.reconcile_errors.clone(),
        );
        r.register(
            "controller_runtime_reconcile_timeouts",
            "Reconciles that took too long and were dropped",
            self.reconcile_timeouts.clone(),
        );
        r.register(
            "controller_runtime_reconcile_panics",
            "Reconciles that panicked",
            self.reconcile_panics.clone(),
        );
        r.register(
            "controller_runtime_reconcile_time_seconds",
            "How long a reconcile took",
            self.reconcile_seconds.clone(),
        );
        r.register(
            "controller_runtime_active_workers",
            "Reconciles that run now",
            self.active_workers.clone(),
        );
        r.register(
            "controller_runtime_max_concurrent_reconciles",
            "Reconciles that may run at a time",
            self.max_concurrent_reconciles.clone(),
        );
        r.register("workqueue_depth", "Objects that wait to be reconciled", self.queue_depth.clone());
        r.register(
            "leader_election_master_status",
            "1 where this process holds the lease, else 0",
            self.leader.clone(),
        );
        r.register(
            "rest_client_requests",
            "Requests to the Kubernetes API server by HTTP status",
            self.kubernetes_requests.clone(),
        );
        r.register(
            "reflector_lists",
            "Lists that were read of a vendor's accounts",
            self.reflector_lists.clone(),
        );
        r.register(
            "connector_operator_api_requests",
            "Calls to a vendor by operation and HTTP status, none where it gave no answer",
            self.api_requests.clone(),
        );
        r.register(
            "connector_operator_api_request_duration_seconds",
            "How long a call to a vendor took",
            self.api_request_seconds.clone(),
        );
        r.register(
            "connector_operator_rate_limited",
            "Answers of a vendor that asked to slow down",
            self.rate_limited.clone(),
        );
        r.register(
            "connector_operator_drift_corrected",
            "Fields that were changed at the vendor by somebody else and put right",
            self.drift_corrected.clone(),
        );
        r.register(
            "connector_operator_events_dropped",
            "Kubernetes events that were not published",
            self.events_dropped.clone(),
        );
        r.register(
            "connector_operator_build",
            "The version that runs",
            Info::new([("version", env!("CARGO_PKG_VERSION"))]),
        );
        r.register_collector(Box::new(self.snapshots.clone()));
        r.register_collector(Box::new(process::Process));
    }
}

/// No number of ours comes near the end of an `i64`; one that did is shown as its largest.
fn gauge(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
