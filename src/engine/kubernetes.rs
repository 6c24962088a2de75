//! The only writes to custom objects: finalizer and claim, together or one of them, and status.
//!
//! Each carries uid and resourceVersion, so that a deposed replica overwrites nothing and nothing lands on an object that was created anew under
//! the same name. Never spec, labels, or other people's annotations.

use super::object::{Kind, Object};
use crate::api::{CLAIM_ANNOTATION, FINALIZER};
use crate::spans;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use std::time::Duration;
use thiserror::Error;
use tokio::time::timeout;
use tracing::{Instrument, Span};

/// The field manager of every status.
pub const FIELD_MANAGER: &str = "connector-operator";
const WRITE_TIMEOUT: Duration = Duration::from_secs(15);

/// Why a write to Kubernetes did not happen, or may not have.
#[derive(Debug, Error)]
pub enum WriteError {
    /// The object is not what we knew any more: plan again.
    #[error("the object was changed meanwhile")]
    Conflict,
    /// The object is gone.
    #[error("the object is gone")]
    Gone,
    /// Anything else.
    #[error("the API server refused or did not answer: {0}")]
    Failed(String),
}

/// What a metadata patch sets.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct MetadataPatch {
    /// Whether our finalizer shall be there; `None`: as it is.
    pub finalizer: Option<bool>,
    /// The claim annotation; `Some(None)` takes it away.
    pub claim: Option<Option<String>>,
}

impl MetadataPatch {
    /// Whether it would change nothing on `object`.
    pub fn is_empty_for<K: Kind>(&self, object: &Object<K>) -> bool {
        self.finalizer.is_none_or(|wanted| wanted == object.has_finalizer())
            && self.claim.as_ref().is_none_or(|claim| claim.as_deref() == object.annotation(CLAIM_ANNOTATION))
    }

    fn body<K: Kind>(&self, object: &Object<K>) -> Value {
        let mut metadata = precondition(object);
        if let Some(wanted) = self.finalizer {
            // A merge patch replaces the list; the resourceVersion makes sure that it is the list we know.
            let mut finalizers: Vec<&str> =
                object.finalizers().iter().map(String::as_str).filter(|name| *name != FINALIZER).collect();
            if wanted {
                finalizers.push(FINALIZER);
            }
            metadata["finalizers"] = json!(finalizers);
        }
        if let Some(claim) = &self.claim {
            metadata["annotations"] = json!({ CLAIM_ANNOTATION: claim });
        }
        json!({ "metadata": metadata })
    }
}

/// Patches finalizer and claim; the object as it is then.
///
/// # Errors
/// See [`WriteError`].
pub async fn patch_metadata<K: Kind>(
    client: &Client,
    object: &Object<K>,
    patch: &MetadataPatch,
) -> Result<Object<K>, WriteError> {
    let api: Api<Object<K>> = Api::namespaced(client.clone(), object.namespace());
    let body = Patch::Merge(patch.body(object));
    let params = PatchParams::default();
    let patched = bounded(span("patch", object), api.patch_metadata(object.name(), &params, &body)).await?;
    let mut metadata: ObjectMeta = patched.metadata;
    super::object::strip(&mut metadata);
    Ok(Object { metadata, spec: object.spec.clone(), status: object.status.clone() })
}

/// Applies a whole status; the object as it is then.
///
/// # Errors
/// See [`WriteError`].
pub async fn apply_status<K: Kind>(
    client: &Client,
    object: &Object<K>,
    status: &K::Status,
) -> Result<Object<K>, WriteError> {
    let api: Api<Object<K>> = Api::namespaced(client.clone(), object.namespace());
    let status = serde_json::to_value(status).map_err(|error| WriteError::Failed(error.to_string()))?;
    // A fresh body: one from the cache carries managed fields, which server-side apply refuses.
    let body = json!({
        "apiVersion": K::api_version(&()),
        "kind": K::kind(&()),
        "metadata": precondition(object),
        "status": status,
    });
    let params = PatchParams::apply(FIELD_MANAGER).force();
    let patch = Patch::Apply(body);
    bounded(span("apply status", object), api.patch_status(object.name(), &params, &patch)).await
}

fn precondition<K: Kind>(object: &Object<K>) -> Value {
    json!({
        "name": object.name(),
        "namespace": object.namespace(),
        "uid": object.uid(),
        "resourceVersion": object.metadata.resource_version,
    })
}

fn span<K: Kind>(write: &'static str, object: &Object<K>) -> Span {
    spans::kubernetes_write(write, &K::kind(&()), object.namespace(), object.name())
}

async fn bounded<T>(span: Span, call: impl Future<Output = kube::Result<T>>) -> Result<T, WriteError> {
    let answer = timeout(WRITE_TIMEOUT, call).instrument(span.clone()).await;
    spans::answer(
        &span,
        match &answer {
            Ok(Ok(_)) => Some(200),
            Ok(Err(kube::Error::Api(status))) => Some(status.code),
            _ => None,
        },
    );
    match answer {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(kube::Error::Api(status))) => Err(match status.code {
            404 | 410 => WriteError::Gone,
            409 => WriteError::Conflict,
            code => WriteError::Failed(format!("{code} {}: {}", status.reason, status.message)),
        }),
        Ok(Err(error)) => Err(WriteError::Failed(error.to_string())),
        Err(_) => Err(WriteError::Failed("no answer in time".into())),
    }
}
