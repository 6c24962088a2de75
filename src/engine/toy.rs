//! A vendor for the engine's own tests: things with a name, a colour, a write-only password, and parts of which each is in one thing. It calls nobody.

use super::vendor::{Change, Deletion, Desired, Phase, SecretField, SecretState, Updated, Vendor, Withheld};
use crate::api::{
    AccountRef, AccountSpec, AccountStatus, AdoptionPolicy, AllowedNamespaces, ConnectorSpec,
    ConnectorStatus, DeletionPolicy, ManagementPolicy, SecretSource,
};
use crate::remote::{Client, Connection, Entry, ExclusiveId, Identity, RemoteError, RemoteItem, Source};
use kube::CustomResource;
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

pub(crate) struct Toy;

thread_local! {
    static EXCLUSIVES_ASKED_FOR: Cell<usize> = const { Cell::new(0) };
}

/// How often this thread has asked a spec what it asks for.
pub(crate) fn exclusives_asked_for() -> usize {
    EXCLUSIVES_ASKED_FOR.get()
}

#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(group = "toy.test", version = "v1", kind = "ToyAccount", namespaced, status = "AccountStatus")]
pub(crate) struct ToyAccountSpec {
    #[serde(default)]
    pub(crate) allowed_namespaces: AllowedNamespaces,
    #[serde(default)]
    pub(crate) suspend: bool,
    #[serde(default)]
    pub(crate) resync_seconds: Option<u64>,
}

#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "toy.test",
    version = "v1",
    kind = "ToyConnector",
    namespaced,
    status = "ConnectorStatus<ToyThing>"
)]
pub(crate) struct ToyConnectorSpec {
    pub(crate) name: Option<String>,
    pub(crate) colour: String,
    #[serde(default)]
    pub(crate) parts: Vec<String>,
    #[serde(default)]
    pub(crate) account_ref: AccountRef,
    #[serde(default)]
    pub(crate) management_policy: ManagementPolicy,
    #[serde(default)]
    pub(crate) adoption_policy: AdoptionPolicy,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct ToyThing {
    pub(crate) name: String,
    pub(crate) colour: String,
    pub(crate) password_changed_at: Option<String>,
    #[serde(default)]
    pub(crate) parts: Vec<String>,
    /// Empty, or what is going on: arriving, leaving, gone.
    #[serde(default)]
    pub(crate) state: String,
}

impl ConnectorSpec for ToyConnectorSpec {
    fn account_ref(&self) -> &AccountRef {
        &self.account_ref
    }
    fn management_policy(&self) -> ManagementPolicy {
        self.management_policy
    }
    fn deletion_policy(&self) -> DeletionPolicy {
        DeletionPolicy::Delete
    }
    fn adoption_policy(&self) -> AdoptionPolicy {
        self.adoption_policy
    }
    fn suspend(&self) -> bool {
        false
    }
}

impl AccountSpec for ToyAccountSpec {
    fn endpoint(&self) -> &'static str {
        "https://toy.test"
    }
    fn resync_interval(&self) -> Option<Duration> {
        self.resync_seconds.map(Duration::from_secs)
    }
    fn request_timeout(&self) -> Option<Duration> {
        None
    }
    fn requests_per_minute(&self) -> u32 {
        600
    }
    fn allowed_namespaces(&self) -> &AllowedNamespaces {
        &self.allowed_namespaces
    }
    fn suspend(&self) -> bool {
        self.suspend
    }
    fn secret_sources(&self) -> Vec<SecretSource<'_>> {
        Vec::new()
    }
}

impl RemoteItem for ToyThing {
    fn identity(&self) -> Identity {
        self.name.as_str().into()
    }
    fn digest(&self) -> u64 {
        self.colour.bytes().chain(self.parts.iter().flat_map(|part| part.bytes())).map(u64::from).sum()
    }
    fn exclusive(&self) -> Vec<ExclusiveId> {
        self.parts.iter().map(|part| ExclusiveId::of(part)).collect()
    }
}

pub(crate) struct ToyClient(Client);

impl Source for ToyClient {
    type Item = ToyThing;
    async fn list(&self) -> Result<Vec<ToyThing>, RemoteError> {
        Ok(Vec::new())
    }
}

