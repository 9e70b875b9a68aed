//! How connections to an endpoint are made, and how we prove ourselves on them.

use std::path::PathBuf;

use url::Url;

use crate::secret::Secret;

/// How connections to an endpoint are made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Connection {
    /// A PEM file of the certificate authorities that are trusted for this endpoint, and of no others.
    pub ca_file: Option<PathBuf>,
    /// The certificate that we show.
    pub client_certificate: Option<ClientCertificate>,
    /// The HTTP proxy that connections go through, by CONNECT: scheme, host and port.
    pub proxy: Option<Url>,
    /// Whether HTTP/2 is spoken where the receiver speaks it, too.
    pub http2: bool,
}

/// A certificate with its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// A PEM file: our certificate, and those that lead to its authority.
    pub certificate_file: PathBuf,
    /// A PEM file: the private key.
    pub key_file: PathBuf,
}

/// How we prove ourselves to an endpoint, beside the signature: what the header `authorization` holds.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// A user and a password.
    Basic {
        /// Without a colon.
        user: String,
        /// The password, as text.
        password: Secret,
    },
    /// A token that is always the same.
    Bearer(Secret),
    /// A token that is fetched, and fetched again before it ends.
    OAuth2(OAuth2),
}

/// The grant of client credentials (RFC 6749 §4.4).
#[derive(Debug, Clone)]
pub struct OAuth2 {
    /// Where tokens are.
    pub token_url: Url,
    /// Who we are there.
    pub client_id: String,
    /// And how that is proved.
    pub client_secret: Secret,
    /// What the token is for, if it is asked.
    pub scope: Option<String>,
    /// Whom the token is for, if it is asked.
    pub audience: Option<String>,
}
