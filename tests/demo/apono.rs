//! The scenes of Apono: a connector that only its agent can make.

use std::time::Instant;

use serde_json::{Value, json};

use crate::scenes::asked;
use crate::stage::{Stage, say, seconds};
use crate::support::objects::condition;
use crate::support::opening::random_text;
use crate::support::story::Story;

/// The namespace of the samples.
pub(crate) const ACCESS: &str = "access";
const ACCOUNT: &str = "AponoAccount/access/default";
const PROD_EKS: &str = "AponoConnector/access/prod-eks";
/// The id that the sample names.
const ID: &str = "6c1d9a52-7f0b-4a7e-9c53-0b8f6f2c1e11";
const LOOK: &str = "kubectl get aponoconnector prod-eks -n access";

/// What is declared before its agent is installed says how to install it.
pub(crate) async fn a_connector_waits_for_its_agent(story: &mut Story, stage: &Stage) {
    stage.heading("7. Another vendor, Apono, where nobody but an agent can make a connector").await;
    let before = story.vendor.newest().await;
    let token = random_text("apono-token");
    story.secret("access/apono", &[("token", &token)]).await;
    story.vendor.apono().set_tokens(&json!([{"token": token, "organisation": "default"}])).await;
    stage
        .run("sed -e \"s|https://api.apono.io|$EMULATOR|\" -e '/^spec:/a\\  resyncInterval: 10s' deploy/samples/apono-account.yaml | kubectl apply -f -")
        .await;
    stage.run("kubectl apply -f deploy/samples/apono-connector.yaml").await;
    story.becomes(PROD_EKS, "Ready", "False/WaitingForAgent").await;
    stage.run(LOOK).await;
    stage.run(&format!("{LOOK} -o jsonpath='{{.status.conditions[?(@.type==\"Ready\")].message}}'")).await;

    say("\nSomebody does that: the agent registers, under the name that it was installed with.");
    let agent = json!({
        "connector_id": ID, "name": "eks-7f3a", "version": "1.7.8", "cloud_provider_type": "AWS",
        "metadata": {"kubernetes_type": "EKS", "region": "eu-west-1"},
    });
    story.vendor.apono().install("the-agent", &agent).await;
    let started = Instant::now();
    story.ready(PROD_EKS).await;
    assert_eq!(story.vendor.apono().name_of(ID).await, "prod-eks", "Ready, but not so at the vendor");
    say(&format!("After {} it is Ready, and has the name that is declared.", seconds(started.elapsed())));
    stage.run(LOOK).await;
    story.ready(ACCOUNT).await;
    asked(story, stage, before).await;
}

/// Whether the agent is there is shown, and changes nothing else.
pub(crate) async fn its_agent_disconnects(story: &Story, stage: &Stage) {
    stage.heading("8. The agent loses its network").await;
    let before = story.vendor.newest().await;
    story.vendor.apono().disconnect("the-agent").await;
    story.becomes(PROD_EKS, "Connected", "False/Disconnected").await;
    stage.run(LOOK).await;
    stage
        .run(&format!("{LOOK} -o jsonpath='{{.status.conditions[?(@.type==\"Connected\")].message}}'"))
        .await;
    story.vendor.apono().connect("the-agent").await;
    let is_back = |seen: &Value| condition(seen, "Connected") == "True/Connected";
    story.eventually(PROD_EKS, "connected again", is_back).await;
    say("\nIt is back. That it is Ready never changed: the operator manages the name, and nobody's network.");
    asked(story, stage, before).await;
}
