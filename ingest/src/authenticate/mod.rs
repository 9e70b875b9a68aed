//! Who sent this? The schemes by which a sender proves itself, over the bytes as they came.
//!
//! Fixed rules, for all schemes: every comparison is in constant time; all active secrets are tried, also after one has
//! matched; names and algorithms come from the configuration and never from the request; a header that decides must be
//! there exactly once; an empty secret authenticates nobody. The client learns only "unauthorized"; the typed reason is
//! for our log.

mod explain;
mod hmac;
mod jwt;
mod percent;
mod sign;
mod standard_webhooks;
mod token;
mod twilio;

#[cfg(test)]
mod tests;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName};
use schemas::source::{Scheme, Source, TokenPlace};
use schemas::time::Timestamp;

pub use self::explain::{Explanation, explain};
pub use self::sign::{SignedRequest, sign};
pub(crate) use self::{percent::decode as percent_decoded, standard_webhooks::names as standard_names};

use crate::normalize::preset;
use crate::receive::RawWebhook;

/// How many secrets one source may have active: enough for every rotation, and a bound on what one request costs.
pub const MAX_SECRETS: usize = 10;

/// A webhook whose sender has proved itself. Made only by [`authenticate`].
pub(crate) struct VerifiedWebhook {
    raw: RawWebhook,
    secret: Option<usize>,
}

impl VerifiedWebhook {
    /// What was received.
    pub(crate) fn raw(&self) -> &RawWebhook {
        &self.raw
    }

    /// What was received, to be used up.
    pub(crate) fn into_raw(self) -> RawWebhook {
        self.raw
    }

    /// The number of the secret that matched, from 0, the newest; none where anybody may send.
    pub(crate) fn secret(&self) -> Option<usize> {
        self.secret
    }
}

/// Proves the sender, or says why not.
pub(crate) fn authenticate(raw: RawWebhook) -> Result<VerifiedWebhook, Refusal> {
    let secret = raw.known().verifier.verify(&raw.presented(), raw.received())?;
    Ok(VerifiedWebhook { raw, secret })
}

/// What a request shows of itself. Nothing in it is trusted. Not `Debug`: it may hold the right secret.
#[derive(Clone, Copy)]
pub(crate) struct Presented<'a> {
    pub(crate) headers: &'a HeaderMap,
    /// The host, where the request names it in its target (HTTP/2).
    pub(crate) authority: Option<&'a str>,
    /// The whole path, as it was sent.
    pub(crate) path: &'a str,
    /// The path behind the source id, up to the next slash, as it was sent.
    pub(crate) path_secret: &'a str,
    /// The query, as it was sent.
    pub(crate) query: Option<&'a str>,
    pub(crate) body: &'a [u8],
}

/// Why a webhook was refused, for the log. Holds nothing that the client sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("`{0}` is missing")]
    Missing(String),
    #[error("`{0}` is there more than once")]
    Repeated(String),
    #[error("{0}")]
    Malformed(String),
    #[error("none of the source's {0} active secret(s) matches")]
    NoMatch(usize),
    #[error(
        "the signature is right, but its time stamp is {off_seconds} s off our clock, more than the tolerance of \
         {tolerance_seconds} s: a replay, a late retry, or a wrong clock"
    )]
    OutsideTolerance { off_seconds: i64, tolerance_seconds: i64 },
    #[error("the source cannot be used: {0}")]
    Unusable(String),
}

impl Refusal {
    /// The reason as a metric's label.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Missing(_) => "missing",
            Self::Repeated(_) => "repeated",
            Self::Malformed(_) => "malformed",
            Self::NoMatch(_) => "no_match",
            Self::OutsideTolerance { .. } => "outside_tolerance",
            Self::Unusable(_) => "unusable_source",
        }
    }
}

/// A source that could never authenticate anybody, or anybody at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("source `{source_id}`: {problem}")]
pub struct InvalidSource {
    /// The source.
    pub source_id: String,
    /// What is wrong, and the way out.
    pub problem: String,
}

/// Checks what can be known of a source before its first webhook: its secrets and its scheme. Called wherever sources are
/// configured; ingest answers 503 for a source that would not have passed.
pub fn check_source(source: &Source) -> Result<(), InvalidSource> {
    Verifier::new(source).map(drop)
}

/// One source's way of proving, made ready: keys decoded and hashed in, names parsed.
#[derive(Debug)]
pub(crate) enum Verifier {
    Hmac(hmac::HmacVerifier),
    StandardWebhooks(standard_webhooks::StandardVerifier),
    Token {
        place: Place,
        tokens: token::Tokens,
    },
    Basic(token::Tokens),
    Jwt(jwt::JwtVerifier),
    Twilio(twilio::TwilioVerifier),
    UrlSecret(token::Tokens),
    /// By explicit choice.
    Anybody,
    /// The source would not have passed [`check_source`]: nobody is let in.
    Nobody {
        problem: String,
    },
}

#[derive(Debug)]
pub(crate) enum Place {
    Header(HeaderName),
    Query(String),
    Body(String),
}

impl Verifier {
    pub(crate) fn new(source: &Source) -> Result<Self, InvalidSource> {
        Self::build(source).map_err(|problem| InvalidSource {
            source_id: source.id.to_string(),
            problem,
        })
    }

    /// Takes everybody for a stranger, in the time that a source with a secret in its path takes.
    pub(crate) fn decoy() -> Self {
        Self::UrlSecret(token::Tokens::decoy())
    }

