//! Leader election: of several replicas one works, and it stops working before another one starts.
//!
//! The record is a `coordination.k8s.io/v1` Lease, written only with the `resourceVersion` that was read, so that of two writers one
//! fails. When it may be written is decided in [`election`]; this file only carries answers there and decisions back. It never
//! compares the time in the record with a clock: that time is for people.

mod election;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

use std::time::Duration;

use k8s_openapi::api::coordination::v1 as kubernetes;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{Api, ObjectMeta, PostParams};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::kubernetes_error;
use crate::clock;
use crate::settings::LeaderElection;
use crate::shutdown::Shutdown;
use election::{Decision, Election, Record};

/// How much longer than the retry period a pause may be, so that replicas do not try in step.
const JITTER: f64 = 0.2;

/// How often a lease that cannot be read is logged again while the reason stays the same.
const REPEAT_WARNING: Duration = Duration::from_mins(1);

/// The lease, which this process may come to hold.
#[derive(Debug)]
pub struct Lease {
    api: Api<kubernetes::Lease>,
    namespace: String,
    settings: LeaderElection,
    identity: String,
    election: Election,
    /// The object as it was last read or written: what the next write is based on.
    basis: Option<kubernetes::Lease>,
    random: fastrand::Rng,
    complaint: Option<(String, Instant)>,
}

/// The lease is held. Only while [`Held::lost`] is polled is it renewed.
#[derive(Debug)]
#[must_use = "a lease is kept by polling `lost`"]
pub struct Held {
    lease: Lease,
    gained_at: Instant,
    next_renewal: Instant,
}

/// Why the lease is no longer held. Whoever hears of it drops its work and ends the process.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// The record is no longer ours.
    #[error("the lease {lease} is {}", if .holder.is_empty() { "nobody's any more: somebody emptied it".to_owned() } else { format!("now held by {holder}") })]
    Taken {
        /// `namespace/name`.
        lease: String,
        /// Whose it is now; empty: nobody's.
        holder: String,
    },
    /// It could not be renewed in time, so another replica may take it any moment.
    #[error("the lease {lease} could not be renewed for {renew_deadline:?}: {reason}")]
    NotRenewed {
        /// `namespace/name`.
        lease: String,
        /// How long it was tried.
        renew_deadline: Duration,
        /// What the last try met.
        reason: String,
    },
}

/// Why one call led nowhere.
#[derive(Debug, thiserror::Error)]
enum CallError {
    /// Somebody else wrote first, or the object is gone: read again.
    #[error("somebody else wrote first")]
    Conflict,
    #[error("{}", kubernetes_error::describe(.0))]
    Kubernetes(#[source] kube::Error),
    #[error("the API server did not answer within {0:?}")]
    Timeout(Duration),
}

impl Lease {
    /// The lease `settings.name` in `namespace`. `identity` must be unique to this process (a pod's name is not: its container
    /// restarts); `seed` makes the jitter repeatable.
    pub fn new(
        client: kube::Client,
        namespace: &str,
        settings: LeaderElection,
        identity: String,
        seed: u64,
    ) -> Self {
        Self {
            api: Api::namespaced(client, namespace),
            namespace: namespace.to_owned(),
            election: Election::new(identity.clone(), settings.duration, settings.renew_deadline),
            identity,
            settings,
            basis: None,
            random: fastrand::Rng::with_seed(seed),
            complaint: None,
        }
    }

    /// Waits until the lease is ours; `None` when the shutdown came first. An API server that refuses or is away is tried again
    /// and logged.
    pub async fn acquire(mut self, shutdown: &Shutdown) -> Option<Held> {
        tokio::select! {
            biased;
            _ = shutdown.requested() => None,
            gained_at = self.win() => {
                tracing::info!(lease = self.full_name(), identity = self.identity, "leading");
                let next_renewal = gained_at + self.settings.retry_period;
                Some(Held { lease: self, gained_at, next_renewal })
            },
        }
    }

    /// Tries until it is ours, and returns since when.
    async fn win(&mut self) -> Instant {
        loop {
            if let Err(error) = self.try_to_lead().await {
                self.complain(&error);
            }
            let now = Instant::now();
            if self.election.leads_until().is_some_and(|until| now < until) {
                return now;
            }
            let pause = now + self.pause();
            let wake = match self.election.decide(now) {
                Decision::Wait { until } => pause.min(until),
                _ => pause,
            };
            sleep_until(wake).await;
        }
    }

