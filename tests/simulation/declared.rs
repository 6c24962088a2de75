//! What an object in Kubernetes declares and says, read as plain JSON: the referee shares no type with the operator.

use super::kubernetes::Key;
use super::remote::{Remote, Vendor, lower_case};
use serde_json::Value;
use std::sync::Arc;

/// The operator's finalizer and annotations.
pub const FINALIZER: &str = "connector-operator.io/finalizer";
pub const CLAIM: &str = "connector-operator.io/claim";
pub const ORPHAN: &str = "connector-operator.io/orphan";

/// One version of a connector.
#[derive(Debug, Clone)]
pub struct Declared {
    pub vendor: Vendor,
    pub key: Key,
    pub object: Arc<Value>,
}

impl Declared {
    pub fn new(key: &Key, object: Arc<Value>) -> Option<Self> {
        Some(Self { vendor: Vendor::of_connectors(key.0)?, key: key.clone(), object })
    }

    pub fn uid(&self) -> &str {
        self.object["metadata"]["uid"].as_str().unwrap_or_default()
    }

    /// Which version it is: a later one has a larger number.
    pub fn revision(&self) -> u64 {
        self.object["metadata"]["resourceVersion"].as_str().and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    fn spec(&self, field: &str) -> &str {
        self.object["spec"][field].as_str().unwrap_or_default()
    }

    fn annotation(&self, name: &str) -> Option<&str> {
        self.object["metadata"]["annotations"][name].as_str()
    }

    pub fn is_deleted(&self) -> bool {
        !self.object["metadata"]["deletionTimestamp"].is_null()
    }

    pub fn is_suspended(&self) -> bool {
        self.object["spec"]["suspend"] == true
    }

    /// Whether it lets the operator write to the vendor.
    pub fn manages(&self) -> bool {
        self.spec("managementPolicy") == "Manage" && !self.is_suspended()
    }

    /// Whether its end is the end of what it declared, too.
    pub fn deletes(&self) -> bool {
        self.manages() && self.spec("deletionPolicy") == "Delete" && self.annotation(ORPHAN) != Some("true")
    }

    /// Whether it uses an account of another namespace.
    pub fn is_guest(&self) -> bool {
        self.key.1 == super::specs::GUESTS
    }

    /// Whether it takes over whatever is there: no account lets a guest do that here.
    pub fn adopts_anything(&self) -> bool {
        !self.is_guest() && self.spec("adoptionPolicy") == "Always"
    }

    pub fn management_policy(&self) -> &str {
        self.spec("managementPolicy")
    }

    /// The claim annotation, where it is of this very object.
    pub fn claim(&self) -> Option<Value> {
        let claim: Value = serde_json::from_str(self.annotation(CLAIM)?).ok()?;
        (claim["uid"] == self.uid()).then_some(claim)
    }

    /// The identity that the status records, and not only shows.
    pub fn recorded(&self) -> Option<&str> {
        self.object["status"].get("scope")?;
        self.shown()
    }

    /// The identity that the status shows.
    pub fn shown(&self) -> Option<&str> {
        let remote = &self.object["status"]["remote"];
        match self.vendor {
            Vendor::Onomondo => remote["name"].as_str(),
            Vendor::Apono | Vendor::Omf => remote["id"].as_str(),
        }
    }

    /// The name that it asks for (Onomondo), or the id (Apono).
    pub fn wanted(&self) -> Option<&str> {
        match self.vendor {
            Vendor::Onomondo => Some(self.object["spec"]["name"].as_str().unwrap_or(&self.key.2)),
            Vendor::Apono => self.object["spec"]["connectorId"].as_str(),
            Vendor::Omf => None,
        }
    }

    /// Whether it has anything to do with that object of the vendor's.
    pub fn is_about(&self, remote: &Remote) -> bool {
        if self.vendor != remote.vendor {
            return false;
        }
        let identity = Some(remote.identity.as_str());
        if self.recorded() == identity || self.wanted() == identity {
            return true;
        }
        match self.vendor {
            Vendor::Omf => {
                let wanted = lower_case(&self.object["spec"]["clientIds"]);
                !wanted.is_disjoint(&remote.client_ids())
            }
            Vendor::Onomondo => {
                let claimed = self.claim().map(|claim| claim["name"].clone());
                let renaming = self.object["status"]["renamingTo"].as_str();
                claimed.is_some_and(|name| name.as_str() == identity) || renaming == identity
            }
            Vendor::Apono => false,
        }
    }

    /// A condition's status, reason and message.
    pub fn condition(&self, kind: &str) -> Option<(&str, &str, &str)> {
        let conditions = self.object["status"]["conditions"].as_array()?;
        let found = conditions.iter().find(|condition| condition["type"] == kind)?;
        Some((found["status"].as_str()?, found["reason"].as_str()?, found["message"].as_str().unwrap_or("")))
    }

    /// `True/Succeeded` and the like, for a report.
    pub fn said(&self) -> String {
        let one = |kind: &str| {
            self.condition(kind)
                .map(|(status, reason, message)| format!("{kind}={status}/{reason} ({message})"))
        };
        let said: Vec<String> =
            ["Ready", "Reconciling", "Stalled", "Suspended"].iter().filter_map(|kind| one(kind)).collect();
        if said.is_empty() { "it says nothing".to_owned() } else { said.join(", ") }
    }
}
