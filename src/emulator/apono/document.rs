//! The state as a JSON document: what `/_emulator/state` and the control API show, and what they take.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::Apono;
use super::state::{Agent, Aponos, Connector, Organisation, Session, Token};
use crate::emulator::clock::with_milliseconds;

/// A connector as the control API shows it and takes it: version 3's form, whatever the switches say.
pub(super) fn plain(connector: &Connector) -> Value {
    let sessions = connector.sessions.iter().map(|session| {
        json!({
            "id": session.id,
            "last_connected_time": with_milliseconds(session.last_connected_time),
            "metadata": {
                "connector_version": session.connector_version,
                "cloud_provider_metadata": session.cloud_provider_metadata,
            },
        })
    });
    let mut shown = json!({
        "id": connector.id,
        "name": connector.name,
        "status": connector.status,
        "version": connector.version,
        "last_connected": connector.last_connected.map(with_milliseconds),
        "is_latest_version": connector.is_latest_version,
        "cloud_provider_type": connector.cloud_provider_type,
        "sessions": sessions.collect::<Vec<_>>(),
    });
    if let Value::Object(members) = &mut shown {
        members.extend(connector.further.clone());
    }
    shown
}

/// The whole state.
pub(super) fn state(aponos: &Aponos) -> Value {
    let organisations = aponos.organisations.iter().map(|(name, organisation)| {
        let kept = json!({
            "connectors": organisation.connectors.iter().map(|connector| plain(connector)).collect::<Vec<_>>(),
            "agents": organisation.agents.values().collect::<Vec<_>>(),
            "integrations": organisation.integrations.values().collect::<Vec<_>>(),
        });
        (name.clone(), kept)
    });
    json!({ "tokens": aponos.tokens, "organisations": organisations.collect::<Map<_, _>>() })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    /// Absent: the tokens that there are.
    tokens: Option<Vec<Token>>,
    organisations: BTreeMap<String, KeptOrganisation>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptOrganisation {
    #[serde(default)]
    connectors: Vec<Value>,
    #[serde(default)]
    agents: Vec<WantedAgent>,
    #[serde(default)]
    integrations: Vec<Map<String, Value>>,
}

/// An agent as the control API takes it; what is left out is made up.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WantedAgent {
    id: Option<String>,
    connector_id: Option<String>,
    name: Option<String>,
    version: Option<String>,
    is_latest_version: Option<bool>,
    cloud_provider_type: Option<String>,
    #[serde(default)]
    metadata: Map<String, Value>,
    #[serde(default)]
    registered: bool,
    session: Option<String>,
    /// Whether it starts at once; absent: it does.
    pub(super) connected: Option<bool>,
}

impl WantedAgent {
    /// The agent of this id.
    pub(super) fn of_id(self, id: String) -> Agent {
        let connector_id = self.connector_id.unwrap_or_else(|| id.clone());
        Agent {
            name: self.name.unwrap_or_else(|| connector_id.clone()),
            connector_id,
            version: self.version.unwrap_or_else(|| "1.0.0".to_owned()),
            is_latest_version: self.is_latest_version.unwrap_or(true),
            cloud_provider_type: self.cloud_provider_type.unwrap_or_else(|| "AWS".to_owned()),
            metadata: self.metadata,
            registered: self.registered,
            session: self.session,
            last_heartbeat: Instant::now(),
            id,
        }
    }
}

/// What [`state`] returned, read back.
pub(super) fn restored(apono: &Apono, state: &Value) -> Result<Aponos, String> {
    let kept = Kept::deserialize(state).map_err(|reason| reason.to_string())?;
    let mut aponos = Aponos::default();
    for (name, kept) in kept.organisations {
        let organisation = aponos.organisation(&name);
        for connector in kept.connectors {
            let connector = parsed(connector, organisation, None, apono.context.clock.now())?;
            organisation.connectors.put(connector, Instant::now());
        }
        for mut agent in kept.agents {
            let id = agent.id.take().ok_or("an agent lacks its id")?;
            organisation.agents.insert(id.clone(), agent.of_id(id));
        }
        for integration in kept.integrations {
            let id = integration.get("id").and_then(Value::as_str).ok_or("an integration lacks its id")?;
            organisation.integrations.insert(id.to_owned(), integration);
        }
    }
    aponos.tokens = kept.tokens.unwrap_or_else(|| apono.lock().tokens.clone());
    let organisations = aponos.tokens.iter().map(|token| token.organisation.clone()).collect::<Vec<_>>();
    for organisation in organisations {
        aponos.organisation(&organisation);
    }
    Ok(aponos)
}

/// A connector in version 3's form, in the place of `present`. What it does not say is made up.
pub(super) fn parsed(
    wanted: Value,
    organisation: &mut Organisation,
    present: Option<&Connector>,
    now: Timestamp,
) -> Result<Connector, String> {
    let Value::Object(mut members) = wanted else { return Err("a connector has to be an object".to_owned()) };
    let mut text = |name: &str| match members.remove(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("{name} has to be a string")),
    };
    let id = text("id")?.ok_or("id is missing")?;
    let (name, status) = (text("name")?, text("status")?);
    let (version, cloud_provider_type) = (text("version")?, text("cloud_provider_type")?);
    let is_latest_version = match members.remove("is_latest_version") {
        None => true,
        Some(Value::Bool(is_latest)) => is_latest,
        Some(_) => return Err("is_latest_version has to be true or false".to_owned()),
    };
    let last_connected = date(members.remove("last_connected"), now)?;
    let sessions = sessions(members.remove("sessions"), now)?;
    let other = organisation.connectors.find(&id).map(|other| other.place);
    if other.is_some() && other != present.map(|present| present.place) {
        return Err(format!("id {id} belongs to another connector"));
    }
    Ok(Connector {
        place: present.map_or_else(|| organisation.connectors.next_place(), |present| present.place),
        name: name.unwrap_or_else(|| id.clone()),
        id,
        status: status.unwrap_or_else(|| super::state::DISCONNECTED.to_owned()),
        version: version.unwrap_or_else(|| "1.0.0".to_owned()),
        is_latest_version,
        cloud_provider_type: cloud_provider_type.unwrap_or_else(|| "AWS".to_owned()),
        last_connected,
        sessions,
        further: members,
    })
}

fn sessions(value: Option<Value>, now: Timestamp) -> Result<Vec<Session>, String> {
    match value {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(sessions)) => sessions.into_iter().map(|shown| session(shown, now)).collect(),
        Some(_) => Err("sessions has to be an array".to_owned()),
    }
}

fn session(mut shown: Value, now: Timestamp) -> Result<Session, String> {
    let id = shown["id"].as_str().ok_or("a session lacks its id")?.to_owned();
    let last_connected_time = date(Some(shown["last_connected_time"].take()), now)?.unwrap_or(now);
    let connector_version = shown["metadata"]["connector_version"].as_str().map(str::to_owned);
    let cloud_provider_metadata = match shown["metadata"]["cloud_provider_metadata"].take() {
        Value::Null => Map::new(),
        Value::Object(members) => members,
        _ => return Err("cloud_provider_metadata has to be an object or null".to_owned()),
    };
    Ok(Session { id, last_connected_time, connector_version, cloud_provider_metadata })
}

/// A date, `now`, or none.
fn date(value: Option<Value>, now: Timestamp) -> Result<Option<Timestamp>, String> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(word)) if word == "now" => Ok(Some(now)),
        Some(other) => {
            let text = other.as_str().unwrap_or_default();
            text.parse().map(Some).map_err(|_| format!("{other} is neither a date nor \"now\""))
        }
    }
}
