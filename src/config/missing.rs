//! What becomes of `${NAME}` when NAME is not set. A command that only reads the event log needs no secret of a source or an
//! endpoint, and whoever runs it may have none; a process that runs a part needs those of its part.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use schemas::name::SinkName;
use settings::{Environment, Unavailable, Variables, Within};
use sha2::{Digest as _, Sha256};

use super::sinks::SINKS;

/// What becomes of references to variables that are not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing<'p> {
    /// Each is an error.
    Refuse,
    /// In these sections or parts of one, as `sinks.http`, which the command does not use, something stands in its place that
    /// no one knows.
    LeaveIn(&'p [String]),
}

/// The sections and parts of one that a command does not use.
pub(crate) type Unused = Vec<String>;

/// The sections whose values may be left out: those of the others are numbers and addresses, for which nothing can stand in.
const OF_TEXTS: [&str; 5] = ["sources", "endpoints", "sinks", "store", "event_log"];

/// For commands that use no source, endpoint, sink or store, or nothing secret of one.
pub(crate) fn needs_no_secret() -> Unused {
    ["sources", "endpoints", "sinks", "store"].map(str::to_owned).into()
}

/// For who also asks the sinks how far they are.
pub(crate) fn asks_the_sinks() -> Unused {
    ["sources", "endpoints", "store"].map(str::to_owned).into()
}

/// For who only reads and writes the databases of the sinks.
pub(crate) fn asks_the_databases() -> Unused {
    ["sources", "endpoints", "store", "event_log"].map(str::to_owned).into()
}

/// For who looks at deliveries, and adds some: the store is asked, and nothing is posted.
pub(crate) fn asks_the_store() -> Unused {
    ["sources", "endpoints", "sinks"].map(str::to_owned).into()
}

/// For who posts to an endpoint, and stores nothing.
pub(crate) fn posts_alone() -> Unused {
    [
        "sources",
        "event_log",
        "store",
        "sinks.postgres",
        "sinks.sqlite",
        "sinks.topic",
    ]
    .map(str::to_owned)
    .into()
}

/// For `forebay ingest`.
pub(crate) fn receives() -> Unused {
    ["endpoints", "sinks", "store", "processor", "rules_file"]
        .map(str::to_owned)
        .into()
}

/// For `forebay process` with these sinks; with all if none is named.
pub(crate) fn delivers_to(wanted: &[SinkName]) -> Unused {
    let mut unused: Unused = ["sources", "ingest"].map(str::to_owned).into();
    if !wanted.is_empty() {
        let others = SINKS
            .iter()
            .filter(|sink| wanted.iter().all(|name| name.as_str() != **sink));
        for sink in others {
            unused.push(format!("sinks.{sink}"));
            // What is only about deliveries to endpoints.
            if *sink == "http" {
                unused.extend(["endpoints", "store"].map(str::to_owned));
            }
        }
    }
    unused
}

/// For `forebay migrate`.
pub(crate) fn makes_topics_and_tables() -> Unused {
    let all = [
        "sources",
        "endpoints",
        "sinks.http",
        "sinks.sqlite",
        "sinks.topic",
        "store.sqlite",
        "ingest",
        "processor",
    ];
    all.map(str::to_owned).into()
}

/// For `forebay smoke-test`, which posts to endpoints only where it receives.
pub(crate) fn posts_and_looks(receives: bool) -> Unused {
    let mut unused: Unused = ["event_log", "sinks.http", "sinks.sqlite", "sinks.topic", "store"]
        .map(str::to_owned)
        .into();
    if !receives {
        unused.push("endpoints".to_owned());
    }
    unused
}

