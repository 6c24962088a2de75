//! An account that several namespaces share: who may use it, how far, and what they learn of each other.

use serde_json::{Value, json};

use crate::support::objects::{condition, condition_message};
use crate::support::story::Story;

const ACCOUNT: &str = "OnomondoAccount/default";

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
    assert_eq!(story.vendor_writes().await, Vec::<String>::new());

    story.edit(ACCOUNT, "spec: {allowedNamespaces: {from: All}}").await;
    story.ready(&plant_a).await;
    assert_eq!(story.vendor_writes().await, ["POST /connectors plant-a"]);

    story.edit(ACCOUNT, "spec: {allowedNamespaces: {from: Same}}").await;
    assert_eq!(refused(&story, &plant_a).await, message);
    story.edit(&plant_a, "spec: {https: {shouldReturnBody: false}}").await;
    assert_eq!(refused(&story, &plant_a).await, message);
    assert_eq!(story.vendor_writes().await, ["POST /connectors plant-a"], "it may change nothing any more");
    story.delete(&plant_a).await;
    story.gone(&plant_a).await;
    let writes = ["POST /connectors plant-a", "DELETE /connectors/plant-a"];
    assert_eq!(story.vendor_writes().await, writes, "what it created it may still delete");
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
    assert_eq!(story.vendor_writes().await, ["POST /connectors team-plant-a"]);
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
    for (kind, more, ready, message) in cases {
        for name in [kind.to_owned(), format!("{kind}-guessed")] {
            story.apply(&of_the_team(&story, &name, more)).await;
            let told = story.becomes(&object(&story, &name), "Ready", ready).await;
            assert_eq!(condition_message(&told, "Ready"), message.replace("NAME", &name));
            for field in ["remote", "plannedChanges", "secrets", "scope"] {
                assert_eq!(told["status"][field], Value::Null, "{name}: status.{field} tells of it");
            }
            assert!(!told["status"].to_string().contains("strangers-host"), "{told}");
        }
    }
    assert_eq!(story.vendor_writes().await, Vec::<String>::new());
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
    let message = "plant-a: another connector already manages shared; give this one another name, or ask the owner of the account";
    assert_eq!(condition_message(&conflict, "Ready"), message);
    assert_eq!(conflict["status"]["remote"], Value::Null);
    assert!(!conflict["status"].to_string().contains("secret-plan"), "{conflict}");
    assert_eq!(story.vendor_writes().await, ["POST /connectors shared"]);
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

    for name in ["plant-a", "plant-b"] {
        story.apply(&of_the_team(&story, name, "adoptionPolicy: Always")).await;
    }
    story.ready(&object(&story, "plant-a")).await;
    let conflict = story.becomes(&object(&story, "plant-b"), "Ready", "False/Conflict").await;
    assert!(!conflict["status"].to_string().contains("strangers-host"), "{conflict}");
    assert_eq!(story.vendor_writes().await, Vec::<String>::new());
    story.end().await;
}
