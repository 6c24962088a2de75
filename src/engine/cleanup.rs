//! One pass over a connector that is being deleted. It ends with our finalizer gone, or with a status that says why not.
//!
//! A bad spec never blocks it. It deletes nothing that another connector holds, and nothing outside the scope that was recorded.

use super::identity::{object_renaming, open_claim, recorded};
use super::kubernetes::{MetadataPatch, WriteError};
use super::pass::Pass;
use super::plan::is_proven;
use super::queue::{Cause, Next};
use super::run::Key;
use super::state::AccountView;
use super::status::{Progress, Verdict};
use super::vendor::Vendor;
use crate::api::{AccountSpec, ConnectorSpec, DeletionPolicy, ManagementPolicy, ORPHAN_ANNOTATION};
use crate::remote::{Disposition, Identity, Refresh, RemoteError};
use std::time::Duration;
use tokio::time::Instant;

/// How often a delete is tried again that waits for something which may not wake it.
const SLOW_RETRY: Duration = Duration::from_mins(5);

/// Runs the pass.
pub async fn run<V: Vendor>(pass: &mut Pass<'_, V>) -> Result<(), WriteError> {
    if !pass.object.has_finalizer() {
        return Ok(());
    }
    if let Some(why) = leave_it(pass) {
        return release(pass, "Orphaned", format!("the object at the vendor was left as it is: {why}")).await;
    }
    let identities = what_to_delete(pass);
    let Some(identity) = identities.first().cloned() else {
        return release(pass, "Deleted", "nothing had been created at the vendor".into()).await;
    };
    if is_account_awaited(pass) {
        return Ok(());
    }
    let view = match account(pass) {
        Ok(view) => view,
        Err(verdict) => {
            pass.say(verdict).await?;
            pass.outcome.next = Next::After(SLOW_RETRY);
            return Ok(());
        }
    };
    if view.reflector.snapshot().lists() == 0 {
        // Nothing is known of the vendor yet; the first list wakes it.
        return Ok(());
    }
    if let Some(holder) = other_holder(pass, &view, &identity) {
        return release(pass, "Orphaned", format!("{identity} is managed by {holder}")).await;
    }
    let present = {
        let snapshot = view.reflector.snapshot();
        identities.iter().find(|identity| snapshot.get(identity.as_str()).is_some()).cloned()
    };
    match present {
        Some(present) => delete(pass, &view, &present).await,
        None => confirm_absence(pass, &view, &identities).await,
    }
}

