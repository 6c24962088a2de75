//! The laws of docs/design.md on Apono's real wire code, against the emulator without a socket: apply, observe, plan is in sync; a plan names nothing
//! that the spec does not own; a list is whole, or is none; whatever the answers to the open questions are.

use super::*;
use crate::emulator::{Configuration, DEFAULT_APONO_TOKEN, Emulator, InProcess};
use crate::engine::vendor::{SecretValues, Updated};
use crate::remote::{Client as Http, Snapshot, Source, Transport};
use crate::vendors::in_process::{WHOLE, answering, connection, in_paused_time, transport};
use bytes::Bytes;
use futures::future::join_all;
use http_body_util::{BodyExt, Full};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use tower::{BoxError, ServiceExt};

/// The vendor, and its client as the operator has it.
struct Setting {
    emulator: InProcess,
    client: Client,
}

impl Setting {
    fn new(switches: &[(String, String)], list_limit: usize) -> Self {
        let configuration = Configuration { switches: switches.to_vec(), ..Configuration::default() };
        let emulator = Emulator::new(configuration).expect("an emulator").connect();
        let connection = connection(transport(emulator.clone()), list_limit);
        Self { emulator, client: client(connection) }
    }

    /// Somebody else does something at the vendor.
    async fn control(&self, path: &str, body: &Value) {
        let request = http::Request::put(format!("http://emulator/_emulator/apono/{path}"))
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body.to_string())))
            .expect("a request");
        let answer = self.emulator.clone().oneshot(request).await.expect("an answer");
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
    }

    /// The connector with this id, as a list shows it.
    async fn observed(&self, id: &str) -> Entry<Connector> {
        let mut snapshot = Snapshot::new(Duration::ZERO);
        let ticket = snapshot.begin_list(Instant::now());
        snapshot.apply(ticket, self.client.list().await.expect("a list"));
        snapshot.get(id).unwrap_or_else(|| panic!("{id} is not listed")).clone()
    }
}

fn client(connection: Connection) -> Client {
    let header = HeaderValue::from_str(&format!("Bearer {DEFAULT_APONO_TOKEN}")).expect("a header");
    Client::new(Http::new(connection, header))
}

fn spec() -> impl Strategy<Value = AponoConnectorSpec> {
    prop::option::of("[A-C][a-c ]{0,3}").prop_map(|name| {
        let named = json!({"connectorId": "c-1", "name": name});
        serde_json::from_value(named).expect("a spec")
    })
}

/// Every answer to every question that changes what is read, three at a time.
fn switches() -> impl Strategy<Value = Vec<(String, String)>> {
    let one = prop::sample::select(vec![
        ("apono.sessions", "absent"),
        ("apono.metadata-member", "null"),
        ("apono.never-connected", "absent"),
        ("apono.status-words", "lower"),
        ("apono.status-words", "further"),
        ("apono.last-page-token", "absent"),
        ("apono.last-page-token", "empty"),
        ("apono.page-token", "offset"),
        ("apono.list-order", "id"),
        ("apono.list-order", "name"),
        ("apono.list-order", "shuffled"),
        ("apono.duplicate-name", "allowed"),
        ("apono.rate-limit-headers", "present"),
        ("apono.largest-page", "1"),
    ]);
    prop::collection::vec(one, 0..4).prop_map(|mut chosen| {
        chosen.sort_unstable();
        chosen.dedup_by(|one, other| one.0 == other.0);
        chosen.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    })
}

