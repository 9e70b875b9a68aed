//! TLS by rustls with ring, both passed explicitly: a process-wide default would depend on what else is linked.

use std::path::Path;
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, RootCertStore};
use schemas::setting::Invalid;
use tokio_rustls::TlsConnector;

use super::error::SendError;
use super::options::{Authorities, Options};

/// How many sessions a place of its own options remembers: it has one name.
const SESSIONS: usize = 8;

/// Makes the TLS of every place.
pub(super) struct Tls {
    provider: Arc<CryptoProvider>,
    roots: Arc<RootCertStore>,
    /// Of all places without options.
    plain: TlsConnector,
}

impl Tls {
    /// With the authorities of the web and those of `ca_file`, which is the place of what can be wrong.
    pub(super) fn new(ca_file: Option<&Path>) -> Result<Self, Invalid> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let roots = Arc::new(roots(ca_file)?);
        let config = config(&provider, &roots, &Options::default());
        let config = config.map_err(|e| Invalid::new("", format!("TLS cannot be set up: {e}")))?;
        Ok(Self {
            provider,
            roots,
            plain: TlsConnector::from(Arc::new(config)),
        })
    }

    /// What is spoken to a place with those options.
    pub(super) fn with(&self, options: &Options) -> Result<TlsConnector, SendError> {
        if options.authorities.is_none() && options.identity.is_none() && !options.http2 {
            return Ok(self.plain.clone());
        }
        let mut config = config(&self.provider, &self.roots, options)
            .map_err(|e| SendError::Tls(format!("it cannot be set up: {e}")))?;
        config.resumption = Resumption::in_memory_sessions(SESSIONS);
        Ok(TlsConnector::from(Arc::new(config)))
    }
}

fn config(
    provider: &Arc<CryptoProvider>,
    roots: &Arc<RootCertStore>,
    options: &Options,
) -> Result<ClientConfig, rustls::Error> {
    let roots = options
        .authorities
        .as_ref()
        .map_or_else(|| Arc::clone(roots), Authorities::roots);
    let builder = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    let mut config = match &options.identity {
        Some(identity) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity.key()))),
        None => builder.with_no_client_auth(),
    };
    if options.http2 {
        config.alpn_protocols.push(b"h2".to_vec());
    }
    config.alpn_protocols.push(b"http/1.1".to_vec());
    Ok(config)
}

fn roots(ca_file: Option<&Path>) -> Result<RootCertStore, Invalid> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    let Some(path) = ca_file else { return Ok(roots) };
    let broken = |reason: String| {
        let path = path.display();
        let reason = format!("is `{path}`, which is not a readable PEM file of certificates: {reason}");
        Invalid::new("ca_file", reason)
    };
    let certificates = CertificateDer::pem_file_iter(path).map_err(|e| broken(e.to_string()))?;
    let before = roots.len();
    for certificate in certificates {
        let certificate = certificate.map_err(|e| broken(e.to_string()))?;
        roots.add(certificate).map_err(|e| broken(e.to_string()))?;
    }
    if roots.len() == before {
        return Err(broken("it holds no certificate".to_owned()));
    }
    Ok(roots)
}
