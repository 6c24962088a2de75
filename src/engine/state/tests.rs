//! The indexes over the cached objects.

use super::*;
use crate::engine::context::EngineSettings;
use crate::engine::lists::{Belief, belief};
use crate::engine::sharing::{connected, withdraw};
use crate::engine::toy::{Toy, ToyAccountSpec, exclusives_asked_for};
use crate::engine::vendor::Vendor;
use crate::remote::{Connection, ExclusiveId, TokenCache, Transport, TransportBody};
use crate::settings::AllowedHosts;
use kube::runtime::watcher::Event;
use serde_json::{Value, json};
use std::time::Duration;
use tower::BoxError;
use url::Url;

type Connector = Object<<Toy as Vendor>::Connector>;

/// What the operator knows where one account was connected.
fn with_account() -> State<Toy> {
    let nobody = tower::service_fn(|_: http::Request<bytes::Bytes>| async {
        Err::<http::Response<TransportBody>, BoxError>("a toy makes no calls".into())
    });
    let connection = Connection {
        transport: Transport::new(nobody),
        endpoint: Url::parse("https://toy.test").expect("a URL"),
        list_limit: 1,
        requests_per_minute: 1,
        observer: Arc::new(|_, _, _| {}),
        permits: Arc::new(|_, _| Err("no other URL is called".to_owned())),
        tokens: TokenCache::default(),
    };
    let spec = ToyAccountSpec::default();
    let client = Toy::connect(&spec, &[], connection).expect("a client");
    let view = AccountView {
        spec,
        scope: "toy.test".into(),
        remote: "toys".into(),
        realm: "toys".into(),
        reflector: Arc::new(Reflector::new(client, Duration::from_mins(1), Duration::ZERO)),
        usable: true,
    };
    let mut state = State::new(&[None], false);
    state.views.insert(ObjectKey::new("toys", "default"), view);
    state
}

/// The connector `bear` of this uid, which asks for these parts.
fn bear(uid: &str, version: u64, generation: i64, parts: &[&str]) -> Connector {
    let metadata = json!({
        "name": "bear", "namespace": "toys", "uid": uid, "generation": generation, "resourceVersion": version.to_string(),
    });
    let bear: Value = json!({"metadata": metadata, "spec": {"colour": "brown", "parts": parts}});
    serde_json::from_value(bear).expect("a connector")
}

#[test]
fn what_a_spec_asks_for_is_worked_out_once_a_generation() {
    let (mut state, key) = (with_account(), FingerprintKey::new(&[7; 32]));
    let name = ObjectKey::new("toys", "bear");
    let asks = |state: &State<Toy>, part: &str| {
        state.wishes.interested(&[ExclusiveId::of(part)], None).contains(&name)
    };
    state.connectors.take(&None, Event::Apply(bear("1", 1, 1, &["ear"])));
    state.index(&name, &key);
    assert!(asks(&state, "ear"));

    let before = exclusives_asked_for();
    state.fold(bear("1", 2, 1, &["ear"]), &key);
    state.fold(bear("1", 3, 1, &["ear"]), &key);
    assert_eq!(exclusives_asked_for(), before, "writes of our own change nothing of it");
    assert!(asks(&state, "ear"));

    state.fold(bear("1", 4, 2, &["paw"]), &key);
    assert!(asks(&state, "paw") && !asks(&state, "ear"), "the spec was edited");

    state.fold(bear("2", 5, 2, &["nose"]), &key);
    assert!(asks(&state, "nose") && !asks(&state, "paw"), "it was deleted and created again");
}

#[tokio::test]
async fn a_list_of_which_the_run_loop_has_not_heard_yet_is_judged_before_anybody_plans_by_it() {
    let (mut state, key) = (with_account(), FingerprintKey::new(&[7; 32]));
    for number in 0..3 {
        let name = format!("bear-{number}");
        let metadata = json!({"name": name, "namespace": "toys", "uid": name, "generation": 1});
        let status = json!({"scope": "toy.test", "remote": {"name": name, "colour": "brown", "password_changed_at": null}});
        let bear = json!({"metadata": metadata, "spec": {"colour": "brown"}, "status": status});
        let bear: Connector = serde_json::from_value(bear).expect("a connector");
        state.connectors.take(&None, Event::Apply(bear));
        state.index(&ObjectKey::new("toys", &name), &key);
    }
    let view = state.views[&ObjectKey::new("toys", "default")].clone();
    let reflector = view.reflector.clone();
    let task = tokio::spawn(std::future::pending::<()>()).abort_handle();
    let accounts = [ObjectKey::new("toys", "default")].into();
    state
        .remotes
        .insert("toys".into(), Remote { accounts, ..Remote::new("toys".into(), reflector.clone(), task) });

    let ticket = reflector.snapshot().begin_list(Instant::now());
    reflector.snapshot().apply(ticket, Vec::new());
    let judged = belief(&mut state, &view, &reflector.snapshot());
    assert_eq!(judged, Belief::Shrunk, "all of three are missing");
    state.remotes.clear();
    assert_eq!(belief(&mut state, &view, &reflector.snapshot()), Belief::Replaced);
}

/// The connector `name`, created in this year, under this policy, whose status records `bear`.
fn recording_bear(name: &str, year: u16, policy: &str, version: u64) -> Connector {
    let metadata = json!({
        "name": name, "namespace": "toys", "uid": name, "generation": version, "resourceVersion": version.to_string(),
        "creationTimestamp": format!("{year}-01-01T00:00:00Z"),
    });
    let spec = json!({"name": "bear", "colour": "brown", "management_policy": policy});
    let status = json!({"scope": "toy.test", "remote": {"name": "bear", "colour": "brown", "password_changed_at": null}});
    let connector = json!({"metadata": metadata, "spec": spec, "status": status});
    serde_json::from_value(connector).expect("a connector")
}

