//! One pass over a connector: dereference, plan, act, report. Every cross-cutting rule has its place here; what to do is decided by [`plan`](super::plan).

use super::act::Attempt;
use super::at_rest::has_stalled;
use super::cleanup;
use super::context::Context;
use super::convergence::Convergence;
use super::dereference::{NoAccount, account, secrets};
use super::exclusives::Contest;
use super::forced::Requests;
use super::identity::elsewhere;
use super::kubernetes::WriteError;
use super::lists::{Belief, belief};
use super::object::ObjectKey;
use super::outcome::Outcome;
use super::own::Own;
use super::pass::{LOOK_AGAIN, Pass, Work};
use super::plan::{Bond, Facts, Plan, Waiting, plan};
use super::queue::Next;
use super::report::{secrets_in_sync, secrets_status};
use super::secret_facts::{Declared, SecretFacts};
use super::state::AccountView;
use super::state::interests::place_of;
use super::status::{FurtherCondition, Verdict};
use super::vendor::{Vendor, Withheld};
use crate::api::{AdoptionPolicy, ConnectorSpec, PlannedChange};
use crate::remote::{Entry, Identity, Refresh, RemoteItem};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long an account may be missing before that is said: what is applied together is heard of on watches of their own.
const ACCOUNT_PATIENCE: Duration = Duration::from_secs(3);
/// How long a key and a certificate may disagree before that is no passing state.
const MISMATCH_PATIENCE: Duration = Duration::from_mins(2);

/// What is to be done, by one snapshot.
struct Decision {
    plan: Plan,
    contest: Contest,
    belief: Belief,
}

/// Reconciles one connector.
pub async fn reconcile<V: Vendor>(context: &Arc<Context<V>>, key: &ObjectKey) -> Outcome {
    let Some(object) = context.state().connectors.get(key).cloned() else { return Outcome::wait() };
    let mut pass = Pass { context, key, object, is_notice: false, outcome: Outcome::wait() };
    let result = pass.run().await;
    let seen = pass.object.metadata.resource_version.clone();
    if let Err(WriteError::Failed(why)) = &result {
        tracing::warn!(kind = %V::NAME, object = %key, "the object could not be written to: {why}");
    }
    let outcome = match &result {
        Ok(()) => pass.outcome,
        Err(error) => pass.outcome.despite(error),
    };
    Outcome { seen, ..outcome }
}

