//! The seam between the engine and a vendor. What differs between vendors is in this trait; the engine never asks which one it serves.

use super::object::Kind;
use super::status::FurtherCondition;
use crate::api::{AccountSpec, ConnectorSpec, ConnectorStatus, SecretSource};
use crate::remote::{Connection, Entry, ExclusiveId, Identity, RemoteError, RemoteItem, Snapshot, Source};
use kube::core::object::{HasSpec, HasStatus};
use secrecy::SecretString;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
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

/// What a spec asks for that it cannot have yet: another connector is about to give it up.
pub type Withheld = BTreeSet<ExclusiveId>;

/// Everything that a write needs.
pub struct Desired<'a, S> {
    /// `metadata.name` of the object.
    pub object_name: &'a str,
    /// Its spec.
    pub spec: &'a S,
    /// What of it must not be written yet.
    pub withheld: &'a Withheld,
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

/// Where an object is in its life at the vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It can be changed.
    Settled,
    /// The vendor is still making it: it must not be changed.
    Arriving,
    /// The vendor is taking it away: it must not be changed, and nobody may take it over.
    Leaving,
    /// It is listed, but is no more.
    Gone,
}

/// How an update went.
#[derive(Debug)]
pub enum Updated<I> {
    /// It was written; this is what the vendor answered.
    Written(I),
    /// Nothing was written: read again just before, it turned out to be so already, or to be what the vendor is at work on.
    Found(I),
}

/// How a delete went.
#[derive(Debug)]
pub enum Deletion<I> {
    /// It is gone.
    Done,
    /// The vendor is about to take it away; this is what its list will show until then.
    Accepted(I),
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
    /// What messages call one of the things that only one object can have, see [`Vendor::exclusive`].
    const EXCLUSIVE: &'static str = "";

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
    fn manner(_account: &Self::AccountSpec) -> String {
        String::new()
    }

    /// Within what an identity means the same object: all that one credential reaches (`remote`), unless the scope says it all.
    fn realm<'a>(_scope: &'a str, remote: &'a str) -> Cow<'a, str> {
        remote.into()
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
    fn wanted(spec: &Self::ConnectorSpec, object_name: &str) -> Option<Identity>;

    /// What messages call the object that the spec asks for.
    fn label(spec: &Self::ConnectorSpec, object_name: &str) -> String;

    /// What the claim of a create says: enough to know the object again by [`Vendor::find_claimed`].
    fn claim(spec: &Self::ConnectorSpec, object_name: &str) -> String {
        Self::wanted(spec, object_name).map(|wanted| wanted.to_string()).unwrap_or_default()
    }

    /// The object of the snapshot that was created under a claim.
    fn find_claimed(claim: &str, snapshot: &Snapshot<Self::Item>) -> Option<Identity> {
        snapshot.get(claim).map(|_| Identity::from(claim))
    }

    /// The object of the snapshot that the spec means, for one that has no recorded identity.
    fn find(
        spec: &Self::ConnectorSpec,
        object_name: &str,
        snapshot: &Snapshot<Self::Item>,
    ) -> Option<Identity> {
        Self::wanted(spec, object_name).filter(|wanted| snapshot.get(wanted.as_str()).is_some())
    }

    /// What the spec asks for that no other object of the realm can have at the same time, beside its identity; with what messages call it.
    fn exclusive(_spec: &Self::ConnectorSpec) -> Vec<(ExclusiveId, &str)> {
        Vec::new()
    }

    /// Whether `item`, the vendor's answer to a create (`of` is `None`) or to an update of `of`, is about the object that was meant. A vendor
    /// may spell an identity in its own way; but an answer about another object must never be taken for ours.
    fn is_meant(
        desired: &Desired<'_, Self::ConnectorSpec>,
        of: Option<&Identity>,
        item: &Self::Item,
    ) -> bool {
        let wanted = Self::wanted(desired.spec, desired.object_name);
        let meant = wanted.as_ref().or(of);
        meant.is_some_and(|meant| meant.as_str().eq_ignore_ascii_case(item.identity().as_str()))
    }

    /// Where the object is in its life.
    fn phase(_item: &Self::Item) -> Phase {
        Phase::Settled
    }

    /// What messages call the state that an object is in while it is not settled, such as `Creating since 2026-01-02T03:04:05Z`: a text that does
    /// not move by itself.
    fn describe_phase(_item: &Self::Item) -> String {
        String::new()
    }

    /// Conditions of the vendor's own, beside `Ready`. When the status of one changes, that is an event.
    fn conditions(_item: &Self::Item) -> Vec<FurtherCondition> {
        Vec::new()
    }

    /// What a person is told when an object that was deleted from here is there again.
    fn reappeared(_identity: &Identity) -> Option<String> {
        None
    }

    /// What the identity becomes when the spec is applied; `None` where it stays.
    fn renames(spec: &Self::ConnectorSpec, object_name: &str, identity: &Identity) -> Option<Identity> {
        Self::wanted(spec, object_name).filter(|wanted| wanted != identity)
    }

    /// What `status.remote` shows of an object. What the vendor does not tell every time is kept from `before`, which shows the same object.
    fn remote(item: &Self::Item, before: Option<&Self::Remote>) -> Self::Remote;

    /// The identity that `status.remote` holds.
    fn recorded(remote: &Self::Remote) -> Identity;

    /// What differs between the spec without what is `withheld` and the object, write-only values aside.
    fn changes(
        spec: &Self::ConnectorSpec,
        object_name: &str,
        withheld: &Withheld,
        item: &Self::Item,
    ) -> Vec<Change>;

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
    fn when_absent(_account: &Self::AccountSpec, _spec: &Self::ConnectorSpec) -> WhenAbsent {
        WhenAbsent::Create
    }

    /// The condition's reason when the vendor refuses what is declared with this status (400, 409, 422).
    fn refusal(_status: u16) -> &'static str {
        "InvalidSpec"
    }

    /// Whether a connector of another namespace may have what its spec asks for, by the account's ceilings; else what to write instead.
    fn ceiling(
        account: &Self::AccountSpec,
        spec: &Self::ConnectorSpec,
        object_name: &str,
    ) -> Result<(), String>;

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
    ) -> impl Future<Output = Result<Updated<Self::Item>, RemoteError>> + Send;

    /// Deletes the object.
    fn delete(
        client: &Self::Client,
        entry: &Entry<Self::Item>,
    ) -> impl Future<Output = Result<Deletion<Self::Item>, RemoteError>> + Send;

    /// Why the vendor refuses to delete the object, where it can be asked.
    fn why_not_deleted(
        _client: &Self::Client,
        _identity: &Identity,
    ) -> impl Future<Output = Option<String>> + Send {
        async { None }
    }
}
