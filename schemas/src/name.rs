//! Names that are checked once, on parse, and cannot be swapped for one another.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

/// Why a text is not a valid name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{value}` is not a valid {kind}: {rule}")]
pub struct InvalidName {
    /// What the text should have been: `source id`, `topic name`, …
    pub kind: &'static str,
    /// The text, cut to 64 characters.
    pub value: String,
    /// The rule in words.
    pub rule: &'static str,
}

fn check(kind: &'static str, value: &str, rule: &'static str, allowed: fn(char) -> bool) -> Result<(), InvalidName> {
    let fits = !value.is_empty() && value.len() <= 128 && value.chars().all(allowed) && value != "." && value != "..";
    if fits {
        Ok(())
    } else {
        Err(InvalidName {
            kind,
            value: value.chars().take(64).collect(),
            rule,
        })
    }
}

const SLUG_RULE: &str = "use 1 to 128 letters, digits, `-`, `_` or `.`";

fn slug(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident = $kind:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, schemars::JsonSchema)]
        #[serde(transparent)]
        pub struct $name(Cow<'static, str>);

        impl $name {
            /// Checks `value`: 1 to 128 ASCII letters, digits, `-`, `_` or `.`.
            pub fn new(value: impl Into<Cow<'static, str>>) -> Result<Self, InvalidName> {
                let value = value.into();
                check($kind, &value, SLUG_RULE, slug)?;
                Ok(Self(value))
            }

            /// Returns the name as text, as it was written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;
            fn from_str(value: &str) -> Result<Self, InvalidName> {
                Self::new(value.to_owned())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }
    )*};
}

names! {
    /// Whose events these are. Everything is separated by tenant.
    Tenant = "tenant";
    /// A configured sender: the name in the path of its ingest URL.
    SourceId = "source id";
    /// A sink: `postgres`, `http`, `topic`, …
    SinkName = "sink name";
    /// A topic of the event log.
    TopicName = "topic name";
    /// A consumer group of the event log.
    GroupName = "consumer group";
    /// The name of a routing rule, unique in its file.
    RuleName = "rule name";
    /// The id of an endpoint, unique in the configuration.
    EndpointId = "endpoint id";
    /// What happened, dotted: `message.created`, `invoice.paid` (Standard Webhooks, "Event types").
    EventType = "event type";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_what_is_wrong_with_it() {
        assert!(SourceId::new("chatwoot-1").is_ok());
        let error = SourceId::new("a/b").expect_err("a slash is not allowed");
        assert_eq!(
            error.to_string(),
            "`a/b` is not a valid source id: use 1 to 128 letters, digits, `-`, `_` or `.`"
        );
        for bad in ["", ".", "..", "a b", "é", &"x".repeat(129)] {
            assert!(TopicName::new(bad.to_owned()).is_err(), "{bad:?}");
        }
    }
}
