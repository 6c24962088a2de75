//! Parts that move between things, told with toys: a small vendor that refuses a part in two things, and connectors that are planned until nothing moves.

use super::*;
use crate::api::{AdoptionPolicy, ManagementPolicy};
use crate::engine::claims::{Hold, Stake};
use crate::engine::convergence::Convergence;
use crate::engine::own::Own;
use crate::engine::plan::{Blocked, Facts, Plan, Waiting, plan};
use crate::engine::secret_facts::SecretFacts;
use crate::engine::toy::{Toy, ToyConnectorSpec, ToyThing};
use crate::engine::vendor::WhenAbsent;
use proptest::prelude::*;
use std::time::Duration;
use tokio::time::Instant;

const REALM: &str = "toys";

/// Connectors by name, with the parts that they ask for, oldest first; and what the vendor has.
struct World {
    connectors: Vec<(&'static str, ToyConnectorSpec)>,
    recorded: BTreeSet<&'static str>,
    wishes: Wishes,
    stakes: Stakes,
    snapshot: Snapshot<ToyThing>,
    writes: usize,
}

fn parts(text: &str) -> Vec<String> {
    text.chars().map(String::from).collect()
}

fn thing(name: &str, held: &str) -> ToyThing {
    ToyThing { name: name.into(), parts: parts(held), ..ToyThing::default() }
}

impl World {
    /// `name`, what its thing has (none: it has no thing), and what it asks for.
    fn new(connectors: &[(&'static str, Option<&str>, &str)], unmanaged: &[(&str, &str)]) -> Self {
        let mut world = Self {
            connectors: Vec::new(),
            recorded: BTreeSet::new(),
            wishes: Wishes::default(),
            stakes: Stakes::default(),
            snapshot: Snapshot::new(Duration::ZERO),
            writes: 0,
        };
        let mut listed: Vec<ToyThing> = unmanaged.iter().map(|(name, held)| thing(name, held)).collect();
        for (age, (name, held, asked)) in connectors.iter().enumerate() {
            listed.extend(held.map(|held| thing(name, held)));
            if held.is_some() {
                world.record(name, age);
            }
            world
                .connectors
                .push((*name, ToyConnectorSpec { parts: parts(asked), ..ToyConnectorSpec::default() }));
            let mut ids: Vec<ExclusiveId> = parts(asked).iter().map(|part| ExclusiveId::of(part)).collect();
            ids.sort_unstable();
            let wish = Wish {
                realm: REALM.into(),
                age: (format!("{age:03}"), String::new()),
                generation: 1,
                is_claimed: false,
                is_suspended: false,
                ids: ids.into(),
            };
            world.wishes.set(&ObjectKey::new("ns", name), Some(wish));
        }
        for _ in 0..2 {
            let ticket = world.snapshot.begin_list(Instant::now());
            world.snapshot.apply(ticket, listed.clone());
        }
        world
    }

    fn record(&mut self, name: &'static str, age: usize) {
        let key = ObjectKey::new("ns", name);
        let age = (format!("{age:03}"), String::new());
        let stake = Stake { connector: key.clone(), age, hold: Hold::Recorded, wants: true };
        self.stakes.set(&key, &[(REALM.into(), name.into(), stake)]);
        self.recorded.insert(name);
    }

    fn plan(&self, index: usize) -> (Plan, Contest) {
        let (name, spec) = &self.connectors[index];
        let me = ObjectKey::new("ns", name);
        let secrets = SecretFacts::default();
        let mut facts = Facts::<Toy> {
            me: &me,
            spec,
            policy: ManagementPolicy::Manage,
            adoption: AdoptionPolicy::IfIdentical,
            consents_to_clearing: false,
            own: Own {
                recorded: self.recorded.get(name).map(|name| Identity::from(*name)),
                ..Own::default()
            },
            claim_is_anothers: false,
            winner: None,
            is_anothers: false,
            keeper: None,
            contest: Contest::default(),
            when_absent: WhenAbsent::Create,
            snapshot: &self.snapshot,
            secrets: &secrets,
            absence_from: Instant::now(),
        };
        facts.contend(REALM, &self.wishes, &self.stakes);
        let plan = plan(&facts, &Convergence::default());
        (plan, facts.contest)
    }

    /// Plans one connector and does what the plan says, as a vendor would that refuses a part in two things. Returns whether anything was
    /// written.
    fn step(&mut self, index: usize) -> bool {
        let (name, spec) = self.connectors[index].clone();
        let withheld = match self.plan(index).0 {
            Plan::Create(_) => Withheld::new(),
            Plan::Update(update) => update.withheld,
            _ => return false,
        };
        let written: Vec<String> =
            spec.parts.into_iter().filter(|part| !withheld.contains(&ExclusiveId::of(part))).collect();
        assert!(!written.is_empty(), "{name} would be left with nothing");
        for part in &written {
            let holder = self.snapshot.holders().get(ExclusiveId::of(part));
            assert!(
                holder.is_none_or(|holder| holder.as_str() == name),
                "{name} asked the vendor for {part}, which {holder:?} has"
            );
        }
        let left = ToyThing { name: name.into(), parts: written, ..ToyThing::default() };
        self.snapshot.fold(&name.into(), Some(left.into()), Instant::now());
        self.record(name, index);
        self.writes += 1;
        true
    }

    /// Steps until nothing moves, in the order that `turn` gives; then each connector's plan in a word.
    fn settle(&mut self, turn: usize) -> Vec<String> {
        let count = self.connectors.len();
        let mut quiet = 0;
        let mut index = turn;
        while quiet < count {
            let wrote = self.step(index % count);
            quiet = if wrote { 0 } else { quiet + 1 };
            index += 1;
            assert!(self.writes <= 3 * count, "it does not come to rest");
        }
        (0..count)
            .map(|index| match self.plan(index).0 {
                Plan::InSync { .. } => "in sync".to_owned(),
                Plan::Wait(Waiting::ForRelease(_)) => "waits".to_owned(),
                Plan::Blocked(Blocked::Taken) => "taken".to_owned(),
                Plan::Blocked(Blocked::Standoff) => "standoff".to_owned(),
                other => format!("{other:?}"),
            })
            .collect()
    }
}

#[tokio::test(start_paused = true)]
async fn what_moves_is_released_first_and_then_claimed_whoever_is_looked_at_first() {
    for turn in 0..2 {
        let mut world = World::new(&[("a", Some("12"), "1"), ("b", Some("3"), "32")], &[]);
        assert_eq!(world.settle(turn), ["in sync", "in sync"]);
        assert_eq!(world.writes, 2, "one release, one claim");
    }
}

#[tokio::test(start_paused = true)]
async fn two_that_exchange_a_part_each_release_before_they_claim() {
    let mut world = World::new(&[("a", Some("12"), "13"), ("b", Some("34"), "42")], &[]);
    assert_eq!(world.settle(0), ["in sync", "in sync"]);
}

#[tokio::test(start_paused = true)]
async fn two_that_exchange_everything_write_nothing_and_both_say_so() {
    let mut world = World::new(&[("a", Some("1"), "2"), ("b", Some("2"), "1")], &[]);
    assert_eq!(world.settle(0), ["standoff", "standoff"]);
    assert_eq!(world.writes, 0);
}

#[tokio::test(start_paused = true)]
async fn one_that_gives_up_everything_waits_for_one_that_can_go_on() {
    let mut world = World::new(&[("a", Some("12"), "1"), ("b", Some("3"), "2"), ("c", None, "3")], &[]);
    assert_eq!(world.settle(1), ["in sync", "in sync", "in sync"]);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_what_one_has_who_is_held_up_by_a_conflict() {
    let mut world = World::new(&[("keeper", Some("9"), "9"), ("b", Some("12"), "19"), ("c", None, "2")], &[]);
    assert_eq!(world.settle(0), ["in sync", "taken", "taken"]);
    assert_eq!(world.plan(2).1.taken, [("2".to_owned(), Holder::Connector(ObjectKey::new("ns", "b")))]);
    let mut chain = World::new(
        &[("keeper", Some("9"), "9"), ("b", Some("12"), "19"), ("c", Some("34"), "32"), ("d", None, "4")],
        &[],
    );
    assert_eq!(chain.settle(0), ["in sync", "taken", "taken", "taken"], "nor for one behind it");
}

#[tokio::test(start_paused = true)]
async fn who_is_suspended_keeps_what_it_has_and_takes_nothing() {
    let mut world = World::new(&[("s", Some("12"), "13"), ("b", None, "2"), ("c", None, "3")], &[]);
    let s = ObjectKey::new("ns", "s");
    let wish = Wish { is_suspended: true, ..world.wishes.of(&s).expect("its wish").clone() };
    world.wishes.set(&s, Some(wish));
    let plans: Vec<Plan> = (1..3).map(|index| world.plan(index).0).collect();
    assert!(matches!(plans[..], [Plan::Blocked(Blocked::Taken), Plan::Create(_)]), "{plans:?}");
}

#[tokio::test(start_paused = true)]
async fn what_the_vendor_is_taking_away_is_waited_for_and_had_then() {
    let mut world = World::new(&[("a", Some("1"), "2")], &[("theirs", "2")]);
    let leaving = ToyThing { state: "leaving".into(), ..thing("theirs", "2") };
    world.snapshot.fold(&"theirs".into(), Some(leaving.into()), Instant::now());
    assert_eq!(world.settle(0), ["waits"]);
    world.snapshot.fold(&"theirs".into(), None, Instant::now());
    assert_eq!(world.settle(0), ["in sync"]);
}

#[tokio::test(start_paused = true)]
async fn what_a_connector_has_and_asks_for_nobody_takes_away_however_old_they_are() {
    let mut world = World::new(&[("old", Some("1"), "12"), ("young", Some("2"), "2")], &[]);
    assert_eq!(world.settle(0), ["taken", "in sync"]);
    let holder = &world.plan(0).1.taken[0];
    assert_eq!(*holder, ("2".to_owned(), Holder::Connector(ObjectKey::new("ns", "young"))));
}

#[tokio::test(start_paused = true)]
async fn what_nobody_has_goes_to_the_oldest_that_asks() {
    let mut world = World::new(&[("old", None, "12"), ("young", None, "23")], &[]);
    assert_eq!(world.settle(1), ["in sync", "taken"]);
}

#[tokio::test(start_paused = true)]
async fn what_a_stranger_has_is_named_with_the_stranger_and_nothing_is_written() {
    let mut world = World::new(&[("a", None, "1234567")], &[("theirs", "34567")]);
    assert_eq!(world.settle(0), ["taken"]);
    let contest = world.plan(0).1;
    assert_eq!((contest.taken.len(), contest.taken_count, world.writes), (NAMED, 5, 0));
    assert_eq!(contest.taken[0], ("3".to_owned(), Holder::Unmanaged("theirs".into())));
}

#[tokio::test(start_paused = true)]
async fn what_exists_is_not_taken_over_by_a_later_one_while_an_earlier_one_asks_for_a_part_of_it() {
    let later = ("later", None, "1");
    let mut world = World::new(&[later], &[("later", "1")]);
    assert_eq!(world.settle(0), ["in sync"], "nobody else asks for it");
    let mut world = World::new(&[("earlier", None, "12"), later], &[("later", "1")]);
    assert_eq!(world.settle(0), ["taken", "taken"]);
}

#[tokio::test(start_paused = true)]
async fn who_stops_asking_wakes_the_others_that_ask() {
    let mut world = World::new(&[("a", Some("1"), "1"), ("b", Some("2"), "12"), ("c", None, "3")], &[]);
    let wish = |asked: &str| Wish {
        realm: REALM.into(),
        age: ("000".into(), String::new()),
        generation: 1,
        is_claimed: false,
        is_suspended: false,
        ids: parts(asked).iter().map(|part| ExclusiveId::of(part)).collect(),
    };
    let a = ObjectKey::new("ns", "a");
    assert_eq!(world.wishes.set(&a, Some(wish("1"))), BTreeSet::new(), "nothing changed");
    assert_eq!(world.wishes.set(&a, Some(wish("9"))), [ObjectKey::new("ns", "b")].into());
    assert_eq!(world.wishes.set(&a, None), BTreeSet::new());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Eight parts, held by whom they may be and asked for by one each: the vendor never refuses, it comes to rest, and who is not in sync
    /// then waits for a standoff.
    #[test]
    fn moves_end_and_only_a_standoff_stays(
        held in proptest::collection::vec(0_usize..5, 8),
        asked in proptest::collection::vec(0_usize..5, 8),
        turn in 0_usize..4,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.expect("a runtime").block_on(async {
            let of = |owners: &[usize], one: usize| -> String {
                owners.iter().enumerate().filter(|(_, owner)| **owner == one).map(|(part, _)| part.to_string()).collect()
            };
            let names = ["a", "b", "c", "d"];
            let texts: Vec<(String, String)> = (0..4).map(|one| (of(&held, one), of(&asked, one))).collect();
            // Who asks for nothing is no connector, since that is no valid spec; what it holds nobody has.
            let connectors: Vec<_> = names
                .iter()
                .zip(&texts)
                .filter(|(_, (_, asked))| !asked.is_empty())
                .map(|(name, (held, asked))| (*name, Some(held.as_str()).filter(|held| !held.is_empty()), asked.as_str()))
                .collect();
            prop_assume!(!connectors.is_empty());
            let mut world = World::new(&connectors, &[]);
            let ends = world.settle(turn);
            let standoff = ends.iter().any(|end| end == "standoff");
            for end in &ends {
                prop_assert!(end == "in sync" || (standoff && (end == "waits" || end == "standoff")), "{connectors:?}: {ends:?}");
            }
            Ok(())
        })?;
    }
}
