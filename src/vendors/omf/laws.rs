//! The laws of design.md on the real wire code of OMF, against the emulator without a socket: apply, observe, plan is in sync; a write takes nothing
//! from the connection that the spec does not own; whatever the answers to the open questions are.

use super::*;
use crate::emulator::{Configuration, DEFAULT_OMF_TOKEN, Emulator};
use crate::engine::vendor::SecretValues;
use crate::remote::{Source, Transport};
use crate::vendors::in_process::{WHOLE, answering, connection, in_paused_time, transport};
use proptest::prelude::*;
use serde_json::json;
use std::time::Duration;
use tokio::time::{Instant, sleep};

const CLIENTS: [&str; 4] = [
    "d6b178a4-0de5-4c30-8ba7-0a84751be854",
    "FEECF1D0-B366-4A8B-91D2-92BEE976686E",
    "gateway-7",
    "Gateway-8",
];
/// Longer than the emulator makes or takes away anything.
const VENDORS_TIME: Duration = Duration::from_secs(5);

fn client(switches: &[(String, String)]) -> Client {
    let configuration = Configuration { switches: switches.to_vec(), ..Configuration::default() };
    let emulator = Emulator::new(configuration).expect("an emulator").connect();
    client_over(transport(emulator))
}

fn client_over(transport: Transport) -> Client {
    let connection = connection(transport, WHOLE);
    let account: OmfAccountSpec = serde_json::from_value(json!({
        "endpoint": "http://emulator",
        "tenantId": "6a2b3c4d-0000-0000-0000-000000000001",
        "namespaceId": "production",
        "tokenSecretRef": {"name": "token"},
    }))
    .expect("an account");
    Client::connect(&account, &[SecretString::from(DEFAULT_OMF_TOKEN)], connection).expect("a client")
}

fn spec() -> impl Strategy<Value = OmfConnectionSpec> {
    let words = || prop::option::of("|[a-c]{1,3}|Zeile 7 – Süd");
    let name = prop::option::of("[a-c]{1,3}");
    let clients = prop::sample::subsequence(CLIENTS.to_vec(), 1..=CLIENTS.len());
    let spelled = prop::collection::vec(any::<bool>(), CLIENTS.len());
    (name, words(), clients.prop_shuffle(), spelled).prop_map(|(name, description, clients, lower)| {
        let one = |(client, lower): (&str, bool)| {
            if lower { client.to_lowercase() } else { client.to_uppercase() }
        };
        let clients: Vec<String> = clients.into_iter().zip(lower).map(one).collect();
        let spec = json!({"name": name, "description": description, "clientIds": clients});
        serde_json::from_value(spec).expect("a spec")
    })
}

/// Every answer to every question that changes what is read back, some at a time.
fn switches() -> impl Strategy<Value = Vec<(String, String)>> {
    let one = prop::sample::select(vec![
        ("omf.create-reply", "active"),
        ("omf.delete-reply", "empty"),
        ("omf.list-shape", "bare-array"),
        ("omf.empty-list", "null"),
        ("omf.valueless", "absent"),
        ("omf.client-id-case", "lower"),
        ("omf.client-id-case", "upper"),
        ("omf.client-id-order", "sorted"),
        ("omf.repeated-client-id", "kept"),
        ("omf.client-ids-freed", "at-once"),
        ("omf.client-ids-freed", "when-gone"),
        ("omf.put-under-way", "409"),
        ("omf.deleted-row", "vanishes"),
        ("omf.deleted-row", "stays"),
        ("omf.list-order", "shuffled"),
    ]);
    prop::collection::vec(one, 0..4).prop_map(|chosen| {
        let chosen: BTreeMap<&str, &str> = chosen.into_iter().collect();
        chosen.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    })
}

async fn observed(client: &Client, identity: &Identity) -> Entry<Connection> {
    let mut snapshot = Snapshot::new(Duration::ZERO);
    let ticket = snapshot.begin_list(Instant::now());
    snapshot.apply(ticket, client.list().await.expect("a list"));
    snapshot.get(identity.as_str()).unwrap_or_else(|| panic!("{identity} is not listed")).clone()
}

