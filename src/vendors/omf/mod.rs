//! AVEVA Data Hub: OMF connections of a namespace. Its API document is seed 003.
//!
//! A connection's id is made by the server, and names are not unique. Until the id is recorded, a connection is known by its set of client ids,
//! each of which can be in one connection of a namespace. Making and deleting take their time: the list says when they are over.

mod client;
mod client_ids;
mod declared;
#[cfg(test)]
mod laws;
mod model;
#[cfg(test)]
mod patience;

pub use client::Omf as Client;
pub use client_ids::ClientIds;
pub use model::Connection;

use crate::api::{
    AccountSpec, OmfAccount, OmfAccountSpec, OmfConnection, OmfConnectionSpec, OmfRemote, shortened,
};
use crate::engine::vendor::{
    Change, Deletion, Desired, Phase, SecretField, SecretState, Updated, Vendor, Withheld,
};
use crate::remote::{self, Entry, ExclusiveId, Identity, RemoteError, RemoteItem, Snapshot};
use crate::vendors::place;
use secrecy::SecretString;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// AVEVA Data Hub, as the engine sees it.
pub struct Omf;

impl Vendor for Omf {
    const NAME: &'static str = "omf";
    const EXCLUSIVE: &'static str = "client id";
    type Account = OmfAccount;
    type AccountSpec = OmfAccountSpec;
    type Connector = OmfConnection;
    type ConnectorSpec = OmfConnectionSpec;
    type Remote = OmfRemote;
    type Item = Connection;
    type Client = Client;

    fn scope(account: &OmfAccountSpec) -> String {
        format!("{}/{}/{}", place(account.endpoint()), account.tenant_id, account.namespace_id)
    }

    /// The same connections answer under every version of the API, but whose token is sent decides what is seen.
    fn manner(account: &OmfAccountSpec) -> String {
        let token_url = account.client_credentials.as_ref().map(|client| client.token_url.as_deref());
        format!("{} {token_url:?}", account.api_version)
    }

    /// A namespace is one whole, whoever reads it, and in whichever case its tenant's UUID is written. The scope keeps that case: statuses hold it.
    fn realm<'a>(scope: &'a str, _: &'a str) -> Cow<'a, str> {
        let mut parts = scope.rsplitn(3, '/');
        let (Some(namespace), Some(tenant), Some(place)) = (parts.next(), parts.next(), parts.next()) else {
            return scope.into();
        };
        format!("{place}/{}/{namespace}", tenant.to_ascii_lowercase()).into()
    }

    fn connect(
        account: &OmfAccountSpec,
        credential: &[SecretString],
        connection: remote::Connection,
    ) -> Result<Client, String> {
        Client::connect(account, credential, connection)
    }

    fn http(client: &Client) -> &remote::Client {
        client.http()
    }

    /// The server makes the ids.
    fn wanted(_: &OmfConnectionSpec, _: &str) -> Option<Identity> {
        None
    }

    fn label(spec: &OmfConnectionSpec, object_name: &str) -> String {
        declared::name(spec, object_name).to_owned()
    }

    fn claim(spec: &OmfConnectionSpec, _: &str) -> String {
        claim_of(&declared::client_ids(spec))
    }

    fn find_claimed(claim: &str, snapshot: &Snapshot<Connection>) -> Option<Identity> {
        let mut rows = snapshot.iter().filter(|(_, entry)| entry.item.phase() != Phase::Gone);
        rows.find(|(_, entry)| claim_of(&entry.item.client_ids) == claim)
            .map(|(identity, _)| identity.clone())
    }

    /// The one connection that has exactly these clients; what the vendor is deleting is nobody's.
    fn find(spec: &OmfConnectionSpec, _: &str, snapshot: &Snapshot<Connection>) -> Option<Identity> {
        let first = spec.client_ids.first()?;
        let holder = snapshot.holders().get(client_ids::exclusive(first))?;
        let connection = &snapshot.get(holder.as_str())?.item;
        let is_candidate = matches!(connection.phase(), Phase::Settled | Phase::Arriving);
        (is_candidate && connection.client_ids == declared::client_ids(spec)).then(|| holder.clone())
    }

    /// Each once: else one that stands there twice and is withheld would leave more of them than there are.
    fn exclusive(spec: &OmfConnectionSpec) -> Vec<(ExclusiveId, &str)> {
        client_ids::distinct(&spec.client_ids).collect()
    }

    fn is_meant(desired: &Desired<'_, OmfConnectionSpec>, of: Option<&Identity>, item: &Connection) -> bool {
        match of {
            Some(of) => of.as_str().eq_ignore_ascii_case(&item.id),
            None => !item.id.is_empty() && item.client_ids == declared::client_ids(desired.spec),
        }
    }

    fn phase(item: &Connection) -> Phase {
        item.phase()
    }

    fn describe_phase(item: &Connection) -> String {
        let since = item.created_date.as_deref().map(|date| format!(" since {}", shortened(date)));
        match item.phase() {
            Phase::Arriving => format!("Creating{}", since.unwrap_or_default()),
            Phase::Leaving => "Deleting at the vendor".into(),
            Phase::Gone => "Deleted at the vendor".into(),
            Phase::Settled => "Active".into(),
        }
    }

    fn renames(_: &OmfConnectionSpec, _: &str, _: &Identity) -> Option<Identity> {
        None
    }

    fn remote(item: &Connection, _: Option<&OmfRemote>) -> OmfRemote {
        item.shown()
    }

    fn recorded(remote: &OmfRemote) -> Identity {
        remote.id.as_str().into()
    }

    fn changes(
        spec: &OmfConnectionSpec,
        object_name: &str,
        withheld: &Withheld,
        item: &Connection,
    ) -> Vec<Change> {
        declared::changes(spec, object_name, withheld, item)
    }

    fn secret_fields(_: &OmfConnectionSpec) -> Vec<SecretField<'_>> {
        Vec::new()
    }

    fn secrets(_: &Connection) -> BTreeMap<String, SecretState> {
        BTreeMap::new()
    }

    /// The schema has checked all that can be: what is refused then is a client that is elsewhere, or none.
    fn refusal(status: u16) -> &'static str {
        if matches!(status, 400 | 409) { "Conflict" } else { "InvalidSpec" }
    }

    fn ceiling(account: &OmfAccountSpec, spec: &OmfConnectionSpec, object_name: &str) -> Result<(), String> {
        account.allowed_namespaces().admits_name(declared::name(spec, object_name))
    }

    async fn create(
        client: &Client,
        desired: &Desired<'_, OmfConnectionSpec>,
    ) -> Result<Connection, RemoteError> {
        client.create(desired).await
    }

    async fn update(
        client: &Client,
        entry: &Entry<Connection>,
        desired: &Desired<'_, OmfConnectionSpec>,
        _: &[Change],
    ) -> Result<Updated<Connection>, RemoteError> {
        client.update(entry.item.identity().as_str(), desired).await
    }

    async fn delete(client: &Client, entry: &Entry<Connection>) -> Result<Deletion<Connection>, RemoteError> {
        client.delete(&entry.item.id).await?;
        Ok(Deletion::Accepted(Connection { state: Some(model::DELETING.into()), ..(*entry.item).clone() }))
    }
}

/// What a claim says of a set of client ids: a hash that any version of this program makes alike.
fn claim_of(ids: &ClientIds) -> String {
    format!("clients:{:032x}", ids.digest().number())
}
