//! The scenes of the demonstration, in the order in which they are played.

use std::time::Instant;

use serde_json::{Value, json};

use crate::apono::ACCESS;
use crate::omf::PLANT;
use crate::stage::{Stage, say, seconds, show};
use crate::support::control_plane::ControlPlane;
use crate::support::cost::is_list;
use crate::support::objects::{condition, is_current};
use crate::support::process::Run;
use crate::support::story::{DEADLINE, Story};
use crate::support::vendor::lines;
use crate::support::wait;

/// The namespace of the samples.
const IOT: &str = "iot";
const ACCOUNT: &str = "OnomondoAccount/iot/default";
const PLANT_A: &str = "OnomondoConnector/iot/plant-a";
/// What somebody sets plant-a's port to at the vendor; the sample declares another.
const CHANGED_PORT: u16 = 8883;
const INGEST: &str = "OnomondoConnector/iot/ingest";
const CONNECTORS: [&str; 4] =
    [PLANT_A, INGEST, "OnomondoConnector/iot/fleet-eu", "OnomondoConnector/iot/azure-hub"];

/// Starts what takes part.
pub(crate) async fn opening(stage: Stage) -> (Story, Stage) {
    say("connector-operator: SaaS connectors, declared as Kubernetes objects and kept as declared.");
    stage.whisper("Starting a Kubernetes control plane, emulated vendors, and the operator …");
    let started = Instant::now();
    let story = Story::named("connector-operator")
        .works_on(IOT)
        .works_on(ACCESS)
        .works_on(PLANT)
        .cluster_scoped()
        .value("requestTimeout", "30s")
        .value("logging.level", "info")
        .begin()
        .await;
    let plane = ControlPlane::shared().await;
    let stage = stage.with_shell(plane, story.vendor.url());
    stage.whisper(&format!(
        "All run after {}: etcd, kube-apiserver, kube-controller-manager; the vendors at {}; the operator with the rights that the Helm chart gives it.",
        seconds(started.elapsed()),
        story.vendor.url()
    ));
    (story, stage)
}

/// GitOps tools apply in any order.
pub(crate) async fn manifests_before_secrets(story: &mut Story, stage: &Stage) {
    stage.heading("1. The samples are applied, but somebody forgot the Secrets").await;
    stage.whisper("The sample account reads api.onomondo.com once a minute; this one reads the emulator every 10 seconds.");
    stage
        .run("sed -e \"s|https://api.onomondo.com|$EMULATOR|\" -e 's|resyncInterval: 1m|resyncInterval: 10s|' deploy/samples/onomondo-account.yaml | kubectl apply -f -")
        .await;
    let account = story.get(ACCOUNT).await;
    assert_eq!(
        (&account["spec"]["endpoint"], &account["spec"]["resyncInterval"]),
        (&json!(story.vendor.url()), &json!("10s")),
        "the sample account has changed, and the line above does not fit it any more"
    );
    stage.run("for each in deploy/samples/onomondo-connector-*.yaml; do kubectl apply -f $each; done").await;
    for connector in CONNECTORS {
        let is_told =
            |seen: &Value| is_current(seen) && condition(seen, "Ready") == "Unknown/AccountNotReady";
        story.eventually(connector, "waiting for its account", is_told).await;
    }
    stage.run("kubectl get connectors -A").await;
    stage.run("kubectl get onomondoaccount default -n iot -o wide").await;
}

