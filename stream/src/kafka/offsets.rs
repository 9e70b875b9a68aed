//! Offsets: what the group has committed, what the log holds, and the lists that librdkafka takes.
//!
//! Committed progress carries the id of its topic, in the metadata that Kafka keeps with an offset.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode as Code};
use rdkafka::producer::Producer as _;
use rdkafka::topic_partition_list::TopicPartitionListElem;
use rdkafka::{Offset as KafkaOffset, TopicPartitionList};
use schemas::log::LogError;
use schemas::name::TopicName;
use schemas::record::{Offset, Partition, PartitionProgress, TopicId};
use schemas::time::Timestamp;

use super::client::Connection;
use super::cluster::Cluster;
use super::describe::{self, Description};
use super::topics::{self, MISSING_HELP, Shape};

/// How long to wait before a coordinator that is not ready is asked again.
const SETTLING_PAUSE: Duration = Duration::from_millis(200);

/// The prefix of the topic's id in the metadata of a committed offset: other tools write other things there.
const TOPIC_ID: &str = "forebay topic id ";

/// Returns a list of these offsets, each the **next** to read; `None` if it would be empty.
pub(super) fn list(topic: &TopicName, offsets: impl IntoIterator<Item = (i32, Offset)>) -> Option<TopicPartitionList> {
    let mut list = TopicPartitionList::new();
    for (index, offset) in offsets {
        // `commit` takes the list as it is: the offset in it becomes the group's, without a + 1.
        if let Err(error) = list.add_partition_offset(topic.as_str(), index, KafkaOffset::Offset(offset.0)) {
            let topic = topic.clone();
            let partition = Partition { topic, index };
            tracing::error!(%partition, offset = offset.0, %error, "an offset that kafka does not know");
        }
    }
    (list.count() > 0).then_some(list)
}

/// Returns the numbers of the partitions in a list.
pub(super) fn indices(list: &TopicPartitionList) -> Vec<i32> {
    list.elements().iter().map(TopicPartitionListElem::partition).collect()
}

/// The same as [`list`], for a commit: each with the id of its topic.
pub(super) fn progress_list(
    topic: &TopicName,
    progress: impl IntoIterator<Item = (i32, Offset, Option<TopicId>)>,
) -> Option<TopicPartitionList> {
    let (nexts, ids): (Vec<_>, Vec<_>) = progress
        .into_iter()
        .map(|(partition, next, topic_id)| ((partition, next), topic_id))
        .unzip();
    let list = list(topic, nexts)?;
    for (mut element, topic_id) in list.elements().into_iter().zip(ids) {
        if let Some(topic_id) = topic_id {
            element.set_metadata(format!("{TOPIC_ID}{topic_id}"));
        }
    }
    Some(list)
}

fn progress(partition: Partition, element: &TopicPartitionListElem<'_>) -> Option<PartitionProgress> {
    let KafkaOffset::Offset(next) = element.offset() else {
        return None;
    };
    let topic_id = element.metadata().strip_prefix(TOPIC_ID).map(TopicId::new);
    Some(PartitionProgress {
        partition,
        topic_id,
        next: Offset(next),
    })
}

/// Returns what the group has committed for a partition. Blocks.
pub(super) fn committed<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    connection: &Connection,
    group: &str,
    partition: &Partition,
    timeout: Duration,
) -> Result<Option<PartitionProgress>, LogError> {
    let ask = || -> KafkaResult<Option<PartitionProgress>> {
        let mut list = TopicPartitionList::new();
        list.add_partition(partition.topic.as_str(), partition.index);
        let list = consumer.committed_offsets(list, timeout)?;
        let elements = list.elements();
        let Some(element) = elements.first() else {
            return Ok(None);
        };
        element.error()?;
        Ok(progress(partition.clone(), element))
    };
    // In a new cluster the first request creates the topic of the offsets, which takes a while.
    let deadline = Instant::now() + timeout;
    let answer = loop {
        match ask() {
            Err(error) if is_settling(&error) && Instant::now() < deadline => {
                std::thread::sleep(SETTLING_PAUSE);
            }
            answer => break answer,
        }
    };
    answer.map_err(|error| match error.rdkafka_error_code() {
        Some(Code::GroupAuthorizationFailed) => LogError::Misconfigured(group_forbidden(group)),
        _ => connection.failure(&format!("no stored progress of {partition}"), &error),
    })
}

