//! AVEVA's endpoints for OMF connections (seed 003), in the casing that the vendor's own clients send.

use super::declared;
use super::model::Connection;
use crate::api::{OmfAccountSpec, OmfConnectionSpec};
use crate::engine::vendor::{Desired, Phase, Updated};
use crate::remote::{
    self, Call, Class, ClientCredentials, ListAnswer, RemoteError, Response, Source, TokenEndpoint,
};
use crate::vendors::quoting::{is_short_word, sentence};
use http::{HeaderValue, Method};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

/// The calls of one namespace of a tenant.
pub struct Omf {
    http: remote::Client,
    /// `api`, the version, and so on to the connections of the namespace.
    path: Vec<String>,
}

/// Where a region's identity service describes itself (`vendor-apis/README.md`).
const DISCOVERY: &[&str] = &["identity", ".well-known", "openid-configuration"];

/// What POST and PUT carry. A PUT replaces everything, so it always names the description.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Body<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    client_ids: Vec<&'a str>,
}

impl Omf {
    /// The calls of an account: with tokens of its OAuth client, or with a fixed token.
    ///
    /// # Errors
    /// What is wrong with the credential's form, without showing it.
    pub fn connect(
        account: &OmfAccountSpec,
        credential: &[SecretString],
        connection: remote::Connection,
    ) -> Result<Self, String> {
        let http = match (&account.client_credentials, credential) {
            (Some(client), [id, secret]) => {
                let endpoint = match client.token_url.as_deref() {
                    Some(url) => TokenEndpoint::Given { field: "spec.clientCredentials.tokenUrl", url },
                    None => TokenEndpoint::Discovered(DISCOVERY),
                };
                let secret = SecretString::from(secret.expose_secret().trim());
                let client = ClientCredentials { endpoint, id: id.expose_secret().trim(), secret: &secret };
                let tokens = connection.tokens.source(&connection, &client)?;
                remote::Client::new(connection, remote::Authorization::Tokens(tokens))
            }
            (None, [token]) => {
                let text = format!("Bearer {}", token.expose_secret().trim());
                let header = HeaderValue::from_str(&text).map_err(|_| {
                    "the token has characters that no header may carry; check the Secret".to_owned()
                })?;
                remote::Client::new(connection, header)
            }
            _ => return Err("the credential is missing".into()),
        };
        let path = [
            "api",
            &account.api_version,
            "Tenants",
            &account.tenant_id,
            "Namespaces",
            &account.namespace_id,
            "OmfConnections",
        ];
        Ok(Self { http, path: path.map(str::to_owned).into() })
    }

    /// The HTTP side.
    pub fn http(&self) -> &remote::Client {
        &self.http
    }

    /// `POST` → 202 with the connection, which is Creating.
    pub async fn create(&self, desired: &Desired<'_, OmfConnectionSpec>) -> Result<Connection, RemoteError> {
        let body = body(desired, desired.spec.description.as_deref());
        let call = Call::new("create", Class::Lifecycle, Method::POST, &self.connections()).json(&body)?;
        self.accepted(call.for_an_element()).await?.json()
    }

    /// `PUT /{id}` → 200. It replaces everything, so the connection is read again just before: for the description that is not declared here, and
    /// because nothing may be written while the vendor is at work on it.
    pub async fn update(
        &self,
        id: &str,
        desired: &Desired<'_, OmfConnectionSpec>,
    ) -> Result<Updated<Connection>, RemoteError> {
        let get = Call::new("get", Class::Update, Method::GET, &self.connection(id));
        let current: Connection = self.accepted(get.for_an_element()).await?.json()?;
        let changes = declared::changes(desired.spec, desired.object_name, desired.withheld, &current);
        if current.phase() != Phase::Settled || changes.is_empty() {
            return Ok(Updated::Found(current));
        }
        let description = desired.spec.description.as_deref().or(current.description.as_deref());
        let body = body(desired, Some(description.unwrap_or_default()));
        let call = Call::new("update", Class::Update, Method::PUT, &self.connection(id)).json(&body)?;
        self.accepted(call.for_an_element()).await?.json().map(Updated::Written)
    }

    /// `DELETE /{id}` → 202: the connection is Deleting from now on.
    pub async fn delete(&self, id: &str) -> Result<(), RemoteError> {
        let call = Call::new("delete", Class::Lifecycle, Method::DELETE, &self.connection(id));
        self.accepted(call).await.map(drop)
    }

    fn connections(&self) -> Vec<&str> {
        self.path.iter().map(String::as_str).collect()
    }

    fn connection<'a>(&'a self, id: &'a str) -> Vec<&'a str> {
        self.path.iter().map(String::as_str).chain([id]).collect()
    }

    async fn accepted(&self, call: Call) -> Result<Response, RemoteError> {
        let response = self.http.send(call).await?;
        if response.status.is_success() { Ok(response) } else { Err(self.refusal(response)) }
    }

    /// An `ErrorResponseBody`: what happened, why, and what to do, each shortened. `Parameters` and `DynamicProperties` may hold anything and are never
    /// read.
    fn refusal(&self, response: Response) -> RemoteError {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct ErrorResponseBody {
            operation_id: Option<String>,
            error: Option<String>,
            reason: Option<String>,
            resolution: Option<String>,
        }
        let Ok(body) = serde_json::from_slice::<ErrorResponseBody>(response.body()) else {
            return response.into_error(None);
        };
        let parts = [body.error, body.reason, body.resolution];
        let words: Vec<String> = parts.iter().flatten().filter_map(|part| sentence(part)).collect();
        let words = Some(words.join(" ")).filter(|words| !words.is_empty());
        let operation = body.operation_id.filter(|operation| is_short_word(operation));
        let is_telling = |text: &String| self.http.repeats_credential(text);
        response
            .into_error(words.filter(|words| !is_telling(words)))
            .with_reference(operation.filter(|operation| !is_telling(operation)))
    }
}

fn body<'a>(desired: &'a Desired<'_, OmfConnectionSpec>, description: Option<&'a str>) -> Body<'a> {
    Body {
        name: declared::name(desired.spec, desired.object_name),
        description,
        client_ids: declared::available(desired.spec, desired.withheld).collect(),
    }
}

impl Source for Omf {
    type Item = Connection;

    /// `GET` → 200 with `{"Results": […]}`, where null is an empty list; some clients meet a bare array.
    async fn list(&self) -> Result<Vec<Connection>, RemoteError> {
        match self.http.list(Call::get("list", &self.connections()), Some("Results")).await? {
            ListAnswer::Listed(listed) => Ok(listed.rows),
            ListAnswer::Refused(response) => Err(self.refusal(response)),
        }
    }
}
