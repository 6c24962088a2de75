//! The connection to the Kubernetes API server: of the kubeconfig, else of the pod. It holds what kube's defaults lack: no silent
//! repetition of writes, an end to every wait, `NO_PROXY`, and a count of the requests.

use std::env;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use kube::Config;
use kube::client::{Body, ClientBuilder};
use kube::config::InferConfigError;
use tower::{Layer, Service};

use super::proxy;
use crate::metrics::Metrics;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// Longer than a watch lasts (the server ends it after 290 s at the latest), so that only a dead connection meets it. Single
/// calls are bounded where they are made.
const READ_TIMEOUT: Duration = Duration::from_mins(6);

/// There is no way to an API server.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// Neither a kubeconfig nor a pod's environment.
    #[error(
        "cannot find a cluster: set KUBECONFIG (or have ~/.kube/config), or run in a pod with a ServiceAccount token"
    )]
    NotFound(#[source] InferConfigError),
    /// Found, and not usable.
    #[error("cannot use the cluster's settings: check its addresses, certificates and credentials")]
    NotUsable(#[source] kube::Error),
}

/// A client for the cluster. Nothing is sent yet.
pub(super) async fn connect(metrics: &Metrics) -> Result<kube::Client, ClusterError> {
    let config = bounded(Config::infer().await.map_err(ClusterError::NotFound)?);
    let host = config.cluster_url.authority().map(ToString::to_string).unwrap_or_default();
    let counting = Counting { metrics: metrics.clone(), host };
    let client =
        ClientBuilder::try_from(config).map_err(ClusterError::NotUsable)?.with_layer(&counting).build();
    Ok(client)
}

fn bounded(mut config: Config) -> Config {
    // kube would repeat every request, POSTs too, up to 15 times; who sends a request decides what a failure means.
    config.default_retry = false;
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    config.write_timeout = Some(WRITE_TIMEOUT);
    config.read_timeout = Some(READ_TIMEOUT);
    config.reset_reader_on_write = true;
    let no_proxy = env::var("NO_PROXY").or_else(|_| env::var("no_proxy")).unwrap_or_default();
    let from_environment = ["HTTPS_PROXY", "https_proxy"]
        .iter()
        .any(|variable| env::var(variable).ok().and_then(|proxy| proxy.parse().ok()) == config.proxy_url);
    if from_environment && config.cluster_url.host().is_some_and(|host| proxy::is_bypassed(&no_proxy, host)) {
        config.proxy_url = None;
    }
    config
}

/// Counts every request in `rest_client_requests_total`.
struct Counting {
    metrics: Metrics,
    host: String,
}

struct Counted<S> {
    inner: S,
    metrics: Metrics,
    host: String,
}

impl<S> Layer<S> for Counting {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted { inner, metrics: self.metrics.clone(), host: self.host.clone() }
    }
}

impl<S, B> Service<Request<Body>> for Counted<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (metrics, host) = (self.metrics.clone(), self.host.clone());
        let method = request.method().clone();
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await;
            let status = answer.as_ref().map_or(0, |response| response.status().as_u16());
            metrics.kubernetes_request_finished(status, method.as_str(), &host);
            answer
        })
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use tower::ServiceExt;

    use super::*;

    #[test]
    fn a_write_is_never_repeated_and_no_wait_is_endless() {
        let config = bounded(Config::new(http::Uri::from_static("https://10.0.0.1:443")));

        assert!(!config.default_retry);
        assert!(config.connect_timeout.is_some() && config.write_timeout.is_some());
        assert!(
            config.read_timeout.is_some_and(|longest| longest > Duration::from_secs(295)),
            "cuts watches off"
        );
    }

    #[tokio::test]
    async fn requests_are_counted_with_and_without_an_answer() {
        let metrics = Metrics::new();
        let counting = Counting { metrics: metrics.clone(), host: "10.0.0.1:443".to_owned() };
        let cluster = tower::service_fn(|request: Request<Body>| async move {
            if request.method() == "GET" { Ok(Response::new(())) } else { Err("broken") }
        });
        let mut counted = counting.layer(cluster);

        let get = Request::get("/api").body(Body::empty()).unwrap();
        let put = Request::put("/api").body(Body::empty()).unwrap();
        assert_eq!(counted.ready().await.unwrap().call(get).await.unwrap().status(), StatusCode::OK);
        assert_eq!(counted.ready().await.unwrap().call(put).await.unwrap_err(), "broken");

        let text = metrics.render().unwrap();
        let has = |line: &str| assert!(text.contains(line), "{line} is not in:\n{text}");
        has(r#"rest_client_requests_total{code="200",method="GET",host="10.0.0.1:443"} 1"#);
        has(r#"rest_client_requests_total{code="<error>",method="PUT",host="10.0.0.1:443"} 1"#);
    }
}
