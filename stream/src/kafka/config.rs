//! The settings of the Kafka log, and the librdkafka options made from them.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use schemas::log::LogError;
use schemas::secret::Secret;
use schemas::setting::{Findings, Invalid};
use serde::Deserialize;

use super::{brokers, fixed, properties};

/// What a record costs beyond its bytes: framing of record and batch, and lengths of headers.
pub(super) const FRAMING_BYTES: u32 = 16 * 1024;

/// What librdkafka takes for a queue, rounded down.
const QUEUE_LIMIT_BYTES: u32 = 2_000_000_000;

/// librdkafka's other names of options that we set. Under two names an option would be set twice, in no certain order,
/// so that our value might not be the one that counts.
const ALIASES: [(&str, &str); 5] = [
    ("compression.codec", "compression.type"),
    ("delivery.timeout.ms", "message.timeout.ms"),
    ("metadata.broker.list", "bootstrap.servers"),
    ("queue.buffering.max.ms", "linger.ms"),
    ("request.required.acks", "acks"),
];

/// Returns the name under which we set an option.
pub(super) fn canonical(name: &str) -> &str {
    let other = ALIASES.iter().find(|(alias, _)| *alias == name);
    other.map_or(name, |(_, name)| name)
}

/// How many heartbeats must fit into a session, so that one that is late does not end it.
const HEARTBEATS_PER_SESSION: u64 = 3;

/// Times of a member of a group, milliseconds.
struct Times {
    session: u64,
    heartbeat: u64,
    poll: u64,
}

/// Settings of the Kafka log.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The brokers to begin with: `host:port`, separated by commas.
    pub brokers: String,
    /// Options passed to librdkafka as they are (its `CONFIGURATION.md`): `security.protocol`, `sasl.*`, `ssl.*`,
    /// `client.id`, `session.timeout.ms` and so on. The options on which safety depends are set after these, and win.
    pub properties: BTreeMap<String, Secret>,
    /// How long a publish may take in all, whatever the state of the cluster.
    pub publish_timeout_ms: u64,
    /// The largest record (key, headers and value together) that is published to topics without a known smaller limit.
    pub max_record_bytes: u32,
    /// How many bytes may wait for their acknowledgement; then publishing fails quickly.
    pub queue_max_bytes: u32,
    /// How many records may wait for their acknowledgement; then publishing fails quickly.
    pub queue_max_records: u32,
    /// How many bytes are fetched ahead for one partition before its reader asks for them.
    pub read_ahead_bytes: u32,
    /// How long to wait for the cluster's answer when joining, checking topics and looking up progress.
    pub request_timeout_ms: u64,
    /// Whether nothing is published, so that no right to is asked for; see [`connect_to_read`](super::KafkaLog::connect_to_read).
    #[serde(skip)]
    pub reads_only: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            brokers: String::new(),
            properties: BTreeMap::new(),
            publish_timeout_ms: 1800,
            max_record_bytes: 4 * 1024 * 1024,
            queue_max_bytes: 64 * 1024 * 1024,
            queue_max_records: 50_000,
            read_ahead_bytes: 4 * 1024 * 1024,
            request_timeout_ms: 5000,
            reads_only: false,
        }
    }
}

impl Config {
    pub(super) fn publish_timeout(&self) -> Duration {
        Duration::from_millis(self.publish_timeout_ms)
    }

