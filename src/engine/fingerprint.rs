//! Keyed hashes: they tell whether a value changed, or whether an annotation is our own, and cannot be turned back.
//!
//! The key never leaves this file and the Secret that keeps it. Every hash is over its parts with their lengths, so that no two different lists of
//! parts give the same input.

use ring::hmac;
use secrecy::{ExposeSecret, SecretString};
use std::fmt;

/// The key of all fingerprints of one installation.
#[derive(Clone)]
pub struct FingerprintKey(hmac::Key);

/// How many bytes a key has.
pub const KEY_LENGTH: usize = 32;

impl FingerprintKey {
    /// A key from the bytes in its Secret.
    pub fn new(bytes: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// The fingerprint of a write-only value, salted with the uid of the object and the field.
    pub fn of_secret(&self, uid: &str, field: &str, value: &SecretString) -> String {
        format!("hmac:{}", self.hex(&["secret", uid, field, value.expose_secret()]))
    }

    /// The fingerprint of an account's credential.
    pub fn of_credential(&self, uid: &str, credential: &[SecretString]) -> String {
        let parts: Vec<&str> = ["credential", uid]
            .into_iter()
            .chain(credential.iter().map(ExposeSecret::expose_secret))
            .collect();
        format!("hmac:{}", self.hex(&parts))
    }

    /// What accounts that may share a snapshot have in common.
    pub fn of_remote(
        &self,
        endpoint: &str,
        scope: &str,
        manner: &str,
        credential: &[SecretString],
    ) -> String {
        let parts: Vec<&str> = ["remote", endpoint, scope, manner]
            .into_iter()
            .chain(credential.iter().map(ExposeSecret::expose_secret))
            .collect();
        self.hex(&parts)
    }

    /// The proof in a claim.
    pub fn of_claim(&self, uid: &str, scope: &str, remote_name: &str) -> String {
        self.hex(&["claim", uid, scope, remote_name])
    }

    /// Whether `proof` is the proof of that claim, compared in constant time.
    pub fn proves_claim(&self, uid: &str, scope: &str, remote_name: &str, proof: &str) -> bool {
        let Some(tag) = from_hex(proof) else { return false };
        hmac::verify(&self.0, &framed(&["claim", uid, scope, remote_name]), &tag).is_ok()
    }

    fn hex(&self, parts: &[&str]) -> String {
        to_hex(hmac::sign(&self.0, &framed(parts)).as_ref())
    }
}

impl fmt::Debug for FingerprintKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("FingerprintKey")
    }
}

fn framed(parts: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

/// Bytes as lower-case hexadecimal digits.
pub fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_depends_on_key_uid_field_and_value() {
        let key = FingerprintKey::new(&[1; KEY_LENGTH]);
        let value = SecretString::from("s3cret");
        let one = key.of_secret("uid", "key", &value);
        assert_eq!(one, key.of_secret("uid", "key", &value));
        for other in [
            FingerprintKey::new(&[2; KEY_LENGTH]).of_secret("uid", "key", &value),
            key.of_secret("other", "key", &value),
            key.of_secret("uid", "cert", &value),
            key.of_secret("uid", "key", &SecretString::from("s3cret2")),
            key.of_secret("uidkey", "", &value),
        ] {
            assert_ne!(one, other);
        }
        assert!(!one.contains("s3cret"));
    }

    #[test]
    fn only_the_claim_that_was_signed_is_proven() {
        let key = FingerprintKey::new(&[1; KEY_LENGTH]);
        let proof = key.of_claim("uid", "scope", "name");
        assert!(key.proves_claim("uid", "scope", "name", &proof));
        assert!(!key.proves_claim("uid", "scope", "other", &proof));
        assert!(!key.proves_claim("other", "scope", "name", &proof));
        assert!(!key.proves_claim("uid", "scope", "name", "not hex at all"));
        assert!(!key.proves_claim("uid", "scope", "name", ""));
    }
}
