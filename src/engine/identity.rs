//! What a connector's own record says of its remote object: the identity in its status, and the claim that stands open without one. Pure.

use super::claims::Claim;
use super::fingerprint::FingerprintKey;
use super::object::{Kind, Object, ObjectKey};
use super::vendor::Vendor;
use crate::api::{CLAIM_ANNOTATION, ConnectorSpec, ConnectorStatus, ManagementPolicy};
use crate::remote::Identity;

/// The account that a spec names.
pub fn account_key(spec: &impl ConnectorSpec, namespace: &str) -> ObjectKey {
    let reference = spec.account_ref();
    ObjectKey::new(reference.namespace.as_deref().unwrap_or(namespace), &reference.name)
}

/// The identity that a connector's status records. Without `status.scope`, `status.remote` is only shown, and nothing is owned.
pub fn recorded<V: Vendor>(object: &Object<V::Connector>) -> Option<Identity> {
    object.status.scope.as_ref()?;
    object.status.remote.as_ref().map(V::recorded)
}

/// Whether a connector is under Observe or Plan.
pub fn only_shows<V: Vendor>(object: &Object<V::Connector>) -> bool {
    object.spec.as_ref().is_ok_and(|spec| spec.management_policy() != ManagementPolicy::Manage)
}

/// The identity that a rename under way leads to.
pub fn object_renaming<V: Vendor>(object: &Object<V::Connector>) -> Option<Identity> {
    object.status.renaming_to.as_deref().map(Identity::from)
}

/// The claim on a connector, while its status records no identity.
pub fn open_claim<K, R>(object: &Object<K>, key: &FingerprintKey) -> Option<Claim>
where
    K: Kind<Status = ConnectorStatus<R>>,
{
    let records_identity = object.status.scope.is_some() && object.status.remote.is_some();
    let annotation = object.annotation(CLAIM_ANNOTATION).filter(|_| !records_identity)?;
    Claim::read(key, object.uid(), annotation)
}

/// Where what a connector has was made, or may have been made under a claim that counts, if that is not at `scope`.
pub fn elsewhere<V: Vendor>(
    object: &Object<V::Connector>,
    claim: Option<&Claim>,
    scope: &str,
) -> Option<String> {
    let recorded = object.status.scope.as_deref().map(|made_at| ("it was made at", made_at));
    let claimed = claim.map(|claim| ("it may have been made at", claim.scope.as_str()));
    let (how, there) = recorded.into_iter().chain(claimed).find(|(_, there)| *there != scope)?;
    Some(format!("{how} {there}"))
}

/// When a connector was created, and its uid: the order among those that hold nothing.
pub fn age<K: Kind>(object: &Object<K>) -> (String, String) {
    let created = object.metadata.creation_timestamp.as_ref().map(|time| time.0.to_string());
    (created.unwrap_or_default(), object.uid().to_owned())
}
