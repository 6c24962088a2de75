//! The connector that most of these stories are about, `edge`, and how they begin with it.

use crate::support::story::Story;

pub(super) const ACCOUNT: &str = "AponoAccount/default";
pub(super) const EDGE: &str = "AponoConnector/edge";
/// Its id at Apono.
pub(super) const ID: &str = "c-edge";

/// How the vendor's log shows what is asked of it: a list, and each write with the look just before it.
pub(super) const LIST: &str = "GET /connectors?limit=100";
pub(super) const GET: &str = "GET /connectors/c-edge";
pub(super) const DELETE: &str = "DELETE /connectors/c-edge";

/// The least that one can declare. More of its spec may follow, indented by two.
pub(super) const DECLARED: &str = "
kind: AponoConnector
metadata: {name: edge}
spec:
  connectorId: c-edge
";

/// A story whose account is Ready.
pub(super) async fn with_account(name: &str) -> Story {
    let mut story = Story::begin(name).await;
    story.apono_account("").await;
    story.ready(ACCOUNT).await;
    story
}

/// A story in which the agent of `edge` has registered its connector as `Edge`, and whose account is Ready.
pub(super) async fn registered(name: &str) -> Story {
    let mut story = Story::begin(name).await;
    story.vendor.apono().register(ID, "Edge").await;
    story.apono_account("").await;
    story.ready(ACCOUNT).await;
    story
}

/// The same with `edge` as this manifest declares it.
pub(super) async fn in_sync(name: &str, manifest: &str) -> Story {
    let story = registered(name).await;
    story.apply(manifest).await;
    story.ready(EDGE).await;
    story
}
