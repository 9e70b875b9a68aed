//! Gains and gives up partitions: the rebalance callback of a consumer.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak, mpsc};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset as KafkaOffset, TopicPartitionList};
use schemas::log::{Change, LogError, LostBecause, PartitionReader, Revocation, Start};
use schemas::name::TopicName;
use schemas::record::{Offset, Partition, PartitionProgress};
use tokio::sync::mpsc::UnboundedSender;

use super::assignment::Assignment;
use super::client::{self, Connection};
use super::commits;
use super::holes::Holes;
use super::offsets;
use super::producer::Publisher;
use super::reader::Reader;

/// How long a revocation waits for the owner to settle what is in flight.
const REVOCATION_PATIENCE: Duration = Duration::from_secs(5);

/// The subscriber.
pub(super) struct Member {
    pub(super) topic: TopicName,
    pub(super) group: String,
    pub(super) start: Start,
    /// To the thread that commits; `None` for a reader without a group.
    pub(super) commits: Option<mpsc::Sender<()>>,
    pub(super) changes: UnboundedSender<Result<Change, LogError>>,
}

/// What the poll thread, the callbacks, the readers and the consumer share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) topic: TopicName,
    /// The group's name, or the generated one of a reader without a group.
    pub(super) group: String,
    /// Whether progress is stored: true for a member of a group, not for a reader without one.
    pub(super) in_group: bool,
    pub(super) start: Start,
    pub(super) connection: Connection,
    /// For questions about offsets and topics: its connections are not blocked by fetches that wait for records.
    pub(super) publisher: Arc<Publisher>,
    pub(super) holes: Holes,
    /// Whether it was logged that the group has no stored progress.
    pub(super) fresh_start_logged: AtomicBool,
    /// Asks for a commit at once; `None` for a reader without a group.
    commits: Option<mpsc::Sender<()>>,
    /// Whether a commit was asked for and has not begun.
    commit_asked: AtomicBool,
    /// To the owner; `None` once the thread of the consumer has ended.
    changes: Mutex<Option<UnboundedSender<Result<Change, LogError>>>>,
    assignments: Mutex<BTreeMap<i32, Arc<Assignment>>>,
    /// Held during a commit: see [`commits`].
    pub(super) committing: Mutex<()>,
}

impl Shared {
    pub(super) fn new(member: Member, publisher: Arc<Publisher>, connection: Connection) -> Self {
        Self {
            topic: member.topic,
            in_group: member.commits.is_some(),
            group: member.group,
            start: member.start,
            connection,
            holes: Holes::default(),
            publisher,
            fresh_start_logged: AtomicBool::new(false),
            commits: member.commits,
            commit_asked: AtomicBool::new(false),
            changes: Mutex::new(Some(member.changes)),
            assignments: Mutex::default(),
            committing: Mutex::default(),
        }
    }

    /// Asks for a commit soon.
    pub(super) fn ask_for_commit(&self) {
        if let Some(commits) = &self.commits
            && !self.commit_asked.swap(true, Ordering::AcqRel)
        {
            // If the thread has ended, so has the consumer.
            commits.send(()).ok();
        }
    }

    pub(super) fn commit_begins(&self) {
        self.commit_asked.store(false, Ordering::Release);
    }

    /// Returns what the group has committed for a partition; nothing for a reader without a group. Blocks.
    pub(super) fn committed(
        &self,
        consumer: &BaseConsumer<Events>,
        partition: &Partition,
    ) -> Result<Option<PartitionProgress>, LogError> {
        if !self.in_group {
            return Ok(None);
        }
        let timeout = self.publisher.config().request_timeout();
        offsets::committed(consumer, &self.connection, &self.group, partition, timeout)
    }

    /// Whether the log no longer holds the record that an assignment is to read `next`. If so, its reader gets an error.
    /// Blocks.
    pub(super) fn is_out_of_range(&self, assignment: &Assignment, next: Offset) -> Result<bool, LogError> {
        let partition = &assignment.partition;
        let (earliest, end) = offsets::watermarks(&self.publisher, partition)?;
        let lost = next < earliest || next > end;
        if lost {
            tracing::error!(%partition, offset = next.0, earliest = earliest.0, end = end.0,
                "the next record to read is no longer in the log");
            assignment.lose(next, LostBecause::OutOfRange { earliest, end });
        }
        Ok(lost)
    }

    /// The partitions assigned now.
    pub(super) fn assignments(&self) -> MutexGuard<'_, BTreeMap<i32, Arc<Assignment>>> {
        self.assignments.lock()
    }

    /// Sends a change to the owner; it is no error if the owner is dropped.
    pub(super) fn notify_owner(&self, change: Result<Change, LogError>) {
        if let Some(changes) = &*self.changes.lock() {
            changes.send(change).ok();
        }
    }

    /// Ends all readers, and closes the channel to the owner, which gets the end after all earlier changes.
    pub(super) fn end(&self) {
        for assignment in self.assignments().values() {
            assignment.end();
        }
        self.changes.lock().take();
    }

    /// Makes assignments and readers for newly assigned partitions.
    pub(super) fn assigned(self: &Arc<Self>, consumer: &Weak<BaseConsumer<Events>>, partitions: &[i32]) {
        let mut readers: Vec<Box<dyn PartitionReader>> = Vec::with_capacity(partitions.len());
        for index in partitions {
            let assignment = Arc::new(Assignment::new(Partition {
                topic: self.topic.clone(),
                index: *index,
            }));
            if let Some(old) = self.assignments().insert(*index, Arc::clone(&assignment)) {
                old.end();
            }
            readers.push(Box::new(Reader::new(
                assignment,
                Arc::clone(self),
                Weak::clone(consumer),
            )));
        }
        self.notify_owner(Ok(Change::Assigned(readers)));
    }

    fn taken(&self, partitions: &TopicPartitionList) -> Vec<Arc<Assignment>> {
        let mut assignments = self.assignments();
        partitions
            .elements()
            .iter()
            .filter_map(|e| assignments.remove(&e.partition()))
            .collect()
    }
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
            tracing::info!(topic = %self.shared.topic, partitions = ?indices, "partitions assigned");
        }
        // The owner is notified of an empty assignment, too: then other members have all partitions.
        self.shared.assigned(&self.consumer(), &indices);
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
            tracing::info!(topic = %self.shared.topic, partitions = ?partitions.iter().map(|p| p.index).collect::<Vec<_>>(), "partitions revoked");
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
            tracing::warn!(topic = %self.shared.topic, partitions = ?lost.iter().map(|p| p.index).collect::<Vec<_>>(), "partitions lost: the group has expelled this member");
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
