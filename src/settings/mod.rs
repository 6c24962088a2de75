//! What a person can set: every flag and environment variable, as one typed value that is valid by construction.
//!
//! The rest of the program sees only [`Settings`]; how they were spelled stays in here. Nothing in this module opens a
//! connection or reads a secret, and no flag carries one: command lines are readable by everybody on the machine.

mod flags;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tracing::level_filters::LevelFilter;
use url::Url;

pub use values::AllowedHosts;

/// The controllers of this version, by the name that `--controllers` and the metrics' `controller` label use.
pub const CONTROLLERS: &[&str] = &["onomondo", "apono", "omf"];

/// The vendors' own hosts: the only places a credential may be sent to unless `--allowed-hosts` names others.
pub const VENDOR_HOSTS: &[&str] = &[
    "api.onomondo.com",
    "api.apono.io",
    "uswe.datahub.connect.aveva.com",
    "euno.datahub.connect.aveva.com",
    "auea.datahub.connect.aveva.com",
    "jpea.datahub.connect.aveva.com",
    "dat-b.osisoft.com",
];

/// Where Kubernetes tells a pod its own namespace.
const POD_NAMESPACE_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Run the operator; also what no subcommand means.
    Run(Box<Settings>),
    /// Print the custom resource definitions.
    Crds,
    /// Take the operator's finalizers off.
    Release(Release),
}

/// Whose finalizers are taken off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// In which namespaces.
    pub place: Place,
    /// Whether only to say what would be done.
    pub dry_run: bool,
}

/// Where finalizers are taken off. Everywhere is never what is left when nothing was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In every namespace.
    Everywhere,
    /// In these, of which there is at least one.
    Namespaces(Vec<String>),
}

impl fmt::Display for Place {
    /// As a message says it: `in namespace iot`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everywhere => formatter.write_str("in any namespace"),
            Self::Namespaces(names) if names.len() == 1 => write!(formatter, "in namespace {}", names[0]),
            Self::Namespaces(names) => write!(formatter, "in namespaces {}", names.join(", ")),
        }
    }
}

/// How `run` behaves. Every value was checked, alone and against the others.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub struct Settings {
    /// The address of `/healthz`, `/readyz` and `/metrics`.
    pub listen: SocketAddr,
    /// The namespaces whose objects are looked at, sorted; empty means all.
    pub watch_namespaces: Vec<String>,
    /// The controllers to run, out of [`CONTROLLERS`]; never empty.
    pub controllers: BTreeSet<&'static str>,
    /// How many objects each controller reconciles at a time, for each of [`Settings::controllers`].
    pub concurrency: BTreeMap<&'static str, usize>,
    /// How often a vendor is read where the account does not say.
    pub resync_interval: Duration,
    /// How long one call to a vendor may take where the account does not say.
    pub request_timeout: Duration,
    /// How long a vendor's list may lag behind a write: the assumption that "absent" rests on.
    pub consistency_allowance: Duration,
    /// How many bytes one answer of a vendor may have.
    pub list_size_limit: usize,
    /// How long running work may take to finish after a request to stop.
    pub shutdown_timeout: Duration,
    /// The operator's own namespace: of the lease, and of the Secret with the key for fingerprints.
    pub namespace: String,
    /// How one of several replicas is elected; absent when the operator is told to be the only one.
    pub leader_election: Option<LeaderElection>,
    /// Where credentials may be sent.
    pub allowed_hosts: AllowedHosts,
    /// Whether `http://` and private addresses are allowed as endpoints, too.
    pub allow_insecure_endpoints: bool,
    /// PEM file of further certificate authorities for vendors, beside the system's.
    pub ca_file: Option<PathBuf>,
    /// Whether Secrets are watched; otherwise a rotation is seen at the next resync.
    pub secrets_watch: bool,
    /// Whether namespaces are watched, for accounts that select their users by a namespace's labels.
    pub namespaces_watch: bool,
    /// Whether spans are sent to a collector; where to is the environment's.
    pub tracing: bool,
    /// How log lines are written.
    pub log_format: LogFormat,
    /// The most detailed lines that are written.
    pub log_level: LevelFilter,
}

/// How long a lease lasts and how it is kept: `retry_period < renew_deadline < duration`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaderElection {
    /// The name of the Lease object.
    pub name: String,
    /// How long others wait after the last renewal that they saw; whole seconds, as the Lease stores it.
    pub duration: Duration,
    /// How long the leader may fail to renew before it stops working.
    pub renew_deadline: Duration,
    /// How long to wait between two tries.
    pub retry_period: Duration,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line, for machines.
    Json,
    /// One readable line, for people.
    Text,
}

impl Settings {
    /// How many objects of `controller` are reconciled at a time; 0 for a controller that does not run.
    pub fn concurrency_of(&self, controller: &str) -> usize {
        self.concurrency.get(controller).copied().unwrap_or(0)
    }
}

