//! Kubernetes Secrets: read by name when needed, and otherwise known only by name and resourceVersion.
//!
//! The watch brings metadata, and even that is dropped at once but for the version of Secrets that somebody refers to. A value lives only as long as
//! the pass that read it. No Secret of another namespace than the referring object's is ever read.

use super::cache::Scope;
use super::object::{ObjectKey, key_of};
use super::run::Key;
use k8s_openapi::api::core::v1::Secret;
use kube::api::PartialObjectMeta;
use kube::runtime::watcher::Event;
use kube::{Api, Client};
use secrecy::SecretString;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use thiserror::Error;
use tokio::time::timeout;

const READ_TIMEOUT: Duration = Duration::from_secs(10);
/// The API server's own limit of a Secret.
const LARGEST_VALUE: usize = 1024 * 1024;

/// Why a value could not be read.
#[derive(Debug, Error, Clone)]
pub enum SecretError {
    /// There is no such Secret.
    #[error("Secret {0} does not exist; create it, or correct the reference")]
    NotFound(String),
    /// The Secret has no such key, or nothing in it.
    #[error("Secret {0} has no key {1}, or it is empty; add it, or name another key in the reference")]
    NoKey(String, String),
    /// The value is no text.
    #[error("key {1} of Secret {0} is not UTF-8 text")]
    NotText(String, String),
    /// The API server could not be asked.
    #[error("Secret {0} could not be read: {1}")]
    Unreadable(String, String),
}

/// What somebody knows of a Secret that they refer to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Known {
    /// Nothing yet: the answer to the read is on its way, and whatever the watch tells meanwhile may be news to it.
    Reading,
    /// This resourceVersion was read; `None`: it was not there.
    Read(Option<String>),
}

/// Which Secrets are referred to, by whom, and in which version each of them read it last.
#[derive(Debug, Default)]
pub struct SecretIndex {
    users: BTreeMap<ObjectKey, BTreeMap<Key, Known>>,
    uses: BTreeMap<Key, BTreeSet<ObjectKey>>,
    incoming: BTreeMap<Scope, BTreeMap<ObjectKey, Option<String>>>,
}

impl SecretIndex {
    /// Sets which Secrets an object refers to, and is about to read.
    pub fn refer(&mut self, user: &Key, secrets: BTreeSet<ObjectKey>) {
        for old in self.uses.remove(user).unwrap_or_default() {
            if let Some(users) = self.users.get_mut(&old) {
                users.remove(user);
                if users.is_empty() {
                    self.users.remove(&old);
                }
            }
        }
        for secret in &secrets {
            self.users.entry(secret.clone()).or_default().insert(user.clone(), Known::Reading);
        }
        if !secrets.is_empty() {
            self.uses.insert(user.clone(), secrets);
        }
    }

    /// Notes in which version an object read a Secret; `None`: it was not there.
    pub fn was_read(&mut self, user: &Key, secret: &ObjectKey, version: Option<String>) {
        if let Some(known) = self.users.get_mut(secret).and_then(|users| users.get_mut(user)) {
            *known = Known::Read(version);
        }
    }

    /// Takes in an event of the feed over `scope`, and says who has to look again.
    pub fn take(&mut self, scope: &Scope, event: Event<PartialObjectMeta<Secret>>) -> BTreeSet<Key> {
        match event {
            Event::Init => {
                self.incoming.insert(scope.clone(), BTreeMap::new());
                BTreeSet::new()
            }
            Event::InitApply(secret) => {
                let key = key_of(&secret.metadata);
                if self.users.contains_key(&key) {
                    self.incoming
                        .entry(scope.clone())
                        .or_default()
                        .insert(key, secret.metadata.resource_version);
                }
                BTreeSet::new()
            }
            Event::InitDone => self.relisted(scope),
            Event::Apply(secret) => {
                self.moved(&key_of(&secret.metadata), secret.metadata.resource_version.as_ref()).collect()
            }
            Event::Delete(secret) => self.moved(&key_of(&secret.metadata), None).collect(),
        }
    }

    fn relisted(&mut self, scope: &Scope) -> BTreeSet<Key> {
        let incoming = self.incoming.remove(scope).unwrap_or_default();
        let within = |key: &&ObjectKey| scope.as_ref().is_none_or(|namespace| *namespace == key.namespace);
        let referred = self.users.keys().filter(within);
        referred.flat_map(|key| self.moved(key, incoming.get(key).and_then(Option::as_ref))).collect()
    }

    /// Who refers to a Secret and does not know that it has this version.
    fn moved(&self, secret: &ObjectKey, version: Option<&String>) -> impl Iterator<Item = Key> {
        let now = Known::Read(version.cloned());
        let users = self.users.get(secret).into_iter().flatten();
        users.filter(move |(_, known)| **known != now).map(|(user, _)| user.clone())
    }
}

/// A Secret as read, for the length of a pass.
pub struct ReadSecret {
    key: ObjectKey,
    secret: Option<Secret>,
}

impl ReadSecret {
    /// The resourceVersion, where the Secret exists.
    pub fn version(&self) -> Option<String> {
        self.secret.as_ref()?.metadata.resource_version.clone()
    }

