//! The two ways out of a process: to the API server and to the vendors. Each call passes two boundaries, takes its time, and meets the weather.
//!
//! What has left goes on by itself: a request takes effect although its sender has died, given up, or been told that it failed.

use super::declared::Declared;
use super::kubernetes::{Reply, Watch};
use super::kubernetes::{Request, WatchEvent};
use super::line::Line;
use super::referee::credential;
use super::remote::{Vendor, all};
use super::weather::{Fate, Lacking, Trouble};
use super::world::{Boundary, World, name};
use bytes::Bytes;
use connector_operator::emulator::{Action, AfterHalf, Fault, Matching};
use connector_operator::remote::{Transport, TransportBody};
use futures::stream::{BoxStream, unfold};
use futures::{FutureExt, StreamExt};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{sleep, sleep_until};
use tower::{BoxError, ServiceExt};

/// After this long without an answer the HTTP client gives up, as the operator's own does.
const READ_TIMEOUT: Duration = Duration::from_mins(6);

/// The way to the API server.
pub fn kubernetes(world: &Arc<World>, line: &Line) -> kube::Client {
    let (world, line) = (Arc::clone(world), line.clone());
    let service = tower::service_fn(move |request: http::Request<kube::client::Body>| {
        let (world, line) = (Arc::clone(&world), line.clone());
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            to_kubernetes(world, line, head, body).await
        }
        .boxed()
    });
    kube::Client::new(service, "default")
}

/// The way to the vendors.
pub fn vendors(world: &Arc<World>, line: &Line) -> Transport {
    let (world, line) = (Arc::clone(world), line.clone());
    Transport::new(tower::service_fn(move |request: http::Request<Bytes>| {
        to_vendor(Arc::clone(&world), line.clone(), request).boxed()
    }))
}

async fn to_kubernetes(
    world: Arc<World>,
    line: Line,
    head: http::request::Parts,
    body: Bytes,
) -> Result<http::Response<TransportBody>, BoxError> {
    let request = match Request::read(&head, &body) {
        Ok(request) => request,
        Err(refused) => return answer(refused.code, &refused.body),
    };
    let what = request.describe();
    world.passes(&line, Boundary::Leaving, &what).await;
    let fate = {
        let now = world.now();
        let state = &mut *world.state();
        state.tally.calls += 1;
        state.weather.of_kubernetes(now, line.process.replica, &mut state.tally)
    };
    if let Some((Trouble::ApiServerAway | Trouble::Partition, _)) = fate.wrong {
        sleep(fate.out).await;
        return Err(io::Error::from(io::ErrorKind::ConnectionRefused).into());
    }
    let (answered, waiting) = oneshot::channel();
    tokio::spawn(arrive_at_kubernetes(Arc::clone(&world), line.clone(), request, fate, answered));
    let outcome = tokio::time::timeout(READ_TIMEOUT, waiting).await;
    line.if_alive().await;
    match outcome {
        Ok(Ok(outcome)) => outcome,
        _ => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
    }
}

type Outcome = Result<http::Response<TransportBody>, BoxError>;

async fn arrive_at_kubernetes(
    world: Arc<World>,
    line: Line,
    request: Request,
    fate: Fate,
    answered: oneshot::Sender<Outcome>,
) {
    sleep(fate.out).await;
    let takes_effect = fate.wrong.is_none_or(|(_, takes_effect)| takes_effect);
    let what = request.describe();
    let mut reply = None;
    if takes_effect {
        let before = request.is_write().then(|| world.api.object(&request.key())).flatten();
        let came = world.api.handle(&request);
        if let Reply::Answer(answer) = &came {
            let emulator = world.emulator.state();
            let now = world.now();
            let code = answer.code;
            let state = &mut *world.state();
            state.trace.add(now, || format!("{}  {what}{}: {code}", name(line.process), said(&request.body)));
            state.referee.kubernetes(
                now,
                &line,
                &request,
                before.as_deref(),
                answer,
                &emulator,
                &mut state.tally,
            );
        }
        reply = Some(came);
    }
    world.passes(&line, Boundary::Answered, &what).await;
    sleep(fate.back).await;
    let outcome = match (fate.wrong, reply) {
        (Some((Trouble::ApiServerErrors, _)), _) => {
            let code = *world.state().weather.dice().one_of(&[429, 500, 503, 504]);
            let reason = if code == 429 { "TooManyRequests" } else { "InternalError" };
            let failure = super::kubernetes::Answer::failure(code, reason, "the weather is bad");
            answer(code, &failure.body)
        }
        (Some(_), _) | (None, None) => Err(io::Error::from(io::ErrorKind::ConnectionReset).into()),
        (None, Some(Reply::Answer(reply))) => {
            world.state().referee.told_by_answer(world.now(), &line, &request, &reply);
            answer(reply.code, &reply.body)
        }
        (None, Some(Reply::Watch(watch))) => Ok(streamed(&world, &line, watch)),
    };
    let _ = answered.send(outcome);
}

