//! Everything that Apono keeps: organisations, their tokens, connectors and integrations; and the agents, which are not
//! Apono's but run at its customers.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::store::Store;
use crate::emulator::rate_limit::Budget;
use crate::emulator::{DEFAULT_APONO_TOKEN, DEFAULT_ORGANISATION};

#[derive(Debug, Default)]
pub(super) struct Aponos {
    pub(super) organisations: BTreeMap<String, Organisation>,
    pub(super) tokens: Vec<Token>,
}

#[derive(Debug, Default)]
pub(super) struct Organisation {
    /// How many organisations there were before it.
    pub(super) place: usize,
    pub(super) connectors: Store,
    pub(super) agents: BTreeMap<String, Agent>,
    pub(super) integrations: BTreeMap<String, Map<String, Value>>,
    pub(super) budget: Budget,
}

/// A token and what it may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Token {
    #[serde(rename = "token")]
    pub(super) text: String,
    pub(super) organisation: String,
    /// Whether every write is refused with 403.
    #[serde(default)]
    pub(super) read_only: bool,
}

/// A connector as the vendor keeps it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Connector {
    /// Counts up as connectors register; never shown.
    pub(super) place: u64,
    pub(super) id: String,
    pub(super) name: String,
    /// In capitals.
    pub(super) status: String,
    pub(super) version: String,
    pub(super) is_latest_version: bool,
    pub(super) cloud_provider_type: String,
    pub(super) last_connected: Option<Timestamp>,
    pub(super) sessions: Vec<Session>,
    /// Fields that no document names, put there through the control API.
    pub(super) further: Map<String, Value>,
}

/// One agent's connection, as the connector shows it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Session {
    pub(super) id: String,
    pub(super) last_connected_time: Timestamp,
    pub(super) connector_version: Option<String>,
    pub(super) cloud_provider_metadata: Map<String, Value>,
}

/// An agent that somebody installed.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Agent {
    pub(super) id: String,
    /// The id that it was installed with.
    pub(super) connector_id: String,
    /// The name that it registers its connector with.
    pub(super) name: String,
    pub(super) version: String,
    pub(super) is_latest_version: bool,
    pub(super) cloud_provider_type: String,
    /// Of where it runs.
    pub(super) metadata: Map<String, Value>,
    /// Whether it has registered since it was installed.
    pub(super) registered: bool,
    /// The session that it believes to have; none: it is disconnected.
    pub(super) session: Option<String>,
    /// When it last said that it is there.
    #[serde(skip)]
    pub(super) last_heartbeat: Instant,
}

/// The word for a connector with a session.
pub(super) const CONNECTED: &str = "CONNECTED";
/// The word for a connector without one.
pub(super) const DISCONNECTED: &str = "DISCONNECTED";

impl Aponos {
    /// One organisation for each that `tokens` names; without tokens the default one.
    pub(super) fn new(mut tokens: Vec<(String, String)>) -> Self {
        if tokens.is_empty() {
            tokens.push((DEFAULT_APONO_TOKEN.to_owned(), DEFAULT_ORGANISATION.to_owned()));
        }
        let mut state = Self::default();
        for (text, organisation) in tokens {
            state.organisation(&organisation);
            state.tokens.push(Token { text, organisation, read_only: false });
        }
        state
    }

    /// The organisation of this name, made where there is none.
    pub(super) fn organisation(&mut self, name: &str) -> &mut Organisation {
        let place = self.organisations.len();
        self.organisations
            .entry(name.to_owned())
            .or_insert_with(|| Organisation { place, ..Organisation::default() })
    }

    /// The organisation that is meant where none is named.
    pub(super) fn first_organisation(&self) -> String {
        let oldest = self.organisations.iter().min_by_key(|(_, organisation)| organisation.place);
        oldest.map_or_else(|| DEFAULT_ORGANISATION.to_owned(), |(name, _)| name.clone())
    }
}

impl Organisation {
    /// Whether an integration uses the connector of this id.
    pub(super) fn uses(&self, connector: &str) -> bool {
        let mut ids = self.integrations.values().filter_map(|integration| integration.get("connector_id"));
        ids.any(|id| id == connector)
    }
}