    /// One value of it.
    ///
    /// # Errors
    /// It does not exist, lacks the key, or the value is no text.
    pub fn value(&self, data_key: &str) -> Result<SecretString, SecretError> {
        let name = self.key.to_string();
        let secret = self.secret.as_ref().ok_or_else(|| SecretError::NotFound(name.clone()))?;
        let bytes = secret.data.as_ref().and_then(|data| data.get(data_key)).map(|value| value.0.as_slice());
        let bytes = bytes
            .filter(|bytes| !bytes.is_empty() && bytes.len() <= LARGEST_VALUE)
            .ok_or_else(|| SecretError::NoKey(name.clone(), data_key.to_owned()))?;
        let text = std::str::from_utf8(bytes).map_err(|_| SecretError::NotText(name, data_key.to_owned()))?;
        Ok(SecretString::from(text))
    }
}

/// Reads a Secret.
///
/// # Errors
/// [`SecretError::Unreadable`] where the API server does not say whether it exists.
pub async fn read(client: &Client, key: &ObjectKey) -> Result<ReadSecret, SecretError> {
    let api: Api<Secret> = Api::namespaced(client.clone(), &key.namespace);
    let unreadable = |why: String| SecretError::Unreadable(key.to_string(), why);
    match timeout(READ_TIMEOUT, api.get_opt(&key.name)).await {
        Ok(Ok(secret)) => Ok(ReadSecret { key: key.clone(), secret }),
        Ok(Err(kube::Error::Api(status))) => Err(unreadable(status.reason.clone())),
        // No other error's text: a body that fails to decode is quoted in it.
        Ok(Err(_)) => Err(unreadable("the API server's answer was not understood".into())),
        Err(_) => Err(unreadable("the API server did not answer in time".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

    fn secret(name: &str, version: &str) -> PartialObjectMeta<Secret> {
        PartialObjectMeta {
            types: None,
            metadata: ObjectMeta {
                namespace: Some("ns".into()),
                name: Some(name.into()),
                resource_version: Some(version.into()),
                ..ObjectMeta::default()
            },
            _phantom: std::marker::PhantomData,
        }
    }

    fn key(name: &str) -> ObjectKey {
        ObjectKey::new("ns", name)
    }

    fn user() -> Key {
        Key::Connector(key("plant-a"))
    }

    fn referring_to(name: &str, read: Option<&str>) -> SecretIndex {
        let mut index = SecretIndex::default();
        index.refer(&user(), [key(name)].into());
        index.was_read(&user(), &key(name), read.map(str::to_owned));
        index
    }

    #[test]
    fn a_secret_that_arrives_late_or_changes_wakes_who_refers_to_it_and_nobody_else() {
        let mut index = referring_to("tls", None);
        assert!(index.take(&None, Event::Apply(secret("other", "1"))).is_empty());
        assert_eq!(index.take(&None, Event::Apply(secret("tls", "2"))), [user()].into());
        index.was_read(&user(), &key("tls"), Some("2".into()));
        assert!(index.take(&None, Event::Apply(secret("tls", "2"))).is_empty(), "that version was read");
        assert_eq!(index.take(&None, Event::Apply(secret("tls", "3"))), [user()].into());
        assert_eq!(index.take(&None, Event::Delete(secret("tls", "3"))), [user()].into());
    }

    #[test]
    fn a_secret_that_arrives_while_it_is_read_wakes_who_reads_it() {
        // The API server said that it is not there, and that answer is still on its way when the watch tells of it.
        let mut first_pass = SecretIndex::default();
        first_pass.refer(&user(), [key("tls")].into());
        assert_eq!(first_pass.take(&None, Event::Apply(secret("tls", "1"))), [user()].into());

        let mut later_pass = referring_to("tls", None);
        later_pass.refer(&user(), [key("tls")].into());
        assert_eq!(later_pass.take(&None, Event::Apply(secret("tls", "1"))), [user()].into());
    }

    #[test]
    fn a_secret_that_goes_while_it_is_read_wakes_who_reads_it() {
        let mut index = referring_to("tls", None);
        index.refer(&user(), [key("tls")].into());
        assert_eq!(index.take(&None, Event::Delete(secret("tls", "1"))), [user()].into());
    }

    #[test]
    fn a_relist_while_it_is_read_wakes_who_reads_it() {
        let mut index = SecretIndex::default();
        index.refer(&user(), [key("tls")].into());
        index.take(&None, Event::Init);
        index.take(&None, Event::InitApply(secret("tls", "1")));
        assert_eq!(index.take(&None, Event::InitDone), [user()].into());
    }

    #[test]
    fn what_one_has_read_already_is_news_to_another() {
        let mut index = referring_to("tls", None);
        let other = Key::Connector(key("plant-b"));
        index.refer(&other, [key("tls")].into());
        index.was_read(&other, &key("tls"), Some("1".into()));
        assert_eq!(index.take(&None, Event::Apply(secret("tls", "1"))), [user()].into());
    }

    #[test]
    fn a_delete_that_only_a_relist_shows_is_seen() {
        let mut index = referring_to("tls", Some("2"));
        index.take(&None, Event::Init);
        assert_eq!(index.take(&None, Event::InitDone), [user()].into());
    }

    #[test]
    fn who_no_longer_refers_is_no_longer_woken_and_nothing_is_kept() {
        let mut index = referring_to("tls", Some("2"));
        index.refer(&user(), BTreeSet::new());
        assert!(index.take(&None, Event::Apply(secret("tls", "3"))).is_empty());
        assert!(index.users.is_empty() && index.uses.is_empty());
    }
}
