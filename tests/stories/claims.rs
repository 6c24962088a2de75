//! Two objects ask for one connector: the older has it, the younger is told who has it and gets its turn when that one goes.

use serde_json::json;

use crate::plant::{TLS, with_account};
use crate::support::story::Story;

fn plant(object: &str, host: &str) -> String {
    format!(
        "kind: OnomondoConnector\nmetadata: {{name: {object}}}\nspec: {{name: plant, type: https, https: {{host: '{host}'}}}}"
    )
}

const FIRST: &str = "OnomondoConnector/zz-first";
const SECOND: &str = "OnomondoConnector/aa-second";
const POST: &str = "POST /connectors plant";

#[tokio::test]
async fn who_holds_it_keeps_it_and_the_other_gets_its_turn() {
    let story = with_account("claims").await;
    story.apply(&plant("zz-first", "https://first.example.com")).await;
    story.ready(FIRST).await;
    story.apply(&plant("aa-second", "https://second.example.com")).await;
    story.becomes(SECOND, "Stalled", "True/Conflict").await;

    assert_eq!(story.condition(SECOND, "Ready").await, "False/Conflict");
    let message = "aa-second: plant is already managed by claims/zz-first; only one connector can do that: declare another one in one of them, or delete one";
    assert_eq!(story.message(SECOND, "Ready").await, message);
    // Consent to adoption is no leave to take what another connector has.
    story.edit(SECOND, "spec: {adoptionPolicy: Always}").await;
    story.becomes(SECOND, "Stalled", "True/Conflict").await;
    story.look_again().await;
    story.cost(&[POST], &[(FIRST, "patch, status"), (SECOND, "status ×2")]).await;

    story.delete(FIRST).await;
    story.gone(FIRST).await;
    story.ready(SECOND).await;
    let writes = [(FIRST, "patch, status, patch"), (SECOND, "status ×2, patch, status")];
    story.cost(&[POST, "DELETE /connectors/plant", POST], &writes).await;
    let at_the_vendor = story.vendor.connector("plant").await.expect("it is there");
    assert_eq!(at_the_vendor["options"]["host"], "https://second.example.com");
    story.end().await;
}

#[tokio::test]
async fn deleting_the_one_that_has_nothing_leaves_the_other_alone() {
    let story = with_account("claims-loser").await;
    story.apply(&plant("zz-first", "https://first.example.com")).await;
    story.ready(FIRST).await;
    story.apply(&plant("aa-second", "https://second.example.com")).await;
    story.becomes(SECOND, "Stalled", "True/Conflict").await;

    story.delete(SECOND).await;
    story.gone(SECOND).await;
    story.look_again().await;
    story.cost(&[POST], &[(FIRST, "patch, status"), (SECOND, "status")]).await;
    assert_eq!(story.condition(FIRST, "Ready").await, "True/Succeeded");
    story.end().await;
}

#[tokio::test]
async fn who_looked_away_does_not_get_back_what_another_has_taken_over() {
    let story = with_account("claims-observed").await;
    story.apply(&plant("zz-first", "https://first.example.com")).await;
    story.ready(FIRST).await;
    story.edit(FIRST, "spec: {managementPolicy: Observe}").await;
    story.becomes(FIRST, "Ready", "True/Observed").await;
    let second = plant("aa-second", "https://second.example.com");
    story.apply(&second.replace("spec: {", "spec: {adoptionPolicy: Always, ")).await;
    story.ready(SECOND).await;
    story.eventually(FIRST, "without a record", |seen| seen["status"]["scope"].is_null()).await;

    story.edit(FIRST, "spec: {managementPolicy: Manage}").await;
    story.becomes(FIRST, "Stalled", "True/Conflict").await;
    story.look_again().await;
    assert_eq!(story.condition(SECOND, "Ready").await, "True/Succeeded");
    let at_the_vendor = story.vendor.connector("plant").await.expect("it is there");
    assert_eq!(at_the_vendor["options"]["host"], "https://second.example.com");
    story.delete(FIRST).await;
    story.gone(FIRST).await;
    assert!(story.vendor.connector("plant").await.is_some(), "it is the other's");
    story.end().await;
}

