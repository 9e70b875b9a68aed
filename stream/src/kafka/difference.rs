//! In what a topic differs from its specification: what would scatter, refuse or lose events is a problem, all else is kept as it
//! is and remarked.

use rdkafka::admin::ConfigResource;
use schemas::log::{TopicSpec, TopicState};

use super::topics::Shape;

const HOUR_MS: i128 = 3_600_000;

/// Compares; the settings are missing where the ACLs hide them. `brokers` are named in the commands that change a setting.
pub(super) fn between(spec: &TopicSpec, shape: Shape, settings: Option<&ConfigResource>, brokers: &str) -> TopicState {
    let text = |name: &str| settings?.get(name)?.value.as_deref();
    let mut state = compare(spec, (shape.partitions, shape.replicas), text, brokers);
    if settings.is_none() {
        state.remarks.push(format!(
            "kafka does not show the settings of topic `{}`, so its retention and limits are not checked: the ACLs of this user \
             need DescribeConfigs on it",
            spec.name
        ));
    }
    state
}

fn compare<'s>(
    spec: &TopicSpec,
    (partitions, replicas): (i32, i32),
    text: impl Fn(&str) -> Option<&'s str>,
    brokers: &str,
) -> TopicState {
    let topic = &spec.name;
    let set = |setting: &str| {
        format!(
            "`kafka-configs.sh --bootstrap-server {brokers} --alter --entity-type topics --entity-name {topic} --add-config {setting}`"
        )
    };
    let mut state = TopicState {
        name: topic.clone(),
        partitions: Some(partitions),
        problems: Vec::new(),
        remarks: Vec::new(),
    };
    if partitions != spec.partitions {
        state.problems.push(format!(
            "topic `{topic}` has {partitions} partitions, wanted {}: another count scatters the keys; set `partitions` to what \
             the topic has, or use another topic",
            spec.partitions
        ));
    }
    let wanted = spec.replication;
    if replicas < wanted {
        state.problems.push(format!(
            "topic `{topic}` has {replicas} replicas, wanted at least {wanted}: reassign its partitions, or set `replication` lower"
        ));
    } else if replicas > wanted {
        state.remarks.push(format!(
            "topic `{topic}` has {replicas} replicas, and `event_log.replication` is {wanted}: the topic is kept as it is"
        ));
    }
    let number = |name: &str| text(name).and_then(|value| value.parse::<i128>().ok());
    retention(spec, number("retention.ms"), &set, &mut state);
    let mut at_least = |name: &str, wanted: i128| {
        if let Some(found) = number(name).filter(|found| *found < wanted) {
            state.problems.push(format!(
                "topic `{topic}` has `{name}` {found}, wanted at least {wanted}: raise it with {}",
                set(&format!("{name}={wanted}"))
            ));
        }
    };
    at_least("max.message.bytes", spec.max_record_bytes.into());
    if wanted >= 3 {
        at_least("min.insync.replicas", 2);
    }
    if let Some(least) = number("min.insync.replicas").filter(|least| *least > replicas.into()) {
        state.problems.push(format!(
            "topic `{topic}` has `min.insync.replicas` {least} and {replicas} replicas, so it takes no record: lower it with {}, \
             or reassign its partitions to more replicas",
            set(&format!("min.insync.replicas={}", replicas.min(2)))
        ));
    }
    if let Some(bytes) = number("retention.bytes").filter(|bytes| *bytes >= 0) {
        state.remarks.push(format!(
            "topic `{topic}` has `retention.bytes` {bytes}: of a partition that grows larger, records go before \
             `event_log.retention_hours` are over"
        ));
    }
    if text("unclean.leader.election.enable") == Some("true") {
        state.problems.push(format!(
            "topic `{topic}` has `unclean.leader.election.enable` true, wanted false: a replica that lacks acknowledged \
             records could become the leader"
        ));
    }
    if let Some(policy) = text("cleanup.policy").filter(|policy| *policy != "delete") {
        state.problems.push(format!(
            "topic `{topic}` has `cleanup.policy` {policy}, wanted delete: compaction removes events that share a key"
        ));
    }
    state
}

