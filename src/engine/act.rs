//! The two writes to a vendor that a living connector can cause: create and update. What was done, and what may have been done, goes into the snapshot and
//! the memory before anything else.

use super::claims::Claim;
use super::kubernetes::{MetadataPatch, WriteError};
use super::own::{Own, Rename};
use super::pass::{LOOK_AGAIN, Pass, Work};
use super::plan::{Bond, Update};
use super::queue::{Cause, Next};
use super::refusal::{Believed, believe_refusal, doubt_refusal, refusal, waits_for_a_person};
use super::report::{describe, fields, secrets_status};
use super::run::Key;
use super::state::AccountView;
use super::status::Verdict;
use super::vendor::{Change, Desired, Phase, SecretState, Updated, Vendor, Withheld};
use crate::remote::{Disposition, Entry, Identity, Refresh, RemoteError, RemoteItem};
use http::StatusCode;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A pass that writes.
pub struct Attempt<'p, 'a, 'w, V: Vendor> {
    /// The pass.
    pub pass: &'p mut Pass<'a, V>,
    /// What it works with.
    pub work: &'p Work<'w, V>,
}

impl<V: Vendor> Attempt<'_, '_, '_, V> {
    /// Creates the object: claim first, then the request, then the status.
    pub async fn create(self) -> Result<(), WriteError> {
        let Self { pass, work } = self;
        let label = V::label(work.spec, &pass.key.name);
        let view = &work.account.view;
        if believe_refusal(pass, work, Believed::UntilLookedAtAgain).await? {
            return Ok(());
        }
        let claim = V::claim(work.spec, &pass.key.name);
        let claim = Claim::new(&pass.context.key, pass.object.uid(), &view.scope, &claim).annotation();
        if !pass.finalize_with(work.spec, true, Some(claim)).await? {
            return Ok(());
        }
        // From here until a certain refusal, something may have been created under the claim.
        let doubt_before = pass.memory(|memory| {
            memory.claim_is_clean = false;
            memory.last_doubt.replace(Instant::now())
        });
        pass.index();
        let nothing = Withheld::new();
        let desired = work.desired(&pass.key.name, &nothing);
        let result = V::create(view.reflector.source(), &desired).await;
        match result.and_then(|item| meant::<V>(&desired, None, item)) {
            Ok(item) => {
                tracing::info!(vendor = V::NAME, object = %pass.key, remote = %item.identity(), "created");
                pass.tell("Created", format!("{label} was created at the vendor"));
                let entry = keep(pass, work, &item.identity(), item, &declared_secrets(work));
                confirm(pass, work, &entry, None, &nothing).await
            }
            Err(error) => {
                if error.may_have_applied() {
                    pass.doubt_from_now();
                } else {
                    // Nothing came of an earlier create either, or there were no plan to create.
                    pass.memory(|memory| (memory.claim_is_clean, memory.last_doubt) = (true, doubt_before));
                    pass.index();
                    if waits_for_a_person(&error) {
                        pass.withdraw_claim().await?;
                    }
                }
                if doubt_refusal(pass, work, "create", &error) {
                    return Ok(());
                }
                failed(pass, work, "create", &error).await
            }
        }
    }

    /// Changes the object.
    pub async fn update(self, update: Update) -> Result<(), WriteError> {
        let Self { pass, work } = self;
        let Update { permit: _, identity, bond, changes, rename_to, withheld } = update;
        let view = &work.account.view;
        // Others may have what it asks for: as with a create, a fresh list tells before a refusal is believed.
        let contends = !V::exclusive(work.spec).is_empty();
        if contends && believe_refusal(pass, work, Believed::Once).await? {
            return Ok(());
        }
        if !pass.finalize(work.spec, true).await? {
            return Ok(());
        }
        if bond == Bond::Claimed && (contends || rename_to.is_some()) {
            // Once it is changed, the claim on it leads to it no longer: its identity is recorded first.
            let Some(entry) = pass.entry(work, &identity) else { return Ok(()) };
            let message = format!("{}: {identity} was created and is to be changed", pass.key.name);
            pass.say_existing(work, &entry, false, Verdict::progressing(message)).await?;
            pass.outcome.next = Next::After(Duration::ZERO);
            return Ok(());
        }
        let is_first_try = match rename_to.as_ref().filter(|_| bond == Bond::Recorded) {
            // One that has certainly come to nothing is none: what is refused now leads nowhere.
            Some(new) => pass.announce_rename(new).await? || pass.rename_has_failed(view),
            None => false,
        };
        let Some(entry) = pass.entry(work, &identity) else { return Ok(()) };
        if rename_to.is_some() {
            pass.doubt_from_now();
        }
        let desired = work.desired(&pass.key.name, &withheld);
        let result = V::update(view.reflector.source(), &entry, &desired, &changes).await;
        let result = result.and_then(|updated| match updated {
            Updated::Written(item) => meant::<V>(&desired, Some(&identity), item).map(Updated::Written),
            Updated::Found(item) => meant::<V>(&desired, Some(&identity), item).map(Updated::Found),
        });
        match result {
            Ok(Updated::Found(item)) => {
                // The next pass plans on what was found.
                fold(pass, view, &identity, Some(item));
                pass.outcome.next = Next::After(Duration::ZERO);
                Ok(())
            }
            Ok(Updated::Written(item)) => {
                let is_drift = pass.explain(work, &identity, bond, &changes);
                tracing::info!(vendor = V::NAME, object = %pass.key, remote = %identity, drift = is_drift, "updated: {}", describe(&changes));
                let after = item.identity();
                if after != identity {
                    fold(pass, view, &identity, None);
                }
                if V::sends_secrets(&changes) {
                    // The declared ones go together, whichever of them differed.
                    let sent = [changes, declared_secrets(work)].concat();
                    let entry = keep(pass, work, &after, item, &sent);
                    return confirm(pass, work, &entry, None, &withheld).await;
                }
                let before = V::secrets(&entry.item);
                let entry = keep(pass, work, &after, item, &changes);
                confirm(pass, work, &entry, Some(before), &withheld).await
            }
            Err(error) => {
                // A refusal says nothing of an earlier try whose answer was lost.
                if is_first_try && !error.may_have_applied() {
                    pass.withdraw_rename();
                }
                if rename_to.is_some() && error.may_have_applied() {
                    pass.doubt_from_now();
                }
                if contends && doubt_refusal(pass, work, "update", &error) {
                    return Ok(());
                }
                failed(pass, work, "update", &error).await
            }
        }
    }
}

