//! The objects: what is declared of each in each of its revisions, and whether the vendors have exactly that.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use crate::support::objects::{condition, is_ready};
use crate::support::story::Story;

/// Which vendor an object is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Onomondo,
    Apono,
    Omf,
}

impl Kind {
    /// The Kubernetes kind.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Onomondo => "OnomondoConnector",
            Kind::Apono => "AponoConnector",
            Kind::Omf => "OmfConnection",
        }
    }
}

/// One object, as it was declared last.
#[derive(Clone, Debug)]
pub(crate) struct Declared {
    pub(crate) kind: Kind,
    pub(crate) number: usize,
    pub(crate) revision: usize,
    /// Somebody has asked for its end, and it has not been declared again since.
    pub(crate) is_leaving: bool,
}

/// How many client ids of an OMF connection there are to choose from.
const CLIENTS: usize = 6;

impl Declared {
    /// The object's name.
    pub(crate) fn name(&self) -> String {
        format!("thing-{:03}", self.number)
    }

    /// `Kind/name`.
    pub(crate) fn address(&self) -> String {
        format!("{}/{}", self.kind.name(), self.name())
    }

    /// The manifest.
    pub(crate) fn manifest(&self) -> Value {
        let (number, revision) = (self.number, self.revision);
        let spec = match self.kind {
            Kind::Onomondo => json!({
                "name": self.remote(), "type": "https", "adoptionPolicy": "Always",
                "https": {"host": self.host(), "shouldReturnBody": revision.is_multiple_of(2)},
            }),
            Kind::Apono => {
                json!({"connectorId": self.remote(), "name": format!("Agent {number}.{revision}")})
            }
            Kind::Omf => json!({
                "name": self.remote(), "description": format!("Revision {revision}"),
                "adoptionPolicy": "Always", "clientIds": self.clients(),
            }),
        };
        json!({"kind": self.kind.name(), "metadata": {"name": self.name()}, "spec": spec})
    }

    /// What tells it from others at the vendor: a name, which is changed now and then at Onomondo, or Apono's id.
    pub(crate) fn remote(&self) -> String {
        match self.kind {
            Kind::Onomondo => format!("plant-{:03}-{}", self.number, self.revision / 4 % 3),
            Kind::Apono => format!("c-{:03}", self.number),
            Kind::Omf => format!("Line {}", self.number),
        }
    }

    fn host(&self) -> String {
        format!("https://ingest.example.com/{}/{}", self.number, self.revision)
    }

    /// Some of its own clients, never none.
    fn clients(&self) -> Vec<String> {
        let has = |client: &usize| *client == 0 || (self.revision >> (client - 1)) & 1 == 1;
        (0..CLIENTS)
            .filter(has)
            .map(|client| format!("{:08x}-1111-4222-8333-{client:012x}", self.number))
            .collect()
    }

    /// What the vendor has to show of it.
    fn expected(&self) -> Value {
        match self.kind {
            Kind::Onomondo => json!([self.remote(), self.host(), self.revision.is_multiple_of(2)]),
            Kind::Apono => json!([self.remote(), format!("Agent {}.{}", self.number, self.revision)]),
            Kind::Omf => json!([self.remote(), format!("Revision {}", self.revision), self.clients()]),
        }
    }
}

/// All objects. Cloning shares them.
#[derive(Clone)]
pub(crate) struct Fleet(Arc<Mutex<Vec<Declared>>>);

impl Fleet {
    /// `of_each` objects for each vendor, none of which has been declared yet.
    pub(crate) fn new(of_each: usize) -> Fleet {
        let object = |kind, number| Declared { kind, number, revision: 0, is_leaving: false };
        let all = (0..of_each)
            .flat_map(|number| [Kind::Onomondo, Kind::Apono, Kind::Omf].map(|kind| object(kind, number)));
        Fleet(Arc::new(Mutex::new(all.collect())))
    }

    /// The objects, for a moment.
    pub(crate) fn objects(&self) -> MutexGuard<'_, Vec<Declared>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether Kubernetes says of each object that it is in sync, and each vendor has exactly what is declared; else what is not so.
    pub(crate) async fn is_as_declared(&self, story: &Story) -> Result<(), String> {
        for kind in [Kind::Onomondo, Kind::Apono, Kind::Omf] {
            let objects = story.objects.list(kind.name(), &story.name).await;
            let stuck = objects
                .iter()
                .filter(|object| !is_ready(object))
                .map(|object| format!("{} is {}", object["metadata"]["name"], condition(object, "Ready")));
            say(kind, &stuck.collect::<Vec<_>>())?;
            let mut expected: Vec<String> = Vec::new();
            expected.extend(
                self.objects().iter().filter(|one| one.kind == kind).map(|one| one.expected().to_string()),
            );
            let there: Vec<String> =
                at_the_vendor(story, kind).await.iter().map(ToString::to_string).collect();
            say(kind, &difference(expected, there))?;
        }
        Ok(())
    }
}

fn say(kind: Kind, wrong: &[String]) -> Result<(), String> {
    const SAID: usize = 5;
    if wrong.is_empty() {
        return Ok(());
    }
    let some = wrong.iter().take(SAID).cloned().collect::<Vec<_>>();
    Err(format!("{kind:?}, {} in all: {}", wrong.len(), some.join("; ")))
}

/// What is missing and what is too much, each object as often as it is.
fn difference(mut expected: Vec<String>, there: Vec<String>) -> Vec<String> {
    let mut wrong = Vec::new();
    for one in there {
        match expected.iter().position(|other| *other == one) {
            Some(at) => {
                expected.swap_remove(at);
            }
            None => wrong.push(format!("too much: {one}")),
        }
    }
    wrong.extend(expected.into_iter().map(|one| format!("missing: {one}")));
    wrong
}

/// Everything that the vendor has, in the form of [`Declared::expected`].
async fn at_the_vendor(story: &Story, kind: Kind) -> Vec<Value> {
    match kind {
        Kind::Onomondo => {
            let shown = |one: &Value| {
                json!([one["name"], one["options"]["host"], one["options"]["shouldReturnBody"]])
            };
            story.vendor.connectors().await.iter().map(shown).collect()
        }
        Kind::Apono => {
            let shown = |one: &Value| json!([one["id"], one["name"]]);
            story.vendor.apono().connectors().await.iter().map(shown).collect()
        }
        Kind::Omf => {
            let connections = story.vendor.data_hub().connections().await;
            let is_there =
                |one: &&Value| !["Deleting", "Deleted"].contains(&one["State"].as_str().unwrap_or("?"));
            let shown = |one: &Value| {
                let mut clients: Vec<String> =
                    serde_json::from_value(one["ClientIds"].clone()).unwrap_or_default();
                clients.sort();
                json!([one["Name"], one["Description"], clients])
            };
            connections.iter().filter(is_there).map(shown).collect()
        }
    }
}
