//! Before a pass decides: the account that a connector names, and the values of its Secrets. Reads only.

use super::context::Context;
use super::identity::account_key;
use super::object::{Object, ObjectKey};
use super::run::Key;
use super::secret_facts::{Declared, SecretFacts};
use super::secrets::{ReadSecret, SecretError, read};
use super::state::{AccountView, State};
use super::status::Verdict;
use super::vendor::{SecretValues, Vendor};
use crate::api::{AccountSpec, AdoptionPolicy, AllowedNamespaces, ConnectorSpec, NamespacesFrom};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use std::collections::{BTreeMap, BTreeSet};

/// The account, as far as this connector may use it.
pub struct Account<V: Vendor> {
    /// How it is reached.
    pub view: AccountView<V>,
    /// Whether the connector is in another namespace than the account.
    pub is_foreign: bool,
    /// The most that this connector may do with objects that already exist.
    pub adoption: AdoptionPolicy,
}

/// Why a pass cannot use its account.
pub enum NoAccount {
    /// It will be known soon, and wakes the connector then: nothing is said meanwhile.
    Soon,
    /// It does not exist. Say this, once it had the time to come.
    Missing(Verdict),
    /// Say this.
    Say(Verdict),
}

/// Looks the account up.
pub fn account<V: Vendor>(
    state: &State<V>,
    object: &Object<V::Connector>,
    spec: &V::ConnectorSpec,
) -> Result<Account<V>, NoAccount> {
    let key = account_key(spec, object.namespace());
    let Some(account) = state.accounts.get(&key) else {
        return Err(NoAccount::Missing(Verdict::dependency(
            "False",
            "AccountNotFound",
            format!(
                "account {key} does not exist, or is in a namespace that is not watched; create it, or correct accountRef"
            ),
        )));
    };
    let is_foreign = key.namespace != object.namespace();
    if let (true, Ok(account_spec)) = (is_foreign, &account.spec) {
        admit::<V>(state, account_spec, &key, object, spec).map_err(NoAccount::Say)?;
    }
    if !state.settled.contains(&key) {
        return Err(NoAccount::Soon);
    }
    let not_ready = || {
        NoAccount::Say(Verdict::dependency(
            "Unknown",
            "AccountNotReady",
            format!("account {key} is not ready; its status says why"),
        ))
    };
    let view = state.views.get(&key).filter(|view| view.usable).ok_or_else(not_ready)?;
    let remote = state.remotes.get(&view.remote).ok_or_else(not_ready)?;
    if remote.told_stale {
        return Err(not_ready());
    }
    if view.reflector.snapshot().lists() == 0 {
        let quiet = view.reflector.health().failing.is_none() || is_at_rest(object);
        return Err(if quiet { NoAccount::Soon } else { not_ready() });
    }
    let own = spec.adoption_policy();
    let adoption = if is_foreign { narrower(own, view.spec.allowed_namespaces().adoption) } else { own };
    Ok(Account { view: view.clone(), is_foreign, adoption })
}

/// Whether the connector's last pass found everything as declared.
fn is_at_rest<K: super::object::Kind<Status = crate::api::ConnectorStatus<R>>, R>(
    object: &Object<K>,
) -> bool {
    let ready = object.status.conditions.iter().find(|condition| condition.type_ == "Ready");
    object.status.observed_generation == Some(object.generation())
        && ready.is_some_and(|ready| ready.status == "True")
}

/// Whether the account admits a connector of another namespace.
fn admit<V: Vendor>(
    state: &State<V>,
    account: &V::AccountSpec,
    key: &ObjectKey,
    object: &Object<V::Connector>,
    spec: &V::ConnectorSpec,
) -> Result<(), Verdict> {
    let allowed = account.allowed_namespaces();
    let refuse = |what: String| Verdict::stalled("AccountNotAllowed", format!("account {key} {what}"));
    if allowed.from == NamespacesFrom::Selector && state.namespaces.is_none() {
        return Err(refuse(
            "selects namespaces by their labels, which this operator may not read; install it with rbac.clusterScoped=true, or set \
             allowedNamespaces.from to All or Same"
                .into(),
        ));
    }
    if !admits(state, allowed, object.namespace()) {
        return Err(refuse(format!(
            "does not allow namespace {}; its owner can do so in spec.allowedNamespaces",
            object.namespace()
        )));
    }
    V::ceiling(account, spec, object.name()).map_err(refuse)
}

fn admits<V: Vendor>(state: &State<V>, allowed: &AllowedNamespaces, namespace: &str) -> bool {
    match allowed.from {
        NamespacesFrom::Same => false,
        NamespacesFrom::All => true,
        NamespacesFrom::Selector => {
            let labels = state
                .namespaces
                .as_ref()
                .and_then(|namespaces| namespaces.get(&ObjectKey::new("", namespace)))
                .map(|namespace| namespace.metadata.labels.clone().unwrap_or_default());
            match (labels, &allowed.selector) {
                (Some(labels), Some(selector)) => matches(selector, &labels),
                _ => false,
            }
        }
    }
}

