//! The event log between the stages: what a log promises to those who publish and to those who read.
//!
//! Two logs keep these contracts, on Apache Kafka and on a journal on local disk (crate `stream`); one conformance suite
//! proves both. Whoever writes a third makes it pass that suite.

use std::fmt;
use std::time::Duration;

use crate::BoxFuture;
use crate::name::{GroupName, TopicName};
use crate::record::{Offset, Partition, PartitionProgress, Position, Record, StoredRecord, TopicId};

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
    /// was tried lately, if the topic is there and could take one as far as can be asked.
    fn ready<'a>(&'a self, topic: &'a TopicName) -> BoxFuture<'a, Result<(), LogError>>;

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

    /// Checks, without making anything, that the topics are there as specified. Used at start and by `forebay check`.
    fn check_topics<'a>(&'a self, topics: &'a [TopicSpec]) -> BoxFuture<'a, Result<(), LogError>>;

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
    /// The topic.
    pub topic: TopicName,
    /// In a group, partitions are shared among its members and progress is stored; alone, one reads everything and
    /// stores nothing.
    pub membership: Membership,
    /// Where a partition begins for which the group has no progress yet (or for which there is no group).
    pub start: Start,
}

/// See [`Subscription::membership`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Membership {
    /// Member of this group.
    Group(GroupName),
    /// Alone, for example `forebay tail`.
    Alone,
}

/// See [`Subscription::start`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// The oldest record that is still there.
    Earliest,
    /// Only what comes from now on.
    Latest,
}

/// See [`Administer::progress`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionState {
    /// The partition that is described.
    pub partition: Partition,
    /// The topic's id, where the log has ids.
    pub topic_id: Option<TopicId>,
    /// The oldest record still there.
    pub earliest: Offset,
    /// One past the newest record.
    pub end: Offset,
    /// What the group has stored, if it has.
    pub stored: Option<PartitionProgress>,
}

/// Where a reader begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begin {
    /// At the group's stored progress; without one (or alone), at the subscription's [`Start`].
    Stored,
    /// At this progress, which the sink keeps together with its data.
    At(PartitionProgress),
    /// At the oldest record, whatever the group has stored.
    Oldest,
}

/// A member of a group: learns which partitions are its own.
pub trait Consumer: Send + Sync {
    /// Waits for the next change. Must be called all the time: a revocation is answered only here. Cancel-safe.
    ///
    /// After an error nothing more comes: close this consumer, and subscribe again if the error may pass.
    fn next(&mut self) -> BoxFuture<'_, Result<Change, LogError>>;

    /// Records between stored progress and the end of each partition that is owned now. May take as long as some requests
    /// to the log do, and can go on beside [`next`](Self::next).
    fn lag(&self) -> BoxFuture<'static, Result<Vec<(Partition, u64)>, LogError>>;

    /// Stores what is left to store and leaves the group. Readers that are still alive end with `Ok(None)`.
    fn close(self: Box<Self>) -> BoxFuture<'static, Result<(), LogError>>;
}

/// What happened to a member of a group.
pub enum Change {
    /// These partitions are ours from now on, each with its reader.
    Assigned(Vec<Box<dyn PartitionReader>>),
    /// These are about to be another member's: stop reading them, store progress, then call [`Revocation::done`].
    Revoked(Revocation),
    /// These are gone already (the group has expelled us): stop, and store nothing.
    Lost(Vec<Partition>),
}

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Assigned(readers) => f
                .debug_tuple("Assigned")
                .field(&readers.iter().map(|r| r.partition()).collect::<Vec<_>>())
                .finish(),
            Self::Revoked(revocation) => f.debug_tuple("Revoked").field(&revocation.partitions).finish(),
            Self::Lost(partitions) => f.debug_tuple("Lost").field(partitions).finish(),
        }
    }
}

/// Partitions to give back. The log waits a few seconds for [`done`](Self::done) (or the drop) before it goes on without.
pub struct Revocation {
    /// What is given back.
    pub partitions: Vec<Partition>,
    done: Option<Box<dyn FnOnce() + Send>>,
}

impl Revocation {
    /// `done` is called once, when the owner has stopped or this value is dropped.
    pub fn new(partitions: Vec<Partition>, done: impl FnOnce() + Send + 'static) -> Self {
        Self {
            partitions,
            done: Some(Box::new(done)),
        }
    }

    /// Everything about these partitions has stopped and its progress is stored.
    pub fn done(self) {
        drop(self);
    }
}

impl Drop for Revocation {
    fn drop(&mut self) {
        if let Some(done) = self.done.take() {
            done();
        }
    }
}

impl fmt::Debug for Revocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revocation")
            .field("partitions", &self.partitions)
            .finish_non_exhaustive()
    }
}

