//! What an agent tells of itself: shown as far as it is told, and never without bound.

use serde_json::{Map, Value, json};

use crate::support::story::Story;

use super::agent::{ACCOUNT, DECLARED, EDGE, ID, in_sync};

#[tokio::test]
async fn each_running_agent_is_shown_with_where_it_runs() {
    let mut story = Story::begin("apono-sessions").await;
    let metadata = json!({"kubernetes_type": "EKS", "region": "eu-west-1", "is_kubernetes_admin": true});
    for agent in ["agent-1", "agent-2"] {
        let what = json!({
            "connector_id": ID, "name": "Edge", "version": "1.7.8", "is_latest_version": true,
            "cloud_provider_type": "AWS", "metadata": metadata,
        });
        story.vendor.apono().install(agent, &what).await;
    }
    story.apono_account("").await;
    story.ready(ACCOUNT).await;
    story.apply(DECLARED).await;
    let remote = story.ready(EDGE).await["status"]["remote"].clone();
    assert_eq!(
        (&remote["version"], &remote["isLatestVersion"], &remote["cloudProviderType"]),
        (&json!("1.7.8"), &json!(true), &json!("AWS"))
    );
    let sessions = remote["sessions"].as_array().expect("sessions");
    assert_eq!(sessions.len(), 2);
    for session in sessions {
        assert_eq!(session["connectorVersion"], "1.7.8");
        let shown = json!({"kubernetes_type": "EKS", "region": "eu-west-1", "is_kubernetes_admin": "true"});
        assert_eq!(session["cloudProviderMetadata"], shown);
    }

    // Null and absent are one, and an agent more or less is news of one write.
    story.vendor.switch("apono.metadata-member", "null").await;
    story.look_again().await;
    story.cost(&[], &[(EDGE, "status")]).await;
    story.vendor.apono().disconnect("agent-2").await;
    story.look_again().await;
    assert_eq!(story.get(EDGE).await["status"]["remote"]["sessions"].as_array().map(Vec::len), Some(1));
    assert_eq!(story.condition(EDGE, "Connected").await, "True/Connected", "the other one is");
    story.cost(&[], &[(EDGE, "status ×2")]).await;
    story.end().await;
}

#[tokio::test]
async fn the_older_document_has_no_sessions() {
    let mut story = Story::named("apono-no-sessions").switch("apono.sessions", "absent").begin().await;
    story.vendor.apono().register(ID, "Edge").await;
    story.apono_account("").await;
    story.ready(ACCOUNT).await;
    story.apply(DECLARED).await;
    let edge = story.ready(EDGE).await;
    assert_eq!(edge["status"]["remote"]["sessions"], json!(null));
    assert_eq!(story.condition(EDGE, "Connected").await, "True/Connected");
    story.cost(&[], &[(EDGE, "status")]).await;
    story.end().await;
}

#[tokio::test]
async fn more_than_a_status_should_hold_is_left_out() {
    let story = in_sync("apono-many-sessions", DECLARED).await;
    let metadata: Map<String, Value> =
        (0..40).map(|number| (format!("member_{number:02}"), json!("x"))).collect();
    for number in 0..70 {
        let what = json!({"connector_id": ID, "name": "Edge", "metadata": metadata});
        story.vendor.apono().install(&format!("agent-{number:02}"), &what).await;
    }
    story.look_again().await;
    let edge = story.ready(EDGE).await;
    let sessions = edge["status"]["remote"]["sessions"].as_array().expect("sessions");
    assert_eq!(sessions.len(), 64);
    for session in sessions.iter().filter(|session| !session["cloudProviderMetadata"].is_null()) {
        let shown = session["cloudProviderMetadata"].as_object().expect("an object");
        assert_eq!(shown.len(), 32);
    }
    story.cost(&[], &[(EDGE, "status ×2")]).await;
    story.end().await;
}
