//! The real client over real sockets, against a server that means ill: each answer is refused for what it is, before much of it is taken.

use std::sync::Arc;
use std::time::{Duration, Instant};

use connector_operator::engine::vendor::{SecretValues, Vendor, Withheld};
use connector_operator::remote::{
    Connection, Disposition, RemoteError, Source, TokenCache, TransportSettings, transport,
};
use connector_operator::vendors::{omf::Omf, onomondo::Onomondo};
use secrecy::SecretString;
use serde_json::json;
use url::Url;

use crate::server::{Answer, Hostile};
use crate::vendors::Subject;

/// The limit of a list here.
const LIST: usize = 8 << 20;
/// What may lie in the sockets and the client's buffers, beside what was read.
const ON_THE_WAY: u64 = 12 << 20;
/// The deadline of a call: nothing but what drips comes near it.
const PATIENCE: Duration = Duration::from_secs(30);
/// The deadline where it is what is awaited.
const IMPATIENCE: Duration = Duration::from_secs(2);
/// What people call a gigabyte.
const GIGABYTE: u64 = 1 << 30;

fn connection(endpoint: &str) -> Connection {
    // Another test may have installed it already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let settings = TransportSettings { private_addresses: true, ..TransportSettings::default() };
    Connection {
        transport: transport(&settings).expect("a transport"),
        endpoint: Url::parse(endpoint).expect("a URL"),
        list_limit: LIST,
        requests_per_minute: 60_000,
        observer: Arc::new(|_, _, _| {}),
        permits: Arc::new(|_, url| Url::parse(url).map_err(|error| error.to_string())),
        tokens: TokenCache::default(),
    }
}

/// What a list from such a vendor ends in, how much was sent of it, and how long that took.
async fn listed(answer: Answer, patience: Duration) -> (Result<usize, RemoteError>, u64, Duration) {
    let server = Hostile::serve(answer).await;
    let client = Onomondo::client(connection(&format!("http://{}", server.host())));
    Onomondo::http(&client).set_request_timeout(patience);
    let began = Instant::now();
    let listed = client.list().await.map(|rows| rows.len());
    (listed, server.sent(), began.elapsed())
}

/// The list is refused in these words, and no more of the answer was taken than a list may have.
async fn refused(answer: Answer, words: &str) -> RemoteError {
    refused_within(PATIENCE, answer, words).await
}

async fn refused_within(patience: Duration, answer: Answer, words: &str) -> RemoteError {
    let (listed, sent, took) = listed(answer, patience).await;
    let error = listed.expect_err("it is refused");
    assert!(error.to_string().contains(words), "{error} where {words:?} was expected");
    assert!(sent <= LIST as u64 + ON_THE_WAY, "{sent} bytes were taken before: {error}");
    assert!(took <= patience + Duration::from_secs(2), "{took:?} until: {error}");
    error
}

#[tokio::test]
async fn a_gigabyte_is_refused_at_the_limit() {
    let rows = Answer::repeated(
        200,
        "[",
        r#"{"name":"plant","type":"tls","options":{"host":"10.0.0.1"}},"#,
        GIGABYTE,
    );
    refused(rows, "larger than the limit of 8388608 bytes").await;
    // One text, blanks, or a member beside the list: none of them is held either.
    refused(Answer::repeated(200, "[\"", "aaaa", GIGABYTE), "more than 4194304 bytes in one place").await;
    refused(Answer::repeated(200, "[", "    ", GIGABYTE), "bytes").await;
    refused(
        Answer::repeated(200, "{\"beside\":\"", "aaaa", GIGABYTE),
        "more than 1048576 bytes in one place",
    )
    .await;
}

#[tokio::test]
async fn a_nesting_of_a_million_is_refused_and_overflows_no_stack() {
    let in_place = |head: &str, tail: &str, depth: usize| {
        format!("{head}{}{}{tail}", "[".repeat(depth), "]".repeat(depth)).into_bytes()
    };
    // Each bracket may be a value, and so many of them would take more than a list may.
    for (head, tail) in
        [("[{\"name\":\"a\",\"options\":", "}]"), ("[{\"name\":\"a\",\"unheardOf\":", "}]"), ("", "")]
    {
        let answer = Answer::Plain { status: 200, head: "", body: in_place(head, tail, 1_000_000) };
        refused(answer, "larger than the limit of 8388608 bytes").await;
    }
    // Fewer of them are no matter of memory.
    let body = in_place("[{\"name\":\"a\",\"options\":", "}]", 10_000);
    refused(Answer::Plain { status: 200, head: "", body }, "a list of another shape (its element 1").await;
    refused(Answer::repeated(200, "[", "[", GIGABYTE), "bytes in one place").await;
}

