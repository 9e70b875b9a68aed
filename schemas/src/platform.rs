//! The platforms whose webhooks Forebay speaks.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The dialect of a sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Platform {
    /// A `WhatsApp` bridge on the Baileys library that posts over HTTP (baileys-api).
    Baileys,
    /// Chatwoot, signed or unsigned, and its forks.
    Chatwoot,
    /// Digisac.
    Digisac,
    /// Any sender that follows the Standard Webhooks specification.
    Standard,
}

impl Platform {
    /// All of them, in the order of their names.
    pub const ALL: [Self; 4] = [Self::Baileys, Self::Chatwoot, Self::Digisac, Self::Standard];

    /// The name used in configuration, events, metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Baileys => "baileys",
            Self::Chatwoot => "chatwoot",
            Self::Digisac => "digisac",
            Self::Standard => "standard",
        }
    }
}

/// No platform has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no platform `{0}`; the platforms are baileys, chatwoot, digisac, standard")]
pub struct UnknownPlatform(pub String);

impl FromStr for Platform {
    type Err = UnknownPlatform;
    fn from_str(text: &str) -> Result<Self, UnknownPlatform> {
        Self::ALL
            .into_iter()
            .find(|p| p.as_str() == text)
            .ok_or_else(|| UnknownPlatform(text.to_owned()))
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
