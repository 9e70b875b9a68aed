//! The schemes by which a sender proves itself, over the bytes as they came.
//!
//! Fixed rules, for all schemes: every comparison is in constant time; all active secrets are tried, also after one has
//! matched; names and algorithms come from the configuration and never from the request; a header that decides must occur
//! exactly once; an empty secret authenticates no one. The client learns only "unauthorized"; the typed reason is for our log.

pub(crate) mod hmac;
mod jwt;
pub(crate) mod percent;
mod sign;
mod standard_webhooks;
pub(crate) mod token;
pub(crate) mod twilio;
mod verifier;

#[cfg(test)]
mod tests;

use http::{HeaderMap, HeaderName};
use schemas::secret::Secret;
use schemas::setting::{Findings, Invalid};
use schemas::source::Source;
use schemas::time::Timestamp;

pub use self::sign::{NotSigned, SignedRequest, sign};
pub(crate) use self::verifier::{Matched, Verifier};
pub(crate) use self::{percent::decode as percent_decoded, standard_webhooks::names as standard_names};

/// How many secrets one source may have active, of each of its proofs: enough for every rotation, and a bound on what one request costs.
pub const MAX_SECRETS: usize = 10;

/// What a request shows of itself. Nothing in it is trusted. Not `Debug`: it may hold the right secret.
#[derive(Clone, Copy)]
pub(crate) struct Presented<'a> {
    pub(crate) headers: &'a HeaderMap,
    /// The host, where the request names it in its target (HTTP/2).
    pub(crate) authority: Option<&'a str>,
    /// The whole path, as it was sent.
    pub(crate) path: &'a str,
    /// The path after the source id, up to the next slash, as it was sent.
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
    #[error("`{0}` occurs more than once")]
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

/// Checks what can be known of a source before its first webhook: its secrets and its scheme. Returns everything that is wrong, by
/// its place in the source. Called wherever sources are configured; ingest answers 503 for a source that would not have passed.
pub fn check_source(source: &Source) -> Result<(), Vec<Invalid>> {
    Verifier::new(source).map(drop)
}

fn header_name(name: &str) -> Result<HeaderName, String> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("is `{name}`, which is not a name of an HTTP header"))
}

/// What is made of each secret; or what is wrong, with each that is. Empty ones are passed over: they are complained of as such.
fn of_each<T>(secrets: &[Secret], make: impl Fn(&Secret) -> Result<T, String>) -> Result<Vec<T>, Vec<Invalid>> {
    let mut found = Findings::default();
    let made: Vec<T> = secrets
        .iter()
        .enumerate()
        .filter(|(_, secret)| !secret.is_empty())
        .filter_map(|(index, secret)| found.keep_at(&format!("secrets[{index}]"), make(secret)))
        .collect();
    found.into_result().map(|()| made)
}

/// The value of a header that must occur exactly once.
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
