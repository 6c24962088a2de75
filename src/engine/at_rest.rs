//! The ends of a pass that write nothing to the vendor: what is shown under Observe and Plan, what is waited for, what blocks, and what suspended
//! means. What another namespace may not learn of a remote object stays out of all of them.

use super::kubernetes::WriteError;
use super::pass::{Pass, Work};
use super::plan::{Blocked, Waiting};
use super::queue::Next;
use super::report::{blocked, describe, planned, secrets_status};
use super::status::{Progress, Verdict, conditions};
use super::vendor::{Change, Vendor, WhenAbsent};
use crate::api::{AdoptionPolicy, ConnectorSpec, ManagementPolicy, PlannedChange};
use crate::remote::{Identity, Refresh};
use std::time::Duration;
use tokio::time::Instant;

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
        let name = V::wanted(work.spec, &self.key.name);
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

    pub(super) async fn wait(&mut self, work: &Work<'_, V>, waiting: Waiting) -> Result<(), WriteError> {
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

    pub(super) async fn blocked(&mut self, work: &Work<'_, V>, why: &Blocked) -> Result<(), WriteError> {
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

    pub(super) async fn suspended(&mut self) -> Result<(), WriteError> {
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
}
