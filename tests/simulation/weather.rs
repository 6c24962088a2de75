//! What goes wrong between the operator, Kubernetes and the vendors: episodes of trouble, and for each call what becomes of it.
//!
//! It only decides. That each kind of trouble occurs often enough is counted by [`tally`](super::tally).

use super::dice::Dice;
use super::tally::Tally;
use std::time::Duration;

/// A kind of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trouble {
    /// No connection to the API server; its watches end.
    ApiServerAway,
    /// Calls to the API server take seconds.
    ApiServerSlow,
    /// 429, 500 and 503 of the API server, some after the request took effect.
    ApiServerErrors,
    /// The connection to the API server ends, before or after the request took effect.
    ApiServerCut,
    /// What happened in Kubernetes is heard of late, by each watch at another time.
    WatchesLag,
    /// Watches end early.
    WatchesEnd,
    /// Watches tell things twice.
    WatchesRepeat,
    /// The API server forgets its history: watches end in a 410, and what happened between is never delivered.
    Compaction,
    /// One replica does not reach the API server.
    Partition,
    /// The vendor does not answer in time; some requests take effect all the same.
    VendorTimeouts,
    /// The connection to the vendor ends, before or after the request took effect.
    VendorCuts,
    /// The vendor's rate limit is spent, and it says until when.
    VendorRateLimit,
    /// The vendor's rate limit is spent, and it does not say until when.
    VendorRateLimitUnsaid,
    /// 5xx of the vendor, some after the request took effect.
    VendorErrors,
    /// A gateway's page.
    VendorHtml,
    /// Half an answer.
    VendorHalfBody,
    /// 401 for a while.
    VendorUnauthorized,
    /// The vendor's lists are as they were some seconds ago.
    VendorListsLag,
    /// The vendor's lists lack most of their items.
    VendorListsShrink,
    /// Requests take effect long after they were sent.
    VendorLate,
    /// The operator's wall clock jumps.
    ClockJump,
    /// The process dies and is started again.
    Crash,
}

impl Trouble {
    /// Every kind.
    pub const ALL: [Self; 22] = [
        Self::ApiServerAway,
        Self::ApiServerSlow,
        Self::ApiServerErrors,
        Self::ApiServerCut,
        Self::WatchesLag,
        Self::WatchesEnd,
        Self::WatchesRepeat,
        Self::Compaction,
        Self::Partition,
        Self::VendorTimeouts,
        Self::VendorCuts,
        Self::VendorRateLimit,
        Self::VendorRateLimitUnsaid,
        Self::VendorErrors,
        Self::VendorHtml,
        Self::VendorHalfBody,
        Self::VendorUnauthorized,
        Self::VendorListsLag,
        Self::VendorListsShrink,
        Self::VendorLate,
        Self::ClockJump,
        Self::Crash,
    ];

    /// Whether it happens at one moment, and is not met call by call.
    pub fn is_moment(self) -> bool {
        matches!(self, Self::Compaction | Self::ClockJump | Self::Crash)
    }
}

/// A while in which some calls meet trouble. The moments count from the start of the world.
#[derive(Debug, Clone)]
pub struct Episode {
    pub trouble: Trouble,
    pub from: Duration,
    pub until: Duration,
    /// How many of the calls meet it, from 0 to 1.
    pub rate: f64,
    /// Whose calls: the replica of that number.
    pub replica: usize,
}

impl Episode {
    /// One of any kind, before `end`.
    pub fn draw(dice: &mut Dice, end: Duration) -> Self {
        // Few worlds have enough objects for a list to shrink visibly: there it shall happen.
        let trouble = if dice.chance(0.1) { Trouble::VendorListsShrink } else { *dice.one_of(&Trouble::ALL) };
        let from = dice.milliseconds(0, u64::try_from(end.as_millis()).unwrap_or(u64::MAX));
        let longest = if trouble == Trouble::ApiServerAway { 240 } else { 120 };
        let until = (from + dice.seconds(2, longest)).min(end);
        let rate = *dice.one_of(&[0.1, 0.3, 0.6, 1.0]);
        let replica = usize::try_from(dice.between(0, 1)).unwrap_or(0);
        Self { trouble, from, until, rate, replica }
    }
}

/// What becomes of one call on its way.
#[derive(Debug, Clone, PartialEq)]
pub struct Fate {
    /// How long it is under way to the server, and how long the answer is.
    pub out: Duration,
    pub back: Duration,
    /// What goes wrong, and whether the request takes effect all the same.
    pub wrong: Option<(Trouble, bool)>,
}

/// Whether the operator can see that a list lacks everything: at least three objects that it has recorded would be missing (semantics, 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lacking {
    Seen,
    Unseen,
}

/// The weather of one world.
pub struct Weather {
    episodes: Vec<Episode>,
    dice: Dice,
}

impl Weather {
    pub fn new(seed: u64, episodes: Vec<Episode>) -> Self {
        Self { episodes, dice: Dice::of(seed, "weather") }
    }

