//! The command line, as clap reads it: names, defaults, and the help that a person sees.
//!
//! Every flag has an environment variable of its name. No flag may be called `port` or `service…`: Kubernetes puts
//! `CONNECTOR_OPERATOR_PORT` and `CONNECTOR_OPERATOR_SERVICE_HOST` into every pod beside a Service of the operator's name.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, ValueEnum};
use tracing::level_filters::LevelFilter;

use super::{LogFormat, values};

const EXAMPLES: &str = "\
Examples:
  connector-operator
      in a cluster: every namespace, every controller, as the pod's ServiceAccount
  connector-operator run --watch-namespace iot --watch-namespace plant
      two namespaces only (a Role in each is enough)
  connector-operator run --lease-namespace default --log-format text
      on a laptop, against the cluster of the current kubeconfig
  connector-operator release --all --dry-run
      after an uninstall: which objects still wait for it
  connector-operator crds | kubectl apply --server-side -f -
      install or upgrade the custom resource definitions

Durations are written 500ms, 30s, 1m30s, 24h; sizes 512KiB, 64MiB, 1GiB.
A flag that takes several values may be repeated or take them comma-separated, as its variable does.
The cluster is that of KUBECONFIG or ~/.kube/config, else the pod's own.
HTTPS_PROXY, HTTP_PROXY, NO_PROXY and SSL_CERT_FILE are honoured;
with --tracing, OTEL_EXPORTER_OTLP_ENDPOINT and OpenTelemetry's other variables too.";

/// Makes SaaS vendors' connectors equal to their declaration in Kubernetes, and keeps them equal
#[derive(Debug, Parser)]
#[command(
    name = "connector-operator",
    version,
    args_conflicts_with_subcommands = true,
    max_term_width = 120,
    after_help = EXAMPLES
)]
pub(super) struct CommandLine {
    #[command(subcommand)]
    pub(super) command: Option<Subcommand>,
    #[command(flatten)]
    pub(super) run: RunFlags,
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum Subcommand {
    /// Run the operator (what happens without a subcommand, too)
    #[command(after_help = EXAMPLES)]
    Run(Box<RunFlags>),
    /// Print all custom resource definitions as YAML
    Crds,
    /// Take the operator's finalizers off, so that objects can be deleted after it was uninstalled
    #[command(after_help = RELEASE_EXAMPLES)]
    Release(ReleaseFlags),
}

const RELEASE_EXAMPLES: &str = "\
It runs with your own rights (patch on the operator's kinds), against the cluster of your kubeconfig. The objects stay, and what they manage at the
vendors stays as it is; only nothing waits for the operator any more. Stop the operator first: one that runs puts its finalizers on again.

Examples:
  connector-operator release --all --dry-run
      what would be released
  connector-operator release -n iot
      a namespace that hangs in Terminating";

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("where").required(true).args(["namespace", "all"])))]
pub(super) struct ReleaseFlags {
    /// A namespace whose objects are released
    #[arg(short, long, value_name = "NAMESPACE", value_delimiter = ',')]
    pub(super) namespace: Vec<String>,
    /// All namespaces
    #[arg(long)]
    pub(super) all: bool,
    /// Only say what would be released
    #[arg(long)]
    pub(super) dry_run: bool,
}

