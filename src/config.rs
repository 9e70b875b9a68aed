//! The program's configuration: the sum of its stages', read from one YAML file.
//!
//! `${NAME}` in an unquoted value is the environment variable NAME, or the content of the file that `NAME_FILE` names.
//! This is the only place that reads the environment.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use schemas::log::TopicSpec;
use schemas::name::{GroupName, SinkName, TopicName};
use serde::Deserialize;

use crate::yaml;

/// The configuration as the file writes it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// Logs.
    pub(crate) logging: Logging,
    /// The port for operators.
    pub(crate) admin: Admin,
    /// The event log between the stages.
    pub(crate) event_log: EventLogConfig,
    /// Receiving.
    pub(crate) ingest: ingest::Config,
    /// Who may send to us.
    pub(crate) sources: Vec<control::SourceConfig>,
    /// Who wants to hear.
    pub(crate) endpoints: Vec<control::EndpointConfig>,
    /// The rules file, relative to this one; without it every event goes to every sink.
    pub(crate) rules_file: Option<PathBuf>,
    /// Reading and retrying.
    pub(crate) processor: processor::Config,
    /// Where events go.
    pub(crate) sinks: SinksConfig,
}

impl Config {
    /// Finds what cannot be run with in the settings that no stage checks by itself; and checks what can be checked of the
    /// others before they are built.
    fn check(&self) -> Result<(), String> {
        check_address("admin.listen", &self.admin.listen)?;
        check_address("ingest.listen", &self.ingest.listen)?;
        self.ingest.check().map_err(|e| e.to_string())?;
        self.processor.check().map_err(|e| format!("`processor`: {e}"))?;
        self.event_log.check()?;
        self.check_receipts()
    }

    /// A replay finds the receipts of everything that the log still has, or it stores events without a time of their own
    /// a second time.
    fn check_receipts(&self) -> Result<(), String> {
        let kept = self.event_log.retention_hours * 3600;
        let (postgres, sqlite) = (self.sinks.postgres.as_ref(), self.sinks.sqlite.as_ref());
        let remembered = [
            ("postgres", postgres.map(|p| p.receipt_retention_seconds)),
            ("sqlite", sqlite.map(|s| s.receipt_retention_seconds)),
        ];
        for (sink, seconds) in remembered {
            if let Some(seconds) = seconds.filter(|seconds| u64::from(*seconds) < kept) {
                return Err(format!(
                    "`sinks.{sink}.receipt_retention_seconds` is {seconds}, but `event_log.retention_hours` keeps events for \
                     {kept} seconds: give at least that"
                ));
            }
        }
        Ok(())
    }
}

/// Whether somebody can listen there, as far as its form tells.
fn check_address(key: &str, address: &str) -> Result<(), String> {
    let parts = address.rsplit_once(':');
    match parts.filter(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok()) {
        Some(_) => Ok(()),
        None => Err(format!(
            "`{key}` is `{address}`: write address and port, as in 127.0.0.1:8080"
        )),
    }
}

/// Logs, on standard error.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Logging {
    /// How they are written.
    pub(crate) format: LogFormat,
    /// Which ones: `info`, or per module, `info,processor=debug`.
    pub(crate) filter: String,
}

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

impl Default for Logging {
    fn default() -> Self {
        Self {
            format: LogFormat::Auto,
            filter: "info".to_owned(),
        }
    }
}

/// `/livez`, `/readyz`, `/metrics`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Admin {
    /// Address and port; never the public ones.
    pub(crate) listen: String,
}

impl Default for Admin {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:9464".to_owned(),
        }
    }
}

/// The event log: Kafka or the journal.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct EventLogConfig {
    /// Apache Kafka.
    pub(crate) kafka: Option<stream::kafka::Config>,
    /// The journal on local disk, for `forebay dev`.
    pub(crate) journal: Option<stream::journal::Config>,
    /// What topics and consumer groups begin with.
    pub(crate) topic_prefix: TopicName,
    /// Partitions of the events topic. Fixed once there are events: another count would scatter the conversations.
    pub(crate) partitions: i32,
    /// Replicas of each topic.
    pub(crate) replication: i32,
    /// How long events are kept.
    pub(crate) retention_hours: u64,
    /// The largest record.
    pub(crate) max_record_bytes: u32,
}

