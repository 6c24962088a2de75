//! Every decoder of what comes from outside, run as the operator runs it, and what has to hold of each whatever it is given.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::time::Duration;

use bytes::Bytes;
use connector_operator::api::{AponoConnectorSpec, OmfConnectionSpec, OnomondoConnectorSpec};
use connector_operator::engine::claims::Claim;
use connector_operator::engine::fingerprint::{FingerprintKey, KEY_LENGTH};
use connector_operator::engine::vendor::{Desired, SecretValues, Updated, Vendor, Withheld};
use connector_operator::remote::{Entry, RemoteError, RemoteItem, Snapshot, Source, overlaps};
use connector_operator::vendors::{apono::Apono, omf::Omf, onomondo::Onomondo};
use secrecy::SecretString;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::Instant;

use crate::canned::{Answer, IDENTITY, SECRET, connection};
use crate::vendors::{Subject, apono_spec, omf_by_tokens, omf_spec, onomondo_spec};

/// What became of an input.
#[derive(Debug, PartialEq)]
pub(crate) struct Outcome {
    /// Whether it was understood.
    pub(crate) decoded: bool,
    /// What it was understood as, or what was said of it.
    pub(crate) result: String,
}

/// One decoder; its corpus is the folder of its name.
pub(crate) struct Decoder {
    pub(crate) name: &'static str,
    /// Decodes the input, which comes in pieces of these sizes where it comes from the network.
    pub(crate) run: fn(&[u8], &[usize]) -> Outcome,
    /// Inputs that are made and not kept in the corpus.
    pub(crate) made: fn() -> Vec<Vec<u8>>,
}

const fn decoder(name: &'static str, run: fn(&[u8], &[usize]) -> Outcome) -> Decoder {
    Decoder { name, run, made: Vec::new }
}

pub(crate) const DECODERS: &[Decoder] = &[
    decoder("onomondo-list", |body, pieces| list::<Onomondo>(body, pieces, None)),
    decoder("onomondo-answer", onomondo_answer),
    decoder("onomondo-error", |body, pieces| refused::<Onomondo>(body, pieces, 422)),
    decoder("onomondo-sims", onomondo_sims),
    decoder("apono-list", |body, pieces| list::<Apono>(body, pieces, Some("items"))),
    decoder("apono-older-list", apono_older_list),
    decoder("apono-answer", apono_answer),
    decoder("apono-error", |body, pieces| refused::<Apono>(body, pieces, 401)),
    decoder("omf-list", |body, pieces| list::<Omf>(body, pieces, Some("Results"))),
    decoder("omf-answer", omf_answer),
    decoder("omf-error", |body, pieces| refused::<Omf>(body, pieces, 409)),
    decoder("token", token),
    decoder("token-error", token_error),
    decoder("discovery", discovery),
    decoder("headers", headers),
    Decoder { name: "pem", run: pem, made: pairs },
    Decoder { name: "claim", run: claim, made: claims },
    decoder("spec-onomondo", |body, _| spec::<OnomondoConnectorSpec>(body)),
    decoder("spec-apono", |body, _| spec::<AponoConnectorSpec>(body)),
    decoder("spec-omf", |body, _| spec::<OmfConnectionSpec>(body)),
];

static NOTHING: Withheld = Withheld::new();

/// Runs something in which waiting takes no time.
pub(crate) fn in_paused_time<T>(what: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime").block_on(what)
}

/// Fails where a text that people will read is too long, has what is not seen, or tells of a secret.
fn is_fit_to_be_read(text: &str) {
    assert!(text.len() <= 2000, "{} bytes are too many for a condition: {text}", text.len());
    let unseen = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert!(!text.contains(unseen), "what is not seen is in {text:?}");
    assert!(!overlaps(SECRET, text), "it tells of a secret: {text}");
}

fn judged<T: Debug>(result: Result<T, RemoteError>) -> Outcome {
    match result {
        Ok(decoded) => Outcome { decoded: true, result: format!("{decoded:?}") },
        Err(error) => {
            is_fit_to_be_read(&error.to_string());
            Outcome { decoded: false, result: error.to_string() }
        }
    }
}

