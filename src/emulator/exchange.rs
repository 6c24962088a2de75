//! One request and what comes back: the log, the faults, then the vendor. Knows no vendor by name.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::Value;
use tower::ServiceExt;

use super::answers::{error, half, html, made_up, padded};
use super::clock::with_milliseconds;
use super::connections::Asking;
use super::faults::{Action, Distortion, Faults, Subject};
use super::requests::{Arrival, Arriving, Requests};
use super::{Context, Vendor};

/// The largest request body that a vendor reads.
const MOST_REQUEST_BYTES: usize = 1 << 20;
/// The largest request body that the log keeps.
const MOST_LOGGED_BYTES: usize = 64 << 10;
/// The longest that a client may take to send a request body.
const LONGEST_READ: Duration = Duration::from_mins(1);

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

/// A request that a fault meets on its way to a vendor.
struct Visit<'a> {
    request: Request<Bytes>,
    vendor: &'a dyn Vendor,
    router: &'a Router,
    arrival: &'a Arrival,
}

impl Exchange {
    /// Logs the request, applies the fault that is due, and lets the vendor answer.
    pub(super) async fn answer(
        &self,
        connection: u64,
        request: Request<Body>,
    ) -> Result<Response, ConnectionCut> {
        let (mut head, body) = request.into_parts();
        head.extensions.insert(Asking { connection });
        let body = read(body).await;
        let vendor = self.vendors.iter().find(|(vendor, _)| vendor.owns(head.uri.path()));
        let logged = body
            .as_ref()
            .ok()
            .and_then(|body| logged_body(vendor.map(|(vendor, _)| &**vendor), head.uri.path(), body));
        let organisation = vendor.and_then(|(vendor, _)| vendor.organisation_of(&head.headers));
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
        let answer = match (vendor, body) {
            (None, _) => Ok(error(StatusCode::NOT_FOUND, "no emulated vendor has this path; see /_emulator")),
            (Some((vendor, _)), Err(unreadable)) => Ok(vendor.refused(unreadable)),
            (Some((vendor, router)), Ok(body)) => {
                let request = Request::from_parts(head, body);
                let visit = Visit { request, vendor: &**vendor, router, arrival: &arrival };
                match fault {
                    None => Ok(visit.answered().await),
                    Some((id, action)) => visit.spoiled(id, action, &self.faults).await,
                }
            }
        };
        match &answer {
            Ok(answer) => arrival.answered(answer.status().as_u16()),
            Err(ConnectionCut) => arrival.cut(),
        }
        answer
    }

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

impl Visit<'_> {
    async fn answered(self) -> Response {
        let answer = self.router.clone().oneshot(self.request.map(Body::from)).await;
        answer.unwrap_or_else(|never| match never {})
    }

    /// The request takes effect, or not; its answer is for nobody.
    async fn applied_if(self, applies: bool) {
        if applies {
            self.answered().await;
        }
    }

    async fn distorted(mut self, distortion: Distortion) -> Response {
        self.request.extensions_mut().insert(distortion);
        self.answered().await
    }

    async fn delayed(self, delay: Duration, after_applying: bool) -> Response {
        let arrival = self.arrival;
        if after_applying {
            let answer = self.answered().await;
            arrival.held();
            tokio::time::sleep(delay).await;
            return answer;
        }
        arrival.held();
        tokio::time::sleep(delay).await;
        self.answered().await
    }

    /// A task of its own applies the request, so that it does not end with the client's connection.
    async fn applied_late(self, delay: Duration) -> Response {
        self.arrival.held();
        let (router, request) = (self.router.clone(), self.request.map(Body::from));
        let applying = tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            router.oneshot(request).await.unwrap_or_else(|never| match never {})
        });
        applying.await.unwrap_or_else(|_| error(StatusCode::INTERNAL_SERVER_ERROR, "internal_server_error"))
    }

    async fn spoiled(self, id: u64, action: Action, faults: &Faults) -> Result<Response, ConnectionCut> {
        self.arrival.meets_fault(id);
        Ok(match action {
            Action::Status { code, body, headers, after_applying } => {
                self.applied_if(after_applying).await;
                made_up(code, body, headers)
            }
            Action::Refused { code, after_applying } => {
                let vendor = self.vendor;
                self.applied_if(after_applying).await;
                vendor.refused(StatusCode::from_u16(code).unwrap_or(StatusCode::BAD_GATEWAY))
            }
            Action::Html { code, after_applying } => {
                self.applied_if(after_applying).await;
                html(code)
            }
            Action::Delay { milliseconds, after_applying } => {
                self.delayed(Duration::from_millis(milliseconds), after_applying).await
            }
            Action::ApplyLate { milliseconds } => {
                self.applied_late(Duration::from_millis(milliseconds)).await
            }
            Action::Hang { after_applying } => {
                let arrival = self.arrival;
                self.applied_if(after_applying).await;
                arrival.held();
                faults.gone(id).await;
                return Err(ConnectionCut);
            }
            Action::CutBefore {} => return Err(ConnectionCut),
            Action::CutAfterApplying {} => {
                self.answered().await;
                return Err(ConnectionCut);
            }
            Action::HalfBody { then } => half(self.answered().await, then).await,
            Action::LargeBody { bytes } => padded(self.answered().await, bytes),
            Action::RateLimited { headers, reset_seconds, retry_after_seconds } => {
                self.vendor.rate_limited(headers.then_some(reset_seconds), retry_after_seconds)
            }
            Action::StaleList { milliseconds, writes } => {
                let (milliseconds, writes) = (milliseconds.unwrap_or(0), writes.unwrap_or(0));
                self.distorted(Distortion::Stale { milliseconds, writes }).await
            }
            Action::ShrinkList { keep, without } => {
                self.distorted(Distortion::Shrunk { keep, without }).await
            }
        })
    }
}

/// The whole body, or the status that refuses one that is too large or too slow.
async fn read(body: Body) -> Result<Bytes, StatusCode> {
    let reading = Limited::new(body, MOST_REQUEST_BYTES).collect();
    match tokio::time::timeout(LONGEST_READ, reading).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(failure)) if failure.is::<LengthLimitError>() => Err(StatusCode::PAYLOAD_TOO_LARGE),
        Ok(Err(_)) => Err(StatusCode::BAD_REQUEST),
        Err(_) => Err(StatusCode::REQUEST_TIMEOUT),
    }
}

/// The body as the log may keep it: without secrets, and not too large. Only a vendor knows what is secret.
fn logged_body(vendor: Option<&dyn Vendor>, path: &str, body: &Bytes) -> Option<Value> {
    if body.is_empty() {
        return None;
    }
    let size = body.len();
    let Some(vendor) = vendor.filter(|_| size <= MOST_LOGGED_BYTES) else {
        return Some(Value::from(format!("<{size} bytes>")));
    };
    let read = vendor.form(path, body).or_else(|| serde_json::from_slice(body).ok());
    let Some(mut value) = read else {
        return Some(Value::from(format!("<{size} bytes that are not JSON>")));
    };
    vendor.redact(&mut value);
    Some(value)
}