/// Why the object at the vendor stays, if it does.
fn leave_it<V: Vendor>(pass: &Pass<'_, V>) -> Option<&'static str> {
    if pass.object.annotation(ORPHAN_ANNOTATION) == Some("true") {
        return Some("the annotation connector-operator.io/orphan asks for it");
    }
    let spec = pass.object.spec.as_ref().ok()?;
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

/// Every identity that may be ours: the recorded one and where a rename leads, or else the claimed one.
fn what_to_delete<V: Vendor>(pass: &Pass<'_, V>) -> Vec<Identity> {
    let recorded = recorded::<V>(&pass.object);
    let renaming = object_renaming::<V>(&pass.object);
    let claim_is_clean = pass.memory(|memory| memory.claim_is_clean);
    let claimed = open_claim(&*pass.object, &pass.context.key).filter(|_| !claim_is_clean);
    let claimed = claimed.map(|claim| Identity::from(claim.name.as_str()));
    recorded.into_iter().chain(renaming).chain(claimed).collect()
}

/// Whether the account is there and has had no pass since our start. It wakes its connectors then, so nothing is said meanwhile.
fn is_account_awaited<V: Vendor>(pass: &Pass<'_, V>) -> bool {
    let state = pass.context.state();
    let account = state.account_of(pass.key);
    account.is_some_and(|key| state.accounts.get(key).is_some() && !state.settled.contains(key))
}

/// The account, as far as a delete needs it: one that is gone or unreadable still has its last credential in memory.
fn account<V: Vendor>(pass: &Pass<'_, V>) -> Result<AccountView<V>, Verdict> {
    let state = pass.context.state();
    let key = state.account_of(pass.key).cloned();
    let blocked = |what: String| {
        Verdict::deletion_blocked(format!(
            "{}: {what}; to leave the object at the vendor: kubectl annotate -n {} {} {}/{} {ORPHAN_ANNOTATION}=true",
            pass.key.name,
            pass.key.namespace,
            "--overwrite",
            <V::Connector as kube::Resource>::plural(&()),
            pass.key.name,
        ))
    };
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
    if let Some(scope) = pass.object.status.scope.as_deref().filter(|scope| *scope != view.scope) {
        return Err(blocked(format!(
            "it was made at {scope}, but account {key} now goes to {}; put the account back",
            view.scope
        )));
    }
    let Some(remote) = state.remotes.get(&view.remote) else {
        return Err(blocked(format!("account {key} is not ready; its status says why")));
    };
    if remote.guard.shrunk().is_some() {
        return Err(blocked(format!(
            "account {key} does not believe the vendor's newest list (SnapshotShrank)"
        )));
    }
    if let Some(error) = remote.reflector.health().failing {
        return Err(blocked(format!("the vendor cannot be read: {error}")));
    }
    Ok(view.clone())
}

/// Another connector that holds the identity and comes first: then it is not ours to delete.
fn other_holder<V: Vendor>(pass: &Pass<'_, V>, view: &AccountView<V>, identity: &Identity) -> Option<String> {
    let state = pass.context.state();
    let winner = state.stakes.winner(&view.remote, identity)?;
    (winner.holds && winner.connector != *pass.key).then(|| "another connector".to_owned())
}

async fn delete<V: Vendor>(
    pass: &mut Pass<'_, V>,
    view: &AccountView<V>,
    identity: &Identity,
) -> Result<(), WriteError> {
    let client = view.reflector.source();
    let error = match V::delete(client, identity).await {
        Ok(()) => {
            tracing::info!(vendor = V::NAME, object = %pass.key, remote = %identity, "deleted");
            view.reflector.snapshot().fold(identity, None, Instant::now());
            view.reflector.request(Refresh::Written);
            return release(pass, "Deleted", format!("{identity} was deleted at the vendor")).await;
        }
        Err(error) => error,
    };
    let status = error.status().map(|status| status.as_u16());
    if error.may_have_applied() || status == Some(404) {
        view.reflector.request(Refresh::Doubt);
        pass.outcome.after_list(view);
    }
    let cause = if status == Some(403) { V::why_not_deleted(client, identity).await } else { None };
    let why = cause.unwrap_or_else(|| error.to_string());
    pass.say(Verdict::deletion_blocked(format!("{}: {identity} cannot be deleted: {why}", pass.key.name)))
        .await?;
    retry_later(pass, &error);
    Ok(())
}

fn retry_later<V: Vendor>(pass: &mut Pass<'_, V>, error: &RemoteError) {
    pass.outcome.next = match error.disposition() {
        Disposition::RetryAfter(wait) => {
            pass.outcome.hold = Some(Instant::now() + wait.min(Duration::from_mins(30)));
            Next::After(wait.min(Duration::from_mins(30)))
        }
        _ => Next::BackOff,
    };
}

/// It is not in the list: over once that is proven (semantics, 2).
async fn confirm_absence<V: Vendor>(
    pass: &mut Pass<'_, V>,
    view: &AccountView<V>,
    identities: &[Identity],
) -> Result<(), WriteError> {
    let doubt = pass.memory(|memory| memory.last_doubt);
    let started = pass.context.started();
    let settle =
        V::http(view.reflector.source()).request_timeout() + pass.context.settings.consistency_allowance;
    let from = doubt.map_or(started, |doubt| doubt.max(started)) + settle;
    let proven = {
        let snapshot = view.reflector.snapshot();
        identities.iter().all(|identity| is_proven(snapshot.absence(identity.as_str()), from))
    };
    if proven {
        return release(pass, "Deleted", format!("{} is gone at the vendor", identities[0])).await;
    }
    view.reflector.request(Refresh::NotBefore(from));
    pass.outcome.after_list(view);
    let message = format!(
        "{}: {} is not in the vendor's list; a later list has to confirm that",
        pass.key.name, identities[0]
    );
    pass.say(Verdict::progressing(message)).await
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
