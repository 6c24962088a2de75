//! What an account's status says: how its listing goes, what the last good list held, and why nothing is written where that is so.

use super::accounts::AccountPass;
use super::forced::Requests;
use super::kubernetes::{WriteError, apply_status};
use super::lists::users_of_remote;
use super::object::ObjectKey;
use super::queue::{Cause, Next};
use super::report::{announce, timestamp_in};
use super::run::Key;
use super::shrink::Shrunk;
use super::state::AccountView;
use super::status::{FurtherCondition, Verdict, conditions, is_same};
use super::vendor::{Phase, Vendor};
use crate::api::{ACCEPT_SNAPSHOT_ANNOTATION, AccountStatus, LastSnapshot, RateLimitStatus};
use crate::remote::{Health, Identity, RemoteError};
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

impl<V: Vendor> AccountPass<'_, V> {
    /// Says how the listing goes.
    pub(super) async fn report(&mut self) -> Result<(), WriteError> {
        let (health, lists, shrunk) = {
            let state = self.context.state();
            let Some(remote) = state.views.get(self.key).and_then(|view| state.remotes.get(&view.remote))
            else {
                return Ok(());
            };
            let lists = remote.reflector.snapshot().lists();
            (remote.reflector.health(), lists, remote.guard.shrunk().cloned())
        };
        if lists == 0 && health.failing.is_none() {
            // The first list is on its way and will wake this account.
            return Ok(());
        }
        self.watch_the_age(&health);
        if let Some(wait) = self.held_for() {
            self.look_again_after(wait + Duration::from_secs(1));
        }
        let verdict = match (&health.failing, &shrunk) {
            (_, _) if self.account.is_deleted() => self.deletion_waits(),
            (Some(error), _) => listing_failed(self.key, error),
            (None, Some(shrunk)) => snapshot_shrank::<V>(self.key, shrunk),
            (None, None) => Verdict::succeeded(format!("account {} was read and understood", self.key)),
        };
        let believed = health.failing.is_none() && shrunk.is_none();
        let mut status = self.status(&verdict, &[]);
        if believed {
            self.describe_snapshot(&mut status);
        }
        self.write(&verdict, status).await
    }

    fn deletion_waits(&self) -> Verdict {
        let holders = self.context.state().held_by(self.key, &self.context.key);
        let some: Vec<String> = holders.iter().take(5).map(ToString::to_string).collect();
        Verdict::deletion_blocked(format!(
            "account {} is needed until the connectors that use it are gone, {} in all: {}{}",
            self.key,
            holders.len(),
            some.join(", "),
            if holders.len() > some.len() { ", …" } else { "" },
        ))
    }

    /// Wakes the connectors once when the last good list becomes too old, and once when that is over: those of every account that shares it.
    fn watch_the_age(&mut self, health: &Health) {
        let now = Instant::now();
        let stale_at = {
            let mut state = self.context.state();
            let Some(name) = state.views.get(self.key).map(|view| view.remote.clone()) else { return };
            let Some(remote) = state.remotes.get_mut(&name) else { return };
            let stale_at = stale_at(health, remote.reflector.interval());
            let is_stale = health.failing.is_some() && now >= stale_at;
            if std::mem::replace(&mut remote.told_stale, is_stale) != is_stale {
                let users = users_of_remote(&state, &name).into_iter();
                self.outcome.wake.extend(users.map(|user| (Key::Connector(user), Cause::Dependency)));
            }
            stale_at
        };
        if health.failing.is_some() && now < stale_at {
            self.look_again_after(stale_at - now);
        }
    }

    fn describe_snapshot(&self, status: &mut AccountStatus) {
        let Some((view, content)) = self.view_and_content() else { return };
        let (objects, unmanaged) = {
            let state = self.context.state();
            let snapshot = view.reflector.snapshot();
            // What the vendor lists after its end is no object any more.
            let there = snapshot.iter().filter(|(_, entry)| V::phase(&entry.item) != Phase::Gone);
            there.fold((0, 0), |(objects, unmanaged), (identity, _)| {
                let is_held = state.stakes.holder(&view.realm, identity).is_some();
                (objects + 1, unmanaged + usize::from(!is_held))
            })
        };
        self.context.metrics.snapshot_taken(V::NAME, &self.key.to_string(), objects, unmanaged);
        let counts = (count(objects), count(unmanaged));
        let unmoved = status
            .last_snapshot
            .as_ref()
            .filter(|last| content.is_none() && (last.objects, last.unmanaged) == counts)
            .map(|last| last.at.clone());
        let at = unmoved.or(content).unwrap_or_else(|| timestamp_in(Duration::ZERO));
        status.last_snapshot = Some(LastSnapshot { objects: counts.0, unmanaged: counts.1, at });
        status.credential_fingerprint.clone_from(&self.credential_fingerprint);
    }

    /// The view, and since when this process has known the content; `None` for the first content it saw.
    fn view_and_content(&self) -> Option<(AccountView<V>, Option<String>)> {
        let mut state = self.context.state();
        let view = state.views.get(self.key)?.clone();
        let remote = state.remotes.get_mut(&view.remote)?;
        let revision = remote.reflector.snapshot().revision();
        let moved = remote.content.as_ref().is_some_and(|(known, _)| *known != revision);
        if moved || remote.content.is_none() {
            let since = if moved { timestamp_in(Duration::ZERO) } else { String::new() };
            remote.content = Some((revision, since));
        }
        let since = remote.content.as_ref().map(|(_, since)| since.clone()).filter(|since| !since.is_empty());
        Some((view, since))
    }

    pub(super) fn status(&self, verdict: &Verdict, further: &[FurtherCondition]) -> AccountStatus {
        let before = &self.account.status;
        let generation = self.account.generation();
        let held = self.held_for().map(timestamp_in);
        AccountStatus {
            observed_generation: Some(generation),
            conditions: conditions(&before.conditions, verdict, further, generation, crate::clock::now()),
            last_snapshot: before.last_snapshot.clone(),
            // The moment is only written when it moved by more than a reading of two clocks can differ.
            rate_limit: held.map(|held_until| match &before.rate_limit {
                Some(known) if is_about(&known.held_until, &held_until) => known.clone(),
                _ => RateLimitStatus { held_until },
            }),
            credential_fingerprint: before.credential_fingerprint.clone(),
            last_handled_reconcile_at: if self.awaits_list {
                before.last_handled_reconcile_at.clone()
            } else {
                let echoed = before.last_handled_reconcile_at.as_deref();
                Requests::of(&*self.account).echo(self.asked(), echoed)
            },
        }
    }

    /// The forced pass that is asked for and not done.
    pub(super) fn asked(&self) -> Option<String> {
        let echoed = self.account.status.last_handled_reconcile_at.as_deref();
        self.context.answered(&self.account, |answered| answered.asked(&Requests::of(&*self.account), echoed))
    }

    fn look_again_after(&mut self, wait: Duration) {
        self.outcome.next = match self.outcome.next {
            Next::After(sooner) if sooner < wait => Next::After(sooner),
            _ => Next::After(wait),
        };
    }

    /// How long the vendor or the budget still holds the account back, while it does.
    fn held_for(&self) -> Option<Duration> {
        let state = self.context.state();
        let view = state.views.get(self.key).filter(|view| view.usable)?;
        let now = Instant::now();
        let until = V::http(view.reflector.source()).budget().lock().held_until(now)?;
        Some(until - now)
    }

    pub(super) async fn write(&mut self, verdict: &Verdict, status: AccountStatus) -> Result<(), WriteError> {
        if is_same(&self.account.status, &status) {
            return Ok(());
        }
        announce(&self.context.events, &self.account.reference(), &self.account.status.conditions, verdict);
        let written = apply_status(&self.context.client, &self.account, &status).await?;
        if !self.awaits_list {
            self.context.answered(&self.account, |answered| answered.by_now(Requests::of(&*self.account)));
        }
        self.context.state().accounts.fold(written.clone());
        self.account = Arc::new(written);
        Ok(())
    }
}

