//! The connector that most stories are about, `plant-a`, and how they begin with it.

use serde_json::{Value, json};

use crate::support::certificates::Identity;
use crate::support::looking::set;
use crate::support::story::Story;

pub(crate) const ACCOUNT: &str = "OnomondoAccount/default";
pub(crate) const PLANT_A: &str = "OnomondoConnector/plant-a";

/// How the vendor's log shows what is asked of it.
pub(crate) const LIST: &str = "GET /connectors";
pub(crate) const POST: &str = "POST /connectors plant-a";
pub(crate) const PATCH: &str = "PATCH /connectors/plant-a";
pub(crate) const DELETE: &str = "DELETE /connectors/plant-a";

/// The least that one can declare. More of its spec may follow, indented by two.
pub(crate) const HTTPS: &str = "
kind: OnomondoConnector
metadata: {name: plant-a}
spec:
  type: https
  https: {host: 'https://ingest.example.com/v1'}
";

/// The same without leave to take over what is there: what a claim stands on is ours, and needs none.
pub(crate) const NEVER_ADOPTED: &str = "
kind: OnomondoConnector
metadata: {name: plant-a}
spec:
  adoptionPolicy: Never
  type: https
  https: {host: 'https://ingest.example.com/v1'}
";

/// One with write-only values, from the Secret `client`. More of its spec may follow, indented by two.
pub(crate) const TLS: &str = "
kind: OnomondoConnector
metadata: {name: plant-a}
spec:
  type: tls
  tls:
    host: 10.0.0.1
    port: 443
    serverName: one.example.com
    keySecretRef: {name: client}
    certSecretRef: {name: client}
";

/// What the vendor has of [`HTTPS`], with that host.
pub(crate) fn there(host: &str) -> Value {
    json!({"type": "https", "options": {"host": host, "shouldReturnBody": false}})
}

/// The options of [`TLS`], as the vendor's log shows them.
pub(crate) fn tls_options(identity: &Identity) -> Value {
    json!({
        "host": "10.0.0.1", "port": 443, "server_name": "one.example.com",
        "key": set(&identity.key), "cert": set(&identity.certificate),
    })
}

/// A story whose account is Ready.
pub(crate) async fn with_account(name: &str) -> Story {
    let mut story = Story::begin(name).await;
    story.onomondo_account("").await;
    story.ready(ACCOUNT).await;
    story
}

/// A story whose `plant-a` is as this manifest declares it, which a list has confirmed.
pub(crate) async fn in_sync(name: &str, manifest: &str) -> Story {
    let story = with_account(name).await;
    comes_in_sync(&story, manifest).await;
    story
}

/// The same with the Secret `client`.
pub(crate) async fn in_sync_with_secret(name: &str, manifest: &str) -> (Story, Identity) {
    let mut story = with_account(name).await;
    let identity = story.tls_secret("client").await;
    comes_in_sync(&story, manifest).await;
    (story, identity)
}

async fn comes_in_sync(story: &Story, manifest: &str) {
    story.apply(manifest).await;
    story.ready(PLANT_A).await;
    story.the_last_write_is_listed().await;
    // The account says that it was read, is held, and says that there is one object more.
    let writes = [(ACCOUNT, "status, patch, status"), (PLANT_A, "patch, status")];
    story.cost(&[LIST, POST, LIST], &writes).await;
}

/// The DELETEs that were refused because of SIMs, each with the question which ones. How many there are is a matter of time: the
/// back-off goes on until nobody maps them any more.
pub(crate) async fn refused_because_of_sims(story: &Story) -> Vec<&'static str> {
    const REFUSED: &str = "DELETE /connectors/plant-a -> 403";
    const WHICH: &str = "GET /sims?filter%5B%5D=connector%3Aplant-a&limit=5";
    let tries = story.vendor_writes().await.iter().filter(|request| *request == REFUSED).count();
    [REFUSED, WHICH].repeat(tries)
}
