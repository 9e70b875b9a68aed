//! How platforms verify the endpoint before they send, and what answer they expect.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, Method};
use schemas::source::Source;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::form::Form;

/// A request by another method than POST. It proves nothing unless the secret is in the path.
pub(super) struct Handshake<'r> {
    pub(super) source: &'r Source,
    pub(super) method: &'r Method,
    pub(super) headers: &'r HeaderMap,
    /// The query, as it was sent.
    pub(super) query: Option<&'r str>,
}

/// What a handshake or a test call is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// 200 without a body.
    Empty,
    /// 200 with this as `text/plain`.
    Text(String),
    /// 200 with this as `application/json`.
    Json(String),
    /// 200 without a body, with these headers.
    Headers(Vec<(HeaderName, String)>),
}

/// Why a handshake is refused instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the handshake shows another verify token than the source's, or asks nothing that the platform asks")]
pub struct Forbidden;

impl<'r> Handshake<'r> {
    /// The value of a query parameter; of several of that name, the first.
    pub(super) fn parameter(&self, name: &str) -> Option<Cow<'r, str>> {
        Form::of(self.query?.as_bytes()).get(name)
    }

    /// Whether `shown` is the configured verify token, in constant time.
    pub(super) fn is_verify_token(&self, shown: &str) -> bool {
        is_verify_token(self.source, shown) == Some(true)
    }
}

/// Platforms that ask nothing before they send.
pub(super) fn none(_: &Handshake<'_>) -> Option<Result<Reply, Forbidden>> {
    None
}

/// Whether `shown` is the source's verify token, in constant time; `None` if it has none.
pub(super) fn is_verify_token(source: &Source, shown: &str) -> Option<bool> {
    let token = source.verify_token.as_ref()?;
    let same = Sha256::digest(token.expose()).ct_eq(&Sha256::digest(shown));
    Some(!token.is_empty() && bool::from(same))
}
