//! What a spec declares, in Onomondo's words: options, passthrough and tags, and how they differ from a connector. Pure.
//!
//! Passthrough rules and tags are compared as sets, because the vendor may return them in any order (nothing says whether that of
//! passthrough rules matters) and keep what is said twice once.

use super::model::{Connector, Passthrough};
use crate::api::{CA_CERT, CONNECTION_STRING, TLS_CERT, TLS_KEY};
use crate::api::{OnomondoConnectorSpec, OnomondoPassthrough, OnomondoType, SecretSource};
use crate::engine::vendor::{Change, SecretField};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// The secrets of each type: the vendor's field, and its path in a change.
const TLS_SECRETS: [(&str, &str); 3] =
    [("key", "options.key"), ("cert", "options.cert"), ("ca", "options.ca")];
const AZURE_SECRETS: [(&str, &str); 1] = [("connectionString", "options.connectionString")];

/// The options that a spec declares, secrets aside, with the path of each in a change.
pub(super) fn options(spec: &OnomondoConnectorSpec) -> Vec<(&'static str, &'static str, Value)> {
    let mut options = Vec::new();
    match spec.type_ {
        OnomondoType::Tls => {
            if let Some(tls) = &spec.tls {
                options.push(("host", "options.host", json!(tls.host)));
                options.push(("port", "options.port", json!(tls.port)));
                options.push(("server_name", "options.server_name", json!(tls.server_name)));
            }
        }
        OnomondoType::Https => {
            if let Some(https) = &spec.https {
                options.push(("host", "options.host", json!(https.host)));
                let body = json!(https.should_return_body);
                options.push(("shouldReturnBody", "options.shouldReturnBody", body));
            }
        }
        OnomondoType::AwsIotCore => {
            if let Some(aws) = &spec.aws_iot_core {
                options.push(("region", "options.region", json!(aws.region)));
                options.push(("role", "options.role", json!(aws.role)));
                options.push(("publishTopic", "options.publishTopic", json!(aws.publish_topic)));
                options.push(("subscribeTopic", "options.subscribeTopic", json!(aws.subscribe_topic)));
                let protocol = json!(aws.default_protocol.as_str());
                options.push(("defaultProtocol", "options.defaultProtocol", protocol));
                options.push(("defaultPort", "options.defaultPort", json!(aws.default_port)));
            }
        }
        // It has nothing but its secret, and reads back `options: {}`.
        OnomondoType::MicrosoftAzureIot => {}
    }
    options
}

/// The secrets that a spec declares.
pub(super) fn secret_fields(spec: &OnomondoConnectorSpec) -> Vec<SecretField<'_>> {
    fn field<'a>(field: &'static str, path: &'static str, source: SecretSource<'a>) -> SecretField<'a> {
        SecretField { field, path, source }
    }
    let tls = spec.tls.as_ref().filter(|_| spec.type_ == OnomondoType::Tls);
    let azure = spec.microsoft_azure_iot.as_ref().filter(|_| spec.type_ == OnomondoType::MicrosoftAzureIot);
    let tls_fields = tls.into_iter().flat_map(|tls| {
        let references = [&tls.key_secret_ref, &tls.cert_secret_ref, &tls.ca_secret_ref];
        references.into_iter().zip(TLS_SECRETS).zip([TLS_KEY, TLS_CERT, CA_CERT])
    });
    let tls_fields = tls_fields.filter_map(|((reference, (name, path)), key)| {
        reference.as_ref().map(|reference| field(name, path, reference.source_or(key)))
    });
    let azure_fields = azure.into_iter().map(|azure| {
        let (name, path) = AZURE_SECRETS[0];
        field(name, path, azure.connection_string_secret_ref.source_or(CONNECTION_STRING))
    });
    tls_fields.chain(azure_fields).collect()
}

