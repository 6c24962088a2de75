//! The identity service: discovery, and tokens for client credentials.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HOST};
use http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::Omf;
use super::refusal::Refusal;
use super::switches::{InvalidClient, TOKEN_SECONDS};
use crate::emulator::switches::Answered;

/// The members of a token request that are logged, each if it is there.
const LOGGED: [&str; 4] = ["client_id", "client_secret", "grant_type", "scope"];

/// `GET /identity/.well-known/openid-configuration`.
pub(super) fn discovery(
    omf: &Omf,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<Response, Refusal> {
    if method != Method::GET {
        return Err(not_allowed(method));
    }
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = host.or(uri.authority().map(http::uri::Authority::as_str)).unwrap_or("localhost");
    let issuer = format!("http://{host}/identity");
    let token_endpoint = omf.lock().token_endpoint.clone();
    Ok(axum::Json(json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}/.well-known/openid-configuration/jwks"),
        "authorization_endpoint": format!("{issuer}/connect/authorize"),
        "token_endpoint": token_endpoint.unwrap_or_else(|| format!("{issuer}/connect/token")),
        "userinfo_endpoint": format!("{issuer}/connect/userinfo"),
        "end_session_endpoint": format!("{issuer}/connect/endsession"),
        "scopes_supported": ["openid", "profile", "email", "ocsapi", "offline_access"],
        "grant_types_supported": ["authorization_code", "client_credentials", "refresh_token"],
        "response_types_supported": ["code"],
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }))
    .into_response())
}

/// `POST /identity/connect/token` with a form.
pub(super) fn token(
    omf: &Omf,
    method: &Method,
    headers: &HeaderMap,
    body: &[u8],
    switches: &Answered,
) -> Result<Response, Refusal> {
    if method != Method::POST {
        return Err(not_allowed(method));
    }
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !content_type.to_lowercase().starts_with("application/x-www-form-urlencoded") {
        return Ok(oauth_error(StatusCode::BAD_REQUEST, "invalid_request"));
    }
    let form = form(body);
    let field = |name: &str| form.get(name).and_then(Value::as_str).unwrap_or_default();
    match field("grant_type") {
        "client_credentials" => {}
        "" => return Ok(oauth_error(StatusCode::BAD_REQUEST, "invalid_request")),
        _ => return Ok(oauth_error(StatusCode::BAD_REQUEST, "unsupported_grant_type")),
    }
    let mut hub = omf.lock();
    let (id, secret) = (field("client_id"), field("client_secret"));
    let known = hub.clients.iter().find(|client| client.id == id && client.secret == secret).cloned();
    let Some(client) = known else {
        let status = match switches.choice() {
            InvalidClient::BadRequest => StatusCode::BAD_REQUEST,
            InvalidClient::Unauthorized => StatusCode::UNAUTHORIZED,
        };
        return Ok(oauth_error(status, "invalid_client"));
    };
    let seconds = switches.whole_number(&TOKEN_SECONDS);
    let text = format!("issued-{}", omf.context.identifiers.uuid());
    hub.issue(text.clone(), &client, Duration::from_secs(seconds.into()), Instant::now());
    let token = json!({ "access_token": text, "expires_in": seconds, "token_type": "Bearer" });
    Ok(([(CACHE_CONTROL, "no-store")], axum::Json(token)).into_response())
}

/// A token request's form as the log may keep it: no member that is not known, since any could hold a secret.
pub(super) fn form(body: &[u8]) -> Map<String, Value> {
    let fields = url::form_urlencoded::parse(body);
    let known = fields.filter(|(name, _)| LOGGED.contains(&&**name));
    known.map(|(name, value)| (name.into_owned(), Value::from(value.into_owned()))).collect()
}

pub(super) fn not_allowed(method: &Method) -> Refusal {
    let reason = format!("{method} is not served here.");
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed.", reason, "Use a documented method.")
}

fn oauth_error(status: StatusCode, error: &str) -> Response {
    (status, [(CACHE_CONTROL, "no-store")], axum::Json(json!({ "error": error }))).into_response()
}
