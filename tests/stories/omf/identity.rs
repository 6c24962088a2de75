//! What tells one connection from another: its id once that is known, before that its set of clients, and never its name.

use serde_json::{Value, json};

use super::line::{
    ACCOUNT, LINE_7, LINE_8, LIST, ONE, POST, THREE, TWO, at_once, begin, connection, delete_of, id_of, lent,
    there, update_of, with_account,
};
use crate::support::objects::condition;
use crate::support::story::{DEADLINE, Story};

#[tokio::test]
async fn two_connections_may_have_one_name() {
    let story = with_account("omf-names").await;
    story.vendor.data_hub().put_connections(&[there("Line", &[THREE])]).await;
    let name = "name: Line";
    story.apply(&[connection("line-7", &[ONE], name), connection("line-8", &[TWO], name)].concat()).await;
    let (line_7, line_8) = (story.ready(LINE_7).await, story.ready(LINE_8).await);
    assert_ne!(id_of(&line_7), id_of(&line_8));
    assert_eq!(story.vendor.data_hub().states().await, ["Line Active", "Line Active", "Line Active"]);
    story.delete(LINE_7).await;
    story.gone(LINE_7).await;
    let (post, delete) = ("POST /OmfConnections Line", delete_of(&id_of(&line_7)));
    let writes = [(LINE_7, "patch, status ×2, patch"), (LINE_8, "patch, status")];
    story.cost(&[post, post, &delete], &writes).await;
    story.end().await;
}

#[tokio::test]
async fn a_post_whose_answer_was_lost_is_found_again_by_its_clients_and_never_repeated() {
    for (name, fault, seen) in [
        ("omf-lost-cut", json!({"kind": "cut_after_applying"}), "cut"),
        ("omf-lost-timeout", json!({"kind": "hang", "after_applying": true}), "abandoned"),
        (
            "omf-lost-503",
            json!({"kind": "status", "code": 503, "body": "busy", "after_applying": true}),
            "503",
        ),
    ] {
        let story = with_account(name).await;
        story.vendor.data_hub().put_connections(&[there("line-7", &[TWO])]).await;
        story.vendor.fault(json!({"method": "POST", "times": 1}), fault).await;
        story.apply(&connection("line-7", &[ONE], "adoptionPolicy: Never")).await;
        let line_7 = story.ready(LINE_7).await;
        let hub = story.vendor.data_hub();
        assert_eq!(hub.states().await, ["line-7 Active", "line-7 Active"], "theirs and ours");
        let ours = hub.connections().await.pop().expect("it is there");
        assert_eq!((ours["ClientIds"][0].as_str(), ours["Id"].as_str()), (Some(ONE), Some(&*id_of(&line_7))));
        let lost = format!("{POST} -> {seen}");
        // Once that the call failed, once that it is there.
        story.cost(&[&lost], &[(LINE_7, "patch, status ×2")]).await;
        story.end().await;
    }
}

#[tokio::test]
async fn a_post_that_took_no_effect_is_sent_again_when_that_is_certain() {
    let story = with_account("omf-lost-before").await;
    story.vendor.fault(json!({"method": "POST", "times": 1}), json!({"kind": "cut_before"})).await;
    story.apply(&connection("line-7", &[ONE], "")).await;
    story.ready(LINE_7).await;
    let lost = format!("{POST} -> cut");
    assert_eq!(story.vendor.data_hub().states().await, ["line-7 Active"]);
    // That the call failed, that a later list has to confirm the absence, that it is there.
    story.cost(&[&lost, POST], &[(LINE_7, "patch, status ×3")]).await;
    story.end().await;
}

#[tokio::test]
async fn a_claim_that_came_to_nothing_takes_no_connection_that_another_has_made_of_the_same_clients() {
    let story = with_account("omf-claim-void").await;
    story.vendor.fault(json!({"method": "POST", "times": 1}), json!({"kind": "cut_before"})).await;
    // No list tells that nothing was created.
    story.vendor.fault(json!({"method": "GET"}), json!({"kind": "status", "code": 503})).await;
    story.apply(&connection("line-7", &[ONE], "")).await;
    story.becomes(LINE_7, "Ready", "False/RemoteUnavailable").await;
    story.edit(LINE_7, &format!("spec: {{clientIds: ['{TWO}']}}")).await;
    story.apply(&connection("line-8", &[ONE], "")).await;
    let line_8 = id_of(&story.ready(LINE_8).await);

    story.vendor.heal().await;
    let line_7 = id_of(&story.ready(LINE_7).await);
    assert_ne!(line_7, line_8);
    let lost = format!("{POST} -> cut");
    assert_eq!(story.vendor_writes().await, [&lost, "POST /OmfConnections line-8", POST]);
    story.delete(LINE_7).await;
    story.gone(LINE_7).await;
    assert_eq!(id_of(&story.ready(LINE_8).await), line_8);
    story.end().await;
}

