//! The CEL rules that several fields share, each with a message that says what to write instead.
//!
//! A rule that only one field has stands beside that field. Where a rule and a bound of the schema could both refuse a
//! value, the rule leaves it to the bound, so that a mistake is answered once.

use kube::core::Rule;
use schemars::Schema;
use serde_json::{Value, json};

use super::duration;

/// A host name or an IP address.
const HOST: &str = "isIP(self) || self.matches('^[a-zA-Z0-9_]([-a-zA-Z0-9_]*[a-zA-Z0-9_])?\
                    (\\\\.[a-zA-Z0-9_]([-a-zA-Z0-9_]*[a-zA-Z0-9_])?)*$')";
/// An http(s) URL of scheme, host, port and path, which a Rust URL parser reads too.
const URL: &str = "isURL(self) && self.matches('^https?://([a-zA-Z0-9]([-a-zA-Z0-9.]*[a-zA-Z0-9])?|\
                   \\\\[[0-9a-fA-F:]+\\\\])(:[0-9]{1,5})?(/[^?#\\\\s]*)?$') && \
                   (url(self).getPort() == '' || int(url(self).getPort()) <= 65535)";
const UUID: &str = "self.matches('^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$')";
/// Ids that become a part of a URL: no separators, and never `.` or `..`.
const ID: &str = "self.matches('^[a-zA-Z0-9][-._~:@+a-zA-Z0-9]*$')";

fn rule(expression: impl Into<String>, message: impl Into<String>) -> Rule {
    Rule::new(expression).message(message.into())
}

/// The name of an object that a reference points to.
pub(super) fn object_name() -> Rule {
    rule(
        "!format.dns1123Subdomain().validate(self).hasValue()",
        "write the name of an object of Kubernetes: lower case letters, digits, - and ., with a letter or digit at both ends",
    )
}

/// A namespace.
pub(super) fn namespace_name() -> Rule {
    rule(
        "!format.dns1123Label().validate(self).hasValue()",
        "write the name of a namespace: lower case letters, digits and -, with a letter or digit at both ends",
    )
}

/// A key of a Secret.
pub(super) fn secret_key() -> Rule {
    rule(
        "self.matches('^[-._a-zA-Z0-9]+$')",
        "write a key of the Secret's data: letters, digits, -, _ and ., such as tls.key",
    )
}

/// A field that is part of an object's identity.
pub(super) fn unchanged(what: &str) -> Rule {
    rule(
        "self == oldSelf",
        format!(
            "{what} cannot be changed: to keep the remote object set deletionPolicy: Orphan first, then delete this \
             object and create it again"
        ),
    )
}

/// The base URL of an API.
pub(super) fn endpoint() -> Rule {
    rule(
        URL,
        "write an http:// or https:// URL of host, port and path, such as https://api.example.com, without user name, \
         query and fragment",
    )
}

/// A host name or an IP address.
pub(super) fn host() -> Rule {
    rule(HOST, "write a host name or an IP address, such as ingest.example.com, without scheme, port and path")
}

/// A duration within bounds, which are written like durations.
pub(super) fn duration_between(least: &str, most: &str) -> Rule {
    let form = duration::PATTERN;
    rule(
        format!(
            "self != '' && self.matches('{form}') && duration(self) >= duration('{least}') && \
             duration(self) <= duration('{most}')"
        ),
        format!("write a duration between {least} and {most} in whole hours, minutes and seconds, such as 90s or 1h30m"),
    )
}

/// A UUID.
pub(super) fn uuid(what: &str) -> Rule {
    rule(UUID, format!("write the UUID of the {what}, such as a5023f47-1db8-425e-b664-dc0b8921f644"))
}

/// An id that the vendor gave.
pub(super) fn id(what: &str) -> Rule {
    rule(
        ID,
        format!("write the id of the {what} as the vendor shows it: letters, digits and -._~:@+, a letter or digit first"),
    )
}

/// A regular expression that both RE2 and the operator read.
pub(super) fn name_pattern() -> Rule {
    rule(
        "''.matches(self) in [true, false] && !self.matches('\\\\\\\\[a-zA-Z0-9]') || \
         self.matches('^([^\\\\\\\\]|\\\\\\\\[dDwWsSbB]|\\\\\\\\[^a-zA-Z0-9])*$') && ''.matches(self) in [true, false]",
        "write a regular expression (RE2, of the backslash classes only \\d \\w \\s \\b), such as ^team-a-",
    )
}

/// What `items` of a list have to be; for a field's `#[schemars(transform = …)]`.
pub(super) fn each(schema: &mut Schema, rule: &Rule) {
    if let Some(Value::Object(items)) = schema.get_mut("items") {
        items.insert("x-kubernetes-validations".to_owned(), json!([rule]));
    }
}