/// The Secrets come.
pub(crate) async fn all_become_ready(story: &mut Story, stage: &Stage) {
    stage.heading("2. The Secrets come").await;
    let before = story.vendor.newest().await;
    story.secret("iot/plant-a-ca", &[("ca.crt", &ca_certificate())]).await;
    let connection_string = format!(
        "HostName=hub.azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey={}",
        random_word()
    );
    story.secret("iot/hub", &[("connectionString", &connection_string)]).await;
    story.tls_secret("iot/plant-a-tls").await;
    let api_key = story.api_key.clone();
    let started = Instant::now();
    story.secret("iot/onomondo", &[("apiKey", &api_key)]).await;
    for connector in CONNECTORS {
        story.ready(connector).await;
    }
    say(&format!("All four are Ready {} after the last Secret, the API key.", seconds(started.elapsed())));
    story.ready(ACCOUNT).await;
    stage.run("kubectl get connectors -A").await;
    let status = "kubectl get onomondoconnector plant-a -n iot -o yaml | sed -n '/^status:/,$p'";
    stage.run(status).await;
    asked(story, stage, before).await;
}

/// Somebody changes a connector at the vendor.
pub(crate) async fn drift_is_repaired(story: &Story, stage: &Stage) {
    stage.heading("3. Somebody changes plant-a in the vendor's web app").await;
    let port = |connector: &Value| connector["options"]["port"].clone();
    let declared = port(&at_vendor(story, "plant-a").await);
    let before = story.vendor.newest().await;
    story.vendor.change_connector("plant-a", &json!({"options": {"port": CHANGED_PORT}})).await;
    let started = Instant::now();
    say(&format!(
        "Its port at the vendor: {declared}, now {CHANGED_PORT}. One list every 10 seconds will show it."
    ));
    wait::until("the port at the vendor is as declared", DEADLINE, || async {
        let now = port(&at_vendor(story, "plant-a").await);
        if now == declared { Ok(()) } else { Err(format!("it is {now}")) }
    })
    .await;
    say(&format!("After {} it is {declared} again.", seconds(started.elapsed())));
    event(story, "DriftCorrected", "plant-a").await;
    stage.run("kubectl events -n iot --for onomondoconnector/plant-a").await;
    asked(story, stage, before).await;
}