    /// Reads the lease, and writes it where the rules allow.
    async fn try_to_lead(&mut self) -> Result<(), CallError> {
        let before = self.election.holder().to_owned();
        self.read().await?;
        match self.election.decide(Instant::now()) {
            Decision::Wait { .. } => {
                let holder = self.election.holder();
                if holder != before {
                    tracing::info!(lease = self.full_name(), holder, "waiting for the lease");
                }
                Ok(())
            }
            decision => match self.write(&decision).await {
                Err(CallError::Conflict) => Ok(()),
                result => result,
            },
        }
    }

    async fn read(&mut self) -> Result<(), CallError> {
        let lease = self.bounded(self.api.get_opt(&self.settings.name)).await?;
        self.election.saw(lease.as_ref().map(record), Instant::now());
        self.basis = lease;
        Ok(())
    }

    /// Writes the lease as ours.
    async fn write(&mut self, decision: &Decision) -> Result<(), CallError> {
        let sent = Instant::now();
        let lease = self.ours(decision);
        let written = match decision {
            Decision::Create => self.bounded(self.api.create(&PostParams::default(), &lease)).await,
            _ => self.bounded(self.api.replace(&self.settings.name, &PostParams::default(), &lease)).await,
        }?;
        self.election.wrote(record(&written), sent, Instant::now());
        self.basis = Some(written);
        Ok(())
    }

    /// The object that says that we hold it, on top of what was last seen.
    fn ours(&self, decision: &Decision) -> kubernetes::Lease {
        let now = MicroTime(clock::now());
        let mut lease = self.basis.clone().unwrap_or_else(|| kubernetes::Lease {
            metadata: ObjectMeta { name: Some(self.settings.name.clone()), ..ObjectMeta::default() },
            spec: None,
        });
        let spec = lease.spec.get_or_insert_default();
        spec.holder_identity = Some(self.identity.clone());
        spec.lease_duration_seconds = Some(whole_seconds(self.settings.duration));
        spec.renew_time = Some(now.clone());
        match decision {
            Decision::Create => spec.lease_transitions = Some(0),
            Decision::Take { transitions } => spec.lease_transitions = Some(*transitions),
            Decision::Renew | Decision::Wait { .. } => return lease,
        }
        spec.acquire_time = Some(now);
        lease
    }

    /// One call, with a time limit. A renewal that takes half of the renew deadline leaves time for one more.
    async fn bounded<T>(
        &self,
        call: impl Future<Output = Result<T, kube::Error>> + Send,
    ) -> Result<T, CallError> {
        let limit = self.settings.renew_deadline / 2;
        match timeout(limit, call).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => match kubernetes_error::status(&error) {
                Some(409) => Err(CallError::Conflict),
                _ => Err(CallError::Kubernetes(error)),
            },
            Err(_) => Err(CallError::Timeout(limit)),
        }
    }

    fn pause(&mut self) -> Duration {
        self.settings.retry_period.mul_f64(1.0 + JITTER * self.random.f64())
    }

    /// Warns once for each reason, and again every minute while it stays.
    fn complain(&mut self, error: &CallError) {
        let reason = error.to_string();
        let now = Instant::now();
        let said =
            self.complaint.as_ref().is_some_and(|(said, at)| *said == reason && now < *at + REPEAT_WARNING);
        if said {
            return;
        }
        tracing::warn!(
            lease = self.full_name(),
            error = reason,
            "cannot take part in the leader election; trying again. Where the API server forbids it, grant get, create and update of \
             leases in that namespace, or set --lease-namespace"
        );
        self.complaint = Some((reason, now));
    }

    fn full_name(&self) -> String {
        format!("{}/{}", self.namespace, self.settings.name)
    }
}

impl Held {
    /// When the lease became ours.
    pub fn gained_at(&self) -> Instant {
        self.gained_at
    }

