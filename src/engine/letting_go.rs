//! What a connector stops calling its own: an object that is gone, and what leads to none. It leaves the connector before anything else is written to the
//! vendor, or it could come to mean another's object.

use super::identity::{only_shows, recorded};
use super::kubernetes::{MetadataPatch, WriteError};
use super::lists::{Belief, belief};
use super::pass::{Pass, Status, Work};
use super::plan::Stale;
use super::queue::Next;
use super::status::Verdict;
use super::vendor::{Vendor, WhenAbsent};
use std::time::Duration;

impl<V: Vendor> Pass<'_, V> {
    /// Takes out what leads to nothing of its own; nothing else of what the connector says changes by that.
    pub(super) async fn drop_stale(&mut self, stale: &Stale) -> Result<(), WriteError> {
        match stale {
            Stale::Claim => {
                // It has nothing else, so the finalizer has no work either.
                self.patch_unless_so(&MetadataPatch { finalizer: Some(false), claim: Some(None) }).await?;
            }
            Stale::Rename => self.drop_rename().await?,
        }
        self.outcome.next = Next::After(Duration::ZERO);
        Ok(())
    }

    /// A connector that does not manage holds nothing. Where another one has come to manage what it records, that is its own no more: else it would be
    /// again once it manages. Returns whether it was so.
    ///
    /// The claim that it was created under goes first. Without a record it would count again.
    pub(super) async fn yield_record(&mut self) -> Result<bool, WriteError> {
        if !self.record_is_anothers() {
            return Ok(false);
        }
        self.patch_unless_so(&MetadataPatch { finalizer: None, claim: Some(None) }).await?;
        let mut status = self.object.status.clone();
        (status.scope, status.renaming_to) = (None, None);
        status.secrets.clear();
        self.apply(status).await?;
        self.outcome.next = Next::After(Duration::ZERO);
        Ok(true)
    }

    fn record_is_anothers(&self) -> bool {
        let Some(recorded) = recorded::<V>(&self.object).filter(|_| only_shows::<V>(&self.object)) else {
            return false;
        };
        let mut state = self.context.state();
        let view = state.account_of(self.key).and_then(|account| state.views.get(account)).cloned();
        // At another place, or by another organisation's key, the same name is another object.
        let Some(view) = view.filter(|view| self.object.status.scope.as_deref() == Some(&*view.scope)) else {
            return false;
        };
        let is_believed = belief(&mut state, &view, &view.reflector.snapshot()) == Belief::Believed;
        is_believed && state.stakes.holder(&view.realm, &recorded).is_some()
    }

    /// Takes the rename that was announced out of the status: it was not applied.
    pub(super) async fn drop_rename(&mut self) -> Result<(), WriteError> {
        let status = Status::<V> { renaming_to: None, ..self.object.status.clone() };
        self.apply(status).await
    }

    /// The recorded object is gone for certain: its identity leaves the status before anything is created. Where nothing can be created, the same
    /// write says what is waited for.
    ///
    /// The claim that it was created under goes first. Without an identity it would count again, and take for ours what others have made under
    /// that name since.
    pub(super) async fn forget_identity(&mut self, work: &Work<'_, V>) -> Result<(), WriteError> {
        let (verdict, next) = match V::when_absent(&work.account.view.spec, work.spec) {
            WhenAbsent::Create => {
                let message = format!(
                    "{}: its object is gone at the vendor, or is another connector's now; it is created again",
                    self.key.name
                );
                (Verdict::progressing(message), Next::After(Duration::ZERO))
            }
            WhenAbsent::WaitFor { reason, message, deadline } => {
                self.awaits_registration(reason, message, deadline)
            }
        };
        self.patch_unless_so(&MetadataPatch { finalizer: None, claim: Some(None) }).await?;
        self.write(verdict, &[], |status| {
            status.remote = None;
            status.scope = None;
            status.renaming_to = None;
            status.secrets.clear();
        })
        .await?;
        self.outcome.next = next;
        Ok(())
    }
}
