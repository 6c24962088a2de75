//! The feeds: one watch a kind and namespace, each with its own back-off.
//!
//! A feed never ends and never fails; what goes wrong is logged, and tried again after a pause.

use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use kube::runtime::watcher::{self, Event};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::time::Duration;
use tokio::time::{Instant, sleep};

const FIRST_BACK_OFF: Duration = Duration::from_millis(500);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(30);
/// A failure after so long is the first one again: longer than a watch and the longest pause together, so in between a watch went well. On a quiet
/// feed no event says that.
const FORGETS_FAILURES: Duration = Duration::from_mins(2);

struct Feed<K: Resource> {
    api: Api<K>,
    config: watcher::Config,
    events: BoxStream<'static, watcher::Result<Event<K>>>,
    failures: u32,
    failed_at: Option<Instant>,
    name: String,
}

/// The events of everything that `api` reaches and `config` selects.
pub fn feed<K>(api: Api<K>, config: watcher::Config, name: String) -> impl Stream<Item = Event<K>> + Send
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
{
    let events = watcher::watcher(api.clone(), config.clone()).boxed();
    let feed = Feed { api, config, events, failures: 0, failed_at: None, name };
    futures::stream::unfold(feed, |mut feed| async move {
        loop {
            match feed.events.next().await {
                Some(Ok(event)) => {
                    // That a list is about to be asked for says nothing of how it will go.
                    if !matches!(event, Event::Init) {
                        feed.failures = 0;
                    }
                    return Some((event, feed));
                }
                Some(Err(error)) => feed.recover(&error).await,
                None => feed.restart(),
            }
        }
    })
}

impl<K> Feed<K>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
{
    async fn recover(&mut self, error: &watcher::Error) {
        if is_expired(error) {
            // The history that we asked for is gone; only a new list helps.
            self.restart();
        }
        if self.failed_at.is_some_and(|failed_at| failed_at.elapsed() > FORGETS_FAILURES) {
            self.failures = 0;
        }
        self.failed_at = Some(Instant::now());
        let pause = FIRST_BACK_OFF.saturating_mul(1 << self.failures.min(10)).min(LONGEST_BACK_OFF);
        self.failures = self.failures.saturating_add(1);
        tracing::warn!(
            feed = self.name,
            "the watch failed and is tried again in {pause:?}: {}",
            describe(error)
        );
        sleep(pause.mul_f64(0.75 + 0.5 * fastrand::f64())).await;
    }

    fn restart(&mut self) {
        self.events = watcher::watcher(self.api.clone(), self.config.clone()).boxed();
    }
}

/// An error's text may quote a body that could not be decoded; a body may be a Secret's. Only the API server's own words are shown.
fn describe(error: &watcher::Error) -> String {
    use watcher::Error::{InitialListFailed, NoResourceVersion, WatchError, WatchFailed, WatchStartFailed};
    match error {
        InitialListFailed(error) | WatchStartFailed(error) | WatchFailed(error) => match error {
            kube::Error::Api(status) => format!("{} {}: {}", status.code, status.reason, status.message),
            kube::Error::SerdeError(_) => "the answer could not be decoded".into(),
            other => other.to_string(),
        },
        WatchError(status) => format!("{} {}", status.code, status.reason),
        NoResourceVersion => "the answer has no resourceVersion".into(),
    }
}

fn is_expired(error: &watcher::Error) -> bool {
    use watcher::Error::{WatchError, WatchFailed, WatchStartFailed};
    match error {
        WatchError(status)
        | WatchStartFailed(kube::Error::Api(status))
        | WatchFailed(kube::Error::Api(status)) => status.code == 410,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::Namespace;
    use kube::client::Body;
    use serde_json::json;
    use std::convert::Infallible;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use tokio::time::timeout_at;

    fn answer(code: u16, body: &serde_json::Value) -> http::Response<Body> {
        let mut answer = http::Response::new(Body::from(body.to_string().into_bytes()));
        *answer.status_mut() = http::StatusCode::from_u16(code).expect("a status");
        answer
    }

    #[tokio::test(start_paused = true)]
    async fn failures_of_a_quiet_feed_that_lie_far_apart_do_not_add_up() {
        const GOES_WELL: Duration = Duration::from_hours(1);
        let watches = Arc::new(AtomicU32::new(0));
        let counted = watches.clone();
        let service = tower::service_fn(move |request: http::Request<Body>| {
            let is_watch = request.uri().query().is_some_and(|query| query.contains("watch=true"));
            let counted = counted.clone();
            async move {
                if !is_watch {
                    let metadata = json!({"resourceVersion": "1"});
                    return Ok(answer(200, &json!({"metadata": metadata, "items": []})));
                }
                counted.fetch_add(1, Ordering::Relaxed);
                sleep(GOES_WELL).await;
                Err::<http::Response<Body>, _>(std::io::Error::other("cut"))
            }
        });
        let api: Api<Namespace> = Api::all(kube::Client::new(service, "default"));
        let mut events = feed(api, watcher::Config::default(), "namespaces".to_owned()).boxed();
        let end = Instant::now() + 20 * (GOES_WELL + 2 * FIRST_BACK_OFF);
        while timeout_at(end, events.next()).await.is_ok() {}
        assert_eq!(watches.load(Ordering::Relaxed), 21, "watches, each soon after the one before");
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_that_is_forbidden_is_asked_for_less_and_less_often() {
        let asked = Arc::new(AtomicU32::new(0));
        let counted = asked.clone();
        let service = tower::service_fn(move |_: http::Request<Body>| {
            counted.fetch_add(1, Ordering::Relaxed);
            let refused = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden", "code": 403});
            async move { Ok::<_, Infallible>(answer(403, &refused)) }
        });
        let api: Api<Namespace> = Api::all(kube::Client::new(service, "default"));
        let mut events = feed(api, watcher::Config::default(), "namespaces".to_owned()).boxed();
        let end = Instant::now() + Duration::from_mins(5);
        while timeout_at(end, events.next()).await.is_ok() {}
        let asked = asked.load(Ordering::Relaxed);
        assert!((5..25).contains(&asked), "{asked} lists in five minutes");
    }
}
