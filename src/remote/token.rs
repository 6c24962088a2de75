//! Access tokens: kept for the whole process, fetched once however many ask, and fetched anew before they end.
//!
//! They are found by where they are fetched, the client's id and a keyed hash of its secret: whoever knows only an id is given nobody's token. A
//! token never leaves this program but in the `Authorization` header of a call, and is in no error and no `Debug`.

use super::authorization::{Credential, Places, credential_of, overlaps};
use super::call::beneath;
use super::client::Connection;
use super::errors::{Disposition, RemoteError};
use super::oauth::{Granted, OauthClient, Road};
use futures::FutureExt;
use futures::future::{BoxFuture, Shared, WeakShared};
use http::HeaderValue;
use ring::hmac;
use ring::rand::SystemRandom;
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::time::{Instant, timeout};
use url::Url;

#[cfg(test)]
mod tests;

/// The part of its life after which a token is fetched anew, in hundredths; the old one serves meanwhile.
const REFRESHED_AT: u32 = 80;
/// How long a failure stands for all who ask, so that they do not all ask the token endpoint in turn.
const FAILURE_STANDS: Duration = Duration::from_secs(5);
/// The longest that a failure stands, whatever the token endpoint asks for.
const FAILURE_STANDS_AT_MOST: Duration = Duration::from_mins(30);

/// Where tokens are fetched.
#[derive(Debug, Clone, Copy)]
pub enum TokenEndpoint<'a> {
    /// At `url`, which a person wrote into `field`.
    Given {
        /// The field's path, for a message.
        field: &'a str,
        /// What it holds.
        url: &'a str,
    },
    /// Where the discovery document at this path beneath the account's endpoint says.
    Discovered(&'a [&'a str]),
}

/// An OAuth client, and where it fetches its tokens (RFC 6749, 4.4).
pub struct ClientCredentials<'a> {
    /// Where.
    pub endpoint: TokenEndpoint<'a>,
    /// The client's id.
    pub id: &'a str,
    /// The client's secret.
    pub secret: &'a SecretString,
}

/// The token sources of a process. Clones share them.
#[derive(Clone, Default)]
pub struct TokenCache(Arc<Mutex<Sources>>);

#[derive(Default)]
struct Sources {
    /// Made when it is first needed, and never kept.
    key: Option<hmac::Key>,
    /// A source lives as long as a client uses it.
    sources: BTreeMap<Vec<u8>, Weak<TokenSource>>,
}

impl fmt::Debug for TokenCache {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TokenCache")
    }
}

impl TokenCache {
    /// The source of a client's tokens, shared with all who have the same credentials.
    ///
    /// # Errors
    /// The given URL is none that the administrator allows; or this system has no randomness.
    pub fn source(
        &self,
        connection: &Connection,
        client: &ClientCredentials<'_>,
    ) -> Result<Arc<TokenSource>, String> {
        let place = match client.endpoint {
            TokenEndpoint::Given { field, url } => Place::Given((connection.permits)(field, url)?),
            TokenEndpoint::Discovered(path) => {
                let document = Url::parse(&beneath(&connection.endpoint, path));
                Place::Discovered(document.map_err(|_| "the discovery document has no URL".to_owned())?)
            }
        };
        let mut sources = lock(&self.0);
        let name = sources.name(&place, client)?;
        if let Some(known) = sources.sources.get(&name).and_then(Weak::upgrade) {
            return Ok(known);
        }
        let client = OauthClient { id: client.id.to_owned(), secret: client.secret.clone() };
        let source =
            Arc::new(TokenSource { place, client, places: Places::default(), state: Mutex::default() });
        sources.sources.retain(|_, source| source.strong_count() > 0);
        sources.sources.insert(name, Arc::downgrade(&source));
        Ok(source)
    }
}

impl Sources {
    fn name(&mut self, place: &Place, client: &ClientCredentials<'_>) -> Result<Vec<u8>, String> {
        let key = match self.key.take() {
            Some(key) => key,
            None => hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
                .map_err(|_| "this system has no randomness".to_owned())?,
        };
        let (kind, url) = match place {
            Place::Given(url) => ("given", url),
            Place::Discovered(url) => ("discovered", url),
        };
        let mut context = hmac::Context::with_key(&key);
        for part in [kind, url.as_str(), client.id, client.secret.expose_secret()] {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        self.key = Some(key);
        Ok(context.sign().as_ref().to_vec())
    }
}

/// Where a client's tokens come from, and the one that it has.
pub struct TokenSource {
    place: Place,
    client: OauthClient,
    places: Places,
    state: Mutex<State>,
}

enum Place {
    Given(Url),
    Discovered(Url),
}

type Pending = BoxFuture<'static, Result<Token, RemoteError>>;

#[derive(Default)]
struct State {
    token: Option<Token>,
    /// The one before it: a call that was sent with it may still be under way, and the vendor may repeat it.
    former: Option<Token>,
    /// What the discovery document said.
    discovered: Option<Url>,
    /// The last failure, and until when it stands.
    failed: Option<(Instant, RemoteError)>,
    /// The fetch that is under way. Only those who wait for it keep it alive, and the task that drives it.
    fetching: Option<WeakShared<Pending>>,
    fetched: u64,
}

/// One access token.
#[derive(Clone)]
pub(super) struct Token {
    header: HeaderValue,
    number: u64,
    refresh_at: Instant,
    expires_at: Instant,
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TokenSource")
    }
}

