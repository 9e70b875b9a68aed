//! What a request shows of itself, why it is refused, and what all schemes read of it alike.

use http::{HeaderMap, HeaderName};
use schemas::time::Timestamp;

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

/// The value of a header that must occur exactly once.
pub(super) fn the_only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<&'a [u8], Refusal> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => Ok(value.as_bytes()),
        (None, _) => Err(Refusal::Missing(name.to_string())),
        (Some(_), Some(_)) => Err(Refusal::Repeated(name.to_string())),
    }
}

/// Reads seconds since the epoch: digits only, no sign, no fraction, no blank.
pub(super) fn epoch_seconds(text: &[u8], place: &str) -> Result<i64, Refusal> {
    let digits = text.iter().all(u8::is_ascii_digit) && (1..=12).contains(&text.len());
    std::str::from_utf8(text)
        .ok()
        .filter(|_| digits)
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| Refusal::Malformed(format!("`{place}` is not in whole seconds since the epoch")))
}

/// Whether a signed time stamp is near enough to our clock, both ways, the boundary included.
pub(super) fn within(stamp: i64, tolerance_seconds: i64, now: Timestamp) -> Result<(), Refusal> {
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

/// The tolerance, to compare with seconds since the epoch.
pub(super) fn whole_seconds(tolerance: std::time::Duration) -> i64 {
    i64::try_from(tolerance.as_secs()).unwrap_or(i64::MAX)
}
