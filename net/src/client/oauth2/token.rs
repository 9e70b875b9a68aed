//! An access token, and how an answer is read that has one (RFC 6749 §5).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use schemas::secret::Secret;
use serde_json::Value;
use tokio::time::Instant;

use crate::client::Response;

/// How long before its end a token is replaced, at most; it is a tenth of its time if that is less.
const MARGIN: Duration = Duration::from_secs(30);
/// The shortest that a token is kept, whatever its server says.
const MIN_LIFETIME: Duration = Duration::from_secs(1);
/// The longest that a token is kept, whatever its server says.
const MAX_LIFETIME: Duration = Duration::from_hours(24 * 30);
/// The errors that an authorization server may name (RFC 6749 §5.2). Anything else it says is not repeated.
const KNOWN_ERRORS: [&str; 6] = [
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
];

/// An access token. It does not print.
#[derive(Clone)]
pub struct Token(Arc<Issued>);

struct Issued {
    secret: Secret,
    header: HeaderValue,
    since: Instant,
    /// From when on a new one is asked for, and from when on this one is not used; `None`: until it is refused.
    lifetime: Option<(Instant, Instant)>,
}

impl Token {
    /// The value of `authorization` for a request, marked as sensitive.
    pub fn authorization(&self) -> HeaderValue {
        self.0.header.clone()
    }

    /// The token itself.
    pub fn secret(&self) -> &Secret {
        &self.0.secret
    }

    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(super) fn age(&self) -> Duration {
        self.0.since.elapsed()
    }

    pub(super) fn is_usable(&self, now: Instant) -> bool {
        self.0.lifetime.is_none_or(|(_, end)| now < end)
    }

    pub(super) fn is_ending(&self, now: Instant) -> bool {
        self.0.lifetime.is_some_and(|(renew, _)| now >= renew)
    }

    /// Reads the answer to a request that was sent at `asked_at`, or says what is wrong with it.
    pub(super) fn read(response: &Response, asked_at: Instant) -> Result<Self, String> {
        let body: Option<Value> = serde_json::from_slice(&response.body).ok();
        let member = |name: &str| body.as_ref().and_then(|body| body.get(name));
        if !response.status.is_success() {
            let named = member("error").and_then(Value::as_str);
            let known = KNOWN_ERRORS.iter().find(|known| Some(**known) == named);
            return Err(match known {
                Some(error) => format!("it answered {} with `{error}`", response.status),
                None => format!("it answered {}", response.status),
            });
        }
        if !response.complete {
            return Err("its answer is too long, or did not come in time".to_owned());
        }
        if body.is_none() {
            return Err("its answer is not JSON".to_owned());
        }
        let token = member("access_token")
            .and_then(Value::as_str)
            .filter(|token| !token.is_empty());
        let token = token.ok_or("its answer has no `access_token`")?;
        let kind = member("token_type").and_then(Value::as_str);
        if !kind.is_some_and(|kind| kind.eq_ignore_ascii_case("bearer")) {
            return Err("its answer's `token_type` is not `Bearer`, the only kind that is understood".to_owned());
        }
        let secret = Secret::new(token);
        let header = HeaderValue::try_from(format!("Bearer {token}"));
        let mut header = header.map_err(|_| "its token cannot stand in a header")?;
        header.set_sensitive(true);
        Ok(Self(Arc::new(Issued {
            secret,
            header,
            since: Instant::now(),
            lifetime: member("expires_in").and_then(seconds).map(|lifetime| {
                let margin = MARGIN.min(lifetime / 10);
                (asked_at + lifetime.saturating_sub(margin), asked_at + lifetime)
            }),
        })))
    }
}

/// A number of seconds, which some servers write as text.
fn seconds(value: &Value) -> Option<Duration> {
    let seconds = match value {
        Value::String(text) => text.parse().ok()?,
        value => value.as_f64()?,
    };
    let given = Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(MAX_LIFETIME);
    Some(given.clamp(MIN_LIFETIME, MAX_LIFETIME))
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token([redacted])")
    }
}
