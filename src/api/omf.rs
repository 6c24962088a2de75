//! AVEVA Data Hub: OMF connections of a namespace, and the account that reaches it.

use kube::core::Rule;
use kube::{CustomResource, KubeSchema};
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};

use super::access::AllowedNamespaces;
use super::apono::TOKEN;
use super::common::{
    AccountRef, AdoptionPolicy, DeletionPolicy, ManagementPolicy, SecretKeyRef, SecretSource, account_spec,
    connector_spec, default_requests_per_minute, is_false,
};
use super::rules;
use super::status::{AccountStatus, ConnectorStatus};

/// The version in the vendor's paths where the account names none.
pub const OMF_API_VERSION: &str = "v1";
/// The default of `clientCredentials.secretRef.clientIdKey`.
pub const CLIENT_ID: &str = "clientId";
/// The default of `clientCredentials.secretRef.clientSecretKey`.
pub const CLIENT_SECRET: &str = "clientSecret";

/// Status of an [`OmfConnection`].
pub type OmfConnectionStatus = ConnectorStatus<OmfRemote>;

/// An OMF connection of an AVEVA Data Hub namespace.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "connector-operator.io",
    version = "v1alpha1",
    kind = "OmfConnection",
    namespaced,
    derive = "PartialEq",
    status = "OmfConnectionStatus",
    doc = "An OMF connection of an AVEVA Data Hub namespace.",
    validation = metadata_name_is_valid()
)]
#[serde(rename_all = "camelCase")]
pub struct OmfConnectionSpec {
    /// Which account to use. Absent: the account `default` of this namespace. It cannot be changed.
    #[serde(default)]
    #[x_kube(validation = rules::unchanged("accountRef"))]
    pub account_ref: AccountRef,
    /// What the operator may do at the vendor: Manage (the default), Observe (only report) or Plan (report what Manage
    /// would do).
    #[serde(default)]
    pub management_policy: ManagementPolicy,
    /// What a delete of this object does to the vendor's: Delete (the default) or Orphan (leave it).
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
    /// Whether a connection that already exists may be taken over: IfIdentical (the default; only where nothing would
    /// change), Always (and update it) or Never.
    #[serde(default)]
    pub adoption_policy: AdoptionPolicy,
    /// true: the operator leaves this object alone until it is false again.
    #[serde(default, skip_serializing_if = "is_false")]
    pub suspend: bool,
    /// Name of the connection at AVEVA, at most 200 characters; it need not be unique there. Absent: metadata.name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 200))]
    pub name: Option<String>,
    /// Description of the connection, at most 1000 characters. Absent: not managed; "": none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1000))]
    pub description: Option<String>,
    /// The clients that send through this connection, 1 to 10,000, in any order and without regard to case. A client can
    /// be in one connection of a namespace.
    #[schemars(length(min = 1, max = 10000), inner(length(max = 128)), transform = each_is_a_client)]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub client_ids: Vec<String>,
}

fn metadata_name_is_valid() -> Rule {
    rules::rule(
        "has(self.spec.name) || size(self.metadata.name) <= 200",
        "metadata.name is longer than AVEVA's 200 characters: write a shorter name in spec.name",
    )
    .field_path(".spec.name")
}

fn each_is_a_client(schema: &mut Schema) {
    rules::on_items(schema, &rules::id("client"));
}

connector_spec!(OmfConnectionSpec);

/// What is shown of AVEVA's connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OmfRemote {
    /// Its id, which is its identity.
    pub id: String,
    /// Creating, Active, Deleting or Deleted, in the vendor's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// When it was created, in the vendor's notation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_date: Option<String>,
}

/// A namespace of an AVEVA Data Hub tenant: where it is, and as whom to call it.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = rules::rule("has(self.clientCredentials) != has(self.tokenSecretRef)", "write exactly one of clientCredentials and tokenSecretRef"))]
#[kube(
    group = "connector-operator.io",
    version = "v1alpha1",
    kind = "OmfAccount",
    namespaced,
    derive = "PartialEq",
    status = "AccountStatus",
    doc = "A namespace of an AVEVA Data Hub tenant: where it is, and as whom to call it."
)]
#[serde(rename_all = "camelCase")]
pub struct OmfAccountSpec {
    /// Base URL of the region, such as https://uswe.datahub.connect.aveva.com.
    #[schemars(length(max = 2048))]
    #[x_kube(validation = rules::endpoint())]
    pub endpoint: String,
    /// Version in the API's paths: v1 (the default), or v2-preview for older tenants.
    #[serde(default = "omf_api_version")]
    #[schemars(length(max = 16))]
    #[x_kube(validation = rules::rule("self.matches('^v[0-9]{1,3}(-preview)?$')", "write the version in the vendor's paths: v1, or v2-preview for older tenants"))]
    pub api_version: String,
    /// Id of the tenant, a UUID.
    #[schemars(length(max = 36))]
    #[x_kube(validation = rules::uuid("tenant"))]
    pub tenant_id: String,
    /// Id of the AVEVA namespace within the tenant.
    #[schemars(length(max = 128))]
    #[x_kube(validation = rules::id("namespace"))]
    pub namespace_id: String,
    /// An OAuth2 client of the tenant, by which tokens are fetched. Exactly one of this and `tokenSecretRef`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_credentials: Option<OmfClientCredentials>,
    /// A bearer token that something else keeps fresh, in a Secret of this namespace. `key` defaults to token. Exactly one of
    /// this and `clientCredentials`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_secret_ref: Option<SecretKeyRef>,
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

fn omf_api_version() -> String {
    OMF_API_VERSION.to_owned()
}

/// An OAuth2 client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct OmfClientCredentials {
    /// The Secret of this namespace that holds the client's id and secret.
    pub secret_ref: OmfClientSecretRef,
    /// Where tokens are fetched. Absent: what {endpoint}/identity/.well-known/openid-configuration names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    #[x_kube(validation = rules::endpoint())]
    pub token_url: Option<String>,
}

/// A Secret with the two halves of an OAuth2 client.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct OmfClientSecretRef {
    /// Name of the Secret, in the same namespace as this object.
    #[schemars(length(max = 253))]
    #[x_kube(validation = rules::object_name())]
    pub name: String,
    /// Key of the client's id. Absent: clientId.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    #[x_kube(validation = rules::secret_key())]
    pub client_id_key: Option<String>,
    /// Key of the client's secret. Absent: clientSecret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    #[x_kube(validation = rules::secret_key())]
    pub client_secret_key: Option<String>,
}

impl OmfClientSecretRef {
    /// Where the client's id is read.
    pub fn client_id(&self) -> SecretSource<'_> {
        SecretSource { name: &self.name, key: self.client_id_key.as_deref().unwrap_or(CLIENT_ID) }
    }

    /// Where the client's secret is read.
    pub fn client_secret(&self) -> SecretSource<'_> {
        SecretSource { name: &self.name, key: self.client_secret_key.as_deref().unwrap_or(CLIENT_SECRET) }
    }
}

impl OmfAccountSpec {
    fn sources(&self) -> Vec<SecretSource<'_>> {
        let client = self.client_credentials.iter().map(|credentials| &credentials.secret_ref);
        let token = self.token_secret_ref.iter().map(|token| token.source_or(TOKEN));
        client.flat_map(|secret| [secret.client_id(), secret.client_secret()]).chain(token).collect()
    }
}

account_spec!(OmfAccountSpec);