/// Reads the process's own command line and environment. Where they are wrong, or ask for help, it prints what to do and
/// ends the process (exit code 2, or 0 for help).
pub fn from_command_line() -> Command {
    parse(std::env::args_os(), Path::new(POD_NAMESPACE_FILE)).unwrap_or_else(|error| error.exit())
}

fn parse<I, A>(arguments: I, namespace_file: &Path) -> Result<Command, clap::Error>
where
    I: IntoIterator<Item = A>,
    A: Into<std::ffi::OsString> + Clone,
{
    let line = <flags::CommandLine as clap::Parser>::try_parse_from(arguments)?;
    let run = match line.command {
        Some(flags::Subcommand::Crds) => return Ok(Command::Crds),
        Some(flags::Subcommand::Release(flags)) => {
            return release(&flags).map(Command::Release).map_err(refuse);
        }
        Some(flags::Subcommand::Run(run)) => *run,
        None => line.run,
    };
    let own_namespace = || std::fs::read_to_string(namespace_file).ok();
    check(run, own_namespace).map(|settings| Command::Run(Box::new(settings))).map_err(refuse)
}

fn refuse(message: String) -> clap::Error {
    <flags::CommandLine as clap::CommandFactory>::command()
        .error(clap::error::ErrorKind::ValueValidation, message)
}

fn release(flags: &flags::ReleaseFlags) -> Result<Release, String> {
    let namespaces = values::namespaces("--namespace", &flags.namespace)?;
    let place = match (flags.all, namespaces.is_empty()) {
        (true, _) => Place::Everywhere,
        (false, false) => Place::Namespaces(namespaces),
        (false, true) => {
            let advice = "write the name of a namespace, or --all for every one of them";
            return Err(format!("--namespace names no namespace: {advice}"));
        }
    };
    Ok(Release { place, dry_run: flags.dry_run })
}

/// Turns flags that are well-formed one by one into settings that make sense together.
fn check(flags: flags::RunFlags, own_namespace: impl FnOnce() -> Option<String>) -> Result<Settings, String> {
    let controllers = values::controllers(&flags.controllers)?;
    let watch_namespaces = values::namespaces("--watch-namespace", &flags.watch_namespace)?;
    let namespaces_watch = flags.namespaces_watch.unwrap_or(watch_namespaces.is_empty());
    Ok(Settings {
        concurrency: values::concurrency(&flags.concurrency, &controllers)?,
        controllers,
        listen: flags.listen,
        watch_namespaces,
        resync_interval: flags.resync_interval,
        request_timeout: flags.request_timeout,
        consistency_allowance: flags.consistency_allowance,
        list_size_limit: flags.list_size_limit,
        shutdown_timeout: flags.shutdown_timeout,
        namespace: lease_namespace(flags.lease_namespace, own_namespace)?,
        leader_election: if flags.leader_elect {
            Some(leader_election(
                flags.lease_name,
                flags.lease_duration,
                flags.lease_renew_deadline,
                flags.lease_retry_period,
            )?)
        } else {
            None
        },
        allowed_hosts: AllowedHosts::parse(&flags.allowed_hosts)?,
        allow_insecure_endpoints: flags.allow_insecure_endpoints,
        ca_file: flags.ca_file,
        secrets_watch: flags.secrets_watch,
        namespaces_watch,
        tracing: flags.tracing,
        log_format: flags.log_format,
        log_level: flags.log_level.into(),
    })
}

fn lease_namespace(
    given: Option<String>,
    own_namespace: impl FnOnce() -> Option<String>,
) -> Result<String, String> {
    let namespace = given.filter(|name| !name.is_empty()).or_else(own_namespace).ok_or(
        "outside a cluster the operator cannot know its own namespace, where it keeps its lease and its fingerprint key: \
         write --lease-namespace <namespace>",
    )?;
    let namespace = namespace.trim().to_owned();
    values::namespace("--lease-namespace", &namespace)?;
    Ok(namespace)
}

fn leader_election(
    name: String,
    duration: Duration,
    renew_deadline: Duration,
    retry_period: Duration,
) -> Result<LeaderElection, String> {
    values::object_name("--lease-name", &name)?;
    if duration.subsec_nanos() != 0 {
        return Err("--lease-duration is kept in whole seconds: write for example 15s".to_owned());
    }
    if renew_deadline >= duration {
        return Err(format!(
            "--lease-renew-deadline ({renew_deadline:?}) must be shorter than --lease-duration ({duration:?}), so that a leader \
             that cannot renew stops before another one starts: write for example --lease-duration 15s --lease-renew-deadline 10s"
        ));
    }
    if retry_period * 2 > renew_deadline {
        return Err(format!(
            "--lease-retry-period ({retry_period:?}) must be at most half of --lease-renew-deadline ({renew_deadline:?}), so that one \
             failed try does not lose the lease: write for example --lease-renew-deadline 10s --lease-retry-period 2s"
        ));
    }
    Ok(LeaderElection { name, duration, renew_deadline, retry_period })
}

#[cfg(test)]
mod tests;
