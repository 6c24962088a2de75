//! Apono's endpoints (`apono.openapi.json`, seed 002). There is no create: a connector registers itself.

use super::model::Connector;
use crate::engine::vendor::Updated;
use crate::remote::{Call, Class, Client, ListAnswer, Listed, RemoteError, Response, Source};
use crate::vendors::quoting::is_short_word;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;

/// The calls of one account.
pub struct Apono {
    http: Client,
}

const CONNECTORS: [&str; 4] = ["api", "admin", "v3", "connectors"];
const OLDER_CONNECTORS: [&str; 3] = ["api", "v2", "connectors"];
/// Connectors a page; the document's default.
const PAGE: &str = "100";
/// A list of more pages than this has no end.
const MOST_PAGES: usize = 10_000;

impl Apono {
    /// The calls that `http` sends.
    pub fn new(http: Client) -> Self {
        Self { http }
    }

    /// The HTTP side.
    pub fn http(&self) -> &Client {
        &self.http
    }

    /// `PUT /api/admin/v3/connectors/{id}` with the one thing that can be set. It is read again just before: somebody may have done it.
    pub async fn rename(&self, id: &str, name: &str) -> Result<Updated<Connector>, RemoteError> {
        let current = self.get(id).await?;
        if current.name.as_deref() == Some(name) {
            return Ok(Updated::Found(current));
        }
        let call =
            Call::new("update", Class::Update, Method::PUT, &path(id)).json(&json!({ "name": name }))?;
        self.accepted(call).await?.json().map(Updated::Written)
    }

    /// `DELETE /api/admin/v3/connectors/{id}` → 204.
    pub async fn delete(&self, id: &str) -> Result<(), RemoteError> {
        self.accepted(Call::new("delete", Class::Lifecycle, Method::DELETE, &path(id))).await.map(drop)
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

fn path(id: &str) -> Vec<&str> {
    CONNECTORS.into_iter().chain([id]).collect()
}

impl Source for Apono {
    type Item = Connector;

    /// All pages of v3; where there is no v3, the list of v2, which tells less.
    async fn list(&self) -> Result<Vec<Connector>, RemoteError> {
        let mut connectors = Vec::new();
        let mut page_token: Option<String> = None;
        for page in 0..MOST_PAGES {
            let mut call = Call::get("list", &CONNECTORS).query("limit", PAGE);
            if let Some(token) = &page_token {
                call = call.query("page_token", token);
            }
            let answer = self.page(call).await;
            if page == 0 && answer.as_ref().is_err_and(|error| error.status() == Some(StatusCode::NOT_FOUND))
            {
                return self.older_list().await;
            }
            let (rows, next) = answer?;
            connectors.extend(rows);
            let Some(next) = next else { return Ok(connectors) };
            if page_token.as_ref() == Some(&next) {
                return Err(endless("a page that follows itself"));
            }
            page_token = Some(next);
        }
        Err(endless("a list without an end"))
    }
}

impl Apono {
    /// One page, and the token of the next.
    async fn page(&self, call: Call) -> Result<(Vec<Connector>, Option<String>), RemoteError> {
        let listed = self.listed(call, Some("items")).await?;
        let next = listed.envelope["pagination"]["next_page_token"].as_str();
        Ok((listed.rows, next.filter(|token| !token.is_empty()).map(str::to_owned)))
    }

    async fn older_list(&self) -> Result<Vec<Connector>, RemoteError> {
        Ok(self.listed(Call::get("list_v2", &OLDER_CONNECTORS), None).await?.rows)
    }

    async fn listed(&self, call: Call, member: Option<&str>) -> Result<Listed<Connector>, RemoteError> {
        match self.http.list(call, member).await? {
            ListAnswer::Listed(listed) => Ok(listed),
            ListAnswer::Refused(response) => Err(self.refusal(response)),
        }
    }
}

fn endless(what: &str) -> RemoteError {
    RemoteError::Malformed { status: StatusCode::OK, what: what.into() }
}
