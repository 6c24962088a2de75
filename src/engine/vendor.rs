//! The seam between the engine and a vendor. What differs between vendors is in this trait; the engine never asks which one it serves.

use super::object::Kind;
use crate::api::{AccountSpec, ConnectorSpec, ConnectorStatus, SecretSource};
use crate::remote::{Connection, Entry, Identity, RemoteError, RemoteItem, Snapshot, Source};
use kube::core::object::{HasSpec, HasStatus};
use secrecy::SecretString;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::future::Future;

/// One difference between what is declared and what the vendor has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Path of the field in the vendor's words, such as `options.port`.
    pub field: &'static str,
    /// What the vendor has; `None`: nothing, or a secret.
    pub from: Option<String>,
    /// What is declared; `None`: nothing, or a secret.
    pub to: Option<String>,
    /// Whether it is a write-only value: then it is never shown.
    pub secret: bool,
}

impl Change {
    /// A change of a value that may be shown.
    pub fn shown(field: &'static str, from: Option<String>, to: Option<String>) -> Self {
        Self { field, from, to, secret: false }
    }

    /// A change of a write-only value.
    pub fn of_secret(field: &'static str) -> Self {
        Self { field, from: None, to: None, secret: true }
    }
}

/// A write-only value that a spec declares by reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecretField<'a> {
    /// The vendor's name of the value, as in `status.secrets`.
    pub field: &'static str,
    /// Its path in a [`Change`], such as `options.key`.
    pub path: &'static str,
    /// Where it is read, in the object's own namespace.
    pub source: SecretSource<'a>,
}

/// What the vendor tells of a write-only value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretState {
    /// Whether it holds one.
    pub is_set: bool,
    /// When it was last changed, in the vendor's notation.
    pub last_updated_at: Option<String>,
}

/// The values of the declared write-only fields, by field.
pub type SecretValues = BTreeMap<&'static str, SecretString>;

/// Everything that a write needs.
pub struct Desired<'a, S> {
    /// `metadata.name` of the object.
    pub object_name: &'a str,
    /// Its spec.
    pub spec: &'a S,
    /// Its write-only values.
    pub secrets: &'a SecretValues,
}

/// What is to be done when nothing is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhenAbsent {
    /// Create it.
    Create,
    /// It cannot be created from here: wait for it.
    WaitFor {
        /// The reason of the condition.
        reason: &'static str,
        /// What the person has to do.
        message: String,
        /// After this long the object counts as stalled.
        deadline: std::time::Duration,
    },
}

/// What is wrong with declared values before anything is sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// A proven contradiction between values that may be about to change together: held back. Reason and message.
    pub mismatch: Option<(&'static str, String)>,
    /// What looks wrong but is sent all the same.
    pub warnings: Vec<String>,
}

