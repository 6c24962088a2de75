//! Apono's endpoints (`apono.openapi.json`, seed 002). There is no create: a connector registers itself.
//!
//! Version 2 only lists, and tells little. It is asked only where version 3 has never answered: else a gateway's 404 would make a whole account look
//! different.

use super::model::{Connector, OlderConnector};
use crate::engine::vendor::Updated;
use crate::remote::{Call, Class, Client, ListAnswer, Listed, RemoteError, Response, Source};
use crate::vendors::quoting::is_short_word;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

/// The calls of one account.
pub struct Apono {
    http: Client,
    /// Whether version 3 has ever answered with a list.
    has_answered: AtomicBool,
    /// Whether the last list is one of version 2.
    is_older: AtomicBool,
}

const CONNECTORS: [&str; 4] = ["api", "admin", "v3", "connectors"];
const OLDER_CONNECTORS: [&str; 3] = ["api", "v2", "connectors"];
/// Connectors a page; the document's default.
const PAGE: &str = "100";
/// A list of more pages than this has no end.
const MOST_PAGES: usize = 10_000;
/// So many pages in a row that bring no connector lead nowhere. Each costs a request of the account's budget.
const MOST_IDLE_PAGES: usize = 10;
/// What the document says of a name, though public clients send others, too.
const NAMES: &str = "Apono may allow only letters and digits in a name";

impl Apono {
    /// The calls that `http` sends.
    pub fn new(http: Client) -> Self {
        Self { http, has_answered: AtomicBool::new(false), is_older: AtomicBool::new(false) }
    }

    /// The HTTP side.
    pub fn http(&self) -> &Client {
        &self.http
    }

    /// `PUT /api/admin/v3/connectors/{id}` with the one thing that can be set. It is read again just before: somebody may have done it.
    pub async fn rename(&self, id: &str, name: &str) -> Result<Updated<Connector>, RemoteError> {
        self.has_version_three("no name can be set; leave spec.name out")?;
        let current = self.get(id).await?;
        if current.name.as_deref() == Some(name) {
            return Ok(Updated::Found(current));
        }
        let call =
            Call::new("update", Class::Update, Method::PUT, &path(id)).json(&json!({ "name": name }))?;
        let answer = self.accepted(call).await.map_err(|error| explained(error, name))?;
        answer.json().map(Updated::Written)
    }

    /// `DELETE /api/admin/v3/connectors/{id}` → 204. A page with a 200 is a gateway's, and the connector may still be there.
    pub async fn delete(&self, id: &str) -> Result<(), RemoteError> {
        self.has_version_three("nothing can be deleted from here; delete the connector at Apono")?;
        let call = Call::new("delete", Class::Lifecycle, Method::DELETE, &path(id));
        let response = self.accepted(call).await?;
        if response.body().is_empty() { Ok(()) } else { response.json::<IgnoredAny>().map(drop) }
    }

    fn has_version_three(&self, consequence: &str) -> Result<(), RemoteError> {
        if self.is_older.load(Ordering::Relaxed) {
            let why = format!("version 3 of Apono's API is not to be had here, and without it {consequence}");
            return Err(RemoteError::Request(why));
        }
        Ok(())
    }

    async fn get(&self, id: &str) -> Result<Connector, RemoteError> {
        self.accepted(Call::new("get", Class::Update, Method::GET, &path(id))).await?.json()
    }

    async fn accepted(&self, call: Call) -> Result<Response, RemoteError> {
        let response = self.http.send(call).await?;
        if response.status.is_success() { Ok(response) } else { Err(self.refusal(response)) }
    }

    /// `{"status": "401", "code": "Unauthorized"}`: the code goes on only where it is one short word that repeats no secret.
    fn refusal(&self, response: Response) -> RemoteError {
        #[derive(Deserialize)]
        struct Body {
            code: String,
        }
        let code = serde_json::from_slice::<Body>(response.body()).ok().map(|body| body.code);
        response.into_error(code.filter(|code| is_short_word(code) && !self.http.repeats_credential(code)))
    }
}