/// Whether what is at `place` belongs to something that is not used.
pub(super) fn is_unused(unused: &[String], place: &str) -> bool {
    let is_in = |outer: &String| {
        let rest = place.strip_prefix(outer.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    unused.iter().any(is_in)
}

/// What `${NAME}` stands for: the variables of `known`, and where they have no value what `missing` says.
#[derive(Debug)]
pub(super) struct Filled<'p, V = Environment> {
    pub(super) known: V,
    pub(super) missing: Missing<'p>,
}

impl<V: Variables> Variables for Filled<'_, V> {
    fn value(&self, name: &str) -> Result<Option<String>, Unavailable> {
        self.known.value(name)
    }

    fn substitute(&self, name: &str, within: &Within<'_>) -> Option<String> {
        match self.missing {
            Missing::LeaveIn(unused)
                if OF_TEXTS.contains(&within.section)
                    && is_unused(unused, &format!("{}.{}", within.section, within.part)) =>
            {
                Some(substitute(name, within))
            }
            Missing::LeaveIn(_) | Missing::Refuse => None,
        }
    }
}

/// Something of the form that is wanted there: of a URL, its host or all of it; of a secret, a key that fits every scheme.
fn substitute(name: &str, within: &Within<'_>) -> String {
    match (within.key, within.before) {
        ("url" | "token_url", "") => "https://not-set.invalid/".to_owned(),
        ("proxy", "") => "http://not-set.invalid".to_owned(),
        ("url" | "token_url" | "proxy", _) => "not-set.invalid".to_owned(),
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

    fn read(missing: Missing<'_>) -> Result<Loaded, ConfigError> {
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
        Loaded::examine(text.as_bytes(), "f.yaml".to_owned(), PathBuf::new(), &variables, &[]).into_result()
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
        assert_eq!(named(Missing::LeaveIn(&needs_no_secret())), ["BROKERS", "SHARED"]);
        let unused = ["event_log", "sources", "endpoints"].map(str::to_owned);
        let loaded = read(Missing::LeaveIn(&unused)).expect("all are left");
        assert_eq!(loaded.config.sources[0].secrets[0].expose(), b"the-value-that-is-set");
        let urls: Vec<String> = loaded
            .config
            .endpoints
            .iter()
            .map(|endpoint| endpoint.url.clone())
            .collect();
        assert_eq!(urls, ["https://not-set.invalid/", "https://not-set.invalid/hook"]);
    }

    #[test]
    fn a_worker_needs_the_variables_of_its_own_sinks() {
        let text = "\
sources: [{ id: a, platform: chatwoot, secrets: '${SOURCE}' }]
endpoints: [{ id: b, url: 'https://${B_HOST}/', secrets: '${ENDPOINT}' }]
sinks:
  postgres: { url: '${DATABASE}' }
  http: { allowed_networks: [127.0.0.0/8], user_agent: '${AGENT}' }
  topic: {}
store: { postgres: { url: '${STORE}', password: '${STORE_PASSWORD}' } }
";
        let named = |unused: &Unused| {
            let variables = Filled {
                known: Given(HashMap::new()),
                missing: Missing::LeaveIn(unused),
            };
            let read =
                Loaded::examine(text.as_bytes(), "f.yaml".to_owned(), PathBuf::new(), &variables, unused).into_result();
            let error = read.expect_err("something is missing").to_string();
            let names = error.lines().filter_map(|line| line.split('`').nth(1));
            names.map(str::to_owned).collect::<Vec<String>>()
        };
        let sink = |name: &'static str| SinkName::new(name).expect("valid");
        assert_eq!(named(&delivers_to(&[sink("postgres")])), ["DATABASE"]);
        assert_eq!(
            named(&delivers_to(&[sink("http")])),
            ["B_HOST", "ENDPOINT", "AGENT", "STORE", "STORE_PASSWORD"]
        );
        assert_eq!(
            named(&delivers_to(&[])),
            ["B_HOST", "ENDPOINT", "DATABASE", "AGENT", "STORE", "STORE_PASSWORD"]
        );
        assert_eq!(named(&receives()), ["SOURCE"]);
        assert_eq!(
            named(&makes_topics_and_tables()),
            ["DATABASE", "STORE", "STORE_PASSWORD"]
        );
        assert_eq!(named(&posts_and_looks(false)), ["SOURCE", "DATABASE"]);
    }
}
