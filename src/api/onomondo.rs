//! Onomondo: connectors of an organisation, and the account that reaches it.

use kube::core::Rule;
use kube::{CustomResource, KubeSchema};
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};

use super::access::AllowedNamespaces;
use super::common::{
    AccountRef, AdoptionPolicy, DeletionPolicy, ManagementPolicy, SecretDriftPolicy, SecretKeyRef,
    SecretSource, account_spec, connector_spec, default_requests_per_minute, is_false,
};
use super::rules;
use super::status::{AccountStatus, ConnectorStatus};

/// Where an account goes that names no endpoint.
pub const ONOMONDO_ENDPOINT: &str = "https://api.onomondo.com";
/// The default key of `apiKeySecretRef`.
pub const API_KEY: &str = "apiKey";
/// The default key of `tls.keySecretRef`: a `kubernetes.io/tls` Secret's.
pub const TLS_KEY: &str = "tls.key";
/// The default key of `tls.certSecretRef`: a `kubernetes.io/tls` Secret's.
pub const TLS_CERT: &str = "tls.crt";
/// The default key of `tls.caSecretRef`.
pub const CA_CERT: &str = "ca.crt";
/// The default key of `microsoftAzureIot.connectionStringSecretRef`.
pub const CONNECTION_STRING: &str = "connectionString";

/// Status of an [`OnomondoConnector`].
pub type OnomondoConnectorStatus = ConnectorStatus<OnomondoRemote>;

/// A connector of an Onomondo organisation.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "connector-operator.io",
    version = "v1alpha1",
    kind = "OnomondoConnector",
    namespaced,
    derive = "PartialEq",
    status = "OnomondoConnectorStatus",
    doc = "A connector of an Onomondo organisation.",
    validation = metadata_name_is_valid()
)]
#[x_kube(
    validation = belongs_to_type("tls", "tls"),
    validation = belongs_to_type("https", "https"),
    validation = belongs_to_type("aws_iot_core", "awsIotCore"),
    validation = belongs_to_type("microsoft_azure_iot", "microsoftAzureIot")
)]
#[serde(rename_all = "camelCase")]
pub struct OnomondoConnectorSpec {
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
    /// Whether a connector that already exists may be taken over: IfIdentical (the default; only where nothing would
    /// change), Always (and update it) or Never.
    #[serde(default)]
    pub adoption_policy: AdoptionPolicy,
    /// true: the operator leaves this object alone until it is false again.
    #[serde(default, skip_serializing_if = "is_false")]
    pub suspend: bool,
    /// Name of the connector at Onomondo: 3 to 255 letters, digits, - and _. Absent: metadata.name. A change is a rename.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    #[x_kube(validation = name_is_valid())]
    pub name: Option<String>,
    /// Type of the connector. The member of the same name (`tls`, `https`, `awsIotCore`, `microsoftAzureIot`) holds its
    /// options.
    #[serde(rename = "type")]
    pub type_: OnomondoType,
    /// Options of a connector of type tls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<OnomondoTls>,
    /// Options of a connector of type https.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub https: Option<OnomondoHttps>,
    /// Options of a connector of type aws_iot_core.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aws_iot_core: Option<OnomondoAwsIotCore>,
    /// Options of a connector of type microsoft_azure_iot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub microsoft_azure_iot: Option<OnomondoMicrosoftAzureIot>,
    /// Traffic that is routed around the connector. Absent: not managed; []: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub passthrough: Option<Vec<OnomondoPassthrough>>,
    /// UUIDs of the tags of the connector, all of them. Absent: not managed; []: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100), inner(length(max = 36)), transform = each_is_a_tag)]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub tags: Option<Vec<String>>,
    /// What to do when a secret was changed at Onomondo: Overwrite (the default; write ours again) or Report.
    #[serde(default)]
    pub secret_drift_policy: SecretDriftPolicy,
}

/// The names that Onomondo accepts.
const NAME: &str = "matches('^[-_a-zA-Z0-9]{3,255}$')";

