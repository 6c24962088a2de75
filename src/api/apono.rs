//! Apono: connectors of an account, and the account that reaches it.
//!
//! Apono has no create: a connector registers itself when its agent is installed, under an id chosen there.

use std::collections::BTreeMap;
use std::time::Duration;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::access::AllowedNamespaces;
use super::common::{
    AccountRef, AdoptionPolicy, DeletionPolicy, ManagementPolicy, SecretKeyRef, SecretSource, account_spec,
    connector_spec, default_requests_per_minute, is_false,
};
use super::duration;
use super::rules;
use super::status::{AccountStatus, ConnectorStatus};

/// Where an account goes that names no endpoint.
pub const APONO_ENDPOINT: &str = "https://api.apono.io";
/// The most sessions that a status lists.
pub const SESSIONS_LIMIT: usize = 64;
/// The most entries of a session's `cloudProviderMetadata`.
pub const METADATA_LIMIT: usize = 32;
/// The default key of `tokenSecretRef`, here and in an `OmfAccount`.
pub const TOKEN: &str = "token";
/// How long an agent may take to register where the spec does not say.
const REGISTRATION_DEADLINE: &str = "15m";
/// The same, as a duration.
const REGISTRATION_DEADLINE_DURATION: Duration = Duration::from_mins(15);

/// Status of an [`AponoConnector`].
pub type AponoConnectorStatus = ConnectorStatus<AponoRemote>;

/// A connector of an Apono account.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "connector-operator.io",
    version = "v1alpha1",
    kind = "AponoConnector",
    namespaced,
    derive = "PartialEq",
    status = "AponoConnectorStatus",
    doc = "A connector of an Apono account."
)]
#[serde(rename_all = "camelCase")]
pub struct AponoConnectorSpec {
    /// Which account to use. Absent: the account `default` of this namespace. It cannot be changed.
    #[serde(default)]
    #[x_kube(validation = rules::unchanged("accountRef"))]
    pub account_ref: AccountRef,
    /// What the operator may do at the vendor: Manage (the default), Observe (only report) or Plan (report what Manage
    /// would do).
    #[serde(default)]
    pub management_policy: ManagementPolicy,
    /// What a delete of this object does to the vendor's: Orphan (the default; leave it) or Delete. While the agent runs, it
    /// may register again.
    #[serde(default = "orphan")]
    pub deletion_policy: DeletionPolicy,
    /// Whether a connector that already exists may be taken over: Always (the default, since whoever names the id
    /// consents), IfIdentical (only where nothing would change) or Never.
    #[serde(default = "always")]
    pub adoption_policy: AdoptionPolicy,
    /// true: the operator leaves this object alone until it is false again.
    #[serde(default, skip_serializing_if = "is_false")]
    pub suspend: bool,
    /// Id of the connector at Apono: the one that its agent was installed with. It cannot be changed.
    #[schemars(length(max = 128))]
    #[x_kube(validation = rules::unchanged("connectorId"), validation = rules::id("connector"))]
    pub connector_id: String,
    /// Name of the connector at Apono, the one thing that can be set there. Absent: not managed, only shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub name: Option<String>,
    /// How long the agent may take to register, 10s to 168h, before the object counts as stalled. It is waited for all the
    /// same.
    #[serde(default = "registration_deadline")]
    #[schemars(length(max = 20))]
    #[x_kube(validation = rules::duration_between("10s", "168h"))]
    pub registration_deadline: String,
}

fn orphan() -> DeletionPolicy {
    DeletionPolicy::Orphan
}

fn always() -> AdoptionPolicy {
    AdoptionPolicy::Always
}

fn registration_deadline() -> String {
    REGISTRATION_DEADLINE.to_owned()
}

impl AponoConnectorSpec {
    /// How long the agent may take to register.
    pub fn registration_deadline(&self) -> Duration {
        duration::parse(&self.registration_deadline).unwrap_or(REGISTRATION_DEADLINE_DURATION)
    }
}

connector_spec!(AponoConnectorSpec);

/// What is shown of Apono's connector.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AponoRemote {
    /// Its id, which is its identity.
    pub id: String,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// CONNECTED or DISCONNECTED, in the vendor's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Version of the agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Whether that is the newest version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_latest_version: Option<bool>,
    /// When the agent last connected, in the vendor's notation. It is written only together with another change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_connected: Option<String>,
    /// Cloud that the connector gives access to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloud_provider_type: Option<String>,
    /// One for each running agent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = SESSIONS_LIMIT), extend("x-kubernetes-list-type" = "atomic"))]
    pub sessions: Vec<AponoSession>,
}

/// One running agent of an Apono connector.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AponoSession {
    /// Id of the session.
    pub id: String,
    /// When the agent was last responsive, in the vendor's notation. It is written only together with another change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_connected_time: Option<String>,
    /// Version of this agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connector_version: Option<String>,
    /// What the vendor says of where it runs (region, project, Kubernetes version and the like), each as text.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = METADATA_LIMIT))]
    pub cloud_provider_metadata: BTreeMap<String, String>,
}

/// An Apono account: where it is, and as whom to call it.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "connector-operator.io",
    version = "v1alpha1",
    kind = "AponoAccount",
    namespaced,
    derive = "PartialEq",
    status = "AccountStatus",
    doc = "An Apono account: where it is, and as whom to call it."
)]
#[serde(rename_all = "camelCase")]
pub struct AponoAccountSpec {
    /// Base URL of the API.
    #[serde(default = "apono_endpoint")]
    #[schemars(length(max = 2048))]
    #[x_kube(validation = rules::endpoint())]
    pub endpoint: String,
    /// The API token (personal or of a service account), in a Secret of this namespace. `key` defaults to token.
    pub token_secret_ref: SecretKeyRef,
    /// How often the vendor is read, 10s to 24h. Absent: the operator's setting (1m).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 20))]
    #[x_kube(validation = rules::duration_between("10s", "24h"))]
    pub resync_interval: Option<String>,
    /// How long one call may take, 1s to 5m. Absent: the operator's setting (30s).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 20))]
    #[x_kube(validation = rules::duration_between("1s", "5m"))]
    pub request_timeout: Option<String>,
    /// The most requests a minute that the operator sends. The vendor's own headers lower it further.
    #[serde(default = "default_requests_per_minute")]
    #[schemars(range(min = 1, max = 60000))]
    pub requests_per_minute: u32,
    /// Which other namespaces may use this account, and how far.
    #[serde(default, skip_serializing_if = "AllowedNamespaces::is_default")]
    pub allowed_namespaces: AllowedNamespaces,
    /// true: no call is made to the vendor for this account, nor for any connector that uses it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub suspend: bool,
}

fn apono_endpoint() -> String {
    APONO_ENDPOINT.to_owned()
}

impl AponoAccountSpec {
    fn sources(&self) -> Vec<SecretSource<'_>> {
        vec![self.token_secret_ref.source_or(TOKEN)]
    }
}

account_spec!(AponoAccountSpec);
