//! The vendor means ill: a list of a gigabyte, of a nesting without end, of a million items. The operator takes no more than it may, says what came, and goes on.

use serde_json::json;

use crate::plant::ACCOUNT;
use crate::support::hostile::{Answer, Hostile};
use crate::support::objects::{condition, condition_message};
use crate::support::story::Story;

/// The limit of a list here.
const LIST: &str = "--list-size-limit=16MiB";
/// By how much the operator's memory may grow over it all, at its peak: five times the limit of a list.
const MOST_KIB: u64 = 80 * 1024;

/// The most memory that a process has had at a time, in KiB.
fn peak(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("the process's status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// An account that was well goes to a vendor that gives `answer`. What its condition says, and that the operator's memory hardly grew.
async fn meets(name: &str, answer: Answer, reason: &str, message: &str) {
    let server = Hostile::serve(answer).await;
    let mut story = Story::named(name).allowed_host(&server.host()).argument(LIST).begin().await;
    story.onomondo_account("").await;
    story.ready(ACCOUNT).await;
    let before = peak(story.operators[0].id());

    story
        .edit(ACCOUNT, &json!({"spec": {"endpoint": format!("http://{}", server.host())}}).to_string())
        .await;
    let said = |account: &serde_json::Value| condition(account, "Ready") == reason;
    let account = story.eventually(ACCOUNT, reason, said).await;
    assert_eq!(condition_message(&account, "Ready"), format!("account {name}/default: {message}"));
    let grown = peak(story.operators[0].id()) - before;
    assert!(grown <= MOST_KIB, "it had {before} KiB, and {grown} KiB more at its peak");

    // It is as well as ever once the vendor is.
    let endpoint = story.vendor.url();
    story.edit(ACCOUNT, &json!({"spec": {"endpoint": endpoint}}).to_string()).await;
    story.ready(ACCOUNT).await;
    story.end().await;
}

#[tokio::test]
async fn a_list_of_a_gigabyte() {
    let row = r#"{"name":"plant","type":"tls","options":{"host":"10.0.0.1","port":443}},"#;
    let message = "the vendor's answer is larger than the limit of 16777216 bytes; raise --list-size-limit, or use a key that sees fewer objects";
    meets("hostile-gigabyte", Answer::repeated(200, "[", row, 1 << 30), "False/ListTooLarge", message).await;
}

#[tokio::test]
async fn a_list_of_a_nesting_of_a_million() {
    let deep = [
        b"[{\"name\":\"a\",\"options\":".to_vec(),
        vec![b'['; 1_000_000],
        vec![b']'; 1_000_000],
        b"}]".to_vec(),
    ]
    .concat();
    let message = "the vendor's answer is larger than the limit of 16777216 bytes; raise --list-size-limit, or use a key that sees fewer objects";
    meets(
        "hostile-nesting",
        Answer::Plain { status: 200, head: "", body: deep },
        "False/ListTooLarge",
        message,
    )
    .await;
}

#[tokio::test]
async fn a_list_of_millions_of_items() {
    let message = "the vendor's answer is larger than the limit of 16777216 bytes; raise --list-size-limit, or use a key that sees fewer objects";
    let rows = Answer::repeated(200, "[", r#"{"name":"a"},"#, 26_000_000);
    meets("hostile-rows", rows, "False/ListTooLarge", message).await;
    // Two million of them in one row of 4 MB, which would be sixteen times as large in memory.
    let items =
        format!("[{{\"name\":\"a\",\"options\":{{\"x\":[{}0]}}}}]", "0,".repeat(1_900_000)).into_bytes();
    let items = Answer::Plain { status: 200, head: "", body: items };
    meets("hostile-items", items, "False/ListTooLarge", message).await;
}

#[tokio::test]
async fn a_refusal_with_a_page_of_a_gigabyte() {
    let message = "the vendor answered 401 Unauthorized; correct the credential in the Secret, or authorizationScheme where the account has one";
    let page = Answer::repeated(401, "", "<p>no</p>", 1 << 30);
    meets("hostile-refusal", page, "False/AuthenticationFailed", message).await;
}
