//! What is in sync costs one list an interval, and nothing else: no pass, no write to Kubernetes, no write to the vendor.
//! A restart costs no write either.

use crate::plant::{ACCOUNT, LIST, PLANT_A, POST};
use crate::support::story::Story;

const CONNECTORS: &str = "
kind: OnomondoConnector
metadata: {name: plant-a}
spec:
  type: tls
  tls:
    host: 123.123.123.123
    port: 443
    serverName: foobar.example.com
    keySecretRef: {name: plant-a-tls}
    certSecretRef: {name: plant-a-tls}
  passthrough:
    - {protocol: udp, ip: 1.1.1.1, port: 53}
    - {protocol: icmp}
  tags: [a5023f47-1db8-425e-b664-dc0b8921f644]
---
kind: OnomondoConnector
metadata: {name: plant-b}
spec:
  type: https
  https: {host: 'https://ingest.example.com/v1'}
---
kind: OnomondoConnector
metadata: {name: plant-c}
spec:
  managementPolicy: Observe
  type: https
  https: {host: 'https://ingest.example.com/v1'}
";

#[tokio::test]
async fn what_is_in_sync_costs_lists_and_nothing_else() {
    // A list in another order each time says nothing new.
    let opening = Story::named("quiet").switch("onomondo.list-order", "shuffled");
    let mut story = opening.switch("onomondo.passthrough-order", "sorted").begin().await;
    story.tls_secret("plant-a-tls").await;
    story.onomondo_account("resyncInterval: 10s").await;
    story.ready(ACCOUNT).await;
    story.apply(CONNECTORS).await;
    story.ready(PLANT_A).await;
    story.ready("OnomondoConnector/plant-b").await;
    story.becomes("OnomondoConnector/plant-c", "Ready", "False/RemoteNotFound").await;
    // The list after the last write confirms it.
    story.lists_come(1).await;

    let (reconciles, newest) = (story.reconciles().await, story.vendor.newest().await);
    let (writes, others) = (story.kubernetes_writes().await, story.other_kubernetes_writes().await);
    story.lists_come(3).await;

    let seen = story.seen_since(newest).await;
    assert!(seen.len() >= 3 && seen.iter().all(|request| request == LIST), "{seen:?}");
    assert_eq!(story.kubernetes_writes().await, writes);
    assert_eq!(story.other_kubernetes_writes().await, others);
    assert_eq!(story.reconciles().await, reconciles);

    let newest = story.vendor.newest().await;
    story.operator().terminate().await;
    story.operator().restart().await;
    story.lists_come(1).await;

    let seen = story.seen_since(newest).await;
    assert!(!seen.is_empty() && seen.iter().all(|request| request == LIST), "{seen:?}");
    assert_eq!(story.kubernetes_writes().await, writes, "after the restart");
    assert_eq!(story.other_kubernetes_writes().await, others, "after the restart");
    let in_their_lives = [
        (PLANT_A, "patch, status"),
        ("OnomondoConnector/plant-b", "patch, status"),
        ("OnomondoConnector/plant-c", "status"),
    ];
    story.cost_in_any_order(&[POST, "POST /connectors plant-b"], &in_their_lives).await;
    story.end().await;
}
