//! Answers that are nobody's own: those that a fault makes up or mutilates, and the forms that vendors share.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::{StreamExt, stream};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_body_util::{BodyExt, Collected};
use serde_json::{Value, json};

use super::exchange::ConnectionCut;
use super::faults::AfterHalf;

/// How much white space is sent at a time.
const PADDING: &[u8] = &[b' '; 64 << 10];

/// A refusal in the form that most vendors use.
pub(super) fn error(status: StatusCode, error: &str) -> Response {
    (status, axum::Json(json!({ "error": error }))).into_response()
}

/// `axum::Json` by way of a buffer that is sized for a list of thousands.
pub(super) fn in_json(value: &impl serde::Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(json) => ([(CONTENT_TYPE, "application/json")], json).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// This status, body and headers.
pub(super) fn made_up(code: u16, body: Option<Value>, headers: BTreeMap<String, String>) -> Response {
    let mut answer = match body {
        None => Response::default(),
        Some(Value::String(text)) => text.into_response(),
        Some(json) => axum::Json(json).into_response(),
    };
    *answer.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::BAD_GATEWAY);
    let headers = headers.into_iter().filter_map(|(name, value)| {
        Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?))
    });
    answer.headers_mut().extend(headers.collect::<HeaderMap>());
    answer
}

/// The page of a gateway.
pub(super) fn html(code: u16) -> Response {
    let page = "<!DOCTYPE html>\n<html><head><title>Bad gateway</title></head>\
                <body><h1>Bad gateway</h1><p>The server is having a moment.</p></body></html>\n";
    made_up(
        code,
        Some(Value::from(page)),
        [(CONTENT_TYPE.to_string(), "text/html; charset=utf-8".to_owned())].into(),
    )
}

/// The first half of an answer.
pub(super) async fn half(answer: Response, then: AfterHalf) -> Response {
    let (mut head, body) = answer.into_parts();
    let whole = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
    let first = whole.slice(..whole.len() / 2);
    if then == AfterHalf::End {
        head.headers.remove(CONTENT_LENGTH);
        return Response::from_parts(head, Body::from(first));
    }
    head.headers.insert(CONTENT_LENGTH, HeaderValue::from(whole.len()));
    let second = stream::once(async move {
        // The first half has to leave before the connection ends.
        tokio::time::sleep(Duration::from_millis(1)).await;
        match then {
            AfterHalf::Hang => std::future::pending().await,
            AfterHalf::Cut | AfterHalf::End => Err(ConnectionCut),
        }
    });
    let frames = stream::once(async move { Ok::<Bytes, ConnectionCut>(first) }).chain(second);
    Response::from_parts(head, Body::from_stream(frames))
}

/// An answer behind so many bytes of white space, which are never held in memory.
pub(super) fn padded(answer: Response, bytes: u64) -> Response {
    let (mut head, body) = answer.into_parts();
    head.headers.remove(CONTENT_LENGTH);
    let padding = stream::unfold(bytes, |left| async move {
        let size = usize::try_from(left).unwrap_or(usize::MAX).min(PADDING.len());
        (size > 0).then(|| (Ok(Bytes::from_static(&PADDING[..size])), left - size as u64))
    });
    Response::from_parts(head, Body::from_stream(padding.chain(body.into_data_stream())))
}
