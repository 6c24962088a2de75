//! Onomondo: connectors of an organisation. Its API documents are seeds 000 and 001.
//!
//! A connector's name is its identity; a rename is a PATCH. Secrets are write-only: only `is_set` and `last_updated_at` are told of them.

mod client;
mod declared;
#[cfg(test)]
mod laws;
mod model;
#[cfg(test)]
mod patience;
mod pem;

pub use client::Onomondo as Client;
pub use model::Connector;

use crate::api::{
    AccountSpec, OnomondoAccount, OnomondoAccountSpec, OnomondoAuthorizationScheme, OnomondoConnector,
    OnomondoConnectorSpec, OnomondoRemote, SecretDriftPolicy, shortened,
};
use crate::engine::vendor::{
    Change, Deletion, Desired, Findings, SecretField, SecretState, Updated, Vendor, Withheld,
};
use crate::remote::{Connection, Entry, Identity, RemoteError};
use crate::vendors::place;
use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeMap;

/// Onomondo, as the engine sees it.
pub struct Onomondo;

impl Vendor for Onomondo {
    const NAME: &'static str = "onomondo";
    type Account = OnomondoAccount;
    type AccountSpec = OnomondoAccountSpec;
    type Connector = OnomondoConnector;
    type ConnectorSpec = OnomondoConnectorSpec;
    type Remote = OnomondoRemote;
    type Item = Connector;
    type Client = Client;

    fn scope(account: &OnomondoAccountSpec) -> String {
        place(account.endpoint())
    }

    fn manner(account: &OnomondoAccountSpec) -> String {
        match account.authorization_scheme {
            OnomondoAuthorizationScheme::Bare => "bare".into(),
            OnomondoAuthorizationScheme::Bearer => "bearer".into(),
        }
    }

    fn connect(
        account: &OnomondoAccountSpec,
        credential: &[SecretString],
        connection: Connection,
    ) -> Result<Client, String> {
        let [key] = credential else { return Err("the API key is missing".into()) };
        let key = SecretString::from(key.expose_secret().trim());
        let text = match account.authorization_scheme {
            OnomondoAuthorizationScheme::Bare => key.expose_secret().to_owned(),
            OnomondoAuthorizationScheme::Bearer => format!("Bearer {}", key.expose_secret()),
        };
        let header = HeaderValue::from_str(&text).map_err(|_| {
            "the API key has characters that no header may carry; check the Secret".to_owned()
        })?;
        Ok(Client::new(crate::remote::Client::new(connection, header)))
    }

    fn http(client: &Client) -> &crate::remote::Client {
        client.http()
    }

    fn wanted(spec: &OnomondoConnectorSpec, object_name: &str) -> Option<Identity> {
        Some(name(spec, object_name).into())
    }

    fn label(spec: &OnomondoConnectorSpec, object_name: &str) -> String {
        name(spec, object_name).to_owned()
    }

    fn remote(item: &Connector, before: Option<&OnomondoRemote>) -> OnomondoRemote {
        OnomondoRemote {
            name: shortened(&item.name),
            id: item.id.or_else(|| before.and_then(|before| before.id)),
            uuid: item
                .uuid
                .as_deref()
                .map(shortened)
                .or_else(|| before.and_then(|before| before.uuid.clone())),
            type_: Some(shortened(&item.type_)),
        }
    }

    fn recorded(remote: &OnomondoRemote) -> Identity {
        remote.name.as_str().into()
    }

    fn changes(
        spec: &OnomondoConnectorSpec,
        object_name: &str,
        _: &Withheld,
        item: &Connector,
    ) -> Vec<Change> {
        declared::changes(spec, name(spec, object_name), item)
    }

    fn secret_fields(spec: &OnomondoConnectorSpec) -> Vec<SecretField<'_>> {
        declared::secret_fields(spec)
    }

    fn secrets(item: &Connector) -> BTreeMap<String, SecretState> {
        let told = item.meta.iter().filter_map(|(field, meta)| Some((field, meta.as_ref()?)));
        // A vendor that answers anything at all must not make a status that the API server refuses.
        told.take(16)
            .map(|(field, meta)| {
                let last_updated_at = meta.last_updated_at.as_deref().map(shortened);
                (shortened(field), SecretState { is_set: meta.is_set, last_updated_at })
            })
            .collect()
    }

    fn overwrites_secret_drift(spec: &OnomondoConnectorSpec) -> bool {
        spec.secret_drift_policy == SecretDriftPolicy::Overwrite
    }

    fn sends_secrets(changes: &[Change]) -> bool {
        declared::sends_options(changes)
    }

    fn might_clear(spec: &OnomondoConnectorSpec, item: &Connector, changes: &[Change]) -> Vec<String> {
        declared::might_clear(spec, item, changes)
    }

    fn examine(desired: &Desired<'_, OnomondoConnectorSpec>) -> Findings {
        let (Some(key), Some(certificate)) = (desired.secrets.get("key"), desired.secrets.get("cert")) else {
            return Findings::default();
        };
        match pem::compare(key.expose_secret(), certificate.expose_secret()) {
            pem::Pair::Matching => Findings::default(),
            pem::Pair::Mismatched => Findings {
                mismatch: Some((
                    "CertificateMismatch",
                    "the private key and the certificate do not belong together; nothing is sent until they do".into(),
                )),
                warnings: Vec::new(),
            },
            pem::Pair::Unreadable => Findings {
                mismatch: None,
                warnings: vec!["the private key or the certificate is no PEM that can be checked here; it is sent as it is".into()],
            },
        }
    }

    fn ceiling(
        account: &OnomondoAccountSpec,
        spec: &OnomondoConnectorSpec,
        object_name: &str,
    ) -> Result<(), String> {
        account.allowed_namespaces().admits_name(name(spec, object_name))
    }

    async fn create(
        client: &Client,
        desired: &Desired<'_, OnomondoConnectorSpec>,
    ) -> Result<Connector, RemoteError> {
        client.create(name(desired.spec, desired.object_name), desired).await
    }

    async fn update(
        client: &Client,
        entry: &Entry<Connector>,
        desired: &Desired<'_, OnomondoConnectorSpec>,
        changes: &[Change],
    ) -> Result<Updated<Connector>, RemoteError> {
        let name = name(desired.spec, desired.object_name);
        client.update(entry, name, desired, changes).await.map(Updated::Written)
    }

    async fn delete(client: &Client, entry: &Entry<Connector>) -> Result<Deletion<Connector>, RemoteError> {
        client.delete(&entry.item.name).await.map(|()| Deletion::Done)
    }

    async fn why_not_deleted(client: &Client, identity: &Identity) -> Option<String> {
        client.mapped_sims(identity.as_str()).await
    }
}

/// The remote name that a spec asks for.
fn name<'a>(spec: &'a OnomondoConnectorSpec, object_name: &'a str) -> &'a str {
    spec.name.as_deref().unwrap_or(object_name)
}