impl<V: Vendor> Pass<'_, V> {
    async fn run(&mut self) -> Result<(), WriteError> {
        // Also where nothing is said of it: what is asked for later is told by what is there at first.
        self.asked();
        if self.object.is_deleted() {
            return cleanup::run(self).await;
        }
        if self.yield_record().await? {
            return Ok(());
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
            Err(NoAccount::Missing(_)) if self.account_may_come() => return Ok(()),
            Err(NoAccount::Missing(verdict) | NoAccount::Say(verdict)) => return self.say(verdict).await,
        };
        self.memory(|memory| memory.account_missed_since = None);
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

    /// Whether its account is missed so newly that it may be on its way.
    fn account_may_come(&mut self) -> bool {
        let since = self.memory(|memory| *memory.account_missed_since.get_or_insert_with(Instant::now));
        let left = ACCOUNT_PATIENCE.saturating_sub(since.elapsed());
        if left.is_zero() {
            return false;
        }
        self.outcome.next = Next::After(left);
        true
    }

    /// The recorded identity is only valid where it was recorded, and a claim where it was made.
    fn scope_changed(&self, scope: &str) -> Option<Verdict> {
        let elsewhere = elsewhere::<V>(&self.object, self.claim().as_ref(), scope)?;
        Some(Verdict::stalled(
            "ScopeChanged",
            format!(
                "{}: {elsewhere}, but its account now goes to {scope}; put the account back, or set \
                 deletionPolicy: Orphan, delete this object and create it again",
                self.key.name
            ),
        ))
    }

    /// Who forces a pass wants the vendor looked at now: the pass is for a list that was sent after it was asked for. Returns
    /// whether that list has still to come.
    fn awaits_forced_list(&mut self, view: &AccountView<V>) -> bool {
        if self.asked().is_none() {
            return false;
        }
        let requests = Requests::of(&*self.object);
        let asked_at = self.memory(|memory| match &memory.forced {
            Some((known, at)) if *known == requests => *at,
            _ => memory.forced.insert((requests, Instant::now())).1,
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
        if self.context.settings.secrets_watch {
            return;
        }
        let interval = self.context.settings.resync_interval;
        self.outcome.next = match self.outcome.next {
            Next::Wait if !facts.declared.is_empty() => Next::After(interval),
            Next::After(pause) => Next::After(pause.min(interval)),
            next => next,
        };
    }

    async fn with_secrets(&mut self, work: &Work<'_, V>) -> Result<(), WriteError> {
        self.start_afresh_if_changed(work.secrets);
        let findings = V::examine(&work.desired(&self.key.name, &Withheld::new()));
        if let Some((reason, message)) = findings.mismatch {
            return self.mismatch(reason, message).await;
        }
        self.memory(|memory| memory.mismatch_since = None);
        let Decision { plan, contest, belief } = self.plan(work);
        if belief == Belief::Replaced {
            return Ok(());
        }
        if belief == Belief::Shrunk && would_write(&plan) {
            let message = "its account does not believe the vendor's newest list (SnapshotShrank); see the account's status";
            let verdict =
                Verdict::dependency("Unknown", "AccountNotReady", format!("{}: {message}", self.key.name));
            return self.say(verdict).await;
        }
        for warning in findings.warnings.iter().filter(|_| would_write(&plan)) {
            self.warn("UnreadablePEM", warning);
        }
        if !matches!(plan, Plan::Wait(Waiting::ForRegistration(_) | Waiting::ForVendor(..))) {
            self.memory(|memory| memory.waiting = None);
        }
        if !matches!(plan, Plan::Create(_) | Plan::Update(_)) {
            // What was refused is no longer what would be sent.
            self.memory(|memory| memory.refused = None);
        }
        self.act(work, plan, &contest).await
    }

    /// A change of spec or Secret, or a forced pass, forgets what was refused or written in vain.
    fn start_afresh_if_changed(&mut self, secrets: &SecretFacts) {
        let fingerprints: Vec<&str> =
            secrets.declared.values().map(|declared| declared.fingerprint.as_str()).collect();
        let basis = format!(
            "{} {} {}",
            self.object.generation(),
            Requests::of(&*self.object).basis(),
            fingerprints.join(" ")
        );
        let stuck = self.stuck_before(secrets);
        self.memory(|memory| {
            if memory.basis != basis {
                let is_first = memory.basis.is_empty();
                memory.basis = basis;
                memory.refused = None;
                memory.convergence =
                    if is_first { Convergence::inheriting(stuck) } else { Convergence::default() };
            }
        });
    }

    /// What the status says was written in vain, where nothing has changed since that starts afresh.
    fn stuck_before(&self, secrets: &SecretFacts) -> &[PlannedChange] {
        let status = &self.object.status;
        let is_stalled = status.conditions.iter().any(|condition| {
            condition.type_ == "Stalled"
                && condition.reason == "NotConverging"
                && condition.observed_generation == Some(self.object.generation())
        });
        let is_forced = self.asked().is_some();
        let is_sent = |(field, declared): (&&str, &Declared)| {
            let recorded = secrets.recorded.get(*field).and_then(|recorded| recorded.fingerprint.as_ref());
            recorded == Some(&declared.fingerprint)
        };
        let still = is_stalled && !is_forced && secrets.declared.iter().all(is_sent);
        if still { &status.planned_changes } else { &[] }
    }

    async fn mismatch(&mut self, reason: &'static str, message: String) -> Result<(), WriteError> {
        let since = self.memory(|memory| *memory.mismatch_since.get_or_insert_with(Instant::now));
        let already = has_stalled(&self.object.status.conditions, reason);
        let message = format!("{}: {message}", self.key.name);
        if already || since.elapsed() >= MISMATCH_PATIENCE {
            return self.say(Verdict::stalled(reason, message)).await;
        }
        self.say(Verdict::dependency("False", reason, message)).await?;
        self.outcome.next =
            Next::After(MISMATCH_PATIENCE.saturating_sub(since.elapsed()) + Duration::from_secs(1));
        Ok(())
    }

    fn plan(&self, work: &Work<'_, V>) -> Decision {
        let view = &work.account.view;
        // Before the lock: both look into what is remembered.
        let (claim, absence_from) = (self.claim(), self.absence_from(view));
        let mut state = self.context.state();
        let state = &mut *state;
        let snapshot = view.reflector.snapshot();
        let belief = belief(state, view, &snapshot);
        let mut facts = Facts::<V> {
            me: self.key,
            spec: work.spec,
            policy: work.spec.management_policy(),
            adoption: work.account.adoption,
            consents_to_clearing: work.spec.adoption_policy() == AdoptionPolicy::Always,
            own: Own::of::<V>(&self.object, claim.as_ref()),
            claim_is_anothers: false,
            winner: None,
            is_anothers: false,
            keeper: None,
            contest: Contest::default(),
            when_absent: V::when_absent(&view.spec, work.spec),
            snapshot: &snapshot,
            secrets: work.secrets,
            absence_from,
        };
        facts.contend(&view.realm, &state.wishes, &state.stakes);
        let keeper_of = |identity: Identity| {
            let place = (place_of::<V>(&view.scope), identity);
            let mut keepers = state.unconnected.at(&place);
            keepers.find(|keeper| *keeper != self.key).cloned()
        };
        facts.keeper = facts.adopted().and_then(keeper_of);
        let memory = state.memory(self.key, self.object.uid());
        if let Some((changes, list)) = facts.sight() {
            memory.convergence.saw(&changes, list, Instant::now());
        }
        let plan = plan(&facts, &memory.convergence);
        Decision { plan, contest: facts.contest, belief }
    }

    async fn act(&mut self, work: &Work<'_, V>, plan: Plan, contest: &Contest) -> Result<(), WriteError> {
        match plan {
            Plan::InSync { identity, bond } => self.in_sync(work, &identity, bond).await,
            Plan::Create(_permit) => Attempt { pass: self, work }.create().await,
            Plan::Forget(_permit) => self.forget_identity(work).await,
            Plan::Update(update) => Attempt { pass: self, work }.update(update).await,
            Plan::Drop(stale) => self.drop_stale(&stale).await,
            Plan::Shown { identity, changes } => self.show(work, identity, &changes).await,
            Plan::Wait(waiting) => self.wait(work, waiting, contest).await,
            Plan::Blocked(blocked) => self.blocked(work, &blocked, contest).await,
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
        let verdict = Verdict::succeeded(format!("{} matches its spec", V::label(work.spec, &self.key.name)));
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
        let further: Vec<FurtherCondition> =
            secrets_in_sync(&recorded, &seen).into_iter().chain(V::conditions(&entry.item)).collect();
        let (remote, scope) =
            (V::remote(&entry.item, self.object.status.remote.as_ref()), work.account.view.scope.clone());
        self.announce_conditions(&V::conditions(&entry.item));
        self.write(verdict, &further, |status| {
            status.remote = Some(remote);
            status.scope = Some(scope);
            status.renaming_to = None;
            status.secrets = secrets;
        })
        .await?;
        // A list that came before the status recorded whose it is may have woken nobody.
        let now = self.entry(work, &entry.item.identity());
        if self.outcome.next == Next::Wait && now.is_none_or(|now| now.digest != entry.digest) {
            self.outcome.next = Next::After(Duration::ZERO);
        }
        Ok(())
    }
}

/// Whether a plan leads to a write at the vendor now or after its wait, or rests on what the newest list tells.
fn would_write(plan: &Plan) -> bool {
    matches!(
        plan,
        Plan::Create(_)
            | Plan::Forget(_)
            | Plan::Update(_)
            | Plan::Drop(_)
            | Plan::Wait(Waiting::ForAbsence(_) | Waiting::ForRename(..) | Waiting::ForRelease(_))
            | Plan::InSync { bond: Bond::Adopted, .. }
    )
}
