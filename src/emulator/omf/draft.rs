//! Reading the body of a POST or PUT: `OmfConnectionCreate` and `OmfConnectionUpdate`.

use std::collections::HashSet;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};

use super::refusal::Refusal;
use super::switches::{NoClientIds, RepeatedClientId};
use crate::emulator::switches::Answered;

/// The documents' limits, in characters and in client ids.
const LONGEST_NAME: usize = 200;
const LONGEST_DESCRIPTION: usize = 1000;
const MOST_CLIENT_IDS: usize = 10_000;

/// What a body says: everything that a client can set.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) name: Option<String>,
    pub(super) description: Option<String>,
    pub(super) client_ids: Vec<String>,
}

/// The body of a POST, in which Name may be left out.
pub(super) fn of_post(headers: &HeaderMap, body: &[u8], switches: &Answered) -> Result<Draft, Refusal> {
    draft(object(headers, body)?, switches)
}

/// The body of a PUT, which replaces everything: a Description that is left out is none.
pub(super) fn of_put(headers: &HeaderMap, body: &[u8], switches: &Answered) -> Result<Draft, Refusal> {
    let draft = draft(object(headers, body)?, switches)?;
    if draft.name.is_none() {
        return Err(Refusal::invalid("Name is missing.", "Send Name with every update."));
    }
    Ok(draft)
}

fn object(headers: &HeaderMap, body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/json") {
        return Err(Refusal::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Unsupported media type.",
            "The body has to be JSON.",
            "Send Content-Type: application/json.",
        ));
    }
    serde_json::from_slice(body)
        .map_err(|_| Refusal::invalid("The body is not a JSON object.", "Send a JSON object."))
}

/// Members that no document names are ignored.
fn draft(mut members: Map<String, Value>, switches: &Answered) -> Result<Draft, Refusal> {
    Ok(Draft {
        name: text(members.remove("Name"), "Name", LONGEST_NAME)?,
        description: text(members.remove("Description"), "Description", LONGEST_DESCRIPTION)?,
        client_ids: client_ids(members.remove("ClientIds"), switches)?,
    })
}

fn text(value: Option<Value>, name: &str, longest: usize) -> Result<Option<String>, Refusal> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.chars().count() <= longest => Ok(Some(text)),
        Some(_) => Err(Refusal::invalid(
            format!("{name} is not a string of at most {longest} characters."),
            format!("Send a shorter {name}."),
        )),
    }
}

fn client_ids(value: Option<Value>, switches: &Answered) -> Result<Vec<String>, Refusal> {
    let wrong =
        |reason: String| Refusal::invalid(reason, format!("Send at most {MOST_CLIENT_IDS} client ids."));
    let Some(Value::Array(items)) = value else {
        return Err(wrong("ClientIds is missing, or is not an array.".to_owned()));
    };
    if items.len() > MOST_CLIENT_IDS {
        return Err(wrong(format!("There are {} client ids, more than {MOST_CLIENT_IDS}.", items.len())));
    }
    if items.is_empty() && switches.choice::<NoClientIds>() == NoClientIds::Refused {
        return Err(wrong("ClientIds is empty.".to_owned()));
    }
    let repeated = switches.choice::<RepeatedClientId>();
    let mut seen = HashSet::with_capacity(items.len());
    let mut kept = Vec::with_capacity(items.len());
    for item in items {
        let id = match item {
            Value::String(id) if !id.is_empty() => id,
            _ => return Err(wrong("A client id is empty, or is not a string.".to_owned())),
        };
        match (seen.insert(id.to_lowercase()), repeated) {
            (true, _) | (false, RepeatedClientId::Kept) => kept.push(id),
            (false, RepeatedClientId::Dropped) => {}
            (false, RepeatedClientId::Refused) => {
                return Err(wrong(format!("The client id {id} stands there twice.")).with("ClientId", id));
            }
        }
    }
    Ok(kept)
}