/// What a status says, for the trace.
fn said(body: &serde_json::Value) -> String {
    let mut conditions = body["status"]["conditions"].as_array().into_iter().flatten();
    let ready = conditions.find(|condition| condition["type"] == "Ready");
    ready.map_or_else(String::new, |one| format!(" {}/{} {}", one["status"], one["reason"], one["message"]))
}

fn answer(code: u16, body: &serde_json::Value) -> Outcome {
    let bytes = Bytes::from(serde_json::to_vec(body)?);
    let body = Full::new(bytes).map_err(|never| match never {}).boxed_unsync();
    Ok(http::Response::builder()
        .status(code)
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(body)?)
}

/// The events of a watch as the process hears of them: in their order, and late.
fn streamed(world: &Arc<World>, line: &Line, mut watch: Watch) -> http::Response<TransportBody> {
    {
        let now = world.now();
        let state = &mut *world.state();
        if let Some(end) = state.weather.watch_ends_within(now, &mut state.tally) {
            watch.end_within(end);
        }
    }
    let heard = Heard { world: Arc::clone(world), line: line.clone(), watch };
    let lines: BoxStream<'static, Result<Frame<Bytes>, BoxError>> =
        unfold(heard, |mut heard| async move { Some((heard.next().await?, heard)) }).boxed();
    http::Response::new(StreamBody::new(lines).boxed_unsync())
}

struct Heard {
    world: Arc<World>,
    line: Line,
    watch: Watch,
}

impl Heard {
    async fn next(&mut self) -> Option<Result<Frame<Bytes>, BoxError>> {
        let event = tokio::select! {
            biased;
            () = cut_off(&self.world, self.line.process.replica) => {
                return None;
            }
            event = self.watch.next() => event?,
        };
        let now = self.world.now();
        let (lag, twice) = {
            let state = &mut *self.world.state();
            let lag = state.weather.lag_of_watch(now, &mut state.tally);
            (lag, event.about.is_some() && state.weather.watch_repeats(now, &mut state.tally))
        };
        sleep(lag).await;
        self.line.if_alive().await;
        self.told(&event);
        let mut text = event.line.to_string();
        text.push('\n');
        if twice {
            text = text.repeat(2);
        }
        Some(Ok(Frame::data(Bytes::from(text))))
    }

    fn told(&self, event: &WatchEvent) {
        let now = self.world.now();
        let state = &mut *self.world.state();
        if let Some((key, revision)) = &event.about {
            state.referee.told(now, &self.line, key, *revision);
        }
    }
}

/// Returns when the API server cannot be reached: then watches end, too.
async fn cut_off(world: &World, replica: usize) {
    loop {
        let now = world.now();
        if !world.state().weather.reaches_api_server(now, replica) {
            return;
        }
        let Some(next) = world.state().weather.next_outage(now, replica) else {
            return std::future::pending().await;
        };
        sleep_until(world.began + next).await;
    }
}

async fn to_vendor(
    world: Arc<World>,
    line: Line,
    request: http::Request<Bytes>,
) -> Result<http::Response<TransportBody>, BoxError> {
    let what = format!("{} {}", request.method(), request.uri().path());
    world.passes(&line, Boundary::Leaving, &what).await;
    let list = lacking(&world, &request);
    let fate = {
        let now = world.now();
        let state = &mut *world.state();
        state.tally.calls += 1;
        let fate = state.weather.of_vendor(now, line.process.replica, list, &mut state.tally);
        state.referee.vendor_call_leaves(now, &line, &request, &mut state.tally);
        fate
    };
    let (answered, waiting) = oneshot::channel();
    tokio::spawn(arrive_at_vendor(Arc::clone(&world), line.clone(), request, fate, answered));
    let outcome = waiting.await;
    line.if_alive().await;
    match outcome {
        Ok(outcome) => outcome,
        // Nobody will answer: the client's own deadline ends it.
        Err(_) => std::future::pending().await,
    }
}

