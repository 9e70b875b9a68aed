//! What becomes of `${NAME}` when NAME is not set. A command that only reads the event log needs no secret of a source or an
//! endpoint, and whoever runs it may have none.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use settings::{Environment, Unavailable, Variables, Within};
use sha2::{Digest as _, Sha256};

/// What becomes of references to variables that are not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    /// Each is an error.
    Refuse,
    /// In these sections, which the command does not use, something stands in its place that no one knows.
    LeaveIn(&'static [&'static str]),
}

/// For commands that use no source, endpoint or sink, or nothing secret of one.
pub(crate) const NEEDS_NO_SECRET: Missing = Missing::LeaveIn(&["sources", "endpoints", "sinks"]);

/// For who also asks the sinks how far they are.
pub(crate) const ASKS_THE_SINKS: Missing = Missing::LeaveIn(&["sources", "endpoints"]);

/// What `${NAME}` stands for: the variables of `known`, and where they have no value what `missing` says.
#[derive(Debug)]
pub(super) struct Filled<V = Environment> {
    pub(super) known: V,
    pub(super) missing: Missing,
}

impl<V: Variables> Variables for Filled<V> {
    fn value(&self, name: &str) -> Result<Option<String>, Unavailable> {
        self.known.value(name)
    }

    fn substitute(&self, name: &str, within: &Within<'_>) -> Option<String> {
        match self.missing {
            Missing::LeaveIn(sections) if sections.contains(&within.section) => Some(substitute(name, within)),
            Missing::LeaveIn(_) | Missing::Refuse => None,
        }
    }
}

/// Something of the form that is wanted there: of a URL, its host or all of it; of a secret, a key that fits every scheme.
fn substitute(name: &str, within: &Within<'_>) -> String {
    match (within.key, within.before) {
        ("url", "") => "https://not-set.invalid/".to_owned(),
        ("url", _) => "not-set.invalid".to_owned(),
        _ => format!("whsec_{}", BASE64.encode(Sha256::digest(name))),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::path::PathBuf;

    use super::*;
    use crate::config::{ConfigError, Loaded};

    struct Given(HashMap<&'static str, &'static str>);

    impl Variables for Given {
        fn value(&self, name: &str) -> Result<Option<String>, Unavailable> {
            Ok(self.0.get(name).map(|value| (*value).to_owned()))
        }
    }

    fn read(missing: Missing) -> Result<Loaded, ConfigError> {
        let text = "\
event_log:
  kafka: { brokers: '${BROKERS}', properties: { sasl.password: ${SHARED} } }
sources:
  - id: a
    platform: chatwoot
    secrets:
      - ${A_SECRET}
      - ${SHARED}
      - ${WITH_DEFAULT:-with-a-default-that-is-long}
endpoints:
  - { id: b, url: '${B_URL}', secrets: ['${B_SECRET}'] }
  - { id: c, url: 'https://${C_HOST}/hook', secrets: '${C_SECRET}' }
";
        let variables = Filled {
            known: Given(HashMap::from([("A_SECRET", "the-value-that-is-set")])),
            missing,
        };
        Loaded::examine(text.as_bytes(), "f.yaml".to_owned(), PathBuf::new(), &variables).into_result()
    }

    #[test]
    fn only_what_the_command_does_not_use_is_left() {
        let named = |missing| {
            let error = read(missing)
                .expect_err("the event log uses BROKERS and SHARED")
                .to_string();
            let names = error.lines().filter_map(|line| line.split('`').nth(1));
            names.map(str::to_owned).collect::<Vec<String>>()
        };
        let all = ["BROKERS", "SHARED", "SHARED", "B_URL", "B_SECRET", "C_HOST", "C_SECRET"];
        assert_eq!(named(Missing::Refuse), all);
        assert_eq!(named(NEEDS_NO_SECRET), ["BROKERS", "SHARED"]);
        let loaded = read(Missing::LeaveIn(&["event_log", "sources", "endpoints"])).expect("all are left");
        assert_eq!(loaded.config.sources[0].secrets[0].expose(), b"the-value-that-is-set");
        let urls: Vec<String> = loaded
            .config
            .endpoints
            .iter()
            .map(|endpoint| endpoint.url.clone())
            .collect();
        assert_eq!(urls, ["https://not-set.invalid/", "https://not-set.invalid/hook"]);
    }
}
