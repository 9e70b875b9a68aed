//! Reading the log: the members of a group, the partitions that they own, and the reader of each.

use std::fmt;

use super::LogError;
use crate::BoxFuture;
use crate::record::{Offset, Partition, PartitionProgress, StoredRecord, TopicId};

/// Where a reader begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begin {
    /// At the group's stored progress; without one (or alone), at the subscription's [`Start`](super::Start).
    Stored,
    /// At this progress, which the sink keeps together with its data.
    At(PartitionProgress),
    /// At the oldest record, whatever the group has stored.
    Oldest,
}

/// A member of a group: hears which partitions are its own.
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
