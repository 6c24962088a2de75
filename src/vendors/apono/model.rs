//! Apono's connectors as they travel (`apono.openapi.json`, seed 002, `vendor-apis/README.md`).
//!
//! Reading is lenient: `sessions` is required in the one document and absent from the other, nearly everything may be null, and a date may be a number.
//! Only a connector without an id is refused, since the id is its identity.

use crate::api::{AponoRemote, AponoSession, METADATA_LIMIT, SESSIONS_LIMIT, shortened};
use crate::remote::{ExclusiveId, Identity, RemoteItem};
use crate::vendors::lenient::{as_text, each_or_default, or_default, text_of};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::hash::{DefaultHasher, Hash, Hasher};

/// The most bytes of all sessions in a status. An ordinary one has less than one thousand.
const SESSIONS_BYTES: usize = 96 * 1024;

/// A connector, as v3 lists it and answers a PUT; of what v2 lists only id, status and last connection are known ([`OlderConnector`]).
#[derive(Debug, Clone, Deserialize)]
pub struct Connector {
    /// Its id, which is its identity.
    pub id: String,
    /// Its name; unknown where only v2 is to be had.
    #[serde(default, deserialize_with = "or_default")]
    pub name: Option<String>,
    /// CONNECTED or DISCONNECTED, or a word that is not documented.
    #[serde(default, deserialize_with = "or_default")]
    pub status: Option<String>,
    /// The agent's version.
    #[serde(default, deserialize_with = "as_text")]
    pub version: Option<String>,
    /// Whether that is the newest.
    #[serde(default, deserialize_with = "or_default")]
    pub is_latest_version: Option<bool>,
    /// The cloud that it gives access to.
    #[serde(default, deserialize_with = "or_default")]
    pub cloud_provider_type: Option<String>,
    /// A date in v3; seconds and a fraction, as a number or a text, in v2. A heartbeat: it moves all the time.
    #[serde(default, deserialize_with = "as_text")]
    pub last_connected: Option<String>,
    /// The running agents.
    #[serde(default, deserialize_with = "each_or_default")]
    pub sessions: Vec<Session>,
    /// Whether it is of version 2: nothing but id, status and last connection is told.
    #[serde(skip)]
    pub is_older: bool,
}

/// A connector, as v2 lists it.
#[derive(Debug, Deserialize)]
pub(super) struct OlderConnector {
    connector_id: String,
    #[serde(default, deserialize_with = "or_default")]
    status: Option<String>,
    #[serde(default, deserialize_with = "as_text")]
    last_connected: Option<String>,
}

impl From<OlderConnector> for Connector {
    fn from(older: OlderConnector) -> Self {
        let OlderConnector { connector_id, status, last_connected } = older;
        Self {
            id: connector_id,
            status,
            last_connected,
            name: None,
            version: None,
            is_latest_version: None,
            cloud_provider_type: None,
            sessions: Vec::new(),
            is_older: true,
        }
    }
}

/// One running agent.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Session {
    /// Its id.
    #[serde(default, deserialize_with = "as_text")]
    pub id: Option<String>,
    /// A heartbeat.
    #[serde(default, deserialize_with = "as_text")]
    pub last_connected_time: Option<String>,
    /// What is told of it.
    #[serde(default, deserialize_with = "or_default")]
    pub metadata: SessionMetadata,
}

/// What is told of a running agent.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct SessionMetadata {
    /// Its version.
    #[serde(default, deserialize_with = "as_text")]
    pub connector_version: Option<String>,
    /// Where it runs: all of it may be null.
    #[serde(default, deserialize_with = "or_default")]
    pub cloud_provider_metadata: Map<String, Value>,
}

/// The thing that only one connector can have: a name (the document calls it unique).
pub(super) fn exclusive_name(name: &str) -> ExclusiveId {
    ExclusiveId::of(name)
}

