//! The ways in which a connection is not managed, or managed elsewhere.

use serde_json::{Value, json};

use super::line::{
    ACCOUNT, LINE_7, ONE, POST, TWO, at_once, connection, delete_of, id_of, in_sync, there, update_of,
    with_account,
};
use crate::support::objects::{condition, condition_message};
use crate::support::omf::{NAMESPACE, TENANT};

#[tokio::test]
async fn an_older_tenant_is_called_by_the_older_version() {
    let mut story = at_once("omf-v2-preview").begin().await;
    story.omf_account("{apiVersion: v2-preview}").await;
    story.ready(ACCOUNT).await;
    story.apply(&connection("line-7", &[ONE], "")).await;
    let id = id_of(&story.ready(LINE_7).await);
    story.edit(LINE_7, "spec: {name: Line 7}").await;
    story.ready(LINE_7).await;
    let collection = format!("/api/v2-preview/Tenants/{TENANT}/Namespaces/{NAMESPACE}/OmfConnections");
    let requests = story.vendor.data_hub().requests().await;
    assert!(requests.iter().all(|request| request.path.starts_with(&collection)), "{requests:?}");
    let [get, put] = update_of(&id, "Line 7");
    story.cost(&[POST, &get, &put], &[(LINE_7, "patch, status ×2")]).await;

    // The other version shows the same connections: nothing is made again.
    story.edit(ACCOUNT, "spec: {apiVersion: v1}").await;
    story.look_again().await;
    story.ready(LINE_7).await;
    let newest = story.vendor.data_hub().requests().await.pop().expect("a list");
    assert!(newest.path.starts_with("/api/v1/"), "{newest}");
    story.cost(&[POST, &get, &put], &[(LINE_7, "patch, status ×2")]).await;
    story.end().await;
}

#[tokio::test]
async fn an_account_that_moved_to_another_namespace_touches_nothing_that_was_made_before() {
    let (story, id) = in_sync("omf-scope", &[ONE], "").await;
    let namespaces =
        [NAMESPACE, "staging"].map(|namespace| json!({"tenant": TENANT, "namespace": namespace}));
    story.vendor.data_hub().set_namespaces(&json!(namespaces)).await;
    story.edit(ACCOUNT, "spec: {namespaceId: staging}").await;
    let changed = story.becomes(LINE_7, "Stalled", "True/ScopeChanged").await;
    let place = |namespace: &str| format!("{}/{TENANT}/{namespace}", story.vendor.host());
    let message = format!(
        "line-7: it was made at {}, but its account now goes to {}; put the account back, or set deletionPolicy: Orphan, delete this \
         object and create it again",
        place(NAMESPACE),
        place("staging")
    );
    assert_eq!(condition_message(&changed, "Ready"), message);
    story.edit(LINE_7, "spec: {name: Line 7}").await;
    story.becomes(LINE_7, "Stalled", "True/ScopeChanged").await;
    story.cost(&[POST], &[(LINE_7, "patch, status ×3")]).await;

    story.edit(ACCOUNT, &format!("spec: {{namespaceId: {NAMESPACE}}}")).await;
    story.ready(LINE_7).await;
    let [get, put] = update_of(&id, "Line 7");
    story.cost(&[POST, &get, &put], &[(LINE_7, "patch, status ×4")]).await;
    story.end().await;
}

