//! Onomondo's connectors as they travel (seed 000 and 001, `vendor-apis/README.md`).
//!
//! Reading is lenient: unknown fields, unknown types and nulls never fail, because undocumented types exist. Only a connector without a name is
//! refused, since its name is its identity. The model follows the text and examples of the documents, told apart by `type`; the
//! published `oneOf` of `options` overlaps and rejects its own examples.

use crate::remote::{Identity, RemoteItem};
use crate::vendors::lenient::{as_number, each_or_default, or_default};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// A connector as `GET /connectors` lists it, and as POST and PATCH answer.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Connector {
    /// Its name, which is its identity.
    pub name: String,
    /// Its type; others than the documented four exist.
    #[serde(rename = "type", default, deserialize_with = "or_default")]
    pub type_: String,
    /// Traffic routed around it; null reads as none.
    #[serde(default, deserialize_with = "each_or_default")]
    pub passthrough: Vec<Passthrough>,
    /// The ids of its tags; read as objects, written as UUIDs.
    #[serde(default, deserialize_with = "tag_ids")]
    pub tags: Vec<String>,
    /// Its options without the secrets.
    #[serde(default, deserialize_with = "or_default")]
    pub options: Map<String, Value>,
    /// What is told of each secret.
    #[serde(default, deserialize_with = "each_or_default")]
    pub meta: BTreeMap<String, Option<SecretMeta>>,
    /// Its number, where it is told.
    #[serde(default, deserialize_with = "or_default")]
    pub id: Option<i64>,
    /// Its UUID, where it is told.
    #[serde(default, deserialize_with = "or_default")]
    pub uuid: Option<String>,
}

/// One rule of `passthrough`. Port 0 and no port are different things.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
pub struct Passthrough {
    /// icmp, tcp or udp.
    #[serde(default, deserialize_with = "or_default")]
    pub protocol: String,
    /// An IP address.
    #[serde(default, deserialize_with = "or_default")]
    pub ip: Option<String>,
    /// A port.
    #[serde(default, deserialize_with = "as_number")]
    pub port: Option<u64>,
}

/// What is told of a secret. A time is there even when nothing is set.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SecretMeta {
    /// Whether it is set.
    #[serde(default, deserialize_with = "or_default")]
    pub is_set: bool,
    /// When it was changed last.
    #[serde(default, deserialize_with = "or_default")]
    pub last_updated_at: Option<String>,
}

/// Tags are objects with an `id` on read and plain UUIDs on write; both are understood.
fn tag_ids<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let Value::Array(tags) = Value::deserialize(deserializer)? else { return Ok(Vec::new()) };
    let id = |tag: &Value| tag.as_str().or_else(|| tag.get("id")?.as_str()).map(str::to_owned);
    Ok(tags.iter().filter_map(id).collect())
}

impl RemoteItem for Connector {
    fn identity(&self) -> Identity {
        self.name.as_str().into()
    }

    fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (&self.name, &self.type_, &self.id, &self.uuid).hash(&mut hasher);
        // The vendor promises no order, and another one is no news.
        let mut rules: Vec<&Passthrough> = self.passthrough.iter().collect();
        let mut tags: Vec<&String> = self.tags.iter().collect();
        rules.sort_unstable();
        tags.sort_unstable();
        (rules, tags).hash(&mut hasher);
        Value::Object(self.options.clone()).to_string().hash(&mut hasher);
        for (field, meta) in &self.meta {
            (field, meta.as_ref().map(|meta| (meta.is_set, &meta.last_updated_at))).hash(&mut hasher);
        }
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn nulls_other_shapes_and_undocumented_types_are_survived() {
        let connector: Connector = serde_json::from_value(json!({
            "name": "beta", "type": "quantum_link", "passthrough": null, "tags": null, "options": null,
            "meta": {"key": null, "token": {"is_set": true, "last_updated_at": 17}}, "id": "x", "colour": "red"
        }))
        .expect("it is read");
        assert_eq!(connector.type_, "quantum_link");
        assert!(
            connector.passthrough.is_empty() && connector.tags.is_empty() && connector.options.is_empty()
        );
        assert_eq!(connector.meta["token"], Some(SecretMeta { is_set: true, last_updated_at: None }));
    }

    #[test]
    fn one_odd_element_takes_nothing_from_the_others() {
        let connector: Connector = serde_json::from_value(json!({
            "name": "beta", "meta": {"key": {"is_set": true}, "version": 3},
            "passthrough": [null, {"protocol": "udp", "port": "53"}],
        }))
        .expect("it is read");
        assert!(connector.meta["key"].as_ref().is_some_and(|meta| meta.is_set), "{:?}", connector.meta);
        let ports: Vec<_> = connector.passthrough.iter().map(|rule| rule.port).collect();
        assert_eq!(ports, [None, Some(53)]);
    }

    #[test]
    fn another_order_is_no_news() {
        let read = |passthrough: Value, tags: Value| -> Connector {
            serde_json::from_value(json!({"name": "n", "passthrough": passthrough, "tags": tags}))
                .expect("it is read")
        };
        let (icmp, udp) = (json!({"protocol": "icmp"}), json!({"protocol": "udp", "port": 53}));
        let one = read(json!([icmp, udp]), json!(["a", "b"]));
        assert_eq!(one.digest(), read(json!([udp, icmp]), json!(["b", "a"])).digest());
        assert_ne!(one.digest(), read(json!([udp]), json!(["a", "b"])).digest());
    }

    #[test]
    fn tags_are_read_as_objects_and_as_uuids() {
        let connector: Connector = serde_json::from_value(json!({
            "name": "plant-a", "type": "tls",
            "tags": [{"id": "a5023f47-1db8-425e-b664-dc0b8921f644", "name": "Supplier"}, "0d5c"]
        }))
        .expect("it is read");
        assert_eq!(connector.tags, ["a5023f47-1db8-425e-b664-dc0b8921f644", "0d5c"]);
    }

    #[test]
    fn a_connector_without_a_name_is_refused() {
        assert!(serde_json::from_value::<Connector>(json!({"type": "tls"})).is_err());
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-z_]{1,8}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn whatever_a_vendor_sends_beside_a_name_is_read_and_keeps_its_options(
            type_ in any_json(), passthrough in any_json(), tags in any_json(), meta in any_json(),
            options in prop::collection::btree_map("[a-zA-Z_]{1,12}", any_json(), 0..5),
        ) {
            let options = Value::Object(options.into_iter().collect());
            let body = json!({"name": "n", "type": type_, "passthrough": passthrough, "tags": tags, "meta": meta, "options": options});
            let connector: Connector = serde_json::from_value(body).expect("it is read");
            prop_assert_eq!(Value::Object(connector.options.clone()), options);
            let _ = connector.digest();
        }
    }
}
