//! What holds for one destination only: whom it trusts, who we are there, through what, and how it may be spoken to.
//!
//! Two destinations share connections only where these are equal, too; see [`Client::destination_with`](super::Client::destination_with).

use std::fmt;
use std::hash::{Hash, Hasher};
use std::path::Path;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::pem::{Error as PemError, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use schemas::setting::Invalid;

use super::proxy::Proxy;

/// How one destination is reached. The default is how all are: the web's authorities and those of the client, no certificate of our
/// own, no proxy, HTTP/1.1. Cheap to clone. Equal options are the same place: connections are shared.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Options {
    /// The authorities that are trusted here **instead** of all others.
    pub authorities: Option<Authorities>,
    /// The certificate that we show if we are asked for one.
    pub identity: Option<Identity>,
    /// The proxy that connections go through.
    pub proxy: Option<Proxy>,
    /// Whether HTTP/2 is offered over TLS. A server that does not take it is spoken to in HTTP/1.1, as is every `http` URL.
    pub http2: bool,
}

/// Authorities that are trusted for one destination, and for no other. They stand instead of the web's and of the client's own file:
/// a destination that names its authority must not be impersonated by whoever gets a certificate from any other. To trust
/// the web's, too, is to name none, or to put those that are meant into the same file.
#[derive(Clone)]
pub struct Authorities {
    /// As they were given, which makes two of them comparable.
    certificates: Arc<[CertificateDer<'static>]>,
    roots: Arc<RootCertStore>,
}

/// A client certificate with its chain and key. Compared by the chain: only one key fits it.
#[derive(Clone)]
pub struct Identity {
    key: Arc<CertifiedKey>,
}

impl Authorities {
    /// The certificates of a PEM file, of which there must be one at least. The place of what is wrong is empty.
    pub fn from_file(path: &Path) -> Result<Self, Invalid> {
        let pem = std::fs::read(path).map_err(|e| cannot_read("", path, &e))?;
        Self::from_pem(&pem).map_err(|e| of_file(path, e))
    }

    /// The same of a PEM text.
    pub fn from_pem(pem: &[u8]) -> Result<Self, Invalid> {
        let certificates = certificates("", pem)?;
        let mut roots = RootCertStore::empty();
        for certificate in &certificates {
            roots
                .add(certificate.clone())
                .map_err(|e| Invalid::new("", format!("holds a certificate that cannot be an authority: {e}")))?;
        }
        Ok(Self {
            certificates: certificates.into(),
            roots: Arc::new(roots),
        })
    }

    pub(super) fn roots(&self) -> Arc<RootCertStore> {
        Arc::clone(&self.roots)
    }
}

impl Identity {
    /// A PEM file of a certificate, followed by those that lead to its authority, and one of its unencrypted key; both may be the
    /// same file. The places of what is wrong are `certificate_file` and `key_file`.
    pub fn from_files(certificate: &Path, key: &Path) -> Result<Self, Invalid> {
        let read = |place, path: &Path| std::fs::read(path).map_err(|e| cannot_read(place, path, &e));
        let chain = read("certificate_file", certificate)?;
        // Wiped when it is dropped.
        let secret = schemas::secret::Secret::new(read("key_file", key)?);
        Self::from_pem(&chain, secret.expose()).map_err(|e| match e.place.as_str() {
            "certificate" => of_file(certificate, Invalid::new("certificate_file", e.reason)),
            _ => of_file(key, Invalid::new("key_file", e.reason)),
        })
    }

    /// The same of PEM texts. The places of what is wrong are `certificate` and `key`.
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self, Invalid> {
        let chain = certificates("certificate", certificate)?;
        let wrong = |reason: &str| Invalid::new("key", reason);
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|e| match e {
            PemError::NoItemsFound => {
                wrong("holds no private key that can be used: give it as PEM, unencrypted (`openssl pkey -in FILE`)")
            }
            // What the parser says may repeat the key.
            _ => wrong("is not readable PEM"),
        })?;
        let provider = rustls::crypto::ring::default_provider();
        let key = CertifiedKey::from_der(chain, key, &provider).map_err(|e| match e {
            rustls::Error::InconsistentKeys(_) => {
                wrong("does not fit the certificate: give the key that it was made for")
            }
            rustls::Error::InvalidCertificate(e) => {
                Invalid::new("certificate", format!("holds a certificate that cannot be read: {e}"))
            }
            _ => wrong(
                "is of a kind that cannot be used: RSA from 2048 bits, ECDSA with P-256 or P-384, and Ed25519 can",
            ),
        })?;
        Ok(Self { key: Arc::new(key) })
    }