    fn build(source: &Source) -> Result<Self, String> {
        let scheme = source.scheme.clone().unwrap_or_else(|| preset(source.platform));
        if scheme == Scheme::None {
            return Ok(Self::Anybody);
        }
        check_secrets(source)?;
        Ok(match scheme {
            Scheme::Hmac(scheme) => Self::Hmac(hmac::HmacVerifier::new(&scheme, &source.secrets)?),
            Scheme::StandardWebhooks { tolerance } => {
                Self::StandardWebhooks(standard_webhooks::StandardVerifier::new(tolerance, &source.secrets)?)
            }
            Scheme::Token(place) => Self::Token {
                place: match place {
                    TokenPlace::Header(name) => Place::Header(header_name(&name)?),
                    TokenPlace::Query(name) => Place::Query(name),
                    TokenPlace::Body(name) => Place::Body(name),
                },
                tokens: token::Tokens::new(&source.secrets, 6)?,
            },
            Scheme::Basic => {
                if source.secrets.iter().any(|secret| !secret.expose().contains(&b':')) {
                    return Err(
                        "a secret of the scheme `basic` is `user:password`: one of them has no colon".to_owned(),
                    );
                }
                Self::Basic(token::Tokens::new(&source.secrets, 8)?)
            }
            Scheme::Jwt(scheme) => Self::Jwt(jwt::JwtVerifier::new(&scheme, &source.secrets)?),
            Scheme::Twilio { url } => Self::Twilio(twilio::TwilioVerifier::new(url.as_deref(), &source.secrets)?),
            Scheme::UrlSecret => Self::UrlSecret(token::Tokens::new(&source.secrets, 8)?),
            Scheme::None => unreachable!("handled above"),
        })
    }

    /// `Ok` with the number of the secret that matched.
    pub(crate) fn verify(&self, request: &Presented<'_>, now: Timestamp) -> Result<Option<usize>, Refusal> {
        match self {
            Self::Hmac(verifier) => verifier.verify(request, now).map(Some),
            Self::StandardWebhooks(verifier) => verifier.verify(request, now).map(Some),
            Self::Token { place, tokens } => {
                let matched = match place {
                    Place::Header(name) => tokens.find(token::without_bearer(the_only(request.headers, name)?)),
                    Place::Query(name) => tokens.find(&token::in_query(request.query, name)?),
                    Place::Body(name) => tokens.find(token::in_body(request.body, name)?.as_bytes()),
                };
                matched.map(Some).ok_or_else(|| tokens.no_match())
            }
            Self::Basic(tokens) => {
                let shown = token::basic(the_only(request.headers, &AUTHORIZATION)?)?;
                tokens.find(&shown).map(Some).ok_or_else(|| tokens.no_match())
            }
            Self::Jwt(verifier) => verifier.verify(request, now).map(Some),
            Self::Twilio(verifier) => verifier.verify(request).map(Some),
            Self::UrlSecret(tokens) => {
                let matched = tokens.find(&percent::decode(request.path_secret));
                matched.map(Some).ok_or_else(|| tokens.no_match())
            }
            Self::Anybody => Ok(None),
            Self::Nobody { problem } => Err(Refusal::Unusable(problem.clone())),
        }
    }

    /// Whether the secret in the path is right, for sources that have one; asked before the body is read, so that a wrong
    /// one and a source that does not exist are answered at the same moment.
    pub(crate) fn verify_path(&self, path_secret: &str) -> bool {
        match self {
            Self::UrlSecret(tokens) => tokens.find(&percent::decode(path_secret)).is_some(),
            _ => true,
        }
    }
}

fn check_secrets(source: &Source) -> Result<(), String> {
    if source.secrets.is_empty() {
        return Err("it has no secret: set one, or choose `scheme: none` to let anybody send".to_owned());
    }
    if source.secrets.len() > MAX_SECRETS {
        let count = source.secrets.len();
        return Err(format!(
            "it has {count} secrets, at most {MAX_SECRETS} can be active: remove old ones"
        ));
    }
    match source.secrets.iter().position(schemas::secret::Secret::is_empty) {
        Some(index) => Err(format!("its secret number {} is empty", index + 1)),
        None => Ok(()),
    }
}

fn header_name(name: &str) -> Result<HeaderName, String> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("`{name}` is not a name of an HTTP header"))
}

/// The value of a header that must be there exactly once.
fn the_only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<&'a [u8], Refusal> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => Ok(value.as_bytes()),
        (None, _) => Err(Refusal::Missing(name.to_string())),
        (Some(_), Some(_)) => Err(Refusal::Repeated(name.to_string())),
    }
}

/// Reads seconds since the epoch: digits only, no sign, no fraction, no blank.
fn epoch_seconds(text: &[u8], place: &str) -> Result<i64, Refusal> {
    let digits = text.iter().all(u8::is_ascii_digit) && (1..=12).contains(&text.len());
    std::str::from_utf8(text)
        .ok()
        .filter(|_| digits)
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| Refusal::Malformed(format!("`{place}` is not in whole seconds since the epoch")))
}

/// Whether a signed time stamp is near enough to our clock, both ways, the boundary included.
fn within(stamp: i64, tolerance_seconds: i64, now: Timestamp) -> Result<(), Refusal> {
    let off_seconds = now.millis() / 1000 - stamp;
    if off_seconds.abs() <= tolerance_seconds {
        Ok(())
    } else {
        Err(Refusal::OutsideTolerance {
            off_seconds,
            tolerance_seconds,
        })
    }
}

fn whole_seconds(tolerance: std::time::Duration) -> i64 {
    i64::try_from(tolerance.as_secs()).unwrap_or(i64::MAX)
}
