//! A client can be in one connection of a namespace: who has it already keeps it, and nothing is written.

use serde_json::json;

use super::line::{
    ACCOUNT, FOUR, LINE_7, LINE_8, ONE, POST, THREE, TWO, at_once, begin, connection, delete_of, id_of,
    in_sync, lent, there, update_of, with_account,
};
use crate::support::objects::{condition, condition_message};
use crate::support::story::Story;

const NOTHING_WRITTEN: &str = "give it up there or here. Nothing is written until then";

#[tokio::test]
async fn clients_of_a_connection_that_nobody_manages_are_named_before_any_call() {
    let story = with_account("omf-held-unmanaged").await;
    let ids =
        story.vendor.data_hub().put_connections(&[there("Theirs", &[ONE, TWO, THREE, FOUR, "five"])]).await;
    story.look_again().await;
    story.apply(&connection("line-7", &[ONE, TWO, THREE, FOUR], "")).await;
    let stalled = story.becomes(LINE_7, "Stalled", "True/Conflict").await;
    let id = &ids[0];
    let one = |client: &str| {
        format!("client id {client} belongs to {id} at the vendor, which nothing here manages")
    };
    let message =
        format!("line-7: {}; {}; {}; and 1 more; {NOTHING_WRITTEN}", one(ONE), one(TWO), one(THREE));
    assert_eq!(condition_message(&stalled, "Ready"), message);
    story.cost(&[], &[(LINE_7, "status")]).await;

    // When they are taken out there, they are free.
    story.vendor.data_hub().change_connection(id, &json!({"ClientIds": ["five"]})).await;
    story.look_again().await;
    story.ready(LINE_7).await;
    story.cost(&[POST], &[(LINE_7, "status, patch, status")]).await;
    story.end().await;
}

#[tokio::test]
async fn a_client_of_another_of_ours_is_named_before_any_call() {
    let (story, id) = in_sync("omf-held-ours", &[ONE, TWO], "").await;
    story.apply(&connection("line-8", &[TWO, THREE], "")).await;
    let stalled = story.becomes(LINE_8, "Stalled", "True/Conflict").await;
    let message = format!("line-8: client id {TWO} belongs to omf-held-ours/line-7; {NOTHING_WRITTEN}");
    assert_eq!(condition_message(&stalled, "Ready"), message);
    // An edit that asks for it does not get it either.
    story.edit(LINE_8, &json!({"spec": {"clientIds": [THREE]}}).to_string()).await;
    story.ready(LINE_8).await;
    story.edit(LINE_8, &json!({"spec": {"clientIds": [THREE, ONE]}}).to_string()).await;
    let stalled = story.becomes(LINE_8, "Stalled", "True/Conflict").await;
    assert!(condition_message(&stalled, "Ready").contains(ONE));
    let post_8 = "POST /OmfConnections line-8";
    let writes = [(LINE_7, "patch, status"), (LINE_8, "status, patch, status ×2")];
    story.cost(&[POST, post_8], &writes).await;

    // Whoever has it gives it up by going: what it has becomes free when the vendor says so.
    story.delete(LINE_7).await;
    story.gone(LINE_7).await;
    let line_8 = story.ready(LINE_8).await;
    let [get, put] = update_of(&id_of(&line_8), "line-8");
    let delete = delete_of(&id);
    let seen = story.vendor_writes().await;
    assert_eq!(seen, [POST, post_8, &delete, &put]);
    assert!(story.vendor_requests().await.contains(&get));
    story.end().await;
}

#[tokio::test]
async fn a_holder_that_no_list_shows_is_heard_of_from_the_vendor() {
    for (name, switch) in [("omf-held-unseen", "400"), ("omf-held-unseen-409", "409")] {
        let story = begin(at_once(name).switch("omf.client-id-taken", switch)).await;
        story
            .vendor
            .fault(
                json!({"method": "GET", "path": "/api"}),
                json!({"kind": "shrink_list", "without": ["Hidden"]}),
            )
            .await;
        let ids = story.vendor.data_hub().put_connections(&[there("Hidden", &[ONE])]).await;
        story.apply(&connection("line-7", &[ONE], "")).await;
        let stalled = story.becomes(LINE_7, "Stalled", "True/Conflict").await;
        let message = condition_message(&stalled, "Ready");
        assert!(
            message.starts_with(&format!("line-7: create failed: the vendor answered {switch}")),
            "{message}"
        );
        assert!(message.contains(ONE) && message.contains("; operation "), "{message}");
        let newest = story.lists().await.last().map_or(0, |list| list.seq);
        let posts: Vec<u64> = story
            .vendor
            .data_hub()
            .requests()
            .await
            .iter()
            .filter(|request| request.method == "POST")
            .map(|request| request.seq)
            .collect();
        assert!(
            posts.iter().all(|post| *post < newest),
            "a list after {posts:?} is read before it is believed"
        );

        // When the list shows who has it, it is named.
        story.vendor.heal().await;
        story.look_again().await;
        let names = |seen: &serde_json::Value| condition_message(seen, "Ready").contains(&ids[0]);
        story.eventually(LINE_7, "told who has it", names).await;
        story.end().await;
    }
}

