//! The plan's promises, one situation each, told with toys.

use super::*;
use crate::api::SecretStatus;
use crate::engine::claims::Hold;
use crate::engine::secret_facts::Declared;
use crate::engine::toy::{Toy, ToyConnectorSpec, ToyThing};
use crate::engine::vendor::SecretState;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;

/// A connector `plant-a` that wants to be red, managed, with nothing recorded, against a vendor that was listed twice.
struct Situation {
    me: ObjectKey,
    spec: ToyConnectorSpec,
    adoption: AdoptionPolicy,
    recorded: Option<&'static str>,
    renaming_to: Option<&'static str>,
    claimed: Option<&'static str>,
    winner: Option<Stake>,
    is_anothers: bool,
    listed: Vec<ToyThing>,
    lists: u32,
    secrets: SecretFacts,
    convergence: Convergence,
    absence_from: Instant,
}

fn thing(name: &str, colour: &str) -> ToyThing {
    ToyThing { name: name.into(), colour: colour.into(), ..ToyThing::default() }
}

fn situation() -> Situation {
    Situation {
        me: ObjectKey::new("iot", "plant-a"),
        spec: ToyConnectorSpec { colour: "red".into(), ..ToyConnectorSpec::default() },
        adoption: AdoptionPolicy::IfIdentical,
        recorded: None,
        renaming_to: None,
        claimed: None,
        winner: None,
        is_anothers: false,
        listed: Vec::new(),
        lists: 2,
        secrets: SecretFacts { overwrite_drift: true, ..SecretFacts::default() },
        convergence: Convergence::default(),
        absence_from: Instant::now(),
    }
}

impl Situation {
    fn plan(&self) -> Plan {
        let mut snapshot = Snapshot::new(Duration::ZERO);
        for _ in 0..self.lists {
            let ticket = snapshot.begin_list(Instant::now());
            snapshot.apply(ticket, self.listed.clone());
        }
        let facts = Facts::<Toy> {
            me: &self.me,
            spec: &self.spec,
            policy: self.spec.management_policy,
            adoption: self.adoption,
            consents_to_clearing: self.adoption == AdoptionPolicy::Always,
            own: Own {
                recorded: self.recorded.map(Identity::from),
                renaming_to: self.renaming_to.map(Identity::from),
                claimed: self.claimed.map(str::to_owned),
            },
            claim_is_anothers: false,
            winner: self.winner.clone().map(|winner| ("plant-a".into(), winner)),
            is_anothers: self.is_anothers,
            keeper: None,
            contest: Contest::default(),
            when_absent: WhenAbsent::Create,
            snapshot: &snapshot,
            secrets: &self.secrets,
            absence_from: self.absence_from,
        };
        plan(&facts, &self.convergence)
    }

    /// The plan in a word or two, for a test that is not about its details.
    fn in_short(&self) -> String {
        match self.plan() {
            Plan::InSync { identity, bond } => format!("in sync with {identity}, {bond:?}"),
            Plan::Create(_) => "create".into(),
            Plan::Forget(_) => "forget".into(),
            Plan::Update(update) => {
                let fields: Vec<&str> = update.changes.iter().map(|change| change.field).collect();
                format!("update {} of {}, {:?}", fields.join("+"), update.identity, update.bond)
            }
            Plan::Drop(stale) => format!("drop {stale:?}"),
            Plan::Shown { identity, changes } => format!("show {identity:?} with {} changes", changes.len()),
            Plan::Wait(waiting) => format!("wait {}", word(&format!("{waiting:?}"))),
            Plan::Blocked(blocked) => format!("blocked {}", word(&format!("{blocked:?}"))),
        }
    }
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphabetic()).collect()
}

#[tokio::test(start_paused = true)]
async fn nothing_is_decided_before_the_first_list_and_one_list_is_enough_to_create() {
    assert_eq!(Situation { lists: 0, ..situation() }.in_short(), "wait ForList");
    assert_eq!(Situation { lists: 1, ..situation() }.in_short(), "create");
}

#[tokio::test(start_paused = true)]
async fn what_is_recorded_is_kept_equal_to_the_spec() {
    let recorded = |colour| Situation {
        recorded: Some("plant-a"),
        listed: vec![thing("plant-a", colour)],
        ..situation()
    };
    assert_eq!(recorded("red").in_short(), "in sync with plant-a, Recorded");
    assert_eq!(recorded("blue").in_short(), "update colour of plant-a, Recorded");
}

