//! What is counted: the vendor's request log, the API server's own metrics, the operator's process.

use crate::OWN_GROUP;
use crate::support::cost::is_list;
use crate::support::story::Story;
use crate::support::vendor::Request;
use std::collections::BTreeMap;

/// The row of lists, each counted once in however many pages it comes.
pub(crate) const LISTS: &str = "vendor lists";

/// Counters at one moment.
pub(crate) struct Reading {
    pub(crate) counts: BTreeMap<String, usize>,
    pub(crate) cpu_seconds: f64,
    pub(crate) memory_mb: f64,
    /// How many lists the operator has read, and how long all of them took, from the call to the last row.
    pub(crate) lists: (f64, f64),
}

impl Reading {
    pub(crate) async fn take(story: &mut Story, client: &kube::Client) -> Self {
        let mut counts = BTreeMap::new();
        for request in story.vendor.requests().await {
            *counts.entry(row(&request)).or_default() += 1;
        }
        let request = http::Request::get("/metrics").body(Vec::new()).expect("a request");
        let metrics = client.request_text(request).await.expect("the API server's metrics");
        for (row, count) in metrics.lines().filter_map(api_server_write) {
            *counts.entry(row).or_default() += count;
        }
        let own = story.operator().metrics().await;
        counts.insert("reconciles".into(), sum(&own, "controller_runtime_reconcile_total{"));
        let process = story.operator().id();
        let lists = (listing(&own, "count"), listing(&own, "sum"));
        Self { counts, cpu_seconds: cpu_seconds(process), memory_mb: memory_mb(process), lists }
    }

    pub(crate) fn since(&self, before: &Self) -> Self {
        let grown = self.counts.iter().map(|(row, count)| (row.clone(), count - before.count(row)));
        Self {
            counts: grown.filter(|(_, count)| *count > 0).collect(),
            cpu_seconds: self.cpu_seconds - before.cpu_seconds,
            memory_mb: self.memory_mb,
            lists: (self.lists.0 - before.lists.0, self.lists.1 - before.lists.1),
        }
    }

    /// How long a list took, on average.
    pub(crate) fn seconds_a_list(&self) -> f64 {
        self.lists.1 / self.lists.0.max(1.0)
    }

    pub(crate) fn count(&self, row: &str) -> usize {
        self.counts.get(row).copied().unwrap_or(0)
    }

    /// Writes to our group but the harness's creates.
    pub(crate) fn own_writes(&self, resource: &str) -> usize {
        let is_own =
            |row: &&String| row.starts_with(&format!("{OWN_GROUP} {resource}")) && !row.ends_with(" create");
        self.counts.iter().filter(|(row, _)| is_own(row)).map(|(_, count)| count).sum()
    }
}

/// What a request to the vendor counts as: a list, a further page of one, a token, or else its method.
pub(crate) fn row(request: &Request) -> String {
    let is_further = request.query.as_deref().unwrap_or_default().contains("page_token");
    match is_list(&request.to_string()) {
        true if is_further => "vendor further pages of lists".into(),
        true => LISTS.into(),
        false if request.path.starts_with("/identity/") => "vendor tokens".into(),
        false => format!("vendor {}", request.method),
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

/// One half of the histogram of how long calls took, of those that list.
fn listing(metrics: &str, half: &str) -> f64 {
    let series = format!("connector_operator_api_request_duration_seconds_{half}{{");
    let of_lists = |line: &&str| line.starts_with(&series) && line.contains("operation=\"list\"");
    let values =
        metrics.lines().filter(of_lists).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
    values.sum()
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
