//! One pass over a connector that is being deleted. It ends with our finalizer gone, or with a status that says why not.
//!
//! A bad spec never blocks it. It deletes nothing that another connector holds, and nothing outside the scope that was recorded.

use super::act::fold;
use super::claims::Claim;
use super::identity::elsewhere;
use super::kubernetes::{MetadataPatch, WriteError};
use super::lists::{Belief, belief};
use super::object::Object;
use super::own::{Own, Rename};
use super::pass::Pass;
use super::queue::{Cause, Next};
use super::report::rename_doubted;
use super::run::Key;
use super::state::AccountView;
use super::status::{Progress, Verdict};
use super::vendor::{Deletion, Phase, Vendor};
use crate::api::{AccountSpec, ConnectorSpec, DeletionPolicy, ManagementPolicy, ORPHAN_ANNOTATION};
use crate::remote::{Disposition, Entry, Identity, Refresh, RemoteItem};
use std::time::Duration;

/// How often a delete is tried again that waits for something which may not wake it.
const SLOW_RETRY: Duration = Duration::from_mins(5);

/// Runs the pass.
pub async fn run<V: Vendor>(pass: &mut Pass<'_, V>) -> Result<(), WriteError> {
    if !pass.object.has_finalizer() {
        return Ok(());
    }
    let claim = pass.claim();
    let mut own = Own::of::<V>(&pass.object, claim.as_ref());
    if ends_without_vendor(pass, &own).await? {
        return Ok(());
    }
    if is_account_awaited(pass) {
        return Ok(());
    }
    let view = match account(pass, claim.as_ref()) {
        Ok(view) => view,
        Err(verdict) => {
            pass.say(verdict).await?;
            pass.outcome.next = Next::After(SLOW_RETRY);
            return Ok(());
        }
    };
    if let Some(error) = view.reflector.health().failing {
        // The next list that can be read wakes it.
        pass.outcome.after_list(&view);
        pass.outcome.next = Next::After(SLOW_RETRY);
        return pass.say(blocked(pass, &format!("the vendor cannot be read: {error}"))).await;
    }
    if view.reflector.snapshot().lists() == 0 {
        // Nothing is known of the vendor yet; the first list wakes it.
        return Ok(());
    }
    delete_own(pass, &view, &mut own).await
}

/// What can be done of it while the account is held: only what needs no call. Else it is said `why` the delete waits, and the way out.
pub(super) async fn while_held<V: Vendor>(pass: &mut Pass<'_, V>, why: &str) -> Result<(), WriteError> {
    let own = Own::of::<V>(&pass.object, pass.claim().as_ref());
    if ends_without_vendor(pass, &own).await? {
        return Ok(());
    }
    pass.say(blocked(pass, why)).await
}

/// Ends the delete where the vendor has no part in it. Returns whether it did.
async fn ends_without_vendor<V: Vendor>(pass: &mut Pass<'_, V>, own: &Own) -> Result<bool, WriteError> {
    if let Some(why) = leave_it::<V>(&pass.object) {
        release(pass, "Orphaned", format!("the object at the vendor was left as it is: {why}")).await?;
        return Ok(true);
    }
    if own.is_nothing() {
        release(pass, "Deleted", "nothing had been created at the vendor".into()).await?;
        return Ok(true);
    }
    Ok(false)
}

/// Deletes what it has, if that is certain and nobody else's.
async fn delete_own<V: Vendor>(
    pass: &mut Pass<'_, V>,
    view: &AccountView<V>,
    own: &mut Own,
) -> Result<(), WriteError> {
    if yields_claim(pass, view, own) {
        return release(pass, "Orphaned", "what it had claimed is another connector's".into()).await;
    }
    match rename(pass, view, own) {
        Some(Rename::Failed(_)) => {
            pass.drop_rename().await?;
            own.renaming_to = None;
        }
        Some(Rename::Doubted(to)) => return await_rename(pass, view, &to).await,
        None => {}
    }
    let found = {
        let snapshot = view.reflector.snapshot();
        own.find::<V>(&snapshot).and_then(|identity| snapshot.get(identity.as_str()).cloned())
    };
    let Some(entry) = found else { return confirm_absence(pass, view, own).await };
    let identity = entry.item.identity();
    if is_anothers(pass, view, &identity) {
        return release(pass, "Orphaned", format!("{identity} is managed by another connector")).await;
    }
    if entry.copies > 1 {
        let why = format!(
            "the vendor has {} named {identity}, and which of them is its own cannot be told; leave one of them there",
            entry.copies
        );
        return pass.say(blocked(pass, &why)).await;
    }
    match V::phase(&entry.item) {
        Phase::Gone => release(pass, "Deleted", format!("{identity} is gone at the vendor")).await,
        Phase::Leaving => await_vendor(pass, view, &entry).await,
        Phase::Settled | Phase::Arriving => delete(pass, view, &entry).await,
    }
}

