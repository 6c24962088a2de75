//! The fourth vendor: a city's street lamps, each with a name and a colour. This file is all that the operator has to know of it: what people
//! declare, how the vendor is called, and how the two are compared. `docs/adding-a-vendor.md` walks through it.

use connector_operator::api::{
    AccountRef, AccountSpec, AccountStatus, AdoptionPolicy, AllowedNamespaces, ConnectorSpec,
    ConnectorStatus, DeletionPolicy, ManagementPolicy, SecretSource,
};
use connector_operator::engine::vendor::{
    Change, Deletion, Desired, SecretField, SecretState, Updated, Vendor, Withheld,
};
use connector_operator::remote::{
    Call, Class, Client, Connection, Entry, Identity, ListAnswer, RemoteError, RemoteItem, Response, Source,
};
use http::{HeaderValue, Method};
use kube::CustomResource;
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::LazyLock;
use std::time::Duration;

/// What people declare: a lamp.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(group = "lamps.test", version = "v1", kind = "Lamp", namespaced, status = "LampStatus")]
#[serde(rename_all = "camelCase")]
pub struct LampSpec {
    #[serde(default)]
    pub account_ref: AccountRef,
    #[serde(default)]
    pub management_policy: ManagementPolicy,
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
    #[serde(default)]
    pub adoption_policy: AdoptionPolicy,
    #[serde(default)]
    pub suspend: bool,
    pub name: Option<String>,
    pub colour: String,
}

/// What is reported of it.
pub type LampStatus = ConnectorStatus<LampRemote>;

/// What is shown of the vendor's lamp.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LampRemote {
    pub name: String,
    pub colour: String,
}

/// Where the lamps are.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(group = "lamps.test", version = "v1", kind = "LampAccount", namespaced, status = "AccountStatus")]
pub struct LampAccountSpec {
    pub endpoint: String,
}

impl ConnectorSpec for LampSpec {
    fn account_ref(&self) -> &AccountRef {
        &self.account_ref
    }
    fn management_policy(&self) -> ManagementPolicy {
        self.management_policy
    }
    fn deletion_policy(&self) -> DeletionPolicy {
        self.deletion_policy
    }
    fn adoption_policy(&self) -> AdoptionPolicy {
        self.adoption_policy
    }
    fn suspend(&self) -> bool {
        self.suspend
    }
}

impl AccountSpec for LampAccountSpec {
    fn endpoint(&self) -> &str {
        &self.endpoint
    }
    fn resync_interval(&self) -> Option<Duration> {
        None
    }
    fn request_timeout(&self) -> Option<Duration> {
        None
    }
    fn requests_per_minute(&self) -> u32 {
        60_000
    }
    fn allowed_namespaces(&self) -> &AllowedNamespaces {
        static OWN_ONLY: LazyLock<AllowedNamespaces> = LazyLock::new(AllowedNamespaces::default);
        &OWN_ONLY
    }
    fn suspend(&self) -> bool {
        false
    }
    fn secret_sources(&self) -> Vec<SecretSource<'_>> {
        Vec::new()
    }
}

/// A lamp as it travels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    pub name: String,
    pub colour: String,
}

impl RemoteItem for Item {
    fn identity(&self) -> Identity {
        self.name.as_str().into()
    }
    fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (&self.name, &self.colour).hash(&mut hasher);
        hasher.finish()
    }
}

/// The vendor's endpoints.
pub struct Lamps(Client);

impl Lamps {
    async fn accepted(&self, call: Call) -> Result<Response, RemoteError> {
        let response = self.0.send(call).await?;
        if response.status.is_success() { Ok(response) } else { Err(response.into_error(None)) }
    }
}

impl Source for Lamps {
    type Item = Item;
    async fn list(&self) -> Result<Vec<Item>, RemoteError> {
        match self.0.list(Call::get("list", &["lamps"]), None).await? {
            ListAnswer::Listed(listed) => Ok(listed.rows),
            ListAnswer::Refused(response) => Err(response.into_error(None)),
        }
    }
}

/// The city, as the engine sees it.
pub struct City;

impl Vendor for City {
    const NAME: &'static str = "lamps";
    type Account = LampAccount;
    type AccountSpec = LampAccountSpec;
    type Connector = Lamp;
    type ConnectorSpec = LampSpec;
    type Remote = LampRemote;
    type Item = Item;
    type Client = Lamps;

    fn scope(account: &LampAccountSpec) -> String {
        account.endpoint.clone()
    }
    fn connect(_: &LampAccountSpec, _: &[SecretString], connection: Connection) -> Result<Lamps, String> {
        Ok(Lamps(Client::new(connection, HeaderValue::from_static("anybody"))))
    }
    fn http(client: &Lamps) -> &Client {
        &client.0
    }
    fn wanted(spec: &LampSpec, object_name: &str) -> Option<Identity> {
        Some(Self::label(spec, object_name).as_str().into())
    }
    fn label(spec: &LampSpec, object_name: &str) -> String {
        spec.name.as_deref().unwrap_or(object_name).to_owned()
    }
    fn remote(item: &Item, _: Option<&LampRemote>) -> LampRemote {
        LampRemote { name: item.name.clone(), colour: item.colour.clone() }
    }
    fn recorded(remote: &LampRemote) -> Identity {
        remote.name.as_str().into()
    }
    fn changes(spec: &LampSpec, object_name: &str, _: &Withheld, item: &Item) -> Vec<Change> {
        let wanted = [
            ("name", &item.name, Self::label(spec, object_name)),
            ("colour", &item.colour, spec.colour.clone()),
        ];
        let differs = wanted.into_iter().filter(|(_, from, to)| *from != to);
        differs.map(|(field, from, to)| Change::shown(field, Some(from.clone()), Some(to))).collect()
    }
    fn secret_fields(_: &LampSpec) -> Vec<SecretField<'_>> {
        Vec::new()
    }
    fn secrets(_: &Item) -> BTreeMap<String, SecretState> {
        BTreeMap::new()
    }
    fn ceiling(_: &LampAccountSpec, _: &LampSpec, _: &str) -> Result<(), String> {
        Ok(())
    }
    async fn create(client: &Lamps, desired: &Desired<'_, LampSpec>) -> Result<Item, RemoteError> {
        let call = Call::new("create", Class::Lifecycle, Method::POST, &["lamps"]).json(&body(desired))?;
        client.accepted(call).await?.json()
    }
    async fn update(
        client: &Lamps,
        entry: &Entry<Item>,
        desired: &Desired<'_, LampSpec>,
        _: &[Change],
    ) -> Result<Updated<Item>, RemoteError> {
        let path = ["lamps", &entry.item.name];
        let call = Call::new("update", Class::Update, Method::PUT, &path).json(&body(desired))?;
        client.accepted(call).await?.json().map(Updated::Written)
    }
    async fn delete(client: &Lamps, entry: &Entry<Item>) -> Result<Deletion<Item>, RemoteError> {
        let path = ["lamps", &entry.item.name];
        client.accepted(Call::new("delete", Class::Lifecycle, Method::DELETE, &path)).await?;
        Ok(Deletion::Done)
    }
}

fn body(desired: &Desired<'_, LampSpec>) -> Item {
    Item { name: City::label(desired.spec, desired.object_name), colour: desired.spec.colour.clone() }
}