    /// What becomes of a call to the API server that `replica` makes at `now`.
    pub fn of_kubernetes(&mut self, now: Duration, replica: usize, tally: &mut Tally) -> Fate {
        const KINDS: [Trouble; 4] =
            [Trouble::ApiServerAway, Trouble::Partition, Trouble::ApiServerErrors, Trouble::ApiServerCut];
        let mut fate = Fate {
            out: self.dice.milliseconds(1, 5),
            back: self.dice.milliseconds(1, 5),
            wrong: self.wrong(&KINDS, now, replica),
        };
        if self.meets(Trouble::ApiServerSlow, now, replica) {
            tally.met(Trouble::ApiServerSlow);
            fate.out += self.dice.seconds(0, 12);
            fate.back += self.dice.seconds(0, 8);
        }
        if let Some((trouble, _)) = fate.wrong {
            tally.met(trouble);
        }
        fate
    }

    /// What becomes of a call to a vendor. A list that `lacks` enough for the operator to see it can lack everything.
    pub fn of_vendor(
        &mut self,
        now: Duration,
        replica: usize,
        list: Option<Lacking>,
        tally: &mut Tally,
    ) -> Fate {
        const OF_ANY: [Trouble; 8] = [
            Trouble::VendorTimeouts,
            Trouble::VendorCuts,
            Trouble::VendorRateLimit,
            Trouble::VendorRateLimitUnsaid,
            Trouble::VendorErrors,
            Trouble::VendorHtml,
            Trouble::VendorHalfBody,
            Trouble::VendorUnauthorized,
        ];
        let is_list = list.is_some();
        let mut wrong = self.wrong(&OF_ANY, now, replica);
        if wrong.is_none() && is_list {
            wrong = self.wrong(&[Trouble::VendorListsLag], now, replica);
        }
        if wrong.is_none() && list == Some(Lacking::Seen) {
            wrong = self.wrong(&[Trouble::VendorListsShrink], now, replica);
        }
        let mut fate =
            Fate { out: self.dice.milliseconds(5, 40), back: self.dice.milliseconds(5, 40), wrong };
        if !is_list && fate.wrong.is_none() && self.meets(Trouble::VendorLate, now, replica) {
            tally.met(Trouble::VendorLate);
            // Not later than what the promise of one remote object assumes of the vendor (semantics, 2).
            fate.out = self.dice.seconds(20, 45);
        }
        if let Some((trouble, _)) = fate.wrong {
            tally.met(trouble);
        }
        fate
    }

    /// How late an event of a watch is.
    pub fn lag_of_watch(&mut self, now: Duration, tally: &mut Tally) -> Duration {
        if self.meets(Trouble::WatchesLag, now, usize::MAX) {
            tally.met(Trouble::WatchesLag);
            return self.dice.seconds(0, 60);
        }
        self.dice.milliseconds(1, 20)
    }

    /// How long a watch lasts that begins now, where it ends early.
    pub fn watch_ends_within(&mut self, now: Duration, tally: &mut Tally) -> Option<Duration> {
        self.meets(Trouble::WatchesEnd, now, usize::MAX).then(|| {
            tally.met(Trouble::WatchesEnd);
            self.dice.seconds(0, 15)
        })
    }

    /// Whether a watch tells an event twice.
    pub fn watch_repeats(&mut self, now: Duration, tally: &mut Tally) -> bool {
        let repeats = self.meets(Trouble::WatchesRepeat, now, usize::MAX);
        if repeats {
            tally.met(Trouble::WatchesRepeat);
        }
        repeats
    }

    /// Whether a replica can reach the API server at all.
    pub fn reaches_api_server(&self, now: Duration, replica: usize) -> bool {
        !self.episodes.iter().any(|episode| {
            let away = match episode.trouble {
                Trouble::ApiServerAway => true,
                Trouble::Partition => episode.replica == replica,
                _ => false,
            };
            away && episode.rate >= 1.0 && (episode.from..episode.until).contains(&now)
        })
    }

    /// When a replica cannot reach the API server next.
    pub fn next_outage(&self, now: Duration, replica: usize) -> Option<Duration> {
        let outage = |episode: &&Episode| match episode.trouble {
            Trouble::ApiServerAway => episode.rate >= 1.0,
            Trouble::Partition => episode.rate >= 1.0 && episode.replica == replica,
            _ => false,
        };
        self.episodes.iter().filter(outage).map(|episode| episode.from).filter(|from| *from > now).min()
    }

    /// A draw for whatever a fate leaves open.
    pub fn dice(&mut self) -> &mut Dice {
        &mut self.dice
    }

    fn wrong(&mut self, kinds: &[Trouble], now: Duration, replica: usize) -> Option<(Trouble, bool)> {
        let trouble = kinds.iter().copied().find(|kind| self.meets(*kind, now, replica))?;
        Some((trouble, self.dice.chance(0.5)))
    }

    fn meets(&mut self, kind: Trouble, now: Duration, replica: usize) -> bool {
        let rates = self.episodes.iter().filter(|episode| {
            episode.trouble == kind
                && (episode.from..episode.until).contains(&now)
                && (kind != Trouble::Partition || episode.replica == replica)
        });
        let rate = rates.map(|episode| episode.rate).fold(0.0, f64::max);
        rate > 0.0 && self.dice.chance(rate)
    }
}