impl<V: Vendor> Pass<'_, V> {
    /// A claim under which certainly nothing was created goes again: after a restart it would pass for ours what a stranger has
    /// made, or makes, under this name.
    async fn withdraw_claim(&mut self) -> Result<(), WriteError> {
        self.patch(&MetadataPatch { finalizer: Some(false), claim: Some(None) }).await
    }

    /// A create or a rename is about to be sent, or its answer was lost: since it may have waited for its turn, it can have been on its way
    /// until now.
    fn doubt_from_now(&self) {
        self.memory(|memory| memory.last_doubt = Some(Instant::now()));
    }

    /// Before a rename is sent, the status says where it leads, so that a crash in between is understood. Returns whether that is news.
    async fn announce_rename(&mut self, new: &Identity) -> Result<bool, WriteError> {
        if self.object.status.renaming_to.as_deref() == Some(new.as_str()) {
            return Ok(false);
        }
        let verdict = Verdict::progressing(format!("{}: it is renamed to {new}", self.key.name));
        self.write(verdict, &[], |status| status.renaming_to = Some(new.to_string())).await?;
        Ok(true)
    }

    fn rename_has_failed(&self, view: &AccountView<V>) -> bool {
        let from = self.absence_from(view);
        let rename = Own::of::<V>(&self.object, None).rename(&view.reflector.snapshot(), from);
        matches!(rename, Some(Rename::Failed(_)))
    }

    /// A rename that was refused leads nowhere; the next status says so.
    fn withdraw_rename(&mut self) {
        let mut object = (*self.object).clone();
        object.status.renaming_to = None;
        self.object = std::sync::Arc::new(object);
    }

    /// The event of an update; whether it put right what somebody else had changed.
    fn explain(&self, work: &Work<'_, V>, identity: &Identity, bond: Bond, changes: &[Change]) -> bool {
        let was_ready =
            self.object.status.conditions.iter().any(|c| c.type_ == "Ready" && c.status == "True");
        let same_spec = self.object.status.observed_generation == Some(self.object.generation());
        let rotated = work.secrets.declared.iter().any(|(field, declared)| {
            work.secrets.recorded.get(*field).and_then(|r| r.fingerprint.as_ref())
                != Some(&declared.fingerprint)
        });
        let is_drift = bond == Bond::Recorded && was_ready && same_spec && !rotated;
        if bond == Bond::Adopted {
            self.tell(
                "Adopted",
                format!("{identity} was there and is managed from now on; changed: {}", fields(changes)),
            );
        } else if is_drift {
            for change in changes {
                self.context.metrics.drift_corrected(V::NAME, change.field);
            }
            self.tell(
                "DriftCorrected",
                format!("{identity} had been changed at the vendor; put right: {}", describe(changes)),
            );
        } else {
            self.tell("Updated", format!("{identity} was changed: {}", describe(changes)));
        }
        is_drift
    }
}

fn declared_secrets<V: Vendor>(work: &Work<'_, V>) -> Vec<Change> {
    work.secrets.declared.values().map(|declared| Change::of_secret(declared.path)).collect()
}

/// The vendor's answer, if it is about the object that was meant.
fn meant<V: Vendor>(
    desired: &Desired<'_, V::ConnectorSpec>,
    of: Option<&Identity>,
    item: V::Item,
) -> Result<V::Item, RemoteError> {
    if V::is_meant(desired, of, &item) {
        return Ok(item);
    }
    Err(RemoteError::Malformed {
        status: StatusCode::OK,
        what: "another object than the one that was written".into(),
    })
}