#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(super) struct RunFlags {
    /// Address of /healthz, /readyz and /metrics
    #[arg(long, env = "CONNECTOR_OPERATOR_LISTEN", hide_env_values = true, value_name = "ADDRESS:PORT", help_heading = PROCESS, default_value = "0.0.0.0:8080", value_parser = values::address)]
    pub(super) listen: SocketAddr,
    /// How long running work may take to finish after SIGTERM; keep it under the pod's terminationGracePeriodSeconds
    #[arg(long, env = "CONNECTOR_OPERATOR_SHUTDOWN_TIMEOUT", hide_env_values = true, value_name = "DURATION", help_heading = PROCESS, default_value = "25s", value_parser = values::duration_between("1s", "10m"))]
    pub(super) shutdown_timeout: Duration,
    /// How log lines are written
    #[arg(long, env = "CONNECTOR_OPERATOR_LOG_FORMAT", hide_env_values = true, value_name = "FORMAT", help_heading = PROCESS, default_value = "json")]
    pub(super) log_format: LogFormat,
    /// The most detailed lines that are written; secrets are in none of them
    #[arg(long, env = "CONNECTOR_OPERATOR_LOG_LEVEL", hide_env_values = true, value_name = "LEVEL", help_heading = PROCESS, default_value = "info")]
    pub(super) log_level: LogLevel,
    /// Send a trace of each pass, its calls and its writes, by OTLP (HTTP, protobuf), to the collector that the environment names; no secret is in it
    #[arg(long, env = "CONNECTOR_OPERATOR_TRACING", hide_env_values = true, value_name = "BOOL", help_heading = PROCESS, default_value_t = false, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(super) tracing: bool,

    /// A namespace to look at; none given means all
    #[arg(long, env = "CONNECTOR_OPERATOR_WATCH_NAMESPACE", hide_env_values = true, value_name = "NAMESPACE", help_heading = WORK, value_delimiter = ',')]
    pub(super) watch_namespace: Vec<String>,
    /// The controllers to run [default: all: onomondo, apono, omf]
    #[arg(long, env = "CONNECTOR_OPERATOR_CONTROLLERS", hide_env_values = true, value_name = "NAME", help_heading = WORK, value_delimiter = ',')]
    pub(super) controllers: Vec<String>,
    /// How many objects each controller works on at a time; NAME=N sets one controller's own number
    #[arg(long, env = "CONNECTOR_OPERATOR_CONCURRENCY", hide_env_values = true, value_name = "N|NAME=N", help_heading = WORK, value_delimiter = ',', default_value = "8")]
    pub(super) concurrency: Vec<String>,
    /// Watch Secrets, so that a rotation is sent within seconds; "false" needs only the right to get them and sees a rotation at the resync
    #[arg(long, env = "CONNECTOR_OPERATOR_SECRETS_WATCH", hide_env_values = true, value_name = "BOOL", help_heading = WORK, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(super) secrets_watch: bool,
    /// Watch namespaces, whose labels accounts may select their users by (allowedNamespaces.from: Selector); needs the right to in the whole cluster [default: true without --watch-namespace]
    #[arg(long, env = "CONNECTOR_OPERATOR_NAMESPACES_WATCH", hide_env_values = true, value_name = "BOOL", help_heading = WORK, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(super) namespaces_watch: Option<bool>,

    /// How often each vendor account is read, where the account does not say
    #[arg(long, env = "CONNECTOR_OPERATOR_RESYNC_INTERVAL", hide_env_values = true, value_name = "DURATION", help_heading = VENDORS, default_value = "1m", value_parser = values::duration_between("10s", "24h"))]
    pub(super) resync_interval: Duration,
    /// How long one call to a vendor may take, where the account does not say
    #[arg(long, env = "CONNECTOR_OPERATOR_REQUEST_TIMEOUT", hide_env_values = true, value_name = "DURATION", help_heading = VENDORS, default_value = "30s", value_parser = values::duration_between("1s", "10m"))]
    pub(super) request_timeout: Duration,
    /// How long a vendor's list may lag behind a write; only after that is a missing object taken for gone and created again
    #[arg(long, env = "CONNECTOR_OPERATOR_CONSISTENCY_ALLOWANCE", hide_env_values = true, value_name = "DURATION", help_heading = VENDORS, default_value = "30s", value_parser = values::duration_between("0s", "1h"))]
    pub(super) consistency_allowance: Duration,
    /// The largest list that is read from a vendor; a larger one stalls the account until this is raised
    #[arg(long, env = "CONNECTOR_OPERATOR_LIST_SIZE_LIMIT", hide_env_values = true, value_name = "SIZE", help_heading = VENDORS, default_value = "64MiB", value_parser = values::size_between("1MiB", "1GiB"))]
    pub(super) list_size_limit: usize,
    /// The only hosts that credentials are sent to, HOST or HOST:PORT; replaces the default [default: the vendors' own: api.onomondo.com, api.apono.io, {uswe,euno,auea,jpea}.datahub.connect.aveva.com, dat-b.osisoft.com]
    #[arg(long, env = "CONNECTOR_OPERATOR_ALLOWED_HOSTS", hide_env_values = true, value_name = "HOST", help_heading = VENDORS, value_delimiter = ',')]
    pub(super) allowed_hosts: Vec<String>,
    /// Allow http:// and private addresses among the allowed hosts; for tests, since credentials then travel unencrypted
    #[arg(long, env = "CONNECTOR_OPERATOR_ALLOW_INSECURE_ENDPOINTS", hide_env_values = true, value_name = "BOOL", help_heading = VENDORS, default_value_t = false, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(super) allow_insecure_endpoints: bool,
    /// PEM file of certificate authorities that vendors may be signed by, beside the system's (a TLS-inspecting proxy, say)
    #[arg(long, env = "CONNECTOR_OPERATOR_CA_FILE", hide_env_values = true, value_name = "FILE", help_heading = VENDORS)]
    pub(super) ca_file: Option<PathBuf>,

    /// Let only one of several replicas work; "false" when there is never more than one
    #[arg(long, env = "CONNECTOR_OPERATOR_LEADER_ELECT", hide_env_values = true, value_name = "BOOL", help_heading = LEASE, default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(super) leader_elect: bool,
    /// The operator's own namespace, of its Lease and its fingerprint key [default: the pod's; needed outside a cluster]
    #[arg(long, env = "CONNECTOR_OPERATOR_LEASE_NAMESPACE", hide_env_values = true, value_name = "NAMESPACE", help_heading = LEASE)]
    pub(super) lease_namespace: Option<String>,
    /// Name of the Lease; operators that watch different namespaces need different names or namespaces
    #[arg(long, env = "CONNECTOR_OPERATOR_LEASE_NAME", hide_env_values = true, value_name = "NAME", help_heading = LEASE, default_value = "connector-operator")]
    pub(super) lease_name: String,
    /// How long the others wait after the leader's last sign of life
    #[arg(long, env = "CONNECTOR_OPERATOR_LEASE_DURATION", hide_env_values = true, value_name = "DURATION", help_heading = LEASE, default_value = "15s", value_parser = values::duration_between("1s", "10m"))]
    pub(super) lease_duration: Duration,
    /// How long the leader may fail to renew before it stops; shorter than the duration
    #[arg(long, env = "CONNECTOR_OPERATOR_LEASE_RENEW_DEADLINE", hide_env_values = true, value_name = "DURATION", help_heading = LEASE, default_value = "10s", value_parser = values::duration_between("100ms", "10m"))]
    pub(super) lease_renew_deadline: Duration,
    /// How long to wait between two tries to get or renew it; at most half of the renew deadline
    #[arg(long, env = "CONNECTOR_OPERATOR_LEASE_RETRY_PERIOD", hide_env_values = true, value_name = "DURATION", help_heading = LEASE, default_value = "2s", value_parser = values::duration_between("50ms", "5m"))]
    pub(super) lease_retry_period: Duration,
}

const PROCESS: &str = "Process";
const WORK: &str = "What to work on";
const VENDORS: &str = "Calls to the vendors";
const LEASE: &str = "Leader election";

/// The levels by the names that people type; `off` is not offered, since an operator that says nothing cannot be helped.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl From<LogLevel> for LevelFilter {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::ERROR,
            LogLevel::Warn => Self::WARN,
            LogLevel::Info => Self::INFO,
            LogLevel::Debug => Self::DEBUG,
            LogLevel::Trace => Self::TRACE,
        }
    }
}
