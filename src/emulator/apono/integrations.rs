//! `/api/admin/v4/integrations`: who uses which connector.

use axum::extract::{RawQuery, State};
use axum::response::Response;
use serde_json::{Map, Value};

use super::Apono;
use super::gate::Caller;
use super::pages::Asked;
use crate::emulator::answers::in_json;

/// The filters with one member of an integration each.
const FILTERS: [&str; 5] = ["category", "connector_id", "name", "status", "type"];

/// `GET /api/admin/v4/integrations?connector_id=&limit=&page_token=`. A `*` in a filter is not understood.
pub(super) async fn list(
    State(apono): State<Apono>,
    Caller(token): Caller,
    RawQuery(query): RawQuery,
) -> Response {
    let switches = apono.switches();
    let asked = match Asked::new(query.as_deref(), &switches) {
        Ok(asked) => asked,
        Err(refusal) => return refusal.answer(&switches),
    };
    let mut state = apono.lock();
    let integrations = &apono.organisation(&mut state, &token.organisation).integrations;
    let admitted = |integration: &&Map<String, Value>| {
        FILTERS.iter().all(|name| asked.admits(name, integration.get(*name).and_then(Value::as_str)))
    };
    let listed = integrations.values().filter(admitted).collect::<Vec<_>>();
    let id =
        |integration: &&Map<String, Value>| integration.get("id").map(Value::to_string).unwrap_or_default();
    in_json(&asked.page(listed, id, 0, &switches))
}
