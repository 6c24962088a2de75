//! Reading what a vendor sends without ever failing over a part that is not needed: nulls, other shapes, numbers where texts were. Pure.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::collections::BTreeMap;

/// Reads a value, or its default where it is null or of another shape.
pub(super) fn or_default<'de, D: Deserializer<'de>, T: Default + DeserializeOwned>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(deserializer)?).unwrap_or_default())
}

/// Reads a list or a map one by one: an element of another shape is a default, and takes nothing from the others. Where it is no list or no map at all,
/// it is empty.
pub(super) fn each_or_default<'de, D: Deserializer<'de>, C: FromElements>(
    deserializer: D,
) -> Result<C, D::Error> {
    Ok(C::from_elements(Value::deserialize(deserializer)?))
}

/// What [`each_or_default`] reads.
pub(super) trait FromElements {
    fn from_elements(value: Value) -> Self;
}

impl<T: Default + DeserializeOwned> FromElements for Vec<T> {
    fn from_elements(value: Value) -> Self {
        let Value::Array(elements) = value else { return Self::new() };
        elements.into_iter().map(element).collect()
    }
}

impl<T: Default + DeserializeOwned> FromElements for BTreeMap<String, T> {
    fn from_elements(value: Value) -> Self {
        let Value::Object(members) = value else { return Self::new() };
        members.into_iter().map(|(name, value)| (name, element(value))).collect()
    }
}

fn element<T: Default + DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap_or_default()
}

/// Reads a whole number, also where it comes as a text.
pub(super) fn as_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(value.as_u64().or_else(|| value.as_str()?.trim().parse().ok()))
}

/// Reads a text, a number or a truth value as a text; anything else is nothing.
pub(super) fn as_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(text_of(&Value::deserialize(deserializer)?))
}

/// A scalar as a text.
pub(super) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
