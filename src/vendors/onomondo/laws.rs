//! The laws of design.md on Onomondo's real wire code, against the emulator without a socket: apply, observe, plan is in sync; a plan
//! names nothing that the spec does not own; whatever the answers to the open questions are.

use super::*;
use crate::api::{
    OnomondoAwsIotCore, OnomondoHttps, OnomondoPassthrough, OnomondoPassthroughProtocol, OnomondoProtocol,
    OnomondoTls, OnomondoType, SecretKeyRef,
};
use crate::emulator::{Configuration, DEFAULT_API_KEY, Emulator};
use crate::engine::vendor::SecretValues;
use crate::remote::{Client as Http, Snapshot, Source};
use crate::vendors::in_process::{WHOLE, answering, connection, in_paused_time, transport};
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

const TAG: &str = "a5023f47-1db8-425e-b664-dc0b8921f644";

fn client(switches: &[(String, String)]) -> Client {
    let configuration = Configuration {
        switches: [("onomondo.requests-per-minute".to_owned(), "0".to_owned())]
            .into_iter()
            .chain(switches.iter().cloned())
            .collect(),
        ..Configuration::default()
    };
    let emulator = Emulator::new(configuration).expect("an emulator").connect();
    let connection = connection(transport(emulator), WHOLE);
    let header = HeaderValue::from_static(DEFAULT_API_KEY);
    Client::new(Http::new(connection, header))
}

fn reference() -> SecretKeyRef {
    SecretKeyRef { name: "s".into(), key: None }
}

fn rule() -> impl Strategy<Value = OnomondoPassthrough> {
    use OnomondoPassthroughProtocol::{Icmp, Tcp, Udp};
    let ip = || prop::option::of("10\\.0\\.0\\.[1-9]");
    prop_oneof![
        ip().prop_map(|ip| OnomondoPassthrough { protocol: Icmp, ip, port: None }),
        (prop_oneof![Just(Tcp), Just(Udp)], ip(), prop::option::of(0_u16..4))
            .prop_map(|(protocol, ip, port)| { OnomondoPassthrough { protocol, ip, port } }),
    ]
}

/// A spec of any type that the vendor accepts.
fn spec() -> impl Strategy<Value = OnomondoConnectorSpec> {
    let tls = ("[a-c]\\.example\\.com", 1_u16..4, "[a-c]\\.test").prop_map(|(host, port, server_name)| {
        let (key, cert, ca) = (Some(reference()), Some(reference()), Some(reference()));
        let tls = OnomondoTls {
            host,
            port,
            server_name,
            key_secret_ref: key,
            cert_secret_ref: cert,
            ca_secret_ref: ca,
        };
        OnomondoConnectorSpec { tls: Some(tls), ..blank(OnomondoType::Tls) }
    });
    let https = ("https://[a-c]\\.example\\.com/v1", any::<bool>()).prop_map(|(host, should_return_body)| {
        OnomondoConnectorSpec {
            https: Some(OnomondoHttps { host, should_return_body }),
            ..blank(OnomondoType::Https)
        }
    });
    let aws = ("up/[a-c]", "down/[a-c]", any::<bool>(), 1_u16..4).prop_map(
        |(publish_topic, subscribe_topic, tcp, port)| {
            let aws = OnomondoAwsIotCore {
                region: "eu-west-1".into(),
                role: "arn:aws:iam::123456789012:role/iot".into(),
                publish_topic,
                subscribe_topic,
                default_protocol: if tcp { OnomondoProtocol::Tcp } else { OnomondoProtocol::Udp },
                default_port: port,
            };
            OnomondoConnectorSpec { aws_iot_core: Some(aws), ..blank(OnomondoType::AwsIotCore) }
        },
    );
    let azure = Just(OnomondoConnectorSpec {
        microsoft_azure_iot: Some(crate::api::OnomondoMicrosoftAzureIot {
            connection_string_secret_ref: reference(),
        }),
        ..blank(OnomondoType::MicrosoftAzureIot)
    });
    let rules = prop::option::of(prop::collection::vec(rule(), 0..3));
    let tags = prop::option::of(prop::collection::vec(Just(TAG.to_owned()), 0..2));
    (prop_oneof![tls, https, aws, azure], prop::option::of("plant-[a-c]"), rules, tags)
        .prop_map(|(spec, name, passthrough, tags)| OnomondoConnectorSpec { name, passthrough, tags, ..spec })
}

fn blank(type_: OnomondoType) -> OnomondoConnectorSpec {
    serde_json::from_value(serde_json::json!({ "type": type_.as_str() })).expect("a spec")
}

fn secrets(spec: &OnomondoConnectorSpec) -> SecretValues {
    declared::secret_fields(spec).iter().map(|field| (field.field, SecretString::from("value"))).collect()
}

