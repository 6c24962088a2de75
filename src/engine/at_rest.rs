//! The ends of a pass that write nothing to the vendor: what is shown under Observe and Plan, what is waited for, what blocks, and what suspended
//! means. What another namespace may not learn of a remote object stays out of all of them.

use super::exclusives::Contest;
use super::identity::{object_renaming, recorded};
use super::kubernetes::WriteError;
use super::memory::Awaited;
use super::pass::{LOOK_AGAIN, Pass, Work};
use super::plan::{Blocked, Bond, Waiting};
use super::queue::Next;
use super::report::{
    blocked, describe, planned, rename_doubted, secrets_status, standoff, taken, waits_for_account,
    waits_for_release,
};
use super::status::{Progress, Verdict, conditions};
use super::vendor::{Change, Phase, Vendor, WhenAbsent};
use crate::api::{AdoptionPolicy, ConnectorSpec, ManagementPolicy, PlannedChange};
use crate::remote::{Entry, Identity};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use std::time::Duration;
use tokio::time::Instant;

/// How long a vendor may be at work on an object before that counts as stalled.
const VENDOR_PATIENCE: Duration = Duration::from_mins(15);
/// The reason then, in the word that Deployments use.
const TOO_LONG: &str = "ProgressDeadlineExceeded";

impl<V: Vendor> Pass<'_, V> {
    /// Under Observe and Plan: what is there, and what Manage would do.
    pub(super) async fn show(
        &mut self,
        work: &Work<'_, V>,
        identity: Option<Identity>,
        changes: &[Change],
    ) -> Result<(), WriteError> {
        if !self.finalize(work.spec, false).await? {
            return Ok(());
        }
        let name = V::label(work.spec, &self.key.name);
        let recorded = recorded::<V>(&self.object);
        // What took the place of an object that is gone is not its own for that: it is spoken of, and not recorded.
        let is_own = recorded.is_some()
            && (identity.is_none() || identity == recorded || identity == object_renaming::<V>(&self.object));
        let may_see = !work.account.is_foreign
            || is_own
            || work.account.adoption == AdoptionPolicy::Always
            || (work.account.adoption == AdoptionPolicy::IfIdentical && changes.is_empty());
        let observes = work.spec.management_policy() == ManagementPolicy::Observe;
        let mut plan = if may_see { planned(changes) } else { Vec::new() };
        let difference = describe(changes);
        let verdict = match (&identity, observes) {
            // Not even whether it is as declared: that would let anybody guess.
            (Some(_), true) if !may_see => Verdict::at_rest(
                "True",
                "Observed",
                format!("{name} exists; this namespace may not look at it"),
            ),
            (Some(_), false) if !may_see => Verdict::at_rest(
                "False",
                "ChangesPlanned",
                format!("{name} exists, and this namespace may not take it over"),
            ),
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
            (None, false) => match V::when_absent(&work.account.view.spec, work.spec) {
                WhenAbsent::Create => {
                    plan = vec![PlannedChange { field: "name".into(), from: None, to: Some(name.clone()) }];
                    Verdict::at_rest("False", "ChangesPlanned", format!("Manage would create {name}"))
                }
                WhenAbsent::WaitFor { reason, message, .. } => Verdict::at_rest("False", reason, message),
            },
        };
        let entry = identity.and_then(|identity| self.entry(work, &identity)).filter(|_| may_see);
        let further = entry.as_ref().map(|entry| V::conditions(&entry.item)).unwrap_or_default();
        self.announce_conditions(&further);
        self.write(verdict, &further, |status| {
            match &entry {
                Some(entry) if is_own || recorded.is_none() => {
                    status.remote = Some(V::remote(&entry.item, status.remote.as_ref()));
                    status.secrets = secrets_status(work.secrets, &V::secrets(&entry.item), false);
                }
                None if recorded.is_none() => {
                    status.remote = None;
                    status.secrets.clear();
                }
                Some(_) | None => {}
            }
            status.planned_changes = plan;
        })
        .await
    }

    pub(super) async fn wait(
        &mut self,
        work: &Work<'_, V>,
        waiting: Waiting,
        contest: &Contest,
    ) -> Result<(), WriteError> {
        match waiting {
            Waiting::ForList => {
                self.outcome.after_list(&work.account.view);
                Ok(())
            }
            Waiting::ForRename(to, from) => {
                let message = rename_doubted(&self.key.name, &to);
                self.await_list(&work.account.view, from, message).await
            }
            Waiting::ForAbsence(from) => {
                let message = format!(
                    "{}: {} is not in the vendor's list; a later list has to confirm that",
                    self.key.name,
                    V::label(work.spec, &self.key.name)
                );
                self.await_list(&work.account.view, from, message).await
            }
            Waiting::ForRegistration(WhenAbsent::WaitFor { reason, message, deadline }) => {
                let (verdict, next) = self.awaits_registration(reason, message, deadline);
                self.say(verdict).await?;
                self.outcome.next = next;
                Ok(())
            }
            Waiting::ForRegistration(WhenAbsent::Create) => Ok(()),
            Waiting::ForVendor(identity, bond) => {
                let Some(entry) = self.entry(work, &identity) else { return Ok(()) };
                if bond == Bond::Adopted {
                    // The end of that changes nothing of what it asks for, and would wake nobody.
                    self.outcome.after_list(&work.account.view);
                    // A guest learns no more of it than that it is there.
                    let phase = if work.account.is_foreign {
                        "the vendor is at work on what is there".to_owned()
                    } else {
                        V::describe_phase(&entry.item)
                    };
                    let message =
                        format!("{}: {phase}; it can be taken over when that is over", self.key.name);
                    return self.say(Verdict::progressing(message)).await;
                }
                if !self.finalize(work.spec, true).await? {
                    return Ok(());
                }
                self.await_vendor(work, &entry, false).await
            }
            Waiting::ForAccountOf(keeper, identity) => {
                let message = waits_for_account(&self.key.name, &keeper, &identity, !work.account.is_foreign);
                self.say(Verdict::progressing(message)).await?;
                // That account may come to be connected as another realm, or that one be deleted, of which this one does not hear.
                self.outcome.after_list(&work.account.view);
                self.outcome.next = Next::After(LOOK_AGAIN);
                Ok(())
            }
            Waiting::ForRelease(had) => {
                let verdict = Verdict::progressing(waits_for_release(
                    &self.key.name,
                    V::EXCLUSIVE,
                    contest,
                    !work.account.is_foreign,
                ));
                // Of what would only be taken over then, nothing is recorded yet.
                let own = had.filter(|(_, bond)| *bond != Bond::Adopted);
                // Who is to give it up may come to be held up itself, of which nobody hears.
                self.outcome.next = Next::After(LOOK_AGAIN);
                match own.and_then(|(identity, _)| self.entry(work, &identity)) {
                    Some(entry) => self.say_existing(work, &entry, false, verdict).await,
                    None => self.say(verdict).await,
                }
            }
        }
    }

    /// What is said while nothing has registered, and when to look again.
    pub(super) fn awaits_registration(
        &self,
        reason: &'static str,
        message: String,
        deadline: Duration,
    ) -> (Verdict, Next) {
        match self.left_of(deadline, Awaited::Registration, self.said_too_long(reason)) {
            Some(left) => {
                let progress = Progress::Reconciling(reason);
                let verdict = Verdict { ready: "False", reason, message, progress };
                (verdict, Next::After(left + Duration::from_secs(1)))
            }
            None => (Verdict::stalled(reason, message), Next::After(LOOK_AGAIN)),
        }
    }

    /// Whether the status says of the present spec that it took too long, also where an earlier process said so.
    fn said_too_long(&self, reason: &str) -> bool {
        let status = &self.object.status;
        status.observed_generation == Some(self.object.generation())
            && has_stalled(&status.conditions, reason)
    }

    /// How much is left of the time that something may take; `None` once it is over. Where that was said already, it stays so.
    fn left_of(&self, deadline: Duration, awaited: Awaited, was_said: bool) -> Option<Duration> {
        let since = self.memory(|memory| match memory.waiting {
            Some((known, since)) if known == awaited => since,
            _ => memory.waiting.insert((awaited, Instant::now())).1,
        });
        deadline.checked_sub(since.elapsed()).filter(|left| !was_said && !left.is_zero())
    }

    /// The vendor is still at work on an object that is ours: it is shown, and left alone until that is over.
    pub(super) async fn await_vendor(
        &mut self,
        work: &Work<'_, V>,
        entry: &Entry<V::Item>,
        secrets_sent: bool,
    ) -> Result<(), WriteError> {
        let label = V::label(work.spec, &self.key.name);
        let phase = V::describe_phase(&entry.item);
        // What was said of another state of the object says nothing of this one.
        let shown = self.object.status.remote.as_ref();
        let is_shown = shown == Some(&V::remote(&entry.item, shown));
        let awaited = Awaited::End(V::phase(&entry.item));
        let was_said = is_shown && self.said_too_long(TOO_LONG);
        let Some(left) = self.left_of(VENDOR_PATIENCE, awaited, was_said) else {
            let message = format!(
                "{label}: {phase}, for longer than {} minutes; the vendor names no failure, so look there. Nothing is written until it is over; to begin anew, delete the object at the vendor",
                VENDOR_PATIENCE.as_secs() / 60
            );
            return self.say_existing(work, entry, secrets_sent, Verdict::stalled(TOO_LONG, message)).await;
        };
        let after = match V::phase(&entry.item) {
            Phase::Leaving => "; once it is gone, it is created again",
            _ => "",
        };
        let verdict = Verdict::progressing(format!("{label}: {phase}{after}"));
        self.say_existing(work, entry, secrets_sent, verdict).await?;
        if self.outcome.next == Next::Wait {
            self.outcome.next = Next::After(left + Duration::from_secs(1));
        }
        Ok(())
    }

    pub(super) async fn blocked(
        &mut self,
        work: &Work<'_, V>,
        why: &Blocked,
        contest: &Contest,
    ) -> Result<(), WriteError> {
        let may_see = !work.account.is_foreign
            || matches!(
                why,
                Blocked::WouldClearSecret(..) | Blocked::NotConverging(_) | Blocked::NameTaken(_)
            );
        let (shown, changes) = match why {
            Blocked::NotAdoptable { identity, changes, .. } if may_see => {
                (self.entry(work, identity), planned(changes))
            }
            Blocked::WouldClearSecret(_, changes) | Blocked::NotConverging(changes) => {
                (None, planned(changes))
            }
            _ => (None, Vec::new()),
        };
        let verdict = match why {
            Blocked::Taken => taken(&self.key.name, V::EXCLUSIVE, contest, may_see),
            Blocked::Standoff => standoff(&self.key.name, V::EXCLUSIVE, contest, may_see),
            _ => blocked(&self.key.name, why, may_see),
        };
        if self.object.status.scope.is_some() {
            return self.say_of_own(work, verdict, changes).await;
        }
        self.write(verdict, &[], |status| {
            status.remote = shown.as_ref().map(|entry| V::remote(&entry.item, None));
            status.planned_changes = changes;
        })
        .await
    }

    pub(super) async fn suspended(&mut self) -> Result<(), WriteError> {
        let mut status = self.object.status.clone();
        let verdict =
            Verdict::at_rest("True", "Suspended", "spec.suspend is set: this object is not looked at");
        let now = crate::clock::now();
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
}

/// Whether the status says that it has stalled for this reason.
pub(super) fn has_stalled(conditions: &[Condition], reason: &str) -> bool {
    conditions.iter().any(|known| known.type_ == "Stalled" && known.reason == reason)
}
