//! One pass over an account: read its credential, keep its reflector running, say how its listing goes.
//!
//! It never writes to the vendor. Its connectors learn of the account through [`AccountView`] and are woken only when that changed.

use super::context::Context;
use super::endpoint::permitted;
use super::forced::Requests;
use super::kubernetes::{MetadataPatch, WriteError, patch_metadata};
use super::object::{Object, ObjectKey};
use super::outcome::Outcome;
use super::pass::LOOK_AGAIN;
use super::queue::{Cause, Next};
use super::run::Key;
use super::secrets::read;
use super::sharing::{connected, release_remotes, withdraw};
use super::state::{AccountView, Remote, State};
use super::status::Verdict;
use super::vendor::Vendor;
use crate::api::AccountSpec;
use crate::remote::{Connection, Reflector, Refresh};
use secrecy::SecretString;
use std::collections::BTreeSet;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use url::Url;

/// How long after our start an account's credential may go unread before its connectors hear of it: whoever was in sync before the start
/// would be written to twice for nothing, as with a list that fails (semantics, 7).
const FIRST_READ_PATIENCE: Duration = Duration::from_mins(5);

/// Reconciles one account.
pub async fn reconcile<V: Vendor>(context: &Arc<Context<V>>, key: &ObjectKey) -> Outcome {
    let Some(account) = context.state().accounts.get(key).cloned() else { return gone(context, key) };
    let mut pass = AccountPass {
        context,
        key,
        account,
        credential_fingerprint: None,
        awaits_list: false,
        outcome: Outcome::wait(),
    };
    let Err(error) = pass.run().await else { return pass.outcome };
    if let WriteError::Failed(why) = &error {
        tracing::warn!(account = %key, "the account could not be written to: {why}");
    }
    pass.outcome.despite(&error)
}

/// Why an account was not connected.
enum Unconnected {
    /// It cannot be used: say this.
    Unusable(Verdict),
    /// The API server does not tell its credential now. Say this, and ask again.
    Unread(Verdict),
}

impl From<Verdict> for Unconnected {
    fn from(verdict: Verdict) -> Self {
        Self::Unusable(verdict)
    }
}

/// One pass over an account.
pub(super) struct AccountPass<'a, V: Vendor> {
    pub(super) context: &'a Arc<Context<V>>,
    pub(super) key: &'a ObjectKey,
    pub(super) account: Arc<Object<V::Account>>,
    pub(super) credential_fingerprint: Option<String>,
    /// Whether the list of a forced pass has still to come.
    pub(super) awaits_list: bool,
    pub(super) outcome: Outcome,
}

/// The account object is no more: what it reached stays known while connectors still need it for their deletes.
fn gone<V: Vendor>(context: &Context<V>, key: &ObjectKey) -> Outcome {
    let mut state = context.state();
    let users: Vec<ObjectKey> = state.users(key).cloned().collect();
    withdraw(&mut state, key, &context.settings);
    if users.is_empty() {
        state.views.remove(key);
        release_remotes(&mut state.remotes, key, None);
    }
    state.secrets.refer(&Key::Account(key.clone()), BTreeSet::new());
    context.forget_answered(key);
    context.metrics.account_removed(V::NAME, &key.to_string());
    Outcome { wake: dependents(users), ..Outcome::wait() }
}

fn dependents(users: Vec<ObjectKey>) -> Vec<(Key, Cause)> {
    users.into_iter().map(|user| (Key::Connector(user), Cause::Dependency)).collect()
}

