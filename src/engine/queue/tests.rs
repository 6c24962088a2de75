//! The queue's laws: by example, and against random schedules.

use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const LANE: &str = "account";

fn queue() -> Queue<&'static str, &'static str> {
    Queue::new(2, 1)
}

fn popped(queue: &mut Queue<&'static str, &'static str>, now: Instant) -> Vec<&'static str> {
    std::iter::from_fn(|| queue.pop(now)).collect()
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_longest_goes_first_whatever_lane_it_is_in() {
    let (mut queue, now) = (queue(), Instant::now());
    for (key, lane) in [("b", LANE), ("c", "other"), ("a", LANE)] {
        queue.wake(&key, &lane, Cause::Changed, now);
    }
    queue.wake(&"a", &LANE, Cause::Changed, now);
    assert_eq!(popped(&mut queue, now), ["b", "c", "a"]);
}

#[tokio::test(start_paused = true)]
async fn a_wake_while_it_runs_runs_it_once_more_and_never_twice_at_once() {
    let (mut queue, now) = (queue(), Instant::now());
    queue.wake(&"a", &LANE, Cause::Changed, now);
    assert_eq!(queue.pop(now), Some("a"));
    queue.wake(&"a", &LANE, Cause::Remote, now);
    queue.wake(&"a", &LANE, Cause::Changed, now);
    assert_eq!(queue.pop(now), None);
    queue.done(&"a", Next::Wait, now);
    assert_eq!(popped(&mut queue, now), ["a"]);
    queue.done(&"a", Next::Wait, now);
    assert_eq!(queue.next_due(), None);
}

#[tokio::test(start_paused = true)]
async fn what_runs_knows_the_strongest_cause_that_woke_it() {
    let (mut queue, now) = (queue(), Instant::now());
    queue.wake(&"a", &LANE, Cause::Remote, now);
    queue.wake(&"a", &LANE, Cause::Changed, now);
    queue.wake(&"a", &LANE, Cause::Remote, now);
    queue.pop(now).expect("it is due");
    assert_eq!(queue.cause_of(&"a"), Some(Cause::Changed));
    queue.wake(&"a", &LANE, Cause::Dependency, now);
    assert_eq!(queue.cause_of(&"a"), Some(Cause::Changed), "it began before");
    queue.done(&"a", Next::Wait, now);
    assert_eq!(queue.cause_of(&"a"), Some(Cause::Dependency));
    queue.pop(now).expect("it is due");
    queue.done(&"a", Next::After(Duration::from_secs(1)), now);
    queue.pop(now + Duration::from_secs(1)).expect("its time has come");
    assert_eq!(queue.cause_of(&"a"), None);
}

#[tokio::test(start_paused = true)]
async fn a_change_ends_a_back_off_and_a_remote_change_respects_it() {
    let (mut queue, now) = (queue(), Instant::now());
    queue.wake(&"a", &LANE, Cause::Changed, now);
    queue.pop(now);
    queue.done(&"a", Next::BackOff, now);
    let retry = queue.next_due().expect("it is tried again");
    assert!(retry > now);
    queue.wake(&"a", &LANE, Cause::Remote, now);
    assert_eq!(
        queue.next_due(),
        Some(retry),
        "the list of the vendor that just failed is no reason to hurry"
    );
    queue.wake(&"a", &LANE, Cause::Dependency, now);
    assert_eq!(queue.next_due(), Some(now));
}

#[tokio::test(start_paused = true)]
async fn the_pause_grows_with_each_failure_and_starts_afresh_after_a_success() {
    let (mut queue, mut now) = (queue(), Instant::now());
    let mut pauses = Vec::new();
    queue.wake(&"a", &LANE, Cause::Changed, now);
    for _ in 0..12 {
        queue.pop(now).expect("it is due");
        queue.done(&"a", Next::BackOff, now);
        let due = queue.next_due().expect("it is tried again");
        pauses.push(due - now);
        now = due;
    }
    assert!(pauses[4] > 4 * pauses[0], "{pauses:?}");
    assert!(pauses.iter().all(|pause| *pause <= LONGEST_BACK_OFF.mul_f64(1.25)), "{pauses:?}");
    queue.pop(now);
    queue.done(&"a", Next::Wait, now);
    queue.wake(&"a", &LANE, Cause::Remote, now);
    queue.pop(now);
    queue.done(&"a", Next::BackOff, now);
    assert!(queue.next_due().expect("it is tried again") - now <= FIRST_BACK_OFF.mul_f64(1.25));
}

