//! `/tags/search/tags`.

use axum::Json;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use super::Onomondo;
use super::gate::Caller;

#[derive(Deserialize)]
#[serde(default)]
pub(super) struct Page {
    offset: usize,
    limit: usize,
}

impl Default for Page {
    fn default() -> Self {
        Self { offset: 0, limit: 100 }
    }
}

/// `GET /tags/search/tags?offset=&limit=`.
pub(super) async fn search(
    State(onomondo): State<Onomondo>,
    Caller(key): Caller,
    Query(page): Query<Page>,
) -> Response {
    let mut state = onomondo.lock();
    let tags = &state.organisation(&key.organisation).tags;
    let result = tags.values().skip(page.offset).take(page.limit).collect::<Vec<_>>();
    Json(json!({
        "count": result.len(),
        "limit": page.limit,
        "offset": page.offset,
        "total": tags.len(),
        "result": result,
    }))
    .into_response()
}
