//! Two replicas: one works, the other stands by, and no hand-over doubles anything.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use crate::plant::{ACCOUNT, NEVER_ADOPTED, PATCH, PLANT_A, POST};
use crate::support::http::get;
use crate::support::story::{DEADLINE, Story};
use crate::support::wait;

/// Which replica says that it leads.
async fn leader(story: &Story) -> Option<usize> {
    for (number, operator) in story.operators.iter().enumerate() {
        let Ok((200, page)) = get(&operator.url("/metrics")).await else { continue };
        let leads = |line: &str| line.starts_with("leader_election_master_status") && line.ends_with(" 1");
        if page.lines().any(leads) {
            return Some(number);
        }
    }
    None
}

async fn lease(story: &Story) -> Value {
    story.get(&format!("Lease/{}-connector-operator", story.name)).await["spec"].clone()
}

fn moment(lease: &Value, field: &str) -> Timestamp {
    lease[field].as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no {field}: {lease}"))
}

#[tokio::test]
async fn the_leader_is_killed_in_the_middle_of_a_post() {
    const LEASE: Duration = Duration::from_secs(4);
    let mut story = Story::named("replicas")
        .replicas(2)
        .value("leaderElection.leaseDuration", "4s")
        .value("leaderElection.renewDeadline", "3s")
        .value("leaderElection.retryPeriod", "500ms")
        .begin()
        .await;
    story.onomondo_account("").await;
    story.ready(ACCOUNT).await;
    assert_eq!(leader(&story).await, Some(0));
    let (code, text) = get(&story.operators[1].url("/readyz")).await.unwrap();
    assert_eq!(code, 200, "the one that stands by is ready, too: {text}");

    let once = json!({"method": "POST", "times": 1});
    story.vendor.fault(once, json!({"kind": "hang", "after_applying": true})).await;
    story.apply(NEVER_ADOPTED).await;
    story.vendor.wait_for("POST", 1, DEADLINE).await;
    story.operators[0].kill().await;
    let last = lease(&story).await;
    story.ready(PLANT_A).await;

    assert_eq!(leader(&story).await, Some(1));
    story.cost(&["POST /connectors plant-a -> abandoned"], &[(PLANT_A, "patch, status")]).await;
    let next = lease(&story).await;
    assert_eq!(next["leaseTransitions"], last["leaseTransitions"].as_i64().unwrap() + 1);
    let gap = moment(&next, "acquireTime").duration_since(moment(&last, "renewTime")).unsigned_abs();
    assert!(gap >= LEASE, "it took the lease over after {gap:?}, while it was still valid");
    assert!(gap < 3 * LEASE, "it took the lease over only after {gap:?}");
    story.end().await;
}

#[tokio::test]
async fn a_leader_that_is_asked_to_stop_gives_the_lease_back_at_once() {
    // Nobody could wait for a lease as long as this one.
    let mut story = Story::named("replicas-handover")
        .replicas(2)
        .value("leaderElection.leaseDuration", "9m")
        .value("leaderElection.retryPeriod", "500ms")
        .begin()
        .await;
    story.onomondo_account("").await;
    story.ready(ACCOUNT).await;
    story.apply(NEVER_ADOPTED).await;
    story.ready(PLANT_A).await;

    let status = story.operators[0].terminate().await;
    assert!(status.success(), "{status}");
    wait::until("the other one leads", DEADLINE, || async {
        leader(&story).await.filter(|leader| *leader == 1).ok_or("it does not")
    })
    .await;
    story.edit(PLANT_A, "spec: {https: {shouldReturnBody: true}}").await;
    story.ready(PLANT_A).await;

    story.cost(&[POST, PATCH], &[(PLANT_A, "patch, status ×2")]).await;
    story.end().await;
}
