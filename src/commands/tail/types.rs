//! Which types `tail --type` and `dev --events` mean: a mistyped one would wait for ever.

use std::collections::BTreeSet;

use schemas::data::TYPES;
use schemas::endpoint::EventTypePattern;
use schemas::name::EventType;
use schemas::spelling::distance;

use crate::config::ConfigError;

/// The types that are asked for, and what is to be said about them.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// Empty for every type.
    pub(crate) patterns: Vec<EventTypePattern>,
    pub(crate) warnings: Vec<String>,
}

impl Wanted {
    /// Reads what was asked for with this option. The name of a family means all of it. What can be no type of ours, and looks like
    /// one, is refused.
    pub(crate) fn new(asked: Vec<EventTypePattern>, option: &str) -> Result<Self, ConfigError> {
        let mut wanted = Self {
            patterns: Vec::new(),
            warnings: Vec::new(),
        };
        for pattern in asked {
            let text = pattern.to_string();
            if matches_ours(&pattern) {
                wanted.patterns.push(pattern);
                continue;
            }
            let family = EventTypePattern::Prefix(format!("{text}."));
            if matches!(pattern, EventTypePattern::Exact(_)) && matches_ours(&family) {
                wanted.patterns.push(family);
                continue;
            }
            if let Some(nearest) = nearest(&text) {
                return Err(ConfigError(format!(
                    "{option} {text}: no event has this type; did you mean `{nearest}`?"
                )));
            }
            wanted.warnings.push(format!(
                "{option} {text}: no type of ours matches, only one that a sender names itself"
            ));
            wanted.patterns.push(pattern);
        }
        Ok(wanted)
    }

    pub(super) fn includes(&self, event_type: &EventType) -> bool {
        self.patterns.is_empty() || self.patterns.iter().any(|pattern| pattern.matches(event_type))
    }
}

fn matches_ours(pattern: &EventTypePattern) -> bool {
    let ours = |name: &'static str| EventType::new(name).is_ok_and(|event_type| pattern.matches(&event_type));
    TYPES.iter().any(|one| ours(one.name))
}

/// What was meant, if it was a type of ours or one of their families: of a family that there is, or only two letters off.
fn nearest(text: &str) -> Option<String> {
    let families: BTreeSet<&str> = TYPES.iter().filter_map(|t| Some(t.name.split_once('.')?.0)).collect();
    let first = text.split('.').next().unwrap_or_default();
    let close = |candidate: &str, written: &str| (distance(candidate, written), candidate.to_owned());
    let (off, family) = families.iter().map(|family| close(family, first)).min()?;
    if off > 2 || off >= first.len().div_ceil(2) {
        return None;
    }
    if text == first || text.ends_with(".*") {
        return Some(format!("{family}.*"));
    }
    TYPES
        .iter()
        .map(|one| close(one.name, text))
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(text: &str) -> Result<Wanted, ConfigError> {
        Wanted::new(vec![text.parse().expect("a pattern")], "--type")
    }

    #[test]
    fn a_family_is_meant_by_its_name_too() {
        let includes = |asked: &str, event_type: &'static str| {
            let wanted = wanted(asked).expect("a type");
            assert!(wanted.warnings.is_empty(), "{asked}");
            wanted.includes(&EventType::new(event_type).expect("a type"))
        };
        assert!(includes("message", "message.created") && includes("message.*", "message.created"));
        assert!(includes("group.participants", "group.participants.updated"));
        assert!(!includes("message.created", "message.deleted") && !includes("message", "ticket.closed"));
        assert!(includes("unmapped", "unmapped") && includes("*", "anything.else"));
    }

    #[test]
    fn a_type_that_is_mistyped_is_refused_and_one_of_a_platform_is_waited_for() {
        for (asked, meant) in [
            ("mesage.*", "`message.*`"),
            ("mesage", "`message.*`"),
            ("tickets.*", "`ticket.*`"),
            ("message.craeted", "`message.created`"),
            ("tiket.closed", "`ticket.closed`"),
        ] {
            let error = wanted(asked).expect_err(asked).to_string();
            assert!(error.contains(&format!("did you mean {meant}?")), "{asked}: {error}");
        }
        for asked in ["invoice.paid", "github.*", "com.example.order"] {
            let wanted = wanted(asked).expect(asked);
            assert!(!wanted.includes(&EventType::new("message.created").expect("a type")));
            assert!(
                wanted.warnings[0].contains("no type of ours matches"),
                "{:?}",
                wanted.warnings
            );
        }
    }
}
