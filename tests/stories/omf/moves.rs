//! Clients that move between two of our own connections: released first, then claimed.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::line::{
    FOUR, LINE_7, LINE_8, ONE, POST, THREE, TWO, at_once, begin, connection, delete_of, id_of, lent,
    update_of,
};
use crate::support::cost::is_list;
use crate::support::objects::condition_message;
use crate::support::opening::Opening;
use crate::support::story::Story;

const POST_8: &str = "POST /OmfConnections line-8";

/// A story with `line-7` and `line-8`, as declared and listed; and their ids.
async fn two(name: &str, seven: &[&str], eight: &[&str]) -> (Story, String, String) {
    two_of(at_once(name), seven, eight).await
}

async fn two_of(opening: Opening, seven: &[&str], eight: &[&str]) -> (Story, String, String) {
    let story = begin(opening).await;
    story.apply(&connection("line-7", seven, "")).await;
    let line_7 = story.ready(LINE_7).await;
    story.apply(&connection("line-8", eight, "")).await;
    let line_8 = story.ready(LINE_8).await;
    story.the_last_write_is_listed().await;
    story.cost(&[POST, POST_8], &[(LINE_7, "patch, status"), (LINE_8, "patch, status")]).await;
    (story, id_of(&line_7), id_of(&line_8))
}

async fn edit(story: &Story, line: &str, clients: &[&str]) {
    story.edit(line, &json!({"spec": {"clientIds": clients}}).to_string()).await;
}

/// The clients of each PUT since `newest`, as `(name, clients)`.
async fn puts_since(story: &Story, newest: u64) -> Vec<(String, Vec<String>)> {
    let sent = story.sent_since(newest).await;
    let clients =
        |body: &Value| serde_json::from_value::<Vec<String>>(body["ClientIds"].clone()).expect("ids");
    sent.iter().map(|(_, body)| (body["Name"].as_str().expect("a name").to_owned(), clients(body))).collect()
}

fn put(name: &str, clients: &[&str]) -> (String, Vec<String>) {
    (name.to_owned(), clients.iter().map(ToString::to_string).collect())
}

#[tokio::test]
async fn a_client_that_moves_is_released_first_whichever_is_edited_first() {
    for (name, giver_first) in [("omf-move", true), ("omf-move-taker-first", false)] {
        let (story, seven, eight) = two(name, &[ONE, TWO], &[THREE]).await;
        let newest = story.vendor.newest().await;
        if giver_first {
            edit(&story, LINE_7, &[ONE]).await;
            edit(&story, LINE_8, &[THREE, TWO]).await;
        } else {
            edit(&story, LINE_8, &[THREE, TWO]).await;
            story.becomes(LINE_8, "Stalled", "True/Conflict").await;
            edit(&story, LINE_7, &[ONE]).await;
        }
        story.ready(LINE_7).await;
        story.ready(LINE_8).await;
        assert_eq!(puts_since(&story, newest).await, [put("line-7", &[ONE]), put("line-8", &[THREE, TWO])]);
        let sent = [
            vec![POST.to_owned(), POST_8.to_owned()],
            update_of(&seven, "line-7").to_vec(),
            update_of(&eight, "line-8").to_vec(),
        ]
        .concat();
        let mut asked = story.vendor_requests().await;
        asked.retain(|line| sent.contains(line));
        assert_eq!(lent(&asked), lent(&sent));
        story.end().await;
    }
}

/// In `line-7` and `line-8`, each client is released before it is claimed, and the vendor has to refuse nothing.
async fn exchange(story: &Story) -> Vec<(String, Vec<String>)> {
    let newest = story.vendor.newest().await;
    edit(story, LINE_7, &[ONE, THREE]).await;
    // Until the other gives it up, it is not to be had.
    story.becomes(LINE_7, "Stalled", "True/Conflict").await;
    edit(story, LINE_8, &[TWO, FOUR]).await;
    story.ready(LINE_7).await;
    story.ready(LINE_8).await;
    let hub = story.vendor.data_hub();
    assert_eq!(hub.connection("line-7").await["ClientIds"], json!([ONE, THREE]));
    assert_eq!(hub.connection("line-8").await["ClientIds"], json!([TWO, FOUR]));
    let requests = story.vendor_requests().await;
    let refused: Vec<&String> = requests.iter().filter(|line| line.contains(" -> ")).collect();
    assert_eq!(refused, [""; 0]);
    puts_since(story, newest).await
}

