//! What every vendor gets from the engine, told of any of them: each story is generic over its subject.

use crate::support::control_plane::ControlPlane;
use crate::support::wait;
use connector_operator::engine::context::EngineSettings;
use connector_operator::engine::events;
use connector_operator::engine::fingerprint::{FingerprintKey, KEY_LENGTH};
use connector_operator::engine::start::{Shared, controller};
use connector_operator::engine::vendor::Vendor;
use connector_operator::remote::Transport;
use connector_operator::server::Endpoints;
use connector_operator::settings::AllowedHosts;
use connector_operator::shutdown;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::runtime::conditions::is_crd_established;
use kube::runtime::wait::await_condition;
use kube::{Client, Resource};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

const SOON: Duration = Duration::from_secs(30);
const NAME: &str = "one";

/// Two ways that an object can look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// As it is declared.
    One,
    /// Otherwise.
    Other,
}

/// A vendor, and its API to look into. An object is called what its Kubernetes object is called.
pub trait Subject: Clone + Default + Send + Sync + 'static {
    /// The vendor.
    type Vendor: Vendor;
    /// The definitions of its kinds.
    fn crds() -> Vec<CustomResourceDefinition>;
    /// The host of its API.
    fn host() -> &'static str;
    /// The way to its API.
    fn transport(&self) -> Transport;
    /// The spec of an account.
    fn account() -> Value;
    /// The least spec of an object that looks so.
    fn connector(look: Look) -> Value;
    /// Somebody else makes an object, or changes it.
    fn put(&self, name: &str, look: Look);
    /// Somebody else takes an object away.
    fn remove(&self, name: &str);
    /// What the vendor has.
    fn look(&self, name: &str) -> Option<Look>;
    /// Whether the vendor answers.
    fn answers(&self, answers: bool);
    /// What was written to it.
    fn writes(&self) -> Vec<String>;
    /// How often it was listed.
    fn lists(&self) -> usize;
}

/// A namespace, a controller that works in it, and the vendor.
struct Scene<S: Subject> {
    vendor: S,
    connectors: Api<DynamicObject>,
    kind: String,
    trigger: shutdown::Trigger,
    working: tokio::task::JoinHandle<usize>,
}

impl<S: Subject> Scene<S> {
    async fn open(name: &str) -> Self {
        let client = ControlPlane::shared().await.client().await;
        for crd in S::crds() {
            establish(&client, &crd).await;
        }
        let namespace = format!("{}-{name}", S::Vendor::NAME);
        let namespaces: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(client.clone());
        let object = serde_json::from_value(json!({"metadata": {"name": namespace}})).expect("a namespace");
        namespaces.create(&PostParams::default(), &object).await.expect("a namespace");

        let vendor = S::default();
        let (trigger, shutdown) = shutdown::pair(Duration::from_secs(5));
        let (events, _sender) = events::start(client.clone(), "fourth-vendor", 0, || {});
        let (_, leads) = watch::channel(Some(Instant::now()));
        let endpoints = Endpoints::default();
        let shared = Shared {
            client: client.clone(),
            transport: vendor.transport(),
            key: FingerprintKey::new(&[7; KEY_LENGTH]),
            metrics: endpoints.metrics,
            events,
            readiness: endpoints.readiness,
            heartbeat: endpoints.heartbeat,
            leads,
            shutdown,
        };
        let working = tokio::spawn(controller::<S::Vendor>(shared, settings(&namespace, S::host())));
        let accounts = api::<<S::Vendor as Vendor>::Account>(&client, &namespace);
        declare::<<S::Vendor as Vendor>::Account>(&accounts, "default", &S::account()).await;
        let connectors = api::<<S::Vendor as Vendor>::Connector>(&client, &namespace);
        let kind = <S::Vendor as Vendor>::Connector::kind(&()).into_owned();
        Self { vendor, connectors, kind, trigger, working }
    }

    async fn apply(&self, spec: &Value) {
        declare::<<S::Vendor as Vendor>::Connector>(&self.connectors, NAME, spec).await;
    }

    /// Waits until the object's `Ready` condition is so, `True/Succeeded`, for the newest spec.
    async fn until(&self, expected: &str) {
        let what = format!("{} is {expected}", self.kind);
        wait::until(&what, SOON, || async {
            let object = self.connectors.get(NAME).await.map_err(|error| error.to_string())?;
            let seen = ready(&object);
            if seen == expected { Ok(()) } else { Err(format!("{seen}: {}", object.data["status"])) }
        })
        .await;
    }

    async fn until_vendor(&self, what: &str, holds: impl Fn(&S) -> bool) {
        wait::until(what, SOON, || async {
            if holds(&self.vendor) { Ok(()) } else { Err(format!("{:?}", self.vendor.writes())) }
        })
        .await;
    }

    /// Waits for two lists more: what they cause is begun with the second.
    async fn lists_come(&self) {
        let from = self.vendor.lists();
        self.until_vendor("two more lists", |vendor| vendor.lists() >= from + 2).await;
    }

    async fn delete(&self) {
        self.connectors.delete(NAME, &DeleteParams::default()).await.expect("a delete");
        wait::until("it is gone", SOON, || async {
            match self.connectors.get_opt(NAME).await {
                Ok(None) => Ok(()),
                Ok(Some(object)) => Err(object.data["status"].to_string()),
                Err(error) => Err(error.to_string()),
            }
        })
        .await;
    }

    async fn close(self, writes: &[&str]) {
        assert_eq!(self.vendor.writes(), writes, "what the vendor was told");
        self.trigger.request();
        let dropped = self.working.await.expect("the controller ends");
        assert_eq!(dropped, 0, "passes that did not finish");
    }
}