impl Default for EventLogConfig {
    fn default() -> Self {
        Self {
            kafka: None,
            journal: None,
            topic_prefix: TopicName::new("forebay").unwrap_or_else(|_| unreachable!("a literal name is valid")),
            partitions: 12,
            replication: 3,
            retention_hours: 7 * 24,
            max_record_bytes: 4 * 1024 * 1024,
        }
    }
}

/// A hundred years.
const MAX_RETENTION_HOURS: i64 = 876_000;

/// What Kafka's clients take, less what makes a dead letter larger than its record.
const MAX_RECORD_BYTES: i64 = 48 * 1024 * 1024 - 64 * 1024;

/// The topics of Forebay itself.
#[derive(Debug, Clone)]
pub(crate) struct Topics {
    pub(crate) events: TopicName,
    pub(crate) dead_letters: TopicName,
}

impl EventLogConfig {
    fn check(&self) -> Result<(), String> {
        if self.kafka.is_some() && self.journal.is_some() {
            return Err("`event_log` names two logs: keep either `kafka` or `journal`".to_owned());
        }
        let own = stream::kafka::Config::default().max_record_bytes;
        if self.kafka.as_ref().is_some_and(|kafka| kafka.max_record_bytes != own) {
            return Err(
                "`event_log.kafka.max_record_bytes` follows from `event_log.max_record_bytes`: set that".to_owned(),
            );
        }
        let ranges = [
            ("partitions", i64::from(self.partitions), 1..=100_000),
            ("replication", i64::from(self.replication), 1..=i64::from(i16::MAX)),
            (
                "retention_hours",
                i64::try_from(self.retention_hours).unwrap_or(i64::MAX),
                1..=MAX_RETENTION_HOURS,
            ),
            (
                "max_record_bytes",
                i64::from(self.max_record_bytes),
                1024..=MAX_RECORD_BYTES,
            ),
        ];
        match ranges.into_iter().find(|(_, value, range)| !range.contains(value)) {
            None => Ok(()),
            Some((key, value, range)) => Err(format!(
                "`event_log.{key}` is {value}: give {} to {}",
                range.start(),
                range.end()
            )),
        }
    }

    pub(crate) fn topics(&self) -> Result<Topics, ConfigError> {
        let name = |suffix| self.name(suffix, TopicName::new);
        Ok(Topics {
            events: name("events")?,
            dead_letters: name("dead-letters")?,
        })
    }

    pub(crate) fn group(&self, sink: &SinkName) -> Result<GroupName, ConfigError> {
        self.name(sink.as_str(), GroupName::new)
    }

    fn name<T>(
        &self,
        suffix: &str,
        check: impl FnOnce(String) -> Result<T, schemas::name::InvalidName>,
    ) -> Result<T, ConfigError> {
        check(format!("{}.{suffix}", self.topic_prefix))
            .map_err(|e| ConfigError(format!("`event_log.topic_prefix` is too long: {e}")))
    }

    pub(crate) fn topic_specs(&self) -> Result<Vec<TopicSpec>, ConfigError> {
        let topics = self.topics()?;
        let retention = Duration::from_secs(self.retention_hours * 3600);
        Ok(vec![
            TopicSpec {
                name: topics.events,
                partitions: self.partitions,
                replication: self.replication,
                retention,
                max_record_bytes: self.max_record_bytes,
            },
            TopicSpec {
                name: topics.dead_letters,
                partitions: self.partitions,
                replication: self.replication,
                // People look at dead letters later than programs at events.
                retention: retention * 4,
                // A dead letter is its record with headers that say what went wrong.
                max_record_bytes: self.max_record_bytes + 64 * 1024,
            },
        ])
    }
}

/// Where events go. A sink that is named here runs; rules decide what it gets.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SinksConfig {
    pub(crate) postgres: Option<sinks::postgres::Config>,
    pub(crate) sqlite: Option<sinks::sqlite::Config>,
    pub(crate) http: Option<sinks::http::Config>,
    pub(crate) topic: Option<sinks::topic::Config>,
}

/// A configuration that cannot be used: the whole message, with file, position, reason and way out.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct ConfigError(pub(crate) String);

/// A configuration and where it came from.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) config: Config,
    /// The file's name as given, for messages.
    pub(crate) file: String,
    /// What relative paths in the file are relative to.
    pub(crate) folder: PathBuf,
}