/// A refusal is understood where the vendor's own words, or its reference, are in what is said.
fn judged_refusal(result: Result<impl Debug, RemoteError>) -> Outcome {
    let said = result.expect_err("a refusal").to_string();
    is_fit_to_be_read(&said);
    Outcome { decoded: said.contains('('), result: said }
}

fn is_same_again<T: Serialize + DeserializeOwned>(value: &T) {
    let written = serde_json::to_value(value).expect("it can be written");
    let read: T = serde_json::from_value(written.clone()).expect("what was written is read");
    assert_eq!(serde_json::to_value(&read).expect("it can be written"), written);
}

/// What holds of every object that was read.
fn is_coherent<V: Vendor>(item: &V::Item) {
    let shown = V::remote(item, None);
    is_same_again(&shown);
    is_same_again(&V::remote(item, Some(&shown)));
    let size = serde_json::to_vec(&shown).expect("JSON").len();
    assert!(size <= 256 * 1024, "{size} bytes of status");
    assert_eq!(item.digest(), item.digest());
    drop((item.exclusive(), item.in_flight(), V::phase(item), V::secrets(item)));
    assert!(V::describe_phase(item).len() <= 2000);
    drop(V::conditions(item));
}

fn list<V: Subject>(body: &[u8], pieces: &[usize], member: Option<&str>) -> Outcome
where
    V::Item: Debug,
{
    let answer = Answer::new(200, body);
    let client = V::client(connection(pieces, move |request| match request.uri().query() {
        Some(query) if query.contains("page_token") => Answer::new(200, b"{\"items\":[]}"),
        _ => answer.clone(),
    }));
    let listed = in_paused_time(client.list());
    if let Ok(rows) = &listed {
        is_whole::<V>(rows, body, member);
        rows.iter().for_each(is_coherent::<V>);
    }
    judged(listed)
}

/// What `serde_json` makes of what was read as a list; nothing where it is nested too deep for that, in a member that nobody reads.
fn reference(body: &[u8]) -> Option<Value> {
    match serde_json::from_slice(body) {
        Err(error) if error.to_string().starts_with("recursion limit") => None,
        read => Some(read.expect("what was read as a list is JSON")),
    }
}

/// A row that is not understood makes a list fail: it never leaves a shorter one, since what is not listed is taken for gone.
fn is_whole<V: Vendor>(rows: &[V::Item], body: &[u8], member: Option<&str>) {
    let Some(whole) = reference(body) else { return };
    let list = if whole.is_array() { &whole } else { &whole[member.unwrap_or_default()] };
    let there = list.as_array().map_or(0, Vec::len);
    if V::NAME == Apono::NAME {
        // What is listed twice, on whichever page, is one connector.
        let ids = list.as_array().into_iter().flatten();
        let ids: BTreeSet<&str> =
            ids.filter_map(|row| row.get("id").or(row.get("connector_id"))?.as_str()).collect();
        let found: BTreeSet<String> = rows.iter().map(|row| row.identity().to_string()).collect();
        assert!(ids.iter().all(|id| found.contains(*id)), "{found:?} of {ids:?}");
    } else {
        assert_eq!(rows.len(), there, "of {there} rows");
    }
}

fn desired<'a, S>(spec: &'a S, secrets: &'a SecretValues) -> Desired<'a, S> {
    Desired { object_name: "plant-a", spec, withheld: &NOTHING, secrets }
}

fn secret_values() -> SecretValues {
    [("key", SecretString::from(SECRET))].into()
}

fn onomondo_answer(body: &[u8], pieces: &[usize]) -> Outcome {
    let answer = Answer::new(200, body);
    let client = Onomondo::client(connection(pieces, move |_| answer.clone()));
    let (spec, secrets) = (onomondo_spec(), secret_values());
    let created = in_paused_time(Onomondo::create(&client, &desired(&spec, &secrets)));
    created.iter().for_each(is_coherent::<Onomondo>);
    judged(created)
}

