//! What people do: with `kubectl`, with Secrets, and behind the operator's back in the vendors' own web apps.

use super::dice::Dice;
use super::remote::Vendor;
use super::specs::{self, GUESTS};
use serde_json::{Value, json};
use std::fmt;
use std::time::Duration;

/// Something that somebody does.
#[derive(Debug, Clone)]
pub enum Act {
    /// Declares an object, or changes its spec to this one.
    Apply {
        plural: &'static str,
        namespace: String,
        name: String,
        spec: Value,
    },
    /// Changes a part of an object: a JSON merge patch.
    Patch {
        plural: &'static str,
        namespace: String,
        name: String,
        patch: Value,
    },
    Delete {
        plural: &'static str,
        namespace: String,
        name: String,
    },
    PutSecret {
        namespace: String,
        name: String,
        data: Value,
    },
    DeleteSecret {
        namespace: String,
        name: String,
    },
    /// Believes the list of the account that the operator did not believe.
    AcceptSnapshot {
        vendor: Vendor,
    },
    /// A request to the emulator's controls: what somebody does in the vendor's web app.
    AtVendor {
        method: &'static str,
        path: String,
        body: Value,
    },
    /// Changes the how many-th connection of the Data Hub, or deletes it.
    AtConnection {
        nth: usize,
        patch: Option<Value>,
    },
}

impl fmt::Display for Act {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Apply { plural, namespace, name, spec } => {
                write!(formatter, "apply {plural} {namespace}/{name} {spec}")
            }
            Self::Patch { plural, namespace, name, patch } => {
                write!(formatter, "patch {plural} {namespace}/{name} {patch}")
            }
            Self::Delete { plural, namespace, name } => {
                write!(formatter, "delete {plural} {namespace}/{name}")
            }
            Self::PutSecret { namespace, name, data } => {
                write!(formatter, "put secret {namespace}/{name} {data}")
            }
            Self::DeleteSecret { namespace, name } => write!(formatter, "delete secret {namespace}/{name}"),
            Self::AcceptSnapshot { vendor } => write!(formatter, "accept the list of {vendor:?}"),
            Self::AtVendor { method, path, body } => {
                write!(formatter, "at the vendor: {method} {path} {body}")
            }
            Self::AtConnection { nth, patch: Some(patch) } => {
                write!(formatter, "at the Data Hub: change connection {nth} {patch}")
            }
            Self::AtConnection { nth, patch: None } => {
                write!(formatter, "at the Data Hub: delete connection {nth}")
            }
        }
    }
}

/// The Secrets that connectors refer to.
const SECRETS: [&str; 3] = ["tls-0", "tls-1", "hub"];

/// What people do until they come to rest.
pub fn draw(dice: &mut Dice, rest: Duration) -> Vec<(Duration, Act)> {
    let end = u64::try_from(rest.as_millis()).unwrap_or(u64::MAX);
    let mut acts = Vec::new();
    let soon = |dice: &mut Dice| {
        if dice.chance(0.8) { dice.milliseconds(0, 3000) } else { dice.milliseconds(0, end / 2) }
    };
    for vendor in Vendor::ALL {
        if dice.chance(0.25) {
            continue;
        }
        let namespace = specs::namespace(vendor).to_owned();
        let (name, data) = (specs::credential_secret(vendor).to_owned(), specs::credential(vendor));
        acts.push((soon(dice), Act::PutSecret { namespace: namespace.clone(), name, data }));
        let spec = specs::account(vendor, dice);
        acts.push((
            soon(dice),
            Act::Apply {
                plural: vendor.accounts(),
                namespace: namespace.clone(),
                name: "default".into(),
                spec,
            },
        ));
        if vendor == Vendor::Onomondo {
            for (secret, namespace) in
                SECRETS.iter().flat_map(|secret| [(secret, &*namespace), (secret, GUESTS)])
            {
                acts.push((soon(dice), put_secret(namespace, secret, dice)));
            }
        }
        for number in 0..dice.between(1, 5) {
            acts.push((soon(dice), apply(vendor, number, dice)));
        }
        for _ in 0..dice.between(0, 14) {
            let at = dice.milliseconds(0, end);
            acts.extend(something(vendor, dice).into_iter().map(|act| (at, act)));
        }
    }
    acts
}

fn put_secret(namespace: &str, name: &str, dice: &mut Dice) -> Act {
    let value =
        |dice: &mut Dice, what: &str| format!("{}-{what}-{}", super::canary::MARK, dice.between(0, 999));
    let data = if name == "hub" {
        json!({ "connectionString": value(dice, "hub") })
    } else {
        json!({ "tls.key": value(dice, "key"), "tls.crt": value(dice, "crt") })
    };
    Act::PutSecret { namespace: namespace.into(), name: name.into(), data }
}

fn object_name(number: u64) -> String {
    format!("plant-{number}")
}

