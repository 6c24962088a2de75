//! What becomes of the connector at Apono when its object is deleted.

use http::Method;
use serde_json::{Value, json};

use crate::support::objects::{condition, condition_message};

use super::agent::{ACCOUNT, DECLARED, DELETE, EDGE, ID, LIST, in_sync};

/// With consent to delete it.
const DELETED: &str = "
kind: AponoConnector
metadata: {name: edge}
spec:
  connectorId: c-edge
  deletionPolicy: Delete
";

#[tokio::test]
async fn by_default_it_stays_where_it_is() {
    let story = in_sync("apono-orphan", DECLARED).await;
    story.delete(EDGE).await;
    story.gone(EDGE).await;
    assert!(story.vendor.apono().connector(ID).await.is_some());
    story.cost(&[], &[(EDGE, "status")]).await;
    story.end().await;
}

#[tokio::test]
async fn a_delete_is_one_call() {
    let story = in_sync("apono-delete", DELETED).await;
    story.delete(EDGE).await;
    story.gone(EDGE).await;
    assert_eq!(story.vendor.apono().connector(ID).await, None);
    assert_eq!(story.told(&format!("Normal Deleted {EDGE}")).await, "c-edge was deleted at the vendor");
    story.cost(&[DELETE], &[(EDGE, "patch, status, patch")]).await;
    story.delete(ACCOUNT).await;
    story.gone(ACCOUNT).await;
    story.end().await;
}

#[tokio::test]
async fn a_404_to_a_delete_proves_nothing() {
    let story = in_sync("apono-delete-404", DELETED).await;
    story
        .vendor
        .fault(json!({"method": "DELETE", "times": 1}), json!({"kind": "refused", "code": 404}))
        .await;
    story.delete(EDGE).await;
    story.gone(EDGE).await;
    // A fresh list showed it, so it was asked for once more.
    assert_eq!(story.vendor.apono().connector(ID).await, None);
    let asked = [&format!("{DELETE} -> 404"), DELETE];
    story.cost(&asked, &[(EDGE, "patch, status ×2, patch")]).await;
    story.end().await;
}

#[tokio::test]
async fn what_somebody_else_deleted_is_gone_when_two_lists_say_so() {
    let story = in_sync("apono-delete-already", DELETED).await;
    story.vendor.apono().remove(ID).await;
    story.delete(EDGE).await;
    story.gone(EDGE).await;
    let asked = [LIST, &format!("{DELETE} -> 404"), LIST, LIST];
    story.cost(&asked, &[(EDGE, "patch, status ×3, patch")]).await;
    story.end().await;
}

#[tokio::test]
async fn one_that_registers_again_is_told_of_and_not_fought() {
    let story = in_sync("apono-reappears", DELETED).await;
    story.delete(EDGE).await;
    story.gone(EDGE).await;
    story.the_last_write_is_listed().await;

    // Its agent still runs.
    story.vendor.apono().heartbeat(ID).await;
    story.look_again().await;
    let note = story.told(&format!("Warning Reappeared {ACCOUNT}")).await;
    let advice = "c-edge, deleted by apono-reappears/edge, is there again: its agent still runs and has registered again; uninstall the \
                  agent that was installed with apono.connectorId=c-edge, then delete the connector at Apono, or declare it here again";
    assert_eq!(note, advice);
    story.look_again().await;
    assert!(story.vendor.apono().connector(ID).await.is_some());
    story.cost(&[DELETE], &[(EDGE, "patch, status, patch")]).await;
    story.end().await;
}

#[tokio::test]
async fn one_that_an_integration_uses_says_so_and_goes_when_it_may() {
    let story = in_sync("apono-delete-used", DELETED).await;
    story.vendor.switch("apono.delete-used", "409").await;
    story.vendor.apono().integrate("i-1", ID).await;
    story.delete(EDGE).await;
    let blocked = story.becomes(EDGE, "Ready", "False/DeletionBlocked").await;
    assert_eq!(condition(&blocked, "Reconciling"), "True/DeletionBlocked");
    let message = "edge: c-edge cannot be deleted: the vendor answered 409 Conflict (Conflict)";
    assert_eq!(condition_message(&blocked, "Ready"), message);

    story.vendor.control(Method::DELETE, "apono/integrations/i-1", &Value::Null).await;
    story.gone(EDGE).await;
    let mut sent = story.vendor_writes().await;
    assert_eq!(sent.pop().as_deref(), Some(DELETE));
    // How often it was refused meanwhile is a matter of time.
    assert!(!sent.is_empty() && sent.iter().all(|line| *line == format!("{DELETE} -> 409")), "{sent:?}");
    story.end().await;
}
