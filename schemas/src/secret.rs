//! A secret that neither prints nor lingers.

use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

/// Base64 (RFC 4648 §4) whose padding may be left out.
const SIGNING_KEY: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The bytes of a secret: wiped from memory on drop, `[redacted]` in `Debug`, without `Display` and `Serialize`, so that
/// it cannot reach a log, a metric, an error or a dump by accident.
///
/// Not `PartialEq` on purpose: what compares secrets does it in constant time.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes over.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    /// Decodes a signing key as Standard Webhooks writes it: base64, with or without `whsec_` in front, with or without the
    /// padding at its end (some tools that copy lose it). The
    /// specification asks for 24 to 64 bytes; shorter keys, down to 16, are taken because senders hand them out.
    pub fn from_standard_webhooks(text: &str) -> Result<Self, InvalidSigningKey> {
        let encoded = text.strip_prefix("whsec_").unwrap_or(text);
        let key = Self::new(SIGNING_KEY.decode(encoded).map_err(|_| InvalidSigningKey::NotBase64)?);
        match key.expose().len() {
            16..=64 => Ok(key),
            len => Err(InvalidSigningKey::Length(len)),
        }
    }

    /// The bytes themselves, for the moment of use.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The secret as text, where it is text (a password, a connection string).
    pub fn expose_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// An empty secret authenticates no one: every check refuses it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Why a text is not a signing key of Standard Webhooks, as the rest of a sentence about it (see
/// [`Invalid`](crate::setting::Invalid)). Says nothing of the text itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSigningKey {
    /// Not base64.
    #[error("is not base64: write it as `whsec_` and the base64 of 24 to 64 random bytes")]
    NotBase64,
    /// Too short to be safe, or too long to be meant.
    #[error("has {0} bytes: write it as `whsec_` and the base64 of 24 to 64 random bytes")]
    Length(usize),
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print() {
        assert_eq!(format!("{:?}", Some(Secret::new("hunter2"))), "Some([redacted])");
    }

    #[test]
    fn a_signing_key_is_strict_base64_of_a_sane_length() {
        let key = Secret::from_standard_webhooks("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
            .expect("the specification's example");
        assert_eq!(key.expose().len(), 24);
        for (bad, expected) in [
            ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", InvalidSigningKey::NotBase64),
            ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw==", InvalidSigningKey::NotBase64),
            ("whsec_ MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", InvalidSigningKey::NotBase64),
            ("whsec_MfKQ9r8GKYo=", InvalidSigningKey::Length(8)),
            ("whsec_", InvalidSigningKey::Length(0)),
        ] {
            assert_eq!(Secret::from_standard_webhooks(bad).err(), Some(expected), "{bad}");
        }
    }
}
