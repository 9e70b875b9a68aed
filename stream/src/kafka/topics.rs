//! Topics: created as specified, and compared with their specifications.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, ConfigResource, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::metadata::MetadataBroker;
use rdkafka::producer::Producer as _;
use rdkafka::types::RDKafkaRespErr;
use schemas::log::{LogError, TopicSpec, TopicState};
use schemas::name::TopicName;

use super::cluster::Cluster;
use super::config::{Config, FRAMING_BYTES};
use super::difference;
use super::properties::creation_error;

/// What to do about a topic that does not exist: only the operator knows which kind it is.
pub(super) const MISSING_HELP: &str =
    "`forebay migrate` makes Forebay's own topics; one that a rule names is yours to make";

/// How often and how many times a new topic is looked for before its absence counts.
const APPEARANCE_STEP: Duration = Duration::from_millis(50);
const APPEARANCE_LOOKS: usize = 100;

/// Kafka's default, which has room for a whole batch of small records.
const LEAST_MAX_MESSAGE_BYTES: u32 = 1_048_588;

/// The metadata of an existing topic.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) partitions: i32,
    /// The number of replicas of the partition that has the fewest.
    pub(super) replicas: i32,
    /// Whether each partition has a leader.
    led: bool,
    /// A broker that answers, for further questions.
    pub(super) broker: Option<i32>,
}

impl Shape {
    /// Why some partition would refuse a record now, if the metadata show it.
    pub(super) fn refuses_records(self) -> Option<&'static str> {
        (!self.led).then_some("a partition has no leader")
    }
}

/// The message that a topic is missing, and what to do about it.
pub(super) fn missing(cluster: &Cluster, topic: &TopicName) -> String {
    let brokers = &cluster.config().brokers;
    format!(
        "topic `{topic}` is missing on kafka at `{brokers}`: {MISSING_HELP}, as in `kafka-topics.sh --bootstrap-server {brokers} \
         --create --topic {topic} --partitions N`"
    )
}

/// Asks for one topic; returns `None` if it does not exist. Blocks.
pub(super) fn shape(cluster: &Cluster, topic: &str, timeout: Duration) -> Result<Option<Shape>, LogError> {
    let failure = |error: &KafkaError| {
        cluster
            .connection()
            .failure(&format!("no metadata of topic `{topic}`"), error)
    };
    let metadata = cluster
        .current()
        .client()
        .fetch_metadata(Some(topic), timeout)
        .map_err(|e| failure(&e))?;
    let Some(found) = metadata.topics().iter().find(|t| t.name() == topic) else {
        return Ok(None);
    };
    match found.error() {
        None | Some(RDKafkaRespErr::RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE) => {}
        Some(RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) => return Ok(None),
        Some(RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) => {
            return Err(LogError::Misconfigured(format!(
                "kafka does not show us topic `{topic}`: the ACLs of this user need Describe on it"
            )));
        }
        Some(other) => return Err(failure(&KafkaError::MetadataFetch(other.into()))),
    }
    let partitions = found.partitions();
    let answered = Some(metadata.orig_broker_id()).filter(|id| *id >= 0);
    Ok(Some(Shape {
        partitions: i32::try_from(partitions.len()).unwrap_or(i32::MAX),
        replicas: partitions
            .iter()
            .map(|p| i32::try_from(p.replicas().len()).unwrap_or(i32::MAX))
            .min()
            .unwrap_or(0),
        led: !partitions.is_empty() && partitions.iter().all(|p| p.leader() >= 0),
        broker: answered.or_else(|| metadata.brokers().first().map(MetadataBroker::id)),
    }))
}

