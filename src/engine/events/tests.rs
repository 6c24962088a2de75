//! What reaches an API server in memory.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::*;

/// Accepts events once it is open, and keeps them.
#[derive(Clone)]
struct Cluster {
    events: Arc<Mutex<Vec<(String, Value)>>>,
    open: watch::Sender<bool>,
    status: StatusCode,
    dropped: Arc<AtomicUsize>,
}

impl Cluster {
    fn new(open: bool, status: StatusCode) -> Self {
        Self { events: Arc::default(), open: watch::Sender::new(open), status, dropped: Arc::default() }
    }

    fn start(&self) -> (EventPublisher, EventSender) {
        let cluster = self.clone();
        let client = kube::Client::new(
            tower::service_fn(move |request: Request<Body>| {
                let cluster = cluster.clone();
                async move { Ok::<_, Infallible>(cluster.answer(request).await) }
            }),
            "default",
        );
        let dropped = Arc::clone(&self.dropped);
        start(client, "pod-1", 7, move || {
            dropped.fetch_add(1, Ordering::Relaxed);
        })
    }

    async fn answer(&self, request: Request<Body>) -> Response<Body> {
        self.open.subscribe().wait_for(|open| *open).await.unwrap();
        let call = format!("{} {}", request.method(), request.uri().path());
        let body = request.into_body().collect().await.unwrap().to_bytes();
        self.events.lock().unwrap().push((call, serde_json::from_slice(&body).unwrap()));
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        response
    }

    fn events(&self) -> Vec<(String, Value)> {
        self.events.lock().unwrap().clone()
    }

    fn notes(&self) -> Vec<String> {
        self.events().into_iter().map(|(_, event)| event["note"].as_str().unwrap().to_owned()).collect()
    }

    fn dropped(&self) -> usize {
        self.dropped.load(Ordering::Relaxed)
    }
}

fn created(note: &str) -> Event {
    Event {
        regarding: ObjectReference {
            api_version: Some("connector-operator.io/v1alpha1".to_owned()),
            kind: Some("ToyConnector".to_owned()),
            namespace: Some("iot".to_owned()),
            name: Some("plant-a".to_owned()),
            uid: Some("u-1".to_owned()),
            ..ObjectReference::default()
        },
        kind: EventType::Normal,
        reason: "Created",
        action: "Create",
        note: note.to_owned(),
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_arrives_as_the_api_server_wants_it() {
    let cluster = Cluster::new(true, StatusCode::CREATED);
    let (publisher, sender) = cluster.start();

    publisher.publish(created("made plant-a"));
    sender.drain().await;

    let events = cluster.events();
    assert_eq!(events.len(), 1, "{events:?}");
    let (call, mut event) = events[0].clone();
    assert_eq!(call, "POST /apis/events.k8s.io/v1/namespaces/iot/events");
    let name = event["metadata"]["name"].take();
    let suffix = name.as_str().unwrap().strip_prefix("plant-a.").unwrap();
    assert!(suffix.len() == 16 && suffix.bytes().all(|byte| byte.is_ascii_hexdigit()), "{name}");
    assert!(event["eventTime"].take().as_str().unwrap().ends_with('Z'));
    assert_eq!(
        event,
        json!({
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": null, "namespace": "iot"},
            "eventTime": null,
            "type": "Normal",
            "reason": "Created",
            "action": "Create",
            "note": "made plant-a",
            "regarding": {"apiVersion": "connector-operator.io/v1alpha1", "kind": "ToyConnector", "namespace": "iot", "name": "plant-a", "uid": "u-1"},
            "reportingController": "connector-operator.io/connector-operator",
            "reportingInstance": "pod-1",
        })
    );
    assert_eq!(cluster.dropped(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_same_is_said_once_in_ten_minutes_and_under_different_names() {
    let cluster = Cluster::new(true, StatusCode::CREATED);
    let (publisher, sender) = cluster.start();

    publisher.publish(created("one"));
    publisher.publish(created("one"));
    publisher.publish(created("two"));
    tokio::time::advance(Duration::from_mins(10)).await;
    publisher.publish(created("one"));
    sender.drain().await;

    assert_eq!(cluster.notes(), ["one", "two", "one"]);
    let mut names: Vec<_> =
        cluster.events().iter().map(|(_, event)| event["metadata"]["name"].to_string()).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 3, "{names:?}");
}

#[tokio::test(start_paused = true)]
async fn publishing_never_waits_and_what_does_not_fit_is_counted() {
    let cluster = Cluster::new(false, StatusCode::CREATED);
    let (publisher, sender) = cluster.start();

    for number in 0..QUEUE + 10 {
        publisher.publish(created(&number.to_string()));
    }
    assert_eq!(cluster.dropped(), 10);

    cluster.open.send_replace(true);
    sender.drain().await;
    assert_eq!(cluster.events().len(), QUEUE);
}

#[tokio::test(start_paused = true)]
async fn a_note_is_cut_between_two_characters() {
    let cluster = Cluster::new(true, StatusCode::CREATED);
    let (publisher, sender) = cluster.start();

    publisher.publish(created(&"é".repeat(1000)));
    publisher.publish(created(&format!("x{}", "é".repeat(1000))));
    sender.drain().await;

    let lengths: Vec<_> = cluster.notes().iter().map(String::len).collect();
    assert_eq!(lengths, [1024, 1023]);
}

#[tokio::test(start_paused = true)]
async fn a_long_name_leaves_room_for_what_makes_it_unique() {
    let cluster = Cluster::new(true, StatusCode::CREATED);
    let (publisher, sender) = cluster.start();
    let mut event = created("note");
    event.regarding.name = Some("a".repeat(253));

    publisher.publish(event);
    sender.drain().await;

    assert_eq!(cluster.events()[0].1["metadata"]["name"].as_str().unwrap().len(), 253);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_refused_or_not_answered_is_counted_and_not_sent_again() {
    let refusing = Cluster::new(true, StatusCode::FORBIDDEN);
    let (publisher, sender) = refusing.start();
    publisher.publish(created("note"));
    sender.drain().await;
    assert_eq!((refusing.events().len(), refusing.dropped()), (1, 1));

    let silent = Cluster::new(false, StatusCode::CREATED);
    let (publisher, _sender) = silent.start();
    publisher.publish(created("note"));
    tokio::time::sleep(CALL_TIMEOUT + Duration::from_secs(1)).await;
    assert_eq!(silent.dropped(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_two_seconds_for_a_server_that_is_silent() {
    let cluster = Cluster::new(false, StatusCode::CREATED);
    let (publisher, sender) = cluster.start();
    publisher.publish(created("note"));
    let before = Instant::now();

    sender.drain().await;

    assert_eq!(before.elapsed(), DRAIN);
    publisher.publish(created("after the end"));
    assert_eq!(cluster.dropped(), 1);
}
