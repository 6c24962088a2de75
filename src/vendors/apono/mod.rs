//! Apono: connectors of an account. Its API documents are seed 002 and `apono.openapi.json`.
//!
//! A connector is an agent that registers itself under an id chosen at its install; nothing here ever pretends to create one. Its name is the one
//! thing that can be set. Whether its agent is connected is health, shown beside `Ready` and never repaired.

mod client;
#[cfg(test)]
mod laws;
mod model;

pub use client::Apono as Client;
pub use model::{Connector, Session, SessionMetadata};

use crate::api::{
    AccountSpec, AponoAccount, AponoAccountSpec, AponoConnector, AponoConnectorSpec, AponoRemote, shortened,
};
use crate::engine::status::FurtherCondition;
use crate::engine::vendor::{
    Change, Deletion, Desired, SecretField, SecretState, Updated, Vendor, WhenAbsent, Withheld,
};
use crate::remote::{Connection, Entry, ExclusiveId, Identity, RemoteError};
use crate::vendors::place;
use http::HeaderValue;
use model::exclusive_name;
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeMap;

/// Apono, as the engine sees it.
pub struct Apono;

impl Vendor for Apono {
    const NAME: &'static str = "apono";
    const EXCLUSIVE: &'static str = "name";
    type Account = AponoAccount;
    type AccountSpec = AponoAccountSpec;
    type Connector = AponoConnector;
    type ConnectorSpec = AponoConnectorSpec;
    type Remote = AponoRemote;
    type Item = Connector;
    type Client = Client;

    fn scope(account: &AponoAccountSpec) -> String {
        place(account.endpoint())
    }

    fn connect(
        _: &AponoAccountSpec,
        credential: &[SecretString],
        connection: Connection,
    ) -> Result<Client, String> {
        let [token] = credential else { return Err("the API token is missing".into()) };
        let text = format!("Bearer {}", token.expose_secret().trim());
        let header = HeaderValue::from_str(&text).map_err(|_| {
            "the API token has characters that no header may carry; check the Secret".to_owned()
        })?;
        Ok(Client::new(crate::remote::Client::new(connection, header)))
    }

    fn http(client: &Client) -> &crate::remote::Client {
        client.http()
    }

    fn wanted(spec: &AponoConnectorSpec, _: &str) -> Option<Identity> {
        Some(spec.connector_id.as_str().into())
    }

    fn label(spec: &AponoConnectorSpec, _: &str) -> String {
        spec.connector_id.clone()
    }

    fn exclusive(spec: &AponoConnectorSpec) -> Vec<(ExclusiveId, &str)> {
        spec.name.as_deref().map(|name| (exclusive_name(name), name)).into_iter().collect()
    }

    /// The id stays for ever.
    fn renames(_: &AponoConnectorSpec, _: &str, _: &Identity) -> Option<Identity> {
        None
    }

    fn remote(item: &Connector, before: Option<&AponoRemote>) -> AponoRemote {
        item.shown(before)
    }

    fn recorded(remote: &AponoRemote) -> Identity {
        remote.id.as_str().into()
    }

    fn changes(spec: &AponoConnectorSpec, _: &str, withheld: &Withheld, item: &Connector) -> Vec<Change> {
        let can_be_had = |name: &&String| !withheld.contains(&exclusive_name(name));
        let name = spec.name.as_ref().filter(can_be_had).filter(|name| item.name.as_ref() != Some(*name));
        name.map(|name| Change::shown("name", item.name.clone(), Some(name.clone()))).into_iter().collect()
    }

    fn secret_fields(_: &AponoConnectorSpec) -> Vec<SecretField<'_>> {
        Vec::new()
    }

    fn secrets(_: &Connector) -> BTreeMap<String, SecretState> {
        BTreeMap::new()
    }

    fn conditions(item: &Connector) -> Vec<FurtherCondition> {
        let status = item.status.as_deref().unwrap_or_default();
        let (is_connected, reason, message) = match status.to_ascii_uppercase().as_str() {
            "CONNECTED" => ("True", "Connected", "the agent is connected to Apono".to_owned()),
            "DISCONNECTED" => (
                "False",
                "Disconnected",
                "the agent is not connected to Apono: see that it runs and reaches Apono".to_owned(),
            ),
            "" => ("Unknown", "NotTold", "Apono does not say whether the agent is connected".to_owned()),
            _ => ("Unknown", "OtherStatus", format!("Apono says that the agent is {}", shortened(status))),
        };
        vec![("Connected", is_connected, reason, message)]
    }

    fn reappeared(identity: &Identity) -> Option<String> {
        Some(format!(
            "its agent still runs and has registered again; uninstall the agent that was installed with apono.connectorId={identity}, \
             then delete the connector at Apono, or declare it here again"
        ))
    }

    fn when_absent(account: &AponoAccountSpec, spec: &AponoConnectorSpec) -> WhenAbsent {
        let id = &spec.connector_id;
        WhenAbsent::WaitFor {
            reason: "WaitingForAgent",
            message: format!(
                "{id}: no agent has registered under this id, and only an agent can: install Apono's chart apono-connector with \
                 --set-string apono.connectorId={id},apono.url={},apono.token=TOKEN, where TOKEN comes from Apono's page for a \
                 new connector",
                place(account.endpoint())
            ),
            deadline: spec.registration_deadline(),
        }
    }

    fn refusal(status: u16) -> &'static str {
        if status == 409 { "Conflict" } else { "InvalidSpec" }
    }

    fn ceiling(account: &AponoAccountSpec, spec: &AponoConnectorSpec, _: &str) -> Result<(), String> {
        match &account.allowed_namespaces().connector_ids {
            Some(allowed) if !allowed.contains(&spec.connector_id) => Err(format!(
                "does not let this namespace name connector {}; its owner can do so in spec.allowedNamespaces.connectorIds",
                spec.connector_id
            )),
            _ => Ok(()),
        }
    }

    /// There is no such call; [`Apono::when_absent`] never asks for it.
    async fn create(_: &Client, _: &Desired<'_, AponoConnectorSpec>) -> Result<Connector, RemoteError> {
        Err(RemoteError::Request("Apono has no call that creates a connector".into()))
    }

    async fn update(
        client: &Client,
        entry: &Entry<Connector>,
        desired: &Desired<'_, AponoConnectorSpec>,
        _: &[Change],
    ) -> Result<Updated<Connector>, RemoteError> {
        // Without a name in the spec there is no change.
        client.rename(&entry.item.id, desired.spec.name.as_deref().unwrap_or_default()).await
    }

    async fn delete(client: &Client, entry: &Entry<Connector>) -> Result<Deletion<Connector>, RemoteError> {
        client.delete(&entry.item.id).await.map(|()| Deletion::Done)
    }
}
