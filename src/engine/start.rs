//! From settings to a running controller, and the Secret that keeps the fingerprint key.

use super::context::{Context, EngineSettings};
use super::events::EventPublisher;
use super::feeds::scopes;
use super::fingerprint::{FingerprintKey, KEY_LENGTH};
use super::kubernetes_error::describe;
use super::run::{Controller, Signs};
use super::state::State;
use super::vendor::Vendor;
use crate::metrics::Metrics;
use crate::remote::Transport;
use crate::server::{Heartbeat, Readiness};
use crate::shutdown::Shutdown;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use ring::rand::{SecureRandom, SystemRandom};
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout};

/// The Secret in the operator's own namespace that keeps the key. The chart's RBAC names it.
pub const KEY_SECRET: &str = "connector-operator-fingerprint-key";
const KEY_ENTRY: &str = "key";
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// Lists of reflectors that may wait to be looked at; each reflector waits for its own.
const LISTS: usize = 64;

/// What all controllers of a process share.
#[derive(Clone)]
pub struct Shared {
    /// The Kubernetes client.
    pub client: Client,
    /// The way to vendors.
    pub transport: Transport,
    /// The key of all fingerprints.
    pub key: FingerprintKey,
    /// The metrics.
    pub metrics: Metrics,
    /// The events.
    pub events: EventPublisher,
    /// Where readiness is shown.
    pub readiness: Readiness,
    /// Where life is shown.
    pub heartbeat: Heartbeat,
    /// Since when this process leads.
    pub leads: watch::Receiver<Option<Instant>>,
    /// The request to stop.
    pub shutdown: Shutdown,
}

/// Runs the controller of one vendor until it is asked to stop. Returns how many passes did not finish in time and were dropped.
pub async fn controller<V: Vendor>(shared: Shared, settings: EngineSettings) -> usize {
    let (listed, lists) = mpsc::channel(LISTS);
    let state = State::new(&scopes(&settings.watch_namespaces), settings.namespaces_watch);
    let caches_synced = shared.readiness.condition(format!("{} caches synced", V::NAME));
    let signs = Signs { heartbeat: shared.heartbeat, caches_synced };
    let context = Context::<V>::new(
        shared.client,
        settings,
        shared.transport,
        shared.key,
        shared.metrics,
        shared.events,
        listed,
        state,
    );
    Controller::new(Arc::new(context), lists, signs).run(shared.leads, shared.shutdown).await
}

/// Why the key could not be had.
#[derive(Debug, Error)]
pub enum KeyError {
    /// The API server refused or did not answer.
    #[error("Secret {KEY_SECRET} in namespace {0} could not be read or created: {1}")]
    Unavailable(String, String),
    /// The Secret is there, but holds no key.
    #[error(
        "Secret {KEY_SECRET} in namespace {0} has no entry {KEY_ENTRY} of {KEY_LENGTH} bytes; delete it, and a new one is made"
    )]
    Malformed(String),
}

/// Reads the fingerprint key from its Secret, which is made where it is not there yet.
///
/// # Errors
/// See [`KeyError`].
pub async fn fingerprint_key(client: &Client, namespace: &str) -> Result<FingerprintKey, KeyError> {
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let unavailable = |why: String| KeyError::Unavailable(namespace.to_owned(), why);
    let too_late = || unavailable("no answer in time".into());
    let read = || async {
        let call = timeout(CALL_TIMEOUT, api.get_opt(KEY_SECRET)).await.map_err(|_| too_late())?;
        call.map_err(|error| unavailable(describe_without_body(&error)))
    };
    if let Some(secret) = read().await? {
        return key_of(&secret, namespace);
    }
    let mut bytes = [0; KEY_LENGTH];
    SystemRandom::new().fill(&mut bytes).map_err(|_| unavailable("this system has no randomness".into()))?;
    let secret = Secret {
        metadata: ObjectMeta { name: Some(KEY_SECRET.into()), ..ObjectMeta::default() },
        data: Some([(KEY_ENTRY.to_owned(), ByteString(bytes.to_vec()))].into()),
        ..Secret::default()
    };
    let params = PostParams::default();
    let created = timeout(CALL_TIMEOUT, api.create(&params, &secret)).await.map_err(|_| too_late())?;
    match created {
        Ok(secret) => key_of(&secret, namespace),
        // Another replica was quicker: its key counts.
        Err(kube::Error::Api(status)) if status.code == 409 => {
            let secret = read().await?.ok_or_else(|| unavailable("it appeared and went".into()))?;
            key_of(&secret, namespace)
        }
        Err(error) => Err(unavailable(describe_without_body(&error))),
    }
}

/// A decoding error's text could quote the Secret.
fn describe_without_body(error: &kube::Error) -> String {
    match error {
        kube::Error::SerdeError(_) => "the answer could not be decoded".into(),
        other => describe(other),
    }
}

fn key_of(secret: &Secret, namespace: &str) -> Result<FingerprintKey, KeyError> {
    let bytes = secret.data.as_ref().and_then(|data| data.get(KEY_ENTRY)).map(|entry| entry.0.as_slice());
    let bytes = bytes.filter(|bytes| bytes.len() == KEY_LENGTH);
    bytes.map(FingerprintKey::new).ok_or_else(|| KeyError::Malformed(namespace.to_owned()))
}
