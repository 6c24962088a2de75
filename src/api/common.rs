//! What the six kinds share: names, policies, references, and the two traits by which the engine reads any spec.

use std::time::Duration;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use super::access::{AllowedNamespaces, NamespacesFrom};
use super::rules;
pub use super::status::{
    AccountStatus, ConnectorStatus, LastSnapshot, PlannedChange, RateLimitStatus, SecretStatus,
};

/// Written with the finalizer before a create is sent, so that a remote object can be recognised as ours after a crash.
pub const CLAIM_ANNOTATION: &str = "connector-operator.io/claim";
/// Holds a connector until its remote object is gone, and an account until no connector needs it.
pub const FINALIZER: &str = "connector-operator.io/finalizer";
/// Any new value forces a pass over the object.
pub const RECONCILE_AT_ANNOTATION: &str = "connector-operator.io/reconcile-at";
/// Flux's spelling of [`RECONCILE_AT_ANNOTATION`], set by `flux reconcile`.
pub const FLUX_REQUESTED_AT_ANNOTATION: &str = "reconcile.fluxcd.io/requestedAt";
/// `"true"` on a connector that is being deleted leaves its remote object behind.
pub const ORPHAN_ANNOTATION: &str = "connector-operator.io/orphan";
/// On an account: the hash from its `SnapshotShrank` message, by which a person accepts that objects are missing.
pub const ACCEPT_SNAPSHOT_ANNOTATION: &str = "connector-operator.io/accept-snapshot";

/// The name of the account that is used where none is given.
const DEFAULT_ACCOUNT: &str = "default";
/// Requests a minute where the account sets none: Onomondo's documented quota of an organisation.
pub(super) const DEFAULT_REQUESTS_PER_MINUTE: u32 = 600;

/// Which account a connector is managed through.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountRef {
    /// Name of the account.
    #[serde(default = "default_account")]
    #[schemars(length(max = 253))]
    #[x_kube(validation = rules::object_name())]
    pub name: String,
    /// Namespace of the account. Absent: the connector's own. The account has to allow other namespaces
    /// (`spec.allowedNamespaces` of the account).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    #[x_kube(validation = rules::namespace_name())]
    pub namespace: Option<String>,
}

impl Default for AccountRef {
    fn default() -> Self {
        Self { name: default_account(), namespace: None }
    }
}

fn default_account() -> String {
    DEFAULT_ACCOUNT.to_owned()
}

/// What the operator may do to the remote object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ManagementPolicy {
    /// Create, update and delete it.
    #[default]
    Manage,
    /// Only look at it and report.
    Observe,
    /// Report what `Manage` would do.
    Plan,
}

/// What happens to the remote object when the Kubernetes object is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// It is deleted too.
    #[default]
    Delete,
    /// It stays.
    Orphan,
}

/// Whether a remote object that already exists may be taken over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum AdoptionPolicy {
    /// Only where nothing would change.
    #[default]
    IfIdentical,
    /// Always; it is then changed to what the spec says.
    Always,
    /// Not at all.
    Never,
}

/// What to do when a secret was changed at the vendor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum SecretDriftPolicy {
    /// Write ours again.
    #[default]
    Overwrite,
    /// Report it, and leave it.
    Report,
}

/// A key of a Secret in the namespace of the object that refers to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeyRef {
    /// Name of the Secret, in the same namespace as this object.
    #[schemars(length(max = 253))]
    #[x_kube(validation = rules::object_name())]
    pub name: String,
    /// Key within the Secret's data. Absent: the default that the field's own description names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    #[x_kube(validation = rules::secret_key())]
    pub key: Option<String>,
}

impl SecretKeyRef {
    /// The key to read, given the default of the field that holds this reference.
    pub fn key_or<'a>(&'a self, default: &'a str) -> &'a str {
        self.key.as_deref().unwrap_or(default)
    }

