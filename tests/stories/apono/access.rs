//! Tokens that may not, and namespaces that may only so far.

use serde_json::json;

use crate::support::objects::{condition, condition_message};
use crate::support::story::Story;

use super::agent::{ACCOUNT, DECLARED, EDGE, GET, ID, registered};

#[tokio::test]
async fn a_token_that_is_refused_stops_the_account_until_it_is_right() {
    let mut story = registered("apono-401").await;
    story.apply(DECLARED).await;
    story.ready(EDGE).await;
    story.secret("apono", &[("token", "a token that nobody knows")]).await;
    let account = story.becomes(ACCOUNT, "Stalled", "True/AuthenticationFailed").await;
    let message = condition_message(&account, "Ready");
    assert!(message.contains("the vendor answered 401 Unauthorized (Unauthorized)"), "{message}");
    assert_eq!(story.condition(EDGE, "Ready").await, "True/Succeeded", "as the last good list has it");

    story.apono_account("").await;
    story.ready(ACCOUNT).await;
    story.ready(EDGE).await;
    story.cost(&[], &[(EDGE, "status")]).await;
    story.end().await;
}

#[tokio::test]
async fn a_token_that_may_only_read_says_what_it_lacks() {
    let mut story = Story::begin("apono-read-only").await;
    story.vendor.apono().register(ID, "Edge").await;
    story.apono_account("").await;
    let tokens = story.vendor.read("apono/tokens").await;
    let narrowed = json!([{"token": tokens[0]["token"], "organisation": "default", "read_only": true}]);
    story.vendor.apono().set_tokens(&narrowed).await;
    story.ready(ACCOUNT).await;
    story.apply(&format!("{DECLARED}  name: North\n")).await;
    let edge = story.becomes(EDGE, "Stalled", "True/Forbidden").await;
    let message = "edge: update failed: the vendor answered 403 Forbidden (Forbidden); give the account's credential the permission";
    assert_eq!(condition_message(&edge, "Ready"), message);
    story.cost(&[GET, "PUT /connectors/c-edge North -> 403"], &[(EDGE, "status")]).await;
    story.end().await;
}

#[tokio::test]
async fn other_namespaces_have_the_connectors_that_the_account_names_for_them() {
    let mut story = Story::named("apono-ceiling").other_namespace("team").begin().await;
    story.vendor.apono().register(ID, "Edge").await;
    story.vendor.apono().register("c-north", "North").await;
    story.apono_account("{allowedNamespaces: {from: All, connectorIds: [c-edge]}}").await;
    story.ready(ACCOUNT).await;
    let of_the_team = |name: &str| {
        format!(
            "
kind: AponoConnector
metadata: {{name: {name}, namespace: apono-ceiling-team}}
spec:
  accountRef: {{name: default, namespace: apono-ceiling}}
  connectorId: c-{name}
"
        )
    };
    let (edge, north) = ("AponoConnector/apono-ceiling-team/edge", "AponoConnector/apono-ceiling-team/north");
    story.apply(&of_the_team("north")).await;
    let refused = story.becomes(north, "Ready", "False/AccountNotAllowed").await;
    assert_eq!(condition(&refused, "Stalled"), "True/AccountNotAllowed");
    let message = "account apono-ceiling/default does not let this namespace name connector c-north; its owner can do so in \
                   spec.allowedNamespaces.connectorIds";
    assert_eq!(condition_message(&refused, "Ready"), message);
    assert_eq!(refused["status"]["remote"], json!(null));

    // It is named, but what exists may not be taken over yet.
    story.apply(&of_the_team("edge")).await;
    let refused = story.becomes(edge, "Ready", "False/Conflict").await;
    assert_eq!(refused["status"]["remote"], json!(null), "of what it may not have it learns nothing");
    story.edit(ACCOUNT, "spec: {allowedNamespaces: {adoption: Always}}").await;
    story.ready(edge).await;
    story.cost(&[], &[(edge, "status ×2"), (north, "status")]).await;
    story.end().await;
}
