//! The ends of a pass that write nothing to the vendor: what is shown under Observe and Plan, what is waited for, what blocks, and what suspended
//! means. What another namespace may not learn of a remote object stays out of all of them.

use super::exclusives::Contest;
use super::kubernetes::WriteError;
use super::pass::{Pass, Work};
use super::plan::{Blocked, Bond, Waiting};
use super::queue::Next;
use super::report::{blocked, describe, planned, secrets_status, standoff, taken, waits_for_release};
use super::status::{Progress, Verdict, conditions};
use super::vendor::{Change, Phase, Vendor, WhenAbsent};
use crate::api::{AdoptionPolicy, ConnectorSpec, ManagementPolicy, PlannedChange};
use crate::remote::{Entry, Identity, Refresh};
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
        let is_recorded = self.object.status.scope.is_some();
        let may_see = !work.account.is_foreign
            || is_recorded
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

    pub(super) async fn wait(
        &mut self,
        work: &Work<'_, V>,
        waiting: Waiting,
        contest: &Contest,
    ) -> Result<(), WriteError> {
        let reflector = &work.account.view.reflector;
        match waiting {
            Waiting::ForList => {
                self.outcome.after_list(&work.account.view);
                Ok(())
            }
            Waiting::ForAbsence(_, from) => {
                reflector.request(Refresh::NotBefore(from));
                self.outcome.after_list(&work.account.view);
                let message = format!(
                    "{}: {} is not in the vendor's list; a later list has to confirm that",
                    self.key.name,
                    V::label(work.spec, &self.key.name)
                );
                self.say(Verdict::progressing(message)).await
            }
            Waiting::ForRegistration(WhenAbsent::WaitFor { reason, message, deadline }) => {
                let Some(left) = self.left_of(deadline, reason) else {
                    return self.say(Verdict::stalled(reason, message)).await;
                };
                let progress = Progress::Reconciling(reason);
                self.say(Verdict { ready: "False", reason, message, progress }).await?;
                self.outcome.next = Next::After(left + Duration::from_secs(1));
                Ok(())
            }
            Waiting::ForRegistration(WhenAbsent::Create) => Ok(()),
            Waiting::ForVendor(identity, bond) => {
                let Some(entry) = self.entry(work, &identity) else { return Ok(()) };
                if bond == Bond::Adopted {
                    let message = format!(
                        "{}: {}; it can be taken over when that is over",
                        self.key.name,
                        V::describe_phase(&entry.item)
                    );
                    return self.say(Verdict::progressing(message)).await;
                }
                if !self.finalize(work.spec, true).await? {
                    return Ok(());
                }
                self.await_vendor(work, &entry, false).await
            }
            Waiting::ForRelease(had) => {
                let verdict = Verdict::progressing(waits_for_release(
                    &self.key.name,
                    V::EXCLUSIVE,
                    contest,
                    !work.account.is_foreign,
                ));
                match had.and_then(|(identity, _)| self.entry(work, &identity)) {
                    Some(entry) => self.say_existing(work, &entry, false, verdict).await,
                    None => self.say(verdict).await,
                }
            }
        }
    }

    /// How much is left of the time that something may take; `None` once it is over, also when an earlier process said so.
    fn left_of(&self, deadline: Duration, reason: &str) -> Option<Duration> {
        let since = self.memory(|memory| *memory.waiting_since.get_or_insert_with(Instant::now));
        let status = &self.object.status;
        let is_current = status.observed_generation == Some(self.object.generation());
        left(deadline, since, is_current && has_stalled(&status.conditions, reason))
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
        let Some(left) = self.left_of(VENDOR_PATIENCE, TOO_LONG) else {
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

/// What is left of `deadline` for what began at `since`. Where it was said that it is over, it stays so.
fn left(deadline: Duration, since: Instant, is_over: bool) -> Option<Duration> {
    deadline.checked_sub(since.elapsed()).filter(|left| !is_over && !left.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    #[tokio::test(start_paused = true)]
    async fn the_vendor_has_fifteen_minutes_and_a_restart_gives_it_no_more() {
        const MINUTE: Duration = Duration::from_mins(1);
        let since = Instant::now();
        assert_eq!(left(VENDOR_PATIENCE, since, false), Some(15 * MINUTE));
        advance(14 * MINUTE).await;
        assert_eq!(left(VENDOR_PATIENCE, since, false), Some(MINUTE), "the pass that says so is due then");
        advance(MINUTE).await;
        assert_eq!(left(VENDOR_PATIENCE, since, false), None);

        let stalled = Verdict::stalled(TOO_LONG, "line-7: Creating since 2026-01-02T03:04:05Z");
        let said = conditions(&[], &stalled, &[], 1, k8s_openapi::jiff::Timestamp::UNIX_EPOCH);
        let is_over = has_stalled(&said, TOO_LONG);
        assert_eq!(left(VENDOR_PATIENCE, Instant::now(), is_over), None, "an earlier process said so");
        assert!(!has_stalled(&said, "WaitingForAgent"), "another deadline is another matter");
    }
}