/// A change is looked at before it is made.
pub(crate) async fn a_plan_is_shown_then_carried_out(story: &Story, stage: &Stage) {
    stage.heading("4. A change is looked at before it is made").await;
    let before = story.vendor.newest().await;
    stage
        .run(r#"kubectl patch onomondoconnector ingest -n iot --type merge -p '{"spec": {"managementPolicy": "Plan", "https": {"host": "https://ingest.example.com/v2"}}}'"#)
        .await;
    story.becomes(INGEST, "Ready", "False/ChangesPlanned").await;
    stage.run("kubectl get onomondoconnector ingest -n iot -o yaml | sed -n '/^  plannedChanges:/,$p'").await;
    let host = at_vendor(story, "ingest").await["options"]["host"].clone();
    say(&format!("At the vendor it is still {}. It looks right, so:", host.as_str().unwrap_or("?")));
    stage
        .run(r#"kubectl patch onomondoconnector ingest -n iot --type merge -p '{"spec": {"managementPolicy": "Manage"}}'"#)
        .await;
    story.ready(INGEST).await;
    let host = at_vendor(story, "ingest").await["options"]["host"].clone();
    assert_eq!(host, "https://ingest.example.com/v2", "Ready, but not so at the vendor");
    say("Now it is https://ingest.example.com/v2.");
    asked(story, stage, before).await;
}

/// A Secret changes, as cert-manager would change it.
pub(crate) async fn a_secret_is_rotated(story: &mut Story, stage: &Stage) {
    stage.heading("5. The client certificate of plant-a is rotated").await;
    let before = story.vendor.newest().await;
    let written = |seen: &Value| seen["status"]["secrets"]["cert"]["lastUpdatedAt"].clone();
    let old = written(&story.get(PLANT_A).await);
    let started = Instant::now();
    story.tls_secret("iot/plant-a-tls").await;
    let is_new = |seen: &Value| condition(seen, "Ready").starts_with("True/") && written(seen) != old;
    story.eventually(PLANT_A, "Ready with the new certificate", is_new).await;
    say(&format!(
        "The Secret plant-a-tls changed; {} later the vendor had the new key and certificate.",
        seconds(started.elapsed())
    ));
    stage.run("kubectl get onomondoconnector plant-a -n iot -o yaml | sed -n '/^  secrets:/,$p'").await;
    asked(story, stage, before).await;
}

/// An object is deleted, and its connector with it.
pub(crate) async fn one_is_deleted(story: &Story, stage: &Stage) {
    stage.heading("6. One is deleted").await;
    let before = story.vendor.newest().await;
    stage.run("kubectl delete -f deploy/samples/onomondo-connector-aws-iot-core.yaml --timeout 60s").await;
    assert_eq!(story.vendor.connector("fleet-eu").await, None, "it is gone here, and still at the vendor");
    stage.run("kubectl get connectors -A").await;
    asked(story, stage, before).await;
}

/// Everything ends.
pub(crate) async fn closing(story: Story, stage: &Stage) {
    stage.heading("The end").await;
    tally(&story).await;
    story.end().await;
    say(
        "No secret was found in any status, event, log line, metric or URL. The operator ended when it was asked to.",
    );
    say(&format!(
        "That took {}. All is stopped and removed; KEEP=1 make demo leaves it running.",
        stage.elapsed()
    ));
}

/// Everything goes on.
pub(crate) async fn leave_it_running(story: Story, stage: &Stage) {
    stage.heading("Everything still runs").await;
    tally(&story).await;
    let found = story.search_for_secrets().await;
    assert!(found.is_empty(), "secrets came to light:\n  {}", found.join("\n  "));
    let keeper = Run::current().hand_over();
    say("To look around:\n");
    show(&stage.exports());
    say(&format!("\nThe operator's log: {}", story.folder.join("operator-0.log").display()));
    say("The vendor's side:  curl $EMULATOR/_emulator/onomondo/connectors   (docs/emulator.md has more)");
    say(&format!("To stop and remove it all: kill {keeper}   (it ends by itself after a day)"));
    // Nothing is dropped, so nothing is stopped.
    std::process::exit(0);
}

async fn at_vendor(story: &Story, name: &str) -> Value {
    let found = story.vendor.connector(name).await;
    found.unwrap_or_else(|| panic!("the vendor has no connector {name}"))
}

/// What the vendor was asked in this scene; the lists of the clock are only counted.
pub(crate) async fn asked(story: &Story, stage: &Stage, since: u64) {
    let requests = story.vendor.requests_since(since).await;
    let (lists, others): (Vec<String>, Vec<String>) =
        lines(&requests).into_iter().partition(|line| is_list(line));
    let lists = number(lists.len(), "list");
    let all: Vec<String> = others.into_iter().chain([lists]).collect();
    stage.whisper(&format!("The vendor was asked: {}", all.join(", ")));
}

async fn tally(story: &Story) {
    let requests = story.vendor.requests().await;
    let count = |method: &str| {
        requests.iter().filter(|request| request.method == method && request.is_write()).count()
    };
    let lists = lines(&requests).iter().filter(|line| is_list(line)).count();
    say(&format!(
        "In all, the vendors were asked for {}, {}, {} and {}.",
        number(lists, "list"),
        number(count("POST"), "create"),
        number(count("PATCH") + count("PUT"), "change"),
        number(count("DELETE"), "delete")
    ));
}

/// Waits for an event; they are written behind the operator's back, so to say.
async fn event(story: &Story, reason: &str, about: &str) {
    wait::until(&format!("the event {reason} of {about}"), DEADLINE, || async {
        let events = story.objects.list("Event", IOT).await;
        let is_it = |event: &Value| event["reason"] == reason && event["regarding"]["name"] == about;
        if events.iter().any(is_it) { Ok(()) } else { Err(format!("there are {} others", events.len())) }
    })
    .await;
}

fn ca_certificate() -> String {
    crate::support::certificates::Identity::generate("the CA of the server").certificate
}

fn random_word() -> String {
    crate::support::opening::random_text("hub")
}

/// `1 list`, `2 lists`.
fn number(count: usize, what: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {what}{ending}")
}
