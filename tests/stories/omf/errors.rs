//! What the vendor says when it refuses: its sentences reach the condition, what else it sends along does not.

use serde_json::{Value, json};

use super::line::{
    ACCOUNT, LINE_7, ONE, POST, at_once, begin, connection, delete_of, in_sync, update_of, with_account,
};
use crate::support::objects::{condition, condition_message};
use crate::support::omf::TENANT;
use crate::support::opening::random_text;
use crate::support::story::Story;

/// Makes `method` fail with this `ErrorResponseBody`, for so many times.
async fn refuses(story: &Story, method: &str, code: u16, body: &Value, times: u64) -> u64 {
    let matching = json!({"method": method, "path": "/api", "times": times});
    story.vendor.fault(matching, json!({"kind": "status", "code": code, "body": body})).await
}

#[tokio::test]
async fn its_sentences_and_its_operation_reach_the_condition_and_its_parameters_do_not() {
    let mut story = with_account("omf-error").await;
    let (parameters, properties) = (random_text("parameter"), random_text("property"));
    story.guard("Parameters", &parameters);
    story.guard("DynamicProperties", &properties);
    let body = json!({
        "OperationId": "4c0f6dd5c9a24b2e", "Error": "The OMF connection is not valid.",
        "Reason": format!("The client has no right to send. {}", "And so on. ".repeat(200)),
        "Resolution": "Give it the role.",
        "Parameters": {"secret": parameters}, "DynamicProperties": {"secret": properties}, "EventId": parameters,
    });
    refuses(&story, "POST", 400, &body, 1000).await;
    story.apply(&connection("line-7", &[ONE], "")).await;
    let stalled = story.becomes(LINE_7, "Stalled", "True/Conflict").await;
    let message = condition_message(&stalled, "Ready");
    let start = "line-7: create failed: the vendor answered 400 Bad Request (The OMF connection is not valid. The client has no right to send.";
    assert!(message.starts_with(start), "{message}");
    assert!(
        message.contains("Give it the role.") && message.contains("; operation 4c0f6dd5c9a24b2e)"),
        "{message}"
    );
    assert!(message.len() < 700, "{message}");
    let refused = format!("{POST} -> 400");
    // A fresh list is read before it is believed. Then the claim goes again, since nothing was created under it.
    story.cost(&[&refused], &[(LINE_7, "patch ×2, status")]).await;
    story.end().await;
}

#[tokio::test]
async fn a_refusal_that_repeats_the_token_or_the_clients_secret_is_cut_down_to_its_status() {
    let mut story = begin(at_once("omf-error-canary")).await;
    let token = random_text("omf-fixed-token");
    story.secret("fixed", &[("token", &token)]).await;
    let hub = story.vendor.data_hub();
    hub.set_tokens(&json!([{"token": token, "tenant": TENANT}])).await;
    story.omf_account_with("fixed", "", "{tokenSecretRef: {name: fixed}}").await;
    story.ready("OmfAccount/fixed").await;
    let body = |what: &str| json!({"Error": format!("You sent {what}"), "Reason": what, "OperationId": what});
    refuses(&story, "POST", 400, &body(&token), 1000).await;
    story.apply(&connection("line-7", &[ONE], "accountRef: {name: fixed}")).await;
    let stalled = story.becomes(LINE_7, "Stalled", "True/Conflict").await;
    let message = "line-7: create failed: the vendor answered 400 Bad Request; correct the spec";
    assert_eq!(condition_message(&stalled, "Ready"), message);
    story.vendor.heal().await;

    let secret = hub.clients().await[0]["client_secret"].as_str().expect("a secret").to_owned();
    refuses(&story, "GET", 400, &body(&secret), 1000).await;
    story.ask_for_a_list(ACCOUNT).await;
    let failing = story.becomes(ACCOUNT, "Ready", "False/ListRefused").await;
    assert!(
        condition_message(&failing, "Ready").contains("the vendor answered 400 Bad Request;"),
        "{failing}"
    );
    story.end().await;
}

