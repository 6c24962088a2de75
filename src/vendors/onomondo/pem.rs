//! Whether a private key and a certificate belong together. Pure.
//!
//! Only a proven mismatch counts. What cannot be parsed here may still be something that the vendor understands.

use rustls::Error;
use rustls::InconsistentKeys;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

/// What is known of a key and its certificate.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pair {
    /// They belong together.
    Matching,
    /// They certainly do not.
    Mismatched,
    /// One of them could not be parsed.
    Unreadable,
}

/// Compares the public keys of a PEM private key and of the first certificate of a PEM chain.
pub(super) fn compare(key: &str, certificate: &str) -> Pair {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate.as_bytes()).collect();
    let (Ok(key), Ok(certificates)) = (PrivateKeyDer::from_pem_slice(key.as_bytes()), certificates) else {
        return Pair::Unreadable;
    };
    let Ok(key) = rustls::crypto::ring::sign::any_supported_type(&key) else { return Pair::Unreadable };
    if certificates.is_empty() {
        return Pair::Unreadable;
    }
    match CertifiedKey::new(certificates, key).keys_match() {
        Ok(()) => Pair::Matching,
        Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => Pair::Mismatched,
        Err(_) => Pair::Unreadable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (String, String) {
        let certified = rcgen::generate_simple_self_signed(["plant-a".to_owned()]).expect("a certificate");
        (certified.signing_key.serialize_pem(), certified.cert.pem())
    }

    #[test]
    fn only_a_proven_mismatch_is_one() {
        let ((key, certificate), (other_key, _)) = (pair(), pair());
        assert_eq!(compare(&key, &certificate), Pair::Matching);
        assert_eq!(compare(&other_key, &certificate), Pair::Mismatched);
        assert_eq!(compare("-----BEGIN RSA PRIVATE KEY-----...", &certificate), Pair::Unreadable);
        assert_eq!(compare(&key, "no certificate"), Pair::Unreadable);
    }
}
