//! `make demo`: one story, told to a person on a terminal, with the real operator on a real control plane.
//!
//! It stands on the stories' harness and shows only what it really saw: each command is run as printed, each wait is for a
//! condition, and a step that fails ends it with an error. `KEEP=1` leaves everything running.
#![allow(clippy::expect_used, clippy::print_stdout, reason = "it speaks to a person, and fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod apono;
mod omf;
mod scenes;
mod stage;

use std::process::exit;

use stage::Stage;

/// What shells report of a program that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

fn main() {
    std::panic::set_hook(Box::new(say_what_failed));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime for the demonstration");
    runtime.spawn(end_on_signal());
    runtime.block_on(tell());
}

/// A step that failed says so in its own words, and the exit code tells.
fn say_what_failed(panic: &std::panic::PanicHookInfo<'_>) {
    let what = panic.payload_as_str().unwrap_or("for an unknown reason");
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    eprintln!("\nThe demonstration failed: {what}\n({place})");
}

/// Ctrl-C and SIGTERM end everything: the guardian of the run sees us go, stops what runs and removes the run's folder.
async fn end_on_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).expect("take over SIGTERM");
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
    eprintln!("\nStopped. Everything that ran is being ended and removed.");
    exit(INTERRUPTED);
}

async fn tell() {
    let stage = Stage::new();
    let (mut story, stage) = scenes::opening(stage).await;
    scenes::manifests_before_secrets(&mut story, &stage).await;
    scenes::all_become_ready(&mut story, &stage).await;
    scenes::drift_is_repaired(&story, &stage).await;
    scenes::a_plan_is_shown_then_carried_out(&story, &stage).await;
    scenes::a_secret_is_rotated(&mut story, &stage).await;
    scenes::one_is_deleted(&story, &stage).await;
    apono::a_connector_waits_for_its_agent(&mut story, &stage).await;
    apono::its_agent_disconnects(&story, &stage).await;
    omf::a_connection_takes_its_time(&mut story, &stage).await;
    omf::a_client_moves(&story, &stage).await;
    omf::one_is_deleted(&story, &stage).await;
    if std::env::var_os("KEEP").is_some_and(|keep| !keep.is_empty() && keep != "0") {
        scenes::leave_it_running(story, &stage).await;
    } else {
        scenes::closing(story, &stage).await;
    }
}