/// Returns in what the `topics` differ from their specifications; creates the missing ones if `make`. Blocks.
pub(super) fn check(cluster: &Cluster, topics: &[TopicSpec], make: bool) -> Result<Vec<String>, LogError> {
    let config = cluster.config();
    let timeout = config.request_timeout();
    let mut states = compare(cluster, topics)?;
    let missing: Vec<_> = topics
        .iter()
        .zip(&states)
        .filter(|(_, state)| state.partitions.is_none())
        .map(|(spec, _)| spec)
        .collect();
    if !missing.is_empty() {
        if !make {
            let names: Vec<_> = missing.iter().map(|spec| format!("`{}`", spec.name)).collect();
            return Err(LogError::Misconfigured(format!(
                "missing topics on kafka at `{}`: {}; make them with `forebay migrate`",
                config.brokers,
                names.join(", ")
            )));
        }
        create(&admin(cluster)?, cluster, &missing, timeout)?;
        for spec in &missing {
            appeared(cluster, spec, timeout)?;
        }
        states = compare(cluster, topics)?;
    }
    Ok(states.into_iter().flat_map(|state| state.problems).collect())
}

/// Returns what each topic is now. Blocks.
pub(super) fn compare(cluster: &Cluster, topics: &[TopicSpec]) -> Result<Vec<TopicState>, LogError> {
    let timeout = cluster.config().request_timeout();
    let mut shapes = Vec::with_capacity(topics.len());
    for spec in topics {
        shapes.push(shape(cluster, spec.name.as_str(), timeout)?);
    }
    let there: Vec<&TopicSpec> = topics
        .iter()
        .zip(&shapes)
        .filter(|(_, shape)| shape.is_some())
        .map(|(spec, _)| spec)
        .collect();
    let mut settings = if there.is_empty() {
        Vec::new()
    } else {
        settings(&admin(cluster)?, cluster, &there, timeout)?
    }
    .into_iter();
    let state = |(spec, shape): (&TopicSpec, &Option<Shape>)| match shape {
        None => TopicState::missing(spec),
        Some(shape) => difference::between(
            spec,
            *shape,
            settings.next().flatten().as_ref(),
            &cluster.config().brokers,
        ),
    };
    Ok(topics.iter().zip(&shapes).map(state).collect())
}

/// A client for what librdkafka has administrators do. Under it is a producer that never writes: it must not ask for an id, to
/// which this user may have no right.
fn admin(cluster: &Cluster) -> Result<AdminClient<DefaultClientContext>, LogError> {
    let config = Config {
        reads_only: true,
        ..cluster.config().clone()
    };
    config.producer()?.create().map_err(|e| creation_error("client", &e))
}

fn create(
    admin: &AdminClient<DefaultClientContext>,
    cluster: &Cluster,
    topics: &[&TopicSpec],
    timeout: Duration,
) -> Result<(), LogError> {
    let texts: Vec<_> = topics
        .iter()
        .map(|spec| {
            let max = spec
                .max_record_bytes
                .saturating_add(FRAMING_BYTES)
                .max(LEAST_MAX_MESSAGE_BYTES);
            (spec.retention.as_millis().to_string(), max.to_string())
        })
        .collect();
    let new: Vec<_> = topics
        .iter()
        .zip(&texts)
        .map(|(spec, (retention, max_message))| {
            let topic = NewTopic::new(
                spec.name.as_str(),
                spec.partitions,
                TopicReplication::Fixed(spec.replication),
            )
            .set("cleanup.policy", "delete")
            .set("retention.ms", retention)
            .set("max.message.bytes", max_message)
            .set("unclean.leader.election.enable", "false");
            if spec.replication >= 3 {
                topic.set("min.insync.replicas", "2")
            } else {
                topic
            }
        })
        .collect();
    let options = AdminOptions::new()
        .request_timeout(Some(timeout))
        .operation_timeout(Some(timeout));
    let results = futures_util::FutureExt::boxed(admin.create_topics(&new, &options));
    let results = block_on(results).map_err(|e| cluster.connection().failure("no answer to creating topics", &e))?;
    for result in results {
        match result {
            Ok(name) => tracing::info!(topic = %name, "topic created"),
            // Another process was quicker; the caller checks whether it is as specified.
            Err((_, Code::TopicAlreadyExists)) => {}
            Err((name, Code::InvalidReplicationFactor)) => {
                let wanted = topics.iter().map(|spec| spec.replication).max().unwrap_or_default();
                return Err(LogError::Misconfigured(format!(
                    "topic `{name}` could not be created: {}",
                    too_many_replicas(wanted, brokers(cluster, timeout))
                )));
            }
            Err((name, code)) => {
                return Err(LogError::Misconfigured(format!(
                    "topic `{name}` could not be created: {code}"
                )));
            }
        }
    }
    Ok(())
}

