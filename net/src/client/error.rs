//! Why there is no answer.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use http::header::HeaderName;

use super::guard::Blocked;

/// Why there is no answer. Texts name hosts and addresses, never path, query or secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The guard forbids it. Trying again will not help.
    #[error(transparent)]
    Blocked(#[from] Blocked),
    /// A name that resolves to forbidden addresses only. What name servers answer changes, so trying again may help.
    #[error("`{host}` resolves to {}, which is not allowed: {}", .blocked.place(), .blocked.reason())]
    Astray {
        /// The name that was looked up.
        host: String,
        /// The first of its addresses, and why it is forbidden.
        blocked: Blocked,
    },
    /// A header that would change how the request is framed or routed. Trying again will not help.
    #[error("the header `{0}` is not for callers to set")]
    Header(HeaderName),
    /// This process lacks what a connection needs. It was not tried, and says nothing about the other side.
    #[error("{0}")]
    Lack(String),
    /// The name could not be resolved to an address.
    #[error("cannot resolve `{host}`: {reason}")]
    Resolve {
        /// The name that was looked up.
        host: String,
        /// What the resolver said.
        reason: String,
    },
    /// The authorization server gave no token, so the request was not sent.
    #[error("no token from `{host}`: {reason}")]
    Token {
        /// The host of the authorization server.
        host: String,
        /// What became of the request for it, without token and secret.
        reason: String,
    },
    /// No connection.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// No encrypted connection: the certificate is not trusted, or for another name, or they speak no common version.
    #[error("cannot agree on TLS: {0}")]
    Tls(String),
    /// The time of the whole attempt is up.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The connection broke after it was made, while the request was sent or the answer was read.
    #[error("the connection broke: {0}")]
    Network(String),
    /// What came back is not an HTTP answer that we take.
    #[error("the answer cannot be read: {0}")]
    Protocol(String),
}

impl SendError {
    /// A name of which no address may be dialled.
    pub(super) fn astray(host: &str, blocked: Blocked) -> Self {
        Self::Astray {
            host: host.to_owned(),
            blocked,
        }
    }

    /// What hyper says, in the words of its innermost cause.
    pub(super) fn of(error: &hyper::Error) -> Self {
        let mut deepest = error.to_string();
        let mut source = StdError::source(error);
        while let Some(cause) = source {
            deepest = cause.to_string();
            if is_alert(cause) {
                // In TLS 1.3 a server looks at our certificate after the handshake has ended for us, and before the request.
                return Self::Tls(deepest);
            }
            source = cause.source();
        }
        if error.is_parse() {
            Self::Protocol(deepest)
        } else {
            Self::Network(deepest)
        }
    }
}

/// Whether the other side ended it in the words of TLS.
fn is_alert(cause: &(dyn StdError + 'static)) -> bool {
    let inner = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    matches!(
        inner.and_then(|inner| inner.downcast_ref()),
        Some(rustls::Error::AlertReceived(_))
    )
}