#[tokio::test]
async fn killed_between_the_post_and_the_status() {
    let mut story = begin(at_once("omf-crash").value("leaderElection.enabled", false)).await;
    let once = json!({"method": "POST", "times": 1, "path": "/api"});
    story.vendor.fault(once, json!({"kind": "hang", "after_applying": true})).await;
    story.apply(&connection("line-7", &[ONE], "adoptionPolicy: Never")).await;
    // The first is for a token.
    story.vendor.wait_for("POST", 2, DEADLINE).await;
    story.operator().kill().await;
    assert_eq!(story.condition(LINE_7, "Ready").await, "-", "nothing was said yet");

    story.operator().restart().await;
    story.ready(LINE_7).await;
    assert_eq!(story.vendor.data_hub().states().await, ["line-7 Active"]);
    let lost = format!("{POST} -> abandoned");
    story.cost(&[LIST, &lost, LIST], &[(LINE_7, "patch, status")]).await;
    story.end().await;
}

/// A story in which somebody has made a connection before anything is declared; and its id.
async fn found(name: &str, connection: Value) -> (Story, String) {
    let mut story = at_once(name).begin().await;
    let mut ids = story.vendor.data_hub().put_connections(&[connection]).await;
    story.omf_account("").await;
    story.ready(ACCOUNT).await;
    (story, ids.remove(0))
}

#[tokio::test]
async fn the_exact_set_without_case_is_taken_over_where_nothing_would_change() {
    let (story, id) = found("omf-adopt", there("line-7", &[&ONE.to_uppercase(), TWO])).await;
    story.apply(&connection("line-7", &[TWO, ONE], "")).await;
    let line_7 = story.ready(LINE_7).await;
    assert_eq!(id_of(&line_7), id);
    let note = story.told(&format!("Normal Adopted {LINE_7}")).await;
    assert_eq!(note, format!("{id} was there and is as declared; it is managed from now on"));
    story.cost(&[], &[(LINE_7, "patch, status")]).await;
    story.end().await;
}

#[tokio::test]
async fn what_differs_in_its_name_is_a_conflict_until_always_consents() {
    let (story, id) = found("omf-adopt-differs", there("Theirs", &[ONE])).await;
    story.apply(&connection("line-7", &[ONE], "")).await;
    story.becomes(LINE_7, "Stalled", "True/Conflict").await;
    let message = format!(
        "line-7: {id} already exists at the vendor and it differs (name: Theirs → line-7); set adoptionPolicy: Always to take it \
         over and change it, or choose another name"
    );
    assert_eq!(story.message(LINE_7, "Ready").await, message);
    story.cost(&[], &[(LINE_7, "status")]).await;

    story.edit(LINE_7, "spec: {adoptionPolicy: Always}").await;
    story.ready(LINE_7).await;
    let [get, put] = update_of(&id, "line-7");
    story.cost(&[&get, &put], &[(LINE_7, "status, patch, status")]).await;
    story.end().await;
}

#[tokio::test]
async fn what_is_still_being_made_is_taken_over_once_that_is_done() {
    let mut making = there("line-7", &[ONE]);
    making["State"] = "Creating".into();
    let (story, id) = found("omf-adopt-making", making).await;
    story.apply(&connection("line-7", &[ONE], "")).await;
    let waits = |seen: &Value| {
        seen["status"]["conditions"].to_string().contains("it can be taken over when that is over")
    };
    story.eventually(LINE_7, "told to wait", waits).await;
    story.vendor.data_hub().change_connection(&id, &json!({"State": "Active"})).await;
    assert_eq!(id_of(&story.ready(LINE_7).await), id);
    story.cost(&[], &[(LINE_7, "status, patch, status")]).await;
    story.end().await;
}

