//! What the HTTP sink knows of a receiver, and how it learns of all of them.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use url::Url;

use crate::name::{EndpointId, EventType, Tenant};
use crate::secret::Secret;

/// A URL that receives events, with its signing keys and limits.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Its name in logs, metrics and dead letters.
    pub id: EndpointId,
    /// Whose events it gets.
    pub tenant: Tenant,
    /// Where to post. `http` or `https`, without user info.
    pub url: Url,
    /// Which event types it wants; empty means all.
    pub events: Vec<EventTypePattern>,
    /// The signing keys (decoded bytes), newest first; each makes one signature. Never empty.
    pub secrets: Vec<Secret>,
    /// The whole of one attempt: resolve, connect, TLS, send, read the answer.
    pub timeout: Duration,
    /// How many attempts may be under way at once.
    pub concurrency: usize,
}

impl Endpoint {
    /// An endpoint that wants all events, with the defaults of what else can be left out. What differs is set on it.
    pub fn new(id: EndpointId, tenant: Tenant, url: Url, secrets: Vec<Secret>) -> Self {
        Self {
            id,
            tenant,
            url,
            events: Vec::new(),
            secrets,
            timeout: Self::TIMEOUT,
            concurrency: Self::CONCURRENCY,
        }
    }

    /// The whole of one attempt, where nothing else is said.
    pub const TIMEOUT: Duration = Duration::from_secs(15);

    /// How many attempts may be under way at once, where nothing else is said.
    pub const CONCURRENCY: usize = 10;

    /// Whether this endpoint wants events of that type.
    pub fn wants(&self, event_type: &EventType) -> bool {
        self.events.is_empty() || self.events.iter().any(|pattern| pattern.matches(event_type))
    }
}

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

/// Where the HTTP sink learns of the endpoints. Reading a snapshot is quick, and never I/O.
///
/// A snapshot and its endpoints are values that never change. As long as all endpoints are as they were, every call returns the
/// same outer [`Arc`] ([`Arc::ptr_eq`]); once one of them is added, removed or changed, another one, in which those that did
/// not change are the same inner `Arc`s as before. The sink keeps connections, free slots and what it knows of an endpoint by
/// that identity: a directory that made new `Arc`s for every call would have every URL checked anew for every event. An
/// endpoint that is not in the snapshot any more is forgotten, with its metrics, at the next event.
pub trait EndpointDirectory: Send + Sync + fmt::Debug {
    /// Returns all endpoints that are enabled now.
    fn endpoints(&self) -> Arc<[Arc<Endpoint>]>;
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