fn omf_answer(body: &[u8], pieces: &[usize]) -> Outcome {
    let answer = Answer::new(202, body);
    let client = Omf::client(connection(pieces, move |_| answer.clone()));
    let (spec, secrets) = (omf_spec(), SecretValues::new());
    let created = in_paused_time(Omf::create(&client, &desired(&spec, &secrets)));
    created.iter().for_each(is_coherent::<Omf>);
    judged(created)
}

/// The object of a snapshot of one.
pub(crate) fn entry<I: RemoteItem>(item: I) -> Entry<I> {
    let mut snapshot = Snapshot::new(Duration::ZERO);
    let identity = item.identity();
    let ticket = snapshot.begin_list(Instant::now());
    snapshot.apply(ticket, vec![item]);
    snapshot.get(identity.as_str()).expect("it is listed").clone()
}

fn apono_answer(body: &[u8], pieces: &[usize]) -> Outcome {
    let answer = Answer::new(200, body);
    let client = Apono::client(connection(pieces, move |_| answer.clone()));
    let spec = apono_spec();
    let before = serde_json::from_value(serde_json::json!({"id": "c-1", "name": "before"}));
    let updated = in_paused_time(async {
        let entry = entry(before.expect("a connector"));
        let secrets = SecretValues::new();
        let changes = Apono::changes(&spec, "plant-a", &NOTHING, &entry.item);
        Apono::update(&client, &entry, &desired(&spec, &secrets), &changes).await
    });
    if let Ok(Updated::Written(item) | Updated::Found(item)) = &updated {
        is_coherent::<Apono>(item);
    }
    judged(updated)
}

fn apono_older_list(body: &[u8], pieces: &[usize]) -> Outcome {
    let answer = Answer::new(200, body);
    let client = Apono::client(connection(pieces, move |request| match request.uri().path() {
        "/api/v2/connectors" => answer.clone(),
        _ => Answer::new(404, b"{}"),
    }));
    let listed = in_paused_time(client.list());
    if let Ok(rows) = &listed {
        if let Some(whole) = reference(body) {
            assert_eq!(whole.as_array().map(Vec::len), Some(rows.len()));
        }
        rows.iter().for_each(is_coherent::<Apono>);
    }
    judged(listed)
}

fn refused<V: Subject>(body: &[u8], pieces: &[usize], status: u16) -> Outcome
where
    V::Item: Debug,
{
    let answer = Answer::new(status, body);
    let client = V::client(connection(pieces, move |_| answer.clone()));
    let specs: Vec<V::ConnectorSpec> =
        V::specs().into_iter().map(|spec| serde_json::from_value(spec).expect("a spec")).collect();
    let secrets = secret_values();
    let written = in_paused_time(async {
        // There is no create at Apono.
        if V::NAME == Apono::NAME {
            return client.list().await.map(drop);
        }
        V::create(&client, &desired(&specs[0], &secrets)).await.map(drop)
    });
    judged_refusal(written)
}

fn onomondo_sims(body: &[u8], pieces: &[usize]) -> Outcome {
    let answer = Answer::new(200, body);
    let client = Onomondo::client(connection(pieces, move |_| answer.clone()));
    let why = in_paused_time(Onomondo::why_not_deleted(&client, &"plant-a".into()));
    if let Some(why) = &why {
        is_fit_to_be_read(why);
    }
    Outcome { decoded: why.is_some(), result: format!("{why:?}") }
}

fn token(body: &[u8], pieces: &[usize]) -> Outcome {
    let answer = Answer::new(200, body);
    let connection = connection(pieces, move |request| match request.uri().to_string().as_str() {
        IDENTITY => answer.clone(),
        _ => Answer::new(200, b"[]"),
    });
    judged(in_paused_time(async { omf_by_tokens(connection, true).list().await }))
}

fn token_error(body: &[u8], pieces: &[usize]) -> Outcome {
    let answer = Answer::new(400, body);
    let connection = connection(pieces, move |_| answer.clone());
    judged_refusal(in_paused_time(async { omf_by_tokens(connection, true).list().await }))
}

