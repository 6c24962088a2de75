//! An account that several namespaces share: who may use it, how far, and what they learn of each other.

use serde_json::{Value, json};

use crate::plant::{ACCOUNT, DELETE, POST};
use crate::support::objects::{condition, condition_message};
use crate::support::story::Story;

/// A connector of the other namespace. `more` is more of its spec.
fn of_the_team(story: &Story, name: &str, more: &str) -> String {
    let home = &story.name;
    format!(
        "
kind: OnomondoConnector
metadata: {{name: {name}, namespace: {home}-team}}
spec:
  accountRef: {{name: default, namespace: {home}}}
  type: https
  https: {{host: 'https://ingest.example.com/v1', shouldReturnBody: true}}
  {more}
"
    )
}

fn object(story: &Story, name: &str) -> String {
    format!("OnomondoConnector/{}-team/{name}", story.name)
}

async fn begin(name: &str, account: &str) -> Story {
    let mut story = Story::named(name).other_namespace("team").begin().await;
    story.onomondo_account(account).await;
    story.ready(ACCOUNT).await;
    story
}

/// Waits until the connector is refused its account, and returns what a person reads.
async fn refused(story: &Story, object: &str) -> String {
    let refused = story.becomes(object, "Ready", "False/AccountNotAllowed").await;
    assert_eq!(condition(&refused, "Stalled"), "True/AccountNotAllowed");
    condition_message(&refused, "Ready")
}

#[tokio::test]
async fn an_account_is_for_its_own_namespace_until_its_owner_opens_it() {
    let story = begin("tenants", "").await;
    story.apply(&of_the_team(&story, "plant-a", "")).await;
    let plant_a = object(&story, "plant-a");
    let message = "account tenants/default does not allow namespace tenants-team; its owner can do so in spec.allowedNamespaces";
    assert_eq!(refused(&story, &plant_a).await, message);
    story.cost(&[], &[(&plant_a, "status")]).await;

    story.edit(ACCOUNT, "spec: {allowedNamespaces: {from: All}}").await;
    story.ready(&plant_a).await;
    story.cost(&[POST], &[(&plant_a, "status, patch, status")]).await;

    story.edit(ACCOUNT, "spec: {allowedNamespaces: {from: Same}}").await;
    assert_eq!(refused(&story, &plant_a).await, message);
    story.edit(&plant_a, "spec: {https: {shouldReturnBody: false}}").await;
    assert_eq!(refused(&story, &plant_a).await, message);
    // It may change nothing any more.
    story.cost(&[POST], &[(&plant_a, "status, patch, status ×3")]).await;
    story.delete(&plant_a).await;
    story.gone(&plant_a).await;
    // What it created it may still delete.
    story.cost(&[POST, DELETE], &[(&plant_a, "status, patch, status ×3, patch")]).await;
    story.end().await;
}

const FOR_TEAM_A: &str = "{allowedNamespaces: {from: Selector, selector: {matchLabels: {team: a}}}}";

#[tokio::test]
async fn an_account_that_selects_by_labels_follows_them() {
    let mut story = Story::named("tenants-labels").other_namespace("team").cluster_scoped().begin().await;
    story.onomondo_account(FOR_TEAM_A).await;
    story.ready(ACCOUNT).await;
    story.apply(&of_the_team(&story, "plant-a", "")).await;
    let plant_a = object(&story, "plant-a");
    let message = "account tenants-labels/default does not allow namespace tenants-labels-team; its owner can do so in \
                   spec.allowedNamespaces";
    assert_eq!(refused(&story, &plant_a).await, message);

    story.edit("Namespace/tenants-labels-team", "metadata: {labels: {team: a}}").await;
    story.ready(&plant_a).await;
    story.edit("Namespace/tenants-labels-team", "metadata: {labels: {team: b}}").await;
    assert_eq!(refused(&story, &plant_a).await, message);
    story.cost(&[POST], &[(&plant_a, "status, patch, status ×2")]).await;
    story.end().await;
}

#[tokio::test]
async fn labels_that_may_not_be_read_select_nobody_and_the_status_says_why() {
    let story = begin("tenants-unread-labels", FOR_TEAM_A).await;
    story.edit("Namespace/tenants-unread-labels-team", "metadata: {labels: {team: a}}").await;
    story.apply(&of_the_team(&story, "plant-a", "")).await;
    let message = "account tenants-unread-labels/default selects namespaces by their labels, which this operator may not read; install \
                   it with rbac.clusterScoped=true, or set allowedNamespaces.from to All or Same";
    let plant_a = object(&story, "plant-a");
    assert_eq!(refused(&story, &plant_a).await, message);
    story.cost(&[], &[(&plant_a, "status")]).await;
    story.end().await;
}