/// What the watch tells; who has to look again because of it.
fn learn(state: &mut State<Toy>, connector: Connector) -> BTreeSet<ObjectKey> {
    let name = connector.key();
    state.connectors.take(&None, Event::Apply(connector));
    state.index(&name, &FingerprintKey::new(&[7; 32]))
}

#[test]
fn who_only_looks_at_its_object_hears_when_another_takes_it_over() {
    let mut state = with_account();
    let (older, younger) = (ObjectKey::new("toys", "older"), ObjectKey::new("toys", "younger"));
    learn(&mut state, recording_bear("older", 2025, "Observe", 1));
    let woken = learn(&mut state, recording_bear("younger", 2026, "Manage", 2));
    assert_eq!(woken, [older].into(), "its record is not its own any more");
    let woken = learn(&mut state, recording_bear("younger", 2026, "Manage", 3));
    assert!(woken.is_empty(), "and that is no news the next time: {woken:?}");
    assert_eq!(state.stakes.holder("toys", &"bear".into()).map(|holder| &holder.connector), Some(&younger));
}

#[test]
fn what_one_records_at_another_place_gives_it_nothing_at_this_one() {
    let mut state = with_account();
    let mut moved = recording_bear("older", 2025, "Manage", 1);
    moved.status.scope = Some("elsewhere.test".into());
    learn(&mut state, moved);
    let holder = state.stakes.holder("toys", &"bear".into());
    assert!(holder.is_none(), "the bear here is another one: {holder:?}");
}

#[test]
fn what_one_records_that_is_being_deleted_is_the_others_who_records_it_too() {
    let mut state = with_account();
    let holder = |state: &State<Toy>| {
        state.stakes.holder("toys", &"bear".into()).map(|holder| holder.connector.name.clone())
    };
    learn(&mut state, recording_bear("older", 2025, "Manage", 1));
    learn(&mut state, recording_bear("younger", 2026, "Manage", 2));
    assert_eq!(holder(&state).as_deref(), Some("older"));
    let mut leaving = recording_bear("older", 2025, "Manage", 3);
    leaving.metadata.deletion_timestamp =
        recording_bear("older", 2026, "Manage", 3).metadata.creation_timestamp;
    learn(&mut state, leaving);
    assert_eq!(holder(&state).as_deref(), Some("younger"), "or it would be deleted under its hands");
}

#[test]
fn who_uses_a_suspended_account_gives_nothing_up_and_takes_nothing() {
    let (mut state, key) = (with_account(), FingerprintKey::new(&[7; 32]));
    let name = ObjectKey::new("toys", "bear");
    let mut account_is = |suspended: bool, version: u64| {
        let metadata = json!({"name": "default", "namespace": "toys", "uid": "a", "generation": version, "resourceVersion": version.to_string()});
        let account = json!({"metadata": metadata, "spec": {"suspend": suspended}});
        let account: Object<<Toy as Vendor>::Account> = serde_json::from_value(account).expect("an account");
        state.accounts.take(&None, Event::Apply(account));
        state.connectors.take(&None, Event::Apply(bear("1", 1, 1, &["ear"])));
        state.index(&name, &key);
        state.wishes.of(&name).is_some_and(|wish| wish.is_suspended)
    };
    assert!(!account_is(false, 1));
    assert!(account_is(true, 2));
    assert!(!account_is(false, 3));
}

#[tokio::test]
async fn an_account_that_leaves_a_remote_no_longer_sets_its_pace() {
    let minute = Duration::from_mins(1);
    let settings = EngineSettings {
        watch_namespaces: Vec::new(),
        concurrency: 1,
        resync_interval: minute,
        request_timeout: minute,
        consistency_allowance: minute,
        list_size_limit: 1,
        allowed_hosts: AllowedHosts::parse(&[]).expect("no host"),
        allow_insecure_endpoints: false,
        secrets_watch: false,
        namespaces_watch: false,
    };
    let mut state = with_account();
    let [slow, hasty] = ["default", "hasty"].map(|name| ObjectKey::new("toys", name));
    let view = state.views[&slow].clone();
    let remote = |accounts: &[&ObjectKey]| {
        let task = tokio::spawn(std::future::pending::<()>()).abort_handle();
        let accounts = accounts.iter().map(|key| (*key).clone()).collect();
        Remote { accounts, ..Remote::new("toys".into(), view.reflector.clone(), task) }
    };
    let spec = ToyAccountSpec { resync_seconds: Some(10), ..ToyAccountSpec::default() };
    let hurried = AccountView { spec, ..view.clone() };
    let interval = || view.reflector.interval();
    let joins = |state: &mut State<Toy>| {
        state.remotes.insert("toys".into(), remote(&[&slow, &hasty]));
        connected(state, &hasty, &hurried, &settings);
        assert_eq!(interval(), Duration::from_secs(10));
    };

    joins(&mut state);
    withdraw(&mut state, &hasty, &settings);
    assert_eq!(interval(), minute, "it cannot be used any more");

    joins(&mut state);
    let other = with_account().views.remove(&slow).expect("a view of another remote");
    let moved = AccountView { remote: "others".into(), ..other };
    connected(&mut state, &hasty, &moved, &settings);
    assert_eq!(interval(), minute, "it has another key now");
    assert_eq!(state.remotes["toys"].accounts, [slow].into());
}
