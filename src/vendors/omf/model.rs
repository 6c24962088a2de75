//! OMF connections as they travel (seed 003, `vendor-apis/README.md`).
//!
//! Reading is lenient: nearly everything is nullable, and a state that is not documented is survived. Only a row without an id is refused, since
//! the id is its identity.

use super::client_ids::ClientIds;
use crate::api::{OmfRemote, shortened};
use crate::engine::vendor::Phase;
use crate::remote::{ExclusiveId, Identity, RemoteItem};
use crate::vendors::lenient::or_default;
use serde::Deserialize;
use std::hash::{DefaultHasher, Hash, Hasher};

/// An `OmfConnection`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Connection {
    /// Made by the server; its identity.
    pub id: String,
    /// Given by people; it need not be unique.
    #[serde(default, deserialize_with = "or_default")]
    pub name: Option<String>,
    /// Creating, Active, Deleting or Deleted.
    #[serde(default, deserialize_with = "or_default")]
    pub state: Option<String>,
    /// A description; none and empty are the same.
    #[serde(default, deserialize_with = "or_default")]
    pub description: Option<String>,
    /// When it was created, in the vendor's notation.
    #[serde(default, deserialize_with = "or_default")]
    pub created_date: Option<String>,
    /// The clients that send through it.
    #[serde(default)]
    pub client_ids: ClientIds,
}

/// What the vendor calls a connection that it was told to delete.
pub(super) const DELETING: &str = "Deleting";

impl Connection {
    /// Where it is in its life. Words are compared without regard to case; an unknown one says nothing.
    pub(super) fn phase(&self) -> Phase {
        let is = |word: &str| self.state.as_deref().is_some_and(|state| state.eq_ignore_ascii_case(word));
        if is("Creating") {
            Phase::Arriving
        } else if is(DELETING) {
            Phase::Leaving
        } else if is("Deleted") {
            Phase::Gone
        } else {
            Phase::Settled
        }
    }

    /// What `status.remote` shows of it.
    pub(super) fn shown(&self) -> OmfRemote {
        OmfRemote {
            id: shortened(&self.id),
            state: self.state.as_deref().map(shortened),
            created_date: self.created_date.as_deref().map(shortened),
        }
    }
}

impl RemoteItem for Connection {
    fn identity(&self) -> Identity {
        self.id.as_str().into()
    }

    fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (&self.id, &self.name, &self.state, &self.description, &self.created_date).hash(&mut hasher);
        self.client_ids.digest().hash(&mut hasher);
        hasher.finish()
    }

    /// A deleted connection has nothing any more.
    fn exclusive(&self) -> Vec<ExclusiveId> {
        if self.phase() == Phase::Gone { Vec::new() } else { self.client_ids.exclusive() }
    }

    fn in_flight(&self) -> bool {
        matches!(self.phase(), Phase::Arriving | Phase::Leaving)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn read(value: serde_json::Value) -> Connection {
        serde_json::from_value(value).expect("a connection")
    }

    #[test]
    fn the_documents_example_is_read() {
        let one = read(json!({
            "Id": "b7e1393c-ebd1-41e0-97ef-362bead4508d", "Name": "OmfConnection2 name", "State": "Creating",
            "Description": "OmfConnection2 description", "CreatedDate": "2022-01-05T03:35:24.6309361Z",
            "ClientIds": ["feecf1d0-b366-4a8b-91d2-92bee976686e"]
        }));
        assert_eq!(one.phase(), Phase::Arriving);
        assert!(one.in_flight());
        assert_eq!(one.client_ids, ClientIds::of(["FEECF1D0-B366-4A8B-91D2-92BEE976686E"]));
        assert_eq!(one.shown().created_date.as_deref(), Some("2022-01-05T03:35:24.6309361Z"));
    }

    #[test]
    fn a_deleted_connection_has_no_clients_and_an_unknown_state_is_none_of_ours() {
        let in_state = |state: &str| read(json!({"Id": "x", "State": state, "ClientIds": ["a"]}));
        assert_eq!(in_state("deleted").exclusive(), Vec::new());
        assert_eq!(in_state("Deleting").exclusive().len(), 1, "until it is gone, nobody else can have them");
        assert_eq!(in_state("Hibernating").phase(), Phase::Settled);
    }

    proptest! {
        #[test]
        fn no_value_of_any_field_makes_a_connection_unreadable(
            field in prop::sample::select(vec!["Name", "State", "Description", "CreatedDate", "Unheard"]),
            value in prop::sample::select(vec![json!(null), json!(7), json!([]), json!({}), json!("x"), json!(true)]),
        ) {
            let mut connection = json!({"Id": "x", "ClientIds": ["a"]});
            connection[field] = value;
            let read: Connection = serde_json::from_value(connection.clone())
                .map_err(|error| TestCaseError::fail(format!("{connection}: {error}")))?;
            prop_assert_eq!(read.client_ids, ClientIds::of(["a"]), "a managed field was lost in {}", connection);
        }
    }
}