    /// The Secret and key to read, given the default key of the field that holds this reference.
    pub fn source_or<'a>(&'a self, default: &'a str) -> SecretSource<'a> {
        SecretSource { name: &self.name, key: self.key_or(default) }
    }
}

/// A Secret's name and key with every default filled in: what an object reads in its own namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SecretSource<'a> {
    /// Name of the Secret.
    pub name: &'a str,
    /// Key within its data.
    pub key: &'a str,
}

/// What the engine reads of any connector's spec.
pub trait ConnectorSpec {
    /// The account to use.
    fn account_ref(&self) -> &AccountRef;
    /// What may be done to the remote object.
    fn management_policy(&self) -> ManagementPolicy;
    /// What a delete does to the remote object.
    fn deletion_policy(&self) -> DeletionPolicy;
    /// Whether an existing remote object may be taken over.
    fn adoption_policy(&self) -> AdoptionPolicy;
    /// Whether the object is to be left alone.
    fn suspend(&self) -> bool;
}

/// What the engine reads of any account's spec.
pub trait AccountSpec {
    /// The vendor's base URL, as written.
    fn endpoint(&self) -> &str;
    /// How often the vendor is read; `None`: the operator's setting.
    fn resync_interval(&self) -> Option<Duration>;
    /// How long one call may take; `None`: the operator's setting.
    fn request_timeout(&self) -> Option<Duration>;
    /// The budget.
    fn requests_per_minute(&self) -> u32;
    /// Which other namespaces may use the account, and how far.
    fn allowed_namespaces(&self) -> &AllowedNamespaces;
    /// Whether no call at all may be made.
    fn suspend(&self) -> bool;
    /// The Secrets of the account's own namespace that its credential is read from.
    fn secret_sources(&self) -> Vec<SecretSource<'_>>;
}

/// Whether a flag is at its default, which is then not written.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's skip_serializing_if passes a reference")]
pub(super) fn is_false(flag: &bool) -> bool {
    !*flag
}

pub(super) fn default_requests_per_minute() -> u32 {
    DEFAULT_REQUESTS_PER_MINUTE
}

/// Implements [`ConnectorSpec`] for a spec that has the common fields under their own names.
macro_rules! connector_spec {
    ($spec:ty) => {
        impl $crate::api::common::ConnectorSpec for $spec {
            fn account_ref(&self) -> &$crate::api::common::AccountRef {
                &self.account_ref
            }
            fn management_policy(&self) -> $crate::api::common::ManagementPolicy {
                self.management_policy
            }
            fn deletion_policy(&self) -> $crate::api::common::DeletionPolicy {
                self.deletion_policy
            }
            fn adoption_policy(&self) -> $crate::api::common::AdoptionPolicy {
                self.adoption_policy
            }
            fn suspend(&self) -> bool {
                self.suspend
            }
        }
    };
}

/// Implements [`AccountSpec`] for a spec that has the common fields under their own names, and a method `sources`
/// that gives its Secrets.
macro_rules! account_spec {
    ($spec:ty) => {
        impl $crate::api::common::AccountSpec for $spec {
            fn endpoint(&self) -> &str {
                &self.endpoint
            }
            fn resync_interval(&self) -> Option<std::time::Duration> {
                self.resync_interval.as_deref().and_then($crate::api::duration::parse)
            }
            fn request_timeout(&self) -> Option<std::time::Duration> {
                self.request_timeout.as_deref().and_then($crate::api::duration::parse)
            }
            fn requests_per_minute(&self) -> u32 {
                self.requests_per_minute
            }
            fn allowed_namespaces(&self) -> &$crate::api::common::AllowedNamespaces {
                &self.allowed_namespaces
            }
            fn suspend(&self) -> bool {
                self.suspend
            }
            fn secret_sources(&self) -> Vec<$crate::api::common::SecretSource<'_>> {
                self.sources()
            }
        }
    };
}

pub(super) use {account_spec, connector_spec};