/// Whether the group's coordinator is still being found or loaded.
fn is_settling(error: &KafkaError) -> bool {
    let code = match error {
        KafkaError::OffsetFetch(code) => Some(*code),
        other => other.rdkafka_error_code(),
    };
    matches!(
        code,
        Some(Code::NotCoordinator | Code::CoordinatorNotAvailable | Code::CoordinatorLoadInProgress)
    )
}

/// The message for ACLs that do not let us use a group.
pub(super) fn group_forbidden(group: &str) -> String {
    format!("kafka does not let us use the group `{group}`: the ACLs of this user need Read on it")
}

/// Returns the offset of the first record that was published at this time or later; `None` if there is none. Blocks.
pub(super) fn first_since<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    connection: &Connection,
    partition: &Partition,
    time: Timestamp,
    timeout: Duration,
) -> Result<Option<Offset>, LogError> {
    let ask = || -> KafkaResult<Option<Offset>> {
        let mut list = TopicPartitionList::new();
        // The question has the time in the place of the offset.
        list.add_partition_offset(
            partition.topic.as_str(),
            partition.index,
            KafkaOffset::Offset(time.millis()),
        )?;
        let list = consumer.offsets_for_times(list, timeout)?;
        let elements = list.elements();
        let Some(element) = elements.first() else {
            return Ok(None);
        };
        element.error()?;
        Ok(match element.offset() {
            KafkaOffset::Offset(first) => Some(Offset(first)),
            _ => None,
        })
    };
    ask().map_err(|error| connection.failure(&format!("no offset of {partition} for the time {time}"), &error))
}

/// Returns the oldest offset that still exists, and one past the newest. Blocks.
pub(super) fn watermarks(cluster: &Cluster, partition: &Partition) -> Result<(Offset, Offset), LogError> {
    let (topic, timeout) = (&partition.topic, cluster.config().request_timeout());
    ask_leader(cluster, topic, partition.index, timeout).map_err(|error| match error.rdkafka_error_code() {
        Some(Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition) => {
            LogError::Misconfigured(format!("topic `{topic}` no longer exists: {MISSING_HELP}"))
        }
        Some(Code::TopicAuthorizationFailed) => LogError::Misconfigured(topic_forbidden(topic, "Read")),
        _ => cluster
            .connection()
            .failure(&format!("no offsets of {partition}"), &error),
    })
}

/// The same, with librdkafka's error. The leader of the partition answers. Blocks.
pub(super) fn ask_leader(
    cluster: &Cluster,
    topic: &TopicName,
    partition: i32,
    timeout: Duration,
) -> KafkaResult<(Offset, Offset)> {
    let client = cluster.current();
    let (earliest, end) = client.client().fetch_watermarks(topic.as_str(), partition, timeout)?;
    cluster.connection().reached();
    Ok((Offset(earliest), Offset(end)))
}

/// The message for ACLs that do not let us use a topic.
pub(super) fn topic_forbidden(topic: &TopicName, operation: &str) -> String {
    format!("kafka does not let us use topic `{topic}`: the ACLs of this user need {operation} on it")
}

/// Returns a topic's shape, id and permissions; [`LogError::Misconfigured`] if it is missing. Blocks.
pub(super) fn described(cluster: &Cluster, topic: &TopicName) -> Result<(Shape, Description), LogError> {
    let found = described_within(cluster, topic, cluster.config().request_timeout())?;
    found.ok_or_else(|| LogError::Misconfigured(topics::missing(cluster, topic)))
}

/// The same, with another timeout; `None` if the topic is missing. Blocks.
pub(super) fn described_within(
    cluster: &Cluster,
    topic: &TopicName,
    timeout: Duration,
) -> Result<Option<(Shape, Description)>, LogError> {
    let Some(shape) = topics::shape(cluster, topic.as_str(), timeout)? else {
        return Ok(None);
    };
    let asked = describe::describe(cluster.current().client(), topic.as_str(), shape.broker, timeout);
    let found = asked.map_err(|error| match error {
        KafkaError::AdminOp(Code::TopicAuthorizationFailed) => {
            LogError::Misconfigured(topic_forbidden(topic, "Describe"))
        }
        _ => cluster
            .connection()
            .failure(&format!("no description of topic `{topic}`"), &error),
    })?;
    Ok(found.map(|description| (shape, description)))
}
