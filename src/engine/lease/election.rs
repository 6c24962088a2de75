//! The rules of the election, without a clock and without a network: what was seen and written goes in, what to do comes out.
//!
//! They are safe because no two clocks are compared. Who waits counts the holder's lease duration from when it **saw** the last
//! renewal, which is after the renewal; who leads counts its shorter renew deadline from when it **sent** the last renewal, which
//! is before it. So the leader stops first, as long as the two clocks run at about the same speed.

use std::time::Duration;

use tokio::time::Instant;

/// The longest lease that is believed: a mistyped one would keep everybody out for years.
const LONGEST_LEASE: Duration = Duration::from_mins(10);

/// What matters of a Lease object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    /// Whose it is; empty: nobody's.
    pub(super) holder: String,
    /// How long it lasts after a renewal, as its holder wrote it; absent: as we would have written it.
    pub(super) duration: Option<Duration>,
    /// How often it changed hands.
    pub(super) transitions: i32,
    /// The `resourceVersion`: another one means that somebody wrote.
    pub(super) version: String,
}

/// What to do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Decision {
    /// There is no Lease object: create it.
    Create,
    /// It is nobody's, or its holder is silent: write it as ours, with this number of transitions.
    Take {
        /// How often it will have changed hands.
        transitions: i32,
    },
    /// It is ours: renew it.
    Renew,
    /// It is somebody else's until then, unless that one is heard of again.
    Wait {
        /// When its holder may be taken for gone.
        until: Instant,
    },
}

/// One participant's knowledge.
#[derive(Debug)]
pub(super) struct Election {
    me: String,
    duration: Duration,
    renew_deadline: Duration,
    observed: Option<Observed>,
    leads_until: Option<Instant>,
}

#[derive(Debug)]
struct Observed {
    record: Record,
    since: Instant,
    /// Whether the object is there no longer. Its holder may not have noticed yet.
    is_gone: bool,
}

impl Election {
    /// A participant that knows nothing yet. `me` must be unique to this process.
    pub(super) fn new(me: String, duration: Duration, renew_deadline: Duration) -> Self {
        Self { me, duration, renew_deadline, observed: None, leads_until: None }
    }

    /// The record was read; the answer arrived at `now`. The same version again is no sign of life.
    pub(super) fn saw(&mut self, record: Option<Record>, now: Instant) {
        let known = self.observed.take();
        let is_anothers =
            |known: &Observed| !known.record.holder.is_empty() && known.record.holder != self.me;
        self.observed = match (record, known) {
            (Some(record), Some(known)) if known.record.version == record.version => Some(known),
            (Some(record), _) => Some(Observed { record, since: now, is_gone: false }),
            (None, known) => known.filter(is_anothers).map(|known| Observed { is_gone: true, ..known }),
        };
    }

    /// Our write, sent at `sent`, was accepted at `now` and left this record.
    pub(super) fn wrote(&mut self, record: Record, sent: Instant, now: Instant) {
        self.leads_until = Some(sent + self.renew_deadline);
        self.observed = Some(Observed { record, since: now, is_gone: false });
    }

    /// What to do now.
    pub(super) fn decide(&self, now: Instant) -> Decision {
        let Some(Observed { record, since, is_gone }) = &self.observed else { return Decision::Create };
        if record.holder == self.me {
            return Decision::Renew;
        }
        let until = *since + record.duration.unwrap_or(self.duration).min(LONGEST_LEASE);
        if record.holder.is_empty() || now >= until {
            if *is_gone {
                return Decision::Create;
            }
            return Decision::Take { transitions: record.transitions.saturating_add(1) };
        }
        Decision::Wait { until }
    }

    /// Whose the record was when last seen; empty: nobody's.
    pub(super) fn holder(&self) -> &str {
        self.observed.as_ref().map_or("", |observed| &observed.record.holder)
    }

    /// Until when we lead without another renewal; absent before the first write.
    pub(super) fn leads_until(&self) -> Option<Instant> {
        self.leads_until
    }

    /// We no longer lead.
    pub(super) fn step_down(&mut self) {
        self.leads_until = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DURATION: Duration = Duration::from_secs(15);
    const RENEW_DEADLINE: Duration = Duration::from_secs(10);
    const MOMENT: Duration = Duration::from_millis(1);

    fn record(holder: &str, version: &str) -> Record {
        Record {
            holder: holder.to_owned(),
            duration: Some(DURATION),
            transitions: 4,
            version: version.to_owned(),
        }
    }

    fn election() -> Election {
        Election::new("me".to_owned(), DURATION, RENEW_DEADLINE)
    }

    #[test]
    fn a_lease_that_does_not_exist_is_created_and_one_that_was_released_is_taken_at_once() {
        let now = Instant::now();
        let mut election = election();
        assert_eq!(election.decide(now), Decision::Create);

        election.saw(Some(record("", "1")), now);
        assert_eq!(election.decide(now), Decision::Take { transitions: 5 });
    }

    #[test]
    fn a_silent_holder_is_waited_for_and_then_replaced() {
        let now = Instant::now();
        let mut election = election();
        election.saw(Some(record("other", "1")), now);
        assert_eq!(election.decide(now), Decision::Wait { until: now + DURATION });

        election.saw(Some(record("other", "1")), now + Duration::from_secs(9));
        assert_eq!(
            election.decide(now + DURATION - MOMENT),
            Decision::Wait { until: now + DURATION },
            "seeing the same again is no sign of life"
        );
        assert_eq!(election.decide(now + DURATION), Decision::Take { transitions: 5 });
    }

    #[test]
    fn a_lease_that_somebody_deleted_leaves_its_holder_its_time() {
        let now = Instant::now();
        let mut election = election();
        election.saw(Some(record("other", "1")), now);
        election.saw(None, now + Duration::from_secs(2));
        let waits = Decision::Wait { until: now + DURATION };
        assert_eq!(election.decide(now + Duration::from_secs(2)), waits, "it may not know yet");
        assert_eq!(election.decide(now + DURATION), Decision::Create);

        election.wrote(record("me", "2"), now, now);
        election.saw(None, now + MOMENT);
        assert_eq!(election.decide(now + MOMENT), Decision::Create, "our own is made again at once");
    }

    #[test]
    fn a_holder_that_renews_is_waited_for_anew() {
        let now = Instant::now();
        let later = now + Duration::from_secs(14);
        let mut election = election();
        election.saw(Some(record("other", "1")), now);

        election.saw(Some(record("other", "2")), later);

        assert_eq!(election.decide(later), Decision::Wait { until: later + DURATION });
    }

    #[test]
    fn the_holders_own_duration_counts_within_reason() {
        let now = Instant::now();
        let wait_for = |duration| {
            let mut election = election();
            election.saw(Some(Record { duration, ..record("other", "1") }), now);
            election.decide(now)
        };

        assert_eq!(
            wait_for(Some(Duration::from_mins(1))),
            Decision::Wait { until: now + Duration::from_mins(1) }
        );
        assert_eq!(wait_for(Some(Duration::from_hours(24))), Decision::Wait { until: now + LONGEST_LEASE });
        assert_eq!(wait_for(None), Decision::Wait { until: now + DURATION });
    }

    #[test]
    fn leading_counts_from_when_the_renewal_was_sent() {
        let sent = Instant::now();
        let mut election = election();

        election.wrote(record("me", "1"), sent, sent + Duration::from_secs(4));

        assert_eq!(election.leads_until(), Some(sent + RENEW_DEADLINE));
        assert_eq!(election.decide(sent + RENEW_DEADLINE), Decision::Renew);
    }
}