/// Every answer to every question that changes what is read back, two at a time.
fn switches() -> impl Strategy<Value = Vec<(String, String)>> {
    let one = prop::sample::select(vec![
        ("onomondo.options-patch", "replace"),
        ("onomondo.passthrough-order", "sorted"),
        ("onomondo.passthrough-member", "null"),
        ("onomondo.passthrough-member", "as-written"),
        ("onomondo.empty-passthrough", "null"),
        ("onomondo.empty-passthrough", "absent"),
        ("onomondo.empty-tags", "null"),
        ("onomondo.write-reply-tags", "uuids"),
        ("onomondo.secret-timestamps", "all"),
        ("onomondo.identifiers", "everywhere"),
        ("onomondo.return-body-default", "absent"),
        ("onomondo.invalid-status", "422"),
    ]);
    prop::collection::vec(one, 0..3).prop_map(|chosen| {
        let mut chosen: Vec<(String, String)> =
            chosen.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        chosen.dedup_by(|a, b| a.0 == b.0);
        chosen.sort();
        chosen.dedup_by(|a, b| a.0 == b.0);
        chosen
    })
}

async fn observed(client: &Client, name: &str) -> Entry<Connector> {
    let mut snapshot = Snapshot::new(Duration::ZERO);
    let ticket = snapshot.begin_list(Instant::now());
    snapshot.apply(ticket, client.list().await.expect("a list"));
    snapshot.get(name).unwrap_or_else(|| panic!("{name} is not listed")).clone()
}

static NOTHING: Withheld = Withheld::new();

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn apply_then_observe_then_plan_is_in_sync(before in spec(), after in spec(), switches in switches()) {
        in_paused_time(async {
            let client = client(&switches);
            for spec in [&before, &after] {
                let values = secrets(spec);
                let desired = Desired { object_name: "plant-x", spec, withheld: &NOTHING, secrets: &values };
                let name = Onomondo::label(spec, "plant-x");
                let there = client.list().await.expect("a list");
                if let [there] = &there[..] {
                    let entry = observed(&client, &there.name).await;
                    let changes = Onomondo::changes(spec, "plant-x", &NOTHING, &entry.item);
                    if !changes.is_empty() {
                        Onomondo::update(&client, &entry, &desired, &changes).await.expect("an update");
                    }
                } else {
                    Onomondo::create(&client, &desired).await.expect("a create");
                }
                let entry = observed(&client, &name).await;
                let left = Onomondo::changes(spec, "plant-x", &NOTHING, &entry.item);
                assert!(left.is_empty(), "{left:?} is left with {switches:?}");
            }
        });
    }

    #[test]
    fn a_plan_names_nothing_that_the_spec_does_not_own(owner in spec(), other in spec()) {
        in_paused_time(async {
            let client = client(&[]);
            let values = secrets(&owner);
            let desired = Desired { object_name: "plant-x", spec: &owner, withheld: &NOTHING, secrets: &values };
            Onomondo::create(&client, &desired).await.expect("a create");
            let entry = observed(&client, &Onomondo::label(&owner, "plant-x")).await;
            let own: Vec<&str> = declared::options(&other).iter().map(|(_, path, _)| *path).collect();
            for change in Onomondo::changes(&other, "plant-x", &NOTHING, &entry.item) {
                let owned = match change.field {
                    "name" | "type" => true,
                    "passthrough" => other.passthrough.is_some(),
                    "tags" => other.tags.is_some(),
                    option => own.contains(&option),
                };
                assert!(owned, "{change:?} is not in {other:?}");
            }
        });
    }
}

#[test]
fn options_that_are_not_known_go_back_as_they_were_read() {
    in_paused_time(async {
        let client = client(&[("onomondo.options-patch".into(), "replace".into())]);
        let https = |host: &str| OnomondoConnectorSpec {
            https: Some(OnomondoHttps { host: host.into(), should_return_body: true }),
            ..blank(OnomondoType::Https)
        };
        let (before, after) = (https("https://a.example.com"), https("https://b.example.com"));
        let none = SecretValues::new();
        let desired = |spec| Desired { object_name: "plant-x", spec, withheld: &NOTHING, secrets: &none };
        Onomondo::create(&client, &desired(&before)).await.expect("a create");
        let mut entry = observed(&client, "plant-x").await;
        let mut known = (*entry.item).clone();
        known.options.insert("retries".into(), serde_json::json!(3));
        entry.item = Arc::new(known);
        let changes = Onomondo::changes(&after, "plant-x", &NOTHING, &entry.item);
        let updated = Onomondo::update(&client, &entry, &desired(&after), &changes).await.expect("an update");
        let Updated::Written(updated) = updated else { panic!("nothing was written: {updated:?}") };
        assert_eq!(updated.options["retries"], 3, "{updated:?}");
        assert_eq!(updated.options["host"], "https://b.example.com");
    });
}

#[test]
fn a_gateways_page_in_answer_to_a_delete_proves_nothing() {
    in_paused_time(async {
        let gateway = answering(200, "text/html", "<html>Please sign in</html>");
        let client =
            Client::new(Http::new(connection(gateway, WHOLE), HeaderValue::from_static(DEFAULT_API_KEY)));
        let error = client.delete("plant-x").await.expect_err("nobody has said that it is deleted");
        assert!(matches!(error, RemoteError::Malformed { .. }) && error.may_have_applied(), "{error}");
    });
}
