//! A secret that neither prints nor lingers.

use std::fmt;

use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

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

    /// The bytes themselves, for the moment of use.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The secret as text, where it is text (a password, a connection string).
    pub fn expose_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// An empty secret authenticates nobody: whoever checks, refuses.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.contains("${") {
            // Quoted YAML scalars are not interpolated: without this check the literal `${NAME}` would be the secret.
            return Err(serde::de::Error::custom(
                "a secret still holds `${…}`: write it without quotes, as ${NAME}",
            ));
        }
        Ok(Self::new(text))
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
    fn an_uninterpolated_secret_is_refused() {
        let error = serde_json::from_str::<Secret>("\"${X}\"").expect_err("a literal placeholder");
        assert!(error.to_string().contains("without quotes"), "{error}");
    }
}
