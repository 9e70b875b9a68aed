//! Writes dead letters. One that cannot be written is not settled, and the partition's progress stays before it.

use futures_util::future::join_all;
use schemas::dead_letter::DeadLetter;
use schemas::log::{Publish, PublishError};
use schemas::name::{SinkName, TopicName};
use schemas::record::{Partition, Position};
use schemas::time::Timestamp;

use crate::flight::{GivenUp, WorkId};

/// How many dead letters are handed to the event log at once.
pub(crate) const AT_ONCE: usize = 100;

/// The result of writing one dead letter.
pub(crate) type Written = (WorkId, GivenUp, Result<(), PublishError>);

/// Publishes dead letters; they are handed over in order.
pub(crate) async fn write(
    log: &dyn Publish,
    topic: &TopicName,
    sink: &SinkName,
    partition: &Partition,
    letters: Vec<(WorkId, GivenUp)>,
) -> Vec<Written> {
    let write = |(id, given_up): (WorkId, GivenUp)| async move {
        let mut result = publish(log, topic, sink, partition, &given_up, &given_up.reason).await;
        if matches!(result, Err(PublishError::TooLarge { .. })) {
            // A record at the very limit: the reason is what can be shortened.
            let short: String = given_up.reason.chars().take(32).collect();
            result = publish(log, topic, sink, partition, &given_up, &short).await;
        }
        (id, given_up, result)
    };
    join_all(letters.into_iter().map(write)).await
}

async fn publish(
    log: &dyn Publish,
    topic: &TopicName,
    sink: &SinkName,
    partition: &Partition,
    given_up: &GivenUp,
    reason: &str,
) -> Result<(), PublishError> {
    let position = Position {
        partition: partition.clone(),
        offset: given_up.record.offset,
    };
    let letter = DeadLetter {
        record: &given_up.record.record,
        position: &position,
        sink,
        target: given_up.target.as_ref(),
        reason,
        attempts: given_up.attempts,
        rules_version: given_up.rules_version.as_deref(),
        rules: &given_up.rules,
        time: Timestamp::now(),
    };
    log.publish(topic, letter.to_record()).await.map(drop)
}
