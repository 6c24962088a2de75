//! A leader that is frozen for longer than its lease comes back to find another in its place: what it had begun does not count any more.

use std::time::Duration;

use serde_json::Value;

use crate::plant::{ACCOUNT, HTTPS, PATCH, PLANT_A, POST};
use crate::support::api_proxy::ApiProxy;
use crate::support::control_plane::ControlPlane;
use crate::support::process::Signal;
use crate::support::story::{DEADLINE, Story};
use crate::support::wait;

/// Two replicas, of which the first leads, and the way of both to the API server.
async fn two(name: &str) -> (Story, ApiProxy) {
    let proxy = ApiProxy::start(ControlPlane::shared().await).await;
    let mut story = Story::named(name)
        .replicas(2)
        .value("leaderElection.leaseDuration", "4s")
        .value("leaderElection.renewDeadline", "3s")
        .value("leaderElection.retryPeriod", "500ms")
        .cluster_at(&proxy.host())
        .begin()
        .await;
    story.onomondo_account("").await;
    story.ready(ACCOUNT).await;
    assert!(leads(&story, 0).await && !leads(&story, 1).await);
    (story, proxy)
}

async fn leads(story: &Story, replica: usize) -> bool {
    let page = story.operators[replica].metrics().await;
    page.lines().any(|line| line.starts_with("leader_election_master_status") && line.ends_with(" 1"))
}

/// Freezes the leader until the other one leads.
async fn freeze_the_leader(story: &mut Story) {
    story.operators[0].process().signal(Signal::Stop);
    let story = &*story;
    wait::until("the other one leads", DEADLINE, || async {
        if leads(story, 1).await { Ok(()) } else { Err("it does not") }
    })
    .await;
}

/// Lets the frozen one go on: it ends by itself, and says so with its exit code.
async fn thaw_the_deposed(story: &mut Story) {
    let deposed = story.operators[0].process();
    deposed.signal(Signal::Continue);
    let status = deposed.exited(Duration::from_secs(20)).await;
    assert!(!status.success(), "who has lost its lease has not ended well: {status}");
}

async fn is_refused(story: &Story, write: &str) {
    wait::until(write, DEADLINE, || async {
        let writes = story.kubernetes_writes().await;
        if writes.iter().any(|line| line == write) { Ok(()) } else { Err(writes.join(", ")) }
    })
    .await;
}

fn version(object: &Value) -> String {
    object["metadata"]["resourceVersion"].as_str().expect("a version").to_owned()
}

#[tokio::test]
async fn a_status_that_was_on_its_way_overwrites_nothing() {
    let (mut story, proxy) = two("deposed-status").await;
    story.apply(HTTPS).await;
    story.ready(PLANT_A).await;
    let mut status = proxy.hold("PATCH", "/onomondoconnectors/plant-a/status");
    story.edit(PLANT_A, "spec: {https: {shouldReturnBody: true}}").await;
    status.came().await;
    freeze_the_leader(&mut story).await;
    // Its successor finds that the vendor has been told, and says so.
    story.ready(PLANT_A).await;
    story.edit(PLANT_A, "spec: {https: {host: 'https://ingest.example.com/v2'}}").await;
    let seen = story.ready(PLANT_A).await;

    // Only now the API server sees what the frozen one has sent.
    status.release();
    is_refused(&story, "apply onomondoconnectors/plant-a/status -> 409").await;
    thaw_the_deposed(&mut story).await;
    assert_eq!(version(&story.get(PLANT_A).await), version(&seen), "nobody wrote to it");
    story.cost(&[POST, PATCH, PATCH], &[(PLANT_A, "patch, status ×3, status -> 409")]).await;
    story.end().await;
}

#[tokio::test]
async fn a_create_that_it_was_about_to_send_is_not_sent() {
    let (mut story, proxy) = two("deposed-create").await;
    let mut claim = proxy.hold("PATCH", "/onomondoconnectors/plant-a");
    story.apply(HTTPS).await;
    claim.came().await;
    freeze_the_leader(&mut story).await;
    story.ready(PLANT_A).await;
    claim.release();
    is_refused(&story, "patch onomondoconnectors/plant-a -> 409").await;
    thaw_the_deposed(&mut story).await;
    assert_eq!(story.vendor.connectors().await.len(), 1);
    story.cost(&[POST], &[(PLANT_A, "patch, status, patch -> 409")]).await;
    story.end().await;
}
