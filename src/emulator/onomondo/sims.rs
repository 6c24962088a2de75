//! `/sims`: which SIM is mapped to which connector.

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::HeaderMap;
use serde_json::{Value, json};

use super::Onomondo;
use super::draft::object;
use super::gate::Caller;
use super::refusal::Refusal;
use super::state::Sim;

/// How many SIMs a page has where the request does not say.
const DEFAULT_LIMIT: usize = 100;
/// How many it has at most.
const MOST: usize = 1000;

/// What a list of SIMs is asked for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Asked {
    connector: Option<String>,
    limit: usize,
    /// What `next_page` of the last answer was: how many were listed already.
    offset: usize,
}

/// `GET /sims?filter[]=connector:<name>&limit=&next_page=`.
pub(super) async fn list(
    State(onomondo): State<Onomondo>,
    Caller(key): Caller,
    RawQuery(query): RawQuery,
) -> Response {
    if key.without_sims {
        return Refusal::forbidden("this key may not see SIMs").answer(&onomondo.switches());
    }
    let Some(asked) = asked(query.as_deref().unwrap_or_default()) else {
        let refusal = Refusal::invalid("invalid_query", "limit and next_page have to be as documented");
        return refusal.answer(&onomondo.switches());
    };
    let mut state = onomondo.lock();
    let all = state.organisation(&key.organisation).sims.values();
    let matching =
        all.filter(|sim| asked.connector.is_none() || sim.connector == asked.connector).collect::<Vec<_>>();
    let page = matching.iter().skip(asked.offset).take(asked.limit).collect::<Vec<_>>();
    let next = asked.offset + page.len();
    Json(json!({
        "count": page.len(),
        "limit": asked.limit,
        "offset": asked.offset,
        "total": matching.len(),
        "sims": page,
        "pagination": { "next_page": (next < matching.len()).then(|| next.to_string()) },
    }))
    .into_response()
}

fn asked(query: &str) -> Option<Asked> {
    let mut asked = Asked { limit: DEFAULT_LIMIT, ..Asked::default() };
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "filter[]" | "filter" => {
                asked.connector = value.strip_prefix("connector:").map(str::to_owned).or(asked.connector);
            }
            "limit" => asked.limit = value.parse::<usize>().ok()?.clamp(1, MOST),
            "offset" | "next_page" if !value.is_empty() => asked.offset = value.parse().ok()?,
            _ => {}
        }
    }
    Some(asked)
}

/// `PATCH /sims/{id}` `{"connector": "name" | null}`: the SIM.
pub(super) async fn update(
    State(onomondo): State<Onomondo>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match map(&onomondo, &caller, &id, &headers, &body) {
        Ok(sim) => Json(sim).into_response(),
        Err(refusal) => refusal.answer(&onomondo.switches()),
    }
}

fn map(
    onomondo: &Onomondo,
    caller: &Caller,
    id: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Sim, Refusal> {
    caller.may_write()?;
    if caller.0.without_sims {
        return Err(Refusal::forbidden("this key may not see SIMs"));
    }
    let connector = match object(headers, body)?.remove("connector") {
        None => None,
        Some(Value::Null) => Some(None),
        Some(Value::String(name)) => Some(Some(name)),
        Some(_) => return Err(Refusal::invalid("invalid_connector", "connector has to be a name or null")),
    };
    let mut state = onomondo.lock();
    let organisation = state.organisation(&caller.0.organisation);
    if let Some(Some(name)) = &connector
        && organisation.connectors.find(name).is_none()
    {
        return Err(Refusal::invalid("unknown_connector", format!("there is no connector {name}")));
    }
    let sim = organisation.sims.get_mut(id).ok_or_else(Refusal::not_found)?;
    if let Some(connector) = connector {
        sim.connector = connector;
    }
    Ok(sim.clone())
}