/// A vendor.
pub trait Vendor: Sized + Send + Sync + 'static {
    /// The controller's name: in settings, logs and metrics.
    const NAME: &'static str;

    /// The kind of its accounts.
    type Account: Kind + HasSpec<Spec = Self::AccountSpec> + HasStatus<Status = crate::api::AccountStatus>;
    /// Their spec.
    type AccountSpec: AccountSpec + Clone + DeserializeOwned + PartialEq + Send + Sync;
    /// The kind of its connectors.
    type Connector: Kind
        + HasSpec<Spec = Self::ConnectorSpec>
        + HasStatus<Status = ConnectorStatus<Self::Remote>>;
    /// Their spec.
    type ConnectorSpec: ConnectorSpec + Clone + DeserializeOwned + Send + Sync;
    /// What `status.remote` shows.
    type Remote: Clone + PartialEq + Serialize + DeserializeOwned + Send + Sync;
    /// One object of the vendor's list.
    type Item: RemoteItem;
    /// The vendor's endpoints.
    type Client: Source<Item = Self::Item>;

    /// Where identities of this account are valid, as in `status.scope`.
    fn scope(account: &Self::AccountSpec) -> String;

    /// What else of an account decides how its calls are made. Accounts that differ in it share neither snapshot nor budget.
    fn manner(_account: &Self::AccountSpec) -> &'static str {
        ""
    }

    /// The endpoints of an account. `credential` holds the values of `secret_sources`, in their order.
    ///
    /// # Errors
    /// What is wrong with the credential's form, without showing it.
    fn connect(
        account: &Self::AccountSpec,
        credential: &[SecretString],
        connection: Connection,
    ) -> Result<Self::Client, String>;

    /// The client's HTTP side, to change deadlines and see the budget.
    fn http(client: &Self::Client) -> &crate::remote::Client;

    /// The identity that the spec asks for, where the spec decides it.
    fn wanted(spec: &Self::ConnectorSpec, object_name: &str) -> Identity;

    /// The object of the snapshot that the spec means, for one that has no recorded identity.
    fn find(
        spec: &Self::ConnectorSpec,
        object_name: &str,
        snapshot: &Snapshot<Self::Item>,
    ) -> Option<Identity> {
        let wanted = Self::wanted(spec, object_name);
        snapshot.get(wanted.as_str()).map(|_| wanted)
    }

    /// Whether `item`, the vendor's answer to a create or update, is the object that was meant. A vendor may spell an identity in its own
    /// way; but an answer about another object must never be taken for ours.
    fn is_meant(spec: &Self::ConnectorSpec, object_name: &str, item: &Self::Item) -> bool {
        Self::wanted(spec, object_name).as_str().eq_ignore_ascii_case(item.identity().as_str())
    }

    /// What the identity becomes when the spec is applied; `None` where it stays.
    fn renames(spec: &Self::ConnectorSpec, object_name: &str, identity: &Identity) -> Option<Identity> {
        Some(Self::wanted(spec, object_name)).filter(|wanted| wanted != identity)
    }

    /// What `status.remote` shows of an object. What the vendor does not tell every time is kept from `before`, which shows the same object.
    fn remote(item: &Self::Item, before: Option<&Self::Remote>) -> Self::Remote;

    /// The identity that `status.remote` holds.
    fn recorded(remote: &Self::Remote) -> Identity;

    /// What differs between the spec and the object, write-only values aside.
    fn changes(spec: &Self::ConnectorSpec, object_name: &str, item: &Self::Item) -> Vec<Change>;

    /// The write-only values that the spec declares.
    fn secret_fields(spec: &Self::ConnectorSpec) -> Vec<SecretField<'_>>;

    /// What the vendor tells of the object's write-only values.
    fn secrets(item: &Self::Item) -> BTreeMap<String, SecretState>;

    /// Whether a write-only value that was changed at the vendor is written again.
    fn overwrites_secret_drift(_spec: &Self::ConnectorSpec) -> bool {
        true
    }

    /// Whether an update of `changes` sends the declared write-only values along.
    fn sends_secrets(changes: &[Change]) -> bool {
        changes.iter().any(|change| change.secret)
    }

    /// Write-only values that `changes` might clear, because the spec does not declare them.
    fn might_clear(_spec: &Self::ConnectorSpec, _item: &Self::Item, _changes: &[Change]) -> Vec<String> {
        Vec::new()
    }

    /// Looks at declared values before anything is sent.
    fn examine(_desired: &Desired<'_, Self::ConnectorSpec>) -> Findings {
        Findings::default()
    }

    /// What to do when nothing is there.
    fn when_absent(_spec: &Self::ConnectorSpec) -> WhenAbsent {
        WhenAbsent::Create
    }

    /// Whether a connector of another namespace may have that remote name, by the account's ceilings; else what to write instead.
    fn ceiling(account: &Self::AccountSpec, wanted: &Identity) -> Result<(), String>;

    /// Creates the object.
    fn create(
        client: &Self::Client,
        desired: &Desired<'_, Self::ConnectorSpec>,
    ) -> impl Future<Output = Result<Self::Item, RemoteError>> + Send;

    /// Changes the object.
    fn update(
        client: &Self::Client,
        entry: &Entry<Self::Item>,
        desired: &Desired<'_, Self::ConnectorSpec>,
        changes: &[Change],
    ) -> impl Future<Output = Result<Self::Item, RemoteError>> + Send;

    /// Deletes the object.
    fn delete(
        client: &Self::Client,
        identity: &Identity,
    ) -> impl Future<Output = Result<(), RemoteError>> + Send;

    /// Why the vendor refuses to delete the object, where it can be asked.
    fn why_not_deleted(
        _client: &Self::Client,
        _identity: &Identity,
    ) -> impl Future<Output = Option<String>> + Send {
        async { None }
    }
}
