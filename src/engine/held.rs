//! What a connector is told while its account is held, which is no time for a pass: that it waits, where its status says nothing of its present spec.
//! A delete that needs no call does not wait.
//!
//! It never calls the vendor, and it never speaks of a connector whose status is up to date: a hold costs what is in sync nothing.

use super::cleanup::{leave_it, while_held};
use super::context::Context;
use super::kubernetes::WriteError;
use super::object::{Object, ObjectKey};
use super::outcome::Outcome;
use super::pass::Pass;
use super::queue::{Cause, Next};
use super::run::{Controller, Key};
use super::status::Verdict;
use super::vendor::Vendor;
use crate::api::ConnectorSpec;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A hold that is over sooner is not worth a word.
const WORTH_A_WORD: Duration = Duration::from_secs(10);

/// Tells one connector.
pub(super) async fn tell<V: Vendor>(context: &Arc<Context<V>>, key: &ObjectKey) -> Outcome {
    let object = context.state().connectors.get(key).cloned().filter(|object| is_waiting::<V>(object));
    let Some(object) = object else { return Outcome::wait() };
    let Some(account) = context.state().account_of(key).cloned() else { return Outcome::wait() };
    let why = format!(
        "account {account} is held by its rate limit, until the time that its status gives; nothing is sent before"
    );
    let mut pass = Pass { context, key, object, is_notice: true, outcome: Outcome::wait() };
    let told = if pass.object.is_deleted() {
        while_held(&mut pass, &why).await
    } else {
        pass.say(Verdict::dependency("Unknown", "RateLimited", format!("{}: {why}", key.name))).await
    };
    match told {
        Ok(()) | Err(WriteError::Gone) => {}
        Err(ref failure @ (WriteError::Conflict | WriteError::Failed(_))) => {
            if let WriteError::Failed(why) = failure {
                tracing::warn!(kind = %V::NAME, object = %key, "the object could not be written to: {why}");
            }
            // The pass that comes after the hold says what there is to say then, but who may go shall not have to wait for it.
            if leave_it::<V>(&pass.object).is_some() {
                pass.outcome.next = Next::BackOff;
            }
        }
    }
    pass.outcome
}

/// Whether nothing was said of its present spec yet, or of its delete, which is a new generation, too; or whether it may go at once. Who is suspended
/// waits for nothing.
fn is_waiting<V: Vendor>(object: &Object<V::Connector>) -> bool {
    let is_untold = object.status.observed_generation != Some(object.generation());
    if object.is_deleted() {
        return object.has_finalizer() && (is_untold || leave_it::<V>(object).is_some());
    }
    let is_suspended = object.spec.as_ref().is_ok_and(ConnectorSpec::suspend);
    !is_suspended && is_untold
}

impl<V: Vendor> Controller<V> {
    /// A connector was changed: where its account is held for long, it is told.
    pub(super) fn tell_if_held(&mut self, key: &ObjectKey) {
        let account = self.context.state().account_of(key).cloned();
        let Some(until) = self.queue.held_until(&account) else { return };
        let is_running = self.queue.is_running(&Key::Connector(key.clone()));
        let waits = self.context.state().connectors.get(key).is_some_and(|object| is_waiting::<V>(object));
        if waits && !is_running && until > Instant::now() + WORTH_A_WORD {
            self.wake(&Key::Held(key.clone()), Cause::Changed);
        }
    }

    /// An account is held from now on.
    pub(super) fn tell_all_held(&mut self, account: &ObjectKey) {
        let users: Vec<ObjectKey> = self.context.state().users(account).cloned().collect();
        for user in users {
            self.tell_if_held(&user);
        }
    }
}
