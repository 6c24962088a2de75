//! Specs that the API server would admit, and names that are few, so that objects meet.

use super::dice::Dice;
use super::referee::REQUESTS_PER_MINUTE;
use super::remote::Vendor;
use serde_json::{Value, json};

/// The tag that Onomondo's organisation has.
const TAG: &str = "a5023f47-1db8-425e-b664-dc0b8921f644";
pub const TENANT: &str = "6a2b3c4d-0000-0000-0000-000000000001";

/// Where the objects of a vendor are.
pub fn namespace(vendor: Vendor) -> &'static str {
    match vendor {
        Vendor::Onomondo => "iot",
        Vendor::Apono => "access",
        Vendor::Omf => "plant",
    }
}

/// Where those are declared who use the accounts of others.
pub const GUESTS: &str = "guests";

/// Where the object of that number is declared: the last ones are guests of their account.
pub fn home(vendor: Vendor, number: u64) -> &'static str {
    if number < 3 { namespace(vendor) } else { GUESTS }
}

/// The Secret with the account's credential.
pub fn credential_secret(vendor: Vendor) -> &'static str {
    match vendor {
        Vendor::Onomondo => "onomondo",
        Vendor::Apono => "apono",
        Vendor::Omf => "aveva",
    }
}

/// What is in it.
pub fn credential(vendor: Vendor) -> Value {
    use super::canary::{APONO_TOKEN, OMF_CLIENT_ID, OMF_CLIENT_SECRET, ONOMONDO_KEY};
    match vendor {
        Vendor::Onomondo => json!({ "apiKey": ONOMONDO_KEY }),
        Vendor::Apono => json!({ "token": APONO_TOKEN }),
        Vendor::Omf => json!({ "clientId": OMF_CLIENT_ID, "clientSecret": OMF_CLIENT_SECRET }),
    }
}

/// The account's spec.
pub fn account(vendor: Vendor, dice: &mut Dice) -> Value {
    let mut spec = match vendor {
        Vendor::Onomondo => json!({ "apiKeySecretRef": { "name": "onomondo" } }),
        Vendor::Apono => json!({ "tokenSecretRef": { "name": "apono" } }),
        Vendor::Omf => json!({
            "endpoint": "https://uswe.datahub.connect.aveva.com",
            "tenantId": TENANT, "namespaceId": "production",
            "clientCredentials": { "secretRef": { "name": "aveva" } },
        }),
    };
    if dice.chance(0.7) {
        let adoption = *dice.one_of(&["Never", "IfIdentical"]);
        spec["allowedNamespaces"] = json!({ "from": "All", "adoption": adoption });
    }
    spec["requestsPerMinute"] = REQUESTS_PER_MINUTE.into();
    spec["resyncInterval"] = (*dice.one_of(&["15s", "30s", "1m"])).into();
    spec
}

/// The names at Onomondo that anybody asks for.
pub fn remote_name(dice: &mut Dice) -> String {
    format!("plant-{}", dice.between(0, 4))
}

/// The ids of Apono's connectors.
pub fn connector_id(number: u64) -> String {
    format!("6c1d9a52-7f0b-4a7e-9c53-{number:012}")
}

fn client_ids(dice: &mut Dice) -> Value {
    let many = dice.between(1, 3);
    let mut ids: Vec<String> =
        (0..many).map(|_| format!("d6b178a4-0de5-4c30-8ba7-{:012}", dice.between(0, 6))).collect();
    ids.sort();
    ids.dedup();
    json!(ids)
}

/// A spec of a connector of that vendor; `number` tells objects apart whose identity must not move.
pub fn connector(vendor: Vendor, number: u64, dice: &mut Dice) -> Value {
    let mut spec = match vendor {
        Vendor::Onomondo => onomondo(dice),
        Vendor::Apono => apono(number, dice),
        Vendor::Omf => omf(dice),
    };
    let policies = [
        ("managementPolicy", 0.25, ["Observe", "Plan"]),
        ("deletionPolicy", 0.4, ["Orphan", "Delete"]),
        ("adoptionPolicy", 0.5, ["Always", "Never"]),
    ];
    for (field, rate, values) in policies {
        if dice.chance(rate) {
            spec[field] = (*dice.one_of(&values)).into();
        }
    }
    if home(vendor, number) == GUESTS {
        spec["accountRef"] = json!({ "name": "default", "namespace": namespace(vendor) });
    }
    if dice.chance(0.05) {
        spec["suspend"] = true.into();
    }
    spec
}