#[tokio::test(start_paused = true)]
async fn what_the_vendor_is_still_at_work_on_is_left_alone_and_what_it_lists_as_gone_is_made_again() {
    let in_state = |state: &str, recorded| Situation {
        recorded,
        listed: vec![ToyThing { state: state.into(), ..thing("plant-a", "blue") }],
        ..situation()
    };
    for (state, recorded, expected) in [
        ("arriving", Some("plant-a"), "wait ForVendor"),
        ("leaving", Some("plant-a"), "wait ForVendor"),
        ("gone", Some("plant-a"), "forget"),
        ("arriving", None, "wait ForVendor"),
        ("", Some("plant-a"), "update colour of plant-a, Recorded"),
    ] {
        assert_eq!(in_state(state, recorded).in_short(), expected, "{state}, recorded: {recorded:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_may_take_nothing_over_is_told_so_at_once() {
    let there = Situation {
        adoption: AdoptionPolicy::Never,
        listed: vec![ToyThing { state: "arriving".into(), ..thing("plant-a", "red") }],
        ..situation()
    };
    assert_eq!(there.in_short(), "blocked NotAdoptable", "it does not wait for what it may not have");
}

#[tokio::test(start_paused = true)]
async fn a_strangers_object_is_taken_over_as_far_as_the_policy_says() {
    use AdoptionPolicy::{Always, IfIdentical, Never};
    for (adoption, colour, expected) in [
        (IfIdentical, "red", "in sync with plant-a, Adopted"),
        (IfIdentical, "blue", "blocked NotAdoptable"),
        (Always, "blue", "update colour of plant-a, Adopted"),
        (Never, "red", "blocked NotAdoptable"),
    ] {
        let there = Situation { adoption, listed: vec![thing("plant-a", colour)], ..situation() };
        assert_eq!(there.in_short(), expected, "{adoption:?}, {colour}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_declared_secret_cannot_be_compared_and_so_is_a_difference() {
    let mut there = Situation { listed: vec![thing("plant-a", "red")], ..situation() };
    there.secrets.declared.insert("password", Declared { path: "password", fingerprint: "f".into() });
    assert_eq!(there.in_short(), "blocked NotAdoptable");
    there.adoption = AdoptionPolicy::Always;
    assert_eq!(there.in_short(), "update password of plant-a, Adopted");
}

#[tokio::test(start_paused = true)]
async fn what_matches_an_open_claim_is_ours_without_an_adoption_check() {
    let crashed = Situation {
        claimed: Some("plant-a"),
        adoption: AdoptionPolicy::Never,
        listed: vec![thing("plant-a", "blue")],
        ..situation()
    };
    assert_eq!(crashed.in_short(), "update colour of plant-a, Claimed");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_created_again_before_its_absence_is_proven() {
    let gone = |lists, seconds_ahead| Situation {
        recorded: Some("plant-a"),
        lists,
        absence_from: Instant::now() + Duration::from_secs(seconds_ahead),
        ..situation()
    };
    assert_eq!(gone(1, 0).in_short(), "wait ForAbsence", "one list could be a passing mistake");
    assert_eq!(gone(2, 30).in_short(), "wait ForAbsence", "both lists were sent too soon after our write");
    assert_eq!(gone(2, 0).in_short(), "forget", "the identity leaves the status first");
    let claimed = Situation { claimed: Some("plant-a"), lists: 1, ..situation() };
    assert_eq!(claimed.in_short(), "wait ForAbsence", "the create may still come to light");
    assert_eq!(Situation { lists: 2, ..claimed }.in_short(), "create");
}

#[tokio::test(start_paused = true)]
async fn an_open_claim_on_an_older_name_is_settled_before_another_is_made() {
    let mut edited = Situation { claimed: Some("old-name"), lists: 1, ..situation() };
    assert_eq!(edited.in_short(), "wait ForAbsence");
    edited.listed = vec![thing("old-name", "red")];
    assert_eq!(edited.in_short(), "update name of old-name, Claimed", "it is ours, so it is renamed");
    let mut settled = Situation { lists: 2, listed: Vec::new(), ..edited };
    assert_eq!(settled.in_short(), "create", "its claim replaces the old one");
    settled.listed = vec![thing("plant-a", "blue")];
    assert_eq!(settled.in_short(), "drop Claim", "nothing replaces it, so it would pass for ours one day");
    settled.claimed = None;
    assert_eq!(settled.in_short(), "blocked NotAdoptable", "the new name is a stranger's");
}

#[tokio::test(start_paused = true)]
async fn who_only_looks_sees_what_the_spec_means_where_what_was_its_own_is_gone() {
    let mut left = Situation { listed: vec![thing("plant-a", "blue")], ..situation() };
    left.spec.management_policy = ManagementPolicy::Observe;
    assert_eq!(left.in_short(), "show Some(Identity(\"plant-a\")) with 1 changes");
    let claimed = Situation { claimed: Some("old-name"), ..left };
    assert_eq!(claimed.in_short(), "drop Claim", "it came to nothing");
    let doubted = Situation { lists: 1, ..claimed };
    assert_eq!(doubted.in_short(), "wait ForAbsence", "it may still come to light");
    let recorded = Situation { claimed: None, lists: 2, recorded: Some("old-name"), ..doubted };
    assert_eq!(recorded.in_short(), "show Some(Identity(\"plant-a\")) with 1 changes", "what it had is gone");
}

#[tokio::test(start_paused = true)]
async fn a_rename_is_followed_wherever_it_was_interrupted() {
    let renaming = |listed, seconds_ahead| {
        let absence_from = Instant::now() + Duration::from_secs(seconds_ahead);
        let (recorded, renaming_to) = (Some("old"), Some("plant-a"));
        Situation { recorded, renaming_to, listed, absence_from, ..situation() }.in_short()
    };
    let (old, new) = (|| thing("old", "red"), || thing("plant-a", "red"));
    assert_eq!(renaming(vec![old()], 30), "update name of old, Recorded", "it may not have been sent");
    assert_eq!(renaming(vec![old()], 0), "update name of old, Recorded", "it was not applied");
    assert_eq!(renaming(vec![new()], 0), "in sync with plant-a, Recorded", "it was applied");
    assert_eq!(
        renaming(vec![old(), new()], 30),
        "wait ForRename",
        "a list may show the old name for a while"
    );
    assert_eq!(renaming(vec![old(), new()], 0), "drop Rename", "somebody else was quicker");
    assert_eq!(renaming(Vec::new(), 0), "forget");
}

#[tokio::test(start_paused = true)]
async fn a_rename_in_doubt_is_settled_before_anything_else_is_done() {
    let doubted = |name: &str, seconds_ahead| {
        let absence_from = Instant::now() + Duration::from_secs(seconds_ahead);
        let listed = vec![thing("plant-a", "red")];
        let mut doubted = Situation {
            recorded: Some("plant-a"),
            renaming_to: Some("plant-z"),
            listed,
            absence_from,
            ..situation()
        };
        doubted.spec.name = Some(name.into());
        doubted.in_short()
    };
    assert_eq!(doubted("plant-z", 30), "update name of plant-a, Recorded", "the same may be sent again");
    assert_eq!(doubted("plant-y", 30), "wait ForRename", "it may be plant-z by now");
    assert_eq!(doubted("plant-a", 30), "wait ForRename", "and so it may after a change of mind");
    assert_eq!(doubted("plant-z", 0), "update name of plant-a, Recorded", "it is still asked for");
    assert_eq!(doubted("plant-y", 0), "drop Rename", "it is still where it was");
    assert_eq!(doubted("plant-a", 0), "drop Rename");
}

#[tokio::test(start_paused = true)]
async fn onto_a_taken_name_nothing_is_renamed_whatever_the_policy() {
    for adoption in [AdoptionPolicy::Always, AdoptionPolicy::IfIdentical, AdoptionPolicy::Never] {
        let listed = vec![thing("old", "red"), thing("plant-a", "red")];
        let taken = Situation { recorded: Some("old"), adoption, listed, ..situation() };
        assert_eq!(taken.in_short(), "blocked NameTaken");
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_is_not_the_winner_writes_nothing() {
    let other = Stake {
        connector: ObjectKey::new("iot", "older"),
        age: Default::default(),
        hold: Hold::Recorded,
        wants: true,
    };
    for listed in [Vec::new(), vec![thing("plant-a", "blue")]] {
        let loser = Situation {
            winner: Some(other.clone()),
            adoption: AdoptionPolicy::Always,
            listed,
            ..situation()
        };
        assert_eq!(loser.in_short(), "blocked HeldBy");
    }
}

#[tokio::test(start_paused = true)]
async fn two_objects_of_one_name_are_reported_and_never_touched() {
    let listed = vec![thing("plant-a", "red"), thing("plant-a", "blue")];
    let twins = Situation { recorded: Some("plant-a"), listed, ..situation() };
    assert_eq!(twins.in_short(), "blocked Ambiguous");
}

#[tokio::test(start_paused = true)]
async fn an_update_that_might_clear_an_undeclared_secret_needs_consent() {
    let mut risky =
        Situation { recorded: Some("plant-a"), listed: vec![thing("plant-a", "red")], ..situation() };
    risky.spec.colour = "transparent".into();
    assert_eq!(risky.in_short(), "blocked WouldClearSecret");
    risky.adoption = AdoptionPolicy::Always;
    assert_eq!(risky.in_short(), "update colour of plant-a, Recorded");
}

#[tokio::test(start_paused = true)]
async fn what_was_written_in_vain_is_left_out_and_the_rest_is_still_written() {
    let mut fought =
        Situation { recorded: Some("plant-a"), listed: vec![thing("plant-a", "blue")], ..situation() };
    let colour = [Change::shown("colour", None, Some("red".into()))];
    for list in 1..=3 {
        fought.convergence.wrote(&colour, list - 1, Instant::now());
        fought.convergence.saw(&colour, list, Instant::now());
    }
    assert_eq!(fought.in_short(), "blocked NotConverging");
    fought.spec.name = Some("new-name".into());
    assert_eq!(fought.in_short(), "update name of plant-a, Recorded");
}

#[tokio::test(start_paused = true)]
async fn a_secret_is_sent_when_it_rotated_moved_or_fell() {
    let facts = |recorded: SecretStatus| SecretFacts {
        declared: [("password", Declared { path: "password", fingerprint: "new".into() })].into(),
        recorded: [("password".to_owned(), recorded)].into(),
        overwrite_drift: true,
    };
    let recorded = |fingerprint: &str| SecretStatus {
        is_set: true,
        last_updated_at: Some("t1".into()),
        fingerprint: Some(fingerprint.into()),
    };
    let seen = |is_set, at: &str| {
        let state = SecretState { is_set, last_updated_at: Some(at.into()) };
        BTreeMap::from([("password".to_owned(), state)])
    };
    let why =
        |facts: SecretFacts, seen| secret_differences(&facts, &seen).into_iter().map(|(_, why)| why).next();
    assert_eq!(why(facts(recorded("new")), seen(true, "t1")), None);
    assert_eq!(why(facts(recorded("old")), seen(true, "t1")), Some(SecretDifference::Undelivered), "rotated");
    assert_eq!(
        why(facts(recorded("new")), seen(true, "t2")),
        Some(SecretDifference::Drifted),
        "its time moved"
    );
    assert_eq!(
        why(facts(recorded("new")), seen(false, "t1")),
        Some(SecretDifference::Drifted),
        "it is no longer set"
    );
    assert_eq!(why(facts(recorded("new")), BTreeMap::new()), None, "a vendor that tells nothing is believed");
}

#[test]
fn a_date_that_our_own_write_of_something_else_moves_is_no_drift() {
    let at = |time: &str| SecretState { is_set: true, last_updated_at: Some(time.into()) };
    let told = |time| BTreeMap::from([("key".to_owned(), at(time))]);
    let known =
        SecretStatus { is_set: true, last_updated_at: Some("t1".into()), fingerprint: Some("same".into()) };
    let facts = SecretFacts {
        declared: BTreeMap::from([("key", Declared { path: "options.key", fingerprint: "same".into() })]),
        recorded: BTreeMap::from([("key".to_owned(), known)]),
        overwrite_drift: true,
    };
    let after = |before, after| {
        secret_differences(&facts.after_another_write(&told(before), &told(after)), &told(after))
    };
    assert_eq!(after("t1", "t2"), [], "our write moved it");
    let drifted = [("options.key", SecretDifference::Drifted)];
    assert_eq!(after("t0", "t2"), drifted, "somebody had moved it before");
}

#[tokio::test(start_paused = true)]
async fn an_object_that_has_come_to_be_anothers_is_forgotten_and_never_written_to() {
    let mut situation =
        Situation { recorded: Some("old"), listed: vec![thing("old", "blue")], ..situation() };
    assert!(matches!(situation.plan(), Plan::Update(_)), "as long as it is its own: {:?}", situation.plan());
    situation.is_anothers = true;
    assert!(matches!(situation.plan(), Plan::Forget(_)), "{:?}", situation.plan());
}

proptest! {
    /// By type a plan that writes cannot be built without leave; this holds the leave to the policy.
    #[test]
    fn under_observe_and_plan_no_situation_leads_to_a_write(
        observe in any::<bool>(),
        recorded in prop::option::of(prop::sample::select(vec!["plant-a", "old"])),
        renaming_to in prop::option::of(prop::sample::select(vec!["plant-a", "new"])),
        claimed in prop::option::of(prop::sample::select(vec!["plant-a", "old"])),
        names in prop::collection::vec((prop::sample::select(vec!["plant-a", "old", "new"]), prop::sample::select(vec!["red", "blue"])), 0..4),
        lists in 0_u32..4,
        always in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = runtime.expect("a runtime");
        let _guard = runtime.enter();
        let mut any = Situation {
            recorded, renaming_to, claimed, lists,
            listed: names.iter().map(|(name, colour)| thing(name, colour)).collect(),
            adoption: if always { AdoptionPolicy::Always } else { AdoptionPolicy::IfIdentical },
            ..situation()
        };
        any.spec.management_policy = if observe { ManagementPolicy::Observe } else { ManagementPolicy::Plan };
        let plan = any.plan();
        let looks = matches!(plan, Plan::Shown { .. } | Plan::Wait(Waiting::ForList));
        prop_assert!(looks || matches!(plan, Plan::Drop(_) | Plan::Wait(Waiting::ForAbsence(_))), "{plan:?}");
    }
}