    /// Keeps the lease and resolves when it is lost. Poll it all the time while the work goes on, and before the work; it may be dropped
    /// and called again.
    pub async fn lost(&mut self) -> Lost {
        let mut reason = "the API server did not answer".to_owned();
        loop {
            let until = self.until();
            sleep_until(self.next_renewal.min(until)).await;
            let renewal = timeout_at(until, self.lease.renew()).await;
            self.next_renewal = Instant::now() + self.lease.pause();
            match renewal {
                Ok(Ok(())) => {}
                Ok(Err(RenewError::Lost(lost))) => return lost,
                Ok(Err(RenewError::Call(error))) => {
                    reason = error.to_string();
                    self.lease.complain(&error);
                }
                Err(_) => return self.not_renewed(reason),
            }
        }
    }

    /// Gives the lease up, so that another replica need not wait until it expires. Call it only when no work is left. That it
    /// could not be told is no failure: the lease then ends by itself.
    pub async fn release(mut self) {
        let lease = self.lease.full_name();
        match timeout_at(self.until(), self.lease.give_up()).await {
            Ok(Ok(())) => tracing::info!(lease, "released"),
            Ok(Err(error)) => {
                tracing::warn!(lease, error = error.to_string(), "could not be released; it ends by itself");
            }
            Err(_) => tracing::warn!(lease, "could not be released in time; it ends by itself"),
        }
    }

    /// Until when the lease is ours without another renewal.
    fn until(&self) -> Instant {
        self.lease.election.leads_until().unwrap_or(self.gained_at)
    }

    fn not_renewed(&self, reason: String) -> Lost {
        Lost::NotRenewed {
            lease: self.lease.full_name(),
            renew_deadline: self.lease.settings.renew_deadline,
            reason,
        }
    }
}

enum RenewError {
    Lost(Lost),
    Call(CallError),
}

impl From<CallError> for RenewError {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

impl Lease {
    /// Writes the lease again. A conflict is looked into at once: it may be the answer to a renewal whose first answer was lost,
    /// a label that somebody put on, or another holder.
    async fn renew(&mut self) -> Result<(), RenewError> {
        // After a create that failed nothing is known that a renewal could be written on.
        let first_try = match self.election.decide(Instant::now()) {
            decision @ (Decision::Renew | Decision::Create) => self.write(&decision).await,
            Decision::Take { .. } | Decision::Wait { .. } => Err(CallError::Conflict),
        };
        match first_try {
            Ok(()) => return Ok(()),
            Err(CallError::Conflict) => {}
            Err(CallError::Kubernetes(error)) if kubernetes_error::status(&error) == Some(404) => {}
            Err(error) => return Err(error.into()),
        }
        self.read().await?;
        match self.election.decide(Instant::now()) {
            decision @ (Decision::Renew | Decision::Create) => Ok(self.write(&decision).await?),
            Decision::Take { .. } | Decision::Wait { .. } => Err(RenewError::Lost(Lost::Taken {
                lease: self.full_name(),
                holder: self.election.holder().to_owned(),
            })),
        }
    }

    /// Writes the lease as nobody's, as long as it is ours.
    async fn give_up(&mut self) -> Result<(), CallError> {
        self.election.step_down();
        match self.write_released().await {
            Err(CallError::Conflict) => {}
            result => return result,
        }
        // A renewal that was cut off may have arrived all the same.
        self.read().await?;
        if self.election.holder() == self.identity { self.write_released().await } else { Ok(()) }
    }

    async fn write_released(&self) -> Result<(), CallError> {
        let mut lease = self.ours(&Decision::Renew);
        let spec = lease.spec.get_or_insert_default();
        spec.holder_identity = Some(String::new());
        spec.lease_duration_seconds = Some(1);
        self.bounded(self.api.replace(&self.settings.name, &PostParams::default(), &lease)).await.map(drop)
    }
}

fn record(lease: &kubernetes::Lease) -> Record {
    let spec = lease.spec.clone().unwrap_or_default();
    let seconds = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
    Record {
        holder: spec.holder_identity.unwrap_or_default(),
        duration: seconds.filter(|seconds| *seconds > 0).map(Duration::from_secs),
        transitions: spec.lease_transitions.unwrap_or(0),
        version: lease.metadata.resource_version.clone().unwrap_or_default(),
    }
}

/// Settings allow whole seconds only, and no more than ten minutes of them.
fn whole_seconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_secs()).unwrap_or(i32::MAX).max(1)
}
