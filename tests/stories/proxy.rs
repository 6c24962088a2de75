//! A network that is left by a proxy alone, which the environment names as it does for every program.

use serde_json::json;

use crate::plant::{ACCOUNT, DELETE, HTTPS, LIST, PATCH, PLANT_A, POST};
use crate::support::control_plane::ControlPlane;
use crate::support::objects::condition_message;
use crate::support::opening::{Opening, random_text};
use crate::support::process::free_port;
use crate::support::proxy::Proxy;
use crate::support::story::Story;

/// A host that nobody but the proxy can find.
const HOST: &str = "onomondo.test";

/// A story in which the environment names `proxy`, and accounts may go to its host.
fn behind(proxy: &Proxy, name: &str) -> Opening {
    let url = format!("http://{}", proxy.host());
    Story::named(name).variable("HTTP_PROXY", &url).variable("HTTPS_PROXY", &url).allowed_host(HOST)
}

/// Declares the account with another endpoint than the vendor's own address.
async fn account_at(story: &mut Story, endpoint: &str) {
    let key = story.api_key.clone();
    story.secret("onomondo", &[("apiKey", &key)]).await;
    let spec = json!({"endpoint": endpoint, "apiKeySecretRef": {"name": "onomondo"}});
    let account = json!({"kind": "OnomondoAccount", "metadata": {"name": "default"}, "spec": spec});
    story.apply(&account.to_string()).await;
}

#[tokio::test]
async fn the_vendor_is_reached_through_the_proxy_and_the_own_machine_without() {
    let proxy = Proxy::start().await;
    let mut story = behind(&proxy, "proxy").begin().await;
    proxy.leads(&format!("{HOST}:80"), story.vendor.host());
    account_at(&mut story, &format!("http://{HOST}")).await;
    story.ready(ACCOUNT).await;
    story.apply(HTTPS).await;
    story.ready(PLANT_A).await;
    story.edit(PLANT_A, "spec: {https: {shouldReturnBody: true}}").await;
    story.ready(PLANT_A).await;
    story.delete(PLANT_A).await;
    story.gone(PLANT_A).await;

    story.cost(&[POST, PATCH, DELETE], &[(PLANT_A, "patch, status ×2, patch")]).await;
    // The proxy saw all that the vendor saw, and of the API server, which is on this machine, nothing.
    let passed: Vec<String> = story
        .vendor
        .requests()
        .await
        .iter()
        .map(|request| format!("{} http://{HOST}{}", request.method, request.path))
        .collect();
    assert_eq!(proxy.asked(), passed);
    story.end().await;
}

#[tokio::test]
async fn what_no_proxy_names_is_reached_directly() {
    let proxy = Proxy::start().await;
    let mut story = behind(&proxy, "proxy-not").variable("NO_PROXY", "10.0.0.0/8,127.0.0.1").begin().await;
    story.onomondo_account("").await;
    story.ready(ACCOUNT).await;
    story.apply(HTTPS).await;
    story.ready(PLANT_A).await;
    story.cost(&[POST], &[(PLANT_A, "patch, status")]).await;
    assert_eq!(proxy.asked(), [""; 0]);
    story.end().await;
}

#[tokio::test]
async fn what_no_proxy_does_not_name_is_the_proxys_business_even_on_the_own_machine() {
    let proxy = Proxy::start().await;
    let mut story = behind(&proxy, "proxy-all").begin().await;
    story.onomondo_account("").await;
    story.ready(ACCOUNT).await;
    story.cost(&[LIST], &[(ACCOUNT, "status")]).await;
    assert_eq!(proxy.asked(), [format!("GET {}/connectors", story.vendor.url())]);
    story.end().await;
}

#[tokio::test]
async fn a_vendor_behind_tls_is_reached_through_a_tunnel_that_shows_no_credential() {
    let proxy = Proxy::start().await;
    let mut story = behind(&proxy, "proxy-tunnel").begin().await;
    // The vendor of the stories speaks no TLS, so nothing comes of it but the question.
    proxy.leads(&format!("{HOST}:443"), story.vendor.host());
    account_at(&mut story, &format!("https://{HOST}")).await;
    story.becomes(ACCOUNT, "Ready", "False/RemoteUnavailable").await;
    let heads = proxy.heads().join("\n");
    assert!(heads.starts_with(&format!("CONNECT {HOST}:443 HTTP/1.1")), "{heads}");
    assert!(!heads.contains(&story.api_key), "{heads}");
    story.cost(&[], &[(ACCOUNT, "status")]).await;
    story.end().await;
}

#[tokio::test]
async fn a_proxy_makes_no_host_allowed() {
    let proxy = Proxy::start().await;
    let mut story = behind(&proxy, "proxy-stray").begin().await;
    proxy.leads("elsewhere.test:80", story.vendor.host());
    account_at(&mut story, "http://elsewhere.test").await;
    story.becomes(ACCOUNT, "Stalled", "True/InvalidSpec").await;
    story.cost(&[], &[(ACCOUNT, "status")]).await;
    assert_eq!(proxy.asked(), [""; 0]);
    story.end().await;
}

#[tokio::test]
async fn a_proxy_that_is_down_is_said_without_its_password() {
    let password = random_text("proxy-password");
    let url = format!("http://operator:{password}@127.0.0.1:{}", free_port());
    let mut story = Story::named("proxy-down").variable("HTTP_PROXY", &url).begin().await;
    story.onomondo_account("").await;
    let failing = story.becomes(ACCOUNT, "Ready", "False/RemoteUnavailable").await;
    let message = condition_message(&failing, "Ready");
    assert!(
        message.starts_with("account proxy-down/default: the vendor could not be reached: "),
        "{message}"
    );
    assert!(!failing.to_string().contains(&password), "the password of the proxy is in the status");
    assert!(!story.operator().log().contains(&password), "the password of the proxy is in the log");
    story.cost(&[], &[(ACCOUNT, "status")]).await;
    story.end().await;
}

#[tokio::test]
async fn the_api_server_is_reached_through_the_proxy_and_its_password_is_not_told() {
    let proxy = Proxy::start().await;
    let plane = ControlPlane::shared().await;
    let port = plane.host().rsplit(':').next().expect("a port").to_owned();
    let cluster = format!("kubernetes.default.svc:{port}");
    proxy.leads(&cluster, &plane.host());
    let password = random_text("proxy-password");
    let url = format!("http://operator:{password}@{}", proxy.host());
    let opening = Story::named("proxy-cluster").variable("HTTPS_PROXY", &url).cluster_at(&cluster);
    let mut story = opening.begin().await;
    story.onomondo_account("").await;
    story.ready(ACCOUNT).await;
    story.apply(HTTPS).await;
    story.ready(PLANT_A).await;
    story.cost(&[POST], &[(PLANT_A, "patch, status")]).await;

    let asked = proxy.asked();
    assert!(!asked.is_empty(), "the API server was reached without the proxy");
    assert!(asked.iter().all(|request| *request == format!("CONNECT {cluster}")), "{asked:?}");
    let heads = proxy.heads();
    let is_authorized = |head: &String| head.to_ascii_lowercase().contains("proxy-authorization: basic ");
    assert!(heads.iter().all(is_authorized), "{heads:?}");
    let log = story.operator().log();
    assert!(!log.contains(&password), "the password of the proxy is in the log");
    story.end().await;
}