static NOTHING: Withheld = Withheld::new();

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn apply_then_observe_then_plan_is_in_sync(specs in [spec(), spec(), spec()], others in 0_usize..4, switches in switches()) {
        in_paused_time(async {
            let setting = Setting::new(&switches, WHOLE);
            for number in 0..others {
                setting.control(&format!("agents/other-{number}"), &json!({})).await;
            }
            setting.control("agents/c-1", &json!({"name": "Registered"})).await;
            for spec in &specs {
                let entry = setting.observed("c-1").await;
                let changes = Apono::changes(spec, "edge", &NOTHING, &entry.item);
                let secrets = SecretValues::new();
                let desired = Desired { object_name: "edge", spec, withheld: &NOTHING, secrets: &secrets };
                if !changes.is_empty() {
                    let updated = Apono::update(&setting.client, &entry, &desired, &changes).await;
                    let Updated::Written(item) = updated.expect("an update") else { panic!("nothing was written") };
                    assert!(Apono::is_meant(&desired, Some(&"c-1".into()), &item));
                }
                let entry = setting.observed("c-1").await;
                let left = Apono::changes(spec, "edge", &NOTHING, &entry.item);
                assert!(left.is_empty(), "{left:?} is left with {switches:?}");
            }
        });
    }

    #[test]
    fn a_plan_names_nothing_that_the_spec_does_not_own(spec in spec(), name in "[A-C][a-c]{0,2}", withheld in any::<bool>()) {
        in_paused_time(async {
            let setting = Setting::new(&[], WHOLE);
            setting.control("agents/c-1", &json!({"name": name})).await;
            let entry = setting.observed("c-1").await;
            let withheld: Withheld = Apono::exclusive(&spec).into_iter().filter(|_| withheld).map(|(id, _)| id).collect();
            let changes = Apono::changes(&spec, "edge", &withheld, &entry.item);
            let differs = spec.name.as_ref().is_some_and(|declared| *declared != name);
            assert_eq!(changes.len(), usize::from(differs && withheld.is_empty()), "{changes:?} for {spec:?}");
            assert!(changes.iter().all(|change| change.field == "name" && change.to == spec.name), "{changes:?}");
        });
    }

    #[test]
    fn a_list_is_whole_in_however_many_pages_it_comes(count in 0_usize..12, page in 0_usize..5, switches in switches()) {
        in_paused_time(async {
            let mut switches = switches;
            switches.retain(|(name, _)| name != "apono.largest-page");
            switches.push(("apono.largest-page".to_owned(), page.to_string()));
            let setting = Setting::new(&switches, WHOLE);
            for number in 0..count {
                setting.control(&format!("connectors/c-{number:02}"), &json!({})).await;
            }
            let listed = setting.client.list().await.expect("a list");
            let mut ids: Vec<String> = listed.into_iter().map(|connector| connector.id).collect();
            ids.sort();
            let expected: Vec<String> = (0..count).map(|number| format!("c-{number:02}")).collect();
            assert_eq!(ids, expected, "{switches:?}");
        });
    }
}

#[test]
fn all_pages_together_keep_within_the_limit() {
    in_paused_time(async {
        // Three pages, each far below the limit.
        let small_pages = ("apono.largest-page".to_owned(), "10".to_owned());
        let setting = Setting::new(std::slice::from_ref(&small_pages), 64 * 1024);
        for number in 0..30 {
            let name = format!("{number}{}", "n".repeat(3000));
            setting.control(&format!("connectors/c-{number:02}"), &json!({"name": name})).await;
        }
        let error = setting.client.list().await.expect_err("90 KB");
        assert!(matches!(error, RemoteError::TooLarge(limit) if limit == 64 * 1024), "{error}");
        assert_eq!(Setting::new(&[small_pages], WHOLE).client.list().await.expect("a list").len(), 0);
    });
}

#[test]
fn what_moves_to_the_next_page_while_it_is_read_is_still_one_connector() {
    in_paused_time(async {
        let pages = Transport::new(tower::service_fn(|request: http::Request<Bytes>| async move {
            let page = match request.uri().query() {
                Some("limit=100") => {
                    json!({"items": [{"id": "c-1"}, {"id": "c-2"}], "pagination": {"next_page_token": "2"}})
                }
                _ => json!({"items": [{"id": "c-2"}, {"id": "c-3"}], "pagination": {}}),
            };
            let body = Full::new(Bytes::from(page.to_string())).map_err(BoxError::from).boxed_unsync();
            Ok::<_, BoxError>(http::Response::new(body))
        }));
        let listed = client(connection(pages, WHOLE)).list().await.expect("a list");
        let ids: Vec<String> = listed.into_iter().map(|connector| connector.id).collect();
        assert_eq!(ids, ["c-1", "c-2", "c-3"]);
    });
}

