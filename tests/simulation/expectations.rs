//! What an object may say when its world has come to rest, and what has to be at the vendor then: worked out from what was declared and what is
//! there, without the operator.

use super::canary;
use super::declared::Declared;
use super::kubernetes::{Key, Resource};
use super::remote::{Remote, Vendor, lower_case};
use super::specs;
use super::world::World;
use base64::Engine;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What is wrong with an object, if anything is.
pub fn unmet(one: &Declared, others: &[Declared], remotes: &[Remote], world: &World) -> Option<String> {
    let what = judge(one, others, remotes, world)?;
    Some(format!("{} {}: {what}; it says {}; spec {}", one.key.0, one.key.2, one.said(), one.object["spec"]))
}

fn judge(one: &Declared, others: &[Declared], remotes: &[Remote], world: &World) -> Option<String> {
    if let Some(excuse) = account_is_unusable(one.vendor, world) {
        let ready = one.condition("Ready").is_some_and(|(status, ..)| status == "True");
        return (ready && !one.is_suspended() && excuse == "gone")
            .then(|| "it is Ready, and its account is gone".to_owned());
    }
    if one.is_deleted() {
        return judge_delete(one);
    }
    if one.is_suspended() {
        return one
            .condition("Suspended")
            .is_none()
            .then(|| "it is suspended, and does not say so".to_owned());
    }
    let Some((ready, reason, _)) = one.condition("Ready") else { return Some("it says nothing".to_owned()) };
    let generation = &one.object["metadata"]["generation"];
    if one.object["status"]["observedGeneration"] != *generation {
        return Some(format!("generation {generation} was not looked at"));
    }
    if let Some(untrue) = shows_otherwise(one, ready == "True", reason, remotes, world) {
        return Some(untrue);
    }
    let theirs = remotes.iter().filter(|remote| one.recorded() == Some(remote.identity.as_str()));
    let its_own = theirs.clone().find(|remote| remote.vendor == one.vendor && !remote.is_leaving());
    if ready == "True" && reason == "Succeeded" && one.management_policy() == "Manage" {
        let Some(remote) = its_own else {
            return Some("it is Ready, and the vendor has nothing of it".to_owned());
        };
        return differences(one, remote, world)
            .map(|field| format!("it is Ready, and differs at the vendor in {field}"));
    }
    if ready == "True" {
        return None;
    }
    let is_explained = match reason {
        "Conflict" => has_rival(one, others, remotes),
        // It waits for one of several that would each have to give up everything first.
        "Progressing" => others.iter().any(|other| {
            let is_stuck = other.condition("Stalled").is_some_and(|(_, reason, _)| reason == "Conflict");
            is_stuck && one.condition("Ready").is_some_and(|(.., message)| message.contains(&other.key.2))
        }),
        "SecretNotFound" => secrets_missing(one, world),
        "AccountNotAllowed" => one.is_guest() && admits_no_guests(one.vendor, world),
        "WaitingForAgent" => !remotes.iter().any(|remote| one.wanted() == Some(remote.identity.as_str())),
        "ChangesPlanned" => one.management_policy() == "Plan",
        "RemoteNotFound" => one.management_policy() == "Observe",
        // Somebody changed the same thing again and again.
        "NotConverging" => world.state().referee.was_insisted(one),
        // What was there before cannot be compared; it says what to do.
        "WouldClearSecret" => true,
        _ => false,
    };
    (!is_explained).then(|| format!("nothing explains {reason}"))
}