#[tokio::test]
async fn other_namespaces_may_only_use_names_of_the_pattern() {
    let story = begin("tenants-names", "{allowedNamespaces: {from: All, namePattern: '^team-'}}").await;
    story.apply(&of_the_team(&story, "plant-a", "")).await;
    let plant_a = object(&story, "plant-a");
    let message = "account tenants-names/default allows this namespace only names that match ^team-; set spec.name accordingly";
    assert_eq!(refused(&story, &plant_a).await, message);

    story.edit(&plant_a, "spec: {name: team-plant-a}").await;
    story.ready(&plant_a).await;
    story.cost(&["POST /connectors team-plant-a"], &[(&plant_a, "status, patch, status")]).await;
    story.end().await;
}

/// What the other namespace must not learn of.
fn strangers() -> Value {
    json!({"type": "https", "options": {"host": "https://strangers-host.example.com", "shouldReturnBody": false}})
}

#[tokio::test]
async fn of_a_strangers_object_other_namespaces_learn_only_that_it_exists() {
    let mut story = Story::named("tenants-strangers").other_namespace("team").begin().await;
    let declared = json!({"type": "https", "options": {"host": "https://ingest.example.com/v1", "shouldReturnBody": true}});
    for name in ["manages", "observes", "plans"] {
        story.vendor.put_connector(name, &strangers()).await;
        // Whoever declares it by a lucky guess must not be told so.
        story.vendor.put_connector(&format!("{name}-guessed"), &declared).await;
    }
    story.onomondo_account("{allowedNamespaces: {from: All, adoption: Never}}").await;
    story.ready(ACCOUNT).await;

    let cases = [
        (
            "manages",
            "adoptionPolicy: Always",
            "False/Conflict",
            "NAME: NAME already exists at the vendor, and this namespace may not take it over; choose another name, or ask the owner of \
             the account to widen allowedNamespaces.adoption",
        ),
        (
            "observes",
            "managementPolicy: Observe",
            "True/Observed",
            "NAME exists; this namespace may not look at it",
        ),
        (
            "plans",
            "managementPolicy: Plan",
            "False/ChangesPlanned",
            "NAME exists, and this namespace may not take it over",
        ),
    ];
    let mut told_once = Vec::new();
    for (kind, more, ready, message) in cases {
        for name in [kind.to_owned(), format!("{kind}-guessed")] {
            story.apply(&of_the_team(&story, &name, more)).await;
            let told = story.becomes(&object(&story, &name), "Ready", ready).await;
            assert_eq!(condition_message(&told, "Ready"), message.replace("NAME", &name));
            for field in ["remote", "plannedChanges", "secrets", "scope"] {
                assert_eq!(told["status"][field], Value::Null, "{name}: status.{field} tells of it");
            }
            assert!(!told["status"].to_string().contains("strangers-host"), "{told}");
            told_once.push(object(&story, &name));
        }
    }
    let writes: Vec<_> = told_once.iter().map(|object| (object.as_str(), "status")).collect();
    story.cost(&[], &writes).await;
    story.end().await;
}

#[tokio::test]
async fn who_holds_a_name_is_not_told_to_other_namespaces() {
    let story = begin("tenants-holder", "{allowedNamespaces: {from: All, adoption: Always}}").await;
    let secret_plan = of_the_team(&story, "secret-plan", "name: shared").replace("-team}", "}");
    story.apply(&secret_plan).await;
    story.ready("OnomondoConnector/secret-plan").await;

    story.apply(&of_the_team(&story, "plant-a", "name: shared")).await;
    let plant_a = object(&story, "plant-a");
    let conflict = story.becomes(&plant_a, "Ready", "False/Conflict").await;
    let message = "plant-a: another connector already manages shared; declare another one here, or ask the owner of the account";
    assert_eq!(condition_message(&conflict, "Ready"), message);
    assert_eq!(conflict["status"]["remote"], Value::Null);
    assert!(!conflict["status"].to_string().contains("secret-plan"), "{conflict}");
    let writes = [("OnomondoConnector/secret-plan", "patch, status"), (&plant_a, "status")];
    story.cost(&["POST /connectors shared"], &writes).await;
    story.end().await;
}

#[tokio::test]
async fn the_ceiling_lets_through_what_the_owner_allows() {
    let mut story = Story::named("tenants-ceiling").other_namespace("team").begin().await;
    let declared = json!({"type": "https", "options": {"host": "https://ingest.example.com/v1", "shouldReturnBody": true}});
    story.vendor.put_connector("plant-a", &declared).await;
    story.vendor.put_connector("plant-b", &strangers()).await;
    story.onomondo_account("{allowedNamespaces: {from: All, adoption: IfIdentical}}").await;
    story.ready(ACCOUNT).await;

    let [plant_a, plant_b] = ["plant-a", "plant-b"].map(|name| object(&story, name));
    for name in ["plant-a", "plant-b"] {
        story.apply(&of_the_team(&story, name, "adoptionPolicy: Always")).await;
    }
    story.ready(&plant_a).await;
    let conflict = story.becomes(&plant_b, "Ready", "False/Conflict").await;
    assert!(!conflict["status"].to_string().contains("strangers-host"), "{conflict}");
    story.cost(&[], &[(&plant_a, "patch, status"), (&plant_b, "status")]).await;
    story.end().await;
}