/// A vendor whose pages follow each other as `next` says, and how often it is asked. No page holds anything that the first one does not.
async fn pages_that_bring_nothing(next: fn(usize) -> usize) -> (RemoteError, usize) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let pages = Transport::new(tower::service_fn(move |request: http::Request<Bytes>| {
        counted.fetch_add(1, Ordering::Relaxed);
        let query = request.uri().query().unwrap_or_default().to_owned();
        async move {
            let page: usize =
                query.rsplit_once("page_token=").map_or(0, |(_, token)| token.parse().expect("a page"));
            let page =
                json!({"items": [{"id": "c-1"}], "pagination": {"next_page_token": next(page).to_string()}});
            let body = Full::new(Bytes::from(page.to_string())).map_err(BoxError::from).boxed_unsync();
            Ok::<_, BoxError>(http::Response::new(body))
        }
    }));
    let error = client(connection(pages, WHOLE)).list().await.expect_err("a list without an end");
    (error, asked.load(Ordering::Relaxed))
}

#[test]
fn pages_that_lead_nowhere_are_not_followed_for_hours() {
    in_paused_time(async {
        let of_itself = pages_that_bring_nothing(|_| 1).await;
        let in_a_circle = pages_that_bring_nothing(|page| (page + 1) % 3).await;
        let without_end = pages_that_bring_nothing(|page| page + 1).await;
        for (error, asked) in [of_itself, in_a_circle, without_end] {
            assert!(error.to_string().starts_with("the vendor answered 200 OK with "), "{error}");
            assert!(asked <= 20, "{asked} requests of the account's budget went into: {error}");
        }
    });
}

#[test]
fn a_gateways_page_in_answer_to_a_delete_proves_nothing() {
    in_paused_time(async {
        let gateway = answering(200, "text/html", "<html>Please sign in</html>");
        let error =
            client(connection(gateway, WHOLE)).delete("c-1").await.expect_err("a page deletes nothing");
        assert!(matches!(error, RemoteError::Malformed { .. }) && error.may_have_applied(), "{error}");
    });
}

/// An account of which the least budget is used, with these connectors in pages of one.
async fn with_two_requests_a_minute(count: usize) -> Client {
    let page_of_one = ("apono.largest-page".to_owned(), "1".to_owned());
    let setting = Setting::new(&[page_of_one], WHOLE);
    for number in 0..count {
        setting.control(&format!("connectors/c-{number}"), &json!({})).await;
    }
    client(Connection { requests_per_minute: 2, ..connection(transport(setting.emulator), WHOLE) })
}

#[test]
fn a_list_of_two_pages_comes_to_its_end_on_the_smallest_budget() {
    in_paused_time(async {
        let client = with_two_requests_a_minute(2).await;
        assert_eq!(client.list().await.expect("a list").len(), 2);
    });
}

#[test]
fn a_list_and_an_update_at_a_time_come_to_their_end_on_the_smallest_budget() {
    in_paused_time(async {
        let client = with_two_requests_a_minute(3).await;
        let (listed, renamed) = tokio::join!(client.list(), client.rename("c-0", "Edge"));
        assert_eq!(listed.expect("a list").len(), 3);
        assert!(matches!(renamed.expect("an update"), Updated::Written(_)));
    });
}

#[test]
fn a_storm_of_updates_comes_to_its_end_on_the_smallest_budget() {
    in_paused_time(async {
        const UPDATES: usize = 12;
        let client = with_two_requests_a_minute(UPDATES).await;
        let updates = (0..UPDATES).map(async |number| {
            let id = format!("c-{number}");
            // Each is tried again when the budget says, as the engine does.
            while let Err(error) = client.rename(&id, &format!("Edge{number}")).await {
                let RemoteError::BudgetSpent(wait) = error else { panic!("{id}: {error}") };
                sleep(wait).await;
            }
        });
        timeout(Duration::from_hours(1), join_all(updates)).await.expect("24 requests took an hour");
    });
}

#[test]
fn a_page_token_that_is_no_text_is_no_end() {
    in_paused_time(async {
        let pages = Transport::new(tower::service_fn(|_: http::Request<Bytes>| async {
            let page = json!({"items": [{"id": "c-1"}], "pagination": {"next_page_token": 100}});
            let body = Full::new(Bytes::from(page.to_string())).map_err(BoxError::from).boxed_unsync();
            Ok::<_, BoxError>(http::Response::new(body))
        }));
        let error = client(connection(pages, WHOLE)).list().await.expect_err("half a list");
        assert!(error.to_string().contains("next_page_token"), "{error}");
    });
}
