//! The scenes of AVEVA Data Hub: a vendor that takes its time, and clients that can be in one connection only.

use std::time::Instant;

use serde_json::{Value, json};

use crate::scenes::asked;
use crate::stage::{Stage, say, seconds};
use crate::support::objects::condition_message;
use crate::support::omf::TENANT;
use crate::support::opening::random_text;
use crate::support::story::Story;

/// The namespace of the samples.
pub(crate) const PLANT: &str = "plant";
const ACCOUNT: &str = "OmfAccount/plant/default";
const LINE_7: &str = "OmfConnection/plant/line-7";
const LINE_8: &str = "OmfConnection/plant/line-8";
const LOOK: &str = "kubectl get omfconnections -n plant -o wide";
const LINE_8_WITH: &str = r#"printf '%s' '{"apiVersion": "connector-operator.io/v1alpha1", "kind": "OmfConnection", "metadata": {"name": "line-8", "namespace": "plant"}, "spec": {"clientIds": ["gateway-8", "gateway-9"]}}' | kubectl apply -f -"#;

/// A connection is declared, and Creating until the vendor is done.
pub(crate) async fn a_connection_takes_its_time(story: &mut Story, stage: &Stage) {
    stage.heading("9. A third vendor, AVEVA Data Hub, which takes its time").await;
    let before = story.vendor.newest().await;
    let (client, secret) = ("demo-client", random_text("omf-client-secret"));
    story.secret("plant/aveva", &[("clientId", client), ("clientSecret", &secret)]).await;
    let clients = json!([{"client_id": client, "client_secret": secret, "tenant": TENANT}]);
    story.vendor.data_hub().set_clients(&clients).await;
    story.vendor.switch("omf.creating-milliseconds", "4000").await;
    stage
        .run("sed -e \"s|https://uswe.datahub.connect.aveva.com|$EMULATOR|\" deploy/samples/omf-account.yaml | kubectl apply -f -")
        .await;
    story.ready(ACCOUNT).await;
    let started = Instant::now();
    stage.run("kubectl apply -f deploy/samples/omf-connection.yaml").await;
    let is_creating = |seen: &Value| condition_message(seen, "Ready").contains("Creating since");
    story.eventually(LINE_7, "Creating", is_creating).await;
    stage.run(LOOK).await;
    story.ready(LINE_7).await;
    say(&format!(
        "After {} the vendor calls it Active. While anything is under way, its list is read every few seconds.",
        seconds(started.elapsed())
    ));
    stage.run("kubectl get omfconnection line-7 -n plant -o yaml | sed -n '/^  remote:/,$p'").await;
    asked(story, stage, before).await;
}

/// A client can be in one connection: it is released there before it is claimed here.
pub(crate) async fn a_client_moves(story: &Story, stage: &Stage) {
    stage.heading("10. A client moves from one connection to another").await;
    story.vendor.switch("omf.creating-milliseconds", "0").await;
    stage.run(LINE_8_WITH).await;
    story.ready(LINE_8).await;
    let before = story.vendor.newest().await;
    stage
        .run(r#"kubectl patch omfconnection line-7 -n plant --type merge -p '{"spec": {"clientIds": ["gateway-7", "gateway-9"]}}'"#)
        .await;
    story.becomes(LINE_7, "Stalled", "True/Conflict").await;
    stage.run("kubectl get omfconnection line-7 -n plant -o jsonpath='{.status.conditions[?(@.type==\"Ready\")].message}'").await;
    say("\nNothing was sent. So line-8 gives it up:");
    stage
        .run(r#"kubectl patch omfconnection line-8 -n plant --type merge -p '{"spec": {"clientIds": ["gateway-8"]}}'"#)
        .await;
    story.ready(LINE_8).await;
    story.ready(LINE_7).await;
    let clients = story.vendor.data_hub().connection("Line 7 sensors").await["ClientIds"].clone();
    assert_eq!(clients, json!(["gateway-7", "gateway-9"]), "Ready, but not so at the vendor");
    stage.run(LOOK).await;
    asked(story, stage, before).await;
}

/// A delete waits until the vendor is done with it.
pub(crate) async fn one_is_deleted(story: &Story, stage: &Stage) {
    stage.heading("11. A connection is deleted, which takes its time, too").await;
    // Listed as Deleted for long enough to be seen: else two lists without it have to tell.
    story.vendor.switch("omf.deleted-milliseconds", "60000").await;
    let before = story.vendor.newest().await;
    let started = Instant::now();
    stage.run("kubectl delete -f deploy/samples/omf-connection.yaml --timeout 60s").await;
    let left = story.vendor.data_hub().states().await;
    assert!(!left.contains(&"Line 7 sensors Active".to_owned()), "it is gone here, and still at the vendor");
    say(&format!(
        "It took {}: the object stayed until the vendor's was Deleted.",
        seconds(started.elapsed())
    ));
    asked(story, stage, before).await;
}
