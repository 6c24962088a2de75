//! What the vendors really have, read out of the emulator's own state: never through what the operator believes.

use serde_json::Value;
use std::collections::BTreeSet;

/// A vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Vendor {
    Onomondo,
    Apono,
    Omf,
}

impl Vendor {
    /// Every vendor.
    pub const ALL: [Self; 3] = [Self::Onomondo, Self::Apono, Self::Omf];

    /// The plural of its connectors' kind.
    pub fn connectors(self) -> &'static str {
        match self {
            Self::Onomondo => "onomondoconnectors",
            Self::Apono => "aponoconnectors",
            Self::Omf => "omfconnections",
        }
    }

    /// The plural of its accounts' kind.
    pub fn accounts(self) -> &'static str {
        match self {
            Self::Onomondo => "onomondoaccounts",
            Self::Apono => "aponoaccounts",
            Self::Omf => "omfaccounts",
        }
    }

    /// The vendor whose connectors have that plural.
    pub fn of_connectors(plural: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|vendor| vendor.connectors() == plural)
    }

    /// The vendor that a path belongs to.
    pub fn of_path(path: &str) -> Option<Self> {
        let path = path.to_ascii_lowercase();
        if path.starts_with("/connectors") || path.starts_with("/sims") || path.starts_with("/tags") {
            Some(Self::Onomondo)
        } else if path.contains("/omfconnections") {
            Some(Self::Omf)
        } else if path.starts_with("/api/admin/") || path.starts_with("/api/v2/connectors") {
            Some(Self::Apono)
        } else {
            None
        }
    }
}

/// One object at a vendor.
#[derive(Debug, Clone)]
pub struct Remote {
    pub vendor: Vendor,
    /// What the vendor never gives to another: it tells a new object from an old one of the same name.
    pub id: String,
    /// What the operator knows it by.
    pub identity: String,
    pub body: Value,
}

impl Remote {
    /// Whether it is on its way out.
    pub fn is_leaving(&self) -> bool {
        matches!(self.body["State"].as_str(), Some("Deleting" | "Deleted"))
    }

    /// The client ids of a connection, without case.
    pub fn client_ids(&self) -> BTreeSet<String> {
        lower_case(&self.body["ClientIds"])
    }
}

/// A list of texts as a set without case.
pub fn lower_case(list: &Value) -> BTreeSet<String> {
    let items = list.as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(|item| item.as_str().map(str::to_ascii_lowercase)).collect()
}

/// Every object of every vendor.
pub fn all(state: &Value) -> Vec<Remote> {
    let mut remotes = Vec::new();
    for organisation in members(&state["onomondo"]["organisations"]) {
        remotes.extend(items(&organisation["connectors"]).map(|body| Remote {
            vendor: Vendor::Onomondo,
            id: format!("onomondo {}", body["id"]),
            identity: text(&body["name"]),
            body: body.clone(),
        }));
    }
    for organisation in members(&state["apono"]["organisations"]) {
        remotes.extend(items(&organisation["connectors"]).map(|body| Remote {
            vendor: Vendor::Apono,
            id: format!("apono {}", text(&body["id"])),
            identity: text(&body["id"]),
            body: body.clone(),
        }));
    }
    for namespace in items(&state["omf"]["namespaces"]) {
        remotes.extend(items(&namespace["connections"]).map(|body| Remote {
            vendor: Vendor::Omf,
            id: format!("omf {}", text(&body["Id"])),
            identity: text(&body["Id"]),
            body: body.clone(),
        }));
    }
    remotes
}

fn members(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_object().into_iter().flatten().map(|(_, member)| member)
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