fn retention(spec: &TopicSpec, found: Option<i128>, set: &dyn Fn(&str) -> String, state: &mut TopicState) {
    let topic = &spec.name;
    let wanted = i128::try_from(spec.retention.as_millis()).unwrap_or(i128::MAX);
    let change = set(&format!("retention.ms={wanted}"));
    let hours = wanted / HOUR_MS;
    match found {
        Some(found) if (0..wanted).contains(&found) => state.problems.push(format!(
            "topic `{topic}` has `retention.ms` {found}, wanted at least {wanted} ({hours} hours): records would go before their \
             time; raise it with {change}"
        )),
        // -1 is no limit.
        Some(found) if found < 0 => state.remarks.push(format!(
            "topic `{topic}` keeps records for ever, and {hours} hours are configured: the topic is kept as it is; {change} \
             changes it"
        )),
        Some(found) if found > wanted => state.remarks.push(format!(
            "topic `{topic}` keeps records for {} hours (`retention.ms` {found}), and {hours} hours are configured: the topic is kept \
             as it is; {change} changes it",
            found / HOUR_MS
        )),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::time::Duration;

    use schemas::name::TopicName;

    use super::*;

    /// What a topic of 12 partitions and 3 replicas, kept for a day, is found to be with these settings.
    fn found(partitions: i32, replicas: i32, settings: &[(&'static str, &'static str)]) -> TopicState {
        let spec = TopicSpec {
            name: TopicName::new("events").expect("valid"),
            partitions: 12,
            replication: 3,
            retention: Duration::from_hours(24),
            max_record_bytes: 200_000,
        };
        let settings: HashMap<_, _> = settings.iter().copied().collect();
        compare(
            &spec,
            (partitions, replicas),
            |name| settings.get(name).copied(),
            "b1:9092",
        )
    }

    #[test]
    fn a_topic_as_specified_differs_in_nothing() {
        let settings = [
            ("retention.ms", "86400000"),
            ("max.message.bytes", "1048588"),
            ("min.insync.replicas", "2"),
            ("cleanup.policy", "delete"),
            ("unclean.leader.election.enable", "false"),
            ("retention.bytes", "-1"),
        ];
        for settings in [&settings[..], &[]] {
            let state = found(12, 3, settings);
            assert_eq!(
                (state.partitions, state.problems.len(), state.remarks.len()),
                (Some(12), 0, 0),
                "{state:?}"
            );
        }
    }

    #[test]
    fn what_loses_or_refuses_events_is_a_problem_and_the_rest_a_remark() {
        type Of = fn(TopicState) -> (Vec<String>, Vec<String>);
        let problem: Of = |state| (state.problems, state.remarks);
        let remark: Of = |state| (state.remarks, state.problems);
        for (partitions, replicas, setting, of, expected) in [
            (6, 3, ("", ""), problem, "has 6 partitions, wanted 12"),
            (12, 1, ("", ""), problem, "has 1 replicas, wanted at least 3"),
            (
                12,
                4,
                ("", ""),
                remark,
                "has 4 replicas, and `event_log.replication` is 3",
            ),
            (
                12,
                3,
                ("retention.ms", "3600000"),
                problem,
                "`retention.ms` 3600000, wanted at least 86400000 (24 hours)",
            ),
            (
                12,
                3,
                ("retention.ms", "604800000"),
                remark,
                "keeps records for 168 hours",
            ),
            (12, 3, ("retention.ms", "-1"), remark, "keeps records for ever"),
            (
                12,
                3,
                ("max.message.bytes", "100000"),
                problem,
                "`max.message.bytes` 100000",
            ),
            (12, 3, ("min.insync.replicas", "1"), problem, "`min.insync.replicas` 1"),
            (12, 3, ("min.insync.replicas", "4"), problem, "so it takes no record"),
            (12, 3, ("retention.bytes", "1000"), remark, "`retention.bytes` 1000"),
            (
                12,
                3,
                ("cleanup.policy", "compact"),
                problem,
                "`cleanup.policy` compact",
            ),
        ] {
            let (these, others) = of(found(partitions, replicas, &[setting]));
            assert!(
                matches!(&these[..], [text] if text.contains(expected)),
                "{expected}: {these:?}"
            );
            assert!(others.is_empty(), "{expected}: {others:?}");
        }
    }

    #[test]
    fn what_can_be_set_comes_with_the_whole_command() {
        for (name, value, change) in [
            ("retention.ms", "3600000", "retention.ms=86400000"),
            ("retention.ms", "-1", "retention.ms=86400000"),
            ("retention.ms", "604800000", "retention.ms=86400000"),
            ("max.message.bytes", "100000", "max.message.bytes=200000"),
            ("min.insync.replicas", "1", "min.insync.replicas=2"),
            ("min.insync.replicas", "4", "min.insync.replicas=2"),
        ] {
            let state = found(12, 3, &[(name, value)]);
            let texts = [state.problems, state.remarks].concat();
            let command = format!(
                "`kafka-configs.sh --bootstrap-server b1:9092 --alter --entity-type topics --entity-name events \
                 --add-config {change}`"
            );
            assert!(
                matches!(&texts[..], [text] if text.contains(&command)),
                "{name} {value}: {texts:?}"
            );
        }
    }
}
