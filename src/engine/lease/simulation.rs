//! The rules of the election under clocks that disagree, answers that are late or lost, processes that die and leaders that
//! leave: whatever happens, no two lead at once.
//!
//! True time is in milliseconds; every participant has a clock of its own, with an offset and up to 10 % fast or slow.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use tokio::time::Instant;

use super::election::{Decision, Election, Record};

const DURATION: Duration = Duration::from_secs(15);
const RENEW_DEADLINE: Duration = Duration::from_secs(10);
const RETRY_PERIOD: u64 = 2_000;
const CALL_TIMEOUT: u64 = 5_000;
const TEN_MINUTES: u64 = 600_000;

enum Event {
    Try,
    ReachesServer(Request),
    Answered(u64, Answer),
    GivenUp(u64),
    Dies,
    Leaves,
}

struct Request {
    call: u64,
    sent: Instant,
    write: Option<Record>,
    answer_delay: Option<u64>,
}

enum Answer {
    Read(Option<Record>),
    Written(Record, Instant),
    Conflict,
}

struct Participant {
    name: String,
    election: Election,
    clock_offset: Duration,
    clock_speed: f64,
    waiting_for: Option<u64>,
    /// What a write is based on; absent: read first.
    basis: Option<Record>,
}

struct World {
    random: fastrand::Rng,
    origin: Instant,
    now: u64,
    /// By time and order: whom it happens to, and what.
    agenda: BTreeMap<(u64, u64), (usize, Event)>,
    numbers: u64,
    server: Option<Record>,
    people: Vec<Participant>,
    /// Everybody who ever led, in order.
    leaders: Vec<String>,
}

impl World {
    fn new(seed: u64, participants: usize) -> Self {
        let mut world = Self {
            random: fastrand::Rng::with_seed(seed),
            origin: Instant::now(),
            now: 0,
            agenda: BTreeMap::new(),
            numbers: 0,
            server: None,
            people: Vec::new(),
            leaders: Vec::new(),
        };
        for whom in 0..participants {
            let somebody = world.somebody();
            world.people.push(somebody);
            let delay = world.random.u64(0..5_000);
            world.later(delay, whom, Event::Try);
            world.plan_end(whom);
        }
        world
    }

    fn somebody(&mut self) -> Participant {
        let name = format!("p{}", self.number());
        Participant {
            election: Election::new(name.clone(), DURATION, RENEW_DEADLINE),
            name,
            clock_offset: Duration::from_secs(self.random.u64(0..1_000_000)),
            clock_speed: 0.9 + self.random.f64() * 0.2,
            waiting_for: None,
            basis: None,
        }
    }

    fn plan_end(&mut self, whom: usize) {
        let delay = self.random.u64(10_000..200_000);
        let end = if self.random.bool() { Event::Dies } else { Event::Leaves };
        self.later(delay, whom, end);
    }

    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    fn later(&mut self, delay: u64, whom: usize, event: Event) {
        let order = self.number();
        self.agenda.insert((self.now + delay, order), (whom, event));
    }

    /// Mostly quick, sometimes slower than any timeout, sometimes never.
    fn delay(&mut self) -> Option<u64> {
        match self.random.u8(0..20) {
            0 => None,
            1 | 2 => Some(self.random.u64(0..20_000)),
            3..6 => Some(self.random.u64(0..CALL_TIMEOUT)),
            _ => Some(self.random.u64(0..50)),
        }
    }

    fn clock(&self, whom: usize) -> Instant {
        let person = &self.people[whom];
        self.origin + person.clock_offset + Duration::from_millis(self.now).mul_f64(person.clock_speed)
    }

    fn send(&mut self, whom: usize, write: Option<Record>) {
        let call = self.number();
        let (there, back) = (self.delay(), self.delay());
        self.people[whom].waiting_for = Some(call);
        self.later(CALL_TIMEOUT, whom, Event::GivenUp(call));
        if let Some(there) = there {
            let sent = self.clock(whom);
            self.later(there, whom, Event::ReachesServer(Request { call, sent, write, answer_delay: back }));
        }
    }

