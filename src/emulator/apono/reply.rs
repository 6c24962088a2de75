//! How a connector reads in version 3 and in version 2.

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::{Map, Number, Value, json};

use super::state::{Connector, DISCONNECTED, Session};
use super::switches::{LastConnectedForm, MetadataMember, NeverConnected, SessionsShown, StatusWords};
use crate::emulator::clock::with_milliseconds;
use crate::emulator::switches::Answered;

/// The members of `cloud_provider_metadata`, each of which may be null.
const METADATA: [&str; 13] = [
    "kubernetes_type",
    "kubernetes_version",
    "is_kubernetes_admin",
    "local_deploy",
    "aws_account_id",
    "region",
    "availability_zone",
    "project_id",
    "organization_id",
    "zone",
    "subscription_id",
    "resource_group",
    "is_azure_admin",
];

/// How connectors read in one answer: the switches, read once.
pub(super) struct Reader {
    sessions: SessionsShown,
    metadata: MetadataMember,
    never_connected: NeverConnected,
    version_two: LastConnectedForm,
    words: StatusWords,
}

/// A connector in version 3, in the order of members in which its page lists them.
#[derive(Serialize)]
pub(super) struct ConnectorV3<'a> {
    id: &'a str,
    name: &'a str,
    status: String,
    version: &'a str,
    #[serde(skip_serializing_if = "Shown::is_absent")]
    last_connected: Shown<String>,
    is_latest_version: bool,
    cloud_provider_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sessions: Option<Vec<SessionV3<'a>>>,
    #[serde(flatten)]
    further: &'a Map<String, Value>,
}

#[derive(Serialize)]
struct SessionV3<'a> {
    id: &'a str,
    metadata: Value,
    last_connected_time: String,
}

/// A connector in version 2.
#[derive(Serialize)]
pub(super) struct ConnectorV2<'a> {
    connector_id: &'a str,
    #[serde(skip_serializing_if = "Shown::is_absent")]
    last_connected: Shown<Value>,
    status: String,
}

/// A nullable member that may also be left out.
#[derive(Clone)]
pub(super) enum Shown<T> {
    Value(T),
    Null,
    Absent,
}

impl Reader {
    pub(super) fn new(switches: &Answered) -> Self {
        Self {
            sessions: switches.choice(),
            metadata: switches.choice(),
            never_connected: switches.choice(),
            version_two: switches.choice(),
            words: switches.choice(),
        }
    }

    /// The connector as version 3 shows it.
    pub(super) fn version_three<'a>(&self, connector: &'a Connector) -> ConnectorV3<'a> {
        let sessions = connector.sessions.iter().map(|session| self.session(session));
        ConnectorV3 {
            id: &connector.id,
            name: &connector.name,
            status: self.status(connector),
            version: &connector.version,
            last_connected: self.last_connected(connector, with_milliseconds),
            is_latest_version: connector.is_latest_version,
            cloud_provider_type: &connector.cloud_provider_type,
            sessions: (self.sessions == SessionsShown::Present).then(|| sessions.collect()),
            further: &connector.further,
        }
    }

    /// The connector as version 2 shows it.
    pub(super) fn version_two<'a>(&self, connector: &'a Connector) -> ConnectorV2<'a> {
        let form = self.version_two;
        ConnectorV2 {
            connector_id: &connector.id,
            last_connected: self.last_connected(connector, |at| form.of(at)),
            status: self.status(connector),
        }
    }

    /// The status in the words of the answers.
    pub(super) fn status(&self, connector: &Connector) -> String {
        match self.words {
            StatusWords::Upper => connector.status.clone(),
            StatusWords::Lower => connector.status.to_lowercase(),
            StatusWords::Further => {
                let pending = connector.status == DISCONNECTED && connector.last_connected.is_none();
                if pending { "PENDING".to_owned() } else { connector.status.clone() }
            }
        }
    }

    fn last_connected<T>(&self, connector: &Connector, read: impl FnOnce(Timestamp) -> T) -> Shown<T> {
        match (connector.last_connected, self.never_connected) {
            (Some(at), _) => Shown::Value(read(at)),
            (None, NeverConnected::Null) => Shown::Null,
            (None, NeverConnected::Absent) => Shown::Absent,
        }
    }

    fn session<'a>(&self, session: &'a Session) -> SessionV3<'a> {
        let mut metadata = json!({ "connector_version": session.connector_version });
        let known = &session.cloud_provider_metadata;
        match self.metadata {
            MetadataMember::Absent => {
                if session.connector_version.is_none() {
                    metadata = json!({});
                }
                if !known.is_empty() {
                    metadata["cloud_provider_metadata"] = json!(known);
                }
            }
            MetadataMember::Null if known.is_empty() => metadata["cloud_provider_metadata"] = Value::Null,
            MetadataMember::Null => {
                let mut all =
                    METADATA.iter().map(|name| ((*name).to_owned(), Value::Null)).collect::<Map<_, _>>();
                all.extend(known.clone());
                metadata["cloud_provider_metadata"] = Value::Object(all);
            }
        }
        let last_connected_time = with_milliseconds(session.last_connected_time);
        SessionV3 { id: &session.id, metadata, last_connected_time }
    }
}

impl LastConnectedForm {
    /// Seconds and nanoseconds since 1970.
    fn of(self, at: Timestamp) -> Value {
        match self {
            Self::Number => {
                // As much of it as a double holds, as with any client that reads the number.
                Number::from_f64(at.as_duration().as_secs_f64()).map_or(Value::Null, Value::Number)
            }
            Self::Text => json!(format!("{}.{:09}", at.as_second(), at.subsec_nanosecond())),
        }
    }
}

impl<T> Shown<T> {
    pub(super) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}

impl<T: Serialize> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Value(value) => value.serialize(serializer),
            Self::Null | Self::Absent => serializer.serialize_none(),
        }
    }
}