/// What one under Observe or Plan shows that is not so.
fn shows_otherwise(
    one: &Declared,
    ready: bool,
    reason: &str,
    remotes: &[Remote],
    world: &World,
) -> Option<String> {
    if one.management_policy() == "Manage" {
        return None;
    }
    let there = |identity: Option<&str>| {
        let mut of_vendor =
            remotes.iter().filter(|remote| remote.vendor == one.vendor && !remote.is_leaving());
        of_vendor.find(|remote| identity == Some(remote.identity.as_str()))
    };
    if one.is_guest() && one.shown().is_none() && ready {
        // A guest learns no more of others' objects than that they are there.
        let anything = remotes.iter().any(|remote| one.is_about(remote));
        return (!anything).then(|| "it shows an object that is not there".to_owned());
    }
    let (shown, wanted) = (there(one.shown()), there(one.wanted()));
    match (reason, shown.or(wanted)) {
        ("RemoteNotFound", Some(remote)) => {
            Some(format!("it does not find {}, which is there", remote.identity))
        }
        ("ChangesPlanned", Some(remote)) if one.shown() == one.wanted() => {
            let nothing = differences(one, remote, world).is_none() && secret_references(one).is_empty();
            nothing.then(|| "it plans changes, and nothing differs".to_owned())
        }
        (_, None) if ready => Some("it shows an object that is not there".to_owned()),
        ("Succeeded", Some(remote)) if ready => differences(one, remote, world)
            .map(|field| format!("it plans nothing, and the vendor's object differs in {field}")),
        _ => None,
    }
}

/// An account under which nothing can be done.
fn account_is_unusable(vendor: Vendor, world: &World) -> Option<&'static str> {
    let Some(account) = world.account(vendor) else { return Some("gone") };
    if account["spec"]["suspend"] == true {
        return Some("suspended");
    }
    let shrank = account["status"]["conditions"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|condition| condition["reason"] == "SnapshotShrank");
    if shrank {
        return Some("shrank");
    }
    let secret: Key = (
        &Resource::named("secrets").plural,
        specs::namespace(vendor).to_owned(),
        specs::credential_secret(vendor).to_owned(),
    );
    world.api.object(&secret).is_none().then_some("without its Secret")
}

fn admits_no_guests(vendor: Vendor, world: &World) -> bool {
    world.account(vendor).is_none_or(|account| account["spec"]["allowedNamespaces"]["from"] != "All")
}

fn judge_delete(one: &Declared) -> Option<String> {
    match one.condition("Ready") {
        Some((_, "DeletionBlocked", _)) => None,
        _ => Some("it is being deleted, and neither ends nor says why".to_owned()),
    }
}

/// Whether somebody else has, or asks for, what it asks for.
fn has_rival(one: &Declared, others: &[Declared], remotes: &[Remote]) -> bool {
    let asks = |other: &Declared| {
        if one.vendor == Vendor::Omf {
            let ids = |declared: &Declared| lower_case(&declared.object["spec"]["clientIds"]);
            return !ids(one).is_disjoint(&ids(other));
        }
        let claimed = other.claim().map(|claim| claim["name"].clone());
        let is_claimed = claimed.is_some_and(|name| name.as_str() == one.wanted());
        other.wanted() == one.wanted() || other.recorded() == one.wanted() || is_claimed
    };
    let same_vendor = |other: &&Declared| other.vendor == one.vendor && other.uid() != one.uid();
    let names_clash = |other: &Declared| {
        one.vendor == Vendor::Apono && other.object["spec"]["name"] == one.object["spec"]["name"]
    };
    let declared = others.iter().filter(same_vendor).any(|other| asks(other) || names_clash(other));
    let there = remotes.iter().any(|remote| {
        let its_own = one.recorded() == Some(remote.identity.as_str());
        let clash = one.vendor == Vendor::Apono && remote.body["name"] == one.object["spec"]["name"];
        remote.vendor == one.vendor && !its_own && (one.is_about(remote) || clash)
    });
    declared || there
}

fn secrets_missing(one: &Declared, world: &World) -> bool {
    secret_references(one).values().any(|(name, key)| secret_value(world, &one.key.1, name, key).is_none())
}

/// The Secrets that a connector refers to, by the vendor's name of the value.
fn secret_references(one: &Declared) -> BTreeMap<&'static str, (String, String)> {
    let spec = &one.object["spec"];
    let fields = [
        ("key", &spec["tls"]["keySecretRef"], "tls.key"),
        ("cert", &spec["tls"]["certSecretRef"], "tls.crt"),
        ("ca", &spec["tls"]["caSecretRef"], "ca.crt"),
        ("connectionString", &spec["microsoftAzureIot"]["connectionStringSecretRef"], "connectionString"),
    ];
    let read = |(field, reference, default): (&'static str, &Value, &str)| {
        let name = reference["name"].as_str()?.to_owned();
        let key = reference["key"].as_str().unwrap_or(default).to_owned();
        Some((field, (name, key)))
    };
    fields.into_iter().filter_map(read).collect()
}

