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
use tokio::time::sleep;

const FIRST_BACK_OFF: Duration = Duration::from_millis(500);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(30);

struct Feed<K: Resource> {
    api: Api<K>,
    config: watcher::Config,
    events: BoxStream<'static, watcher::Result<Event<K>>>,
    failures: u32,
    name: String,
}

/// The events of everything that `api` reaches and `config` selects.
pub fn feed<K>(api: Api<K>, config: watcher::Config, name: String) -> impl Stream<Item = Event<K>> + Send
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + Sync + 'static,
{
    let events = watcher::watcher(api.clone(), config.clone()).boxed();
    futures::stream::unfold(Feed { api, config, events, failures: 0, name }, |mut feed| async move {
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
    use tokio::time::{Instant, timeout_at};

    #[tokio::test(start_paused = true)]
    async fn a_list_that_is_forbidden_is_asked_for_less_and_less_often() {
        let asked = Arc::new(AtomicU32::new(0));
        let counted = asked.clone();
        let service = tower::service_fn(move |_: http::Request<Body>| {
            counted.fetch_add(1, Ordering::Relaxed);
            let refused = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden", "code": 403});
            let mut answer = http::Response::new(Body::from(refused.to_string().into_bytes()));
            *answer.status_mut() = http::StatusCode::FORBIDDEN;
            async move { Ok::<_, Infallible>(answer) }
        });
        let api: Api<Namespace> = Api::all(kube::Client::new(service, "default"));
        let mut events = feed(api, watcher::Config::default(), "namespaces".to_owned()).boxed();
        let end = Instant::now() + Duration::from_mins(5);
        while timeout_at(end, events.next()).await.is_ok() {}
        let asked = asked.load(Ordering::Relaxed);
        assert!((5..25).contains(&asked), "{asked} lists in five minutes");
    }
}