#[tokio::test]
async fn what_passes_is_tried_again_and_its_changing_operation_moves_no_status() {
    for (name, code) in [("omf-error-408", 408_u16), ("omf-error-503", 503), ("omf-error-504", 504)] {
        let story = with_account(name).await;
        let mut faults = Vec::new();
        for n in 0..3 {
            let body = json!({"OperationId": format!("operation-{n}"), "Error": "Busy.", "Reason": "Too much to do."});
            let matching = json!({"method": "POST", "path": "/api", "times": 1});
            faults.push(
                story.vendor.fault(matching, json!({"kind": "status", "code": code, "body": body})).await,
            );
        }
        story.apply(&connection("line-7", &[ONE], "")).await;
        let failed = story.becomes(LINE_7, "Ready", "False/RemoteUnavailable").await;
        assert_eq!(condition(&failed, "Reconciling"), "True/ProgressingWithRetry");
        let message = condition_message(&failed, "Ready");
        assert!(message.contains("(Busy. Too much to do.)") && !message.contains("operation-"), "{message}");
        story.ready(LINE_7).await;
        let posts = story.vendor_writes().await;
        let refused = format!("{POST} -> {code}");
        assert_eq!(posts, [&refused, &refused, &refused, POST]);
        story.end().await;
    }
}

#[tokio::test]
async fn updates_and_deletes_that_fail_in_passing_write_one_status() {
    let (story, id) = in_sync("omf-error-passing", &[ONE], "").await;
    for n in 0..2 {
        let body = json!({"OperationId": format!("operation-{n}"), "Error": "Busy."});
        refuses(&story, "PUT", 503, &body, 1).await;
        refuses(&story, "DELETE", 503, &body, 1).await;
    }
    story.edit(LINE_7, "spec: {name: Line 7}").await;
    story.becomes(LINE_7, "Ready", "False/RemoteUnavailable").await;
    story.ready(LINE_7).await;
    let [get, put] = update_of(&id, "Line 7");
    let busy = format!("{put} -> 503");
    // Once that it fails, and that it is done.
    let writes = "patch, status ×3";
    story.cost(&[POST, &get, &busy, &get, &busy, &get, &put], &[(LINE_7, writes)]).await;
    story.delete(LINE_7).await;
    story.becomes(LINE_7, "Ready", "False/DeletionBlocked").await;
    story.gone(LINE_7).await;
    let delete = delete_of(&id);
    let busy = format!("{delete} -> 503");
    let writes = story.vendor_writes().await;
    assert_eq!(writes[writes.len() - 3..], [&busy, &busy, &delete].map(String::clone));
    story.end().await;
}

#[tokio::test]
async fn a_namespace_that_is_not_there_is_no_proof_that_anything_is_gone() {
    let (story, id) = in_sync("omf-error-404", &[ONE], "").await;
    let hub = story.vendor.data_hub();
    let answer = json!({"kind": "refused", "code": 404});
    story.vendor.fault(json!({"path": "/api"}), answer).await;
    story.ask_for_a_list(ACCOUNT).await;
    let refused = story.becomes(ACCOUNT, "Ready", "False/ListRefused").await;
    let message = condition_message(&refused, "Ready");
    assert!(message.starts_with("account omf-error-404/default: the vendor answered 404"), "{message}");
    assert_eq!(story.condition(LINE_7, "Ready").await, "True/Succeeded");
    story.delete(LINE_7).await;
    let blocked = story.becomes(LINE_7, "Ready", "False/DeletionBlocked").await;
    assert!(
        condition_message(&blocked, "Ready").contains("the vendor cannot be read: the vendor answered 404")
    );

    story.vendor.heal().await;
    story.ask_for_a_list(ACCOUNT).await;
    story.gone(LINE_7).await;
    story.cost(&[POST, &delete_of(&id)], &[(LINE_7, "patch, status ×3, patch")]).await;
    assert_eq!(hub.states().await.len(), 1, "and its row says that it is Deleted");

    // A namespace that was never there.
    let account = "{namespaceId: nowhere}";
    story.omf_account_with("nowhere", "aveva", account).await;
    story.becomes("OmfAccount/nowhere", "Ready", "False/ListRefused").await;
    story.apply(&connection("line-9", &[ONE], "accountRef: {name: nowhere}")).await;
    story.becomes("OmfConnection/line-9", "Ready", "Unknown/AccountNotReady").await;
    story.end().await;
}
