//! Reads what the event log holds already, alone: no group is joined, nothing is stored, and the right to read the topic is enough.
//! For who sends events once more: the commands, and the API.

mod find;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use schemas::canary;
use schemas::log::{Begin, Change, Consumer, EventLog, LogError, Membership, PartitionReader, Start, Subscription};
use schemas::name::{GroupName, TopicName};
use schemas::record::{Offset, Partition, Position, StoredRecord, TopicId};
use tokio::time::timeout;

pub use find::{at, find};

/// How long a partition may bring nothing although the log holds more.
const PATIENCE: Duration = Duration::from_secs(20);

/// So many records are handed out together, at most.
const BATCH: usize = 500;

/// Why the past could not be read.
#[derive(Debug, thiserror::Error)]
pub enum PastError {
    /// The log does not do what it was asked for.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A partition brings nothing, although the log holds more of it.
    #[error("{0} brought nothing for {seconds} s, and the log holds more of it", seconds = PATIENCE.as_secs())]
    Stalled(Partition),
    /// The reader of a partition ended before its end.
    #[error("the reader of {0} has ended")]
    Ended(Partition),
    /// The topic has no such partition.
    #[error("there is no {0}: the topic has {1} partitions")]
    NoPartition(Partition, usize),
    /// Nothing is at that place.
    #[error("there is no record at {0}: the log holds {1} to {2}")]
    NoRecord(Position, Offset, Offset),
}

/// Records of one partition, in their order.
#[derive(Debug)]
pub struct Piece {
    /// The partition.
    pub partition: Arc<Partition>,
    /// The id of the topic, where the log has ids.
    pub topic_id: Option<TopicId>,
    /// At least one. Canaries are left out.
    pub records: Vec<Arc<StoredRecord>>,
}

/// What a topic holds, from a moment on and until the end that it had when reading began: one partition after the other, each in its
/// order.
pub struct Past {
    consumer: Box<dyn Consumer>,
    lanes: VecDeque<Lane>,
}

struct Lane {
    reader: Box<dyn PartitionReader>,
    partition: Arc<Partition>,
    end: Offset,
}

impl std::fmt::Debug for Past {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let partitions: Vec<_> = self.lanes.iter().map(|lane| &lane.partition).collect();
        f.debug_struct("Past")
            .field("partitions", &partitions)
            .finish_non_exhaustive()
    }
}

impl Past {
    /// Begins to read a topic.
    pub async fn begin(log: &dyn EventLog, topic: &TopicName, start: Start) -> Result<Self, PastError> {
        let (consumer, mut readers) = subscribe(log, topic, start).await?;
        for reader in &mut readers {
            reader.begin(Begin::Stored).await?;
        }
        let lags = consumer.lag().await?;
        let ends = extents(log, topic).await?;
        let lanes = readers.into_iter().filter_map(|reader| {
            let partition = reader.partition().clone();
            // One that has nothing between its start and its end would be waited for in vain.
            let is_behind = lags.iter().any(|(behind, lag)| *behind == partition && *lag > 0);
            let (_, _, end) = ends.iter().find(|(of, _, _)| *of == partition)?;
            is_behind.then(|| Lane {
                reader,
                partition: Arc::new(partition),
                end: *end,
            })
        });
        Ok(Self {
            lanes: lanes.collect(),
            consumer,
        })
    }

    /// Returns the next records; `None` at the end.
    pub async fn next_piece(&mut self) -> Result<Option<Piece>, PastError> {
        while let Some(lane) = self.lanes.front_mut() {
            let read = tokio::select! {
                read = timeout(PATIENCE, lane.reader.next_batch(BATCH)) => read,
                change = self.consumer.next() => {
                    change?;
                    continue;
                }
            };
            let read = read.map_err(|_| PastError::Stalled(Partition::clone(&lane.partition)))??;
            let records = read.ok_or_else(|| PastError::Ended(Partition::clone(&lane.partition)))?;
            // The record before the end may be missing; the first one after it shows that, too.
            let is_last = records.last().is_some_and(|last| last.offset.next() >= lane.end);
            let is_meant = |record: &StoredRecord| record.offset < lane.end && canary::sent(&record.record).is_none();
            let piece = Piece {
                partition: Arc::clone(&lane.partition),
                topic_id: lane.reader.topic_id(),
                records: records.into_iter().filter(is_meant).map(Arc::new).collect(),
            };
            if is_last {
                self.lanes.pop_front();
            }
            if !piece.records.is_empty() {
                return Ok(Some(piece));
            }
        }
        Ok(None)
    }

    /// Ends reading.
    pub async fn close(self) -> Result<(), PastError> {
        drop(self.lanes);
        Ok(self.consumer.close().await?)
    }
}

/// The readers of all partitions, in their order, not begun yet.
async fn subscribe(
    log: &dyn EventLog,
    topic: &TopicName,
    start: Start,
) -> Result<(Box<dyn Consumer>, Vec<Box<dyn PartitionReader>>), PastError> {
    let subscription = Subscription {
        topic: topic.clone(),
        membership: Membership::Alone,
        start,
    };
    let mut consumer = log.subscribe(subscription).await?;
    loop {
        if let Change::Assigned(mut readers) = consumer.next().await? {
            readers.sort_by_key(|reader| reader.partition().index);
            return Ok((consumer, readers));
        }
    }
}

/// What each partition holds: its oldest record, and the place of the next one.
async fn extents(log: &dyn EventLog, topic: &TopicName) -> Result<Vec<(Partition, Offset, Offset)>, PastError> {
    // Nothing is ever stored under this name, which rights by the topic's prefix cover.
    let group = GroupName::new(format!("{topic}.alone-{}", std::process::id()));
    let group = group.map_err(|error| LogError::Misconfigured(error.to_string()))?;
    let states = log.progress(&group, topic).await?;
    let extents = states
        .into_iter()
        .map(|state| (state.partition, state.earliest, state.end));
    Ok(extents.collect())
}
