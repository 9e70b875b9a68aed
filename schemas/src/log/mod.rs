//! The event log between the stages: what a log promises to those who publish and to those who read.
//!
//! Two logs keep these contracts, on Apache Kafka and on a journal on local disk (crate `stream`); one conformance suite
//! proves both. Whoever writes a third makes it pass that suite.

mod error;
mod reading;

use std::fmt;
use std::time::Duration;

use crate::BoxFuture;
use crate::name::{GroupName, TopicName};
use crate::record::{Offset, Partition, PartitionProgress, Position, Record, TopicId};
use crate::time::Timestamp;

pub use error::{LogError, LostBecause, PublishError};
pub use reading::{Begin, Change, Consumer, PartitionReader, Revocation};

/// A durable, partitioned, ordered log of records, whole: made at start, and handed on as the part that is needed.
pub trait EventLog: Publish + Subscribe + Administer {}

impl<T: Publish + Subscribe + Administer> EventLog for T {}

/// Writes to the log.
pub trait Publish: Send + Sync + fmt::Debug {
    /// Appends `record` to the partition of its key.
    ///
    /// `Ok` means durable: on Kafka all in-sync replicas have it, on disk it is synced. The future ends within the log's
    /// own publish time-out, whatever the state of the log. After an error the record may still be in the log
    /// (an acknowledgement can be lost), which ids and idempotent sinks absorb. Dropping the future does not take the
    /// record back.
    fn publish<'a>(&'a self, topic: &'a TopicName, record: Record) -> BoxFuture<'a, Result<Position, PublishError>>;

    /// The same, to a certain partition, whatever the record's key.
    fn publish_to<'a>(
        &'a self,
        partition: &'a Partition,
        record: Record,
    ) -> BoxFuture<'a, Result<Position, PublishError>>;

    /// Whether `topic` takes records now. For readiness: `Ok` only if an append to it was confirmed lately, or, where none
    /// was tried lately, if the topic exists and could take one as far as can be asked.
    fn ready<'a>(&'a self, topic: &'a TopicName) -> BoxFuture<'a, Result<(), LogError>>;

    /// Whether the log answers now, asked of `topic`, which need not take records of ours. For readiness of who writes elsewhere:
    /// as [`ready`](Self::ready), but for the right to write.
    fn answers<'a>(&'a self, topic: &'a TopicName) -> BoxFuture<'a, Result<(), LogError>>;

    /// Waits, at most `grace`, until everything handed to [`publish`](Self::publish) is settled.
    fn flush(&self, grace: Duration) -> BoxFuture<'_, Result<(), LogError>>;
}

/// Reads from the log.
pub trait Subscribe: Send + Sync + fmt::Debug {
    /// Joins a group, or reads alone.
    fn subscribe(&self, subscription: Subscription) -> BoxFuture<'_, Result<Box<dyn Consumer>, LogError>>;
}

/// Makes topics, and looks after them and the progress of groups.
pub trait Administer: Send + Sync + fmt::Debug {
    /// Makes the topics that are missing, and refuses ones that exist with another partition count or weaker settings.
    fn ensure_topics<'a>(&'a self, topics: &'a [TopicSpec]) -> BoxFuture<'a, Result<(), LogError>>;

    /// Checks, without making anything, that the topics exist as specified. Used at start and by `forebay check`.
    fn check_topics<'a>(&'a self, topics: &'a [TopicSpec]) -> BoxFuture<'a, Result<(), LogError>>;

    /// Returns what each topic is now, in the same order, without making anything.
    fn compare_topics<'a>(&'a self, topics: &'a [TopicSpec]) -> BoxFuture<'a, Result<Vec<TopicState>, LogError>>;

    /// Where each partition of `topic` reaches, and how far `group` is in it.
    fn progress<'a>(
        &'a self,
        group: &'a GroupName,
        topic: &'a TopicName,
    ) -> BoxFuture<'a, Result<Vec<PartitionState>, LogError>>;

    /// Sets how far `group` is, back or forth. For operators: refused while the group has members.
    fn set_progress<'a>(
        &'a self,
        group: &'a GroupName,
        progress: &'a [PartitionProgress],
    ) -> BoxFuture<'a, Result<(), LogError>>;
}

/// Who reads what, and from where.
#[derive(Debug, Clone)]
pub struct Subscription {
    /// The topic whose records are read.
    pub topic: TopicName,
    /// In a group, partitions are shared among its members and progress is stored; alone, one reads everything and
    /// stores nothing.
    pub membership: Membership,
    /// Where a partition begins for which the group has no progress yet (or for which there is no group).
    pub start: Start,
}

/// Whether a reader shares the topic with others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Membership {
    /// Member of this group.
    Group(GroupName),
    /// Alone, for example `forebay tail`.
    Alone,
}

/// Where a partition begins that has no progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// The oldest record that is still there.
    Earliest,
    /// Only what comes from now on.
    Latest,
    /// The first record that was published at this time or later, by the clock of the log; where there is none, only what
    /// comes from now on. Publishers on Kafka have clocks of their own: where they disagree, some records before the time
    /// may come, and none after it is left out.
    Since(Timestamp),
}

/// Where a partition reaches, and how far a group is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionState {
    /// The partition that is described.
    pub partition: Partition,
    /// The topic's id, where the log has ids.
    pub topic_id: Option<TopicId>,
    /// The offset of the oldest record that retention has left.
    pub earliest: Offset,
    /// The offset after the newest record's, where the next one goes.
    pub end: Offset,
    /// What the group has stored, if it has.
    pub stored: Option<PartitionProgress>,
}

/// A topic, compared with what it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicState {
    /// The topic's name.
    pub name: TopicName,
    /// How many partitions it has; `None` if it does not exist.
    pub partitions: Option<i32>,
    /// In what it differs so that events would be scattered, refused or lost: a sentence each.
    pub problems: Vec<String>,
    /// In what else it differs, and whether that stays: a sentence each.
    pub remarks: Vec<String>,
}

impl TopicState {
    /// Of a topic that does not exist.
    pub fn missing(spec: &TopicSpec) -> Self {
        Self {
            name: spec.name.clone(),
            partitions: None,
            problems: Vec::new(),
            remarks: Vec::new(),
        }
    }
}

/// A topic as it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSpec {
    /// The topic's name.
    pub name: TopicName,
    /// Exactly so many; another count would scatter the keys.
    pub partitions: i32,
    /// How many replicas, where the log has replicas.
    pub replication: i32,
    /// How long records are kept.
    pub retention: Duration,
    /// The largest record it takes, bytes.
    pub max_record_bytes: u32,
}
