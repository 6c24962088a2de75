//! What N connectors cost: `make bench`, or `N=5000 make bench`.
//!
//! N connectors are declared on the real control plane; then nothing is touched for two minutes. Counts come from the API server's own
//! `apiserver_request_total` and from the vendor's request log, and are asserted: they are the same on every machine. Seconds, memory and
//! processor time are printed: they are hints.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and ends where it cannot go on"
)]
#![allow(missing_docs, reason = "it is a program")]

#[path = "../tests/support/mod.rs"]
mod support;

use futures::{StreamExt, stream};
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, PostParams};
use kube::runtime::watcher::{Config, Event, watcher};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use support::control_plane::ControlPlane;
use support::objects::is_ready;
use support::story::Story;

const QUIET: Duration = Duration::from_mins(2);
const RESYNC: Duration = Duration::from_mins(1);
const CREATES_AT_ONCE: usize = 16;
const GIVE_UP: Duration = Duration::from_mins(10);
const OWN_GROUP: &str = "connector-operator.io";

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let connectors: usize = std::env::var("N").ok().map_or(1000, |n| n.parse().expect("N is a number"));
    println!("{connectors} connectors; the control plane and the emulated vendor run on this machine too.");
    let mut story = Story::named("scale")
        .value("resyncInterval", "1m")
        .value("requestTimeout", "30s")
        .value("logging.level", "info")
        .switch("onomondo.requests-per-minute", "0")
        .begin()
        .await;
    story.onomondo_account("requestsPerMinute: 60000").await;
    story.ready("OnomondoAccount/default").await;
    let plane = ControlPlane::shared().await;
    let client = plane.client().await;
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), &story.name, &connector_resource());

    let before = Reading::take(&mut story, &client).await;
    let watching = tokio::spawn(all_ready(api.clone(), connectors));
    let last_create = create(&api, connectors).await;
    let ready_at = watching.await.expect("the watch");
    let settled = Reading::take(&mut story, &client).await;
    println!(
        "all Ready {:.1} s after the last create; quiet for {} s from now on",
        (ready_at - last_create).as_secs_f64(),
        QUIET.as_secs()
    );
    // The list that looks at the last writes belongs to them.
    tokio::time::sleep(RESYNC / 10).await;
    let quiet_from = Reading::take(&mut story, &client).await;
    tokio::time::sleep(QUIET).await;
    let quiet = Reading::take(&mut story, &client).await;

    println!("\n{:<58}{:>10}{:>14}", "", "until", format!("{} quiet", QUIET.as_secs()));
    println!("{:<58}{:>10}{:>14}", "", "Ready", "seconds");
    let (first, then) = (settled.since(&before), quiet.since(&quiet_from));
    let rows: BTreeSet<&String> = first.counts.keys().chain(then.counts.keys()).collect();
    for row in rows {
        println!("{row:<58}{:>10}{:>14}", first.count(row), then.count(row));
    }
    println!(
        "{:<58}{:>10.1}{:>14}",
        "seconds from the last create until all are Ready",
        (ready_at - last_create).as_secs_f64(),
        ""
    );
    println!("{:<58}{:>10.1}{:>14.1}", "resident memory, MB", settled.memory_mb, quiet.memory_mb);
    println!("{:<58}{:>10.2}{:>14.2}", "processor time, seconds", first.cpu_seconds, then.cpu_seconds);
    println!(
        "{:<58}{:>10}{:>13.2}%",
        "processor time, share of one core",
        "",
        100.0 * then.cpu_seconds / QUIET.as_secs_f64()
    );

    let posts = first.count("vendor POST /connectors");
    assert_eq!(posts, connectors, "one create a connector");
    assert!(first.count("vendor GET /connectors") <= 10, "at most ten lists until all are Ready");
    let writes = first.own_writes("onomondoconnectors");
    assert!(
        writes <= 2 * connectors,
        "{writes} writes: more than finalizer with claim, and status, for each"
    );
    assert!(first.count("events.k8s.io events create") <= connectors, "at most one event a connector");
    assert_eq!(then.own_writes(""), 0, "not one write while nothing changes");
    assert_eq!(then.count("reconciles"), 0, "not one reconcile while nothing changes");
    assert!(then.count("vendor GET /connectors") <= 3, "one list an interval");
    assert_eq!(then.count("vendor POST /connectors") + then.count("vendor PATCH /connectors"), 0);
    println!("\nall counts are as promised");
    story.end().await;
}

fn connector_resource() -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk(OWN_GROUP, "v1alpha1", "OnomondoConnector"))
}

/// Declares the connectors; when the last one was accepted.
async fn create(api: &Api<DynamicObject>, connectors: usize) -> Instant {
    let started = Instant::now();
    stream::iter(0..connectors)
        .for_each_concurrent(CREATES_AT_ONCE, |number| async move {
            let spec =
                json!({"type": "https", "https": {"host": format!("https://ingest.example.com/{number}")}});
            let object = DynamicObject::new(&format!("plant-{number:05}"), &connector_resource())
                .data(json!({"spec": spec}));
            api.create(&PostParams::default(), &object).await.expect("a connector");
        })
        .await;
    println!("declared in {:.1} s", started.elapsed().as_secs_f64());
    Instant::now()
}