impl<V: Vendor> AccountPass<'_, V> {
    async fn run(&mut self) -> Result<(), WriteError> {
        if self.account.is_deleted() && self.let_go().await? {
            return Ok(());
        }
        let spec = match self.account.spec.clone() {
            Ok(spec) => spec,
            Err(why) => {
                return self
                    .unusable(Verdict::stalled("InvalidSpec", format!("the spec cannot be read: {why}")))
                    .await;
            }
        };
        if spec.suspend() {
            return self.suspended().await;
        }
        match self.connect(&spec).await {
            Ok(()) => {}
            Err(Unconnected::Unusable(verdict)) => return self.unusable(verdict).await,
            Err(Unconnected::Unread(verdict)) => return self.unread(verdict).await,
        }
        self.list_if_forced();
        self.hold().await?;
        self.report().await
    }

    /// Who forces a pass of an account wants the vendor read now. The echo comes with that list, however it went.
    fn list_if_forced(&mut self) {
        let asked = self.asked().map(|_| Requests::of(&*self.account).basis());
        let mut state = self.context.state();
        let state = &mut *state;
        let view = state.views.get(self.key);
        let Some(remote) = view.and_then(|view| state.remotes.get_mut(&view.remote)) else { return };
        let known = remote.forced.remove(self.key);
        let Some(asked) = asked else { return };
        let (asked, asked_at) = known.filter(|(known, _)| *known == asked).unwrap_or_else(|| {
            remote.reflector.request(Refresh::Doubt);
            (asked, Instant::now())
        });
        self.awaits_list = remote.reflector.health().last_tried.is_none_or(|tried| tried < asked_at);
        if self.awaits_list {
            remote.forced.insert(self.key.clone(), (asked, asked_at));
        }
    }

    /// Finalizes an account that is being deleted, once no connector needs it. Returns whether it is done.
    async fn let_go(&mut self) -> Result<bool, WriteError> {
        if !self.account.has_finalizer() {
            return Ok(true);
        }
        let holders = self.context.state().held_by(self.key, &self.context.key);
        if !holders.is_empty() {
            return Ok(false);
        }
        self.patch(&MetadataPatch { finalizer: Some(false), claim: None }).await?;
        Ok(true)
    }

    /// Puts our finalizer on, once a connector is about to need the account for its delete.
    async fn hold(&mut self) -> Result<(), WriteError> {
        let wanted = self.context.state().hold_requested.contains(self.key);
        if wanted && !self.account.has_finalizer() && !self.account.is_deleted() {
            self.patch(&MetadataPatch { finalizer: Some(true), claim: None }).await?;
        }
        if wanted {
            self.context.state().hold_requested.remove(self.key);
            self.wake_users();
        }
        Ok(())
    }

    async fn patch(&mut self, patch: &MetadataPatch) -> Result<(), WriteError> {
        let patched = patch_metadata(&self.context.client, &self.account, patch).await?;
        self.context.state().accounts.fold(patched.clone());
        self.account = Arc::new(patched);
        Ok(())
    }

    pub(super) fn wake_users(&mut self) {
        let users = self.context.state().users(self.key).cloned().collect();
        self.outcome.wake.extend(dependents(users));
    }

    /// Reads the credential and sees that the right reflector runs.
    async fn connect(&mut self, spec: &V::AccountSpec) -> Result<(), Unconnected> {
        let endpoint = self.endpoint(spec)?;
        let credential = self.credential(spec).await?;
        self.credential_fingerprint = Some(self.context.key.of_credential(self.account.uid(), &credential));
        let scope = V::scope(spec);
        let name = self.context.key.of_remote(endpoint.as_str(), &scope, &V::manner(spec), &credential);
        let realm = V::realm(&scope, &name).into_owned();
        let context = self.context;
        let mut state = context.state();
        let state = &mut *state;
        let remote = match state.remotes.entry(name.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                place.insert(self.begin_reflecting(spec, endpoint, &credential, (&name, &realm))?)
            }
        };
        remote.accounts.insert(self.key.clone());
        if let Some(fingerprint) = &self.credential_fingerprint {
            remote.credential_fingerprints.insert(self.key.clone(), fingerprint.clone());
        }
        let reflector = remote.reflector.clone();
        let view = AccountView { spec: spec.clone(), scope, remote: name, realm, reflector, usable: true };
        self.publish(state, &view);
        Ok(())
    }

    /// Starts the task that reads the vendor account from now on.
    fn begin_reflecting(
        &self,
        spec: &V::AccountSpec,
        endpoint: Url,
        credential: &[SecretString],
        (name, realm): (&str, &str),
    ) -> Result<Remote<V>, Verdict> {
        let settings = &self.context.settings;
        let client = V::connect(spec, credential, self.connection(spec, endpoint))
            .map_err(|why| Verdict::stalled("InvalidSpec", format!("account {}: {why}", self.key)))?;
        let interval = spec.resync_interval().unwrap_or(settings.resync_interval);
        let reflector = Arc::new(Reflector::new(client, interval, settings.consistency_allowance));
        let task = tokio::spawn(reflector.clone().run(name.to_owned(), self.context.listed.clone()));
        Ok(Remote::new(realm.to_owned(), reflector, task.abort_handle()))
    }

    /// Lets connectors see the account so, and wakes them where that is news.
    fn publish(&mut self, state: &mut State<V>, view: &AccountView<V>) {
        state.settled.insert(self.key.clone());
        let is_same = |before: &AccountView<V>| {
            before.usable
                && before.remote == view.remote
                && before.scope == view.scope
                && before.spec == view.spec
        };
        let is_news = !state.views.get(self.key).is_some_and(is_same);
        connected(state, self.key, view, &self.context.settings);
        if !is_news {
            return;
        }
        self.index_users(state);
        self.outcome.wake.extend(dependents(state.users(self.key).cloned().collect()));
    }

    /// What its connectors hold and ask for stands otherwise now; whom that concerns is woken.
    fn index_users(&mut self, state: &mut State<V>) {
        let users: Vec<ObjectKey> = state.users(self.key).cloned().collect();
        for user in &users {
            let others = state.index(user, &self.context.key);
            self.outcome.wake.extend(dependents(others.into_iter().collect()));
        }
    }

    fn connection(&self, spec: &V::AccountSpec, endpoint: Url) -> Connection {
        let metrics = self.context.metrics.clone();
        let settings = &self.context.settings;
        let (allowed, insecure) = (settings.allowed_hosts.clone(), settings.allow_insecure_endpoints);
        Connection {
            transport: self.context.transport.clone(),
            endpoint,
            list_limit: settings.list_size_limit,
            requests_per_minute: spec.requests_per_minute(),
            observer: Arc::new(move |operation, status, took| {
                metrics.api_request_finished(V::NAME, operation, status, took);
                if status == 429 {
                    metrics.rate_limited(V::NAME);
                }
            }),
            permits: Arc::new(move |what, url| permitted(what, url, &allowed, insecure)),
            tokens: self.context.tokens.clone(),
        }
    }

    /// The endpoint, if the administrator allows it.
    fn endpoint(&self, spec: &V::AccountSpec) -> Result<Url, Verdict> {
        let settings = &self.context.settings;
        permitted(
            "spec.endpoint",
            spec.endpoint(),
            &settings.allowed_hosts,
            settings.allow_insecure_endpoints,
        )
        .map_err(|why| Verdict::stalled("InvalidSpec", format!("account {}: {why}", self.key)))
    }

    async fn credential(&self, spec: &V::AccountSpec) -> Result<Vec<SecretString>, Unconnected> {
        let mut credential = Vec::new();
        let sources = spec.secret_sources();
        let keys = sources.iter().map(|source| ObjectKey::new(&self.key.namespace, source.name)).collect();
        let user = Key::Account(self.key.clone());
        self.context.state().secrets.refer(&user, keys);
        for source in sources {
            let secret_key = ObjectKey::new(&self.key.namespace, source.name);
            let missing = |error: &dyn std::fmt::Display| {
                Verdict::dependency("False", "SecretNotFound", format!("account {}: {error}", self.key))
            };
            let secret = read(&self.context.client, &secret_key)
                .await
                .map_err(|error| Unconnected::Unread(missing(&error)))?;
            self.context.state().secrets.was_read(&user, &secret_key, secret.version());
            credential.push(secret.value(source.key).map_err(|error| missing(&error))?);
        }
        Ok(credential)
    }

    /// Lets connectors use it for nothing but their deletes. Returns whether that is news to them.
    fn withdraw(&self, state: &mut State<V>) -> bool {
        let first_time = state.settled.insert(self.key.clone());
        withdraw(state, self.key, &self.context.settings) || first_time
    }

    /// The account cannot be used: says so, and lets its connectors hear of it.
    async fn unusable(&mut self, verdict: Verdict) -> Result<(), WriteError> {
        // Whether or not the status can be written: it is news only once.
        if self.withdraw(&mut self.context.state()) {
            self.wake_users();
        }
        let status = self.status(&verdict, &[]);
        self.write(&verdict, status).await?;
        self.outcome.next = if self.context.settings.secrets_watch {
            Next::After(LOOK_AGAIN)
        } else {
            Next::After(self.context.settings.resync_interval)
        };
        Ok(())
    }

    /// Its credential could not be read just now: that says nothing about the credential, so what is connected goes on as it is, and
    /// what has still to be connected after our start is waited for a while.
    async fn unread(&mut self, verdict: Verdict) -> Result<(), WriteError> {
        let goes_on = {
            let state = self.context.state();
            let is_connected = state.views.get(self.key).is_some_and(|view| view.usable);
            let is_new = !state.settled.contains(self.key);
            is_connected || is_new && self.context.started().elapsed() < FIRST_READ_PATIENCE
        };
        if goes_on {
            let status = self.status(&verdict, &[]);
            self.write(&verdict, status).await?;
        } else {
            self.unusable(verdict).await?;
        }
        self.outcome.next = Next::BackOff;
        Ok(())
    }

    /// No call at all while it is suspended.
    async fn suspended(&mut self) -> Result<(), WriteError> {
        let is_news = {
            let mut state = self.context.state();
            release_remotes(&mut state.remotes, self.key, None);
            self.withdraw(&mut state)
                || !self.account.status.conditions.iter().any(|condition| condition.type_ == "Suspended")
        };
        // Nobody reads it, so it has no age either.
        self.context.metrics.account_removed(V::NAME, &self.key.to_string());
        if is_news {
            // Nobody waits any more for what they would have given up.
            self.index_users(&mut self.context.state());
            self.wake_users();
        }
        let verdict = Verdict::at_rest("Unknown", "Suspended", "spec.suspend is set: no call is made");
        let further = ("Suspended", "True", "Suspended", "spec.suspend is set: no call is made".to_owned());
        let status = self.status(&verdict, &[further]);
        self.write(&verdict, status).await
    }
}
