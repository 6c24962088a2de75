//! The state as a JSON document: what `/_emulator/state` and the controls show, and what they take.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::time::{Duration, Instant};

use super::Omf;
use super::connections::with_seven_digits;
use super::route::Scope;
use super::state::{Access, DataHub, Namespace, OauthClient, Token, fixed_client};
use super::store::{ACTIVE, Connection, Store};

/// A connection as the controls show it and take it: the vendor's own form.
pub(super) fn plain(connection: &Connection) -> Value {
    let mut shown = json!({
        "Id": connection.id,
        "Name": connection.name,
        "State": connection.state,
        "Description": connection.description,
        "CreatedDate": connection.created_date,
        "ClientIds": *connection.client_ids,
    });
    if let Value::Object(members) = &mut shown {
        members.extend(connection.further.clone());
    }
    shown
}

/// A token as the controls show it and take it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeptToken {
    token: String,
    tenant: String,
    #[serde(default = "fixed_client")]
    client_id: String,
    #[serde(default)]
    access: Access,
    /// Absent: for ever.
    #[serde(default)]
    expires_in: Option<f64>,
}

impl KeptToken {
    pub(super) fn of(token: &Token, now: Instant) -> Self {
        Self {
            token: token.text.clone(),
            tenant: token.tenant.clone(),
            client_id: token.client.clone(),
            access: token.access,
            expires_in: token.expires.map(|at| at.saturating_duration_since(now).as_secs_f64()),
        }
    }

    pub(super) fn parsed(self, now: Instant) -> Result<Token, String> {
        let lives = self.expires_in.map(Duration::try_from_secs_f64).transpose();
        let lives = lives.map_err(|reason| format!("expires_in: {reason}"))?;
        let expires =
            lives.map(|lives| now.checked_add(lives).ok_or("expires_in is too long")).transpose()?;
        Ok(Token {
            text: self.token,
            client: self.client_id,
            tenant: self.tenant,
            access: self.access,
            expires,
        })
    }
}

/// A namespace as the state has it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptNamespace {
    tenant: String,
    namespace: String,
    #[serde(default)]
    connections: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    /// Absent: those that there are.
    clients: Option<Vec<OauthClient>>,
    /// Absent: those that there are.
    tokens: Option<Vec<KeptToken>>,
    namespaces: Vec<KeptNamespace>,
    #[serde(default)]
    token_endpoint: Option<String>,
}

/// The whole state.
pub(super) fn state(hub: &DataHub) -> Value {
    let now = Instant::now();
    let namespaces = hub.namespaces.iter().map(|namespace| KeptNamespace {
        tenant: namespace.scope.tenant.clone(),
        namespace: namespace.scope.namespace.clone(),
        connections: namespace.connections.iter().map(|connection| plain(connection)).collect(),
    });
    let tokens = hub.tokens.iter().filter(|token| token.is_alive(now));
    json!({
        "clients": hub.clients,
        "tokens": tokens.map(|token| KeptToken::of(token, now)).collect::<Vec<_>>(),
        "namespaces": namespaces.collect::<Vec<_>>(),
        "token_endpoint": hub.token_endpoint,
    })
}

/// What [`state`] returned, read back. What was Creating, Deleting or Deleted begins to be so anew.
pub(super) fn restored(omf: &Omf, state: &Value) -> Result<DataHub, String> {
    let kept = Kept::deserialize(state).map_err(|reason| reason.to_string())?;
    let now = Instant::now();
    let mut hub = DataHub { token_endpoint: kept.token_endpoint, ..DataHub::default() };
    for kept in kept.namespaces {
        let scope = Scope { tenant: kept.tenant, namespace: kept.namespace };
        let mut connections = Store::default();
        for connection in parsed_all(kept.connections, omf, &mut connections)? {
            connections.begin(connection, now);
        }
        hub.namespaces.push(Namespace { scope, connections });
    }
    let tokens =
        kept.tokens.map(|tokens| tokens.into_iter().map(|token| token.parsed(now)).collect::<Result<_, _>>());
    let present = omf.lock();
    hub.clients = kept.clients.unwrap_or_else(|| present.clients.clone());
    hub.tokens = tokens.transpose()?.unwrap_or_else(|| present.tokens.clone());
    Ok(hub)
}

/// Connections in the form of [`plain`], none of which `connections` has.
pub(super) fn parsed_all(
    wanted: Vec<Value>,
    omf: &Omf,
    connections: &mut Store,
) -> Result<Vec<Connection>, String> {
    let mut ids = HashSet::new();
    let mut parsed_ones = Vec::with_capacity(wanted.len());
    for wanted in wanted {
        let connection = parsed(wanted, omf, connections, None)?;
        if connections.find(&connection.id).is_some() || !ids.insert(connection.id.to_lowercase()) {
            return Err(format!("Id {} is there already", connection.id));
        }
        parsed_ones.push(connection);
    }
    Ok(parsed_ones)
}

/// A connection in the form of [`plain`]. What it does not say of its identity and state stays as it is in `present`, or is
/// made up; nothing is validated beyond its form.
pub(super) fn parsed(
    wanted: Value,
    omf: &Omf,
    connections: &mut Store,
    present: Option<&Connection>,
) -> Result<Connection, String> {
    let Value::Object(mut members) = wanted else {
        return Err("a connection has to be an object".to_owned());
    };
    members.entry("State").or_insert_with(|| json!(ACTIVE));
    members.entry("CreatedDate").or_insert_with(|| json!(with_seven_digits(omf.context.clock.now())));
    let id = text(&mut members, "Id")?.or_else(|| present.map(|present| present.id.clone()));
    Ok(Connection {
        place: present.map_or_else(|| connections.next_place(), |present| present.place),
        id: id.unwrap_or_else(|| omf.context.identifiers.uuid()),
        name: text(&mut members, "Name")?,
        state: text(&mut members, "State")?,
        description: text(&mut members, "Description")?,
        created_date: text(&mut members, "CreatedDate")?,
        client_ids: client_ids(members.remove("ClientIds"))?.into(),
        further: members,
    })
}

fn text(members: &mut Map<String, Value>, name: &str) -> Result<Option<String>, String> {
    match members.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("{name} has to be a string or null")),
    }
}

fn client_ids(value: Option<Value>) -> Result<Vec<String>, String> {
    let wrong = "ClientIds has to be an array of strings or null";
    match value {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(ids)) => ids
            .into_iter()
            .map(|id| if let Value::String(id) = id { Ok(id) } else { Err(wrong.to_owned()) })
            .collect(),
        Some(_) => Err(wrong.to_owned()),
    }
}