#[tokio::test]
async fn what_takes_the_place_of_its_own_while_it_observes_does_not_become_its_own() {
    let (story, id) = in_sync("omf-replaced", &[ONE], "").await;
    story.edit(LINE_7, "spec: {managementPolicy: Observe, adoptionPolicy: Never}").await;
    story.becomes(LINE_7, "Ready", "True/Observed").await;
    story.vendor.data_hub().remove_connection(&id).await;
    story.vendor.data_hub().put_connections(&[there("Theirs", &[ONE])]).await;
    story.look_again().await;
    let is_told = |seen: &Value| condition_message(seen, "Ready").contains("Theirs");
    let seen = story.eventually(LINE_7, "told what is there now", is_told).await;
    assert_eq!(id_of(&seen), id, "what it had stays recorded");

    story.edit(LINE_7, "spec: {managementPolicy: Manage}").await;
    let is_refused = |seen: &Value| condition(seen, "Stalled") == "True/Conflict";
    for _ in 0..2 {
        story.look_again().await;
    }
    story.eventually(LINE_7, "in conflict", is_refused).await;
    story.delete(LINE_7).await;
    story.gone(LINE_7).await;
    assert_eq!(story.vendor.data_hub().states().await, ["Theirs Active"]);
    assert_eq!(story.vendor_writes().await, [POST]);
    story.end().await;
}

#[tokio::test]
async fn observe_and_plan_show_and_write_nothing_to_the_vendor() {
    let story = with_account("omf-observe").await;
    let ids = story.vendor.data_hub().put_connections(&[there("Theirs", &[ONE])]).await;
    story.look_again().await;
    story.apply(&connection("line-7", &[ONE], "managementPolicy: Observe")).await;
    let seen = story.becomes(LINE_7, "Ready", "True/Observed").await;
    assert_eq!(condition_message(&seen, "Ready"), "line-7 exists and differs: name: Theirs → line-7");
    assert_eq!(
        (id_of(&seen).as_str(), &seen["status"]["remote"]["state"]),
        (ids[0].as_str(), &json!("Active"))
    );

    story.edit(LINE_7, "spec: {managementPolicy: Plan}").await;
    let seen = story.becomes(LINE_7, "Ready", "False/ChangesPlanned").await;
    let planned = json!([{"field": "name", "from": "Theirs", "to": "line-7"}]);
    assert_eq!(seen["status"]["plannedChanges"], planned);
    story.edit(LINE_7, &json!({"spec": {"clientIds": [TWO]}}).to_string()).await;
    let creates = |seen: &Value| condition_message(seen, "Ready") == "Manage would create line-7";
    story.eventually(LINE_7, "told that it would be created", creates).await;
    story.delete(LINE_7).await;
    story.gone(LINE_7).await;
    story.cost(&[], &[(LINE_7, "status ×3")]).await;
    assert_eq!(story.vendor.data_hub().states().await, ["Theirs Active"]);
    story.end().await;
}

#[tokio::test]
async fn a_suspended_connection_is_not_looked_at_until_it_is_resumed() {
    let (story, id) = in_sync("omf-suspend", &[ONE], "").await;
    story.edit(LINE_7, "spec: {suspend: true, name: Line 7}").await;
    let suspended = |seen: &Value| condition(seen, "Suspended") == "True/Suspended";
    story.eventually(LINE_7, "suspended", suspended).await;
    story.vendor.data_hub().change_connection(&id, &json!({"Name": "theirs"})).await;
    story.look_again().await;
    story.cost(&[POST], &[(LINE_7, "patch, status ×2")]).await;
    story.edit(LINE_7, "spec: {suspend: false}").await;
    story.ready(LINE_7).await;
    let [get, put] = update_of(&id, "Line 7");
    story.cost(&[POST, &get, &put], &[(LINE_7, "patch, status ×3")]).await;
    story.end().await;
}

#[tokio::test]
async fn an_orphaned_connection_stays_and_another_object_takes_it_over() {
    let (story, id) = in_sync("omf-orphan", &[ONE], "deletionPolicy: Orphan").await;
    story.delete(LINE_7).await;
    story.gone(LINE_7).await;
    assert_eq!(story.vendor.data_hub().states().await, ["line-7 Active"]);
    story.apply(&connection("line-7", &[ONE], "")).await;
    assert_eq!(id_of(&story.ready(LINE_7).await), id);
    story.delete(LINE_7).await;
    story.gone(LINE_7).await;
    // Orphaned, it needs no finalizer.
    story.cost(&[POST, &delete_of(&id)], &[(LINE_7, "patch, status, patch, status ×2, patch")]).await;
    story.end().await;
}