#[tokio::test]
async fn never_refuses_even_what_is_identical() {
    let (story, id) = found("omf-adopt-never", there("line-7", &[ONE])).await;
    story.apply(&connection("line-7", &[ONE], "adoptionPolicy: Never")).await;
    story.becomes(LINE_7, "Stalled", "True/Conflict").await;
    let message = story.message(LINE_7, "Ready").await;
    assert!(
        message.starts_with(&format!("line-7: {id} already exists at the vendor and it is identical;")),
        "{message}"
    );
    story.cost(&[], &[(LINE_7, "status")]).await;
    story.end().await;
}

#[tokio::test]
async fn a_part_of_the_set_is_another_connection() {
    let (story, id) = found("omf-adopt-part", there("line-7", &[ONE, TWO])).await;
    story.apply(&connection("line-7", &[ONE], "adoptionPolicy: Always")).await;
    story.becomes(LINE_7, "Stalled", "True/Conflict").await;
    let message = format!(
        "line-7: client id {ONE} belongs to {id} at the vendor, which nothing here manages; give it up there or here. Nothing is \
         written until then"
    );
    assert_eq!(story.message(LINE_7, "Ready").await, message);
    story.cost(&[], &[(LINE_7, "status")]).await;
    story.end().await;
}

#[tokio::test]
async fn what_is_being_deleted_is_no_candidate_and_is_waited_for() {
    let theirs = json!({"Name": "line-7", "ClientIds": [ONE], "State": "Deleting"});
    let (story, id) = found("omf-adopt-deleting", theirs).await;
    story.apply(&connection("line-7", &[ONE], "adoptionPolicy: Always")).await;
    let waits = story.becomes(LINE_7, "Ready", "Unknown/Progressing").await;
    assert_eq!(condition(&waits, "Reconciling"), "True/Progressing");
    let message =
        format!("line-7: one client id is taken over once released by {id}, which the vendor is deleting");
    assert_eq!(story.message(LINE_7, "Ready").await, message);
    story.cost(&[], &[(LINE_7, "status")]).await;

    story.vendor.data_hub().change_connection(&id, &json!({"State": "Deleted"})).await;
    let line_7 = story.ready(LINE_7).await;
    assert_ne!(id_of(&line_7), id);
    story.cost(&[POST], &[(LINE_7, "status, patch, status")]).await;
    story.end().await;
}

#[tokio::test]
async fn what_is_deleted_is_no_candidate_and_in_nobodys_way() {
    let theirs = json!({"Name": "line-7", "ClientIds": [ONE], "State": "Deleted"});
    let (story, id) = found("omf-adopt-deleted", theirs).await;
    story.apply(&connection("line-7", &[ONE], "adoptionPolicy: Always")).await;
    let line_7 = story.ready(LINE_7).await;
    assert_ne!(id_of(&line_7), id);
    story.cost(&[POST], &[(LINE_7, "patch, status")]).await;
    story.end().await;
}

#[tokio::test]
async fn of_two_objects_with_one_set_the_older_has_it_and_the_other_follows_when_it_goes() {
    let story = with_account("omf-same-set").await;
    story.apply(&connection("line-7", &[ONE, TWO], "")).await;
    let line_7 = story.ready(LINE_7).await;
    story.apply(&connection("line-8", &[TWO, ONE], "adoptionPolicy: Always")).await;
    story.becomes(LINE_8, "Stalled", "True/Conflict").await;
    let message = story.message(LINE_8, "Ready").await;
    let id = id_of(&line_7);
    assert_eq!(
        message,
        format!(
            "line-8: {id} is already managed by omf-same-set/line-7; only one connector can do that: declare another one in one of them, or delete one"
        )
    );
    story.cost(&[POST], &[(LINE_7, "patch, status"), (LINE_8, "status")]).await;

    story.delete(LINE_7).await;
    story.gone(LINE_7).await;
    let line_8 = story.ready(LINE_8).await;
    assert_ne!(id_of(&line_8), id);
    let delete = delete_of(&id);
    let sent = [POST.to_owned(), delete, "POST /OmfConnections line-8".to_owned()];
    story.cost(&lent(&sent), &[(LINE_7, "patch, status ×2, patch"), (LINE_8, "status, patch, status")]).await;
    story.end().await;
}
