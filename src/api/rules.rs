//! The CEL rules that several fields share, each with a message that says what to write instead.
//!
//! A rule that only one field has stands beside that field. Where a rule and a bound of the schema could both refuse a
//! value, the rule leaves it to the bound, so that a mistake is answered once.

use kube::core::Rule;
use schemars::Schema;
use serde_json::{Value, json};

use super::duration;

/// A host name or an IP address.
const HOST: &str = r"isIP(self) || self.matches(r'^[a-zA-Z0-9_]([-a-zA-Z0-9_]*[a-zA-Z0-9_])?(\.[a-zA-Z0-9_]([-a-zA-Z0-9_]*[a-zA-Z0-9_])?)*$')";
/// An http(s) URL of host, port and path only.
const ENDPOINT: &str = r"isURL(self) && self.matches(r'^https?://([a-zA-Z0-9]([-a-zA-Z0-9.]*[a-zA-Z0-9])?|\[[0-9a-fA-F:]+\])(:[0-9]{1,5})?(/[^?#\s]*)?$') && (url(self).getPort() == '' || int(url(self).getPort()) <= 65535)";
const UUID: &str = "self.matches('^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$')";
/// An id that becomes a part of a URL: without separators, and never `.` or `..`.
const ID: &str = "self.matches('^[a-zA-Z0-9][-._~:@+a-zA-Z0-9]*$')";
/// What RE2 compiles, without the escapes that the operator's own (smaller) engine does not know.
const NAME_PATTERN: &str =
    r"''.matches(self) in [true, false] && self.matches(r'^([^\\]|\\[dDwWsSbB!-/:;=?@\[\\\]^_`{|}~])*$')";

/// A CEL expression, and what to write where it is false.
pub(super) fn rule(expression: impl Into<String>, message: impl AsRef<str>) -> Rule {
    Rule::new(expression).message(message.as_ref())
}

/// The name of the Kubernetes object that a reference points to.
pub(super) fn object_name() -> Rule {
    rule(
        "!format.dns1123Subdomain().validate(self).hasValue()",
        "write the name of a Kubernetes object: lower case letters, digits, - and ., with a letter or digit at both ends",
    )
}

/// The name of a namespace.
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

/// A field that decides which remote object this is.
pub(super) fn unchanged(field: &str) -> Rule {
    rule(
        "self == oldSelf",
        format!(
            "{field} cannot be changed: write what it was, or set deletionPolicy: Orphan (which leaves the remote object), \
             delete this object, and create it again"
        ),
    )
}

/// The base URL of an API.
pub(super) fn endpoint() -> Rule {
    rule(
        ENDPOINT,
        "write an http:// or https:// URL of host, port and path, such as https://api.example.com, without user name, \
         query and fragment",
    )
}

/// A host name or an IP address.
pub(super) fn host() -> Rule {
    rule(
        HOST,
        "write a host name or an IP address, such as ingest.example.com, without scheme, port and path",
    )
}

/// A duration within bounds, which are themselves written as durations.
pub(super) fn duration_between(least: &str, most: &str) -> Rule {
    let form = duration::PATTERN;
    rule(
        format!(
            "self != '' && self.matches('{form}') && duration(self) >= duration('{least}') && \
             duration(self) <= duration('{most}')"
        ),
        format!(
            "write a duration from {least} to {most} in whole hours, minutes and seconds, such as 90s or 1h30m"
        ),
    )
}

/// A UUID.
pub(super) fn uuid(of_what: &str) -> Rule {
    rule(UUID, format!("write the UUID of the {of_what}, such as a5023f47-1db8-425e-b664-dc0b8921f644"))
}

/// An id of the vendor's.
pub(super) fn id(of_what: &str) -> Rule {
    rule(
        ID,
        format!(
            "write the id of the {of_what} as the vendor shows it: a letter or digit, then those and - . _ ~ : @ +"
        ),
    )
}

/// A regular expression that the operator can read.
pub(super) fn name_pattern() -> Rule {
    rule(
        NAME_PATTERN,
        r"write a regular expression (RE2, with no backslash classes but \d \w \s \b and their capitals), such as ^team-a-",
    )
}

/// Puts a rule on every item of a list; for a field's `#[schemars(transform = …)]`.
pub(super) fn on_items(schema: &mut Schema, rule: &Rule) {
    if let Some(Value::Object(items)) = schema.get_mut("items") {
        items.insert("x-kubernetes-validations".to_owned(), json!([rule]));
    }
}
