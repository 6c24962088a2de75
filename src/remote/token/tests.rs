//! The life of access tokens, told against a vendor without a socket, in paused time.

use super::*;
use crate::remote::authorization::MOST_AT_ONCE;
use crate::remote::{Authorization, Call, Client, Transport};
use bytes::Bytes;
use futures::future::join_all;
use http::header::{AUTHORIZATION, LOCATION};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use std::collections::BTreeSet;
use tokio::time::{advance, sleep};
use tower::BoxError;

const DISCOVERY: &[&str] = &["identity", ".well-known", "openid-configuration"];
const SECRET: &str = "s3cret&=";

/// What the vendor does, and what it was asked.
struct Behaviour {
    token_endpoint: &'static str,
    token_status: u16,
    token_body: Option<String>,
    expires_in: u64,
    takes: Duration,
    api_refuses_all: bool,
    valid: BTreeSet<String>,
    issued: usize,
    asked: Vec<String>,
    under_way: usize,
    most_under_way: usize,
}

#[derive(Clone)]
struct Vendor(Arc<Mutex<Behaviour>>);

impl Vendor {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Behaviour {
            token_endpoint: "https://vendor.test/identity/connect/token",
            token_status: 200,
            token_body: None,
            expires_in: 3600,
            takes: Duration::from_millis(100),
            api_refuses_all: false,
            valid: BTreeSet::new(),
            issued: 0,
            asked: Vec::new(),
            under_way: 0,
            most_under_way: 0,
        })))
    }

    fn set(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut lock(&self.0));
    }

    /// How many requests began so.
    fn asked(&self, beginning: &str) -> usize {
        lock(&self.0).asked.iter().filter(|request| request.starts_with(beginning)).count()
    }

    fn tokens_asked(&self) -> usize {
        self.asked("POST https://vendor.test/identity/connect/token")
    }

    fn calls(&self) -> usize {
        self.asked("GET https://vendor.test/things")
    }

    async fn answer(self, request: Request<Bytes>) -> Result<Response<Full<Bytes>>, BoxError> {
        let (head, body) = request.into_parts();
        let takes = {
            let mut state = lock(&self.0);
            let credential = head.headers.get(AUTHORIZATION).and_then(|header| header.to_str().ok());
            state.asked.push(format!("{} {} {}", head.method, head.uri, credential.unwrap_or("-")));
            state.under_way += 1;
            state.most_under_way = state.most_under_way.max(state.under_way);
            if head.uri.path().ends_with("/slow") { state.takes * 10 } else { state.takes }
        };
        sleep(takes).await;
        let mut state = lock(&self.0);
        state.under_way -= 1;
        let (status, body) = match head.uri.path() {
            "/identity/.well-known/openid-configuration" => {
                (200, format!(r#"{{"token_endpoint":"{}"}}"#, state.token_endpoint))
            }
            "/identity/connect/token" => state.token(&body),
            _ => {
                let header = head.headers.get(AUTHORIZATION).and_then(|header| header.to_str().ok());
                let token = header.and_then(|header| header.strip_prefix("Bearer ")).unwrap_or_default();
                let is_known = state.valid.contains(token) && !state.api_refuses_all;
                (if is_known { 200 } else { 401 }, "[]".to_owned())
            }
        };
        let answer = Response::builder().status(status).header(LOCATION, "https://vendor.test/elsewhere");
        Ok(answer.body(Full::new(body.into()))?)
    }

    fn connection(&self, tokens: &TokenCache) -> Connection {
        let vendor = self.clone();
        Connection {
            transport: Transport::new(tower::service_fn(move |request| {
                let answer = vendor.clone().answer(request);
                async { Ok(answer.await?.map(|body| body.map_err(BoxError::from).boxed_unsync())) }
            })),
            endpoint: Url::parse("https://vendor.test").expect("a URL"),
            list_limit: 1 << 20,
            requests_per_minute: 60_000,
            observer: Arc::new(|_, _, _| {}),
            permits: Arc::new(|what, url| {
                let url = Url::parse(url).map_err(|_| format!("{what} is no URL"))?;
                let is_own = url.host_str() == Some("vendor.test");
                if is_own { Ok(url) } else { Err(format!("{what} goes to a host that is not allowed")) }
            }),
            tokens: tokens.clone(),
        }
    }

    /// A client of the account `account` with this secret.
    fn client(&self, tokens: &TokenCache, secret: &str) -> Client {
        let connection = self.connection(tokens);
        let secret = SecretString::from(secret);
        let client =
            ClientCredentials { endpoint: TokenEndpoint::Discovered(DISCOVERY), id: "a b", secret: &secret };
        let source = tokens.source(&connection, &client).expect("a source");
        Client::new(connection, Authorization::Tokens(source))
    }
}

impl Behaviour {
    fn token(&mut self, form: &[u8]) -> (u16, String) {
        if let Some(body) = &self.token_body {
            return (self.token_status, body.clone());
        }
        let right = b"client_id=a+b&client_secret=s3cret%26%3D&grant_type=client_credentials";
        if form != right {
            return (400, r#"{"error":"invalid_client"}"#.to_owned());
        }
        self.issued += 1;
        let token = format!("token-{}", self.issued);
        self.valid.insert(token.clone());
        let grant = serde_json::json!({ "access_token": token, "expires_in": self.expires_in, "token_type": "Bearer" });
        (self.token_status, grant.to_string())
    }
}

async fn call(client: &Client) -> Result<u16, RemoteError> {
    call_of(client, &["things"]).await
}

async fn call_of(client: &Client, path: &[&str]) -> Result<u16, RemoteError> {
    let call = Call::get("list", path);
    client.send(call).await.map(|response| response.status.as_u16())
}

#[tokio::test(start_paused = true)]
async fn accounts_with_the_same_client_share_one_token_and_another_secret_gets_none() {
    let (vendor, tokens) = (Vendor::new(), TokenCache::default());
    let (one, other) = (vendor.client(&tokens, SECRET), vendor.client(&tokens, SECRET));
    assert_eq!(call(&one).await.expect("an answer"), 200);
    assert_eq!(call(&other).await.expect("an answer"), 200);
    assert_eq!((vendor.tokens_asked(), vendor.asked("GET https://vendor.test/identity")), (1, 1));

    let stranger = vendor.client(&tokens, "guessed");
    let error = call(&stranger).await.expect_err("knowing an id gives nobody a token");
    assert_eq!(error.status(), Some(StatusCode::UNAUTHORIZED));
    assert_eq!(vendor.calls(), 2, "the stranger called the API");
}

#[tokio::test(start_paused = true)]
async fn however_many_ask_one_token_is_fetched() {
    let (vendor, tokens) = (Vendor::new(), TokenCache::default());
    let client = vendor.client(&tokens, SECRET);
    let answers = join_all((0..50).map(|_| call(&client))).await;
    assert!(answers.iter().all(|answer| matches!(answer, Ok(200))), "{answers:?}");
    assert_eq!(vendor.tokens_asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_share_a_failure_and_the_next_ones_a_while_later_ask_again() {
    let (vendor, tokens) = (Vendor::new(), TokenCache::default());
    vendor.set(|vendor| (vendor.token_status, vendor.token_body) = (503, Some("gateway".into())));
    let client = vendor.client(&tokens, SECRET);
    let answers = join_all((0..50).map(|_| call(&client))).await;
    assert!(answers.iter().all(Result::is_err), "{answers:?}");
    assert!(call(&client).await.is_err());
    assert_eq!(vendor.tokens_asked(), 1);

    vendor.set(|vendor| (vendor.token_status, vendor.token_body) = (200, None));
    advance(FAILURE_STANDS).await;
    assert_eq!(call(&client).await.expect("an answer"), 200);
    assert_eq!(vendor.tokens_asked(), 2);
    assert_eq!(
        vendor.asked("GET https://vendor.test/identity"),
        2,
        "the document is read again after a failure"
    );
}

#[tokio::test(start_paused = true)]
async fn whoever_goes_away_takes_no_token_from_the_others() {
    let (vendor, tokens) = (Vendor::new(), TokenCache::default());
    let client = vendor.client(&tokens, SECRET);
    let impatient = tokio::spawn({
        let client = client.clone();
        async move { call(&client).await }
    });
    sleep(Duration::from_millis(150)).await;
    impatient.abort();
    assert!(impatient.await.is_err_and(|end| end.is_cancelled()));
    assert_eq!(call(&client).await.expect("an answer"), 200);
    assert_eq!(vendor.tokens_asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_token_is_fetched_anew_before_it_ends_and_serves_while_that_fails() {
    let (vendor, tokens) = (Vendor::new(), TokenCache::default());
    vendor.set(|vendor| vendor.expires_in = 100);
    let client = vendor.client(&tokens, SECRET);
    call(&client).await.expect("an answer");
    advance(Duration::from_secs(75)).await;
    call(&client).await.expect("an answer");
    assert_eq!(vendor.tokens_asked(), 1, "the token was fetched anew too early");

    advance(Duration::from_secs(6)).await;
    vendor.set(|vendor| (vendor.token_status, vendor.token_body) = (503, Some(String::new())));
    for _ in 0..3 {
        assert_eq!(call(&client).await.expect("the old token serves"), 200);
        sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(vendor.tokens_asked(), 2, "a refresh that failed was not left alone");

    vendor.set(|vendor| (vendor.token_status, vendor.token_body) = (200, None));
    advance(FAILURE_STANDS).await;
    call(&client).await.expect("an answer");
    sleep(Duration::from_secs(1)).await;
    call(&client).await.expect("an answer");
    assert_eq!(vendor.asked("GET https://vendor.test/things Bearer token-2"), 1);
    assert_eq!(vendor.tokens_asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_ended_token_is_never_sent() {
    let (vendor, tokens) = (Vendor::new(), TokenCache::default());
    vendor.set(|vendor| vendor.expires_in = 60);
    let client = vendor.client(&tokens, SECRET);
    for _ in 0..3 {
        call(&client).await.expect("an answer");
        advance(Duration::from_mins(1)).await;
    }
    for number in 1..=3 {
        let call = format!("GET https://vendor.test/things Bearer token-{number}");
        assert_eq!(vendor.asked(&call), 1, "{call}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_revoked_token_costs_one_more_token_and_one_more_call() {
    let (vendor, tokens) = (Vendor::new(), TokenCache::default());
    let client = vendor.client(&tokens, SECRET);
    call(&client).await.expect("an answer");
    vendor.set(|vendor| vendor.valid.clear());
    let answers = join_all((0..10).map(|_| call(&client))).await;
    assert!(answers.iter().all(|answer| matches!(answer, Ok(200))), "{answers:?}");
    assert_eq!((vendor.tokens_asked(), vendor.calls()), (2, 21));
}

#[tokio::test(start_paused = true)]
async fn a_late_401_for_an_old_token_costs_no_newer_one() {
    let (vendor, tokens) = (Vendor::new(), TokenCache::default());
    let client = vendor.client(&tokens, SECRET);
    call(&client).await.expect("an answer");
    vendor.set(|vendor| vendor.valid.clear());
    let (slow, quick) = tokio::join!(call_of(&client, &["things", "slow"]), call(&client));
    assert_eq!((slow.expect("an answer"), quick.expect("an answer")), (200, 200));
    assert_eq!(vendor.tokens_asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_second_401_is_the_answer() {
    let (vendor, tokens) = (Vendor::new(), TokenCache::default());
    let client = vendor.client(&tokens, SECRET);
    call(&client).await.expect("an answer");
    vendor.set(|vendor| vendor.api_refuses_all = true);
    assert_eq!(call(&client).await.expect("an answer"), 401);
    assert_eq!((vendor.tokens_asked(), vendor.calls()), (2, 3));
}

#[tokio::test(start_paused = true)]
async fn a_token_that_was_just_fetched_and_is_refused_is_not_fetched_again() {
    let (vendor, tokens) = (Vendor::new(), TokenCache::default());
    vendor.set(|vendor| vendor.api_refuses_all = true);
    assert_eq!(call(&vendor.client(&tokens, SECRET)).await.expect("an answer"), 401);
    assert_eq!((vendor.tokens_asked(), vendor.calls()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_secret_is_sent_to_no_host_that_a_document_names_and_nobody_allowed() {
    let (vendor, tokens) = (Vendor::new(), TokenCache::default());
    vendor.set(|vendor| vendor.token_endpoint = "https://evil.test/token");
    let error = call(&vendor.client(&tokens, SECRET)).await.expect_err("a foreign host");
    assert!(matches!(error, RemoteError::NotPermitted(_)), "{error}");
    assert!(error.to_string().contains("evil.test"), "{error}");
    let asked = lock(&vendor.0).asked.clone();
    assert_eq!(asked, ["GET https://vendor.test/identity/.well-known/openid-configuration -"]);
}

#[test]
fn a_token_url_that_nobody_allowed_is_refused_by_its_fields_name() {
    let (vendor, tokens) = (Vendor::new(), TokenCache::default());
    let secret = SecretString::from(SECRET);
    let endpoint = TokenEndpoint::Given { field: "spec.tokenUrl", url: "https://evil.test/token" };
    let client = ClientCredentials { endpoint, id: "a", secret: &secret };
    let refused = tokens.source(&vendor.connection(&tokens), &client).map(|_| ());
    assert!(refused.as_ref().is_err_and(|why| why.starts_with("spec.tokenUrl ")), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn a_redirect_of_the_token_endpoint_is_not_followed() {
    let (vendor, tokens) = (Vendor::new(), TokenCache::default());
    vendor.set(|vendor| (vendor.token_status, vendor.token_body) = (307, Some(String::new())));
    let error = call(&vendor.client(&tokens, SECRET)).await.expect_err("no token");
    assert_eq!(error.status(), Some(StatusCode::TEMPORARY_REDIRECT), "{error}");
    assert_eq!((vendor.asked(""), vendor.calls()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn of_a_refusal_only_the_standards_own_codes_are_shown() {
    for (body, shown) in [
        (r#"{"error":"invalid_client","error_description":"s3cret"}"#, Some("(invalid_client)")),
        (r#"{"error":"s3cret"}"#, None),
        ("<html>s3cret", None),
    ] {
        let (vendor, tokens) = (Vendor::new(), TokenCache::default());
        vendor.set(|vendor| (vendor.token_status, vendor.token_body) = (400, Some(body.into())));
        let error = call(&vendor.client(&tokens, SECRET)).await.expect_err("no token");
        let text = error.to_string();
        assert_eq!(error.status(), Some(StatusCode::UNAUTHORIZED), "{text}");
        assert!(shown.is_none_or(|code| text.contains(code)) && !text.contains("s3cret"), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_token_is_none() {
    for body in [
        r#"{"access_token":"","expires_in":60}"#,
        r#"{"access_token":"a\nb","expires_in":60}"#,
        r#"{"access_token":"a","token_type":"mac"}"#,
        r#"{"expires_in":60}"#,
        "[]",
    ] {
        let (vendor, tokens) = (Vendor::new(), TokenCache::default());
        vendor.set(|vendor| vendor.token_body = Some(body.into()));
        let error = call(&vendor.client(&tokens, SECRET)).await.expect_err(body);
        assert!(matches!(error, RemoteError::Token { .. }), "{body}: {error}");
        assert_eq!(vendor.calls(), 0, "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_has_no_more_requests_under_way_than_it_may_its_tokens_included() {
    let (vendor, tokens) = (Vendor::new(), TokenCache::default());
    vendor.set(|vendor| vendor.expires_in = 100);
    let clients = [vendor.client(&tokens, SECRET), vendor.client(&tokens, SECRET)];
    call(&clients[0]).await.expect("an answer");
    advance(Duration::from_secs(85)).await;
    let answers = join_all((0..100).map(|nth| call(&clients[nth % 2]))).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(vendor.tokens_asked(), 2, "the token was to be fetched anew meanwhile");
    assert_eq!(lock(&vendor.0).most_under_way, MOST_AT_ONCE);
}

#[tokio::test(start_paused = true)]
async fn token_requests_are_counted_by_name_and_cost_no_budget() {
    let (vendor, tokens) = (Vendor::new(), TokenCache::default());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let connection = Connection {
        requests_per_minute: 10,
        observer: {
            let seen = seen.clone();
            Arc::new(move |operation, status, _| lock(&seen).push((operation, status)))
        },
        ..vendor.connection(&tokens)
    };
    let secret = SecretString::from(SECRET);
    let client =
        ClientCredentials { endpoint: TokenEndpoint::Discovered(DISCOVERY), id: "a b", secret: &secret };
    let source = tokens.source(&connection, &client).expect("a source");
    let client = Client::new(connection, Authorization::Tokens(source));
    // Ten a minute is one at once: a token that counted would make the call wait for seconds.
    let began = Instant::now();
    call(&client).await.expect("an answer");
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(*lock(&seen), [("discovery", 200), ("token", 200), ("list", 200)]);
}

#[tokio::test(start_paused = true)]
async fn a_token_endpoint_that_does_not_answer_leaves_no_doubt_about_a_write() {
    let (vendor, tokens) = (Vendor::new(), TokenCache::default());
    vendor.set(|vendor| vendor.takes = Duration::from_hours(1));
    let client = vendor.client(&tokens, SECRET);
    let began = Instant::now();
    let error = call(&client).await.expect_err("no token");
    assert!(began.elapsed() <= Duration::from_secs(31), "{:?}", began.elapsed());
    assert!(matches!(error, RemoteError::Token { .. }) && !error.may_have_applied(), "{error}");
}

#[tokio::test(start_paused = true)]
async fn nothing_secret_is_shown() {
    let (vendor, tokens) = (Vendor::new(), TokenCache::default());
    let client = vendor.client(&tokens, SECRET);
    call(&client).await.expect("an answer");
    let source = tokens.source(
        &vendor.connection(&tokens),
        &ClientCredentials {
            endpoint: TokenEndpoint::Discovered(DISCOVERY),
            id: "a b",
            secret: &SecretString::from(SECRET),
        },
    );
    let shown = format!("{client:?} {tokens:?} {source:?} {:?}", source.clone().map(Authorization::Tokens));
    assert!(!shown.contains("s3cret") && !shown.contains("token-1"), "{shown}");
}

#[tokio::test(start_paused = true)]
async fn a_source_that_nobody_uses_is_forgotten() {
    let (vendor, tokens) = (Vendor::new(), TokenCache::default());
    for number in 0..10 {
        drop(vendor.client(&tokens, &format!("secret-{number}")));
    }
    assert_eq!(lock(&tokens.0).sources.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_token_is_still_known_in_the_vendors_words_when_the_next_one_has_come() {
    let (vendor, tokens) = (Vendor::new(), TokenCache::default());
    let grant = |token: &str| Some(format!(r#"{{"access_token":"{token}","expires_in":100}}"#));
    vendor.set(|vendor| vendor.token_body = grant("eyJ-first-of-all"));
    let client = vendor.client(&tokens, SECRET);
    call(&client).await.expect("an answer");
    // The second one comes while a call with the first could still be under way.
    vendor.set(|vendor| vendor.token_body = grant("abc-the-second"));
    advance(Duration::from_secs(101)).await;
    call(&client).await.expect("an answer");
    assert!(client.repeats_credential("the token abc-the-second is not known"));
    assert!(client.repeats_credential("the token eyJ-first-of-all is not known"), "the first one is shown");
}

#[tokio::test(start_paused = true)]
async fn what_is_said_of_a_token_endpoint_that_is_slow_does_not_move_by_itself() {
    let (vendor, tokens) = (Vendor::new(), TokenCache::default());
    let client = vendor.client(&tokens, SECRET);
    // The document takes more or less of the time that there is.
    let mut said = BTreeSet::new();
    for seconds in [16, 20, 40] {
        vendor.set(|vendor| vendor.takes = Duration::from_secs(seconds));
        assert!(call(&client).await.is_err());
        sleep(Duration::from_secs(1)).await;
        let standing = call(&client).await.expect_err("the failure stands for all who ask");
        let RemoteError::Token { cause, .. } = standing else { panic!("{standing}") };
        said.insert(cause.to_string());
        sleep(FAILURE_STANDS).await;
    }
    assert_eq!(said, BTreeSet::from(["the vendor did not answer within 30s".to_owned()]));
}
