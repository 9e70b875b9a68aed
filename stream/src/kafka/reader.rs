//! The reader of one partition: finds where to begin, then returns what the poll thread fetches.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use schemas::BoxFuture;
use schemas::log::{Begin, LogError, PartitionReader, Start};
use schemas::record::{Offset, Partition, StoredRecord, TopicId};

use super::assignment::Assignment;
use super::describe::Description;
use super::membership::Shared;
use super::offsets::{described, first_since, watermarks};

/// See [`PartitionReader`].
pub(super) struct Reader<C: ConsumerContext> {
    assignment: Arc<Assignment>,
    shared: Arc<Shared>,
    consumer: Weak<BaseConsumer<C>>,
}

impl<C: ConsumerContext> Reader<C> {
    pub(super) fn new(assignment: Arc<Assignment>, shared: Arc<Shared>, consumer: Weak<BaseConsumer<C>>) -> Self {
        Self {
            assignment,
            shared,
            consumer,
        }
    }
}

impl<C: ConsumerContext + 'static> PartitionReader for Reader<C> {
    fn partition(&self) -> &Partition {
        &self.assignment.partition
    }

    fn begin(&mut self, from: Begin) -> BoxFuture<'_, Result<(), LogError>> {
        Box::pin(async move {
            let (assignment, shared) = (Arc::clone(&self.assignment), Arc::clone(&self.shared));
            let consumer = Weak::clone(&self.consumer);
            let permit = tokio::select! {
                permit = Arc::clone(shared.publisher.beginnings()).acquire_owned() => permit,
                () = self.assignment.given_back() => return Ok(()),
            };
            let looked_up = tokio::task::spawn_blocking(move || {
                let Some(consumer) = consumer.upgrade() else {
                    return Ok(());
                };
                let begun = begin(&consumer, &shared, &assignment, &from);
                // Not before: the questions go on even if no one waits for their answers any more.
                drop(permit);
                begun
            });
            tokio::select! {
                result = looked_up => {
                    let gone = |_| Err(LogError::Unavailable("the runtime is shutting down".to_owned()));
                    result.unwrap_or_else(gone)
                }
                // The revocation waits for the owner, and the owner perhaps for this call.
                () = self.assignment.given_back() => Ok(()),
            }
        })
    }

    fn topic_id(&self) -> Option<TopicId> {
        self.assignment.topic_id()
    }

    fn next_batch(&mut self, max: usize) -> BoxFuture<'_, Result<Option<Vec<StoredRecord>>, LogError>> {
        Box::pin(self.assignment.next_batch(max))
    }

    fn store(&mut self, next: Offset) -> Result<(), LogError> {
        if self.shared.in_group {
            self.assignment.store(next);
        }
        Ok(())
    }

    fn commit_soon(&mut self) {
        self.shared.ask_for_commit();
    }

    fn durable(&self) -> Option<Offset> {
        self.assignment.durable().filter(|_| self.shared.in_group)
    }
}

/// Asks the cluster for the topic's id, for progress, and for what it still holds, and begins the assignment. Blocks.
fn begin<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    shared: &Shared,
    assignment: &Assignment,
    from: &Begin,
) -> Result<(), LogError> {
    let partition = &assignment.partition;
    let (_, Description { id: topic_id, .. }) = described(shared.publisher.cluster(), &shared.topic)?;
    let stored = shared.committed(consumer, partition)?;
    let (earliest, end) = watermarks(shared.publisher.cluster(), partition)?;
    let progress = match from {
        Begin::At(progress) => Some(progress),
        Begin::Stored => stored.as_ref(),
        Begin::Oldest => None,
    };
    if let Some(progress) = progress {
        progress.check(topic_id.as_ref(), earliest, end)?;
        // The progress that a sink keeps counts, even where the group's is lower.
        assignment.begin(topic_id, progress.next, progress.next, false);
        return Ok(());
    }
    let began = stored.as_ref().map(|stored| stored.next);
    if let (Begin::Oldest, Some(stored)) = (from, began)
        && stored > earliest
    {
        tracing::warn!(group = shared.group, %partition, offset = earliest.0, stored = stored.0,
            "the sink keeps no progress of its own here, although its group has progress: its data are new or different; it \
             begins at the oldest record");
    }
    let offset = match from {
        Begin::Stored => start(consumer, shared, partition, earliest, end)?,
        _ => earliest,
    };
    if shared.in_group && *from == Begin::Stored && shared.start == Start::Earliest {
        log_fresh_start(shared, partition, offset, end);
    }
    assignment.begin(topic_id, offset, began.unwrap_or(offset), shared.in_group);
    Ok(())
}

/// Returns where a partition begins that has no progress, of which the log holds `earliest` to `end`. Blocks.
pub(super) fn start<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    shared: &Shared,
    partition: &Partition,
    earliest: Offset,
    end: Offset,
) -> Result<Offset, LogError> {
    match shared.start {
        Start::Earliest => Ok(earliest),
        Start::Latest => Ok(end),
        Start::Since(time) => {
            let timeout = shared.publisher.config().request_timeout();
            let first = first_since(consumer, &shared.connection, partition, time, timeout)?;
            // The end was asked before: what has come meanwhile is not left out.
            Ok(first.unwrap_or(end))
        }
    }
}

/// Logs that a group begins without progress. It is a new one, or one whose offsets were lost: it may have read these
/// records before.
fn log_fresh_start(shared: &Shared, partition: &Partition, offset: Offset, end: Offset) {
    if offset < end && !shared.fresh_start_logged.swap(true, Ordering::AcqRel) {
        tracing::warn!(group = shared.group, %partition, offset = offset.0, end = end.0,
            "the group has no stored progress and begins at the oldest record: right for a new group; one that had progress \
             delivers again what is still in the log (logged for one partition, others may be the same)");
    }
}
