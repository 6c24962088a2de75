//! Whatever a client sends: the emulator answers, changes nothing it refuses, and keeps every client id in one connection.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::support::Hub;

fn client_id() -> impl Strategy<Value = Value> {
    prop_oneof![
        8 => prop::sample::select(vec!["a", "A", "b", "B", "c", "d", "ß", "SS", "İ"]).prop_map(Value::from),
        1 => Just(Value::Null),
        1 => Just(json!("")),
    ]
}

fn body() -> impl Strategy<Value = Value> {
    let text = || {
        prop_oneof![
            4 => "[a-c]{0,2}".prop_map(Value::from),
            1 => Just(Value::Null),
            1 => Just(json!("x".repeat(1001))),
            1 => Just(json!([])),
        ]
    };
    let ids = prop_oneof![8 => prop::collection::vec(client_id(), 0..3).prop_map(Value::from), 1 => Just(Value::Null)];
    let whole = (text(), text(), ids).prop_map(
        |(name, description, ids)| json!({ "Name": name, "Description": description, "ClientIds": ids }),
    );
    prop_oneof![12 => whole, 1 => Just(json!([])), 1 => Just(json!({ "ClientIds": ["z"] }))]
}

#[derive(Debug, Clone)]
enum Step {
    Post(Value),
    Put(usize, Value),
    Delete(usize),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => body().prop_map(Step::Post),
        3 => (0_usize..4, body()).prop_map(|(which, body)| Step::Put(which, body)),
        1 => (0_usize..4).prop_map(Step::Delete),
        2 => (1_u64..2500).prop_map(Step::Pass),
    ]
}

async fn take(hub: &Hub, step: Step) -> (u16, Value) {
    let rows = hub.listed().await;
    let id =
        |which: usize| rows.get(which).and_then(|row| row["Id"].as_str()).unwrap_or("nowhere").to_owned();
    let answer = match step {
        Step::Post(body) => hub.post(body).await,
        Step::Put(which, body) => hub.put(&id(which), body).await,
        Step::Delete(which) => hub.remove(&id(which)).await,
        Step::Pass(milliseconds) => {
            tokio::time::advance(std::time::Duration::from_millis(milliseconds)).await;
            hub.get(&hub.base).await
        }
    };
    (answer.status, answer.body)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_history_is_sound(steps in prop::collection::vec(step(), 1..24)) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().start_paused(true).build().unwrap().block_on(async {
            let hub = Hub::new();
            for step in steps {
                let before = hub.listed().await;
                let (status, body) = take(&hub, step.clone()).await;
                let after = hub.listed().await;
                match status {
                    200 | 202 => prop_assert!(body.is_object(), "{:?}: {}", step, body),
                    400 | 404 => prop_assert_eq!(&before, &after, "{:?} changed something", step),
                    other => prop_assert!(false, "{:?} answered {} {}", step, other, body),
                }
                let held = after.iter().filter(|row| row["State"] != "Deleted");
                let ids = held.flat_map(|row| row["ClientIds"].as_array().unwrap()).map(|id| id.as_str().unwrap().to_lowercase());
                let ids = ids.collect::<Vec<_>>();
                prop_assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{:?} in {:?}", step, after);
            }
            Ok(())
        })?;
    }
}