#[tokio::test]
async fn a_million_items_are_refused() {
    refused(Answer::repeated(200, "[", r#"{"name":"a"},"#, 13_000_000), "larger than the limit").await;
    // Of two bytes each, in one row: its text is within all limits.
    let zeros = format!("[{{\"name\":\"a\",\"options\":{{\"x\":[{}0]}}}}]", "0,".repeat(1_000_000));
    refused(Answer::Plain { status: 200, head: "", body: zeros.into_bytes() }, "larger than the limit").await;
}

#[tokio::test]
async fn what_is_packed_is_not_unpacked() {
    // gzip's magic, and then whatever: it was not asked for.
    let body = [&[0x1f, 0x8b, 8, 0][..], &[0; 1000]].concat();
    let packed = Answer::Plain { status: 200, head: "content-encoding: gzip\r\n", body };
    refused(packed, "something else than a JSON document").await;
}

#[tokio::test]
async fn a_head_of_megabytes_and_one_without_an_end_are_refused() {
    refused(Answer::LargeHead { bytes: 4 << 20 }, "could not be reached").await;
    refused(Answer::EndlessHead, "could not be reached").await;
}

#[tokio::test]
async fn what_drips_is_given_up_at_the_deadline() {
    let error = refused_within(IMPATIENCE, Answer::Drips { status: 200 }, "did not answer within 2s").await;
    assert_eq!(error.disposition(), Disposition::Retry);
}

#[tokio::test]
async fn a_body_of_another_length_than_it_says_is_no_list() {
    refused(Answer::Lies { status: 200, says: 1000, body: r#"[{"name":"a"}]"# }, "could not be reached")
        .await;
    refused(Answer::Lies { status: 200, says: 7, body: r#"[{"name":"a"}]"# }, "cut").await;
    refused(Answer::Lies { status: 200, says: u64::MAX, body: "[]" }, "could not be reached").await;
}

/// A refusal is a refusal, however large the page is that comes with it.
#[tokio::test]
async fn a_large_body_does_not_hide_the_status_that_it_came_with() {
    for (status, disposition) in
        [(401, Disposition::Misconfigured), (503, Disposition::Retry), (404, Disposition::WaitForChange)]
    {
        let error =
            refused(Answer::repeated(status, "", "<p>no</p>", GIGABYTE), &format!("answered {status}")).await;
        assert_eq!(error.disposition(), disposition, "{error}");
        assert_eq!(error.status().map(|status| status.as_u16()), Some(status));
    }
    let error = refused(Answer::repeated(429, "", "<p>no</p>", GIGABYTE), "answered 429").await;
    assert!(matches!(error.disposition(), Disposition::RetryAfter(_)), "{error}");
}

#[tokio::test]
async fn a_body_that_cannot_be_read_to_its_end_does_not_hide_the_status_either() {
    refused(Answer::Lies { status: 401, says: 1000, body: "{" }, "answered 401").await;
}

/// What comes for a token is an answer like any other: none of it becomes a token, or is held.
#[tokio::test]
async fn a_token_endpoint_that_means_ill_gives_no_token() {
    let nested = format!("{{\"expires_in\":{}", "[".repeat(1_000_000)).into_bytes();
    for (answer, words) in [
        (Answer::repeated(200, "{\"access_token\":\"", "aaaa", GIGABYTE), "more than 1048576 bytes"),
        (
            Answer::Plain { status: 200, head: "", body: nested[..900_000].to_vec() },
            "JSON that is cut or of another shape",
        ),
        (Answer::Drips { status: 200 }, "did not answer within"),
        (Answer::EndlessHead, "could not be reached"),
        (Answer::Lies { status: 200, says: 100, body: "{\"access_token\":\"abc\"}" }, "could not be reached"),
        (Answer::repeated(400, "", "<p>no</p>", GIGABYTE), "answered 400"),
        (Answer::repeated(503, "", "<p>no</p>", GIGABYTE), "answered 503"),
    ] {
        let server = Hostile::serve(answer).await;
        let token_url = format!("http://{}/token", server.host());
        let account = json!({
            "endpoint": "http://127.0.0.1:9", "tenantId": "t", "namespaceId": "n",
            "clientCredentials": {"secretRef": {"name": "client"}, "tokenUrl": token_url},
        });
        let account = serde_json::from_value(account).expect("an account");
        let credential = [SecretString::from("client-7"), SecretString::from("c4nary-9f8e7d6c5b4a3210")];
        let client = Omf::connect(&account, &credential, connection("http://127.0.0.1:9")).expect("a client");
        let is_endless = matches!(words, "did not answer within");
        Omf::http(&client).set_request_timeout(if is_endless { IMPATIENCE } else { PATIENCE });
        let error = client.list().await.expect_err("no token").to_string();
        assert!(error.starts_with("no access token could be had from the token endpoint: "), "{error}");
        assert!(error.contains(words), "{error} where {words:?} was expected");
        assert!(server.sent() <= ON_THE_WAY + (1 << 20), "{} bytes were taken", server.sent());
        assert_eq!(server.requests(), 1, "{error}");
    }
}

/// The answer to a write: too large a one says nothing of the credential.
#[tokio::test]
async fn an_answer_to_a_write_that_is_too_large_is_a_doubt_and_no_matter_of_permission() {
    let server = Hostile::serve(Answer::repeated(200, "{\"name\":\"", "aaaa", GIGABYTE)).await;
    let client = Onomondo::client(connection(&format!("http://{}", server.host())));
    let spec = crate::vendors::onomondo_spec();
    let (withheld, secrets) = (Withheld::new(), SecretValues::new());
    let desired = connector_operator::engine::vendor::Desired {
        object_name: "plant-a",
        spec: &spec,
        withheld: &withheld,
        secrets: &secrets,
    };
    let error = Onomondo::create(&client, &desired).await.expect_err("a gigabyte");
    assert_eq!(error.to_string(), "the vendor answered 200 OK with more than 1048576 bytes");
    assert!(error.may_have_applied());
    assert_eq!(error.disposition(), Disposition::Retry);
    assert!(server.sent() <= ON_THE_WAY, "{} bytes were taken", server.sent());
}
