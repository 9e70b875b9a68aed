//! The reader of one partition: finds where to begin, then takes what the poll thread fetches.

use std::sync::{Arc, Weak};

use rdkafka::Offset as KafkaOffset;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaResult;
use schemas::BoxFuture;
use schemas::log::{LogError, PartitionReader, Start};
use schemas::record::{Offset, Partition, StoredRecord};

use super::membership::{Events, Shared};
use super::slot::{Lost, Slot};

/// See the module.
pub(super) struct Reader {
    slot: Arc<Slot>,
    shared: Arc<Shared>,
    consumer: Weak<BaseConsumer<Events>>,
}

impl Reader {
    pub(super) fn new(slot: Arc<Slot>, shared: Arc<Shared>, consumer: Weak<BaseConsumer<Events>>) -> Self {
        Self { slot, shared, consumer }
    }
}

impl PartitionReader for Reader {
    fn partition(&self) -> &Partition {
        &self.slot.partition
    }

    fn begin(&mut self, from: Option<Offset>) -> BoxFuture<'_, Result<(), LogError>> {
        Box::pin(async move {
            let (slot, shared) = (Arc::clone(&self.slot), Arc::clone(&self.shared));
            let consumer = Weak::clone(&self.consumer);
            let looked_up = tokio::task::spawn_blocking(move || {
                consumer
                    .upgrade()
                    .map_or(Ok(()), |consumer| begin(&consumer, &shared, &slot, from))
            });
            tokio::select! {
                result = looked_up => {
                    result.unwrap_or_else(|_| Err(LogError::Unavailable("the runtime is shutting down".to_owned())))
                }
                // The revocation waits for the owner, and the owner perhaps for us.
                () = self.slot.given_back() => Ok(()),
            }
        })
    }

    fn next_batch(&mut self, max: usize) -> BoxFuture<'_, Result<Option<Vec<StoredRecord>>, LogError>> {
        Box::pin(self.slot.next_batch(max))
    }

    fn store(&mut self, next: Offset) -> Result<(), LogError> {
        if self.shared.in_group {
            self.slot.store(next);
        }
        Ok(())
    }
}

/// Blocks: asks the cluster for progress and for what it still holds, and lets the slot begin.
fn begin(consumer: &BaseConsumer<Events>, shared: &Shared, slot: &Slot, from: Option<Offset>) -> Result<(), LogError> {
    let committed = if shared.in_group {
        committed(consumer, shared, slot)?
    } else {
        None
    };
    let (earliest, end) = watermarks(consumer, shared, slot)?;
    let wanted = from.or(committed);
    let offset = match wanted {
        Some(stored) if stored < earliest || stored > end => {
            return Err(slot.progress_lost(Lost { stored, earliest, end }));
        }
        Some(stored) => stored,
        None if shared.start == Start::Earliest => earliest,
        None => end,
    };
    slot.begin(offset, committed.unwrap_or(offset), wanted.is_none() && shared.in_group);
    Ok(())
}

/// What the group has committed for a partition.
pub(super) fn committed(
    consumer: &BaseConsumer<Events>,
    shared: &Shared,
    slot: &Slot,
) -> Result<Option<Offset>, LogError> {
    let ask = || -> KafkaResult<Option<Offset>> {
        let mut list = TopicPartitionList::new();
        list.add_partition(shared.topic.as_str(), slot.partition.index);
        let list = consumer.committed_offsets(list, shared.request_timeout)?;
        let elements = list.elements();
        let Some(element) = elements.first() else {
            return Ok(None);
        };
        element.error()?;
        Ok(match element.offset() {
            KafkaOffset::Offset(offset) => Some(Offset(offset)),
            _ => None,
        })
    };
    ask().map_err(|e| {
        shared
            .connection
            .failure(&format!("no stored progress of {}", slot.partition), &e)
    })
}

/// The oldest offset that is still there, and one past the newest.
pub(super) fn watermarks(
    consumer: &BaseConsumer<Events>,
    shared: &Shared,
    slot: &Slot,
) -> Result<(Offset, Offset), LogError> {
    consumer
        .fetch_watermarks(shared.topic.as_str(), slot.partition.index, shared.request_timeout)
        .map(|(earliest, end)| (Offset(earliest), Offset(end)))
        .map_err(|e| {
            shared
                .connection
                .failure(&format!("no offsets of {}", slot.partition), &e)
        })
}