impl Connector {
    /// What `status.remote` shows of it. Heartbeats move only with something else: where nothing else did, it is shown as `before`.
    pub(super) fn shown(&self, before: Option<&AponoRemote>) -> AponoRemote {
        let now = AponoRemote {
            id: shortened(&self.id),
            name: self.name.as_deref().map(shortened),
            status: self.status.as_deref().map(shortened),
            version: self.version.as_deref().map(shortened),
            is_latest_version: self.is_latest_version,
            last_connected: self.last_connected.as_deref().map(shortened),
            cloud_provider_type: self.cloud_provider_type.as_deref().map(shortened),
            sessions: self.shown_sessions(),
        };
        let now = match before {
            // What was known of it by version 3 is still the best that is known.
            Some(before) if self.is_older => {
                AponoRemote { status: now.status, last_connected: now.last_connected, ..before.clone() }
            }
            _ => now,
        };
        before.filter(|before| is_alike(before, &now)).cloned().unwrap_or(now)
    }

    fn shown_sessions(&self) -> Vec<AponoSession> {
        let mut sessions: Vec<AponoSession> = self.sessions.iter().map(Session::shown).collect();
        // The vendor promises no order.
        sessions.sort_by(|one, other| one.id.cmp(&other.id));
        let mut left = SESSIONS_BYTES;
        let fits = |session: &AponoSession| {
            let size = serde_json::to_vec(session).map_or(usize::MAX, |json| json.len());
            left = left.saturating_sub(size);
            left > 0
        };
        sessions.into_iter().take(SESSIONS_LIMIT).take_while(fits).collect()
    }
}

impl Session {
    fn shown(&self) -> AponoSession {
        let metadata = &self.metadata.cloud_provider_metadata;
        AponoSession {
            id: shortened(self.id.as_deref().unwrap_or_default()),
            last_connected_time: self.last_connected_time.as_deref().map(shortened),
            connector_version: self.metadata.connector_version.as_deref().map(shortened),
            cloud_provider_metadata: metadata
                .iter()
                .filter_map(|(name, value)| Some((shortened(name), shortened(&text_of(value)?))))
                .take(METADATA_LIMIT)
                .collect(),
        }
    }
}

/// Whether two differ in nothing but heartbeats.
fn is_alike(one: &AponoRemote, other: &AponoRemote) -> bool {
    without_heartbeats(one.clone()) == without_heartbeats(other.clone())
}

fn without_heartbeats(remote: AponoRemote) -> AponoRemote {
    let sessions = remote.sessions.into_iter();
    AponoRemote {
        last_connected: None,
        sessions: sessions.map(|session| AponoSession { last_connected_time: None, ..session }).collect(),
        ..remote
    }
}

impl RemoteItem for Connector {
    fn identity(&self) -> Identity {
        self.id.as_str().into()
    }

    fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        let shown = without_heartbeats(self.shown(None));
        (&shown.id, &shown.name, &shown.status, &shown.version).hash(&mut hasher);
        (shown.is_latest_version, &shown.cloud_provider_type).hash(&mut hasher);
        for session in &shown.sessions {
            (&session.id, &session.connector_version, &session.cloud_provider_metadata).hash(&mut hasher);
        }
        hasher.finish()
    }

    fn exclusive(&self) -> Vec<ExclusiveId> {
        self.name.as_deref().map(exclusive_name).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn read(value: Value) -> Connector {
        serde_json::from_value(value).expect("a connector")
    }

    fn read_older(value: Value) -> Connector {
        serde_json::from_value::<OlderConnector>(value).expect("a connector").into()
    }

    fn beating(at: &str) -> Connector {
        read(json!({
            "id": "c-1", "name": "prod", "status": "CONNECTED", "version": "1.2", "is_latest_version": true,
            "cloud_provider_type": "AWS", "last_connected": at,
            "sessions": [
                {"id": "s-2", "last_connected_time": at, "metadata": {}},
                {"id": "s-1", "last_connected_time": at, "metadata": {"connector_version": "1.2",
                 "cloud_provider_metadata": {"region": "eu-west-1", "is_kubernetes_admin": true, "zone": null}}}
            ]
        }))
    }

    #[test]
    fn a_heartbeat_changes_nothing_and_is_shown_only_with_something_that_did() {
        let (one, later) = (beating("2026-01-01T00:00:00Z"), beating("2026-01-01T00:05:00Z"));
        assert_eq!(one.digest(), later.digest());
        let shown = one.shown(None);
        assert_eq!(later.shown(Some(&shown)), shown, "it is left as it was written");
        let gone = Connector { status: Some("DISCONNECTED".into()), ..later };
        assert_ne!(gone.digest(), one.digest());
        assert_eq!(gone.shown(Some(&shown)).last_connected.as_deref(), Some("2026-01-01T00:05:00Z"));
    }

    #[test]
    fn sessions_are_shown_in_one_order_with_what_is_told_of_them() {
        let shown = beating("t").shown(None);
        let ids: Vec<&str> = shown.sessions.iter().map(|session| session.id.as_str()).collect();
        assert_eq!(ids, ["s-1", "s-2"]);
        let metadata = &shown.sessions[0].cloud_provider_metadata;
        assert_eq!(metadata.get("is_kubernetes_admin").map(String::as_str), Some("true"));
        assert!(!metadata.contains_key("zone"), "a null is not shown: {metadata:?}");
    }

    #[test]
    fn what_is_shown_of_sessions_is_bounded_whatever_the_vendor_tells() {
        let metadata: Map<String, Value> =
            (0..100).map(|number| (format!("member-{number}"), json!("x".repeat(10_000)))).collect();
        let session = |number: usize| json!({"id": format!("s-{number:03}"), "metadata": {"cloud_provider_metadata": metadata}});
        let connector = read(json!({"id": "c", "sessions": (0..100).map(session).collect::<Vec<_>>()}));
        let shown = connector.shown(None);
        let size = serde_json::to_vec(&shown.sessions).expect("JSON").len();
        assert!(!shown.sessions.is_empty() && size <= SESSIONS_BYTES + 100, "{size} bytes");
    }

    #[test]
    fn a_row_of_version_2_takes_nothing_away_that_was_known() {
        let shown = beating("2026-01-01T00:00:00Z").shown(None);
        let row = |status: &str| read_older(json!({"connector_id": "c-1", "status": status}));
        assert_eq!(row("CONNECTED").shown(Some(&shown)), shown);
        let gone = row("DISCONNECTED").shown(Some(&shown));
        assert_eq!((gone.status.as_deref(), gone.name.as_deref()), (Some("DISCONNECTED"), Some("prod")));
        assert_eq!(gone.sessions, shown.sessions);
    }

    #[test]
    fn both_documents_and_the_older_list_are_read() {
        let seed = read(
            json!({"id": "c", "name": "n", "status": "connected", "version": "1", "is_latest_version": true,
                               "cloud_provider_type": "GCP", "last_connected": null}),
        );
        assert!(seed.sessions.is_empty() && seed.last_connected.is_none());
        for (told, known) in
            [(json!(1_700_000_000.5), "1700000000.5"), (json!("1700000000.5"), "1700000000.5")]
        {
            let older =
                read_older(json!({"connector_id": "c", "status": "CONNECTED", "last_connected": told}));
            assert_eq!((older.id.as_str(), older.last_connected.as_deref()), ("c", Some(known)));
        }
    }

    proptest! {
        #[test]
        fn no_value_of_any_field_makes_a_connector_unreadable(
            field in prop::sample::select(vec![
                "name", "status", "version", "is_latest_version", "cloud_provider_type", "last_connected", "sessions", "connector_id",
            ]),
            value in prop::sample::select(vec![
                json!(null), json!(7), json!("x"), json!(true), json!([]), json!({}), json!([null]), json!([{"id": 3, "metadata": null}]),
                json!([{"metadata": {"cloud_provider_metadata": [1]}}]), json!({"a": [1, 2]}),
            ]),
        ) {
            let mut connector = json!({"id": "c", "name": "n"});
            connector[field] = value;
            let read: Connector = serde_json::from_value(connector.clone())
                .map_err(|error| TestCaseError::fail(format!("{connector}: {error}")))?;
            prop_assert_eq!(&read.shown(None).id, "c");
            if field != "name" {
                prop_assert_eq!(read.name.as_deref(), Some("n"), "a managed field was lost in {}", connector);
            }
        }
    }
}