impl TokenSource {
    /// Where the client's calls find their place, whichever account they are for.
    pub(super) fn places(&self) -> &Places {
        &self.places
    }

    /// The token of one call: the one at hand, or a new one within `patience`.
    pub(super) async fn credential(
        self: &Arc<Self>,
        connection: &Connection,
        patience: Duration,
    ) -> Result<Credential, RemoteError> {
        let fetch = {
            let mut state = lock(&self.state);
            let now = Instant::now();
            let failure =
                state.failed.as_ref().filter(|(until, _)| now < *until).map(|(_, error)| error.clone());
            let token = state.token.clone().filter(|token| now < token.expires_at);
            match (token, failure) {
                (Some(token), failure) => {
                    if now >= token.refresh_at && failure.is_none() {
                        // The task drives it; this call does not wait.
                        drop(self.begin(&mut state, connection, patience));
                    }
                    return Ok(Credential { header: token.header.clone(), cached: Some(token) });
                }
                (None, Some(failure)) => return Err(failure),
                (None, None) => self.begin(&mut state, connection, patience),
            }
        };
        let token = timeout(patience, fetch)
            .await
            .unwrap_or_else(|_| Err(no_token("token endpoint", RemoteError::Timeout(patience))))?;
        Ok(Credential { header: token.header, cached: None })
    }

    /// Whether a text may tell of the client's secret or of its token.
    pub(super) fn is_repeated_in(&self, text: &str) -> bool {
        let state = lock(&self.state);
        let mut headers = [&state.token, &state.former]
            .into_iter()
            .flatten()
            .filter_map(|token| token.header.to_str().ok());
        overlaps(self.client.secret.expose_secret(), text)
            || headers.any(|header| overlaps(credential_of(header), text))
    }

    /// Sees that `token` is not used again; a newer one stays.
    pub(super) fn forget(&self, token: &Token) {
        let mut state = lock(&self.state);
        if state.token.as_ref().is_some_and(|known| known.number == token.number) {
            state.former = state.token.take();
        }
    }

    /// Begins to fetch a token, where nobody has. It is a task of its own: who waits for it may go away, and it still ends for the others.
    fn begin(
        self: &Arc<Self>,
        state: &mut State,
        connection: &Connection,
        patience: Duration,
    ) -> Shared<Pending> {
        if let Some(fetch) = state.fetching.as_ref().and_then(WeakShared::upgrade) {
            return fetch;
        }
        let (source, connection) = (self.clone(), connection.clone());
        let fetch = async move { source.fetch(&connection, patience).await }.boxed().shared();
        state.fetching = fetch.downgrade();
        tokio::spawn(fetch.clone());
        fetch
    }

    async fn fetch(&self, connection: &Connection, patience: Duration) -> Result<Token, RemoteError> {
        let began = Instant::now();
        let road = Road { connection, places: &self.places, patience, deadline: began + patience };
        let result = self.obtain(&road).await;
        let now = Instant::now();
        let mut state = lock(&self.state);
        state.fetching = None;
        match result {
            Ok(granted) => {
                state.fetched += 1;
                let token = Token {
                    header: granted.header,
                    number: state.fetched,
                    refresh_at: began + granted.life * REFRESHED_AT / 100,
                    expires_at: began + granted.life,
                };
                if let Some(former) = state.token.replace(token.clone()) {
                    state.former = Some(former);
                }
                state.failed = None;
                Ok(token)
            }
            Err(error) => {
                let stands = match error.disposition() {
                    Disposition::RetryAfter(wait) => wait.clamp(FAILURE_STANDS, FAILURE_STANDS_AT_MOST),
                    _ => FAILURE_STANDS,
                };
                state.failed = Some((now + stands, error.clone()));
                // What it says may have changed.
                state.discovered = None;
                Err(error)
            }
        }
    }

    async fn obtain(&self, road: &Road<'_>) -> Result<Granted, RemoteError> {
        let endpoint = self.endpoint(road).await.map_err(|error| no_token("discovery document", error))?;
        road.fetch(&endpoint, &self.client).await.map_err(|error| no_token("token endpoint", error))
    }

    async fn endpoint(&self, road: &Road<'_>) -> Result<Url, RemoteError> {
        let document = match &self.place {
            Place::Given(url) => return Ok(url.clone()),
            Place::Discovered(document) => document,
        };
        let known = lock(&self.state).discovered.clone();
        if let Some(known) = known {
            return Ok(known);
        }
        let found = road.discover(document).await?;
        lock(&self.state).discovered = Some(found.clone());
        Ok(found)
    }
}

/// The failure of a call for which no token could be had. What may not be called is said as it is.
fn no_token(from: &'static str, cause: RemoteError) -> RemoteError {
    match cause {
        RemoteError::NotPermitted(_) => cause,
        cause => RemoteError::Token { from, cause: Box::new(cause) },
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