/// For a list: whether the operator would see that everything is missing in it.
fn lacking(world: &World, request: &http::Request<Bytes>) -> Option<Lacking> {
    const SEEN: usize = 3;
    let vendor = Vendor::of_path(request.uri().path()).filter(|_| request.method() == http::Method::GET)?;
    let mut there = all(&world.emulator.state());
    let now = world.now();
    {
        let state = world.state();
        there.retain(|remote| remote.vendor == vendor && state.referee.is_old(now, remote));
    }
    let has = |identity: &str| there.iter().any(|remote| remote.identity == identity);
    let store = world.api.store();
    let declared =
        store.ever(vendor.connectors()).filter_map(|key| Declared::new(key, store.get(key)?.clone()));
    let recorded = declared.filter(|one| !one.is_deleted() && one.recorded().is_some_and(has)).count();
    Some(if recorded >= SEEN { Lacking::Seen } else { Lacking::Unseen })
}

async fn arrive_at_vendor(
    world: Arc<World>,
    line: Line,
    request: http::Request<Bytes>,
    fate: Fate,
    answered: oneshot::Sender<Outcome>,
) {
    sleep(fate.out).await;
    let what = format!("{} {}", request.method(), request.uri().path());
    let (silent, action) = match fate.wrong {
        None => (false, None),
        Some((trouble, takes_effect)) => spoil(&world, trouble, takes_effect),
    };
    if silent && action.is_none() {
        // Lost on its way.
        return;
    }
    let before = world.emulator.state();
    let credential = credential(&request);
    let head = (request.method().clone(), request.uri().path().to_owned(), request.body().clone());
    let fault = action.map(|action| {
        let matching = Matching { times: Some(1), ..Matching::default() };
        world.emulator.faults().add(Fault { matching, action }).expect("a fault")
    });
    let answer = world.emulator.connect().oneshot(request.map(Full::new)).await;
    if let Some(fault) = fault {
        world.emulator.faults().remove(fault);
    }
    {
        let after = world.emulator.state();
        let now = world.now();
        let status = answer.as_ref().map_or(0, |answer| answer.status().as_u16());
        let state = &mut *world.state();
        state.trace.add(now, || format!("{}  {what}: {status}", name(line.process)));
        state.referee.vendor(now, &line, &head, status, (&before, &after), &world.api, &mut state.tally);
    }
    world.passes(&line, Boundary::Answered, &what).await;
    sleep(fate.back).await;
    if silent {
        return;
    }
    if let Some(wait) = answer.as_ref().ok().and_then(asked_to_wait) {
        let now = world.now();
        world.state().referee.asked_to_wait(now, &line, &credential, wait);
    }
    let outcome = answer.map_err(BoxError::from);
    let outcome = outcome.map(|answer| answer.map(|body| body.map_err(BoxError::from).boxed_unsync()));
    let _ = answered.send(outcome);
}

/// How long a 429 asks to be left alone, where it says so in whole seconds.
fn asked_to_wait(answer: &axum::response::Response) -> Option<Duration> {
    let seconds = answer.headers().get(http::header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    (answer.status() == http::StatusCode::TOO_MANY_REQUESTS).then(|| Duration::from_secs(seconds))
}

/// Whether no answer comes, and what the vendor is made to do.
fn spoil(world: &World, trouble: Trouble, after_applying: bool) -> (bool, Option<Action>) {
    let state = &mut *world.state();
    let dice = state.weather.dice();
    let code = *dice.one_of(&[500, 502, 503, 504]);
    let action = match trouble {
        Trouble::VendorTimeouts if after_applying => {
            return (true, Some(Action::Delay { milliseconds: 0, after_applying: true }));
        }
        Trouble::VendorTimeouts => return (true, None),
        Trouble::VendorCuts if after_applying => Action::CutAfterApplying {},
        Trouble::VendorCuts => Action::CutBefore {},
        Trouble::VendorRateLimit => {
            let seconds = u32::try_from(dice.between(1, 90)).unwrap_or(1);
            Action::RateLimited { headers: true, reset_seconds: seconds, retry_after_seconds: Some(seconds) }
        }
        Trouble::VendorRateLimitUnsaid => {
            Action::RateLimited { headers: false, reset_seconds: 0, retry_after_seconds: None }
        }
        Trouble::VendorErrors => Action::Refused { code, after_applying },
        Trouble::VendorHtml => Action::Html { code, after_applying },
        Trouble::VendorHalfBody => Action::HalfBody { then: *dice.one_of(&[AfterHalf::Cut, AfterHalf::End]) },
        Trouble::VendorUnauthorized => Action::Refused { code: 401, after_applying: false },
        Trouble::VendorListsLag => {
            // Less than the consistency allowance, which is what the operator assumes of a vendor.
            Action::StaleList { milliseconds: Some(dice.between(500, 25_000)), writes: None }
        }
        Trouble::VendorListsShrink => Action::ShrinkList { keep: Some(0), without: Vec::new() },
        other => unreachable!("{other:?} is no trouble with a vendor"),
    };
    (false, Some(action))
}
