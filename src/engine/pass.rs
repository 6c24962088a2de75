//! What a pass can say and do in Kubernetes: finalizer, claim, status and events. When it does so is decided elsewhere.

use super::claims::Claim;
use super::context::Context;
use super::dereference::Account;
use super::events::{Event, EventType};
use super::forced::Requests;
use super::identity::{open_claim, recorded};
use super::kubernetes::{MetadataPatch, WriteError, apply_status, patch_metadata};
use super::memory::Memory;
use super::object::{Object, ObjectKey};
use super::outcome::Outcome;
use super::queue::{Cause, Next};
use super::report::{announce, done};
use super::run::Key;
use super::secret_facts::SecretFacts;
use super::state::AccountView;
use super::status::{FurtherCondition, Progress, Verdict, conditions, is_same, others_than};
use super::vendor::{Desired, SecretValues, Vendor, Withheld};
use crate::api::{ConnectorSpec, ConnectorStatus, DeletionPolicy, ManagementPolicy, PlannedChange};
use crate::remote::{Entry, Identity, Refresh};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How often a stalled object is planned again that nobody wakes (semantics, 7).
pub const LOOK_AGAIN: Duration = Duration::from_mins(30);

/// How many deleted objects of an account are remembered.
const DELETED_LIMIT: usize = 1000;

/// The status of a connector of `V`.
pub type Status<V> = ConnectorStatus<<V as Vendor>::Remote>;

/// What becomes of the conditions beside the usual ones that a pass does not speak of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Others {
    Stay,
    Go,
}

/// One pass.
pub struct Pass<'a, V: Vendor> {
    /// What all passes share.
    pub context: &'a Arc<Context<V>>,
    /// The connector's name.
    pub key: &'a ObjectKey,
    /// The connector, as of our last own write.
    pub object: Arc<Object<V::Connector>>,
    /// Whether only a word is said while the account is held: that answers no forced pass.
    pub is_notice: bool,
    /// What the run loop is told in the end.
    pub outcome: Outcome,
}

/// What a pass over a living connector works with.
pub struct Work<'a, V: Vendor> {
    /// Its spec.
    pub spec: &'a V::ConnectorSpec,
    /// Its account.
    pub account: &'a Account<V>,
    /// Its write-only values.
    pub values: &'a SecretValues,
    /// What is known of them.
    pub secrets: &'a SecretFacts,
}

impl<V: Vendor> Work<'_, V> {
    /// What a write needs.
    pub fn desired<'a>(
        &'a self,
        object_name: &'a str,
        withheld: &'a Withheld,
    ) -> Desired<'a, V::ConnectorSpec> {
        Desired { object_name, spec: self.spec, withheld, secrets: self.values }
    }
}

