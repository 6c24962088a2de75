//! The connector that most of these stories are about, `edge`, and how they begin with it.

use crate::support::story::Story;

pub(super) const ACCOUNT: &str = "AponoAccount/default";
pub(super) const EDGE: &str = "AponoConnector/edge";
/// Its id at Apono.
pub(super) const ID: &str = "c-edge";

/// How the vendor's log shows what is asked of it.
pub(super) const LIST: &str = "GET /connectors?limit=100";
/// Read again just before the rename.
pub(super) const GET: &str = "GET /connectors/c-edge";
pub(super) const DELETE: &str = "DELETE /connectors/c-edge";

/// The least that one can declare. More of its spec may follow, indented by two.
pub(super) const EDGE_ONLY: &str = "
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

/// A story in which the agent of `edge` has registered its connector as `Edge`, and which this manifest declares.
pub(super) async fn in_sync(name: &str, manifest: &str) -> Story {
    let mut story = Story::begin(name).await;
    story.vendor.apono().register(ID, "Edge").await;
    story.apono_account("").await;
    story.ready(ACCOUNT).await;
    story.apply(manifest).await;
    story.ready(EDGE).await;
    story
}
