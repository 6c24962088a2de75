//! Everything that the Data Hub keeps: clients, their tokens, and namespaces with their connections.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tokio::time::{Duration, Instant};

use super::route::Scope;
use super::store::Store;
use crate::emulator::{DEFAULT_OMF_CLIENT, DEFAULT_OMF_SCOPE, DEFAULT_OMF_TOKEN, DEFAULT_ORGANISATION};

/// The most tokens that are kept; the oldest of the issued go first.
const MOST_TOKENS: usize = 10_000;
/// The client of a fixed token that names none.
const FIXED: &str = "fixed-token";

#[derive(Debug, Default)]
pub(super) struct DataHub {
    pub(super) clients: Vec<OauthClient>,
    pub(super) tokens: Vec<Token>,
    pub(super) namespaces: Vec<Namespace>,
    /// What discovery names as the token endpoint, where that is not the emulator's own.
    pub(super) token_endpoint: Option<String>,
    /// By client.
    pub(super) usage: BTreeMap<String, Usage>,
}

/// A client and what it may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OauthClient {
    #[serde(rename = "client_id")]
    pub(super) id: String,
    #[serde(rename = "client_secret")]
    pub(super) secret: String,
    pub(super) tenant: String,
    #[serde(default)]
    pub(super) access: Access,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) text: String,
    pub(super) client: String,
    pub(super) tenant: String,
    pub(super) access: Access,
    /// None: a fixed token, which is valid until the controls take it away.
    pub(super) expires: Option<Instant>,
}

/// What a client may do to connections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Access {
    #[default]
    Full,
    Read,
    None,
}

#[derive(Debug)]
pub(super) struct Namespace {
    pub(super) scope: Scope,
    pub(super) connections: Store,
}

/// The TCP connections on which a client's tokens were seen.
#[derive(Debug, Default)]
pub(super) struct Usage {
    pub(super) open: BTreeSet<u64>,
    /// The most at a time.
    pub(super) most: usize,
}

impl DataHub {
    /// What these credentials say: `ID:SECRET` is a client, a text without a colon a fixed token; both belong to
    /// `TENANT/NAMESPACE`. Without credentials there is one of each.
    pub(super) fn new(credentials: Vec<(String, String)>) -> Self {
        let default = [DEFAULT_OMF_CLIENT, DEFAULT_OMF_TOKEN]
            .map(|text| (text.to_owned(), DEFAULT_ORGANISATION.to_owned()));
        let credentials = if credentials.is_empty() { default.to_vec() } else { credentials };
        let mut hub = Self::default();
        for (text, organisation) in credentials {
            let tenant = hub.namespace(&Scope::of(&organisation)).scope.tenant.clone();
            match text.split_once(':') {
                Some((id, secret)) => hub.clients.push(OauthClient {
                    id: id.to_owned(),
                    secret: secret.to_owned(),
                    tenant,
                    access: Access::Full,
                }),
                None => hub.tokens.push(Token::fixed(text, tenant)),
            }
        }
        hub
    }

    /// The namespace, made where there is none.
    pub(super) fn namespace(&mut self, scope: &Scope) -> &mut Namespace {
        let at =
            self.namespaces.iter().position(|namespace| namespace.scope.is(scope)).unwrap_or_else(|| {
                self.namespaces.push(Namespace { scope: scope.clone(), connections: Store::default() });
                self.namespaces.len() - 1
            });
        &mut self.namespaces[at]
    }

    /// Whether anything belongs to this tenant.
    pub(super) fn knows_tenant(&self, tenant: &str) -> bool {
        let is = |other: &str| other.eq_ignore_ascii_case(tenant);
        self.namespaces.iter().any(|namespace| is(&namespace.scope.tenant))
            || self.clients.iter().any(|client| is(&client.tenant))
    }

    /// The token of this text, where it has not expired.
    pub(super) fn token(&self, text: &str, now: Instant) -> Option<&Token> {
        self.tokens.iter().find(|token| token.text == text && token.is_alive(now))
    }

    /// What this token may do: what its client may do now, where that still exists.
    pub(super) fn access_of(&self, token: &Token) -> Access {
        let client = self.clients.iter().find(|client| client.id == token.client);
        client.map_or(token.access, |client| client.access)
    }

    /// Gives this client a token.
    pub(super) fn issue(&mut self, text: String, client: &OauthClient, lives: Duration, now: Instant) {
        self.tokens.retain(|token| token.is_alive(now));
        if self.tokens.len() >= MOST_TOKENS
            && let Some(oldest) = self.tokens.iter().position(|token| token.expires.is_some())
        {
            self.tokens.remove(oldest);
        }
        self.tokens.push(Token {
            text,
            client: client.id.clone(),
            tenant: client.tenant.clone(),
            access: client.access,
            expires: Some(now + lives),
        });
    }

    /// Takes back what was issued to this client, or to every one. Fixed tokens stay.
    pub(super) fn revoke(&mut self, client: Option<&str>) {
        self.tokens
            .retain(|token| token.expires.is_none() || client.is_some_and(|client| token.client != client));
    }
}

impl Token {
    fn fixed(text: String, tenant: String) -> Self {
        Self { text, client: FIXED.to_owned(), tenant, access: Access::Full, expires: None }
    }

    pub(super) fn is_alive(&self, now: Instant) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }
}

impl Scope {
    /// `TENANT/NAMESPACE`, of which the default organisation stands for one. The namespace may be left out.
    fn of(organisation: &str) -> Self {
        let text = if organisation == DEFAULT_ORGANISATION { DEFAULT_OMF_SCOPE } else { organisation };
        let (tenant, namespace) = text.split_once('/').unwrap_or((text, DEFAULT_ORGANISATION));
        Self { tenant: tenant.to_owned(), namespace: namespace.to_owned() }
    }

    /// Without case, as in every part of a path.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.tenant.eq_ignore_ascii_case(&other.tenant)
            && self.namespace.eq_ignore_ascii_case(&other.namespace)
    }
}

/// The name of a fixed token's client, for documents that name none.
pub(super) fn fixed_client() -> String {
    FIXED.to_owned()
}