/// Why the object at the vendor stays, if it does.
pub(super) fn leave_it<V: Vendor>(object: &Object<V::Connector>) -> Option<&'static str> {
    if object.annotation(ORPHAN_ANNOTATION) == Some("true") {
        return Some("the annotation connector-operator.io/orphan asks for it");
    }
    let spec = object.spec.as_ref().ok()?;
    match spec.management_policy() {
        ManagementPolicy::Observe => return Some("managementPolicy is Observe"),
        ManagementPolicy::Plan => return Some("managementPolicy is Plan"),
        ManagementPolicy::Manage => {}
    }
    if spec.suspend() {
        return Some("spec.suspend is set");
    }
    (spec.deletion_policy() == DeletionPolicy::Orphan).then_some("deletionPolicy is Orphan")
}

/// Whether the account is there and has had no pass since our start. It wakes its connectors then, so nothing is said meanwhile.
fn is_account_awaited<V: Vendor>(pass: &Pass<'_, V>) -> bool {
    let state = pass.context.state();
    let account = state.account_of(pass.key);
    account.is_some_and(|key| state.accounts.get(key).is_some() && !state.settled.contains(key))
}

/// The account, as far as a delete needs it: one that is gone or unreadable still has its last credential in memory.
fn account<V: Vendor>(pass: &Pass<'_, V>, claim: Option<&Claim>) -> Result<AccountView<V>, Verdict> {
    let mut state = pass.context.state();
    let key = state.account_of(pass.key).cloned();
    let blocked = |what: String| blocked(pass, &what);
    let Some(key) = key else { return Err(blocked("its account is not known".into())) };
    let account = state.accounts.get(&key);
    let suspended = account.and_then(|account| account.spec.as_ref().ok()).is_some_and(AccountSpec::suspend);
    if suspended {
        let verdict = blocked(format!("account {key} is suspended, so nothing can be deleted"));
        return Err(Verdict { progress: Progress::Reconciling("AccountSuspended"), ..verdict });
    }
    let Some(view) = state.views.get(&key) else {
        return Err(blocked(match account {
            None => format!("account {key} does not exist; create it again"),
            Some(_) => format!("account {key} is not ready; its status says why"),
        }));
    };
    if let Some(elsewhere) = elsewhere::<V>(&pass.object, claim, &view.scope) {
        return Err(blocked(format!(
            "{elsewhere}, but account {key} now goes to {}; put the account back",
            view.scope
        )));
    }
    if !state.remotes.contains_key(&view.remote) {
        return Err(blocked(format!("account {key} is not ready; its status says why")));
    }
    let view = view.clone();
    if belief(&mut state, &view, &view.reflector.snapshot()) != Belief::Believed {
        return Err(blocked(format!(
            "account {key} does not believe the vendor's newest list (SnapshotShrank)"
        )));
    }
    Ok(view)
}

/// Why it does not get through, and the way out.
fn blocked<V: Vendor>(pass: &Pass<'_, V>, what: &str) -> Verdict {
    Verdict::deletion_blocked(format!(
        "{}: {what}; to leave the object at the vendor: kubectl annotate -n {} --overwrite {}/{} {ORPHAN_ANNOTATION}=true",
        pass.key.name,
        pass.key.namespace,
        <V::Connector as kube::Resource>::plural(&()),
        pass.key.name,
    ))
}

/// Whether another connector holds the identity and comes first: then it is not ours to delete.
fn is_anothers<V: Vendor>(pass: &Pass<'_, V>, view: &AccountView<V>, identity: &Identity) -> bool {
    let state = pass.context.state();
    state.stakes.holder(&view.realm, identity).is_some_and(|holder| holder.connector != *pass.key)
}

fn yields_claim<V: Vendor>(pass: &Pass<'_, V>, view: &AccountView<V>, own: &mut Own) -> bool {
    let state = pass.context.state();
    own.yield_claim::<V>(pass.key, &view.realm, &state.stakes, &view.reflector.snapshot())
}

