//! The systems that rules can come from, and how their JSON is told apart.

use std::fmt;

use serde_json::Value;

/// The system that the rules come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Organization workflows: `json-rules-engine` with one additional operator.
    Web1on1,
    /// Automation rules.
    Chatwoot,
}

impl Dialect {
    /// Returns its name in the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Web1on1 => "web1on1",
            Self::Chatwoot => "chatwoot",
        }
    }

    /// Returns the dialect that `value` is in, if that is certainly another one.
    pub(super) fn mistaken(self, value: &Value) -> Option<Self> {
        let other = match self {
            Self::Web1on1 => Self::Chatwoot,
            Self::Chatwoot => Self::Web1on1,
        };
        (other.has(value) && !self.has(value)).then_some(other)
    }

    /// Whether `value` contains a rule that only this dialect has.
    fn has(self, value: &Value) -> bool {
        let value = value.get("payload").unwrap_or(value);
        let elements = match value {
            Value::Array(elements) => elements.as_slice(),
            one => std::slice::from_ref(one),
        };
        elements.iter().any(match self {
            Self::Web1on1 => is_of_web1on1,
            Self::Chatwoot => is_of_chatwoot,
        })
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Web1on1 => "Web1on1",
            Self::Chatwoot => "Chatwoot",
        })
    }
}

/// A rule has its conditions under `all` or `any`; a workflow has rules.
fn is_of_web1on1(element: &Value) -> bool {
    let is_rule = |rule: &Value| ["all", "any"].iter().any(|name| rule["conditions"][name].is_array());
    let rules = element["rules"].as_array();
    is_rule(element) || rules.is_some_and(|rules| rules.iter().any(is_rule))
}

/// A rule names its event, and has a list of conditions on attributes.
fn is_of_chatwoot(element: &Value) -> bool {
    let conditions = element["conditions"].as_array();
    element["event_name"].is_string()
        && conditions.is_some_and(|conditions| {
            conditions
                .iter()
                .all(|condition| condition["attribute_key"].is_string())
        })
}