    pub(super) fn key(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.key)
    }
}

/// All certificates of a PEM text, at least one.
fn certificates(place: &'static str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Invalid> {
    let read: Result<Vec<_>, PemError> = CertificateDer::pem_slice_iter(pem).collect();
    let certificates = read.map_err(|_| Invalid::new(place, "is not readable PEM"))?;
    if certificates.is_empty() {
        return Err(Invalid::new(
            place,
            "holds no certificate: give it as PEM (`-----BEGIN CERTIFICATE-----`)",
        ));
    }
    Ok(certificates)
}

fn cannot_read(place: &'static str, path: &Path, error: &std::io::Error) -> Invalid {
    Invalid::new(place, format!("is `{}`, which cannot be read: {error}", path.display()))
}

fn of_file(path: &Path, error: Invalid) -> Invalid {
    Invalid::new(error.place, format!("is `{}`, which {}", path.display(), error.reason))
}

impl PartialEq for Authorities {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.certificates, &other.certificates) || self.certificates == other.certificates
    }
}

impl Eq for Authorities {}

impl Hash for Authorities {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.certificates.hash(state);
    }
}

impl fmt::Debug for Authorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authorities({})", self.certificates.len())
    }
}

impl PartialEq for Identity {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.key, &other.key) || self.key.cert == other.key.cert
    }
}

impl Eq for Identity {}

impl Hash for Identity {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.cert.hash(state);
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn file(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/client/tls")
            .join(name)
    }

    fn wrong<T: fmt::Debug>(made: Result<T, Invalid>) -> String {
        made.expect_err("wrong").to_string()
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said_with_its_name() {
        let missing = wrong(Authorities::from_file(&file("none.pem")).map_err(|e| e.within("ca_file")));
        assert!(
            missing.starts_with("`ca_file` is `") && missing.contains("none.pem`, which cannot be read: "),
            "{missing}"
        );
        let none = wrong(Authorities::from_file(&file("client.key")));
        assert!(none.contains("client.key`, which holds no certificate"), "{none}");
        let chain = wrong(Identity::from_files(&file("client.key"), &file("client.key")));
        assert!(
            chain.starts_with("`certificate_file` is") && chain.contains("holds no certificate"),
            "{chain}"
        );
        let key = wrong(Identity::from_files(&file("client.pem"), &file("client.pem")));
        assert!(
            key.starts_with("`key_file` is") && key.contains("holds no private key"),
            "{key}"
        );
        let other = wrong(Identity::from_files(&file("client.pem"), &file("other-client.key")));
        assert!(
            other.starts_with("`key_file` is") && other.contains("does not fit the certificate"),
            "{other}"
        );
        let garbage = wrong(Identity::from_pem(
            b"-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----",
            b"",
        ));
        assert!(garbage.contains("`certificate`"), "{garbage}");
    }

    #[test]
    fn a_broken_key_is_not_repeated() {
        let broken = b"-----BEGIN PRIVATE KEY-----\nhunter2!!\n-----END PRIVATE KEY-----\n";
        let chain = std::fs::read(file("client.pem")).expect("a file");
        let error = wrong(Identity::from_pem(&chain, broken));
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn options_are_equal_by_what_they_hold() {
        let options = |ca: &str, name: &str| Options {
            authorities: Some(Authorities::from_file(&file(ca)).expect("authorities")),
            identity: Some(
                Identity::from_files(&file(&format!("{name}.pem")), &file(&format!("{name}.key")))
                    .expect("an identity"),
            ),
            ..Options::default()
        };
        assert_eq!(options("ca.pem", "client"), options("ca.pem", "client"));
        assert_ne!(options("ca.pem", "client"), options("ca.pem", "other-client"));
        assert_ne!(options("ca.pem", "client"), options("other-ca.pem", "client"));
        assert!(!format!("{:?}", options("ca.pem", "client")).contains("BEGIN"));
    }
}