fn name_is_valid() -> Rule {
    rules::rule(format!("self.{NAME}"), "write 3 to 255 letters, digits, - and _")
}

fn metadata_name_is_valid() -> Rule {
    rules::rule(
        format!("has(self.spec.name) || self.metadata.name.{NAME}"),
        "metadata.name is no valid name at Onomondo (3 to 255 letters, digits, - and _): write one that is in spec.name",
    )
    .field_path(".spec.name")
}

fn belongs_to_type(type_: &str, member: &str) -> Rule {
    rules::rule(
        format!("(self.type == '{type_}') == has(self.{member})"),
        format!("type: {type_} needs its options in {member}, and no other type may have them"),
    )
    .field_path(format!(".{member}"))
}

fn https_url() -> Rule {
    rules::rule(
        r"isURL(self) && self.matches(r'^https://[^/?#@\s]+([/?][^#\s]*)?$')",
        "write an https:// URL, such as https://ingest.example.com/v1, without user name and fragment",
    )
}

fn each_is_a_tag(schema: &mut Schema) {
    rules::on_items(schema, &rules::uuid("tag"));
}

/// The types of connector that can be declared. Others exist at the vendor; they are shown, not managed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnomondoType {
    /// TLS to a host.
    Tls,
    /// HTTPS to a URL.
    Https,
    /// AWS IoT Core.
    AwsIotCore,
    /// Microsoft Azure IoT Hub.
    MicrosoftAzureIot,
}

impl OnomondoType {
    /// The vendor's literal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tls => "tls",
            Self::Https => "https",
            Self::AwsIotCore => "aws_iot_core",
            Self::MicrosoftAzureIot => "microsoft_azure_iot",
        }
    }
}

/// Options of type `tls`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = rules::rule("has(self.keySecretRef) == has(self.certSecretRef)", "keySecretRef and certSecretRef belong together: write both, or neither"))]
#[serde(rename_all = "camelCase")]
pub struct OnomondoTls {
    /// Host name or IP address of the server.
    #[schemars(length(max = 253))]
    #[x_kube(validation = rules::host())]
    pub host: String,
    /// Port of the server.
    #[schemars(range(min = 1, max = 65535))]
    pub port: u16,
    /// The name that the server's certificate is for (TLS SNI).
    #[schemars(length(max = 253))]
    #[x_kube(validation = rules::host())]
    pub server_name: String,
    /// The client's private key, PEM. `key` defaults to tls.key. Needs `certSecretRef`. Absent: not managed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_secret_ref: Option<SecretKeyRef>,
    /// The client's certificate, PEM. `key` defaults to tls.crt. Needs `keySecretRef`. Absent: not managed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cert_secret_ref: Option<SecretKeyRef>,
    /// The CA of the server (not of the client's certificate), PEM. `key` defaults to ca.crt. Absent: not managed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_secret_ref: Option<SecretKeyRef>,
}

/// Options of type `https`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct OnomondoHttps {
    /// The https:// URL to send to.
    #[schemars(length(max = 2048))]
    #[x_kube(validation = https_url())]
    pub host: String,
    /// Whether the body of the reply is returned to the device. Absent: false.
    #[serde(default, skip_serializing_if = "is_false")]
    pub should_return_body: bool,
}