/// Waits until that many connectors are Ready.
async fn all_ready(api: Api<DynamicObject>, connectors: usize) -> Instant {
    let mut ready = BTreeSet::new();
    let mut events = watcher(api, Config::default()).boxed();
    let give_up = Instant::now() + GIVE_UP;
    while ready.len() < connectors {
        assert!(Instant::now() < give_up, "only {} of {connectors} are Ready after {GIVE_UP:?}", ready.len());
        let event = tokio::time::timeout(Duration::from_secs(30), events.next()).await;
        if let Ok(Some(Ok(Event::Apply(object) | Event::InitApply(object)))) = event {
            let name = object.metadata.name.clone().unwrap_or_default();
            if is_ready(&serde_json::to_value(object).expect("JSON")) {
                ready.insert(name);
            }
        }
    }
    Instant::now()
}

/// Counters at one moment.
struct Reading {
    counts: BTreeMap<String, usize>,
    cpu_seconds: f64,
    memory_mb: f64,
}

impl Reading {
    async fn take(story: &mut Story, client: &kube::Client) -> Self {
        let mut counts = BTreeMap::new();
        for request in story.vendor.requests().await {
            let path = request.path.split('/').take(2).collect::<Vec<_>>().join("/");
            *counts.entry(format!("vendor {} {path}", request.method)).or_default() += 1;
        }
        let request = http::Request::get("/metrics").body(Vec::new()).expect("a request");
        let metrics = client.request_text(request).await.expect("the API server's metrics");
        for (row, count) in metrics.lines().filter_map(api_server_write) {
            *counts.entry(row).or_default() += count;
        }
        let own = story.operator().metrics().await;
        counts.insert("reconciles".into(), sum(&own, "controller_runtime_reconcile_total{"));
        let process = story.operator().id();
        Self { counts, cpu_seconds: cpu_seconds(process), memory_mb: memory_mb(process) }
    }

    fn since(&self, before: &Self) -> Self {
        let grown = self.counts.iter().map(|(row, count)| (row.clone(), count - before.count(row)));
        Self {
            counts: grown.filter(|(_, count)| *count > 0).collect(),
            cpu_seconds: self.cpu_seconds - before.cpu_seconds,
            memory_mb: self.memory_mb,
        }
    }

    fn count(&self, row: &str) -> usize {
        self.counts.get(row).copied().unwrap_or(0)
    }

    /// Writes to our group but the harness's creates.
    fn own_writes(&self, resource: &str) -> usize {
        let is_own =
            |row: &&String| row.starts_with(&format!("{OWN_GROUP} {resource}")) && !row.ends_with(" create");
        self.counts.iter().filter(|(row, _)| is_own(row)).map(|(_, count)| count).sum()
    }
}

/// One write of `apiserver_request_total`, as `group resource/subresource verb` and its count. Leases and other groups than ours and
/// events' are left out.
fn api_server_write(line: &str) -> Option<(String, usize)> {
    let labels = line.strip_prefix("apiserver_request_total{")?;
    let (labels, count) = labels.rsplit_once("} ")?;
    let label = |name: &str| {
        let start = labels.find(&format!("{name}=\""))? + name.len() + 2;
        labels[start..].split('"').next()
    };
    let (group, resource, subresource) = (label("group")?, label("resource")?, label("subresource")?);
    let verb = label("verb")?.to_lowercase();
    let is_write = ["post", "create", "put", "update", "patch", "apply", "delete"].contains(&verb.as_str());
    let is_shown = is_write && [OWN_GROUP, "events.k8s.io", "coordination.k8s.io"].contains(&group);
    let slash = if subresource.is_empty() { "" } else { "/" };
    let verb = if verb == "post" { "create" } else { &verb };
    let count = count.parse::<f64>().ok()?;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
    is_shown.then(|| (format!("{group} {resource}{slash}{subresource} {verb}"), count as usize))
}

fn sum(metrics: &str, series: &str) -> usize {
    let values =
        metrics.lines().filter(|line| line.starts_with(series)).filter_map(|line| line.rsplit(' ').next());
    values.filter_map(|value| value.parse::<usize>().ok()).sum()
}

/// User and system time of a process (`/proc/PID/stat`, in hundredths of a second).
fn cpu_seconds(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("the operator runs");
    let fields: Vec<&str> = stat.rsplit(')').next().expect("fields").split_whitespace().collect();
    let ticks = |index: usize| fields[index].parse::<f64>().expect("ticks");
    (ticks(11) + ticks(12)) / 100.0
}

fn memory_mb(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("the operator runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").trim().parse::<f64>().expect("kilobytes") / 1024.0
}