/// When the last good list counts as too old to call anything in sync (semantics, 7).
pub fn stale_at(health: &Health, interval: Duration) -> Instant {
    health.last_good.unwrap_or(health.started) + (interval * 3).max(Duration::from_mins(5))
}

fn listing_failed(key: &ObjectKey, error: &RemoteError) -> Verdict {
    let message = |what: &str| format!("account {key}: {error}{what}");
    match (error, error.status().map(|status| status.as_u16())) {
        (RemoteError::TooLarge(_), _) => Verdict::stalled(
            "ListTooLarge",
            message("; raise --list-size-limit, or use a key that sees fewer objects"),
        ),
        (RemoteError::NotPermitted(_), _) => {
            Verdict::stalled("InvalidSpec", message("; or name another token endpoint in the account"))
        }
        (RemoteError::BudgetSpent(_), _) | (_, Some(429)) => Verdict::retrying("RateLimited", message("")),
        (_, Some(401)) => Verdict::stalled(
            "AuthenticationFailed",
            message(
                "; correct the credential in the Secret, or authorizationScheme where the account has one",
            ),
        ),
        (_, Some(403)) => {
            Verdict::stalled("Forbidden", message("; the credential may not list: give it the permission"))
        }
        (RemoteError::Status { .. } | RemoteError::Token { .. }, Some(300..=499)) => {
            Verdict::stalled("ListRefused", message("; check spec.endpoint and what it names"))
        }
        _ => Verdict::retrying("RemoteUnavailable", message("; it is tried again")),
    }
}