    pub(super) fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.request_timeout_ms)
    }

    /// Everything that is wrong with the settings, as far as it shows without a broker. Values of properties are never shown.
    pub fn check(&self) -> Result<(), Vec<Invalid>> {
        let mut found = Findings::default();
        found.keep_at("brokers", brokers::check(&self.brokers));
        let (record, queue) = (self.max_record_bytes, self.queue_max_bytes);
        let ranges = [
            ("publish_timeout_ms", self.publish_timeout_ms, 50..=300_000),
            ("max_record_bytes", u64::from(record), 1024..=48 * 1024 * 1024),
            ("queue_max_records", u64::from(self.queue_max_records), 1..=10_000_000),
        ];
        for (key, value, range) in ranges.into_iter().filter(|(_, value, range)| !range.contains(value)) {
            found.add(key, format!("is {value}: give {} to {}", range.start(), range.end()));
        }
        if queue < record || queue > QUEUE_LIMIT_BYTES {
            let reason =
                format!("is {queue}: give at least `max_record_bytes` ({record}) and at most {QUEUE_LIMIT_BYTES}");
            found.add("queue_max_bytes", reason);
        }
        let least = [
            ("read_ahead_bytes", u64::from(self.read_ahead_bytes), 64 * 1024),
            ("request_timeout_ms", self.request_timeout_ms, 100),
        ];
        for (key, value, least) in least.into_iter().filter(|(_, value, least)| value < least) {
            found.add(key, format!("is {value}: give at least {least}"));
        }
        properties::check(&self.properties, &mut found);
        fixed::check(self, &mut found);
        if let Some(Times {
            session,
            heartbeat,
            poll,
        }) = self.times()
        {
            // librdkafka refuses these, too, but only when a sink starts.
            if session <= heartbeat {
                let reason = format!("is {session}, and `heartbeat.interval.ms` is {heartbeat}: give more than that");
                found.add("properties.session.timeout.ms", reason);
            }
            if poll < session {
                let reason = format!("is {poll}, less than `session.timeout.ms` ({session}): give at least that");
                found.add("properties.max.poll.interval.ms", reason);
            }
        }
        found.into_result()
    }

    /// Finds what may be meant, and seldom is.
    pub fn warnings(&self) -> Vec<Invalid> {
        let mut found = Findings::default();
        if let Some(reason) = brokers::warning(&self.brokers) {
            found.add("brokers", reason);
        }
        properties::warn(&self.properties, &mut found);
        // Each broker may name its protocol itself.
        if !self.brokers.contains("://") {
            properties::warn_unused(&self.properties, &mut found);
        }
        if let Some(Times { session, heartbeat, .. }) = self.times()
            && session > heartbeat
            && session < heartbeat.saturating_mul(HEARTBEATS_PER_SESSION)
        {
            let reason = format!(
                "is {session}, and `heartbeat.interval.ms` is {heartbeat}: give a session at least {HEARTBEATS_PER_SESSION} \
                 heartbeats, or one that is late ends it"
            );
            found.add("properties.session.timeout.ms", reason);
        }
        found.into_warnings()
    }

    /// The times of a member of a group; one of them is the operator's, where they do not agree.
    fn times(&self) -> Option<Times> {
        let member = self.member("").ok()?;
        let time = |name: &str| member.get(name)?.parse().ok();
        Some(Times {
            session: time("session.timeout.ms")?,
            heartbeat: time("heartbeat.interval.ms")?,
            poll: time("max.poll.interval.ms")?,
        })
    }

    /// Options of the producer, and of the clients that only ask.
    pub(super) fn producer(&self) -> Result<ClientConfig, LogError> {
        let mut config = self.with_properties(&[
            ("compression.type", "lz4"),
            ("linger.ms", "2"),
            ("request.timeout.ms", "2000"),
        ])?;
        // Timed out in librdkafka as well, so that a record that no caller waits for does not arrive much later.
        config.set("message.timeout.ms", self.publish_timeout_ms.to_string());
        config.set("queue.buffering.max.kbytes", (self.queue_max_bytes / 1024).to_string());
        config.set("queue.buffering.max.messages", self.queue_max_records.to_string());
        // Never smaller than a whole batch of small records (`batch.size`, 1000000).
        let message_max = (self.max_record_bytes + FRAMING_BYTES).max(1_000_000);
        config.set("message.max.bytes", message_max.to_string());
        config.set("acks", "all");
        // An idempotent producer asks for an id at once, to which a mere reader may have no right.
        config.set("enable.idempotence", if self.reads_only { "false" } else { "true" });
        // As Java clients do: equal keys go to one partition, whichever client writes.
        config.set("partitioner", "murmur2_random");
        Ok(config)
    }

    /// Options of a member of `group`.
    pub(super) fn member(&self, group: &str) -> Result<ClientConfig, LogError> {
        let mut config = self.with_properties(&[
            // After a member died, its partitions rest for this long: with librdkafka's 45 s, nothing was delivered for
            // 43.6 s after the only processor was killed. Shorter is worse for a member that is only slow, or cut off from
            // its broker for that long: it is expelled, and what it had not settled is delivered again. Heartbeats are due
            // every 3 s, so that four may be lost; Kafka asks for at most a third. Brokers allow 6 s to 30 min.
            ("session.timeout.ms", "15000"),
            ("heartbeat.interval.ms", "3000"),
            ("max.poll.interval.ms", "300000"),
            ("queued.max.messages.kbytes", "16384"),
        ])?;
        config.set("group.id", group);
        config.set("group.protocol", "classic");
        config.set("partition.assignment.strategy", "cooperative-sticky");
        // Our own code commits progress, per assignment: see `commits`.
        config.set("enable.auto.commit", "false");
        config.set("enable.auto.offset.store", "false");
        config.set("auto.offset.reset", "error");
        config.set("isolation.level", "read_committed");
        config.set("enable.partition.eof", "false");
        config.set("check.crcs", "true");
        Ok(config)
    }

    fn with_properties(&self, defaults: &[(&str, &str)]) -> Result<ClientConfig, LogError> {
        let mut config = ClientConfig::new();
        // Otherwise it follows the level of a logger that is not installed.
        config.set_log_level(RDKafkaLogLevel::Info);
        let shared = [
            ("client.id", "forebay"),
            ("socket.keepalive.enable", "true"),
            ("socket.connection.setup.timeout.ms", "5000"),
            ("reconnect.backoff.max.ms", "1000"),
            ("log.connection.close", "false"),
        ];
        for (name, value) in shared.iter().chain(defaults) {
            config.set(*name, *value);
        }
        for (name, value) in &self.properties {
            let Some(value) = value.expose_str() else {
                return Err(LogError::Misconfigured(format!(
                    "`event_log.kafka.properties` has a value for `{name}` that is not UTF-8 text"
                )));
            };
            config.set(canonical(name), value);
        }
        config.set("bootstrap.servers", self.brokers.trim());
        config.set("allow.auto.create.topics", "false");
        Ok(config)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Settings with an address where no broker answers.
    pub(in crate::kafka) fn config(properties: &[(&str, &str)]) -> Config {
        Config {
            brokers: "127.0.0.1:1".to_owned(),
            properties: properties
                .iter()
                .map(|(k, v)| ((*k).to_owned(), Secret::new(*v)))
                .collect(),
            ..Config::default()
        }
    }

    #[test]
    fn who_only_reads_asks_for_no_id_of_a_producer() {
        let reader = Config {
            reads_only: true,
            ..config(&[])
        };
        let idempotence = |config: &Config| {
            let options = config.producer().expect("options");
            options.get("enable.idempotence").map(str::to_owned)
        };
        assert_eq!(idempotence(&reader).as_deref(), Some("false"));
        assert_eq!(idempotence(&config(&[])).as_deref(), Some("true"));
    }

    #[test]
    fn safety_cannot_be_switched_off() {
        let config = config(&[
            ("acks", "1"),
            ("request.required.acks", "0"),
            ("delivery.timeout.ms", "86400000"),
            ("metadata.broker.list", "elsewhere:9092"),
            ("enable.idempotence", "false"),
            ("auto.offset.reset", "latest"),
        ]);
        let producer = config.producer().expect("options");
        assert_eq!(
            (producer.get("acks"), producer.get("enable.idempotence")),
            (Some("all"), Some("true"))
        );
        for alias in ["request.required.acks", "delivery.timeout.ms", "metadata.broker.list"] {
            assert_eq!(producer.get(alias), None, "a second name of what we set");
        }
        assert_eq!(producer.get("message.timeout.ms"), Some("1800"));
        let member = config.member("g").expect("options");
        assert_eq!(member.get("auto.offset.reset"), Some("error"));
        assert_eq!(config.check().expect_err("refused besides").len(), 6);
    }

    #[test]
    fn a_dead_member_is_noticed_soon_and_some_heartbeats_may_be_lost() {
        let member = config(&[]).member("g").expect("options");
        let of = |name: &str| {
            member
                .get(name)
                .and_then(|value| value.parse::<u32>().ok())
                .expect("a number")
        };
        let session = of("session.timeout.ms");
        assert!((6_000..=15_000).contains(&session), "{session}");
        assert!(of("heartbeat.interval.ms") * 3 <= session);
    }

    #[test]
    fn properties_win_over_defaults() {
        let config = config(&[("compression.codec", "zstd"), ("session.timeout.ms", "6000")]);
        assert_eq!(
            config.producer().expect("options").get("compression.type"),
            Some("zstd")
        );
        assert_eq!(
            config.member("g").expect("options").get("session.timeout.ms"),
            Some("6000")
        );
    }

    #[test]
    fn times_that_contradict_each_other_are_named() {
        for (name, value, place) in [
            ("heartbeat.interval.ms", "45000", "properties.session.timeout.ms"),
            ("max.poll.interval.ms", "10000", "properties.max.poll.interval.ms"),
        ] {
            let found = config(&[(name, value)]).check().expect_err(place);
            assert!(found.iter().any(|invalid| invalid.place == place), "{found:?}");
        }
        let late = config(&[("session.timeout.ms", "6000")]);
        late.check().expect("it works");
        assert_eq!(late.warnings()[0].place, "properties.session.timeout.ms");
        let together = config(&[("session.timeout.ms", "6000"), ("heartbeat.interval.ms", "2000")]);
        together.check().expect("they agree");
        assert_eq!(together.warnings(), []);
    }

    #[test]
    fn settings_that_cannot_work_are_named() {
        type Spoil = fn(&mut Config);
        let wrong: [(&str, Spoil); 5] = [
            ("brokers", |c| c.brokers = "  ".to_owned()),
            ("publish_timeout_ms", |c| c.publish_timeout_ms = 0),
            ("max_record_bytes", |c| c.max_record_bytes = 1),
            ("queue_max_bytes", |c| c.queue_max_bytes = 1),
            ("read_ahead_bytes", |c| c.read_ahead_bytes = 1),
        ];
        for (name, spoil) in wrong {
            let mut config = config(&[]);
            spoil(&mut config);
            let found = config.check().expect_err("a bad setting");
            assert!(found.iter().any(|invalid| invalid.place == name), "{name}: {found:?}");
        }
    }
}
