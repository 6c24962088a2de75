//! What stands in the request log in place of a secret: enough to compare it, nothing to use it.

use serde_json::Value;

/// Replaces a secret by `<set> sha256:…` of the bytes that were sent. `null` and `""` are no secret, and stay.
pub(super) fn redact(secret: &mut Value) {
    let bytes = match &*secret {
        Value::Null => return,
        Value::String(text) if text.is_empty() => return,
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    *secret = Value::from(format!("<set> sha256:{}", hexadecimal_digest(bytes.as_bytes())));
}

/// The SHA-256 of these bytes in hexadecimal.
pub(super) fn hexadecimal_digest(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    digest.as_ref().iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