fn rename<V: Vendor>(pass: &Pass<'_, V>, view: &AccountView<V>, own: &Own) -> Option<Rename> {
    let from = pass.absence_from(view);
    own.rename(&view.reflector.snapshot(), from)
}

/// Under which name its object will be is not known yet. If it were deleted and the answer lost, nobody could tell whose an object of the new name is.
async fn await_rename<V: Vendor>(
    pass: &mut Pass<'_, V>,
    view: &AccountView<V>,
    to: &Identity,
) -> Result<(), WriteError> {
    let from = pass.absence_from(view);
    let message = rename_doubted(&pass.key.name, to);
    pass.await_list(view, from, message).await
}

async fn delete<V: Vendor>(
    pass: &mut Pass<'_, V>,
    view: &AccountView<V>,
    entry: &Entry<V::Item>,
) -> Result<(), WriteError> {
    let client = view.reflector.source();
    let identity = &entry.item.identity();
    let error = match V::delete(client, entry).await {
        Ok(Deletion::Done) => {
            tracing::info!(vendor = V::NAME, object = %pass.key, remote = %identity, "deleted");
            fold(pass, view, identity, None);
            view.reflector.request(Refresh::Written);
            pass.remember_deleted(view, identity);
            return release(pass, "Deleted", format!("{identity} was deleted at the vendor")).await;
        }
        Ok(Deletion::Accepted(item)) => {
            tracing::info!(vendor = V::NAME, object = %pass.key, remote = %identity, "the delete was accepted");
            fold(pass, view, identity, Some(item));
            view.reflector.request(Refresh::Written);
            let left = view.reflector.snapshot().get(identity.as_str()).cloned();
            return await_vendor(pass, view, left.as_ref().unwrap_or(entry)).await;
        }
        Err(error) => error,
    };
    let status = error.status().map(|status| status.as_u16());
    if error.may_have_applied() || status == Some(404) {
        view.reflector.request(Refresh::Doubt);
        pass.outcome.after_list(view);
    }
    let cause = if status == Some(403) { V::why_not_deleted(client, identity).await } else { None };
    let why = cause.unwrap_or_else(|| error.without_reference().to_string());
    let next = match error.disposition() {
        Disposition::RetryAfter(wait) => pass.outcome.hold_for(wait),
        _ => Next::BackOff,
    };
    pass.say(Verdict::deletion_blocked(format!("{}: {identity} cannot be deleted: {why}", pass.key.name)))
        .await?;
    pass.outcome.next = next;
    Ok(())
}

/// The vendor is taking it away: its list says when that is over.
async fn await_vendor<V: Vendor>(
    pass: &mut Pass<'_, V>,
    view: &AccountView<V>,
    entry: &Entry<V::Item>,
) -> Result<(), WriteError> {
    pass.outcome.after_list(view);
    let message = format!("{}: {}", pass.key.name, V::describe_phase(&entry.item));
    pass.say(Verdict::progressing(message)).await
}

/// It is not in the list: over once that is proven (semantics, 2).
async fn confirm_absence<V: Vendor>(
    pass: &mut Pass<'_, V>,
    view: &AccountView<V>,
    own: &Own,
) -> Result<(), WriteError> {
    let from = pass.absence_from(view);
    let is_gone = own.is_gone(&view.reflector.snapshot(), from);
    let label = match (&own.recorded, &pass.object.spec) {
        (Some(recorded), _) => recorded.to_string(),
        (None, Ok(spec)) => V::label(spec, &pass.key.name),
        (None, Err(_)) => "what it claimed".into(),
    };
    if is_gone {
        return release(pass, "Deleted", format!("{label} is gone at the vendor")).await;
    }
    let message =
        format!("{}: {label} is not in the vendor's list; a later list has to confirm that", pass.key.name);
    pass.await_list(view, from, message).await
}

/// Takes our finalizer off: Kubernetes may now finish the delete.
async fn release<V: Vendor>(
    pass: &mut Pass<'_, V>,
    reason: &'static str,
    note: String,
) -> Result<(), WriteError> {
    pass.patch(&MetadataPatch { finalizer: Some(false), claim: None }).await?;
    pass.tell(reason, note);
    let account = pass.context.state().account_of(pass.key).cloned();
    if let Some(account) = account {
        let is_waiting = {
            let state = pass.context.state();
            state.accounts.get(&account).is_none_or(|account| account.is_deleted())
        };
        if is_waiting {
            pass.outcome.wake.push((Key::Account(account), Cause::Dependency));
        }
    }
    Ok(())
}
