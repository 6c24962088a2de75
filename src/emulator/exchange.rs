//! One request and what comes back: the log, the faults, then the vendor. Knows no vendor by name.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::{StreamExt, stream};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::clock::with_milliseconds;
use super::faults::{Action, AfterHalf, Distortion, Faults, Subject};
use super::requests::{Arrival, Arriving, Requests};
use super::{Context, Vendor};

/// The largest request body that a vendor reads.
const MOST_REQUEST_BYTES: usize = 1 << 20;
/// The largest request body that the log keeps.
const MOST_LOGGED_BYTES: usize = 64 << 10;
/// How much white space is sent at a time.
const PADDING: &[u8] = &[b' '; 64 << 10];

/// The connection ended without an answer.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the emulator cut the connection, as a fault told it to")]
pub struct ConnectionCut;

/// The vendors behind their log and faults.
pub(super) struct Exchange {
    pub(super) context: Context,
    pub(super) requests: Arc<Requests>,
    pub(super) faults: Arc<Faults>,
    pub(super) vendors: Vec<(Arc<dyn Vendor>, Router)>,
}

/// A request whose body has been read, on its way to a vendor.
struct Incoming {
    head: http::request::Parts,
    body: Bytes,
}

impl Exchange {
    /// Logs the request, applies the fault that is due, and lets the vendor answer.
    pub(super) async fn answer(
        &self,
        connection: u64,
        request: Request<Body>,
    ) -> Result<Response, ConnectionCut> {
        let Some((vendor, router)) =
            self.vendors.iter().find(|(vendor, _)| vendor.owns(request.uri().path()))
        else {
            return Ok(error(StatusCode::NOT_FOUND, "no emulated vendor has this path; see /_emulator"));
        };
        let (head, body) = request.into_parts();
        let body = match Limited::new(body, MOST_REQUEST_BYTES).collect().await {
            Ok(body) => body.to_bytes(),
            Err(failure) if failure.is::<LengthLimitError>() => {
                return Ok(error(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large"));
            }
            // The client went away in the middle of its own request.
            Err(_) => return Err(ConnectionCut),
        };
        let logged = logged_body(vendor.as_ref(), &body);
        let organisation = vendor.organisation_of(&head.headers);
        let fault = self.faults.choose(&Subject {
            method: head.method.as_str(),
            path: head.uri.path(),
            organisation: organisation.as_deref(),
            body: logged.as_ref(),
        });
        let arrival = self.requests.arrive(Arriving {
            at: with_milliseconds(self.context.clock.now()),
            connection,
            organisation,
            method: head.method.to_string(),
            path: head.uri.path().to_owned(),
            query: head.uri.query().map(str::to_owned),
            body: logged,
        });
        let incoming = Incoming { head, body };
        let answer = match fault {
            None => Ok(incoming.send_to(router).await),
            Some((id, action)) => {
                arrival.meets_fault(id);
                spoil(action, incoming, vendor.as_ref(), router, &arrival).await
            }
        };
        match &answer {
            Ok(answer) => arrival.answered(answer.status().as_u16()),
            Err(ConnectionCut) => arrival.cut(),
        }
        answer
    }
}

impl Exchange {
    /// All vendors' state, by vendor.
    pub(super) fn state(&self) -> Value {
        self.vendors.iter().map(|(vendor, _)| (vendor.name().to_owned(), vendor.state())).collect()
    }

    /// Replaces the state of each vendor that `state` names.
    pub(super) fn restore(&self, state: &Value) -> Result<(), String> {
        let named = state.as_object().ok_or("it is not a JSON object with one member a vendor")?;
        for (name, state) in named {
            let known = self.vendors.iter().find(|(vendor, _)| vendor.name() == name);
            let (vendor, _) = known.ok_or_else(|| format!("there is no vendor {name:?}"))?;
            vendor.restore(state).map_err(|reason| format!("{name}: {reason}"))?;
        }
        Ok(())
    }
}

impl Incoming {
    async fn send_to(self, router: &Router) -> Response {
        let request = Request::from_parts(self.head, Body::from(self.body));
        router.clone().oneshot(request).await.unwrap_or_else(|never| match never {})
    }

    async fn distorted(mut self, distortion: Distortion, router: &Router) -> Response {
        self.head.extensions.insert(distortion);
        self.send_to(router).await
    }
}

async fn spoil(
    action: Action,
    incoming: Incoming,
    vendor: &dyn Vendor,
    router: &Router,
    arrival: &Arrival,
) -> Result<Response, ConnectionCut> {
    Ok(match action {
        Action::Status { code, body, headers, after_applying } => {
            apply_if(after_applying, incoming, router).await;
            made_up(code, body, headers)
        }
        Action::Html { code, after_applying } => {
            apply_if(after_applying, incoming, router).await;
            html(code)
        }
        Action::Delay { milliseconds, after_applying } => {
            delayed(Duration::from_millis(milliseconds), after_applying, incoming, router, arrival).await
        }
        Action::Hang { after_applying } => {
            apply_if(after_applying, incoming, router).await;
            arrival.held();
            std::future::pending().await
        }
        Action::CutBefore {} => return Err(ConnectionCut),
        Action::CutAfterApplying {} => {
            incoming.send_to(router).await;
            return Err(ConnectionCut);
        }
        Action::HalfBody { then } => half(incoming.send_to(router).await, then).await,
        Action::LargeBody { bytes } => padded(incoming.send_to(router).await, bytes),
        Action::RateLimited { headers, reset_seconds, retry_after_seconds } => {
            vendor.rate_limited(headers.then_some(reset_seconds), retry_after_seconds)
        }
        Action::StaleList { milliseconds, writes } => {
            let (milliseconds, writes) = (milliseconds.unwrap_or(0), writes.unwrap_or(0));
            incoming.distorted(Distortion::Stale { milliseconds, writes }, router).await
        }
        Action::ShrinkList { keep, without } => {
            incoming.distorted(Distortion::Shrunk { keep, without }, router).await
        }
    })
}

async fn apply_if(applies: bool, incoming: Incoming, router: &Router) {
    if applies {
        incoming.send_to(router).await;
    }
}

async fn delayed(
    delay: Duration,
    after_applying: bool,
    incoming: Incoming,
    router: &Router,
    arrival: &Arrival,
) -> Response {
    if after_applying {
        let answer = incoming.send_to(router).await;
        arrival.held();
        tokio::time::sleep(delay).await;
        return answer;
    }
    arrival.held();
    tokio::time::sleep(delay).await;
    incoming.send_to(router).await
}

fn made_up(code: u16, body: Option<Value>, headers: std::collections::BTreeMap<String, String>) -> Response {
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

fn html(code: u16) -> Response {
    let page = "<!DOCTYPE html>\n<html><head><title>Bad gateway</title></head>\
                <body><h1>Bad gateway</h1><p>The server is having a moment.</p></body></html>\n";
    made_up(
        code,
        Some(Value::from(page)),
        [(CONTENT_TYPE.to_string(), "text/html; charset=utf-8".to_owned())].into(),
    )
}

async fn half(answer: Response, then: AfterHalf) -> Response {
    let (mut head, body) = answer.into_parts();
    let whole = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
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

fn padded(answer: Response, bytes: u64) -> Response {
    let (mut head, body) = answer.into_parts();
    head.headers.remove(CONTENT_LENGTH);
    let padding = stream::unfold(bytes, |left| async move {
        let size = usize::try_from(left).unwrap_or(usize::MAX).min(PADDING.len());
        (size > 0).then(|| (Ok(Bytes::from_static(&PADDING[..size])), left - size as u64))
    });
    Response::from_parts(head, Body::from_stream(padding.chain(body.into_data_stream())))
}

/// The body as the log may keep it: without secrets, and not too large.
fn logged_body(vendor: &dyn Vendor, body: &Bytes) -> Option<Value> {
    if body.is_empty() {
        return None;
    }
    if body.len() > MOST_LOGGED_BYTES {
        return Some(Value::from(format!("<{} bytes, too large to log>", body.len())));
    }
    let Ok(mut value) = serde_json::from_slice::<Value>(body) else {
        return Some(Value::from(format!("<{} bytes that are not JSON>", body.len())));
    };
    vendor.redact(&mut value);
    Some(value)
}

/// A refusal in the form that most vendors use.
pub(super) fn error(status: StatusCode, error: &str) -> Response {
    (status, axum::Json(json!({ "error": error }))).into_response()
}