fn secret_value(world: &World, namespace: &str, name: &str, key: &str) -> Option<Vec<u8>> {
    let secret: Key = (&Resource::named("secrets").plural, namespace.to_owned(), name.to_owned());
    let object = world.api.object(&secret)?;
    base64::engine::general_purpose::STANDARD.decode(object["data"][key].as_str()?).ok()
}

/// The first field in which the vendor's object is not what was declared.
fn differences(one: &Declared, remote: &Remote, world: &World) -> Option<String> {
    let spec = &one.object["spec"];
    let body = &remote.body;
    let differs = |field: &str, declared: &Value, there: &Value| {
        (declared != there).then(|| format!("{field}: {declared} and {there}"))
    };
    match one.vendor {
        Vendor::Onomondo => {
            let wanted = json!(one.wanted());
            differs("name", &wanted, &body["name"])
                .or_else(|| differs("type", &spec["type"], &body["type"]))
                .or_else(|| {
                    options(spec)
                        .into_iter()
                        .find_map(|(name, value)| differs(name, &value, &body["options"][name]))
                })
                .or_else(|| optional_list("passthrough", spec, body))
                .or_else(|| optional_list("tags", spec, body))
                .or_else(|| secrets(one, body, world))
        }
        Vendor::Apono => {
            let name = &spec["name"];
            if name.is_null() { None } else { differs("name", name, &body["name"]) }
        }
        Vendor::Omf => {
            let name = spec["name"].as_str().unwrap_or(&one.key.2);
            let description = &spec["description"];
            let there = body["Description"].as_str().unwrap_or_default();
            let declared = description.as_str().unwrap_or(there);
            differs("Name", &json!(name), &body["Name"])
                .or_else(|| differs("Description", &json!(declared), &json!(there)))
                .or_else(|| {
                    let (wanted, there) = (lower_case(&spec["clientIds"]), remote.client_ids());
                    (wanted != there).then(|| format!("ClientIds: {wanted:?} and {there:?}"))
                })
        }
    }
}

/// The options that a spec declares, in the vendor's words.
fn options(spec: &Value) -> Vec<(&'static str, Value)> {
    let of = |member: &str, fields: &[(&'static str, &str)]| {
        let member = &spec[member];
        fields.iter().map(|(name, field)| (*name, member[*field].clone())).collect::<Vec<_>>()
    };
    match spec["type"].as_str() {
        Some("tls") => of("tls", &[("host", "host"), ("port", "port"), ("server_name", "serverName")]),
        Some("https") => of("https", &[("host", "host"), ("shouldReturnBody", "shouldReturnBody")]),
        Some("aws_iot_core") => of(
            "awsIotCore",
            &[
                ("region", "region"),
                ("role", "role"),
                ("publishTopic", "publishTopic"),
                ("defaultPort", "defaultPort"),
            ],
        ),
        _ => Vec::new(),
    }
}

fn optional_list(field: &str, spec: &Value, body: &Value) -> Option<String> {
    let declared = spec[field].as_array()?;
    let there = body[field].as_array().map(Vec::as_slice).unwrap_or_default();
    (declared.len() != there.len()).then(|| format!("{field}: {} and {}", spec[field], body[field]))
}

fn secrets(one: &Declared, body: &Value, world: &World) -> Option<String> {
    if one.object["spec"]["secretDriftPolicy"] == "Report" {
        return None;
    }
    secret_references(one).into_iter().find_map(|(field, (name, key))| {
        let value = secret_value(world, &one.key.1, &name, &key)?;
        let digest = ring::digest::digest(&ring::digest::SHA256, &value);
        let digest = hexadecimal(digest.as_ref());
        let there = &body["meta"][field];
        let same =
            there["is_set"] == true && there["sha256"].as_str().is_none_or(|there| there.ends_with(&digest));
        (!same).then(|| format!("the secret {field}: {there} is not that of a {} in {name}", canary::MARK))
    })
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
