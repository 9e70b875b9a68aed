//! What requests to one platform have in common: where its API is, and how the token travels.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::header::{ACCEPT, AUTHORIZATION, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue};
use schemas::secret::Secret;
use zeroize::Zeroizing;

use super::error::ConnectError;
use super::order::Task;

/// What is common to all requests to a platform.
#[derive(Debug, Clone, Copy)]
pub(super) struct Access {
    /// Where its API is; `None`: every customer has another, which is named in --api.
    pub(super) base: Option<&'static str>,
    /// What all its paths begin with; may stand at the end of --api or not.
    pub(super) prefix: &'static str,
    /// How the token travels.
    pub(super) credentials: Credentials,
    /// Further headers.
    pub(super) headers: &'static [(&'static str, &'static str)],
    /// Which token is wanted, and where to get it.
    pub(super) token: &'static str,
    /// What to look at when something is not found.
    pub(super) not_found: &'static str,
}

/// How the token travels.
#[derive(Debug, Clone, Copy)]
pub(super) enum Credentials {
    /// `Authorization: Bearer`.
    Bearer,
    /// As it is, in this header.
    Header(&'static str),
    /// `Authorization: Basic` if it is `user:password`, else `Bearer`.
    BasicOrBearer,
    /// `Authorization: Basic` with the account in front of it.
    AccountAndToken,
    /// In the path; the platform's file puts it there.
    Path,
}

/// The headers of every request, the token among them.
pub(super) fn headers(access: &Access, token: &Secret, task: &Task<'_>) -> Result<HeaderMap, ConnectError> {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(
        USER_AGENT,
        HeaderValue::from_static(concat!("forebay/", env!("CARGO_PKG_VERSION"))),
    );
    for (name, value) in access.headers {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    let unfit = || ConnectError::Order("the token holds characters that cannot stand in a header".to_owned());
    let text = token.expose_str().ok_or_else(unfit)?;
    let (name, value) = match access.credentials {
        Credentials::Path => return Ok(headers),
        Credentials::Header(name) => (HeaderName::from_static(name), text.to_owned()),
        Credentials::BasicOrBearer if text.contains(':') => (AUTHORIZATION, format!("Basic {}", BASE64.encode(text))),
        Credentials::Bearer | Credentials::BasicOrBearer => (AUTHORIZATION, format!("Bearer {text}")),
        Credentials::AccountAndToken => {
            let account = task.order.account.as_deref().unwrap_or_default();
            let pair = Zeroizing::new(format!("{account}:{text}"));
            (AUTHORIZATION, format!("Basic {}", BASE64.encode(pair.as_str())))
        }
    };
    let value = Zeroizing::new(value);
    let mut value = HeaderValue::from_str(&value).map_err(|_| unfit())?;
    value.set_sensitive(true);
    headers.insert(name, value);
    Ok(headers)
}
