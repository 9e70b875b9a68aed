//! Which event types an endpoint wants.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::name::EventType;

/// `ticket.closed`, or a family: `ticket.*`; `*` is everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventTypePattern {
    /// Exactly this type.
    Exact(EventType),
    /// Every type that begins so; the text ends with a dot, or is empty for everything.
    Prefix(String),
}

impl EventTypePattern {
    /// Whether `event_type` fits.
    pub fn matches(&self, event_type: &EventType) -> bool {
        match self {
            Self::Exact(exact) => exact == event_type,
            Self::Prefix(prefix) => event_type.as_str().starts_with(prefix.as_str()),
        }
    }
}

impl FromStr for EventTypePattern {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self::Prefix(String::new()));
        }
        if text.contains(',') {
            return Err(format!(
                "`{text}` holds a comma: give each by itself, as in `[message.created, ticket.*]`"
            ));
        }
        let checked = |name: &str| EventType::new(name.to_owned()).map_err(|e| e.to_string());
        let family = text.strip_suffix(".*");
        if family.unwrap_or(text).contains('*') {
            return Err(format!(
                "`{text}` is no pattern: a `*` stands alone, or at the end after a dot, as in `message.*`"
            ));
        }
        match family {
            Some(family) => checked(family).map(|_| Self::Prefix(format!("{family}."))),
            None => checked(text).map(Self::Exact),
        }
    }
}

impl fmt::Display for EventTypePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(exact) => exact.fmt(f),
            Self::Prefix(prefix) => write!(f, "{prefix}*"),
        }
    }
}

impl Serialize for EventTypePattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EventTypePattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_types_and_families() {
        let matches = |pattern: &str, event_type: &'static str| {
            let pattern: EventTypePattern = pattern.parse().expect("a valid pattern");
            pattern.matches(&EventType::new(event_type).expect("a valid type"))
        };
        assert!(matches("*", "message.created"));
        assert!(matches("ticket.*", "ticket.closed"));
        assert!(!matches("ticket.*", "tickets.closed"));
        assert!(!matches("ticket.*", "ticket"));
        assert!(matches("ticket.closed", "ticket.closed"));
        assert!(!matches("ticket.closed", "ticket.closed.x"));
        for wrong in ["tick*", "*.created", "message.*.x", "**"] {
            let reason = wrong.parse::<EventTypePattern>().expect_err(wrong);
            assert!(
                reason.ends_with("at the end after a dot, as in `message.*`"),
                "{reason}"
            );
        }
    }
}