    fn decide(&mut self, whom: usize) {
        let now = self.clock(whom);
        let person = &self.people[whom];
        let version = person.basis.as_ref().map_or(String::new(), |basis| basis.version.clone());
        let ours = |transitions| Record {
            holder: person.name.clone(),
            duration: Some(DURATION),
            transitions,
            version,
        };
        let write = match person.election.decide(now) {
            Decision::Create => Some(ours(0)),
            Decision::Take { transitions } => Some(ours(transitions)),
            Decision::Renew => Some(ours(person.basis.as_ref().map_or(0, |basis| basis.transitions))),
            Decision::Wait { .. } => None,
        };
        match write {
            Some(write) => self.send(whom, Some(write)),
            None => self.later(RETRY_PERIOD, whom, Event::Try),
        }
    }

    /// What the API server does: a write needs the version that it is based on.
    fn serve(&mut self, request: &Request) -> Answer {
        let Some(write) = &request.write else { return Answer::Read(self.server.clone()) };
        if self.server.as_ref().map_or("", |record| &record.version) != write.version {
            return Answer::Conflict;
        }
        let written = Record { version: self.number().to_string(), ..write.clone() };
        self.server = Some(written.clone());
        Answer::Written(written, request.sent)
    }

    fn hear(&mut self, whom: usize, answer: Answer) {
        let now = self.clock(whom);
        let person = &mut self.people[whom];
        person.waiting_for = None;
        match answer {
            Answer::Read(record) => {
                person.basis.clone_from(&record);
                person.election.saw(record, now);
                if person.election.holder() != person.name {
                    person.election.step_down();
                }
                self.decide(whom);
                return;
            }
            Answer::Written(record, sent) => {
                person.basis = Some(record.clone());
                person.election.wrote(record, sent, now);
                if self.leaders.last() != Some(&person.name) {
                    self.leaders.push(person.name.clone());
                }
            }
            Answer::Conflict => person.basis = None,
        }
        self.later(RETRY_PERIOD, whom, Event::Try);
    }

    fn happen(&mut self, whom: usize, event: Event) {
        match event {
            Event::Try if self.people[whom].waiting_for.is_some() => {}
            Event::Try if self.people[whom].basis.is_some() && self.leads(whom) => self.decide(whom),
            Event::Try => self.send(whom, None),
            Event::ReachesServer(request) => {
                let answer = self.serve(&request);
                if let Some(delay) = request.answer_delay {
                    self.later(delay, whom, Event::Answered(request.call, answer));
                }
            }
            Event::Answered(call, answer) if self.people[whom].waiting_for == Some(call) => {
                self.hear(whom, answer);
            }
            Event::GivenUp(call) if self.people[whom].waiting_for == Some(call) => {
                self.people[whom].waiting_for = None;
                self.people[whom].basis = None;
                self.later(RETRY_PERIOD, whom, Event::Try);
            }
            Event::Answered(..) | Event::GivenUp(_) => {}
            Event::Dies => self.replace(whom),
            Event::Leaves => {
                let released =
                    self.people[whom].basis.clone().filter(|basis| basis.holder == self.people[whom].name);
                if let (true, Some(basis)) = (self.leads(whom), released) {
                    self.people[whom].election.step_down();
                    self.send(whom, Some(Record { holder: String::new(), ..basis }));
                }
                self.replace(whom);
            }
        }
    }

    fn replace(&mut self, whom: usize) {
        self.people[whom] = self.somebody();
        let delay = self.random.u64(0..30_000);
        self.later(delay, whom, Event::Try);
        self.plan_end(whom);
    }

    fn leads(&self, whom: usize) -> bool {
        self.people[whom].election.leads_until().is_some_and(|until| self.clock(whom) < until)
    }

    /// Runs ten minutes. Nobody starts to lead between two events, so it is enough to look after each.
    fn run(mut self) -> Result<Vec<String>, String> {
        while let Some(((now, _), (whom, event))) =
            self.agenda.pop_first().filter(|((now, _), _)| *now < TEN_MINUTES)
        {
            self.now = now;
            self.happen(whom, event);
            let leading: Vec<_> = (0..self.people.len())
                .filter(|whom| self.leads(*whom))
                .map(|whom| &self.people[whom].name)
                .collect();
            if leading.len() > 1 {
                return Err(format!("after {now} ms these lead at once: {leading:?}"));
            }
        }
        Ok(self.leaders)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn never_do_two_lead_at_once(seed: u64, participants in 2_usize..5) {
        let leaders = World::new(seed, participants).run();

        prop_assert!(leaders.is_ok(), "{}", leaders.unwrap_err());
        prop_assert!(leaders.as_ref().is_ok_and(|leaders| leaders.len() > 1), "nothing happened: {leaders:?}");
    }
}