#[tokio::test]
async fn who_looked_away_has_no_claim_left_on_the_name_that_it_began_with() {
    let story = with_account("claims-old-name").await;
    let named = |object: &str, name: &str, policy: &str| {
        let text =
            plant(object, "https://ours.example.com").replace("name: plant,", &format!("name: {name},"));
        text.replace("spec: {", &format!("spec: {{adoptionPolicy: {policy}, "))
    };
    story.apply(&named("zz-first", "plant-x", "Never")).await;
    story.ready(FIRST).await;
    story.edit(FIRST, "spec: {name: plant-y}").await;
    story.eventually(FIRST, "renamed", |seen| seen["status"]["remote"]["name"] == "plant-y").await;
    story.edit(FIRST, "spec: {managementPolicy: Observe}").await;
    story.becomes(FIRST, "Ready", "True/Observed").await;
    story.apply(&named("aa-second", "plant-y", "Always")).await;
    story.ready(SECOND).await;
    story.eventually(FIRST, "without a record", |seen| seen["status"]["scope"].is_null()).await;

    let stranger = json!({"type": "https", "options": {"host": "https://stranger.example.com"}});
    story.vendor.put_connector("plant-x", &stranger).await;
    story.look_again().await;
    story.edit(FIRST, "spec: {managementPolicy: Manage, name: plant-z}").await;
    let first = story.ready(FIRST).await;
    assert_eq!(first["status"]["remote"]["name"], "plant-z");
    assert!(story.vendor.connector("plant-x").await.is_some(), "the stranger's is as it was");
    assert_eq!(story.vendor.connectors().await.len(), 3);
    story.end().await;
}

#[tokio::test]
async fn who_looks_away_while_its_secret_is_missing_does_not_get_back_what_another_has_taken_over() {
    let mut story = with_account("claims-unread").await;
    story.tls_secret("client").await;
    let first =
        TLS.replace("{name: plant-a}", "{name: zz-first}").replace("spec:\n", "spec:\n  name: plant\n");
    story.apply(&first).await;
    story.ready(FIRST).await;
    story.delete("Secret/client").await;
    story.becomes(FIRST, "Ready", "False/SecretNotFound").await;
    story.edit(FIRST, "spec: {managementPolicy: Observe}").await;
    story.eventually(FIRST, "seen", |seen| seen["status"]["observedGeneration"] == 2).await;
    let second = plant("aa-second", "https://second.example.com");
    story.apply(&second.replace("spec: {", "spec: {adoptionPolicy: Always, ")).await;
    story.ready(SECOND).await;
    story.eventually(FIRST, "without a record", |seen| seen["status"]["scope"].is_null()).await;
    story.edit(FIRST, "spec: {managementPolicy: Manage}").await;
    story.tls_secret("client").await;
    story.becomes(FIRST, "Stalled", "True/Conflict").await;
    assert_eq!(story.condition(SECOND, "Ready").await, "True/Succeeded");
    story.end().await;
}

#[tokio::test]
async fn among_those_that_hold_nothing_the_oldest_wins() {
    // Both are there before the operator is, so that it hears of both at once.
    let mut story = Story::named("claims-oldest").replicas(0).begin().await;
    story.onomondo_account("").await;
    story.apply(&plant("zz-first", "https://first.example.com")).await;
    let first = story.get(FIRST).await["metadata"]["creationTimestamp"].clone();
    // A creationTimestamp has whole seconds.
    let mut tries = 0;
    loop {
        story.apply(&plant("aa-second", "https://second.example.com")).await;
        if story.get(SECOND).await["metadata"]["creationTimestamp"] != first {
            break;
        }
        story.delete(SECOND).await;
        tries += 1;
        assert!(tries < 10_000, "the API server's clock stands still");
    }
    story.start_operator().await;

    story.ready(FIRST).await;
    story.becomes(SECOND, "Stalled", "True/Conflict").await;
    story.cost(&[POST], &[(FIRST, "patch, status"), (SECOND, "status")]).await;
    let at_the_vendor = story.vendor.connector("plant").await.expect("it is there");
    assert_eq!(at_the_vendor["options"]["host"], "https://first.example.com");
    story.end().await;
}
