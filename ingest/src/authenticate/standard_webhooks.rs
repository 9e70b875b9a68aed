//! Standard Webhooks 1.0 (standardwebhooks.com, "Webhook headers" and "Signature scheme"), symmetric signatures `v1`.
//!
//! Svix, where the specification comes from, still sends the same under the names `svix-…`; they count where there is no
//! `webhook-signature`.

use std::time::Duration;

use http::{HeaderMap, HeaderName};
use schemas::secret::Secret;
use schemas::setting::Invalid;
use schemas::source::{Encoding, Hash};
use schemas::time::Timestamp;

use super::hmac::{Key, decode};
use super::presented::{Presented, Refusal, epoch_seconds, the_only, whole_seconds, within};
use super::settings::of_each;

pub(super) const ID: HeaderName = HeaderName::from_static("webhook-id");
pub(super) const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
pub(super) const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// The names that count in this request: id, time stamp, signature.
pub(crate) fn names(headers: &HeaderMap) -> [HeaderName; 3] {
    if headers.contains_key(SIGNATURE) || !headers.contains_key("svix-signature") {
        [ID, TIMESTAMP, SIGNATURE]
    } else {
        ["svix-id", "svix-timestamp", "svix-signature"].map(HeaderName::from_static)
    }
}

/// How many signatures a list may have: each costs a comparison with every secret.
const MAX_SIGNATURES: usize = 10;

#[derive(Debug)]
pub(crate) struct StandardVerifier {
    tolerance_seconds: i64,
    keys: Vec<Key>,
}

impl StandardVerifier {
    pub(super) fn new(tolerance: Duration, secrets: &[Secret]) -> Result<Self, Vec<Invalid>> {
        Ok(Self {
            tolerance_seconds: whole_seconds(tolerance),
            keys: of_each(secrets, key)?,
        })
    }

    pub(super) fn verify(&self, request: &Presented<'_>, now: Timestamp) -> Result<usize, Refusal> {
        let [id_name, stamp_name, list_name] = names(request.headers);
        let id = the_only(request.headers, &id_name)?;
        let stamp = the_only(request.headers, &stamp_name)?;
        let list = the_only(request.headers, &list_name)?;
        if id.is_empty() || id.contains(&b'.') {
            // The dot parts what is signed: with dots in ids, one signature would fit two readings of the same bytes.
            return Err(Refusal::Malformed(format!("`{id_name}` is empty or has a dot in it")));
        }
        let seconds = epoch_seconds(stamp, stamp_name.as_str())?;

        let mut tags = [[0_u8; 32]; MAX_SIGNATURES];
        let tags = signatures(list, &list_name, &mut tags)?;
        let mut matched = None;
        for (index, key) in self.keys.iter().enumerate() {
            let mut key = key.clone();
            for part in [id, b".", stamp, b".", request.body] {
                key.update(part);
            }
            for tag in tags {
                if key.clone().verify(tag) && matched.is_none() {
                    matched = Some(index);
                }
            }
        }
        let matched = matched.ok_or(Refusal::NoMatch(self.keys.len()))?;
        within(seconds, self.tolerance_seconds, now)?;
        Ok(matched)
    }
}

/// `whsec_` and base64, or the base64 alone. Nothing else: a secret read in two ways is two secrets.
pub(super) fn key(secret: &Secret) -> Result<Key, String> {
    let key = Secret::from_standard_webhooks(secret.expose_str().unwrap_or_default()).map_err(|e| e.to_string())?;
    Key::new(Hash::Sha256, key.expose())
}

/// The signatures of version `v1` in the space-separated list; other versions and malformed ones are passed over.
fn signatures<'t>(
    list: &[u8],
    name: &HeaderName,
    tags: &'t mut [[u8; 32]; MAX_SIGNATURES],
) -> Result<&'t [[u8; 32]], Refusal> {
    let mut found = 0;
    for (count, entry) in list.split(|byte| *byte == b' ').enumerate() {
        if count >= MAX_SIGNATURES {
            return Err(Refusal::Malformed(format!(
                "`{name}` has more than {MAX_SIGNATURES} signatures"
            )));
        }
        let mut buffer = [0_u8; 66];
        let digest = entry
            .strip_prefix(b"v1,")
            .and_then(|digits| decode(Encoding::Base64, digits, 32, &mut buffer));
        if let Some(digest) = digest {
            tags[found].copy_from_slice(digest);
            found += 1;
        }
    }
    if found == 0 {
        return Err(Refusal::Malformed(format!("`{name}` has no signature of version `v1`")));
    }
    Ok(&tags[..found])
}