/// The secrets that an update of the options would leave out although the vendor has them. Whether the vendor merges options or replaces
/// them is not established.
pub(super) fn might_clear(
    spec: &OnomondoConnectorSpec,
    connector: &Connector,
    changes: &[Change],
) -> Vec<String> {
    let same_type = connector.type_ == spec.type_.as_str();
    if !same_type || !sends_options(changes) {
        return Vec::new();
    }
    let of_type: &[(&str, &str)] = match spec.type_ {
        OnomondoType::Tls => &TLS_SECRETS,
        OnomondoType::MicrosoftAzureIot => &AZURE_SECRETS,
        OnomondoType::Https | OnomondoType::AwsIotCore => &[],
    };
    let declared = secret_fields(spec);
    let is_set =
        |field: &str| connector.meta.get(field).and_then(Option::as_ref).is_some_and(|meta| meta.is_set);
    of_type
        .iter()
        .filter(|(field, _)| is_set(field) && !declared.iter().any(|declared| declared.field == *field))
        .map(|(_, path)| (*path).to_owned())
        .collect()
}

/// Whether an update of `changes` carries the options: whenever any of them, a secret or the type changes, all of them go.
pub(super) fn sends_options(changes: &[Change]) -> bool {
    changes.iter().any(|change| change.field.starts_with("options.") || change.field == "type")
}

/// Everything that differs, secrets aside.
pub(super) fn changes(spec: &OnomondoConnectorSpec, wanted_name: &str, connector: &Connector) -> Vec<Change> {
    let mut changes = Vec::new();
    if connector.name != wanted_name {
        changes.push(Change::shown("name", Some(connector.name.clone()), Some(wanted_name.to_owned())));
    }
    let declared_type = spec.type_.as_str();
    let same_type = connector.type_ == declared_type;
    if !same_type {
        changes.push(Change::shown("type", Some(connector.type_.clone()), Some(declared_type.to_owned())));
    }
    let nothing = Map::new();
    let current = if same_type { &connector.options } else { &nothing };
    for (key, path, value) in options(spec) {
        if !is_equal(current.get(key), &value) {
            changes.push(Change::shown(path, current.get(key).map(text), Some(text(&value))));
        }
    }
    if let Some(declared) = &spec.passthrough {
        let declared: Vec<Passthrough> = declared.iter().map(wire).collect();
        if rules(&declared) != rules(&connector.passthrough) {
            let (from, to) = (rules_text(&connector.passthrough), rules_text(&declared));
            changes.push(Change::shown("passthrough", Some(from), Some(to)));
        }
    }
    if let Some(declared) = &spec.tags {
        let lower =
            |tags: &[String]| tags.iter().map(|tag| tag.to_ascii_lowercase()).collect::<BTreeSet<_>>();
        if lower(declared) != lower(&connector.tags) {
            changes.push(Change::shown("tags", Some(list_text(&connector.tags)), Some(list_text(declared))));
        }
    }
    changes
}

/// Rules as a set, with each address in its shortest spelling: a vendor may keep it in another one.
fn rules(rules: &[Passthrough]) -> BTreeSet<Passthrough> {
    let address = |ip: &String| ip.parse().map_or_else(|_| ip.clone(), |ip: IpAddr| ip.to_string());
    rules.iter().map(|rule| Passthrough { ip: rule.ip.as_ref().map(address), ..rule.clone() }).collect()
}

/// A declared rule as it travels.
pub(super) fn wire(rule: &OnomondoPassthrough) -> Passthrough {
    Passthrough {
        protocol: rule.protocol.as_str().to_owned(),
        ip: rule.ip.clone(),
        port: rule.port.map(u64::from),
    }
}

/// Equal as the vendor would see it: a number may come back as text, and an absent flag is off.
fn is_equal(current: Option<&Value>, declared: &Value) -> bool {
    match (current, declared) {
        (None | Some(Value::Null), Value::Bool(false)) => true,
        (Some(Value::String(text)), Value::Number(number)) => *text == number.to_string(),
        (Some(current), declared) => current == declared,
        (None, _) => false,
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn rules_text(rules: &[Passthrough]) -> String {
    let one = |rule: &Passthrough| {
        let port = rule.port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("{} {}{port}", rule.protocol, rule.ip.as_deref().unwrap_or("any"))
    };
    list_text(&rules.iter().map(one).collect::<Vec<_>>())
}

fn list_text(entries: &[String]) -> String {
    if entries.is_empty() { "none".to_owned() } else { entries.join(", ") }
}