/// Reads and parses a file.
pub(crate) fn load(path: &Path) -> Result<Loaded, ConfigError> {
    let file = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|e| {
        ConfigError(format!("cannot read the configuration `{file}`: {e}; name another with --config, or begin with forebay.example.yaml"))
    })?;
    let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
    Ok(Loaded {
        config: parse(&text, &file, environment(&text)?)?,
        file,
        folder,
    })
}

/// Parses a text; `file` names it in messages, `properties` are what `${NAME}` stands for.
pub(crate) fn parse(text: &str, file: &str, properties: HashMap<String, String>) -> Result<Config, ConfigError> {
    // An empty file is a configuration without settings.
    let parsed: Option<Config> = yaml::read(text, properties).map_err(|yaml::Unreadable { place, reason }| {
        let place = place.map_or(String::new(), |(line, column)| format!(":{line}:{column}"));
        ConfigError(format!("{file}{place}: {reason}"))
    })?;
    let config = parsed.unwrap_or_default();
    config
        .check()
        .map_err(|reason| ConfigError(format!("{file}: {reason}")))?;
    Ok(config)
}

/// Those environment variables that `text` refers to, with `NAME_FILE` read where `NAME` is not set.
fn environment(text: &str) -> Result<HashMap<String, String>, ConfigError> {
    let mut properties: HashMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| text.contains(name.strip_suffix("_FILE").unwrap_or(name)))
        .collect();
    let files: Vec<(String, String)> = properties
        .iter()
        .filter_map(|(name, path)| Some((name.strip_suffix("_FILE")?.to_owned(), path.clone())))
        .filter(|(name, _)| !properties.contains_key(name) && text.contains(&format!("${{{name}")))
        .collect();
    for (name, path) in files {
        let content = std::fs::read_to_string(&path).map_err(|e| {
            ConfigError(format!(
                "cannot read `{path}`, named by the environment variable {name}_FILE: {e}"
            ))
        })?;
        properties.insert(name, content.trim_end_matches(['\r', '\n']).to_owned());
    }
    Ok(properties)
}

