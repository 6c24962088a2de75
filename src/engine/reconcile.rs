//! One pass over a connector: dereference, plan, act, report. Every cross-cutting rule has its place here; what to do is decided by [`plan`](super::plan).

use super::act::Attempt;
use super::cleanup;
use super::context::{AccountView, Context, object_renaming, open_claim, recorded};
use super::dereference::{Account, NoAccount, account, secrets};
use super::kubernetes::{MetadataPatch, WriteError, apply_status, patch_metadata};
use super::object::{Object, ObjectKey};
use super::plan::{Blocked, Bond, Facts, Plan, SecretFacts, Waiting, plan};
use super::queue::{Cause, Next};
use super::report::{announce, blocked, describe, done, planned, secrets_in_sync, secrets_status};
use super::run::{Key, Outcome};
use super::status::{FurtherCondition, Progress, Verdict, conditions, is_same};
use super::vendor::{Change, Desired, SecretValues, Vendor, WhenAbsent};
use crate::api::{
    AdoptionPolicy, ConnectorSpec, ConnectorStatus, DeletionPolicy, ManagementPolicy, PlannedChange,
};
use crate::remote::{Entry, Identity, Refresh, RemoteItem};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How often a stalled object is planned again that nobody wakes (semantics, 7).
pub const LOOK_AGAIN: Duration = Duration::from_mins(30);
/// How long a key and a certificate may disagree before that is no passing state.
const MISMATCH_PATIENCE: Duration = Duration::from_mins(2);

/// Reconciles one connector.
pub async fn reconcile<V: Vendor>(context: &Arc<Context<V>>, key: &ObjectKey) -> Outcome {
    let Some(object) = context.state().connectors.get(key).cloned() else { return Outcome::wait() };
    let mut pass = Pass { context, key, object, outcome: Outcome::wait() };
    match pass.run().await {
        Ok(()) => pass.outcome,
        Err(WriteError::Gone) => Outcome::wait(),
        Err(WriteError::Conflict) => Outcome { wake: pass.outcome.wake, ..Outcome::soon() },
        Err(WriteError::Failed(why)) => {
            tracing::warn!(kind = %V::NAME, object = %key, "the object could not be written to: {why}");
            Outcome { wake: pass.outcome.wake, ..Outcome::failed() }
        }
    }
}

/// The status of a connector of `V`.
pub type Status<V> = ConnectorStatus<<V as Vendor>::Remote>;

/// One pass.
pub struct Pass<'a, V: Vendor> {
    /// What all passes share.
    pub context: &'a Arc<Context<V>>,
    /// The connector's name.
    pub key: &'a ObjectKey,
    /// The connector, as of our last own write.
    pub object: Arc<Object<V::Connector>>,
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
    pub fn desired<'a>(&'a self, object_name: &'a str) -> Desired<'a, V::ConnectorSpec> {
        Desired { object_name, spec: self.spec, secrets: self.values }
    }
}

