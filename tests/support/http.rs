//! Plain HTTP to the loopback.

use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;

/// A request of a test that takes longer has failed.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A client that no proxy variable of the person's environment touches. One for each call: a kept connection would belong
/// to the runtime of the test that opened it.
pub fn client() -> reqwest::Client {
    static PROVIDER: OnceLock<()> = OnceLock::new();
    PROVIDER.get_or_init(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build().expect("an HTTP client")
}

/// Status and body of a GET.
pub async fn get(url: &str) -> Result<(u16, String), String> {
    send(client().get(url)).await
}

/// Sends JSON.
pub async fn send_json(method: http::Method, url: &str, body: &Value) -> Result<(u16, String), String> {
    let request = client().request(method, url).header("content-type", "application/json");
    send(request.body(body.to_string())).await
}

async fn send(request: reqwest::RequestBuilder) -> Result<(u16, String), String> {
    let answer = request.send().await.map_err(|error| format!("{error:?}"))?;
    let code = answer.status().as_u16();
    let text = answer.text().await.map_err(|error| format!("{error:?}"))?;
    Ok((code, text))
}