fn apply(vendor: Vendor, number: u64, dice: &mut Dice) -> Act {
    Act::Apply {
        plural: vendor.connectors(),
        namespace: specs::home(vendor, number).into(),
        name: object_name(number),
        spec: specs::connector(vendor, number, dice),
    }
}

/// One thing that somebody does with a vendor's objects, or some that belong together.
fn something(vendor: Vendor, dice: &mut Dice) -> Vec<Act> {
    let number = dice.between(0, 4);
    let (plural, namespace, name) =
        (vendor.connectors(), specs::home(vendor, number).to_owned(), object_name(number));
    let patch = |patch: Value| Act::Patch { plural, namespace: namespace.clone(), name: name.clone(), patch };
    let account = |patch: Value| Act::Patch {
        plural: vendor.accounts(),
        namespace: specs::namespace(vendor).to_owned(),
        name: "default".into(),
        patch,
    };
    vec![match dice.between(0, 19) {
        0..=4 => apply(vendor, number, dice),
        5..=7 => Act::Delete { plural, namespace, name },
        8 => {
            let again = apply(vendor, number, dice);
            return vec![Act::Delete { plural, namespace, name }, again];
        }
        9 => patch(json!({ "spec": { "suspend": dice.chance(0.4) } })),
        10 => patch(
            json!({ "spec": { "managementPolicy": *dice.one_of(&["Manage", "Manage", "Observe", "Plan"]) } }),
        ),
        11 => {
            let at = dice.between(0, 99).to_string();
            patch(json!({ "metadata": { "annotations": { "connector-operator.io/reconcile-at": at } } }))
        }
        12 if dice.chance(0.3) => {
            account(json!({ "spec": { "allowedNamespaces": { "from": *dice.one_of(&["All", "Same"]) } } }))
        }
        12 if dice.chance(0.4) => {
            patch(json!({ "metadata": { "annotations": { "connector-operator.io/orphan": "true" } } }))
        }
        13 if dice.chance(0.5) => account(json!({ "spec": { "suspend": dice.chance(0.5) } })),
        13 => Act::AcceptSnapshot { vendor },
        14 if vendor == Vendor::Onomondo => {
            let secret = *dice.one_of(&SECRETS);
            if dice.chance(0.25) {
                Act::DeleteSecret { namespace, name: secret.into() }
            } else {
                put_secret(&namespace, secret, dice)
            }
        }
        14 => {
            let (name, data) = (specs::credential_secret(vendor).to_owned(), specs::credential(vendor));
            let namespace = specs::namespace(vendor).to_owned();
            return vec![
                Act::DeleteSecret { namespace: namespace.clone(), name: name.clone() },
                Act::PutSecret { namespace, name, data },
            ];
        }
        _ => at_vendor(vendor, number, dice),
    }]
}

fn at_vendor(vendor: Vendor, number: u64, dice: &mut Dice) -> Act {
    let act = |method, path: String, body| Act::AtVendor { method, path, body };
    match vendor {
        Vendor::Onomondo => {
            let at = format!("/_emulator/onomondo/connectors/{}", specs::remote_name(dice));
            match dice.between(0, 4) {
                0 => act("PATCH", at, json!({ "options": { "port": dice.between(1, 9) } })),
                1 => act("PATCH", at, json!({ "meta": { "key": { "last_updated_at": "now" } } })),
                2 if dice.chance(0.2) => act("DELETE", "/_emulator/onomondo/connectors".into(), Value::Null),
                2 => act("DELETE", at, Value::Null),
                3 => act("PUT", at, specs::strange_connector(dice)),
                _ => {
                    let mapped = if dice.chance(0.5) { json!(specs::remote_name(dice)) } else { Value::Null };
                    act("PUT", "/_emulator/onomondo/sims/sim-1".into(), json!({ "connector": mapped }))
                }
            }
        }
        Vendor::Apono => {
            let (agent, id) =
                (format!("/_emulator/apono/agents/agent-{number}"), specs::connector_id(number % 4));
            match dice.between(0, 5) {
                0..=1 => act("PUT", agent, json!({ "connector_id": id })),
                2 => act("POST", format!("{agent}/disconnect"), Value::Null),
                3 => act("POST", format!("{agent}/connect"), Value::Null),
                4 => act("PATCH", format!("/_emulator/apono/connectors/{id}"), json!({ "name": "theirs" })),
                _ => act("DELETE", format!("/_emulator/apono/connectors/{id}"), Value::Null),
            }
        }
        Vendor::Omf => match dice.between(0, 3) {
            0 => Act::AtConnection { nth: 0, patch: Some(json!({ "Name": "renamed by hand" })) },
            1 => Act::AtConnection { nth: 1, patch: None },
            2 => Act::AtConnection { nth: 1, patch: Some(json!({ "Description": "changed by hand" })) },
            _ => act("POST", "/_emulator/omf/connections".into(), json!([specs::strange_connection(dice)])),
        },
    }
}
