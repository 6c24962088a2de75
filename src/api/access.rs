//! Who else may use an account, and how far: the ceilings that an account sets for connectors of other namespaces.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::AdoptionPolicy;

/// Which namespaces may use an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum NamespacesFrom {
    /// Only the account's own.
    #[default]
    Same,
    /// Every namespace.
    All,
    /// Those whose labels the selector matches, and the account's own.
    Selector,
}

/// Which connectors of other namespaces may use an account, and the ceilings for them.
///
/// One Rust type for all vendors. Each vendor's schema has the one of `namePattern` and `connectorIds` that suits its
/// identities, so the API server drops the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AllowedNamespaces {
    /// Which namespaces: Same (only the account's own, the default), All, or Selector (those that `selector` matches).
    #[serde(default)]
    pub from: NamespacesFrom,
    /// Selects namespaces by their labels. Needed with `from: Selector`, and only there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
    /// The most that connectors of other namespaces may do with remote objects that already exist: Never (the default),
    /// IfIdentical or Always. The connector's own `adoptionPolicy` can only be narrower.
    #[serde(default = "never")]
    pub adoption: AdoptionPolicy,
    /// A regular expression (RE2) that the remote names of connectors of other namespaces have to match. It may match
    /// anywhere in the name; write ^ and $ to match all of it. Absent: any name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub name_pattern: Option<String>,
    /// The connectors that objects of other namespaces may name in `connectorId`. Absent: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1000), inner(length(max = 128)))]
    pub connector_ids: Option<Vec<String>>,
}

impl Default for AllowedNamespaces {
    fn default() -> Self {
        Self {
            from: NamespacesFrom::Same,
            selector: None,
            adoption: AdoptionPolicy::Never,
            name_pattern: None,
            connector_ids: None,
        }
    }
}

impl AllowedNamespaces {
    /// Whether nothing was set, so that nothing is written.
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

fn never() -> AdoptionPolicy {
    AdoptionPolicy::Never
}
