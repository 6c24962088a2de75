//! How a connector reads in the list and in the answer to a write.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::shape::{self, Holds};
use super::state::{Organisation, Tag};
use super::store::{Connector, SecretState};
use super::switches::{
    EmptyMeta, EmptyPassthrough, EmptyTags, HostNormalisation, Identifiers, PassthroughMember,
    PassthroughOrder, ReturnBodyDefault, WriteReplyTags,
};
use crate::emulator::clock::with_milliseconds;
use crate::emulator::switches::Answered;

/// Where a connector is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    List,
    PostReply,
    PatchReply,
}

/// How connectors read in one answer: the switches, read once.
pub(super) struct Reader {
    organisation_id: u64,
    tags: BTreeMap<String, Tag>,
    identified: bool,
    tags_as_uuids: bool,
    empty_passthrough: EmptyPassthrough,
    passthrough_order: PassthroughOrder,
    passthrough_member: PassthroughMember,
    empty_tags: EmptyTags,
    host: HostNormalisation,
    return_body: ReturnBodyDefault,
    empty_meta: EmptyMeta,
}

/// A connector in the order of members in which the examples print them.
#[derive(Serialize)]
pub(super) struct Reply<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uuid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization_id: Option<u64>,
    name: &'a str,
    #[serde(rename = "type")]
    type_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    passthrough: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Value>,
    options: Cow<'a, Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<BTreeMap<&'a str, SecretMeta>>,
    #[serde(flatten)]
    further: &'a Map<String, Value>,
}

#[derive(Serialize)]
struct SecretMeta {
    is_set: bool,
    last_updated_at: String,
}

impl Reader {
    pub(super) fn new(switches: &Answered, place: Place, organisation: &Organisation) -> Self {
        Self {
            organisation_id: organisation.id,
            tags: organisation.tags.clone(),
            identified: match switches.choice() {
                Identifiers::PatchReply => place == Place::PatchReply,
                Identifiers::Everywhere => true,
                Identifiers::Nowhere => false,
            },
            tags_as_uuids: place != Place::List
                && switches.choice::<WriteReplyTags>() == WriteReplyTags::Uuids,
            empty_passthrough: switches.choice(),
            passthrough_order: switches.choice(),
            passthrough_member: switches.choice(),
            empty_tags: switches.choice(),
            host: switches.choice(),
            return_body: switches.choice(),
            empty_meta: switches.choice(),
        }
    }

    pub(super) fn read<'a>(&self, connector: &'a Connector) -> Reply<'a> {
        Reply {
            id: self.identified.then_some(connector.id),
            uuid: self.identified.then_some(&connector.uuid),
            organization_id: self.identified.then_some(self.organisation_id),
            name: &connector.name,
            type_name: &connector.type_name,
            passthrough: self.passthrough(&connector.passthrough),
            tags: self.tags(&connector.tags),
            options: self.options(connector),
            meta: self.meta(&connector.secrets),
            further: &connector.further,
        }
    }

    fn passthrough(&self, rules: &[Value]) -> Option<Value> {
        if rules.is_empty() {
            return match self.empty_passthrough {
                EmptyPassthrough::Empty => Some(json!([])),
                EmptyPassthrough::Null => Some(Value::Null),
                EmptyPassthrough::Absent => None,
            };
        }
        let mut rules = rules.iter().map(|rule| self.rule(rule)).collect::<Vec<_>>();
        if self.passthrough_order == PassthroughOrder::Sorted {
            rules.sort_by_cached_key(Value::to_string);
        }
        Some(Value::Array(rules))
    }

    fn rule(&self, rule: &Value) -> Value {
        let Value::Object(members) = rule else { return rule.clone() };
        let mut members = members.clone();
        match self.passthrough_member {
            PassthroughMember::Absent => members.retain(|_, value| !value.is_null()),
            PassthroughMember::Null => {
                let has_port = members.get("protocol") != Some(&json!("icmp"));
                members.entry("ip").or_insert(Value::Null);
                if has_port {
                    members.entry("port").or_insert(Value::Null);
                }
            }
            PassthroughMember::AsWritten => {}
        }
        Value::Object(members)
    }

    fn tags(&self, ids: &[String]) -> Option<Value> {
        if ids.is_empty() {
            return match self.empty_tags {
                EmptyTags::Empty => Some(json!([])),
                EmptyTags::Null => Some(Value::Null),
                EmptyTags::Absent => None,
            };
        }
        if self.tags_as_uuids {
            return Some(json!(ids));
        }
        let objects = ids.iter().map(|id| match self.tags.get(id) {
            Some(tag) => json!(tag),
            None => json!({ "name": id, "id": id, "can_write": false, "color": "#888888" }),
        });
        Some(objects.collect())
    }

    fn options<'a>(&self, connector: &'a Connector) -> Cow<'a, Map<String, Value>> {
        let mut options = Cow::Borrowed(&connector.options);
        let Some(shape) = shape::of_type(&connector.type_name) else { return options };
        for option in shape.options {
            match (option.holds, options.get(option.name)) {
                (Holds::Host | Holds::Url, Some(Value::String(host)))
                    if self.host != HostNormalisation::None =>
                {
                    let host = Value::from(self.host.of(host, option.holds));
                    options.to_mut().insert(option.name.to_owned(), host);
                }
                (Holds::Flag, None) if self.return_body == ReturnBodyDefault::Shown => {
                    options.to_mut().insert(option.name.to_owned(), Value::Bool(false));
                }
                _ => {}
            }
        }
        options
    }

    fn meta<'a>(&self, secrets: &'a BTreeMap<String, SecretState>) -> Option<BTreeMap<&'a str, SecretMeta>> {
        if secrets.is_empty() && self.empty_meta == EmptyMeta::Absent {
            return None;
        }
        let meta = secrets.iter().map(|(name, secret)| {
            let last_updated_at = with_milliseconds(secret.last_updated_at);
            (name.as_str(), SecretMeta { is_set: secret.is_set, last_updated_at })
        });
        Some(meta.collect())
    }
}

impl HostNormalisation {
    fn of(self, host: &str, holds: Holds) -> String {
        match self {
            Self::None => host.to_owned(),
            // The path of a URL keeps its case: it means something.
            Self::LowerCase => {
                let after_scheme = host.find("://").map_or(0, |at| at + 3);
                let path = host[after_scheme..].find('/').map_or(host.len(), |at| at + after_scheme);
                host[..path].to_lowercase() + &host[path..]
            }
            Self::TrailingSlash => {
                let has_path = host.find("://").is_some_and(|at| host[at + 3..].contains(['/', '?', '#']));
                if holds == Holds::Url && !has_path { format!("{host}/") } else { host.to_owned() }
            }
        }
    }
}
