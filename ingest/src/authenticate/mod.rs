//! The schemes by which a sender proves itself, over the bytes as they came.
//!
//! Fixed rules, for all schemes: every comparison is in constant time; all active secrets are tried, also after one has
//! matched; names and algorithms come from the configuration and never from the request; a header that decides must occur
//! exactly once; an empty secret authenticates no one. The client learns only "unauthorized"; the typed reason is for our log.

pub(crate) mod hmac;
mod jwt;
pub(crate) mod percent;
mod presented;
mod settings;
mod sign;
mod standard_webhooks;
pub(crate) mod token;
pub(crate) mod twilio;
mod verifier;

#[cfg(test)]
mod tests;

use schemas::setting::Invalid;
use schemas::source::Source;

pub(crate) use self::presented::{Presented, Refusal};
pub use self::settings::MAX_SECRETS;
pub use self::sign::{NotSigned, SignedRequest, sign};
pub(crate) use self::verifier::{Matched, Verifier};
pub(crate) use self::{percent::decode as percent_decoded, standard_webhooks::names as standard_names};

/// Checks what can be known of a source before its first webhook: its secrets and its scheme. Returns everything that is wrong, by
/// its place in the source. Called wherever sources are configured; ingest answers 503 for a source that would not have passed.
pub fn check_source(source: &Source) -> Result<(), Vec<Invalid>> {
    Verifier::new(source).map(drop)
}
