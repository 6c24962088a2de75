//! What N connectors of a vendor cost: `make bench`, `make bench VENDOR=apono N=5000`, or `make bench VENDOR=omf N=50 IDS=10000`.
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

mod cases;
mod reading;

use cases::{Apono, Case, Omf, Onomondo};
use futures::{StreamExt, stream};
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, PostParams};
use kube::runtime::watcher::{Config, Event, watcher};
use reading::{LISTS, Reading};
use serde_json::json;
use std::collections::BTreeSet;
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
    let vendor = std::env::var("VENDOR").unwrap_or_default();
    match vendor.as_str() {
        "" | Onomondo::NAME => measure::<Onomondo>(connectors).await,
        Apono::NAME => measure::<Apono>(connectors).await,
        Omf::NAME => measure::<Omf>(connectors).await,
        other => panic!("VENDOR is onomondo, apono or omf, not {other}"),
    }
}

async fn measure<C: Case>(connectors: usize) {
    println!(
        "{connectors} connectors of {}; the control plane and the emulated vendor run on this machine too.",
        C::NAME
    );
    let opening = Story::named("scale")
        .value("resyncInterval", "1m")
        .value("requestTimeout", "30s")
        .value("logging.level", "info");
    let opening = C::SWITCHES.iter().fold(opening, |opening, (name, answer)| opening.switch(name, answer));
    let mut story = opening.begin().await;
    C::begin(&mut story, connectors).await;
    story.ready(C::ACCOUNT).await;
    let plane = ControlPlane::shared().await;
    let client = plane.client().await;
    let api: Api<DynamicObject> =
        Api::namespaced_with(client.clone(), &story.name, &connector_resource::<C>());

    let before = Reading::take(&mut story, &client).await;
    let watching = tokio::spawn(all_ready(api.clone(), connectors));
    let last_create = create::<C>(&api, connectors).await;
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
    println!("{:<58}{:>10.2}{:>14.2}", "seconds a list", first.seconds_a_list(), then.seconds_a_list());
    println!(
        "{:<58}{:>10}{:>13.2}%",
        "processor time, share of one core",
        "",
        100.0 * then.cpu_seconds / QUIET.as_secs_f64()
    );

    for (row, each) in C::REQUESTS {
        assert_eq!(first.count(row), each * connectors, "{row}: {each} a connector");
    }
    assert!(first.count(LISTS) <= 10, "at most ten lists until all are Ready");
    let expected: BTreeSet<&str> = C::REQUESTS.iter().map(|(row, _)| *row).collect();
    let others = |reading: &Reading, known: &BTreeSet<&str>| {
        let is_other = |row: &&String| is_about_connectors(row) && !known.contains(row.as_str());
        reading.counts.keys().filter(is_other).cloned().collect::<Vec<_>>()
    };
    assert_eq!(others(&first, &expected), Vec::<String>::new(), "nothing else was asked of the vendor");
    let writes = first.own_writes(&format!("{}s", C::KIND.to_lowercase()));
    assert!(writes <= C::WRITES * connectors, "{writes} writes: more than {} for each", C::WRITES);
    assert!(first.count("events.k8s.io events create") <= connectors, "at most one event a connector");
    assert_eq!(then.own_writes(""), 0, "not one write while nothing changes");
    assert_eq!(then.count("reconciles"), 0, "not one reconcile while nothing changes");
    assert!(then.count(LISTS) <= 3, "one list an interval");
    assert_eq!(
        others(&then, &BTreeSet::new()),
        Vec::<String>::new(),
        "nothing but lists while nothing changes"
    );
    println!("\nall counts are as promised");
    story.end().await;
}

fn connector_resource<C: Case>() -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk(OWN_GROUP, "v1alpha1", C::KIND))
}

/// Whether a row counts requests for single objects of the vendor.
fn is_about_connectors(row: &str) -> bool {
    ["GET", "POST", "PUT", "PATCH", "DELETE"].iter().any(|method| row == format!("vendor {method}"))
}

/// Declares the connectors; when the last one was accepted.
async fn create<C: Case>(api: &Api<DynamicObject>, connectors: usize) -> Instant {
    let started = Instant::now();
    stream::iter(0..connectors)
        .for_each_concurrent(CREATES_AT_ONCE, |number| async move {
            let object = DynamicObject::new(&format!("plant-{number:05}"), &connector_resource::<C>())
                .data(json!({"spec": C::spec(number)}));
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