/// Two accounts of one namespace of one tenant, with different clients of it.
async fn two_accounts(name: &str) -> Story {
    let mut story = with_account(name).await;
    story.second_omf_account("second", "").await;
    story.ready("OmfAccount/second").await;
    story
}

#[tokio::test]
async fn clients_are_exclusive_across_two_accounts_of_one_namespace() {
    let story = two_accounts("omf-held-across").await;
    story.apply(&connection("line-8", &[TWO], "accountRef: {name: second}")).await;
    let eight = id_of(&story.ready(LINE_8).await);
    story.apply(&connection("line-7", &[ONE], "")).await;
    let seven = id_of(&story.ready(LINE_7).await);
    // The other account's list has not shown it yet, and still it is known whose it is.
    story.edit(LINE_8, &json!({"spec": {"clientIds": [ONE, TWO]}}).to_string()).await;
    let stalled = story.becomes(LINE_8, "Stalled", "True/Conflict").await;
    let message = format!("line-8: client id {ONE} belongs to omf-held-across/line-7; {NOTHING_WRITTEN}");
    assert_eq!(condition_message(&stalled, "Ready"), message);
    let post_8 = "POST /OmfConnections line-8";
    story.cost(&[post_8, POST], &[(LINE_7, "patch, status"), (LINE_8, "patch, status ×2")]).await;

    // Released by one account, it is taken by the other.
    story.edit(LINE_7, &json!({"spec": {"clientIds": [THREE]}}).to_string()).await;
    story.ready(LINE_7).await;
    story.ready(LINE_8).await;
    let updates = [update_of(&seven, "line-7"), update_of(&eight, "line-8")].concat();
    let sent: Vec<String> = [post_8, POST].map(str::to_owned).into_iter().chain(updates).collect();
    let asked = story.vendor_requests().await;
    let asked: Vec<&str> =
        asked.iter().map(String::as_str).filter(|line| sent.iter().any(|sent| sent == line)).collect();
    assert_eq!(asked, lent(&sent));
    story.end().await;
}

#[tokio::test]
async fn another_namespace_learns_only_that_a_client_is_in_use() {
    let mut story = at_once("omf-held-foreign").other_namespace("team").begin().await;
    story.omf_account("{allowedNamespaces: {from: All, adoption: Always}}").await;
    story.ready(ACCOUNT).await;
    story.vendor.data_hub().put_connections(&[there("Secret project", &[THREE])]).await;
    story.look_again().await;
    story.apply(&connection("line-7", &[ONE], "")).await;
    let id = id_of(&story.ready(LINE_7).await);

    let theirs =
        connection("line-8", &[ONE, THREE], "accountRef: {name: default, namespace: omf-held-foreign}")
            .replace("{name: line-8}", "{name: line-8, namespace: omf-held-foreign-team}");
    story.apply(&theirs).await;
    let line_8 = "OmfConnection/omf-held-foreign-team/line-8";
    let stalled = story.becomes(line_8, "Stalled", "True/Conflict").await;
    let message = format!(
        "line-8: client id {ONE} is in use elsewhere; client id {THREE} is in use elsewhere; give it up here, or ask the owner of \
         the account. Nothing is written until then"
    );
    assert_eq!(condition_message(&stalled, "Ready"), message);
    for telling in [&id, "line-7", "Secret project"] {
        assert!(!stalled["status"].to_string().contains(telling), "{telling}: {stalled}");
    }
    assert_eq!(condition(&stalled, "Ready"), "False/Conflict");
    story.cost(&[POST], &[(LINE_7, "patch, status"), (line_8, "status")]).await;
    story.end().await;
}