#[tokio::test]
async fn an_exchange_gives_up_first_and_then_takes() {
    // One pass at a time, so that there is one order.
    let opening = at_once("omf-exchange").value("controllers.omf.concurrency", 1);
    let (story, seven, eight) = two_of(opening, &[ONE, TWO], &[THREE, FOUR]).await;
    let before = story.vendor.newest().await;
    let puts = exchange(&story).await;
    assert_eq!(puts, [put("line-7", &[ONE]), put("line-8", &[TWO, FOUR]), put("line-7", &[ONE, THREE])]);
    let mut asked = story.seen_since(before).await;
    asked.retain(|line| !is_list(line));
    let (seven, eight) = (update_of(&seven, "line-7"), update_of(&eight, "line-8"));
    assert_eq!(asked, [&seven[..], &eight[..], &seven[..]].concat());
    story.end().await;
}

#[tokio::test]
async fn an_exchange_of_two_that_are_at_work_at_once_has_no_client_in_both_at_any_time() {
    let (story, _, _) = two("omf-exchange-at-once", &[ONE, TWO], &[THREE, FOUR]).await;
    let puts = exchange(&story).await;
    let mut has = BTreeMap::from([put("line-7", &[ONE, TWO]), put("line-8", &[THREE, FOUR])]);
    for (name, clients) in &puts {
        for (other, theirs) in has.iter().filter(|(other, _)| *other != name) {
            assert!(
                theirs.iter().all(|client| !clients.contains(client)),
                "{other} has some of it: {puts:?}"
            );
        }
        has.insert(name.clone(), clients.clone());
    }
    // Each gives up once at most before it takes.
    assert!(puts.len() <= 4, "{puts:?}");
    story.end().await;
}

#[tokio::test]
async fn a_swap_of_everything_is_a_conflict_for_both_that_gives_the_way_out() {
    let (story, seven, eight) = two("omf-swap", &[ONE], &[TWO]).await;
    edit(&story, LINE_7, &[TWO]).await;
    edit(&story, LINE_8, &[ONE]).await;
    let is_standoff = |seen: &Value| condition_message(seen, "Ready").contains("two steps");
    for (line, other) in [(LINE_7, "line-8"), (LINE_8, "line-7")] {
        let stalled = story.eventually(line, "told the way out", is_standoff).await;
        let name = line.trim_start_matches("OmfConnection/");
        let message = format!(
            "{name}: every client id that it asks for is still with omf-swap/{other}, and could only be given up if this one gave up all \
             of its own first. Do it in two steps: let one of them keep or take something that no other asks for, and when that is \
             done the rest"
        );
        assert_eq!(condition_message(&stalled, "Ready"), message);
    }
    story.lists_come(0).await;
    assert_eq!(story.vendor_writes().await, [POST, POST_8], "nothing is written");

    // The way: one of them holds on to something else meanwhile.
    let newest = story.vendor.newest().await;
    edit(&story, LINE_7, &[TWO, THREE]).await;
    story.ready(LINE_7).await;
    story.ready(LINE_8).await;
    let puts = puts_since(&story, newest).await;
    assert_eq!(puts, [put("line-7", &[THREE]), put("line-8", &[ONE]), put("line-7", &[TWO, THREE])]);
    edit(&story, LINE_7, &[TWO]).await;
    story.ready(LINE_7).await;
    let hub = story.vendor.data_hub();
    assert_eq!(hub.connection("line-7").await["ClientIds"], json!([TWO]));
    assert_eq!((hub.id_of("line-7").await, hub.id_of("line-8").await), (seven, eight));
    story.end().await;
}

#[tokio::test]
async fn a_client_moves_from_a_connection_that_is_deleted_once_that_is_gone() {
    let (story, seven, eight) = two("omf-move-deleted", &[ONE], &[TWO]).await;
    let newest = story.vendor.newest().await;
    story.vendor.switch("omf.deletion", "stays").await;
    story.delete(LINE_7).await;
    edit(&story, LINE_8, &[TWO, ONE]).await;
    let waits = |seen: &Value| condition_message(seen, "Ready").contains("is taken over once released by");
    story.eventually(LINE_8, "waiting", waits).await;
    story.lists_come(2).await;
    assert_eq!(story.writes_since(newest).await, [delete_of(&seven)]);
    story.vendor.data_hub().settle().await;
    story.gone(LINE_7).await;
    story.ready(LINE_8).await;
    let [_, put] = update_of(&eight, "line-8");
    assert_eq!(story.writes_since(newest).await, [delete_of(&seven), put]);
    story.end().await;
}
