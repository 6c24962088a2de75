//! What the vendor refuses: whether that is believed, for how long, and what is said of it. It never sends anything.

use super::kubernetes::WriteError;
use super::memory::Refusal;
use super::pass::{LOOK_AGAIN, Pass, Work};
use super::queue::Next;
use super::status::Verdict;
use super::vendor::Vendor;
use crate::remote::{Disposition, Refresh, RemoteError};
use tokio::time::Instant;

/// A refusal that may be about what somebody else has: a fresh list tells, before it is believed. Returns whether it is such a one.
pub(super) fn doubt_refusal<V: Vendor>(
    pass: &mut Pass<'_, V>,
    work: &Work<'_, V>,
    what: &str,
    error: &RemoteError,
) -> bool {
    let refused = matches!(error.status().map(|status| status.as_u16()), Some(400 | 409 | 422));
    if !refused || error.disposition() != Disposition::WaitForChange {
        return false;
    }
    let verdict = refusal::<V>(&pass.key.name, what, error);
    let refusal = Refusal { at: Instant::now(), remote: work.account.view.remote.clone(), verdict };
    pass.memory(|memory| memory.refused = Some(refusal));
    work.account.view.reflector.request(Refresh::Doubt);
    pass.outcome.after_list(&work.account.view);
    true
}

/// For how long a refusal is believed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Believed {
    /// What is sent next may be something else: it is said, and then sent.
    Once,
    /// The same would be sent: that waits until it is looked at again, whatever wakes it before.
    UntilLookedAtAgain,
}

/// Says an earlier refusal once a list has come that was sent after it, and plans the same again. Returns whether there is one.
pub(super) async fn believe_refusal<V: Vendor>(
    pass: &mut Pass<'_, V>,
    work: &Work<'_, V>,
    believed: Believed,
) -> Result<bool, WriteError> {
    let view = &work.account.view;
    let refusal = pass.memory(|memory| memory.refused.take()).filter(|refusal| refusal.remote == view.remote);
    let Some(refusal) = refusal else { return Ok(false) };
    let last_sent = view.reflector.snapshot().last_sent();
    if last_sent.is_none_or(|sent| sent < refusal.at) {
        pass.memory(|memory| memory.refused = Some(refusal));
        pass.outcome.after_list(view);
        return Ok(true);
    }
    let look_again = LOOK_AGAIN.mul_f64(0.9).saturating_sub(refusal.at.elapsed());
    if believed == Believed::UntilLookedAtAgain && look_again.is_zero() {
        return Ok(false);
    }
    pass.say_of_own(work, refusal.verdict.clone(), Vec::new()).await?;
    if believed == Believed::UntilLookedAtAgain {
        pass.outcome.next = Next::After(look_again);
        pass.memory(|memory| memory.refused = Some(refusal));
    }
    Ok(true)
}

/// Whether the refusal may stand for long: until the spec or the account is corrected.
pub(super) fn waits_for_a_person(error: &RemoteError) -> bool {
    matches!(error.disposition(), Disposition::WaitForChange | Disposition::Misconfigured)
}

pub(super) fn refusal<V: Vendor>(name: &str, what: &str, error: &RemoteError) -> Verdict {
    let message = |advice: &str| format!("{name}: {what} failed: {error}{advice}");
    match (error.disposition(), error.status().map(|status| status.as_u16())) {
        (Disposition::RetryAfter(_), _) => {
            Verdict::retrying("RateLimited", message("; it is tried again when the vendor allows"))
        }
        (_, Some(401)) => {
            Verdict::stalled("AuthenticationFailed", message("; correct the credential of the account"))
        }
        (Disposition::Misconfigured, _) if matches!(error, RemoteError::NotPermitted(_)) => {
            Verdict::stalled("InvalidSpec", message("; correct the account, or allow it"))
        }
        (Disposition::Misconfigured, _) => {
            Verdict::stalled("Forbidden", message("; give the account's credential the permission"))
        }
        (_, Some(404)) => {
            Verdict::retrying("RemoteUnavailable", message("; the vendor's list is read again"))
        }
        (Disposition::WaitForChange, Some(status)) => {
            Verdict::stalled(V::refusal(status), message("; correct the spec"))
        }
        (Disposition::WaitForChange, None) => Verdict::stalled("InvalidSpec", message("; correct the spec")),
        (Disposition::Retry, _) => Verdict::retrying("RemoteUnavailable", message("; it is tried again")),
    }
}
