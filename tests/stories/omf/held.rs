//! The vendor is quicker than Kubernetes: its list shows what became of a connection before the status says whose that is.

use serde_json::json;

use super::line::{LINE_7, ONE, POST, at_once, begin, connection, update_of};
use crate::support::api_proxy::{ApiProxy, Held};
use crate::support::control_plane::ControlPlane;
use crate::support::opening::Opening;
use crate::support::story::Story;

/// A story in which the first status of `line-7` is on its way to the API server, and held there.
async fn with_the_status_held(opening: Opening) -> (Story, ApiProxy, Held) {
    let proxy = ApiProxy::start(ControlPlane::shared().await).await;
    let story = begin(opening.cluster_at(&proxy.host())).await;
    let mut status = proxy.hold("PATCH", "/omfconnections/line-7/status");
    story.apply(&connection("line-7", &[ONE], "description: Historian feed")).await;
    status.came().await;
    (story, proxy, status)
}

#[tokio::test]
async fn a_connection_that_is_active_before_its_status_says_creating_does_not_stay_creating() {
    let opening = Story::named("omf-held-creating").switch("omf.creation", "stays");
    let (story, _proxy, status) = with_the_status_held(opening).await;
    story.vendor.data_hub().settle().await;
    story.a_list_is_read_from_now_on().await;
    status.release();
    story.ready(LINE_7).await;
    story.cost(&[POST], &[(LINE_7, "patch, status ×2")]).await;
    story.end().await;
}

#[tokio::test]
async fn a_connection_that_somebody_changes_before_its_status_says_active_is_put_right() {
    let (story, _proxy, status) = with_the_status_held(at_once("omf-held-drift")).await;
    let hub = story.vendor.data_hub();
    let id = hub.id_of("line-7").await;
    hub.change_connection(&id, &json!({"Description": "Somebody else's"})).await;
    story.ask_for_a_list("OmfAccount/default").await;
    story.a_list_is_read_from_now_on().await;
    status.release();
    story.told(&format!("Normal DriftCorrected {LINE_7}")).await;
    story.settled().await;
    story.ready(LINE_7).await;
    assert_eq!(hub.connection("line-7").await["Description"], "Historian feed");
    let [get, put] = update_of(&id, "line-7");
    // The second status would say what the first one said.
    story.cost(&[POST, &get, &put], &[(LINE_7, "patch, status")]).await;
    story.end().await;
}