/// Options of type `aws_iot_core`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct OnomondoAwsIotCore {
    /// AWS region, such as eu-west-1.
    #[schemars(length(max = 32))]
    #[x_kube(validation = rules::rule("self.matches('^[a-z]{2,}(-[a-z]+)+-[0-9]+$')", "write an AWS region, such as eu-west-1"))]
    pub region: String,
    /// ARN of the IAM role that Onomondo assumes.
    #[schemars(length(max = 2048))]
    #[x_kube(validation = rules::rule(r"self.matches(r'^arn:aws[-a-z]*:iam::[0-9]{12}:role/[\w+=,.@/-]+$')", "write the ARN of an IAM role, such as arn:aws:iam::123456789012:role/iot"))]
    pub role: String,
    /// MQTT topic that devices' messages are published to. {imsi} stands for the SIM's.
    #[schemars(length(min = 1, max = 256))]
    #[x_kube(validation = rules::rule("!self.contains('#') && !self.contains('+')", "write one topic, such as up/{imsi}: a topic to publish to has no wildcards (# and +)"))]
    pub publish_topic: String,
    /// MQTT topic whose messages go to the devices.
    #[schemars(length(min = 1, max = 256))]
    pub subscribe_topic: String,
    /// Protocol that devices are sent messages by.
    pub default_protocol: OnomondoProtocol,
    /// Port that devices are sent messages to.
    #[schemars(range(min = 1, max = 65535))]
    pub default_port: u16,
}

/// Options of type `microsoft_azure_iot`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct OnomondoMicrosoftAzureIot {
    /// Connection string of the IoT Hub. `key` defaults to connectionString.
    pub connection_string_secret_ref: SecretKeyRef,
}

/// Transport protocols of AWS IoT Core's default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnomondoProtocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl OnomondoProtocol {
    /// The vendor's literal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// One rule of traffic that is routed around the connector.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = rules::rule("self.protocol != 'icmp' || !has(self.port)", "icmp has no ports: leave port out, or write protocol: tcp or udp"))]
#[serde(rename_all = "camelCase")]
pub struct OnomondoPassthrough {
    /// icmp, tcp or udp.
    pub protocol: OnomondoPassthroughProtocol,
    /// IP address. Absent: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 45))]
    #[x_kube(validation = rules::rule("isIP(self)", "write an IP address, such as 1.1.1.1"))]
    pub ip: Option<String>,
    /// Port, for tcp and udp. Absent: any. 0 is sent as 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
}

/// Protocols of a passthrough rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnomondoPassthroughProtocol {
    /// ICMP, which has no port.
    Icmp,
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl OnomondoPassthroughProtocol {
    /// The vendor's literal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Icmp => "icmp",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// What is shown of Onomondo's connector.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OnomondoRemote {
    /// Its name, which is its identity.
    pub name: String,
    /// Its number, where the vendor gives one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<i64>,
    /// Its UUID, where the vendor gives one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uuid: Option<String>,
    /// Its type, in the vendor's word.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub type_: Option<String>,
}

connector_spec!(OnomondoConnectorSpec);

/// An Onomondo organisation: where it is, and as whom to call it.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "connector-operator.io",
    version = "v1alpha1",
    kind = "OnomondoAccount",
    namespaced,
    derive = "PartialEq",
    status = "AccountStatus",
    doc = "An Onomondo organisation: where it is, and as whom to call it."
)]
#[serde(rename_all = "camelCase")]
pub struct OnomondoAccountSpec {
    /// Base URL of the API.
    #[serde(default = "onomondo_endpoint")]
    #[schemars(length(max = 2048))]
    #[x_kube(validation = rules::endpoint())]
    pub endpoint: String,
    /// The API key, in a Secret of this namespace. `key` defaults to apiKey.
    pub api_key_secret_ref: SecretKeyRef,
    /// How the key is sent in the Authorization header: Bare (the default; the key as it is) or Bearer ("Bearer <key>").
    #[serde(default)]
    pub authorization_scheme: OnomondoAuthorizationScheme,
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

/// How an Onomondo key is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum OnomondoAuthorizationScheme {
    /// `Authorization: <key>`
    #[default]
    Bare,
    /// `Authorization: Bearer <key>`
    Bearer,
}

fn onomondo_endpoint() -> String {
    ONOMONDO_ENDPOINT.to_owned()
}

impl OnomondoAccountSpec {
    fn sources(&self) -> Vec<SecretSource<'_>> {
        vec![self.api_key_secret_ref.source_or(API_KEY)]
    }
}

account_spec!(OnomondoAccountSpec);
