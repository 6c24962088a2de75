//! Accounts that share a remote: whoever comes to it or leaves it changes how fast it is read for those that use it.

use super::context::EngineSettings;
use super::object::ObjectKey;
use super::state::{AccountView, Remote, State};
use super::vendor::Vendor;
use crate::api::AccountSpec;
use std::collections::BTreeMap;

/// The account is connected so from now on. Its remote knows of it already, and no other does any more.
pub fn connected<V: Vendor>(
    state: &mut State<V>,
    account: &ObjectKey,
    view: &AccountView<V>,
    settings: &EngineSettings,
) {
    release_remotes(&mut state.remotes, account, Some(&view.remote));
    let before = state.views.insert(account.clone(), view.clone());
    if let Some(left) = before.map(|before| before.remote).filter(|left| *left != view.remote) {
        apply_settings(state, &left, settings);
    }
    apply_settings(state, &view.remote, settings);
}

/// Lets connectors use the account for nothing but their deletes. Returns whether it was usable before.
pub fn withdraw<V: Vendor>(state: &mut State<V>, account: &ObjectKey, settings: &EngineSettings) -> bool {
    let Some(view) = state.views.get_mut(account) else { return false };
    let was_usable = std::mem::replace(&mut view.usable, false);
    let remote = view.remote.clone();
    if was_usable {
        apply_settings(state, &remote, settings);
    }
    was_usable
}

/// Takes the account off every remote but `keep`; a remote that nobody uses ends.
pub fn release_remotes<V: Vendor>(
    remotes: &mut BTreeMap<String, Remote<V>>,
    account: &ObjectKey,
    keep: Option<&str>,
) {
    remotes.retain(|name, remote| {
        if keep != Some(name) {
            remote.accounts.remove(account);
            remote.forced.remove(account);
        }
        if remote.accounts.is_empty() {
            remote.task.abort();
        }
        !remote.accounts.is_empty()
    });
}

/// Of those that use a remote, the shortest interval, the smallest rate and the longest timeout count (semantics, 4.1).
fn apply_settings<V: Vendor>(state: &State<V>, remote: &str, settings: &EngineSettings) {
    let Some(reflector) = state.remotes.get(remote).map(|remote| &remote.reflector) else { return };
    let sharing = || state.views.values().filter(|view| view.remote == remote && view.usable);
    let interval =
        sharing().map(|view| view.spec.resync_interval().unwrap_or(settings.resync_interval)).min();
    let timeout = sharing().map(|view| view.spec.request_timeout().unwrap_or(settings.request_timeout)).max();
    let per_minute = sharing().map(|view| view.spec.requests_per_minute()).min();
    let http = V::http(reflector.source());
    if let Some(interval) = interval {
        reflector.set_interval(interval);
    }
    if let Some(timeout) = timeout {
        http.set_request_timeout(timeout);
    }
    if let Some(per_minute) = per_minute {
        http.budget().lock().set_per_minute(per_minute);
    }
}