impl<V: Vendor> Pass<'_, V> {
    /// Sees that our finalizer is there exactly while it has work. Returns whether the pass may go on: it may not while the account is not held
    /// yet, and is woken when it is.
    pub async fn finalize(&mut self, spec: &V::ConnectorSpec, has_remote: bool) -> Result<bool, WriteError> {
        self.finalize_with(spec, has_remote, None).await
    }

    /// The same, with a claim in one write.
    pub async fn finalize_with(
        &mut self,
        spec: &V::ConnectorSpec,
        has_remote: bool,
        claim: Option<String>,
    ) -> Result<bool, WriteError> {
        let manages = spec.management_policy() == ManagementPolicy::Manage;
        let wanted = manages && spec.deletion_policy() == DeletionPolicy::Delete && has_remote;
        if wanted && !self.account_is_held() {
            return Ok(false);
        }
        let patch = MetadataPatch { finalizer: Some(wanted), claim: claim.map(Some) };
        self.patch_unless_so(&patch).await?;
        Ok(true)
    }

    /// Patches finalizer or claim, where that changes anything.
    pub async fn patch_unless_so(&mut self, patch: &MetadataPatch) -> Result<(), WriteError> {
        if patch.is_empty_for(&*self.object) { Ok(()) } else { self.patch(patch).await }
    }

    /// Whether the account carries our finalizer; else it is asked to.
    fn account_is_held(&mut self) -> bool {
        let mut state = self.context.state();
        let Some(key) = state.account_of(self.key).cloned() else { return false };
        let held =
            state.accounts.get(&key).is_some_and(|account| account.has_finalizer() || account.is_deleted());
        if !held {
            state.hold_requested.insert(key.clone());
            self.outcome.wake.push((Key::Account(key), Cause::Dependency));
        }
        held
    }

    /// Patches finalizer or claim.
    pub async fn patch(&mut self, patch: &MetadataPatch) -> Result<(), WriteError> {
        let patched = patch_metadata(&self.context.client, &self.object, patch).await?;
        self.fold(patched);
        Ok(())
    }

    /// Says `verdict` and leaves everything else in the status as it is.
    pub async fn say(&mut self, verdict: Verdict) -> Result<(), WriteError> {
        self.write_with(verdict, &[], Others::Stay, |_| {}).await
    }

    /// Says `verdict` of a connector whose object stays as it is at the vendor. If that is its own already, it is shown as it is now.
    pub async fn say_of_own(
        &mut self,
        work: &Work<'_, V>,
        verdict: Verdict,
        planned: Vec<PlannedChange>,
    ) -> Result<(), WriteError> {
        let own = recorded::<V>(&self.object).and_then(|identity| self.entry(work, &identity));
        let further = own.as_ref().map(|entry| V::conditions(&entry.item)).unwrap_or_default();
        self.announce_conditions(&further);
        self.write_with(verdict, &further, Others::Stay, |status| {
            if let Some(entry) = &own {
                status.remote = Some(V::remote(&entry.item, status.remote.as_ref()));
            }
            status.planned_changes = planned;
        })
        .await
    }

    /// Writes the status, where it says anything new, with these conditions beside the usual ones and no others.
    pub async fn write(
        &mut self,
        verdict: Verdict,
        further: &[FurtherCondition],
        edit: impl FnOnce(&mut Status<V>),
    ) -> Result<(), WriteError> {
        self.write_with(verdict, further, Others::Go, edit).await
    }

    async fn write_with(
        &mut self,
        verdict: Verdict,
        further: &[FurtherCondition],
        others: Others,
        edit: impl FnOnce(&mut Status<V>),
    ) -> Result<(), WriteError> {
        let mut status = self.object.status.clone();
        let generation = self.object.generation();
        status.planned_changes = Vec::new();
        edit(&mut status);
        let now = crate::clock::now();
        status.conditions = conditions(&self.object.status.conditions, &verdict, further, generation, now);
        if others == Others::Stay {
            let others = others_than(&status.conditions, &self.object.status.conditions);
            status.conditions.extend(others);
        }
        status.observed_generation = Some(generation);
        let requests = Requests::of(&*self.object);
        if !self.is_notice {
            status.last_handled_reconcile_at =
                requests.echo(self.asked(), self.object.status.last_handled_reconcile_at.as_deref());
        }
        if verdict.progress == Progress::Stalled {
            self.outcome.next = Next::After(LOOK_AGAIN.mul_f64(0.9 + 0.1 * fastrand::f64()));
        }
        announce(&self.context.events, &self.object.reference(), &self.object.status.conditions, &verdict);
        self.apply(status).await?;
        if !self.is_notice {
            self.memory(|memory| memory.answered.by_now(requests));
        }
        Ok(())
    }

    pub(super) async fn apply(&mut self, status: Status<V>) -> Result<(), WriteError> {
        if is_same(&self.object.status, &status) {
            return Ok(());
        }
        let applied = apply_status(&self.context.client, &self.object, &status).await?;
        self.fold(applied);
        self.memory(|memory| memory.secrets_written.clear());
        Ok(())
    }

    /// What is remembered of this connector has changed what it holds; whom that concerns is woken.
    pub(super) fn index(&mut self) {
        let wake = self.context.state().index(self.key, &self.context.key);
        self.outcome.wake.extend(wake.into_iter().map(|key| (Key::Connector(key), Cause::Dependency)));
    }

    fn fold(&mut self, object: Object<V::Connector>) {
        let wake = self.context.state().fold(object.clone(), &self.context.key);
        self.outcome.wake.extend(wake.into_iter().map(|key| (Key::Connector(key), Cause::Dependency)));
        self.object = Arc::new(object);
    }

    /// The forced pass that is asked for and not done.
    pub fn asked(&self) -> Option<String> {
        let requests = Requests::of(&*self.object);
        let echoed = self.object.status.last_handled_reconcile_at.as_deref();
        self.memory(|memory| memory.answered.asked(&requests, echoed))
    }

    /// What is remembered of this connector.
    pub fn memory<T>(&self, change: impl FnOnce(&mut Memory) -> T) -> T {
        change(self.context.state().memory(self.key, self.object.uid()))
    }

    /// From when on a list has to be sent to prove that something is not there (semantics, 2): what was sent last, by this process or the one before it,
    /// and whose answer may be lost, has taken effect by then or never will.
    pub fn absence_from(&self, view: &AccountView<V>) -> Instant {
        let (started, last_doubt) = (self.context.started(), self.memory(|memory| memory.last_doubt));
        let settle =
            V::http(view.reflector.source()).request_timeout() + self.context.settings.consistency_allowance;
        last_doubt.map_or(started, |doubt| doubt.max(started)) + settle
    }

    /// Its open claim, unless every create under it was refused for certain.
    pub(super) fn claim(&self) -> Option<Claim> {
        let is_clean = self.memory(|memory| memory.claim_is_clean);
        open_claim(&*self.object, &self.context.key).filter(|_| !is_clean)
    }

    /// Nothing before a list that was sent at `from` or later; that is said.
    pub(super) async fn await_list(
        &mut self,
        view: &AccountView<V>,
        from: Instant,
        message: String,
    ) -> Result<(), WriteError> {
        view.reflector.request(Refresh::NotBefore(from));
        self.outcome.after_list(view);
        self.say(Verdict::progressing(message)).await
    }

    /// The vendor's object.
    pub fn entry(&self, work: &Work<'_, V>, identity: &Identity) -> Option<Entry<V::Item>> {
        work.account.view.reflector.snapshot().get(identity.as_str()).cloned()
    }

    /// Remembers for a while what was deleted, so that its coming back is noticed.
    pub(super) fn remember_deleted(&self, view: &AccountView<V>, identity: &Identity) {
        if let Some(remote) = self.context.state().remotes.get_mut(&view.remote)
            && remote.deleted.len() < DELETED_LIMIT
        {
            remote.deleted.insert(identity.clone(), (self.key.clone(), tokio::time::Instant::now()));
        }
    }

    /// Publishes that something was done.
    pub fn tell(&self, reason: &'static str, note: String) {
        done(&self.context.events, &self.object.reference(), reason, note);
    }

    /// Publishes that a condition of the vendor's own changed.
    pub(super) fn announce_conditions(&self, conditions: &[FurtherCondition]) {
        for (kind, status, reason, message) in conditions {
            let known = self.object.status.conditions.iter().find(|known| known.type_ == *kind);
            if known.is_none_or(|known| known.status == *status) {
                continue;
            }
            if *status == "True" {
                self.tell(reason, format!("{}: {message}", self.key.name));
            } else {
                self.warn(reason, message);
            }
        }
    }

    pub(super) fn warn(&self, reason: &'static str, note: &str) {
        self.context.events.publish(Event {
            regarding: self.object.reference(),
            kind: EventType::Warning,
            reason,
            action: "Reconcile",
            note: format!("{}: {note}", self.key.name),
        });
    }
}