/// How many brokers the cluster has, if it says so.
fn brokers(cluster: &Cluster, timeout: Duration) -> Option<usize> {
    let metadata = cluster.current().client().fetch_metadata(None, timeout).ok()?;
    Some(metadata.brokers().len()).filter(|brokers| *brokers > 0)
}

fn too_many_replicas(wanted: i32, brokers: Option<usize>) -> String {
    match brokers {
        Some(1) => format!("`event_log.replication` is {wanted} and the cluster has 1 broker: set it to 1"),
        Some(brokers) => {
            format!(
                "`event_log.replication` is {wanted} and the cluster has {brokers} brokers: set it to {brokers} or less"
            )
        }
        None => format!("`event_log.replication` is {wanted}, more than the cluster has brokers: set it lower"),
    }
}

/// Waits until every partition of a new topic has a leader.
fn appeared(cluster: &Cluster, spec: &TopicSpec, timeout: Duration) -> Result<Shape, LogError> {
    for _ in 0..APPEARANCE_LOOKS {
        match shape(cluster, spec.name.as_str(), timeout)? {
            Some(shape) if shape.led => return Ok(shape),
            _ => std::thread::sleep(APPEARANCE_STEP),
        }
    }
    Err(LogError::Unavailable(format!(
        "topic `{}` was created, but has no leaders yet",
        spec.name
    )))
}

/// Reads the settings of each topic; `None` where the ACLs hide them.
fn settings(
    admin: &AdminClient<DefaultClientContext>,
    cluster: &Cluster,
    topics: &[&TopicSpec],
    timeout: Duration,
) -> Result<Vec<Option<ConfigResource>>, LogError> {
    let resources: Vec<_> = topics
        .iter()
        .map(|spec| ResourceSpecifier::Topic(spec.name.as_str()))
        .collect();
    let options = AdminOptions::new().request_timeout(Some(timeout));
    let described = futures_util::FutureExt::boxed(admin.describe_configs(&resources, &options));
    let described = block_on(described).map_err(|e| cluster.connection().failure("no settings of topics", &e))?;
    // The binding drops the error of a resource; each topic that is shown has settings.
    let shown = |result: Result<ConfigResource, Code>| result.ok().filter(|settings| !settings.entries.is_empty());
    Ok(described.into_iter().map(shown).collect())
}

/// Blocks on a future. The caller is on a thread for blocking calls, inside a runtime.
fn block_on<F: std::future::Future>(future: F) -> F::Output {
    tokio::runtime::Handle::current().block_on(future)
}

#[cfg(test)]
mod tests {
    use super::too_many_replicas;

    #[test]
    fn more_replicas_than_brokers_name_the_setting_and_its_value() {
        for (brokers, expected) in [
            (
                Some(1),
                "`event_log.replication` is 3 and the cluster has 1 broker: set it to 1",
            ),
            (
                Some(2),
                "`event_log.replication` is 3 and the cluster has 2 brokers: set it to 2 or less",
            ),
            (
                None,
                "`event_log.replication` is 3, more than the cluster has brokers: set it lower",
            ),
        ] {
            assert_eq!(too_many_replicas(3, brokers), expected);
        }
    }
}
