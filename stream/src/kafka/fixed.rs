//! The librdkafka options that are ours: what is promised to senders and sinks rests on them.

use std::collections::BTreeMap;

use schemas::setting::Findings;

use super::config::{Config, canonical};
use super::properties::place;

/// Why each of them cannot be changed.
const FIXED: [(&str, &str); 18] = [
    ("acks", REPLICAS),
    (
        "enable.idempotence",
        "a record that is sent again must be stored once, and in its order",
    ),
    (
        "partitioner",
        "one conversation must stay in one partition, whichever program writes",
    ),
    ("message.timeout.ms", "set `event_log.kafka.publish_timeout_ms`"),
    ("queue.buffering.max.kbytes", "set `event_log.kafka.queue_max_bytes`"),
    (
        "queue.buffering.max.messages",
        "set `event_log.kafka.queue_max_records`",
    ),
    ("message.max.bytes", "set `event_log.max_record_bytes`"),
    ("bootstrap.servers", "set `event_log.kafka.brokers`"),
    (
        "allow.auto.create.topics",
        "a topic with the defaults of the cluster would be no place for events: `forebay migrate` makes them",
    ),
    (
        "group.id",
        "each sink has a group of its own, which begins with `event_log.topic_prefix`",
    ),
    ("group.protocol", ASSIGNMENT),
    ("partition.assignment.strategy", ASSIGNMENT),
    ("enable.auto.commit", OFFSETS),
    ("enable.auto.offset.store", OFFSETS),
    (
        "auto.offset.reset",
        "a lost position must be reported, and not be guessed: `forebay progress set` decides where a sink continues",
    ),
    (
        "isolation.level",
        "what a transaction has taken back must not be delivered",
    ),
    ("enable.partition.eof", "the readers do not expect it"),
    (
        "check.crcs",
        "a record that was damaged on its way must not be delivered",
    ),
];

const REPLICAS: &str = "what is answered with 200 must be in all replicas";
const ASSIGNMENT: &str = "partitions are handed over between the processes in this way only";
const OFFSETS: &str = "progress is stored when a sink has taken the records, and not before";

/// Refuses those of the operator's properties that say something else than we do. Values are never shown.
pub(super) fn check(config: &Config, found: &mut Findings) {
    // The values that win, whatever the properties say. Those of one who publishes: who only reads may have the same properties.
    let bare = Config {
        properties: BTreeMap::new(),
        reads_only: false,
        ..config.clone()
    };
    let (Ok(producer), Ok(member)) = (bare.producer(), bare.member("")) else {
        return;
    };
    for (name, value) in &config.properties {
        let ours = canonical(name);
        let Some((_, reason)) = FIXED.iter().find(|(fixed, _)| *fixed == ours) else {
            continue;
        };
        let set = producer.get(ours).or_else(|| member.get(ours)).unwrap_or_default();
        let same = value.expose_str().is_some_and(|value| equal(ours, value.trim(), set));
        if !same {
            found.add(place(name), format!("cannot be changed: {reason}"));
        }
    }
}

/// Whether two values of an option mean the same.
fn equal(name: &str, value: &str, ours: &str) -> bool {
    let value = value.to_ascii_lowercase();
    value == ours || (name == "acks" && value == "-1") || (name == "enable.idempotence" && value == "1")
}

#[cfg(test)]
mod tests {
    use super::super::config::tests::config;
    use super::*;

    fn found(properties: &[(&str, &str)]) -> Vec<String> {
        found_in(&config(properties))
    }

    fn found_in(config: &Config) -> Vec<String> {
        let mut found = Findings::default();
        check(config, &mut found);
        found.into_warnings().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_safety_rests_on_cannot_be_changed_and_the_reason_is_given() {
        for (name, value, reason) in [
            ("acks", "1", "what is answered with 200 must be in all replicas"),
            (
                "request.required.acks",
                "0",
                "what is answered with 200 must be in all replicas",
            ),
            ("enable.idempotence", "false", "must be stored once"),
            ("enable.auto.commit", "true", "not before"),
            ("group.id", "mine", "`event_log.topic_prefix`"),
            (
                "metadata.broker.list",
                "elsewhere:9092",
                "set `event_log.kafka.brokers`",
            ),
            (
                "delivery.timeout.ms",
                "60000",
                "set `event_log.kafka.publish_timeout_ms`",
            ),
            ("auto.offset.reset", "latest", "`forebay progress set`"),
        ] {
            let found = found(&[(name, value)]);
            let [text] = &found[..] else {
                panic!("{name}: {found:?}")
            };
            assert!(
                text.starts_with(&format!("`properties.{name}` cannot be changed: ")),
                "{text}"
            );
            assert!(text.contains(reason), "{text}");
        }
    }

    #[test]
    fn our_own_values_and_other_options_are_accepted() {
        let accepted = [
            ("acks", "all"),
            ("request.required.acks", "-1"),
            ("enable.idempotence", "true"),
            ("isolation.level", "read_committed"),
            ("message.timeout.ms", "1800"),
            ("linger.ms", "5"),
            ("session.timeout.ms", "6000"),
        ];
        assert_eq!(found(&accepted), [""; 0]);
        let reader = Config {
            reads_only: true,
            ..config(&accepted)
        };
        assert_eq!(found_in(&reader), [""; 0], "the same file serves `forebay tail`");
    }

    #[test]
    fn every_option_that_is_listed_is_set_by_us() {
        let config = config(&[]);
        let (producer, member) = (
            config.producer().expect("options"),
            config.member("g").expect("options"),
        );
        for (name, _) in FIXED {
            assert!(
                producer.get(name).or_else(|| member.get(name)).is_some(),
                "{name} is not set"
            );
        }
    }
}