static NOTHING: Withheld = Withheld::new();
static NO_SECRETS: SecretValues = SecretValues::new();

fn desired(spec: &OmfConnectionSpec) -> Desired<'_, OmfConnectionSpec> {
    Desired { object_name: "line-7", spec, withheld: &NOTHING, secrets: &NO_SECRETS }
}

/// Creates it, and waits until the vendor is done.
async fn created(client: &Client, spec: &OmfConnectionSpec) -> Entry<Connection> {
    let created = Omf::create(client, &desired(spec)).await.expect("a create");
    sleep(VENDORS_TIME).await;
    observed(client, &created.identity()).await
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn apply_then_observe_then_plan_is_in_sync(before in spec(), after in spec(), switches in switches()) {
        in_paused_time(async {
            let client = client(&switches);
            let entry = created(&client, &before).await;
            assert_eq!(Omf::changes(&before, "line-7", &NOTHING, &entry.item), [], "created with {switches:?}");
            let changes = Omf::changes(&after, "line-7", &NOTHING, &entry.item);
            if !changes.is_empty() {
                let updated = Omf::update(&client, &entry, &desired(&after), &changes).await;
                let Ok(Updated::Written(answer)) = updated else { panic!("not written: {updated:?}") };
                assert!(Omf::is_meant(&desired(&after), Some(&entry.item.identity()), &answer));
            }
            let entry = observed(&client, &entry.item.identity()).await;
            assert_eq!(Omf::changes(&after, "line-7", &NOTHING, &entry.item), [], "updated with {switches:?}");
        });
    }

    #[test]
    fn a_write_takes_nothing_that_the_spec_does_not_own(owner in spec(), other in spec(), switches in switches()) {
        in_paused_time(async {
            let client = client(&switches);
            let entry = created(&client, &owner).await;
            let changes = Omf::changes(&other, "line-7", &NOTHING, &entry.item);
            for change in &changes {
                let is_owned = change.field != "description" || other.description.is_some();
                assert!(is_owned, "{change:?} is not in {other:?}");
            }
            if !changes.is_empty() {
                Omf::update(&client, &entry, &desired(&other), &changes).await.expect("an update");
            }
            let after = observed(&client, &entry.item.identity()).await;
            let kept = other.description.as_deref().or(owner.description.as_deref()).unwrap_or_default();
            assert_eq!(after.item.description.as_deref().unwrap_or_default(), kept, "with {switches:?}");
        });
    }

    #[test]
    fn what_was_created_is_found_again_by_its_claim_and_by_nothing_less(
        spec in spec(), other in spec(), switches in switches(),
    ) {
        in_paused_time(async {
            let client = client(&switches);
            let entry = created(&client, &spec).await;
            let mut snapshot = Snapshot::new(Duration::ZERO);
            let ticket = snapshot.begin_list(Instant::now());
            snapshot.apply(ticket, client.list().await.expect("a list"));
            let found = |spec: &OmfConnectionSpec| Omf::find_claimed(&Omf::claim(spec, ""), &snapshot);
            assert_eq!(found(&spec), Some(entry.item.identity()), "with {switches:?}");
            let is_same = declared::client_ids(&spec) == declared::client_ids(&other);
            assert_eq!(found(&other).is_some(), is_same, "{spec:?} and {other:?}");
            assert_eq!(Omf::find(&other, "", &snapshot).is_some(), is_same, "{spec:?} and {other:?}");
        });
    }

    #[test]
    fn what_is_withheld_is_not_sent(spec in spec(), withheld in prop::sample::select(CLIENTS.to_vec())) {
        in_paused_time(async {
            let client = client(&[]);
            let withheld: Withheld = [client_ids::exclusive(withheld)].into();
            let desired = Desired { withheld: &withheld, ..desired(&spec) };
            let created = Omf::create(&client, &desired).await.expect("a create");
            let there = created.exclusive();
            assert!(there.iter().all(|id| !withheld.contains(id)), "{created:?}");
            let asked = Omf::exclusive(&spec).into_iter().filter(|(id, _)| !withheld.contains(id)).count();
            assert_eq!(there.len(), asked);
            assert_eq!(Omf::changes(&spec, "line-7", &withheld, &created), []);
        });
    }
}