/// Several problems of one file in one message, a line each.
pub(crate) fn problems(file: &str, problems: &[control::Problem]) -> ConfigError {
    let mut text = String::new();
    for problem in problems {
        let separator = if text.is_empty() { "" } else { "\n" };
        // Writing to a String cannot fail.
        write!(
            text,
            "{separator}{file}:{}:{}: {}",
            problem.line, problem.column, problem.message
        )
        .unwrap_or_default();
    }
    ConfigError(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_valid_and_names_every_section() {
        let names = [
            "DATABASE_URL",
            "KAFKA_PASSWORD",
            "CHATWOOT_SECRET",
            "DIGISAC_URL_SECRET",
            "BAILEYS_TOKEN",
            "BILLING_SECRET",
            "CRM_SECRET",
        ];
        let properties = names.map(|name| (name.to_owned(), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned()));
        let text = include_str!("../forebay.example.yaml");
        let config = parse(text, "forebay.example.yaml", HashMap::from(properties)).expect("the example is valid");
        let control = control::Config {
            sources: config.sources,
            endpoints: config.endpoints,
        };
        let registry = control::Registry::new(control, config.ingest.max_body_bytes).expect("its sources are valid");
        registry
            .check_sources(|s| ingest::check_source(s).map_err(|e| e.problem))
            .expect("its secrets are valid");
        assert_eq!(registry.sources().count(), 4, "one source per platform");
        for section in [
            "logging",
            "admin",
            "event_log",
            "ingest",
            "sources",
            "endpoints",
            "rules_file",
            "processor",
            "sinks",
        ] {
            assert!(
                text.lines().any(|l| l.starts_with(&format!("{section}:"))),
                "the example lacks `{section}`"
            );
        }
    }

    #[test]
    fn the_example_shows_every_key_and_what_it_has_in_comments_is_right() {
        let text = include_str!("../forebay.example.yaml");
        for (open, close) in [
            ("", ""),
            ("logging: {", "}"),
            ("admin: {", "}"),
            ("event_log: {", "}"),
            ("event_log: { kafka: {", "} }"),
            ("event_log: { journal: {", "} }"),
            ("ingest: {", "}"),
            ("sources: [ {", "} ]"),
            ("endpoints: [ {", "} ]"),
            ("processor: {", "}"),
            ("sinks: {", "}"),
            ("sinks: { postgres: {", "} }"),
            ("sinks: { sqlite: {", "} }"),
            ("sinks: { http: {", "} }"),
        ] {
            let error = parse(&format!("{open} nonsense: 1 {close}"), "f.yaml", HashMap::new()).expect_err(open);
            let error = error.to_string();
            let (_, keys) = error.split_once("expected one of ").expect("it lists the keys");
            for key in keys.split(", ") {
                let shown = text.contains(&format!(" {key}:")) || text.contains(&format!("\n{key}:"));
                assert!(shown, "`{open} {key}` is not in the example");
            }
        }
        // One space behind the sign is a setting; three are a choice that excludes what stands there.
        let uncommented: Vec<String> = text
            .lines()
            .map(|line| match line.trim_start().strip_prefix("# ") {
                Some(setting)
                    if line.starts_with("  ")
                        && setting
                            .split_once(": ")
                            .is_some_and(|(key, _)| !key.contains([' ', '`'])) =>
                {
                    line.replacen("# ", "", 1)
                }
                _ => line.to_owned(),
            })
            .collect();
        let properties = [
            "DATABASE_URL",
            "CHATWOOT_SECRET",
            "DIGISAC_URL_SECRET",
            "BAILEYS_TOKEN",
            "BILLING_SECRET",
            "CRM_SECRET",
        ]
        .map(|name| (name.to_owned(), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned()));
        let config = parse(&uncommented.join("\n"), "uncommented", HashMap::from(properties)).expect("valid");
        assert_eq!(
            config.ingest.max_connections_per_ip,
            Some(256),
            "comments were taken away"
        );
        assert_eq!(
            config.processor,
            processor::Config::default(),
            "the defaults are those of the program"
        );
        assert_eq!(
            ingest::Config {
                listen: ingest::Config::default().listen,
                max_connections_per_ip: None,
                ..config.ingest
            },
            ingest::Config::default(),
            "the defaults are those of the program"
        );
    }

    #[test]
    fn a_misspelt_key_is_named_with_its_place() {
        let error = parse("ingest:\n  listn: 127.0.0.1:80\n", "f.yaml", HashMap::new())
            .expect_err("a misspelt key")
            .to_string();
        assert!(error.starts_with("f.yaml:2:3: "), "{error}");
        assert!(error.contains("listn") && error.contains("listen"), "{error}");
    }

    #[test]
    fn values_that_cannot_be_run_with_are_named() {
        for (yaml, expected) in [
            (
                "admin: { listen: nonsense }",
                "`admin.listen` is `nonsense`: write address and port",
            ),
            (
                "ingest: { listen: ':8080' }",
                "`ingest.listen` is `:8080`: write address and port",
            ),
            ("ingest: { max_body_bytes: 0 }", "`ingest.max_body_bytes` is 0"),
            (
                "processor: { batch_max_records: 0 }",
                "`processor`: `batch_max_records` is 0",
            ),
            (
                "event_log: { partitions: 0 }",
                "`event_log.partitions` is 0: give 1 to 100000",
            ),
            ("event_log: { replication: 0 }", "`event_log.replication` is 0"),
            (
                "event_log: { retention_hours: 18446744073709551615 }",
                "`event_log.retention_hours` is ",
            ),
            (
                "event_log: { max_record_bytes: 4294967295 }",
                "`event_log.max_record_bytes` is 4294967295",
            ),
            (
                "event_log: { kafka: { brokers: a, max_record_bytes: 5000 } }",
                "set that",
            ),
            (
                "{ event_log: { retention_hours: 720 }, sinks: { postgres: { url: x } } }",
                "`sinks.postgres.receipt_retention_seconds` is 691200",
            ),
            (
                "event_log: { kafka: { brokers: a }, journal: { path: b } }",
                "names two logs",
            ),
        ] {
            let error = parse(yaml, "f.yaml", HashMap::new()).expect_err(yaml).to_string();
            assert!(
                error.starts_with("f.yaml: ") && error.contains(expected),
                "{yaml}: {error}"
            );
        }
    }
}