/// Kubernetes' label selector semantics; an operator that is not known matches nothing.
fn matches(selector: &LabelSelector, labels: &BTreeMap<String, String>) -> bool {
    let by_label =
        selector.match_labels.iter().flatten().all(|(name, value)| labels.get(name) == Some(value));
    let by_expression = selector.match_expressions.iter().flatten().all(|requirement| {
        let value = labels.get(&requirement.key);
        let listed = value.is_some_and(|value| requirement.values.iter().flatten().any(|one| one == value));
        match requirement.operator.as_str() {
            "In" => listed,
            "NotIn" => !listed,
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            _ => false,
        }
    });
    by_label && by_expression
}

fn narrower(own: AdoptionPolicy, ceiling: AdoptionPolicy) -> AdoptionPolicy {
    use AdoptionPolicy::{Always, IfIdentical, Never};
    match (own, ceiling) {
        (Never, _) | (_, Never) => Never,
        (IfIdentical, _) | (_, IfIdentical) => IfIdentical,
        (Always, Always) => Always,
    }
}

/// Reads the declared write-only values.
///
/// # Errors
/// The verdict of the first that could not be read, and whether to try again without being woken.
pub async fn secrets<V: Vendor>(
    context: &Context<V>,
    object: &Object<V::Connector>,
    spec: &V::ConnectorSpec,
) -> Result<(SecretValues, SecretFacts), (Verdict, bool)> {
    let fields = V::secret_fields(spec);
    let key_of = |name: &str| ObjectKey::new(object.namespace(), name);
    let named: BTreeSet<ObjectKey> = fields.iter().map(|field| key_of(field.source.name)).collect();
    let user = Key::Connector(object.key());
    context.state().secrets.refer(&user, named.clone());
    let missing = |error: &SecretError| {
        let retry = matches!(error, SecretError::Unreadable(..));
        (Verdict::dependency("False", "SecretNotFound", format!("{}: {error}", object.name())), retry)
    };
    let mut found: BTreeMap<ObjectKey, ReadSecret> = BTreeMap::new();
    for key in named {
        let secret = read(&context.client, &key).await.map_err(|error| missing(&error))?;
        context.state().secrets.was_read(&user, &key, secret.version());
        found.insert(key, secret);
    }
    let mut values = SecretValues::new();
    let mut declared = BTreeMap::new();
    for field in fields {
        let Some(secret) = found.get(&key_of(field.source.name)) else { continue };
        let value = secret.value(field.source.key).map_err(|error| missing(&error))?;
        let fingerprint = context.key.of_secret(object.uid(), field.field, &value);
        declared.insert(field.field, Declared { path: field.path, fingerprint });
        values.insert(field.field, value);
    }
    let mut recorded = object.status.secrets.clone();
    recorded.extend(context.state().memory(&object.key(), object.uid()).secrets_written.clone());
    let facts = SecretFacts { declared, recorded, overwrite_drift: V::overwrites_secret_drift(spec) };
    Ok((values, facts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelectorRequirement;

    fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn expression(key: &str, operator: &str, values: &[&str]) -> LabelSelector {
        let requirement = LabelSelectorRequirement {
            key: key.into(),
            operator: operator.into(),
            values: Some(values.iter().map(ToString::to_string).collect()),
        };
        LabelSelector { match_expressions: Some(vec![requirement]), match_labels: None }
    }

    #[test]
    fn selectors_match_as_kubernetes_does() {
        let team_a = labels(&[("team", "a")]);
        let by_label = LabelSelector { match_labels: Some(team_a.clone()), match_expressions: None };
        assert!(matches(&by_label, &team_a));
        assert!(!matches(&by_label, &labels(&[("team", "b")])));
        assert!(matches(&expression("team", "In", &["a", "b"]), &team_a));
        assert!(!matches(&expression("team", "NotIn", &["a"]), &team_a));
        assert!(matches(&expression("team", "NotIn", &["a"]), &labels(&[])));
        assert!(matches(&expression("team", "Exists", &[]), &team_a));
        assert!(!matches(&expression("team", "DoesNotExist", &[]), &team_a));
        assert!(!matches(&expression("team", "Resembles", &["a"]), &team_a));
    }

    #[test]
    fn a_ceiling_only_ever_narrows() {
        use AdoptionPolicy::{Always, IfIdentical, Never};
        assert_eq!(narrower(Always, Never), Never);
        assert_eq!(narrower(Never, Always), Never);
        assert_eq!(narrower(Always, IfIdentical), IfIdentical);
        assert_eq!(narrower(IfIdentical, Always), IfIdentical);
        assert_eq!(narrower(Always, Always), Always);
    }
}
