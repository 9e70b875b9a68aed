//! Finds one event in the log.

use std::sync::Arc;
use std::time::Duration;

use schemas::event::Event;
use schemas::id::EventId;
use schemas::log::{Begin, EventLog, Start};
use schemas::name::TopicName;
use schemas::record::{PartitionProgress, Position, StoredRecord, header};
use schemas::time::Timestamp;
use tokio::time::timeout;

use super::{PATIENCE, Past, PastError, Piece, extents, subscribe};

/// The clocks of senders, of receivers and of the log may differ by so much.
const CLOCKS: Duration = Duration::from_mins(10);

/// Returns the record at a place, as a piece of one.
pub async fn at(log: &dyn EventLog, position: &Position) -> Result<Piece, PastError> {
    let Position { partition, offset } = position;
    let extents = extents(log, &partition.topic).await?;
    let Some((_, earliest, end)) = extents.iter().find(|(known, _, _)| known == partition) else {
        return Err(PastError::NoPartition(partition.clone(), extents.len()));
    };
    let missing = || PastError::NoRecord(position.clone(), *earliest, *end);
    if offset < earliest || offset >= end {
        return Err(missing());
    }
    let (consumer, readers) = subscribe(log, &partition.topic, Start::Earliest).await?;
    let reader = readers.into_iter().find(|reader| reader.partition() == partition);
    let mut reader = reader.ok_or_else(missing)?;
    let from = PartitionProgress {
        partition: partition.clone(),
        topic_id: None,
        next: *offset,
    };
    reader.begin(Begin::At(from)).await?;
    let read = timeout(PATIENCE, reader.next_batch(1)).await;
    let read = read.map_err(|_| PastError::Stalled(partition.clone()))??;
    let record = read.into_iter().flatten().find(|record| record.offset == *offset);
    let piece = Piece {
        partition: Arc::new(partition.clone()),
        topic_id: reader.topic_id(),
        records: vec![Arc::new(record.ok_or_else(missing)?)],
    };
    drop(reader);
    consumer.close().await?;
    Ok(piece)
}

/// Looks for an event: its id holds the time at which it happened, and it came into the log after that. `None` if it is not there,
/// or not any more.
pub async fn find(log: &dyn EventLog, topic: &TopicName, id: EventId) -> Result<Option<Piece>, PastError> {
    let from = id.time().min(Timestamp::now()).before(CLOCKS);
    let mut past = Past::begin(log, topic, Start::Since(from)).await?;
    let name = id.to_string();
    let mut found = None;
    while found.is_none()
        && let Some(piece) = past.next_piece().await?
    {
        let Piece {
            partition,
            topic_id,
            records,
        } = piece;
        let record = records.into_iter().find(|record| is(record, id, &name));
        found = record.map(|record| Piece {
            partition,
            topic_id,
            records: vec![record],
        });
    }
    past.close().await?;
    Ok(found)
}

/// Whether a record is that event. The header says it without decoding.
fn is(record: &StoredRecord, id: EventId, name: &str) -> bool {
    match record.record.header(header::CE_ID) {
        Some(known) => known == name.as_bytes(),
        None => Event::decode(&record.record.value).is_ok_and(|event| event.id() == id),
    }
}