fn onomondo(dice: &mut Dice) -> Value {
    let port = dice.between(1, 3);
    let letter = *dice.one_of(&["a", "b"]);
    let mut spec = match dice.between(0, 3) {
        0 => {
            let mut tls = json!({ "host": format!("{letter}.example.com"), "port": port, "serverName": "s.example.com" });
            if dice.chance(0.7) {
                let secret = format!("tls-{}", dice.between(0, 1));
                tls["keySecretRef"] = json!({ "name": secret });
                tls["certSecretRef"] = json!({ "name": secret });
            }
            json!({ "type": "tls", "tls": tls })
        }
        1 => json!({ "type": "https", "https": {
            "host": format!("https://{letter}.example.com/v1"), "shouldReturnBody": dice.chance(0.5) } }),
        2 => json!({ "type": "aws_iot_core", "awsIotCore": {
            "region": "eu-west-1", "role": "arn:aws:iam::123456789012:role/iot", "publishTopic": format!("up/{letter}"),
            "subscribeTopic": "down", "defaultProtocol": "udp", "defaultPort": port } }),
        _ => json!({ "type": "microsoft_azure_iot", "microsoftAzureIot": {
            "connectionStringSecretRef": { "name": "hub", "key": "connectionString" } } }),
    };
    if dice.chance(0.5) {
        spec["name"] = remote_name(dice).into();
    }
    if dice.chance(0.3) {
        let rules = [
            json!([]),
            json!([{ "protocol": "udp", "ip": "1.1.1.1", "port": 53 }]),
            json!([{ "protocol": "icmp" }]),
        ];
        spec["passthrough"] = dice.one_of(&rules).clone();
    }
    if dice.chance(0.3) {
        spec["tags"] = dice.one_of(&[json!([]), json!([TAG])]).clone();
    }
    if dice.chance(0.2) {
        spec["secretDriftPolicy"] = "Report".into();
    }
    spec
}

fn apono(number: u64, dice: &mut Dice) -> Value {
    let mut spec = json!({ "connectorId": connector_id(number % 4), "registrationDeadline": "2m" });
    if dice.chance(0.6) {
        spec["name"] = format!("agent-{}", dice.between(0, 3)).into();
    }
    spec
}

fn omf(dice: &mut Dice) -> Value {
    let mut spec = json!({ "clientIds": client_ids(dice) });
    if dice.chance(0.5) {
        spec["name"] = format!("Line {}", dice.between(0, 2)).into();
    }
    if dice.chance(0.4) {
        spec["description"] = (*dice.one_of(&["", "a feed", "another feed"])).into();
    }
    spec
}

/// An object that somebody else makes at Onomondo.
pub fn strange_connector(dice: &mut Dice) -> Value {
    json!({ "type": "https", "options": { "host": "https://a.example.com/v1", "shouldReturnBody": dice.chance(0.5) } })
}

/// A connection that somebody else makes at the Data Hub.
pub fn strange_connection(dice: &mut Dice) -> Value {
    json!({ "Name": "theirs", "State": "Active", "ClientIds": client_ids(dice) })
}

/// A few answers to what no document answers.
pub fn switches(dice: &mut Dice) -> Vec<(String, String)> {
    const SOME: [(&str, &str); 34] = [
        ("onomondo.options-patch", "replace"),
        ("onomondo.duplicate-name", "400"),
        ("onomondo.duplicate-name", "422"),
        ("onomondo.duplicate-name", "allowed"),
        ("onomondo.secret-timestamps", "all"),
        ("onomondo.same-secret", "keeps"),
        ("onomondo.passthrough-order", "sorted"),
        ("onomondo.passthrough-member", "null"),
        ("onomondo.empty-passthrough", "null"),
        ("onomondo.empty-passthrough", "absent"),
        ("onomondo.empty-tags", "null"),
        ("onomondo.write-reply-tags", "uuids"),
        ("onomondo.identifiers", "everywhere"),
        ("onomondo.list-order", "shuffled"),
        ("onomondo.rename-with-sims", "stay"),
        ("onomondo.delete-blocked-body", "message"),
        ("onomondo.rate-limit-headers", "absent"),
        ("onomondo.error-body", "text"),
        ("apono.heartbeat-seconds", "30"),
        ("apono.sessions", "absent"),
        ("apono.list-order", "shuffled"),
        ("apono.duplicate-name", "allowed"),
        ("apono.registers-again", "never"),
        ("apono.name-again", "kept"),
        ("omf.creating-milliseconds", "20000"),
        ("omf.deleting-milliseconds", "15000"),
        ("omf.deleted-row", "vanishes"),
        ("omf.create-reply", "active"),
        ("omf.client-id-case", "upper"),
        ("omf.client-ids-freed", "when-gone"),
        ("omf.empty-list", "null"),
        ("omf.token-seconds", "60"),
        ("omf.client-id-taken", "409"),
        ("omf.put-under-way", "409"),
    ];
    let mut chosen: Vec<(String, String)> = (0..dice.between(0, 4))
        .map(|_| dice.one_of(&SOME))
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    chosen.sort();
    chosen.dedup_by(|one, other| one.0 == other.0);
    chosen
}