#[test]
fn a_connection_that_was_deleted_is_gone_in_the_end_however_it_is_listed() {
    for (name, value) in
        [("omf.deleted-row", "passes"), ("omf.deleted-row", "stays"), ("omf.delete-reply", "empty")]
    {
        in_paused_time(async {
            let client = client(&[(name.to_owned(), value.to_owned())]);
            let spec: OmfConnectionSpec =
                serde_json::from_value(json!({"clientIds": [CLIENTS[0]]})).expect("a spec");
            let entry = created(&client, &spec).await;
            let Deletion::Accepted(left) = Omf::delete(&client, &entry).await.expect("a delete") else {
                panic!("it takes its time")
            };
            assert_eq!(Omf::phase(&left), Phase::Leaving);
            sleep(VENDORS_TIME).await;
            let rows = client.list().await.expect("a list");
            assert!(rows.iter().all(|row| Omf::phase(row) == Phase::Gone), "{rows:?}");
        });
    }
}

fn spec_of(client_ids: &[&str]) -> OmfConnectionSpec {
    serde_json::from_value(json!({"clientIds": client_ids})).expect("a spec")
}

#[test]
fn a_client_that_stands_there_twice_is_asked_for_once() {
    let spec = spec_of(&["Gateway-8", CLIENTS[0], "gateway-8", &CLIENTS[0].to_uppercase(), "gateway-7"]);
    let asked: Vec<&str> = Omf::exclusive(&spec).into_iter().map(|(_, label)| label).collect();
    assert_eq!(asked, ["Gateway-8", CLIENTS[0], "gateway-7"]);
}

#[test]
fn a_client_that_stands_there_twice_is_sent_once() {
    let spec = spec_of(&["Gateway-8", CLIENTS[0], "gateway-8", &CLIENTS[0].to_uppercase(), "gateway-7"]);
    let sent: Vec<&str> = declared::available(&spec, &NOTHING).collect();
    assert_eq!(sent, ["Gateway-8", CLIENTS[0], "gateway-7"]);
}

#[test]
fn a_connection_of_as_many_and_as_long_ids_as_there_can_be_is_created_and_changed() {
    in_paused_time(async {
        let ids: Vec<String> = (0..10_000).map(|number| format!("{number:0128}")).collect();
        let there = json!({"Id": "c-1", "Name": "line-6", "State": "Active", "ClientIds": ids}).to_string();
        assert!(there.len() > 1 << 20, "{} bytes are not many", there.len());
        let client = client_over(answering(200, "application/json", &there));
        let spec = spec_of(&ids.iter().map(String::as_str).collect::<Vec<_>>());
        client.create(&desired(&spec)).await.expect("a create");
        let updated = client.update("c-1", &desired(&spec)).await.expect("an update");
        assert!(matches!(updated, Updated::Written(_)));
    });
}

/// The scope of an account, and its realm.
fn whereabouts(tenant: &str, namespace: &str) -> (String, String) {
    let account = json!({"endpoint": "https://Hub.test/base/", "tenantId": tenant, "namespaceId": namespace});
    let scope = Omf::scope(&serde_json::from_value(account).expect("an account"));
    let realm = Omf::realm(&scope, "").into_owned();
    (scope, realm)
}

// Else two connectors could each have the same connection, through two accounts.
#[test]
fn the_case_of_a_tenants_uuid_makes_no_other_realm() {
    let (tenant, upper) = (CLIENTS[0], CLIENTS[0].to_uppercase());
    assert_eq!(whereabouts(tenant, "production").1, whereabouts(&upper, "production").1);
    assert_ne!(whereabouts(tenant, "production").1, whereabouts(tenant, "Production").1);
}

#[test]
fn the_scope_that_statuses_hold_keeps_the_case_of_a_tenants_uuid() {
    let upper = CLIENTS[0].to_uppercase();
    assert_eq!(whereabouts(&upper, "production").0, format!("hub.test/base/{upper}/production"));
}
