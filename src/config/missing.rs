//! What becomes of `${NAME}` when NAME is not set. A command that only reads the event log needs no secret of a source or an
//! endpoint, and whoever runs it may have none.

use std::collections::{HashMap, HashSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest as _, Sha256};

/// What becomes of references to variables that are not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    /// Each is an error.
    Refuse,
    /// In these sections, which the command does not use, something stands in its place that nobody knows.
    LeaveIn(&'static [&'static str]),
}

/// For who reads the log alone.
pub(crate) const READS_THE_LOG: Missing = Missing::LeaveIn(&["sources", "endpoints", "sinks"]);

/// For who also asks the sinks how far they are.
pub(crate) const ASKS_THE_SINKS: Missing = Missing::LeaveIn(&["sources", "endpoints"]);

impl Missing {
    /// Adds to `properties` what stands in the place of variables that only the sections to be left refer to.
    pub(super) fn fill(self, text: &str, properties: &mut HashMap<String, String>) {
        let Self::LeaveIn(sections) = self else { return };
        let (mut left, mut used) = (HashMap::new(), HashSet::new());
        let mut section = "";
        for line in text.lines() {
            if line.starts_with(|c: char| c.is_ascii_alphabetic()) {
                section = line.split(':').next().unwrap_or_default();
            }
            for (before, name) in references(line) {
                if !sections.contains(&section) {
                    used.insert(name);
                } else if !properties.contains_key(name) {
                    left.insert(name, substitute(before, name));
                }
            }
        }
        let left = left.into_iter().filter(|(name, _)| !used.contains(name));
        properties.extend(left.map(|(name, value)| (name.to_owned(), value)));
    }
}

/// Each `${NAME}` without a default, with what stands before it in its line.
fn references(line: &str) -> impl Iterator<Item = (&str, &str)> {
    line.match_indices("${").filter_map(|(start, _)| {
        let (before, reference) = line.split_at_checked(start)?;
        let (name, _) = reference.strip_prefix("${")?.split_once('}')?;
        let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        plain.then_some((before, name))
    })
}

/// Something of the form that is wanted there: of a URL, its host or all of it; of a secret, a key that fits every scheme.
fn substitute(before: &str, name: &str) -> String {
    match before.rsplit_once("url:") {
        Some((_, "" | " ")) => "https://not-set.invalid/".to_owned(),
        Some(_) => "not-set.invalid".to_owned(),
        None => format!("whsec_{}", BASE64.encode(Sha256::digest(name))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
event_log:
  kafka: { brokers: '${BROKERS}', password: ${SHARED} }
sources:
  - id: a
    secrets:
      - ${A_SECRET}
      - ${SHARED}
      - ${WITH_DEFAULT:-x}
endpoints:
  - id: b
    url: ${B_URL}
";

    #[test]
    fn only_what_the_command_does_not_use_is_left() {
        let mut properties = HashMap::from([("A_SECRET".to_owned(), "set".to_owned())]);
        Missing::Refuse.fill(TEXT, &mut properties);
        assert_eq!(properties.len(), 1);
        READS_THE_LOG.fill(TEXT, &mut properties);
        let mut names: Vec<_> = properties.keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["A_SECRET", "B_URL"], "the event log uses BROKERS and SHARED");
        assert_eq!(properties["A_SECRET"], "set");
        assert_eq!(properties["B_URL"], "https://not-set.invalid/");
    }
}
