//! `make soak`: three hundred objects of the three vendors under constant change for an hour, or for `MINUTES`, on a control plane of its own.
//!
//! In the first half two replicas are killed at random, again and again; in the second half they live, and their memory is measured. Then people
//! stop, and when all that they asked for has been done each object has to be at its vendor once, as it was declared last, and all has to be quiet.
#![allow(clippy::expect_used, clippy::print_stdout, reason = "it speaks to a person, and fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod fleet;
mod memory;
mod people;

use std::time::{Duration, Instant};

use fleet::Fleet;
use memory::Memory;
use people::People;
use support::control_plane::ControlPlane;
use support::cost::is_list;
use support::story::Story;
use support::wait;

/// How many objects of each vendor.
const OF_EACH: usize = 100;
const REPLICAS: usize = 2;
const RESYNC: Duration = Duration::from_secs(10);
/// How long after the last word everything may take to come true.
const COMES_TRUE_WITHIN: Duration = Duration::from_mins(5);
/// Between two kills.
const KILL_AFTER_SECONDS: std::ops::Range<u64> = 4..16;
const SAMPLE_EVERY: Duration = Duration::from_secs(5);

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let minutes =
        std::env::var("MINUTES").map_or(60, |minutes| minutes.parse().expect("MINUTES is a number"));
    let half = Duration::from_mins(minutes) / 2;
    let plane = ControlPlane::own("soak").await;
    let mut story = begin(plane).await;
    let fleet = Fleet::new(OF_EACH);
    let people = People::new(&story, fleet.clone());
    println!("{} objects; {minutes} minutes, half of them with SIGKILLs", 3 * OF_EACH);
    people.declare_all().await;
    let at_work = tokio::spawn(people.clone().work());

    let kills = kill_at_random(&mut story, half).await;
    println!("{kills} kills");
    let memory = measure(&mut story, half).await;

    at_work.abort();
    let _ = at_work.await;
    let last_word = Instant::now();
    people.say_a_last_word().await;
    wait::until("everything is as it was declared last", COMES_TRUE_WITHIN, || async {
        people.have_it_tried_again().await;
        fleet.is_as_declared(&story).await
    })
    .await;
    println!("everything is as it was declared last after {:.0} s", last_word.elapsed().as_secs_f64());
    it_is_quiet(&mut story).await;
    println!("{}", people.told());
    println!("{memory}");
    memory.assert_flat();
    story.end().await;
    println!(
        "each object is at its vendor once, as it was declared last; nothing is stuck, and all is quiet"
    );
}

async fn begin(plane: &'static ControlPlane) -> Story {
    let mut story = Story::named("soak")
        .on(plane)
        .replicas(REPLICAS)
        .value("leaderElection.leaseDuration", "4s")
        .value("leaderElection.renewDeadline", "3s")
        .value("leaderElection.retryPeriod", "500ms")
        .value("logging.level", "info")
        .switch("onomondo.requests-per-minute", "0")
        .begin()
        .await;
    let more = format!("{{resyncInterval: {}s, requestsPerMinute: 60000}}", RESYNC.as_secs());
    story.onomondo_account(&more).await;
    story.apono_account(&more).await;
    story.omf_account(&more).await;
    story
}

/// Kills one replica after the other; how many.
async fn kill_at_random(story: &mut Story, time: Duration) -> usize {
    let (started, mut kills) = (Instant::now(), 0);
    while started.elapsed() < time {
        tokio::time::sleep(Duration::from_secs(fastrand::u64(KILL_AFTER_SECONDS))).await;
        let operator = &mut story.operators[fastrand::usize(..REPLICAS)];
        operator.kill().await;
        kills += 1;
        start_what_has_ended(story).await;
    }
    kills
}

/// Does what the kubelet would do with a replica that has ended, also by itself: one that lost its lease ends.
async fn start_what_has_ended(story: &mut Story) {
    for operator in &mut story.operators {
        if !operator.runs() {
            operator.restart().await;
        }
    }
}

async fn measure(story: &mut Story, time: Duration) -> Memory {
    let (started, mut memory) = (Instant::now(), Memory::default());
    while started.elapsed() < time {
        tokio::time::sleep(SAMPLE_EVERY).await;
        start_what_has_ended(story).await;
        for operator in &story.operators {
            memory.sample(operator.id());
        }
    }
    memory
}

/// Three lists of each vendor change nothing, here or there.
async fn it_is_quiet(story: &mut Story) {
    let newest = story.vendor.newest().await;
    let written = story.kubernetes_writes().await.len();
    tokio::time::sleep(3 * RESYNC).await;
    let mut asked = story.seen_since(newest).await;
    asked.retain(|line| !is_list(line) && !line.contains("/identity/"));
    assert_eq!(asked, [""; 0], "the vendors are left in peace");
    let writes = story.kubernetes_writes().await.split_off(written);
    assert_eq!(writes, [""; 0], "nothing is written");
}
