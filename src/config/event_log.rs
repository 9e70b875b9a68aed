//! The event log's part of the configuration: which log, and what its topics are like.

use std::time::Duration;

use schemas::log::TopicSpec;
use schemas::name::{GroupName, SinkName, TopicName};
use schemas::setting::{Findings, Invalid};
use serde::Deserialize;

use super::ConfigError;

/// The event log: Kafka or the journal.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
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
    /// How large a record may be; a larger event is refused with 413.
    pub(crate) max_record_bytes: u32,
    /// How often ingest sends a canary record to each partition, for the workers to see; 0 for never.
    pub(crate) canary_seconds: Option<u64>,
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
            canary_seconds: None,
        }
    }
}

/// How often canaries are sent, if the configuration does not say.
const CANARY_SECONDS: u64 = 10;

/// The longest retention that is accepted: a hundred years.
const MAX_RETENTION_HOURS: i64 = 876_000;

/// What a dead letter may be larger than its record: the headers that say what went wrong.
const DEAD_LETTER_HEADERS_BYTES: u32 = 64 * 1024;

/// Operational events are few, and so they all keep one order.
const OPERATIONS_PARTITIONS: i32 = 1;

/// What Kafka's clients take, less what makes a dead letter larger than its record.
const MAX_RECORD_BYTES: u32 = 48 * 1024 * 1024 - DEAD_LETTER_HEADERS_BYTES;

fn prefix(reason: String) -> ConfigError {
    ConfigError(Invalid::new("event_log.topic_prefix", reason).to_string())
}

impl EventLogConfig {
    /// How often canaries are sent; `None` for never.
    pub(crate) fn canary_interval(&self) -> Option<Duration> {
        let seconds = self.canary_seconds.unwrap_or(CANARY_SECONDS);
        (seconds > 0).then(|| Duration::from_secs(seconds))
    }
}

/// The topics of Forebay itself.
#[derive(Debug, Clone)]
pub(crate) struct Topics {
    pub(crate) events: TopicName,
    pub(crate) dead_letters: TopicName,
    pub(crate) operations: TopicName,
}

impl EventLogConfig {
    pub(super) fn check(&self) -> Result<(), Vec<Invalid>> {
        let mut found = Findings::default();
        if self.kafka.is_some() && self.journal.is_some() {
            found.add("", "names two logs: keep either `kafka` or `journal`");
        }
        let own = stream::kafka::Config::default().max_record_bytes;
        if self.kafka.as_ref().is_some_and(|kafka| kafka.max_record_bytes != own) {
            found.add(
                "kafka.max_record_bytes",
                "follows from `event_log.max_record_bytes`: set that",
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
                1024..=i64::from(MAX_RECORD_BYTES),
            ),
        ];
        for (key, value, range) in ranges.into_iter().filter(|(_, value, range)| !range.contains(value)) {
            found.add(key, format!("is {value}: give {} to {}", range.start(), range.end()));
        }
        found.keep_at("topic_prefix", self.names());
        found.into_result()
    }

    fn names(&self) -> Result<Topics, String> {
        Ok(Topics {
            events: self.name("events", TopicName::new)?,
            dead_letters: self.name("dead-letters", TopicName::new)?,
            operations: self.name("operations", TopicName::new)?,
        })
    }

    pub(crate) fn topics(&self) -> Result<Topics, ConfigError> {
        self.names().map_err(prefix)
    }

    pub(crate) fn group(&self, sink: &SinkName) -> Result<GroupName, ConfigError> {
        self.name(sink.as_str(), GroupName::new).map_err(prefix)
    }

    /// The group in which a sink reads the operational events.
    pub(crate) fn operations_group(&self, sink: &SinkName) -> Result<GroupName, ConfigError> {
        self.name(&format!("{sink}.operations"), GroupName::new).map_err(prefix)
    }

    fn name<T>(
        &self,
        suffix: &str,
        check: impl FnOnce(String) -> Result<T, schemas::name::InvalidName>,
    ) -> Result<T, String> {
        check(format!("{}.{suffix}", self.topic_prefix)).map_err(|e| format!("is too long: {e}"))
    }

    /// The settings of Kafka, with what follows from those of the event log.
    pub(crate) fn kafka(&self) -> Option<stream::kafka::Config> {
        self.kafka.clone().map(|kafka| stream::kafka::Config {
            max_record_bytes: self.max_dead_letter_bytes(),
            ..kafka
        })
    }

    /// The largest record of all: the dead letter of the largest event.
    pub(crate) fn max_dead_letter_bytes(&self) -> u32 {
        self.max_record_bytes + DEAD_LETTER_HEADERS_BYTES
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
                max_record_bytes: self.max_dead_letter_bytes(),
            },
            TopicSpec {
                name: topics.operations,
                partitions: OPERATIONS_PARTITIONS,
                replication: self.replication,
                retention,
                max_record_bytes: self.max_record_bytes,
            },
        ])
    }
}
