//! Reads and sets the progress of a group, for operators: set where nothing else can decide where to continue.

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, DefaultConsumerContext};
use rdkafka::error::RDKafkaErrorCode as Code;
use schemas::log::{LogError, PartitionState};
use schemas::name::{GroupName, TopicName};
use schemas::record::{Partition, PartitionProgress};

use super::cluster::Cluster;
use super::offsets::{self, described, watermarks};
use super::properties::creation_error;

/// Returns each partition of the topic and the group's progress in it. Blocks.
pub(super) fn read(cluster: &Cluster, group: &GroupName, topic: &TopicName) -> Result<Vec<PartitionState>, LogError> {
    let timeout = cluster.config().request_timeout();
    let (shape, description) = described(cluster, topic)?;
    let consumer = outside_consumer(cluster, group)?;
    let state = |index| {
        let partition = Partition {
            topic: topic.clone(),
            index,
        };
        // Progress moves on while workers run. Asked for before the end, it is never beyond it.
        let stored = offsets::committed(&consumer, cluster.connection(), group.as_str(), &partition, timeout)?;
        let (earliest, end) = watermarks(cluster, &partition)?;
        Ok(PartitionState {
            partition,
            topic_id: description.id.clone(),
            earliest,
            end,
            stored,
        })
    };
    (0..shape.partitions).map(state).collect()
}

/// Sets the group's progress. Blocks.
pub(super) fn set(cluster: &Cluster, group: &GroupName, progress: &[PartitionProgress]) -> Result<(), LogError> {
    let consumer = outside_consumer(cluster, group)?;
    for one in progress {
        let next = [(one.partition.index, one.next, one.topic_id.clone())];
        let Some(list) = offsets::progress_list(&one.partition.topic, next) else {
            continue;
        };
        // A commit from outside the group is refused while the group has members.
        consumer
            .commit(&list, CommitMode::Sync)
            .map_err(|error| match error.rdkafka_error_code() {
                Some(Code::UnknownMemberId | Code::IllegalGeneration | Code::RebalanceInProgress) => {
                    LogError::Misconfigured(format!(
                        "the group `{group}` has members, and they decide its progress: stop the workers of this sink \
                         first (a process that was killed counts as a member until its session ends)"
                    ))
                }
                Some(Code::GroupAuthorizationFailed) => {
                    LogError::Misconfigured(offsets::group_forbidden(group.as_str()))
                }
                _ => cluster
                    .connection()
                    .failure(&format!("progress of {} was not set", one.partition), &error),
            })?;
    }
    Ok(())
}

/// Makes a consumer that is no member of the group: it only reads and sets progress.
fn outside_consumer(cluster: &Cluster, group: &GroupName) -> Result<BaseConsumer<DefaultConsumerContext>, LogError> {
    let config = cluster.config().member(group.as_str())?;
    config.create().map_err(|e| creation_error("consumer", &e))
}