#[tokio::test(start_paused = true)]
async fn a_held_or_full_lane_stops_no_other() {
    let (mut queue, now) = (queue(), Instant::now());
    for key in ["a", "b", "c"] {
        queue.wake(&key, &LANE, Cause::Changed, now);
    }
    queue.wake(&"x", &"other", Cause::Changed, now);
    assert_eq!(popped(&mut queue, now), ["a", "b", "x"], "two of a lane at once");
    queue.done(&"a", Next::Wait, now);
    queue.hold(&LANE, now + Duration::from_secs(9));
    assert_eq!(queue.pop(now), None);
    assert_eq!(queue.next_due(), Some(now + Duration::from_secs(9)));
    assert_eq!(queue.pop(now + Duration::from_secs(9)), Some("c"));
}

#[tokio::test(start_paused = true)]
async fn an_earlier_wake_wins_over_a_timer_and_a_forgotten_key_never_runs() {
    let (mut queue, now) = (queue(), Instant::now());
    queue.wake(&"a", &LANE, Cause::Changed, now);
    queue.pop(now);
    queue.done(&"a", Next::After(Duration::from_mins(30)), now);
    queue.wake(&"a", &LANE, Cause::Remote, now);
    assert_eq!(queue.next_due(), Some(now));
    queue.forget(&"a");
    assert_eq!(queue.next_due(), None);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_moves_to_another_lane_is_still_there_once() {
    let (mut queue, now) = (queue(), Instant::now());
    queue.wake(&"a", &LANE, Cause::Changed, now);
    queue.wake(&"a", &"other", Cause::Changed, now);
    queue.hold(&LANE, now + Duration::from_mins(1));
    assert_eq!(popped(&mut queue, now), ["a"]);
    queue.done(&"a", Next::Wait, now);
    assert_eq!(queue.next_due(), None);
}

#[derive(Debug, Clone)]
enum Step {
    Wake(u8, u8, Cause),
    Pop,
    Done(Next),
    Hold(u8, u64),
    Pass(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let cause = prop_oneof![Just(Cause::Changed), Just(Cause::Dependency), Just(Cause::Remote)];
    let next = prop_oneof![
        Just(Next::Wait),
        Just(Next::BackOff),
        (0_u64..60).prop_map(|seconds| Next::After(Duration::from_secs(seconds)))
    ];
    let step = prop_oneof![
        (0_u8..6, 0_u8..3, cause).prop_map(|(key, lane, cause)| Step::Wake(key, lane, cause)),
        Just(Step::Pop),
        next.prop_map(Step::Done),
        (0_u8..3, 0_u64..20).prop_map(|(lane, seconds)| Step::Hold(lane, seconds)),
        (0_u64..10).prop_map(Step::Pass),
    ];
    prop::collection::vec(step, 0..80)
}

proptest! {
    /// Whatever happens in whatever order: no key runs twice at once, no lane runs more than it may or while it is held, and every
    /// wake is followed by a run.
    #[test]
    fn no_wake_is_lost_and_no_bound_is_broken(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = runtime.expect("a runtime");
        let _guard = runtime.enter();
        let mut now = Instant::now();
        let mut queue: Queue<u8, u8> = Queue::new(2, 7);
        let mut running: Vec<(u8, u8)> = Vec::new();
        let mut lane_of: BTreeMap<u8, u8> = BTreeMap::new();
        let mut held: BTreeMap<u8, Instant> = BTreeMap::new();
        let mut owed: BTreeSet<u8> = BTreeSet::new();
        for step in steps {
            match step {
                Step::Wake(key, lane, cause) => {
                    queue.wake(&key, &lane, cause, now);
                    owed.insert(key);
                    if !running.iter().any(|(running, _)| *running == key) {
                        lane_of.insert(key, lane);
                    }
                }
                Step::Pop => {
                    if let Some(key) = queue.pop(now) {
                        prop_assert!(!running.iter().any(|(running, _)| *running == key), "{key} runs twice");
                        let lane = lane_of[&key];
                        prop_assert!(held.get(&lane).is_none_or(|until| *until <= now), "lane {lane} is held");
                        running.push((key, lane));
                        prop_assert!(running.iter().filter(|(_, of)| *of == lane).count() <= 2, "lane {lane} is full");
                        owed.remove(&key);
                    }
                }
                Step::Done(next) => {
                    if let Some((key, _)) = running.pop() {
                        queue.done(&key, next, now);
                    }
                }
                Step::Hold(lane, seconds) => {
                    let until = now + Duration::from_secs(seconds);
                    queue.hold(&lane, until);
                    let known = held.entry(lane).or_insert(until);
                    *known = (*known).max(until);
                }
                Step::Pass(seconds) => now += Duration::from_secs(seconds),
            }
        }
        while !owed.is_empty() {
            if let Some(key) = queue.pop(now) {
                owed.remove(&key);
                queue.done(&key, Next::Wait, now);
            } else if let Some((key, _)) = running.pop() {
                queue.done(&key, Next::Wait, now);
            } else {
                now = queue.next_due().ok_or_else(|| TestCaseError::fail(format!("{owed:?} were lost")))?.max(now);
            }
        }
    }
}