fn snapshot_shrank<V: Vendor>(key: &ObjectKey, shrunk: &Shrunk) -> Verdict {
    let cause = if shrunk.credential_replaced { "since the credential was replaced" } else { "all at once" };
    let names: Vec<&str> =
        shrunk.missing.iter().chain(&shrunk.differing).take(5).map(Identity::as_str).collect();
    Verdict::stalled(
        "SnapshotShrank",
        format!(
            "account {key}: of {} {} {cause} ({}{}); nothing is written until that is made good. If it is right, accept it: kubectl \
             annotate -n {} {}/{} --overwrite {ACCEPT_SNAPSHOT_ANNOTATION}={}",
            counted(shrunk.recorded, "recorded object", "recorded objects"),
            losses(shrunk),
            names.join(", "),
            if shrunk.missing.len() + shrunk.differing.len() > names.len() { ", …" } else { "" },
            key.namespace,
            <V::Account as kube::Resource>::plural(&()),
            key.name,
            shrunk.hash
        ),
    )
}

/// `3 are missing and 1 differs`.
fn losses(shrunk: &Shrunk) -> String {
    let missing = (shrunk.missing.len(), "is missing", "are missing");
    let differing = (shrunk.differing.len(), "differs", "differ");
    let present = [missing, differing].into_iter().filter(|(number, ..)| *number > 0);
    present.map(|(number, one, several)| counted(number, one, several)).collect::<Vec<_>>().join(" and ")
}

fn counted(number: usize, one: &str, several: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { several })
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn is_about(known: &str, new: &str) -> bool {
    let (Ok(known), Ok(new)) = (known.parse::<Timestamp>(), new.parse::<Timestamp>()) else { return false };
    known.as_second().abs_diff(new.as_second()) <= 2
}

#[cfg(test)]
mod tests {
    use super::super::toy::Toy;
    use super::*;

    fn shrank(recorded: usize, missing: &[&str], differing: &[&str]) -> String {
        let identities = |names: &[&str]| names.iter().map(|name| Identity::from(*name)).collect();
        let shrunk = Shrunk {
            missing: identities(missing),
            differing: identities(differing),
            recorded,
            credential_replaced: !differing.is_empty(),
            hash: "0123".into(),
        };
        snapshot_shrank::<Toy>(&ObjectKey::new("iot", "default"), &shrunk).message
    }

    #[test]
    fn one_is_told_otherwise_than_several_and_none_not_at_all() {
        for (said, words) in [
            (shrank(4, &["a", "b", "c"], &[]), "of 4 recorded objects 3 are missing all at once (a, b, c);"),
            (shrank(1, &[], &["a"]), "of 1 recorded object 1 differs since the credential was replaced (a);"),
            (shrank(9, &["a"], &["b", "c"]), "of 9 recorded objects 1 is missing and 2 differ since the"),
        ] {
            assert!(said.contains(words), "{said}");
        }
    }

    #[test]
    fn the_command_that_accepts_a_loss_can_be_pasted() {
        let said = shrank(3, &["a", "b", "c"], &[]);
        let command = "kubectl annotate -n iot toyaccounts/default --overwrite connector-operator.io/accept-snapshot=0123";
        assert!(said.ends_with(command), "{said}");
    }
}