/// One partition, read in order. A reader that is not asked holds back only its own partition.
pub trait PartitionReader: Send {
    /// The partition that it reads.
    fn partition(&self) -> &Partition;

    /// Finds where to begin. Called once, before the first [`next_batch`](Self::next_batch).
    ///
    /// Progress that is not the log's any more (retention took the record, the topic was made anew, it is another log) is
    /// [`LogError::ProgressLost`]: never skipped in silence.
    fn begin(&mut self, from: Begin) -> BoxFuture<'_, Result<(), LogError>>;

    /// The id of the topic that is read, where the log has ids; known from [`begin`](Self::begin) on.
    fn topic_id(&self) -> Option<TopicId>;

    /// Waits for records and returns 1 to `max` of them, in order of offset; `None` once the partition is revoked or the
    /// consumer closed. Cancel-safe: a dropped call loses no record.
    ///
    /// Nothing between two records is left out: offsets may have holes only where the log itself has none of them
    /// (compaction, markers of transactions), and the reader has asked the log.
    fn next_batch(&mut self, max: usize) -> BoxFuture<'_, Result<Option<Vec<StoredRecord>>, LogError>>;

    /// Remembers that everything before `next` is settled. Becomes durable soon, on revocation and on close. After the
    /// partition was lost it does nothing.
    fn store(&mut self, next: Offset) -> Result<(), LogError>;

    /// Makes what is stored durable now rather than soon.
    fn commit_soon(&mut self);

    /// The progress of the group that is durable: where reading begins again after a crash now. `None` until
    /// [`begin`](Self::begin), and for one who reads alone.
    fn durable(&self) -> Option<Offset>;
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

/// Why a record was not published, by what the caller will do.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// No acknowledgement in time, a full queue, a full disk: try again later. Ingest answers 503.
    #[error("event log unavailable: {reason}")]
    Unavailable {
        /// In words, with topic and cause.
        reason: String,
    },
    /// The log will never take a record of this size. Ingest answers 413.
    #[error("a record of {size_bytes} bytes is more than the event log takes ({limit_bytes} bytes)")]
    TooLarge {
        /// The record's size.
        size_bytes: usize,
        /// The log's limit.
        limit_bytes: usize,
    },
}

/// Why reading or administering a log failed, by what the caller will do.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// May pass: try again with backoff.
    #[error("event log unavailable: {0}")]
    Unavailable(String),
    /// Will not pass by itself: settings, credentials, a missing topic. Stop, and report it to the operator.
    #[error("event log misconfigured: {0}")]
    Misconfigured(String),
    /// What is to be read next is not in the log any more. Stop; the operator decides where to go on.
    #[error("progress lost on {partition}: it stands at offset {stored}, {why}; {PROGRESS_HELP}")]
    ProgressLost {
        /// The partition whose progress is of no use.
        partition: Partition,
        /// What the group (or the sink) had stored, or what was to be read next.
        stored: Offset,
        /// What is wrong with that.
        why: LostBecause,
    },
}

/// What to do about lost progress.
const PROGRESS_HELP: &str =
    "`forebay progress show` shows what the log holds, `forebay progress set` decides where to go on";

/// Why progress is of no use any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LostBecause {
    /// The offset is outside of what the log holds.
    OutOfRange {
        /// The oldest record still there.
        earliest: Offset,
        /// One past the newest record.
        end: Offset,
    },
    /// It was stored for another topic, which had this name before or has it in another log.
    OtherTopic {
        /// The id of the topic that it was stored for.
        stored: TopicId,
        /// The id of the topic that there is.
        found: TopicId,
    },
}

impl fmt::Display for LostBecause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfRange { earliest, end } => write!(
                f,
                "the log holds {earliest} to {end} (records expired or the topic was made anew)"
            ),
            Self::OtherTopic { stored, found } => write!(
                f,
                "but of the topic with the id {stored}, and this one has the id {found} (the topic was made anew, or this is \
                 another cluster or journal)"
            ),
        }
    }
}

impl PartitionProgress {
    /// Compares with what the log holds: [`LogError::ProgressLost`] if this is progress of another topic, or outside of
    /// what is still there.
    pub fn check(&self, topic_id: Option<&TopicId>, earliest: Offset, end: Offset) -> Result<(), LogError> {
        let why = match (&self.topic_id, topic_id) {
            (Some(stored), Some(found)) if stored != found => LostBecause::OtherTopic {
                stored: stored.clone(),
                found: found.clone(),
            },
            _ if self.next < earliest || self.next > end => LostBecause::OutOfRange { earliest, end },
            _ => return Ok(()),
        };
        Err(LogError::ProgressLost {
            partition: self.partition.clone(),
            stored: self.next,
            why,
        })
    }
}
