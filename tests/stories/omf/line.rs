//! The connection that most stories are about, `line-7`, and how they begin with it.

use serde_json::{Value, json};

use crate::support::opening::Opening;
use crate::support::story::Story;

pub(crate) const ACCOUNT: &str = "OmfAccount/default";
pub(crate) const LINE_7: &str = "OmfConnection/line-7";
pub(crate) const LINE_8: &str = "OmfConnection/line-8";

/// Clients of the tenant.
pub(crate) const ONE: &str = "11111111-aaaa-4c30-8ba7-0a84751be854";
pub(crate) const TWO: &str = "22222222-bbbb-4c30-8ba7-0a84751be854";
pub(crate) const THREE: &str = "33333333-cccc-4c30-8ba7-0a84751be854";
pub(crate) const FOUR: &str = "44444444-dddd-4c30-8ba7-0a84751be854";

/// How the vendor's log shows what is asked of it.
pub(crate) const LIST: &str = "GET /OmfConnections";
pub(crate) const POST: &str = "POST /OmfConnections line-7";

/// The two requests of an update: read, then replaced.
pub(crate) fn update_of(id: &str, name: &str) -> [String; 2] {
    [format!("GET /OmfConnections/{id}"), format!("PUT /OmfConnections/{id} {name}")]
}

/// The request of a delete.
pub(crate) fn delete_of(id: &str) -> String {
    format!("DELETE /OmfConnections/{id}")
}

/// A connection with these clients; `more` is more of its spec, one field a line.
pub(crate) fn connection(name: &str, clients: &[&str], more: &str) -> String {
    let clients = json!(clients);
    let more = more.lines().fold(String::new(), |text, line| text + "  " + line.trim() + "\n");
    format!("---\nkind: OmfConnection\nmetadata: {{name: {name}}}\nspec:\n  clientIds: {clients}\n{more}")
}

/// What somebody else made at the vendor.
pub(crate) fn there(name: &str, clients: &[&str]) -> Value {
    json!({"Name": name, "ClientIds": clients, "State": "Active"})
}

/// A vendor that makes a connection at once, and says so, and that lists what it deleted for long enough to be seen: for stories that are not
/// about how long things take.
pub(crate) fn at_once(name: &str) -> Opening {
    let opening =
        Story::named(name).switch("omf.creating-milliseconds", "0").switch("omf.create-reply", "active");
    opening.switch("omf.deleted-milliseconds", "60000")
}

/// A story whose account is Ready, at such a vendor.
pub(crate) async fn with_account(name: &str) -> Story {
    begin(at_once(name)).await
}

/// A story whose account is Ready.
pub(crate) async fn begin(opening: Opening) -> Story {
    let mut story = opening.begin().await;
    story.omf_account("").await;
    story.ready(ACCOUNT).await;
    story.guard_tokens().await;
    story
}

/// A story whose `line-7` is as declared, with `more` of its spec, which a list has confirmed; and its id at the vendor.
pub(crate) async fn in_sync(name: &str, clients: &[&str], more: &str) -> (Story, String) {
    let story = with_account(name).await;
    story.apply(&connection("line-7", clients, more)).await;
    let line_7 = story.ready(LINE_7).await;
    story.the_last_write_is_listed().await;
    (story, id_of(&line_7))
}

/// The id at the vendor that an object's status shows.
pub(crate) fn id_of(object: &Value) -> String {
    object["status"]["remote"]["id"].as_str().unwrap_or_else(|| panic!("no id: {object}")).to_owned()
}

/// Lends lines where [`Story::cost`] wants them.
pub(crate) fn lent(lines: &[String]) -> Vec<&str> {
    lines.iter().map(String::as_str).collect()
}
