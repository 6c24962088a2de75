//! A connection is declared, is made by the vendor in its own time, and goes again.

use crate::support::story::Story;

const ACCOUNT: &str = "OmfAccount/default";
const LINE_7: &str = "OmfConnection/line-7";

#[tokio::test]
async fn a_connection_is_created_once_waits_for_active_and_is_deleted_once() {
    let mut story = Story::begin("omf-life").await;
    story.omf_account("").await;
    story.ready(ACCOUNT).await;
    story
        .apply(
            "
kind: OmfConnection
metadata: {name: line-7}
spec:
  name: Line 7 sensors
  description: Historian feed of line 7
  clientIds: [d6b178a4-0de5-4c30-8ba7-0a84751be854]
",
        )
        .await;
    let line_7 = story.ready(LINE_7).await;
    assert_eq!(line_7["status"]["remote"]["state"], "Active");
    story.delete(LINE_7).await;
    story.gone(LINE_7).await;
    story.end().await;
}
