//! Onomondo's endpoints (seed 000; tags and SIMs from `vendor-apis/README.md`).
//!
//! Connectors are found by list only: there is no `GET /connectors/{name}`.

use super::declared;
use super::model::Connector;
use crate::api::OnomondoConnectorSpec;
use crate::engine::vendor::{Change, Desired};
use crate::remote::{Call, Class, Client, Entry, ListAnswer, RemoteError, Response, Source, overlaps};
use crate::vendors::quoting::is_short_word;
use http::Method;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};

/// The calls of one organisation.
pub struct Onomondo {
    http: Client,
}

/// How many SIMs a message names.
const NAMED_SIMS: usize = 5;

impl Onomondo {
    /// The calls that `http` sends.
    pub fn new(http: Client) -> Self {
        Self { http }
    }

    /// The HTTP side.
    pub fn http(&self) -> &Client {
        &self.http
    }

    /// `POST /connectors` → 200 with the connector.
    pub async fn create(
        &self,
        name: &str,
        desired: &Desired<'_, OnomondoConnectorSpec>,
    ) -> Result<Connector, RemoteError> {
        let spec = desired.spec;
        let mut body = json!({
            "name": name,
            "type": spec.type_.as_str(),
            "options": options(desired, &Map::new()),
        });
        if let Some(rules) = &spec.passthrough {
            body["passthrough"] = passthrough(rules);
        }
        if let Some(tags) = &spec.tags {
            body["tags"] = json!(tags);
        }
        let call = Call::new("create", Class::Lifecycle, Method::POST, &["connectors"]).json(&body)?;
        self.accepted(call, desired).await?.json()
    }

    /// `PATCH /connectors/{name}` → 200 with the connector. Only what changes is sent, but of the options always all.
    pub async fn update(
        &self,
        entry: &Entry<Connector>,
        name: &str,
        desired: &Desired<'_, OnomondoConnectorSpec>,
        changes: &[Change],
    ) -> Result<Connector, RemoteError> {
        let connector = &entry.item;
        let mut body = Map::new();
        let is_changed = |field: &str| changes.iter().any(|change| change.field == field);
        if is_changed("name") {
            body.insert("name".into(), json!(name));
        }
        if is_changed("type") {
            body.insert("type".into(), json!(desired.spec.type_.as_str()));
        }
        if declared::sends_options(changes) {
            // Options that we do not know go back as they were read; those of another type do not.
            let known = if is_changed("type") { Map::new() } else { connector.options.clone() };
            body.insert("options".into(), options(desired, &known));
        }
        if let Some(rules) = desired.spec.passthrough.as_ref().filter(|_| is_changed("passthrough")) {
            body.insert("passthrough".into(), passthrough(rules));
        }
        if let Some(tags) = desired.spec.tags.as_ref().filter(|_| is_changed("tags")) {
            body.insert("tags".into(), json!(tags));
        }
        let path = ["connectors", connector.name.as_str()];
        let call = Call::new("update", Class::Update, Method::PATCH, &path).json(&body)?;
        self.accepted(call, desired).await?.json()
    }

    /// `DELETE /connectors/{name}` → 200 with `{"message":"ok"}`, or 403 while SIMs are mapped to it. A page with a 200 is a gateway's, and the
    /// connector may still be there.
    pub async fn delete(&self, name: &str) -> Result<(), RemoteError> {
        let call = Call::new("delete", Class::Lifecycle, Method::DELETE, &["connectors", name]);
        let response = self.http.send(call).await?;
        if !response.status.is_success() {
            return Err(self.refusal(response, &[]));
        }
        response.json::<IgnoredAny>().map(drop)
    }

    /// Which SIMs keep a connector from being deleted, as a sentence; `None` where the key may not look or none does.
    pub async fn mapped_sims(&self, name: &str) -> Option<String> {
        #[derive(Deserialize)]
        struct Sims {
            #[serde(default)]
            total: u64,
            #[serde(default)]
            sims: Vec<Sim>,
        }
        #[derive(Deserialize)]
        struct Sim {
            id: Value,
        }
        let call = Call::get("sims", &["sims"])
            .query("filter[]", &format!("connector:{name}"))
            .query("limit", &NAMED_SIMS.to_string());
        let response = self.http.send(call).await.ok().filter(|response| response.status.is_success())?;
        let found: Sims = response.json().ok()?;
        let total = found.total.max(found.sims.len() as u64);
        let id = |sim: &Sim| match &sim.id {
            Value::Number(number) => Some(number.to_string()),
            Value::String(text) if is_short_word(text) && !self.http.repeats_credential(text) => {
                Some(text.clone())
            }
            _ => None,
        };
        let ids: Vec<String> = found.sims.iter().take(NAMED_SIMS).filter_map(id).collect();
        (total > 0).then(|| {
            let more = if total > ids.len() as u64 { ", …" } else { "" };
            format!(
                "it is still mapped to {total} SIMs (ids {}{more}); map them to another connector or to none at Onomondo",
                ids.join(", ")
            )
        })
    }

    async fn accepted(
        &self,
        call: Call,
        desired: &Desired<'_, OnomondoConnectorSpec>,
    ) -> Result<Response, RemoteError> {
        let response = self.http.send(call).await?;
        if response.status.is_success() {
            return Ok(response);
        }
        let secrets: Vec<&SecretString> = desired.secrets.values().collect();
        Err(self.refusal(response, &secrets))
    }

    /// `{"error": "some_code"}`: the code goes on only where it is one short word that repeats no secret.
    fn refusal(&self, response: Response, secrets: &[&SecretString]) -> RemoteError {
        #[derive(Deserialize)]
        struct Body {
            error: String,
        }
        let code = serde_json::from_slice::<Body>(response.body()).ok().map(|body| body.error);
        let repeats = |code: &str| {
            self.http.repeats_credential(code)
                || secrets.iter().any(|secret| overlaps(secret.expose_secret(), code))
        };
        response.into_error(code.filter(|code| is_short_word(code) && !repeats(code)))
    }
}

impl Source for Onomondo {
    type Item = Connector;

    /// `GET /connectors` → 200 with a bare array of all connectors; there are no pages.
    async fn list(&self) -> Result<Vec<Connector>, RemoteError> {
        match self.http.list(Call::get("list", &["connectors"]), None).await? {
            ListAnswer::Listed(list) => Ok(list.rows),
            ListAnswer::Refused(response) => Err(self.refusal(response, &[])),
        }
    }
}

/// The complete options with their secrets, over those that the vendor had and we do not know.
fn options(desired: &Desired<'_, OnomondoConnectorSpec>, known: &Map<String, Value>) -> Value {
    let mut options = known.clone();
    for (key, _, value) in declared::options(desired.spec) {
        options.insert(key.into(), value);
    }
    for (field, secret) in desired.secrets {
        options.insert((*field).into(), json!(secret.expose_secret()));
    }
    Value::Object(options)
}

fn passthrough(rules: &[crate::api::OnomondoPassthrough]) -> Value {
    let one = |rule: &crate::api::OnomondoPassthrough| {
        let mut body = json!({ "protocol": rule.protocol.as_str() });
        if let Some(ip) = &rule.ip {
            body["ip"] = json!(ip);
        }
        if let Some(port) = rule.port {
            body["port"] = json!(port);
        }
        body
    };
    rules.iter().map(one).collect()
}
