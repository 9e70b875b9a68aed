//! What the threads, the callbacks and the readers of a consumer share: who it is, and which partitions it has.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};

use parking_lot::{Mutex, MutexGuard};
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use schemas::log::{Change, LogError, LostBecause, Start};
use schemas::name::TopicName;
use schemas::record::{Offset, Partition, PartitionProgress};
use tokio::sync::mpsc::UnboundedSender;

use super::assignment::Assignment;
use super::client::Connection;
use super::offsets;
use super::producer::Publisher;

/// What the thread of a consumer has to know of its subscription.
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
    /// Whether it was logged that the group has no stored progress.
    pub(super) fresh_start_logged: AtomicBool,
    /// Asks for a commit at once; `None` for a reader without a group.
    commits: Option<mpsc::Sender<()>>,
    /// Whether a commit was asked for and has not begun.
    commit_asked: AtomicBool,
    /// To the owner; `None` once the thread of the consumer has ended.
    changes: Mutex<Option<UnboundedSender<Result<Change, LogError>>>>,
    assignments: Mutex<BTreeMap<i32, Arc<Assignment>>>,
    /// Held during a commit: see [`commits`](super::commits).
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
    pub(super) fn committed<C: ConsumerContext>(
        &self,
        consumer: &BaseConsumer<C>,
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
        let (earliest, end) = offsets::watermarks(self.publisher.cluster(), partition)?;
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

    /// Takes the assignments of these partitions out.
    pub(super) fn taken(&self, partitions: &TopicPartitionList) -> Vec<Arc<Assignment>> {
        let mut assignments = self.assignments();
        partitions
            .elements()
            .iter()
            .filter_map(|e| assignments.remove(&e.partition()))
            .collect()
    }
}