fn discovery(body: &[u8], pieces: &[usize]) -> Outcome {
    let answer = Answer::new(200, body);
    let connection = connection(pieces, move |request| match request.uri().to_string().as_str() {
        IDENTITY => Answer::new(200, br#"{"access_token": "abc"}"#),
        "https://vendor.example/identity/.well-known/openid-configuration" => answer.clone(),
        url => {
            assert!(url.starts_with("https://vendor.example/api/"), "{url} was called");
            Answer::new(200, b"[]")
        }
    });
    judged(in_paused_time(async { omf_by_tokens(connection, false).list().await }))
}

/// A 429 with these headers: one a line. It is understood where it asks for another time than the one that is taken where nothing is said.
fn headers(lines: &[u8], pieces: &[usize]) -> Outcome {
    let lines = lines.split(|byte| *byte == b'\n').filter_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = (String::from_utf8(line[..colon].to_vec()).ok()?, line[colon + 1..].trim_ascii());
        Some((name, Bytes::copy_from_slice(value)))
    });
    let answer = Answer::new(429, b"{}").with_headers(lines);
    let client = Onomondo::client(connection(pieces, move |_| answer.clone()));
    in_paused_time(async {
        let error = client.list().await.expect_err("a 429");
        is_fit_to_be_read(&error.to_string());
        let now = Instant::now();
        let held = Onomondo::http(&client)
            .budget()
            .lock()
            .held_until(now)
            .map_or(Duration::ZERO, |until| until - now);
        assert!(held <= Duration::from_mins(30), "the account is held for {held:?}");
        Outcome { decoded: held != Duration::from_mins(1), result: error.to_string() }
    })
}

fn pem(text: &[u8], _: &[usize]) -> Outcome {
    let text = String::from_utf8_lossy(text).into_owned();
    let spec = onomondo_spec();
    let secrets: SecretValues =
        [("key", SecretString::from(text.as_str())), ("cert", SecretString::from(text.as_str()))].into();
    let findings = Onomondo::examine(&desired(&spec, &secrets));
    let said = findings.mismatch.iter().map(|(_, message)| message).chain(&findings.warnings);
    for said in said {
        is_fit_to_be_read(said);
        let lines = text.lines().filter(|line| line.len() >= 16 && !line.contains("PRIVATE KEY"));
        lines.for_each(|line| assert!(!said.contains(line), "{said} repeats {line}"));
    }
    Outcome { decoded: findings.warnings.is_empty(), result: format!("{findings:?}") }
}

/// A key and its certificate in one file.
fn pairs() -> Vec<Vec<u8>> {
    let certified = rcgen::generate_simple_self_signed(["plant-a".to_owned()]).expect("a certificate");
    vec![format!("{}{}", certified.signing_key.serialize_pem(), certified.cert.pem()).into_bytes()]
}

fn fingerprint_key() -> FingerprintKey {
    FingerprintKey::new(&[1; KEY_LENGTH])
}

fn claim(annotation: &[u8], _: &[usize]) -> Outcome {
    let annotation = String::from_utf8_lossy(annotation);
    let claim = Claim::read(&fingerprint_key(), "uid-1", &annotation);
    if let Some(claim) = &claim {
        let again = Claim::read(&fingerprint_key(), "uid-1", &claim.annotation());
        assert_eq!(again.as_ref(), Some(claim));
        assert_eq!((claim.scope.as_str(), claim.name.as_str()), ("api.example", "plant-a"), "it was forged");
    }
    Outcome { decoded: claim.is_some(), result: format!("{claim:?}") }
}

fn claims() -> Vec<Vec<u8>> {
    vec![Claim::new(&fingerprint_key(), "uid-1", "api.example", "plant-a").annotation().into_bytes()]
}

fn spec<S: Serialize + DeserializeOwned>(body: &[u8]) -> Outcome {
    match serde_json::from_slice::<S>(body) {
        Ok(spec) => {
            is_same_again(&spec);
            Outcome { decoded: true, result: serde_json::to_string(&spec).expect("JSON") }
        }
        Err(error) => Outcome { decoded: false, result: error.to_string() },
    }
}