impl<V: Vendor> Pass<'_, V> {
    async fn run(&mut self) -> Result<(), WriteError> {
        if self.object.is_deleted() {
            return cleanup::run(self).await;
        }
        let spec = match self.object.spec.clone() {
            Ok(spec) => spec,
            Err(why) => {
                let message = format!("{}: the spec cannot be read: {why}", self.key.name);
                return self.say(Verdict::stalled("InvalidSpec", message)).await;
            }
        };
        if spec.suspend() {
            return self.suspended().await;
        }
        let found = account(&self.context.state(), &self.object, &spec);
        let account = match found {
            Ok(account) => account,
            Err(NoAccount::Soon) => return Ok(()),
            Err(NoAccount::Say(verdict)) => return self.say(verdict).await,
        };
        if let Some(verdict) = self.scope_changed(&account.view.scope) {
            return self.say(verdict).await;
        }
        if self.awaits_forced_list(&account.view) {
            return Ok(());
        }
        match secrets(self.context, &self.object, &spec).await {
            Ok((values, facts)) => {
                let work = Work { spec: &spec, account: &account, values: &values, secrets: &facts };
                self.with_secrets(&work).await?;
                self.look_at_secrets_again(&facts);
                Ok(())
            }
            Err((verdict, retry)) => {
                self.say(verdict).await?;
                self.outcome.next = if retry { Next::BackOff } else { Next::After(LOOK_AGAIN) };
                self.look_at_secrets_again(&SecretFacts::default());
                Ok(())
            }
        }
    }

    /// The recorded identity is only valid where it was recorded.
    fn scope_changed(&self, scope: &str) -> Option<Verdict> {
        let recorded = self.object.status.scope.as_deref().filter(|recorded| *recorded != scope)?;
        Some(Verdict::stalled(
            "ScopeChanged",
            format!(
                "{}: it was made at {recorded}, but its account now goes to {scope}; put the account back, or set \
                 deletionPolicy: Orphan, delete this object and create it again",
                self.key.name
            ),
        ))
    }

    /// Who forces a pass wants the vendor looked at now: the pass is for a list that was sent after it was asked for. Returns
    /// whether that list has still to come.
    fn awaits_forced_list(&mut self, view: &AccountView<V>) -> bool {
        let Some(asked) = self.object.forced_pass(self.object.status.last_handled_reconcile_at.as_deref())
        else {
            return false;
        };
        let asked_at = self.memory(|memory| match &memory.forced {
            Some((known, at)) if *known == asked => *at,
            _ => memory.forced.insert((asked, Instant::now())).1,
        });
        let awaits = view.reflector.snapshot().last_sent().is_none_or(|sent| sent < asked_at);
        if awaits {
            view.reflector.request(Refresh::Doubt);
            self.outcome.after_list(view);
        }
        awaits
    }

    /// Without a watch on Secrets, a rotation is only seen by looking.
    fn look_at_secrets_again(&mut self, facts: &SecretFacts) {
        let waits = self.outcome.next == Next::Wait && (!facts.declared.is_empty());
        if !self.context.settings.secrets_watch && (waits || self.outcome.next == Next::After(LOOK_AGAIN)) {
            self.outcome.next = Next::After(self.context.settings.resync_interval);
        }
    }

    async fn with_secrets(&mut self, work: &Work<'_, V>) -> Result<(), WriteError> {
        self.start_afresh_if_changed(work.secrets);
        let findings = V::examine(&work.desired(&self.key.name));
        if let Some((reason, message)) = findings.mismatch {
            return self.mismatch(reason, message).await;
        }
        self.memory(|memory| memory.mismatch_since = None);
        let plan = self.plan(work);
        if work.account.is_shrunk && would_write(&plan) {
            let message = "its account does not believe the vendor's newest list (SnapshotShrank); see the account's status";
            let verdict =
                Verdict::dependency("Unknown", "AccountNotReady", format!("{}: {message}", self.key.name));
            return self.say(verdict).await;
        }
        for warning in findings.warnings.iter().filter(|_| would_write(&plan)) {
            self.warn("UnreadablePEM", warning);
        }
        self.act(work, plan).await
    }

    /// A change of spec or Secret, or a forced pass, forgets what was refused or written in vain.
    fn start_afresh_if_changed(&mut self, secrets: &SecretFacts) {
        let fingerprints: Vec<&str> =
            secrets.declared.values().map(|declared| declared.fingerprint.as_str()).collect();
        let basis = format!(
            "{} {} {}",
            self.object.generation(),
            self.object.requested_at().unwrap_or(""),
            fingerprints.join(" ")
        );
        self.memory(|memory| {
            if memory.basis != basis {
                memory.basis = basis;
                memory.refused = None;
                memory.convergence = super::convergence::Convergence::default();
            }
        });
    }

    async fn mismatch(&mut self, reason: &'static str, message: String) -> Result<(), WriteError> {
        let since = self.memory(|memory| *memory.mismatch_since.get_or_insert_with(Instant::now));
        let already =
            self.object.status.conditions.iter().any(|c| c.type_ == "Stalled" && c.reason == reason);
        let message = format!("{}: {message}", self.key.name);
        if already || since.elapsed() >= MISMATCH_PATIENCE {
            return self.say(Verdict::stalled(reason, message)).await;
        }
        self.say(Verdict::dependency("False", reason, message)).await?;
        self.outcome.next =
            Next::After(MISMATCH_PATIENCE.saturating_sub(since.elapsed()) + Duration::from_secs(1));
        Ok(())
    }

    fn plan(&self, work: &Work<'_, V>) -> Plan {
        let mut state = self.context.state();
        let state = &mut *state;
        let view = &work.account.view;
        let wanted = V::wanted(work.spec, &self.key.name);
        let winner = state.stakes.winner(&view.remote, &wanted).cloned();
        let memory = state.memory(self.key, self.object.uid());
        let claim = open_claim(&*self.object, &self.context.key).filter(|claim| claim.scope == view.scope);
        let since =
            memory.last_doubt.map_or(self.context.started(), |doubt| doubt.max(self.context.started()));
        let settle =
            V::http(view.reflector.source()).request_timeout() + self.context.settings.consistency_allowance;
        let snapshot = view.reflector.snapshot();
        let facts = Facts::<V> {
            me: self.key,
            spec: work.spec,
            policy: work.spec.management_policy(),
            adoption: work.account.adoption,
            consents_to_clearing: work.spec.adoption_policy() == AdoptionPolicy::Always,
            recorded: recorded::<V>(&self.object),
            renaming_to: object_renaming::<V>(&self.object),
            claimed: claim.filter(|_| !memory.claim_is_clean).map(|claim| claim.name.as_str().into()),
            winner,
            snapshot: &snapshot,
            secrets: work.secrets,
            absence_from: since + settle,
        };
        if let Some((changes, list)) = facts.sight() {
            memory.convergence.saw(&changes, list);
        }
        plan(&facts, &memory.convergence)
    }

    async fn act(&mut self, work: &Work<'_, V>, plan: Plan) -> Result<(), WriteError> {
        match plan {
            Plan::InSync { identity, bond } => self.in_sync(work, &identity, bond).await,
            Plan::Create(_permit) => Attempt { pass: self, work }.create().await,
            Plan::Forget(_permit) => self.forget_identity().await,
            Plan::Update(update) => Attempt { pass: self, work }.update(update).await,
            Plan::Shown { identity, changes } => self.show(work, identity, &changes).await,
            Plan::Wait(waiting) => self.wait(work, waiting).await,
            Plan::Blocked(blocked) => self.blocked(work, &blocked).await,
        }
    }

    async fn in_sync(
        &mut self,
        work: &Work<'_, V>,
        identity: &Identity,
        bond: Bond,
    ) -> Result<(), WriteError> {
        if !self.finalize(work.spec, true).await? {
            return Ok(());
        }
        let Some(entry) = self.entry(work, identity) else { return Ok(()) };
        if bond == Bond::Adopted {
            self.tell(
                "Adopted",
                format!("{identity} was there and is as declared; it is managed from now on"),
            );
        }
        self.say_in_sync(work, &entry, false).await
    }

    /// The object is as declared: record it, and say so.
    pub async fn say_in_sync(
        &mut self,
        work: &Work<'_, V>,
        entry: &Entry<V::Item>,
        secrets_written: bool,
    ) -> Result<(), WriteError> {
        let verdict = Verdict::succeeded(format!("{} matches its spec", entry.item.identity()));
        self.say_existing(work, entry, secrets_written, verdict).await
    }

    /// Says `verdict` of an object that is ours.
    pub async fn say_existing(
        &mut self,
        work: &Work<'_, V>,
        entry: &Entry<V::Item>,
        secrets_written: bool,
        verdict: Verdict,
    ) -> Result<(), WriteError> {
        let seen = V::secrets(&entry.item);
        let secrets = secrets_status(work.secrets, &seen, secrets_written);
        let recorded = SecretFacts {
            declared: work
                .secrets
                .declared
                .iter()
                .map(|(field, declared)| (*field, declared.clone()))
                .collect(),
            recorded: secrets.clone(),
            overwrite_drift: true,
        };
        let further: Vec<FurtherCondition> = secrets_in_sync(&recorded, &seen).into_iter().collect();
        let (remote, scope) =
            (V::remote(&entry.item, self.object.status.remote.as_ref()), work.account.view.scope.clone());
        self.write(verdict, &further, |status| {
            status.remote = Some(remote);
            status.scope = Some(scope);
            status.renaming_to = None;
            status.secrets = secrets;
        })
        .await
    }

    /// The recorded object is gone for certain: its identity leaves the status before anything is created.
    async fn forget_identity(&mut self) -> Result<(), WriteError> {
        let verdict =
            Verdict::progressing(format!("{}: it is gone at the vendor and is created again", self.key.name));
        self.write(verdict, &[], |status| {
            status.remote = None;
            status.scope = None;
            status.renaming_to = None;
            status.secrets.clear();
        })
        .await?;
        self.outcome.next = Next::After(Duration::ZERO);
        Ok(())
    }

    /// Under Observe and Plan: what is there, and what Manage would do.
    async fn show(
        &mut self,
        work: &Work<'_, V>,
        identity: Option<Identity>,
        changes: &[Change],
    ) -> Result<(), WriteError> {
        if !self.finalize(work.spec, false).await? {
            return Ok(());
        }
        let name = V::wanted(work.spec, &self.key.name);
        let is_recorded = self.object.status.scope.is_some();
        let may_see = !work.account.is_foreign
            || is_recorded
            || work.account.adoption == AdoptionPolicy::Always
            || (work.account.adoption == AdoptionPolicy::IfIdentical && changes.is_empty());
        let observes = work.spec.management_policy() == ManagementPolicy::Observe;
        let mut plan = if may_see { planned(changes) } else { Vec::new() };
        let difference = if may_see { describe(changes) } else { "it may not be looked at".to_owned() };
        let verdict = match (&identity, observes) {
            (Some(_), true) if changes.is_empty() => {
                Verdict::at_rest("True", "Observed", format!("{name} exists and is as declared"))
            }
            (Some(_), true) => {
                Verdict::at_rest("True", "Observed", format!("{name} exists and differs: {difference}"))
            }
            (None, true) => {
                Verdict::at_rest("False", "RemoteNotFound", format!("{name} does not exist at the vendor"))
            }
            (Some(_), false) if changes.is_empty() => {
                Verdict::succeeded(format!("{name} is as declared: Manage would change nothing"))
            }
            (Some(_), false) => Verdict::at_rest(
                "False",
                "ChangesPlanned",
                format!("Manage would change {name}: {difference}"),
            ),
            (None, false) => {
                plan = vec![PlannedChange { field: "name".into(), from: None, to: Some(name.to_string()) }];
                Verdict::at_rest("False", "ChangesPlanned", format!("Manage would create {name}"))
            }
        };
        let entry = identity.and_then(|identity| self.entry(work, &identity)).filter(|_| may_see);
        self.write(verdict, &[], |status| {
            match &entry {
                Some(entry) => {
                    status.remote = Some(V::remote(&entry.item, status.remote.as_ref()));
                    status.secrets = secrets_status(work.secrets, &V::secrets(&entry.item), false);
                }
                None if !is_recorded => {
                    status.remote = None;
                    status.secrets.clear();
                }
                None => {}
            }
            status.planned_changes = plan;
        })
        .await
    }

    async fn wait(&mut self, work: &Work<'_, V>, waiting: Waiting) -> Result<(), WriteError> {
        let reflector = &work.account.view.reflector;
        match waiting {
            Waiting::ForList => {
                self.outcome.after_list(&work.account.view);
                Ok(())
            }
            Waiting::ForAbsence(identity, from) => {
                reflector.request(Refresh::NotBefore(from));
                self.outcome.after_list(&work.account.view);
                let message = format!(
                    "{}: {identity} is not in the vendor's list; a later list has to confirm that",
                    self.key.name
                );
                self.say(Verdict::progressing(message)).await
            }
            Waiting::ForRegistration(WhenAbsent::WaitFor { reason, message, deadline }) => {
                let since = self.memory(|memory| *memory.waiting_since.get_or_insert_with(Instant::now));
                if since.elapsed() >= deadline {
                    return self.say(Verdict::stalled(reason, message)).await;
                }
                let progress = Progress::Reconciling(reason);
                self.say(Verdict { ready: "False", reason, message, progress }).await?;
                self.outcome.next =
                    Next::After(deadline.saturating_sub(since.elapsed()) + Duration::from_secs(1));
                Ok(())
            }
            Waiting::ForRegistration(WhenAbsent::Create) => Ok(()),
        }
    }

    async fn blocked(&mut self, work: &Work<'_, V>, why: &Blocked) -> Result<(), WriteError> {
        let may_see =
            !work.account.is_foreign || !matches!(why, Blocked::NotAdoptable { .. } | Blocked::HeldBy(..));
        let (shown, changes) = match why {
            Blocked::NotAdoptable { identity, changes, .. } if may_see => {
                (self.entry(work, identity), planned(changes))
            }
            Blocked::WouldClearSecret(_, changes) | Blocked::NotConverging(changes) => {
                (None, planned(changes))
            }
            _ => (None, Vec::new()),
        };
        let verdict = blocked(&self.key.name, why, may_see);
        let is_recorded = self.object.status.scope.is_some();
        self.write(verdict, &[], |status| {
            if !is_recorded {
                status.remote = shown.as_ref().map(|entry| V::remote(&entry.item, None));
            }
            status.planned_changes = changes;
        })
        .await
    }

    async fn suspended(&mut self) -> Result<(), WriteError> {
        let mut status = self.object.status.clone();
        let verdict =
            Verdict::at_rest("True", "Suspended", "spec.suspend is set: this object is not looked at");
        let now = k8s_openapi::jiff::Timestamp::now();
        let mut one = conditions(&status.conditions, &verdict, &[], self.object.generation(), now);
        let known = status.conditions.iter().find(|condition| condition.type_ == "Suspended").cloned();
        status.conditions.retain(|condition| condition.type_ != "Suspended");
        status.conditions.extend(known.or_else(|| {
            one.pop().map(|mut condition| {
                "Suspended".clone_into(&mut condition.type_);
                condition
            })
        }));
        status.observed_generation = status.observed_generation.or(Some(-1));
        self.apply(status).await
    }

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
        if !patch.is_empty_for(&*self.object) {
            self.patch(&patch).await?;
        }
        Ok(true)
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
        self.write(verdict, &[], |_| {}).await
    }

    /// Writes the status, where it says anything new.
    pub async fn write(
        &mut self,
        verdict: Verdict,
        further: &[FurtherCondition],
        edit: impl FnOnce(&mut Status<V>),
    ) -> Result<(), WriteError> {
        let mut status = self.object.status.clone();
        let generation = self.object.generation();
        status.planned_changes = Vec::new();
        edit(&mut status);
        let now = k8s_openapi::jiff::Timestamp::now();
        status.conditions = conditions(&self.object.status.conditions, &verdict, further, generation, now);
        status.observed_generation = Some(generation);
        status.last_handled_reconcile_at = self.object.requested_at().map(crate::api::shortened);
        if verdict.progress == Progress::Stalled {
            self.outcome.next = Next::After(LOOK_AGAIN.mul_f64(0.9 + 0.1 * fastrand::f64()));
        }
        announce(&self.context.events, &self.object.reference(), &self.object.status.conditions, &verdict);
        self.apply(status).await
    }

    async fn apply(&mut self, status: Status<V>) -> Result<(), WriteError> {
        if is_same(&self.object.status, &status) {
            return Ok(());
        }
        let applied = apply_status(&self.context.client, &self.object, &status).await?;
        self.fold(applied);
        self.memory(|memory| memory.secrets_written.clear());
        Ok(())
    }

    fn fold(&mut self, object: Object<V::Connector>) {
        let wake = self.context.state().fold(object.clone(), &self.context.key);
        self.outcome.wake.extend(wake.into_iter().map(|key| (Key::Connector(key), Cause::Dependency)));
        self.object = Arc::new(object);
    }

    /// What is remembered of this connector.
    pub fn memory<T>(&self, change: impl FnOnce(&mut super::context::Memory) -> T) -> T {
        change(self.context.state().memory(self.key, self.object.uid()))
    }

    /// The vendor's object.
    pub fn entry(&self, work: &Work<'_, V>, identity: &Identity) -> Option<Entry<V::Item>> {
        work.account.view.reflector.snapshot().get(identity.as_str()).cloned()
    }

    /// Publishes that something was done.
    pub fn tell(&self, reason: &'static str, note: String) {
        done(&self.context.events, &self.object.reference(), reason, note);
    }

    fn warn(&self, reason: &'static str, note: &str) {
        self.context.events.publish(super::events::Event {
            regarding: self.object.reference(),
            kind: super::events::EventType::Warning,
            reason,
            action: "Reconcile",
            note: format!("{}: {note}", self.key.name),
        });
    }
}

/// Whether a plan leads to a write at the vendor now or after its wait.
fn would_write(plan: &Plan) -> bool {
    matches!(
        plan,
        Plan::Create(_)
            | Plan::Forget(_)
            | Plan::Update(_)
            | Plan::Wait(Waiting::ForAbsence(..))
            | Plan::InSync { bond: Bond::Adopted, .. }
    )
}
