//! How connections read, in a list and by themselves.

use std::borrow::Cow;
use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::store::Connection;
use super::switches::{ClientIdCase, ClientIdOrder, EmptyClientIds, EmptyList, ListShape, Valueless};
use crate::emulator::switches::Answered;

/// How connections read in one answer: the switches, read once.
pub(super) struct Reader {
    list: ListShape,
    empty_list: EmptyList,
    valueless: Valueless,
    empty_client_ids: EmptyClientIds,
    case: ClientIdCase,
    order: ClientIdOrder,
}

impl Reader {
    pub(super) fn new(switches: &Answered) -> Self {
        Self {
            list: switches.choice(),
            empty_list: switches.choice(),
            valueless: switches.choice(),
            empty_client_ids: switches.choice(),
            case: switches.choice(),
            order: switches.choice(),
        }
    }

    /// The answer to a list.
    pub(super) fn list(&self, connections: &[Arc<Connection>]) -> Response {
        let listed = connections.iter().map(|connection| self.read(connection)).collect::<Vec<_>>();
        match self.list {
            ListShape::BareArray => in_json(StatusCode::OK, &listed),
            ListShape::Results => {
                let null = listed.is_empty() && self.empty_list == EmptyList::Null;
                in_json(StatusCode::OK, &Results { results: (!null).then_some(listed) })
            }
        }
    }

    /// The answer that holds one connection.
    pub(super) fn one(&self, status: StatusCode, connection: &Connection) -> Response {
        in_json(status, &self.read(connection))
    }

    fn read<'a>(&'a self, connection: &'a Connection) -> Reply<'a> {
        Reply { reader: self, connection }
    }

    fn client_ids<'a>(&self, connection: &'a Connection) -> Vec<Cow<'a, str>> {
        let in_case = |id: &'a String| match self.case {
            ClientIdCase::Kept => Cow::Borrowed(id.as_str()),
            ClientIdCase::Lower => Cow::Owned(id.to_lowercase()),
            ClientIdCase::Upper => Cow::Owned(id.to_uppercase()),
        };
        let mut ids = connection.client_ids.iter().map(in_case).collect::<Vec<_>>();
        if self.order == ClientIdOrder::Sorted {
            ids.sort_unstable();
        }
        ids
    }
}

#[derive(Serialize)]
struct Results<'a> {
    #[serde(rename = "Results")]
    results: Option<Vec<Reply<'a>>>,
}

/// A connection with its members in the order in which the examples print them.
struct Reply<'a> {
    reader: &'a Reader,
    connection: &'a Connection,
}

impl Serialize for Reply<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { reader, connection } = self;
        let mut members = serializer.serialize_map(None)?;
        let mut member = |name: &str, value: Option<&str>| match (value, reader.valueless) {
            (None, Valueless::Absent) => Ok(()),
            _ => members.serialize_entry(name, &value),
        };
        member("Id", Some(&connection.id))?;
        member("Name", connection.name.as_deref())?;
        member("State", connection.state.as_deref())?;
        member("Description", connection.description.as_deref())?;
        member("CreatedDate", connection.created_date.as_deref())?;
        match (connection.client_ids.is_empty(), reader.empty_client_ids) {
            (true, EmptyClientIds::Absent) => {}
            (true, EmptyClientIds::Null) => members.serialize_entry("ClientIds", &())?,
            _ => members.serialize_entry("ClientIds", &reader.client_ids(connection))?,
        }
        for (name, value) in &connection.further {
            members.serialize_entry(name, value)?;
        }
        members.end()
    }
}

/// The vendor's clients compare the Content-Type as a whole.
fn in_json(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(json) => (status, [(CONTENT_TYPE, "application/json")], json).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
