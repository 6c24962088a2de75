//! A custom object as the engine keeps it: metadata without ballast, a spec that may be undecodable, a status that never is
//! in the way.
//!
//! The API server validates specs, but a CRD can be older or newer than this operator. An object whose spec cannot be decoded still
//! has to be cleaned up, so each part is decoded on its own and nothing here fails.

use crate::api;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::core::object::{HasSpec, HasStatus};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;

/// Namespace and name of an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
}

impl ObjectKey {
    /// The key of that object.
    pub fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.to_owned(), name: name.to_owned() }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.namespace, self.name)
    }
}

/// A kind of custom resource of ours.
pub trait Kind:
    Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
    + HasSpec<Spec: Clone + DeserializeOwned + Send + Sync>
    + HasStatus<Status: Clone + Default + PartialEq + Serialize + DeserializeOwned + Send + Sync>
    + Send
    + Sync
    + 'static
{
}

impl<K> Kind for K where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
        + HasSpec<Spec: Clone + DeserializeOwned + Send + Sync>
        + HasStatus<Status: Clone + Default + PartialEq + Serialize + DeserializeOwned + Send + Sync>
        + Send
        + Sync
        + 'static
{
}

/// One object of kind `K`.
pub struct Object<K: Kind> {
    /// Without managed fields, labels, and other people's annotations.
    pub metadata: ObjectMeta,
    /// The spec, or why it could not be decoded.
    pub spec: Result<K::Spec, String>,
    /// The status; an undecodable one counts as none.
    pub status: K::Status,
}

impl<K: Kind> Object<K> {
    /// Namespace and name.
    pub fn key(&self) -> ObjectKey {
        key_of(&self.metadata)
    }

    /// The name.
    pub fn name(&self) -> &str {
        self.metadata.name.as_deref().unwrap_or_default()
    }

    /// The namespace.
    pub fn namespace(&self) -> &str {
        self.metadata.namespace.as_deref().unwrap_or_default()
    }

    /// The uid.
    pub fn uid(&self) -> &str {
        self.metadata.uid.as_deref().unwrap_or_default()
    }

    /// The generation of the spec.
    pub fn generation(&self) -> i64 {
        self.metadata.generation.unwrap_or_default()
    }

    /// An annotation of ours.
    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.metadata.annotations.as_ref()?.get(name).map(String::as_str)
    }

    /// Whether our finalizer is on it.
    pub fn has_finalizer(&self) -> bool {
        self.finalizers().iter().any(|finalizer| finalizer == api::FINALIZER)
    }

    /// All its finalizers.
    pub fn finalizers(&self) -> &[String] {
        self.metadata.finalizers.as_deref().unwrap_or_default()
    }

    /// Whether it is being deleted.
    pub fn is_deleted(&self) -> bool {
        self.metadata.deletion_timestamp.is_some()
    }

    /// What an event about it refers to.
    pub fn reference(&self) -> ObjectReference {
        self.object_ref(&())
    }

    /// Whether `other` differs from this in anything that a reconcile looks at. A status does where we do not know it: the reply to a write of our own
    /// is known before its echo comes, unless it was lost.
    pub fn differs_for_reconcile(&self, other: &Self) -> bool {
        let significant = |metadata: &ObjectMeta| {
            (
                metadata.uid.clone(),
                metadata.generation,
                metadata.annotations.clone().unwrap_or_default(),
                metadata.finalizers.clone().unwrap_or_default(),
                metadata.deletion_timestamp.clone(),
            )
        };
        significant(&self.metadata) != significant(&other.metadata) || self.status != other.status
    }
}

/// Namespace and name out of any metadata.
pub fn key_of(metadata: &ObjectMeta) -> ObjectKey {
    ObjectKey {
        namespace: metadata.namespace.clone().unwrap_or_default(),
        name: metadata.name.clone().unwrap_or_default(),
    }
}

/// Takes out of metadata what the engine never looks at, which is most of it.
pub fn strip(metadata: &mut ObjectMeta) {
    metadata.managed_fields = None;
    metadata.labels = None;
    metadata.owner_references = None;
    metadata.generate_name = None;
    metadata.self_link = None;
    if let Some(annotations) = &mut metadata.annotations {
        annotations.retain(|name, _| OUR_ANNOTATIONS.contains(&name.as_str()));
    }
    metadata.annotations = metadata.annotations.take().filter(|annotations| !annotations.is_empty());
}

const OUR_ANNOTATIONS: [&str; 5] = [
    api::CLAIM_ANNOTATION,
    api::RECONCILE_AT_ANNOTATION,
    api::FLUX_REQUESTED_AT_ANNOTATION,
    api::ORPHAN_ANNOTATION,
    api::ACCEPT_SNAPSHOT_ANNOTATION,
];

impl<'de, K: Kind> Deserialize<'de> for Object<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Parts {
            #[serde(default)]
            metadata: ObjectMeta,
            #[serde(default)]
            spec: Value,
            #[serde(default)]
            status: Value,
        }
        let mut parts = Parts::deserialize(deserializer)?;
        strip(&mut parts.metadata);
        Ok(Self {
            metadata: parts.metadata,
            spec: serde_json::from_value(parts.spec).map_err(|error| error.to_string()),
            status: serde_json::from_value(parts.status).unwrap_or_default(),
        })
    }
}

impl<K: Kind> Clone for Object<K> {
    fn clone(&self) -> Self {
        Self { metadata: self.metadata.clone(), spec: self.spec.clone(), status: self.status.clone() }
    }
}

impl<K: Kind> fmt::Debug for Object<K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", K::kind(&()), self.key())
    }
}

impl<K: Kind> Resource for Object<K> {
    type DynamicType = ();
    type Scope = k8s_openapi::NamespaceResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        K::kind(&())
    }
    fn group((): &()) -> Cow<'_, str> {
        K::group(&())
    }
    fn version((): &()) -> Cow<'_, str> {
        K::version(&())
    }
    fn plural((): &()) -> Cow<'_, str> {
        K::plural(&())
    }
    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::toy::ToyConnector;
    use serde_json::json;

    fn object(version: &str, scope: &str) -> Object<ToyConnector> {
        let metadata = json!({ "name": "plant-a", "uid": "1", "resourceVersion": version });
        let object =
            json!({ "metadata": metadata, "spec": {}, "status": { "conditions": [], "scope": scope } });
        serde_json::from_value(object).expect("an object")
    }

    #[test]
    fn a_status_that_is_news_is_looked_at_and_an_echo_of_a_known_one_is_not() {
        let known = object("7", "vendor.example");
        assert!(!known.differs_for_reconcile(&object("8", "vendor.example")), "only its version is another");
        assert!(known.differs_for_reconcile(&object("8", "")), "the reply to our own write was lost");
    }
}
