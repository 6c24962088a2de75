//! The state as a JSON document: what `/_emulator/state` and the control API show, and what they take.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::Onomondo;
use super::state::{Key, Onomondos, Organisation, Sim, Tag};
use super::store::{Connector, SecretState};
use crate::emulator::clock::with_milliseconds;

/// A connector as the control API shows it and takes it: the list's form with identifiers, with tags as UUIDs, and with
/// the digest of each secret.
pub(super) fn plain(connector: &Connector) -> Value {
    let meta = connector.secrets.iter().map(|(name, secret)| {
        let mut shown =
            json!({ "is_set": secret.is_set, "last_updated_at": with_milliseconds(secret.last_updated_at) });
        if let Some(digest) = &secret.digest {
            shown["sha256"] = json!(digest);
        }
        (name.clone(), shown)
    });
    let mut shown = json!({
        "id": connector.id,
        "uuid": connector.uuid,
        "name": connector.name,
        "type": connector.type_name,
        "passthrough": connector.passthrough,
        "tags": connector.tags,
        "options": connector.options,
        "meta": meta.collect::<Map<_, _>>(),
    });
    if let Value::Object(members) = &mut shown {
        members.extend(connector.further.clone());
    }
    shown
}

/// The whole state.
pub(super) fn state(onomondos: &Onomondos) -> Value {
    let organisations = onomondos.organisations.iter().map(|(name, organisation)| {
        let kept = json!({
            "id": organisation.id,
            "connectors": organisation.connectors.iter().map(|connector| plain(connector)).collect::<Vec<_>>(),
            "tags": organisation.tags.values().collect::<Vec<_>>(),
            "sims": organisation.sims.values().collect::<Vec<_>>(),
        });
        (name.clone(), kept)
    });
    json!({ "keys": onomondos.keys, "organisations": organisations.collect::<Map<_, _>>() })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    /// Absent: the keys that there are.
    keys: Option<Vec<Key>>,
    organisations: BTreeMap<String, KeptOrganisation>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptOrganisation {
    id: Option<u64>,
    #[serde(default)]
    connectors: Vec<Value>,
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(default)]
    sims: Vec<Sim>,
}

/// What [`state`] returned, read back.
pub(super) fn restored(onomondo: &Onomondo, state: &Value) -> Result<Onomondos, String> {
    let kept = Kept::deserialize(state).map_err(|reason| reason.to_string())?;
    let mut onomondos = Onomondos::default();
    for (name, kept) in kept.organisations {
        let organisation = onomondos.organisation(&name);
        organisation.id = kept.id.unwrap_or(organisation.id);
        organisation.tags = kept.tags.into_iter().map(|tag| (tag.id.clone(), tag)).collect();
        organisation.sims = kept.sims.into_iter().map(|sim| (sim.id.clone(), sim)).collect();
        for connector in kept.connectors {
            let connector = parsed(connector, onomondo, organisation, None)?;
            organisation.connectors.put(connector, Instant::now());
        }
    }
    onomondos.keys = kept.keys.unwrap_or_else(|| onomondo.lock().keys.clone());
    let organisations = onomondos.keys.iter().map(|key| key.organisation.clone()).collect::<Vec<_>>();
    for organisation in organisations {
        onomondos.organisation(&organisation);
    }
    Ok(onomondos)
}

/// A connector in the form of [`plain`] or of the vendor's own list. What it does not say stays as it is in `present`'s
/// identity, or is made up.
pub(super) fn parsed(
    wanted: Value,
    onomondo: &Onomondo,
    organisation: &mut Organisation,
    present: Option<&Connector>,
) -> Result<Connector, String> {
    let Value::Object(mut members) = wanted else { return Err("a connector has to be an object".to_owned()) };
    let mut text = |name: &str| match members.remove(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("{name} has to be a string")),
    };
    let (name, type_name, uuid) = (text("name")?, text("type")?, text("uuid")?);
    let id = members.remove("id").and_then(|id| id.as_u64()).or(present.map(|present| present.id));
    members.remove("organization_id");
    let taken =
        id.filter(|id| organisation.connectors.holds(*id) && present.map(|present| present.id) != Some(*id));
    if let Some(id) = taken {
        return Err(format!("id {id} belongs to another connector"));
    }
    Ok(Connector {
        id: id.unwrap_or_else(|| organisation.connectors.next_id()),
        uuid: uuid
            .or_else(|| present.map(|present| present.uuid.clone()))
            .unwrap_or_else(|| onomondo.context.identifiers.uuid()),
        name: name.ok_or("name is missing")?,
        type_name: type_name.ok_or("type is missing")?,
        passthrough: array(members.remove("passthrough"), "passthrough")?,
        tags: array(members.remove("tags"), "tags")?.iter().map(tag_id).collect::<Result<_, _>>()?,
        options: object(members.remove("options"), "options")?,
        secrets: object(members.remove("meta"), "meta")?
            .into_iter()
            .map(|(name, secret)| Ok((name, secret_state(&secret, onomondo.context.clock.now())?)))
            .collect::<Result<_, String>>()?,
        further: members,
    })
}

fn array(value: Option<Value>, name: &str) -> Result<Vec<Value>, String> {
    match value {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(items)) => Ok(items),
        Some(_) => Err(format!("{name} has to be an array or null")),
    }
}

fn object(value: Option<Value>, name: &str) -> Result<Map<String, Value>, String> {
    match value {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(members)) => Ok(members),
        Some(_) => Err(format!("{name} has to be an object")),
    }
}

/// A tag's id, from the id itself or from the object that a list shows.
fn tag_id(tag: &Value) -> Result<String, String> {
    let id = tag.as_str().or_else(|| tag.get("id").and_then(Value::as_str));
    id.map(str::to_owned).ok_or_else(|| "each of tags has to be an id or an object with one".to_owned())
}

fn secret_state(meta: &Value, now: Timestamp) -> Result<SecretState, String> {
    let last_updated_at = match meta.get("last_updated_at").and_then(Value::as_str) {
        None | Some("now") => now,
        Some(text) => {
            text.parse().map_err(|_| format!("last_updated_at {text:?} is neither a date nor now"))?
        }
    };
    let is_set = meta.get("is_set").and_then(Value::as_bool).unwrap_or(true);
    let digest = meta.get("sha256").and_then(Value::as_str).map(str::to_owned).filter(|_| is_set);
    Ok(SecretState { digest, is_set, last_updated_at })
}