async fn establish(client: &Client, crd: &CustomResourceDefinition) {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let name = crd.metadata.name.clone().expect("a name");
    let parameters = PatchParams::apply("fourth-vendor").force();
    api.patch(&name, &parameters, &Patch::Apply(crd)).await.expect("a definition that is accepted");
    tokio::time::timeout(SOON, await_condition(api, &name, is_crd_established()))
        .await
        .expect("it is established in time")
        .expect("it is established");
}

fn api<K: Resource<DynamicType = ()>>(client: &Client, namespace: &str) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), namespace, &ApiResource::erase::<K>(&()))
}

/// Applies an object of the kind `K`.
async fn declare<K: Resource<DynamicType = ()>>(api: &Api<DynamicObject>, name: &str, spec: &Value) {
    let (version, kind) = (K::api_version(&()), K::kind(&()));
    let object = json!({"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec});
    let parameters = PatchParams::apply("a-person").force();
    api.patch(name, &parameters, &Patch::Apply(&object)).await.expect("a declaration that is accepted");
}

fn ready(object: &DynamicObject) -> String {
    let status = &object.data["status"];
    let is_newest = status["observedGeneration"].as_i64() == object.metadata.generation;
    let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
    let ready = conditions.iter().find(|condition| condition["type"] == "Ready").filter(|_| is_newest);
    ready.map_or_else(String::new, |ready| {
        [&ready["status"], &ready["reason"]].map(|word| word.as_str().unwrap_or_default()).join("/")
    })
}

fn settings(namespace: &str, host: &str) -> EngineSettings {
    EngineSettings {
        watch_namespaces: vec![namespace.to_owned()],
        concurrency: 4,
        resync_interval: Duration::from_millis(500),
        request_timeout: Duration::from_secs(1),
        consistency_allowance: Duration::from_millis(200),
        list_size_limit: 1 << 20,
        allowed_hosts: AllowedHosts::parse(&[host.to_owned()]).expect("a host"),
        allow_insecure_endpoints: false,
        secrets_watch: true,
        namespaces_watch: false,
    }
}

fn with(look: Value, more: &Value) -> Value {
    let mut spec = look;
    for (field, value) in more.as_object().into_iter().flatten() {
        spec[field] = value.clone();
    }
    spec
}

/// A declaration becomes one object, stays one, and takes it along at the end.
pub async fn it_is_created_once_kept_and_deleted_once<S: Subject>(writes: &[&str]) {
    let scene = Scene::<S>::open("life").await;
    scene.apply(&S::connector(Look::One)).await;
    scene.until("True/Succeeded").await;
    scene.lists_come().await;
    assert_eq!(scene.vendor.look(NAME), Some(Look::One));
    scene.delete().await;
    assert_eq!(scene.vendor.look(NAME), None);
    scene.close(writes).await;
}

/// An edit is carried out, and what somebody else changes is put right.
pub async fn it_is_kept_equal_to_its_spec<S: Subject>(writes: &[&str]) {
    let scene = Scene::<S>::open("equal").await;
    scene.apply(&S::connector(Look::Other)).await;
    scene.until("True/Succeeded").await;
    scene.apply(&S::connector(Look::One)).await;
    scene.until("True/Succeeded").await;
    assert_eq!(scene.vendor.look(NAME), Some(Look::One), "the edit");
    scene.vendor.put(NAME, Look::Other);
    scene.until_vendor("the drift is repaired", |vendor| vendor.look(NAME) == Some(Look::One)).await;
    scene.close(writes).await;
}

/// What somebody else takes away is made again, once that is certain.
pub async fn it_is_made_again<S: Subject>(writes: &[&str]) {
    let scene = Scene::<S>::open("again").await;
    scene.apply(&S::connector(Look::One)).await;
    scene.until("True/Succeeded").await;
    scene.vendor.remove(NAME);
    scene.until_vendor("it is there again", |vendor| vendor.look(NAME).is_some()).await;
    scene.until("True/Succeeded").await;
    scene.close(writes).await;
}

/// What is there already is taken over where nothing would change, and left alone where something would.
pub async fn what_is_there_is_taken_over_only_when_identical<S: Subject>() {
    let scene = Scene::<S>::open("adopted").await;
    scene.vendor.put(NAME, Look::Other);
    scene.lists_come().await;
    scene.apply(&S::connector(Look::One)).await;
    scene.until("False/Conflict").await;
    scene.apply(&S::connector(Look::Other)).await;
    scene.until("True/Succeeded").await;
    scene.close(&[]).await;
}

/// Observe and Plan look and never write, not even at the end.
pub async fn observe_and_plan_never_write<S: Subject>() {
    let scene = Scene::<S>::open("look").await;
    let policy = |policy: &str| with(S::connector(Look::One), &json!({"managementPolicy": policy}));
    scene.apply(&policy("Plan")).await;
    scene.until("False/ChangesPlanned").await;
    scene.apply(&policy("Observe")).await;
    scene.until("False/RemoteNotFound").await;
    scene.vendor.put(NAME, Look::Other);
    scene.until("True/Observed").await;
    scene.delete().await;
    scene.close(&[]).await;
}

/// A vendor that is down for a while costs nothing but the wait.
pub async fn an_outage_is_waited_out<S: Subject>(writes: &[&str]) {
    let scene = Scene::<S>::open("outage").await;
    scene.lists_come().await;
    scene.vendor.answers(false);
    scene.apply(&S::connector(Look::One)).await;
    scene.until("False/RemoteUnavailable").await;
    scene.vendor.answers(true);
    scene.until("True/Succeeded").await;
    scene.close(writes).await;
}
