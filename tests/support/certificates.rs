//! The certificates of one control plane: its own authority, the server's certificate, and one for each user.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

/// Writes a file that only this user may read.
pub fn write_private(path: &Path, content: &str) {
    let _ = fs::remove_file(path);
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(content.as_bytes()))
        .unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
}

/// A certificate and its key, as PEM files.
pub struct Pair {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl Pair {
    /// The files of this name in `folder`.
    pub fn named(folder: &Path, name: &str) -> Pair {
        Pair { certificate: folder.join(format!("{name}.crt")), key: folder.join(format!("{name}.key")) }
    }
}

/// A certificate authority whose files lie in one folder.
pub struct Authority {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Makes a new one and writes `ca.crt`.
    pub fn new(folder: &Path) -> Authority {
        let key = KeyPair::generate().expect("generate a key");
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "test control plane");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let certificate = params.self_signed(&key).expect("sign the authority");
        write_private(&folder.join("ca.crt"), &certificate.pem());
        Authority { folder: folder.to_owned(), issuer: Issuer::new(params, key) }
    }

    /// The authority's certificate.
    pub fn certificate(&self) -> PathBuf {
        self.folder.join("ca.crt")
    }

    /// A server's certificate for the loopback and the API server's names.
    pub fn server(&self, name: &str) -> Pair {
        let names = ["127.0.0.1", "10.0.0.1", "localhost", "kubernetes.default.svc"].map(String::from);
        let params = CertificateParams::new(names).expect("names");
        self.sign(name, params, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A user's certificate: Kubernetes reads the user from the common name and the group from the organisation.
    pub fn client(&self, user: &str, group: Option<&str>) -> Pair {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, user);
        if let Some(group) = group {
            params.distinguished_name.push(DnType::OrganizationName, group);
        }
        self.sign(&user.replace(':', "-"), params, ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn sign(&self, name: &str, mut params: CertificateParams, usage: ExtendedKeyUsagePurpose) -> Pair {
        params.extended_key_usages = vec![usage];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate().expect("generate a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("sign a certificate");
        let pair = Pair::named(&self.folder, name);
        write_private(&pair.certificate, &certificate.pem());
        write_private(&pair.key, &key.serialize_pem());
        pair
    }
}

/// The key pair that signs ServiceAccount tokens: `key` is private, `certificate` holds the bare public key.
pub fn token_signer(folder: &Path) -> Pair {
    let key = KeyPair::generate().expect("generate a key");
    let pair = Pair { certificate: folder.join("tokens.pub"), key: folder.join("tokens.key") };
    write_private(&pair.certificate, &key.public_key_pem());
    write_private(&pair.key, &key.serialize_pem());
    pair
}

/// A private key with a certificate of its own, as PEM: what a device shows to a server.
pub struct Identity {
    /// The private key.
    pub key: String,
    /// The certificate.
    pub certificate: String,
}

impl Identity {
    /// Makes a new one.
    pub fn generate(name: &str) -> Identity {
        let key = KeyPair::generate().expect("generate a key");
        let params = CertificateParams::new([name.to_owned()]).expect("a name");
        let certificate = params.self_signed(&key).expect("sign a certificate");
        Identity { key: key.serialize_pem(), certificate: certificate.pem() }
    }
}
