//! Whatever a client sends: the emulator answers, changes nothing it refuses, and never says a secret.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::support::{Vendor, tls};

const CANARY: &str = "canary-5c1e";

/// JSON in which the members and values that mean something turn up often.
fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (0_i64..70_000).prop_map(Value::from),
        prop::sample::select(vec![
            "tls",
            "https",
            "microsoft_azure_iot",
            "abc",
            "abd",
            "udp",
            "https://a.example",
            ""
        ])
        .prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    let name = prop_oneof![
        prop::sample::select(vec![
            "name",
            "type",
            "options",
            "tags",
            "passthrough",
            "host",
            "port",
            "server_name",
            "protocol",
            "ip",
            "meta",
        ])
        .prop_map(str::to_owned),
        "[a-z]{0,6}",
    ];
    leaf.prop_recursive(4, 32, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// A body with canaries wherever a secret belongs.
fn body() -> impl Strategy<Value = Value> {
    (json_value(), prop::sample::subsequence(vec!["key", "cert", "ca", "connectionString"], 0..=4)).prop_map(
        |(mut body, secrets)| {
            if let Some(options) = body.get_mut("options").and_then(Value::as_object_mut) {
                options.extend(secrets.iter().map(|name| ((*name).to_owned(), json!(CANARY))));
            }
            body
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_body_gets_an_answer_and_what_is_refused_changes_nothing(bodies in prop::collection::vec(body(), 1..6)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let vendor = Vendor::new();
            vendor.has(tls("abc")).await;
            for body in bodies {
                for method in ["POST", "PATCH"] {
                    let before = vendor.list().await;
                    let path = if method == "POST" { "/connectors" } else { "/connectors/abc" };
                    let answer = vendor.send(method, path, body.clone()).await;
                    let after = vendor.list().await;
                    match answer.status {
                        200 => prop_assert!(answer.body.is_object(), "{:?}", answer),
                        400 | 404 | 409 => prop_assert_eq!(&before, &after, "{:?} changed something", answer),
                        other => prop_assert!(false, "{} {} answered {}", method, body, other),
                    }
                    let told = format!("{answer:?} {after} {}", vendor.control("GET", "/requests", None).await);
                    prop_assert!(!told.contains(CANARY), "a secret was told: {}", told);
                }
            }
            Ok(())
        })?;
    }
}
