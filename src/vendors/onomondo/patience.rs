//! What is waited for, and for how long: the real controller, in time that a test can let pass, and a vendor that is slow, silent or away.

use super::Onomondo;
use crate::remote::Transport;
use crate::shutdown;
use crate::vendors::in_process::in_paused_time;
use crate::vendors::kubernetes_in_process::Cluster;
use crate::vendors::operator_in_process::{begin, end, object, work};
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::{Instant, sleep};
use tower::BoxError;

const MINUTE: Duration = Duration::from_mins(1);
const GROUP: &str = "/apis/connector-operator.io/v1alpha1/namespaces/plant";

/// A cluster with these accounts of one key, each with a connector of its name.
fn cluster(accounts: &[&str]) -> Cluster {
    let cluster = Cluster::default();
    let key = k8s_openapi::ByteString(b"a-key".to_vec());
    let secret = json!({"metadata": {"name": "onomondo", "namespace": "plant"}, "data": {"apiKey": key}});
    cluster.put("/api/v1/namespaces/plant/secrets/onomondo", secret);
    for name in accounts {
        let account = json!({"endpoint": "http://emulator", "apiKeySecretRef": {"name": "onomondo"}});
        cluster.put(&format!("{GROUP}/onomondoaccounts/{name}"), object("OnomondoAccount", name, &account));
        let connector = json!({
            "type": "https", "https": {"host": "https://ingest.example.com/v1"}, "accountRef": {"name": name},
        });
        let path = format!("{GROUP}/onomondoconnectors/{name}");
        cluster.put(&path, object("OnomondoConnector", name, &connector));
    }
    cluster
}

fn ready(cluster: &Cluster, name: &str) -> String {
    let object = cluster.get(&format!("{GROUP}/onomondoconnectors/{name}"));
    let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let ready = conditions.iter().find(|condition| condition["type"] == "Ready");
    ready.map_or_else(
        || "-".to_owned(),
        |ready| format!("{}/{}", ready["status"], ready["reason"]).replace('"', ""),
    )
}

/// A vendor that answers as `answer` says, a call at a time.
fn vendor<F: Future<Output = Result<Response<Value>, BoxError>> + Send + 'static>(
    answer: impl Fn(Request<Bytes>) -> F + Clone + Send + Sync + 'static,
) -> Transport {
    Transport::new(tower::service_fn(move |request: Request<Bytes>| {
        let answered = answer(request);
        async move {
            let (mut head, body) = answered.await?.into_parts();
            head.headers.insert("content-type", http::HeaderValue::from_static("application/json"));
            let body = Full::new(Bytes::from(body.to_string())).map_err(BoxError::from).boxed_unsync();
            Ok::<_, BoxError>(Response::from_parts(head, body))
        }
    }))
}

/// What a vendor with lagging lists has, and since when.
#[derive(Default)]
struct Lagging {
    made: Vec<(Instant, Value)>,
    lists: usize,
}

#[test]
fn a_create_that_waited_for_its_turn_and_whose_answer_was_lost_is_not_sent_twice() {
    in_paused_time(async {
        // The budget is spent for 25 s; then the create takes effect at its last moment, nobody hears of it, and lists lag it by the whole allowance.
        const TAKES: Duration = Duration::from_secs(29);
        const LAG: Duration = Duration::from_secs(29);
        let state = Arc::new(Mutex::new(Lagging::default()));
        let (seen, began) = (state.clone(), crate::clock::now());
        let transport = vendor(move |request| {
            let state = state.clone();
            async move {
                if request.method() == Method::POST {
                    sleep(TAKES).await;
                    let body: Value = serde_json::from_slice(request.body())?;
                    state.lock().expect("the vendor").made.push((Instant::now(), body));
                    std::future::pending::<()>().await;
                }
                let mut state = state.lock().expect("the vendor");
                state.lists += 1;
                let shown = |(at, _): &&(Instant, Value)| *at + LAG <= Instant::now();
                let rows: Vec<Value> = state.made.iter().filter(shown).map(|(_, row)| row.clone()).collect();
                let mut answer = Response::new(Value::Array(rows));
                if state.lists == 1 {
                    let reset = (began.as_second() + 25).to_string();
                    answer.headers_mut().insert("x-ratelimit-remaining", http::HeaderValue::from_static("0"));
                    answer.headers_mut().insert("x-ratelimit-reset", reset.parse()?);
                }
                Ok(answer)
            }
        });
        let cluster = cluster(&["plant-a"]);
        let operator = begin::<Onomondo>(&cluster, transport);
        sleep(6 * MINUTE).await;
        assert_eq!(seen.lock().expect("the vendor").made.len(), 1, "creates");
        assert_eq!(ready(&cluster, "plant-a"), "True/Succeeded");
        end(operator).await;
    });
}

#[test]
fn the_connectors_of_every_account_that_shares_a_list_hear_that_it_is_too_old_and_when_that_is_over() {
    in_paused_time(async {
        let is_away = Arc::new(Mutex::new(false));
        let away = is_away.clone();
        let made: Arc<Mutex<Vec<Value>>> = Arc::default();
        let transport = vendor(move |request| {
            let (is_away, made) = (away.clone(), made.clone());
            async move {
                if *is_away.lock().expect("the vendor") {
                    return Err("away".into());
                }
                let mut made = made.lock().expect("the vendor");
                if request.method() == Method::POST {
                    let body: Value = serde_json::from_slice(request.body())?;
                    made.push(body.clone());
                    return Ok(Response::new(body));
                }
                Ok(Response::new(Value::Array(made.clone())))
            }
        });
        let names = ["one", "two"];
        let cluster = cluster(&names);
        let operator = begin::<Onomondo>(&cluster, transport);
        let say = |expected: &str| {
            for name in names {
                assert_eq!(ready(&cluster, name), expected, "{name}");
            }
        };
        sleep(2 * MINUTE).await;
        say("True/Succeeded");
        *is_away.lock().expect("the vendor") = true;
        sleep(10 * MINUTE).await;
        say("Unknown/AccountNotReady");
        *is_away.lock().expect("the vendor") = false;
        sleep(5 * MINUTE).await;
        say("True/Succeeded");
        end(operator).await;
    });
}

#[test]
fn a_pass_that_still_waits_for_an_answer_when_time_is_up_is_told_of() {
    in_paused_time(async {
        const BEFORE_THE_DEADLINE_OF_A_CALL: Duration = Duration::from_secs(10);
        for (drain, expected) in [(BEFORE_THE_DEADLINE_OF_A_CALL, 1), (MINUTE, 0)] {
            let transport = vendor(|request| async move {
                if request.method() == Method::POST {
                    std::future::pending::<()>().await;
                }
                Ok(Response::new(json!([])))
            });
            let (trigger, asked_to_stop) = shutdown::pair(drain);
            let operator = tokio::spawn(work::<Onomondo>(&cluster(&["plant-a"]), transport, asked_to_stop));
            sleep(BEFORE_THE_DEADLINE_OF_A_CALL).await;
            trigger.request();
            assert_eq!(operator.await.expect("the operator"), expected, "after {drain:?}");
        }
    });
}
