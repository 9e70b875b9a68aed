//! What all schemes check alike of a source: its secrets, and the names of headers.

use http::HeaderName;
use schemas::secret::Secret;
use schemas::setting::{Findings, Invalid};

/// How many secrets one source may have active, of each of its proofs: enough for every rotation, and a bound on what one request costs.
pub const MAX_SECRETS: usize = 10;

/// Reads the name of a header.
pub(super) fn header_name(name: &str) -> Result<HeaderName, String> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("is `{name}`, which is not a name of an HTTP header"))
}

/// What is made of each secret; or what is wrong, with each that is. Empty ones are passed over: they are complained of as such.
pub(super) fn of_each<T>(
    secrets: &[Secret],
    make: impl Fn(&Secret) -> Result<T, String>,
) -> Result<Vec<T>, Vec<Invalid>> {
    let mut found = Findings::default();
    let made: Vec<T> = secrets
        .iter()
        .enumerate()
        .filter(|(_, secret)| !secret.is_empty())
        .filter_map(|(index, secret)| found.keep_at(&format!("secrets[{index}]"), make(secret)))
        .collect();
    found.into_result().map(|()| made)
}