impl Vendor for Toy {
    const NAME: &'static str = "toy";
    const EXCLUSIVE: &'static str = "part";
    type Account = ToyAccount;
    type AccountSpec = ToyAccountSpec;
    type Connector = ToyConnector;
    type ConnectorSpec = ToyConnectorSpec;
    type Remote = ToyThing;
    type Item = ToyThing;
    type Client = ToyClient;

    fn scope(_: &ToyAccountSpec) -> String {
        "toy.test".into()
    }
    fn connect(_: &ToyAccountSpec, _: &[SecretString], connection: Connection) -> Result<ToyClient, String> {
        Ok(ToyClient(Client::new(connection, http::HeaderValue::from_static("none"))))
    }
    fn http(client: &ToyClient) -> &Client {
        &client.0
    }
    fn wanted(spec: &ToyConnectorSpec, object_name: &str) -> Option<Identity> {
        Some(Self::label(spec, object_name).as_str().into())
    }
    fn label(spec: &ToyConnectorSpec, object_name: &str) -> String {
        spec.name.as_deref().unwrap_or(object_name).to_owned()
    }
    fn exclusive(spec: &ToyConnectorSpec) -> Vec<(ExclusiveId, &str)> {
        EXCLUSIVES_ASKED_FOR.set(exclusives_asked_for() + 1);
        spec.parts.iter().map(|part| (ExclusiveId::of(part), part.as_str())).collect()
    }
    fn phase(item: &ToyThing) -> Phase {
        match item.state.as_str() {
            "arriving" => Phase::Arriving,
            "leaving" => Phase::Leaving,
            "gone" => Phase::Gone,
            _ => Phase::Settled,
        }
    }
    fn remote(item: &ToyThing, _: Option<&ToyThing>) -> ToyThing {
        item.clone()
    }
    fn recorded(remote: &ToyThing) -> Identity {
        remote.name.as_str().into()
    }
    fn changes(
        spec: &ToyConnectorSpec,
        object_name: &str,
        withheld: &Withheld,
        item: &ToyThing,
    ) -> Vec<Change> {
        let wanted = Self::label(spec, object_name);
        let can_be_had = |part: &&String| !withheld.contains(&ExclusiveId::of(part));
        let parts: Vec<&str> = spec.parts.iter().filter(can_be_had).map(String::as_str).collect();
        let differs = |field, from: &str, to: &str| {
            (from != to).then(|| Change::shown(field, Some(from.to_owned()), Some(to.to_owned())))
        };
        [
            differs("name", &item.name, &wanted),
            differs("colour", &item.colour, &spec.colour),
            differs("parts", &item.parts.join("+"), &parts.join("+")),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
    fn secret_fields(_: &ToyConnectorSpec) -> Vec<SecretField<'_>> {
        Vec::new()
    }
    fn secrets(item: &ToyThing) -> BTreeMap<String, SecretState> {
        let state = |at: &String| SecretState { is_set: true, last_updated_at: Some(at.clone()) };
        item.password_changed_at.iter().map(|at| ("password".to_owned(), state(at))).collect()
    }
    fn might_clear(spec: &ToyConnectorSpec, _: &ToyThing, changes: &[Change]) -> Vec<String> {
        let clears = spec.colour == "transparent" && changes.iter().any(|change| change.field == "colour");
        clears.then(|| "password".to_owned()).into_iter().collect()
    }
    fn ceiling(_: &ToyAccountSpec, _: &ToyConnectorSpec, _: &str) -> Result<(), String> {
        Ok(())
    }
    async fn create(_: &ToyClient, _: &Desired<'_, ToyConnectorSpec>) -> Result<ToyThing, RemoteError> {
        Err(RemoteError::Request("a toy makes no calls".into()))
    }
    async fn update(
        _: &ToyClient,
        _: &Entry<ToyThing>,
        _: &Desired<'_, ToyConnectorSpec>,
        _: &[Change],
    ) -> Result<Updated<ToyThing>, RemoteError> {
        Err(RemoteError::Request("a toy makes no calls".into()))
    }
    async fn delete(_: &ToyClient, _: &Entry<ToyThing>) -> Result<Deletion<ToyThing>, RemoteError> {
        Err(RemoteError::Request("a toy makes no calls".into()))
    }
}
