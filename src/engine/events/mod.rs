//! Kubernetes events about our objects, for people who run `kubectl describe`.
//!
//! Publishing never waits, and nothing depends on it: the queue is bounded, what does not fit is dropped and counted, and a call
//! that fails is not made again. The same thing is said once in ten minutes. A note never holds a secret; that is up to who
//! writes it.

mod repeats;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1 as kubernetes;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{Api, ObjectMeta, PostParams};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::kubernetes_error;
use crate::clock;
use repeats::Repeats;

/// Who we are in `reportingController`.
pub const CONTROLLER: &str = "connector-operator.io/connector-operator";

/// Events that may wait to be sent.
const QUEUE: usize = 256;
/// Calls at a time: a burst of new connectors has as many events.
const CALLS: usize = 4;
/// How long one call may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the waiting events may take when the process stops.
const DRAIN: Duration = Duration::from_secs(2);
/// What the API server allows a note to have, in bytes.
const LONGEST_NOTE: usize = 1024;
/// What it allows an object's name to have, less a dot and sixteen hexadecimal digits.
const LONGEST_NAME: usize = 253 - 17;
/// What it allows an instance to have.
const LONGEST_INSTANCE: usize = 128;

/// Whether an event tells of work or of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventType {
    /// Something was done.
    Normal,
    /// Something needs a person.
    Warning,
}

/// Something that happened to an object.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The object; with its namespace, name and uid.
    pub regarding: ObjectReference,
    /// Work or trouble.
    pub kind: EventType,
    /// What happened, one word such as `Created`; at most 128 bytes.
    pub reason: &'static str,
    /// What was being done, one word such as `Create`; at most 128 bytes.
    pub action: &'static str,
    /// What happened, in words; cut to 1,024 bytes.
    pub note: String,
}

/// Takes events from everywhere. Cheap to clone.
#[derive(Clone)]
pub struct EventPublisher {
    queue: mpsc::Sender<kubernetes::Event>,
    shared: Arc<Shared>,
}

struct Shared {
    instance: String,
    dropped: Box<dyn Fn() + Send + Sync>,
    state: Mutex<State>,
}

struct State {
    repeats: Repeats,
    names: fastrand::Rng,
}

/// The task that sends the events.
#[derive(Debug)]
#[must_use = "events that wait are lost unless they are drained"]
pub struct EventSender {
    task: JoinHandle<()>,
    close: oneshot::Sender<()>,
}

impl fmt::Debug for EventPublisher {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("EventPublisher")
            .field("instance", &self.shared.instance)
            .finish_non_exhaustive()
    }
}

/// Starts to send events with `client`, on the current runtime. `instance` is this process's name, `seed` makes the events' names
/// repeatable, and `dropped` is called for each event that is not published.
pub fn start(
    client: kube::Client,
    instance: &str,
    seed: u64,
    dropped: impl Fn() + Send + Sync + 'static,
) -> (EventPublisher, EventSender) {
    let (queue, waiting) = mpsc::channel(QUEUE);
    let (close, closing) = oneshot::channel();
    let shared = Arc::new(Shared {
        instance: cut(instance, LONGEST_INSTANCE).to_owned(),
        dropped: Box::new(dropped),
        state: Mutex::new(State { repeats: Repeats::default(), names: fastrand::Rng::with_seed(seed) }),
    });
    let task = tokio::spawn(send_all(client, waiting, closing, Arc::clone(&shared)));
    (EventPublisher { queue, shared }, EventSender { task, close })
}

impl EventPublisher {
    /// Publishes the event soon, or never. Does not wait.
    pub fn publish(&self, mut event: Event) {
        event.note.truncate(cut(&event.note, LONGEST_NOTE).len());
        let Some(suffix) = self.shared.new_unless_repeated(&event) else { return };
        if self.queue.try_send(self.shared.object(event, suffix)).is_err() {
            (self.shared.dropped)();
        }
    }
}

impl EventSender {
    /// Sends what waits, for at most two seconds, and ends. Whatever is published later is dropped.
    pub async fn drain(mut self) {
        let _ = self.close.send(());
        if timeout(DRAIN, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

impl Shared {
    /// A unique suffix for the event's name; `None` where the same was said a short while ago.
    fn new_unless_repeated(&self, event: &Event) -> Option<u64> {
        // No code that can panic runs under this lock, so what a poisoned one holds is still whole.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let uid = event.regarding.uid.as_deref().unwrap_or_default();
        state.repeats.is_new((uid, event.reason, &event.note), Instant::now()).then(|| state.names.u64(..))
    }

    fn object(&self, event: Event, suffix: u64) -> kubernetes::Event {
        let name = event.regarding.name.as_deref().unwrap_or_default();
        let kind = match event.kind {
            EventType::Normal => "Normal",
            EventType::Warning => "Warning",
        };
        kubernetes::Event {
            metadata: ObjectMeta {
                name: Some(format!("{}.{suffix:016x}", cut(name, LONGEST_NAME))),
                namespace: Some(event.regarding.namespace.clone().unwrap_or_else(|| "default".to_owned())),
                ..ObjectMeta::default()
            },
            event_time: Some(MicroTime(clock::now())),
            type_: Some(kind.to_owned()),
            reason: Some(event.reason.to_owned()),
            action: Some(event.action.to_owned()),
            note: Some(event.note),
            regarding: Some(event.regarding),
            reporting_controller: Some(CONTROLLER.to_owned()),
            reporting_instance: Some(self.instance.clone()),
            ..kubernetes::Event::default()
        }
    }
}

/// Sends until it is told to close and nothing waits any more.
async fn send_all(
    client: kube::Client,
    mut waiting: mpsc::Receiver<kubernetes::Event>,
    mut closing: oneshot::Receiver<()>,
    shared: Arc<Shared>,
) {
    let mut calls = FuturesUnordered::new();
    let mut open = true;
    loop {
        tokio::select! {
            biased;
            // A sender that was dropped without a word closes, too.
            _ = &mut closing, if open => {
                open = false;
                waiting.close();
            }
            Some(()) = calls.next() => {}
            event = waiting.recv(), if calls.len() < CALLS => match event {
                Some(event) => calls.push(send(client.clone(), event, &shared)),
                None => break,
            },
        }
    }
    while calls.next().await.is_some() {}
}

async fn send(client: kube::Client, event: kubernetes::Event, shared: &Shared) {
    let namespace = event.metadata.namespace.clone().unwrap_or_default();
    let api: Api<kubernetes::Event> = Api::namespaced(client, &namespace);
    let failure = match timeout(CALL_TIMEOUT, api.create(&PostParams::default(), &event)).await {
        Ok(Ok(_)) => return,
        Ok(Err(error)) => kubernetes_error::describe(&error),
        Err(_) => format!("the API server did not answer within {CALL_TIMEOUT:?}"),
    };
    (shared.dropped)();
    tracing::debug!(namespace, event = event.metadata.name, error = failure, "an event was not published");
}

/// The longest beginning of `text` that has at most `most` bytes and ends with a whole character.
fn cut(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}