/// Puts what a write left into the snapshot, and into those of other accounts that show the same objects, and wakes whoever waits for what it took
/// or gave, and who shows what it left.
pub(super) fn fold<V: Vendor>(
    pass: &mut Pass<'_, V>,
    view: &AccountView<V>,
    identity: &Identity,
    left: Option<V::Item>,
) {
    let (left, now) = (left.map(Arc::new), Instant::now());
    let mut moved = view.reflector.snapshot().fold(identity, left.clone(), now);
    for other in pass.context.state().others_of_realm(view) {
        moved.extend(other.snapshot().fold(identity, left.clone(), now));
        if left.as_ref().is_some_and(|item| item.in_flight()) {
            other.request(Refresh::Written);
        }
    }
    let moved_ids = moved.iter().copied().collect();
    let state = pass.context.state();
    let asking = state.wishes.interested(&moved, Some(pass.key)).into_iter();
    // No list will ever tell them: it finds what the snapshot holds by now.
    let showing = state.onlookers(&view.realm, &[identity].into(), &moved_ids).into_iter();
    drop(state);
    pass.outcome.wake.extend(asking.chain(showing).map(|key| (Key::Connector(key), Cause::Dependency)));
}

/// Folds what a write left into the snapshot, and remembers what was sent.
fn keep<V: Vendor>(
    pass: &mut Pass<'_, V>,
    work: &Work<'_, V>,
    identity: &Identity,
    item: V::Item,
    changes: &[Change],
) -> Entry<V::Item> {
    let reflector = &work.account.view.reflector;
    fold(pass, &work.account.view, identity, Some(item));
    let (entry, lists) = {
        let snapshot = reflector.snapshot();
        (snapshot.get(identity.as_str()).cloned(), snapshot.lists())
    };
    reflector.request(Refresh::Written);
    pass.memory(|memory| memory.convergence.wrote(changes, lists, Instant::now()));
    // `fold` has just put it there.
    entry.unwrap_or_else(|| unreachable!("the folded entry is in the snapshot"))
}

/// Holds the vendor's answer against the spec, and says what came of the write. `secrets_before` is what was told of the secrets before a
/// write that sent none.
async fn confirm<V: Vendor>(
    pass: &mut Pass<'_, V>,
    work: &Work<'_, V>,
    entry: &Entry<V::Item>,
    secrets_before: Option<BTreeMap<String, SecretState>>,
    withheld: &Withheld,
) -> Result<(), WriteError> {
    let seen = V::secrets(&entry.item);
    let secrets_sent = secrets_before.is_none();
    let facts = secrets_before.map(|before| work.secrets.after_another_write(&before, &seen));
    let work = &Work { secrets: facts.as_ref().unwrap_or(work.secrets), ..*work };
    let written = secrets_status(work.secrets, &seen, secrets_sent);
    pass.memory(|memory| memory.secrets_written.extend(written));
    let remaining = V::changes(work.spec, &pass.key.name, withheld, &entry.item);
    if V::phase(&entry.item) != Phase::Settled {
        return pass.await_vendor(work, entry, secrets_sent).await;
    }
    if remaining.is_empty() && withheld.is_empty() {
        return pass.say_in_sync(work, entry, secrets_sent).await;
    }
    if remaining.is_empty() {
        // The next pass says what is waited for.
        pass.outcome.next = Next::After(Duration::ZERO);
        return Ok(());
    }
    pass.memory(|memory| {
        let lists = work.account.view.reflector.snapshot().lists();
        memory.convergence.wrote(&remaining, lists, Instant::now());
    });
    let message = format!(
        "{}: it was written, but the vendor answered with something else ({}); the next list decides",
        pass.key.name,
        describe(&remaining)
    );
    pass.outcome.after_list(&work.account.view);
    pass.say_existing(work, entry, secrets_sent, Verdict::progressing(message)).await
}

/// Says what a failed call means, and arranges for what follows.
async fn failed<V: Vendor>(
    pass: &mut Pass<'_, V>,
    work: &Work<'_, V>,
    what: &str,
    error: &RemoteError,
) -> Result<(), WriteError> {
    let view = &work.account.view;
    let is_missed = error.status().is_some_and(|status| status.as_u16() == 404);
    if error.may_have_applied() || is_missed {
        view.reflector.request(Refresh::Doubt);
    }
    let is_refused = error.disposition() == Disposition::WaitForChange;
    let verdict = if is_refused {
        refusal::<V>(&pass.key.name, what, error)
    } else {
        refusal::<V>(&pass.key.name, what, &error.without_reference())
    };
    let next = match error.disposition() {
        Disposition::Retry => Next::BackOff,
        Disposition::RetryAfter(wait) => pass.outcome.hold_for(wait),
        // The list tells whether it is there; one that shows nothing new wakes nobody.
        _ if is_missed => Next::BackOff,
        Disposition::WaitForChange | Disposition::Misconfigured => Next::After(LOOK_AGAIN),
    };
    pass.say_of_own(work, verdict, Vec::new()).await?;
    pass.outcome.next = next;
    Ok(())
}
