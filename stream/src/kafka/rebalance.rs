//! Gains and gives up partitions: the rebalance callback of a consumer.

use std::sync::{Arc, Weak, mpsc};
use std::time::Duration;

use parking_lot::Mutex;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset as KafkaOffset, TopicPartitionList};
use schemas::log::{Change, LogError, PartitionReader, Revocation};
use schemas::record::{Offset, Partition};

use super::assignment::Assignment;
use super::client;
use super::commits;
use super::membership::Shared;
use super::offsets;
use super::reader::Reader;

/// How long a revocation waits for the owner to settle what is in flight.
const REVOCATION_PATIENCE: Duration = Duration::from_secs(5);

/// Makes assignments and readers for newly assigned partitions.
pub(super) fn assigned(shared: &Arc<Shared>, consumer: &Weak<BaseConsumer<Events>>, partitions: &[i32]) {
    let mut readers: Vec<Box<dyn PartitionReader>> = Vec::with_capacity(partitions.len());
    for index in partitions {
        let assignment = Arc::new(Assignment::new(Partition {
            topic: shared.topic.clone(),
            index: *index,
        }));
        if let Some(old) = shared.assignments().insert(*index, Arc::clone(&assignment)) {
            old.end();
        }
        readers.push(Box::new(Reader::new(
            assignment,
            Arc::clone(shared),
            Weak::clone(consumer),
        )));
    }
    shared.notify_owner(Ok(Change::Assigned(readers)));
}

/// librdkafka's callbacks, on the poll thread.
pub(super) struct Events {
    shared: Arc<Shared>,
    /// The consumer of these callbacks, for the readers they make. Set once it exists.
    consumer: Mutex<Weak<BaseConsumer<Events>>>,
}

impl Events {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            consumer: Mutex::default(),
        }
    }

    pub(super) fn set_consumer(&self, consumer: Weak<BaseConsumer<Events>>) {
        *self.consumer.lock() = consumer;
    }

    fn consumer(&self) -> Weak<BaseConsumer<Events>> {
        Weak::clone(&self.consumer.lock())
    }

    /// Accepts the partitions, but librdkafka does not fetch them yet, and never chooses a position: each reader says
    /// where it begins, and only then the partition joins librdkafka's assignment, at that offset (see `poll`).
    ///
    /// To assign them at the end of the log, pause, and seek later is not the same: the answer to the first question for
    /// the end can come after the seek, and moves the position to the end, over everything between.
    fn assign(&self, consumer: &BaseConsumer<Self>, partitions: &mut TopicPartitionList) -> KafkaResult<()> {
        let planted = cfg!(feature = "planted-bugs");
        if planted {
            partitions.set_all_offsets(KafkaOffset::End)?;
            consumer.incremental_assign(partitions)?;
            consumer.pause(partitions)?;
        } else {
            // The group's protocol requires an answer, even an empty one.
            consumer.incremental_assign(&TopicPartitionList::new())?;
        }
        let indices = offsets::indices(partitions);
        if !indices.is_empty() {
            // Whoever reads says it with the sink.
            tracing::debug!(topic = %self.shared.topic, partitions = ?indices, "partitions assigned");
        }
        // The owner is notified of an empty assignment, too: then other members have all partitions.
        assigned(&self.shared, &self.consumer(), &indices);
        if planted {
            self.shared
                .assignments()
                .values()
                .for_each(|assignment| assignment.join_assignment());
        }
        Ok(())
    }

    /// Gives partitions up after their readers have ended, the owner has settled what is in flight, and its progress is
    /// committed.
    fn revoke(&self, consumer: &BaseConsumer<Self>, partitions: &TopicPartitionList) -> KafkaResult<()> {
        let assignments = self.shared.taken(partitions);
        if !assignments.is_empty() {
            for assignment in &assignments {
                assignment.revoke();
            }
            let partitions: Vec<_> = assignments.iter().map(|s| s.partition.clone()).collect();
            tracing::debug!(topic = %self.shared.topic, partitions = ?partitions.iter().map(|p| p.index).collect::<Vec<_>>(), "partitions revoked");
            let (done, settled) = mpsc::sync_channel(1);
            // If the owner is dropped, so is the value, and that also counts as `done`.
            let revocation = Revocation::new(partitions, move || {
                done.send(()).ok();
            });
            self.shared.notify_owner(Ok(Change::Revoked(revocation)));
            if settled.recv_timeout(REVOCATION_PATIENCE).is_err() {
                tracing::warn!(topic = %self.shared.topic, "revoked partitions were not settled in time, some records will be read again");
            }
            if let Err(error) = commits::commit(consumer, &self.shared, || assignments.clone()) {
                tracing::warn!(topic = %self.shared.topic, %error, "progress of revoked partitions was not committed, some records will be read again");
            }
            for assignment in &assignments {
                assignment.end();
            }
        }
        self.unassign(consumer, &assignments)
    }

    /// Removes from librdkafka's assignment the partitions that were added to it.
    fn unassign(&self, consumer: &BaseConsumer<Self>, assignments: &[Arc<Assignment>]) -> KafkaResult<()> {
        let assigned = assignments.iter().filter(|assignment| assignment.is_assigned());
        let list = offsets::list(
            &self.shared.topic,
            assigned.map(|assignment| (assignment.partition.index, Offset(0))),
        );
        consumer.incremental_unassign(&list.unwrap_or_default())
    }

    /// Gives up partitions that the group has already assigned to another member: no progress of ours may be committed.
    fn lose(&self, consumer: &BaseConsumer<Self>, partitions: &TopicPartitionList) -> KafkaResult<()> {
        let assignments = self.shared.taken(partitions);
        for assignment in &assignments {
            assignment.end();
        }
        if !assignments.is_empty() {
            let lost: Vec<_> = assignments.iter().map(|s| s.partition.clone()).collect();
            let partitions: Vec<_> = lost.iter().map(|p| p.index).collect();
            if self.shared.connection.is_down() {
                tracing::debug!(topic = %self.shared.topic, ?partitions, "partitions lost: kafka is not reachable");
            } else {
                tracing::warn!(topic = %self.shared.topic, ?partitions, "partitions lost: the group has expelled this member");
            }
            self.shared.notify_owner(Ok(Change::Lost(lost)));
        }
        commits::settle(&self.shared);
        self.unassign(consumer, &assignments)
    }
}

impl ClientContext for Events {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        client::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.shared.connection.error(&error, reason);
    }
}

impl ConsumerContext for Events {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, event: RDKafkaRespErr, partitions: &mut TopicPartitionList) {
        let result = if event == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            // The coordinator has answered; a loss, by contrast, is reported because it does not answer.
            self.shared.connection.reached();
            self.assign(consumer, partitions)
        } else if consumer.assignment_lost() {
            self.lose(consumer, partitions)
        } else {
            self.revoke(consumer, partitions)
        };
        if let Err(error) = result {
            let reason = format!(
                "the assignment of `{}` failed: {error}; subscribe again",
                self.shared.topic
            );
            self.shared.notify_owner(Err(LogError::Unavailable(reason)));
        }
    }
}