/// A refused name that has more than the document allows: perhaps that is why.
fn explained(mut error: RemoteError, name: &str) -> RemoteError {
    let is_plain = name.chars().all(|character| character.is_ascii_alphanumeric());
    if let RemoteError::Status { status, code, .. } = &mut error
        && matches!(status.as_u16(), 400 | 422)
        && !is_plain
    {
        *code = Some(code.take().map_or_else(|| NAMES.to_owned(), |code| format!("{code}; {NAMES}")));
    }
    error
}

fn path(id: &str) -> Vec<&str> {
    CONNECTORS.into_iter().chain([id]).collect()
}

impl Source for Apono {
    type Item = Connector;

    /// All pages of v3; where there is no v3, the list of v2, which tells less.
    async fn list(&self) -> Result<Vec<Connector>, RemoteError> {
        let listed = self.pages().await;
        let is_missing = listed.as_ref().is_err_and(|error| error.status() == Some(StatusCode::NOT_FOUND));
        let is_older = is_missing && !self.has_answered.load(Ordering::Relaxed);
        let listed = if is_older { self.older_list().await } else { listed };
        if listed.is_ok() {
            self.is_older.store(is_older, Ordering::Relaxed);
        }
        listed
    }
}

impl Apono {
    async fn pages(&self) -> Result<Vec<Connector>, RemoteError> {
        let mut connectors = Vec::new();
        let mut ids = BTreeSet::new();
        let (mut taken, mut idle, mut page_token) = (0, 0, None::<String>);
        for _ in 0..MOST_PAGES {
            let mut call = Call::get("list", &CONNECTORS).query("limit", PAGE);
            if let Some(token) = &page_token {
                call = call.query("page_token", token);
            }
            let page = self.listed::<Connector>(call, Some("items"), taken).await?;
            self.has_answered.store(true, Ordering::Relaxed);
            let next = next_page(&page.envelope)?;
            taken = page.taken;
            // What moved from one page to the next while they were read is listed twice.
            let new: Vec<Connector> = page.rows.into_iter().filter(|row| !ids.contains(&row.id)).collect();
            idle = if new.is_empty() { idle + 1 } else { 0 };
            ids.extend(new.iter().map(|connector| connector.id.clone()));
            connectors.extend(new);
            let Some(next) = next else { return Ok(connectors) };
            if page_token.as_ref() == Some(&next) {
                return Err(endless("a page that follows itself"));
            }
            if idle == MOST_IDLE_PAGES {
                return Err(endless("page after page without a connector"));
            }
            page_token = Some(next);
        }
        Err(endless("a list without an end"))
    }

    async fn older_list(&self) -> Result<Vec<Connector>, RemoteError> {
        let listed = self.listed::<OlderConnector>(Call::get("list_v2", &OLDER_CONNECTORS), None, 0).await?;
        Ok(listed.rows.into_iter().map(Connector::from).collect())
    }

    /// One page of a list of which so many bytes were taken before.
    async fn listed<T: DeserializeOwned>(
        &self,
        call: Call,
        member: Option<&str>,
        taken: usize,
    ) -> Result<Listed<T>, RemoteError> {
        match self.http.list_more(call, member, taken).await? {
            ListAnswer::Listed(listed) => Ok(listed),
            ListAnswer::Refused(response) => Err(self.refusal(response)),
        }
    }
}

/// The token of the page after this one. One that cannot be read is no end: half a list would pass for all of it.
fn next_page(envelope: &Value) -> Result<Option<String>, RemoteError> {
    match &envelope["pagination"]["next_page_token"] {
        Value::Null => Ok(None),
        Value::String(token) => Ok(Some(token.clone()).filter(|token| !token.is_empty())),
        _ => Err(endless("a next_page_token that is no text")),
    }
}

fn endless(what: &str) -> RemoteError {
    RemoteError::Malformed { status: StatusCode::OK, what: what.into() }
}
