//! Reads one partition in order.

mod follow;

use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt;
use parking_lot::Mutex;
use schemas::BoxFuture;
use schemas::log::{Begin, LogError, LostBecause, PartitionReader, Start};
use schemas::record::{Offset, Partition, PartitionProgress, Record, StoredRecord, TopicId};
use schemas::time::Timestamp;
use tokio_util::sync::CancellationToken;

use super::catalog::{Extent, WatchedPartition};
use super::layout::{decode_headers, offset_of};
use super::progress::GroupId;
use super::shared::Shared;

pub(super) use follow::poll;

/// A batch ends after this many bytes, however many records were asked for.
const BATCH_BYTES: usize = 8 << 20;

/// The progress of a reader: what its group has stored or, without a group, what it has read; `None` before either.
#[derive(Debug)]
pub(super) struct Stored(Mutex<Option<Offset>>);

impl Stored {
    pub(super) fn new(at: Option<Offset>) -> Self {
        Self(Mutex::new(at))
    }

    pub(super) fn get(&self) -> Option<Offset> {
        *self.0.lock()
    }

    fn set(&self, at: Offset) {
        *self.0.lock() = Some(at);
    }
}

/// See [`PartitionReader`].
#[derive(Debug)]
pub(super) struct Reader {
    shared: Arc<Shared>,
    watched: Arc<WatchedPartition>,
    topic_id: TopicId,
    stored: Arc<Stored>,
    /// What the group had stored when this reader was made.
    began: Option<Offset>,
    /// `None` for a reader without a group.
    group: Option<GroupId>,
    start: Start,
    ended: CancellationToken,
    /// The next record to return; set by `begin`.
    next: Offset,
}

impl Reader {
    pub(super) fn new(
        shared: Arc<Shared>,
        watched: Arc<WatchedPartition>,
        topic_id: TopicId,
        stored: Arc<Stored>,
        group: Option<GroupId>,
        start: Start,
        ended: CancellationToken,
    ) -> Self {
        let next = watched.extent().earliest;
        Self {
            shared,
            watched,
            topic_id,
            began: stored.get(),
            stored,
            group,
            start,
            ended,
            next,
        }
    }

    async fn begin(&mut self, from: &Begin) -> Result<(), LogError> {
        let extent = self.watched.extent();
        let progress = match from {
            Begin::At(progress) => Some(progress.clone()),
            Begin::Stored => self.stored.get().map(|next| PartitionProgress {
                partition: self.watched.partition.clone(),
                // Progress and topic are in one file.
                topic_id: Some(self.topic_id.clone()),
                next,
            }),
            Begin::Oldest => None,
        };
        self.next = if let Some(progress) = progress {
            progress.check(Some(&self.topic_id), extent.earliest, extent.end)?;
            progress.next
        } else {
            let at = match (from, self.start) {
                (Begin::Stored, Start::Latest) => extent.end,
                (Begin::Stored, Start::Since(time)) => self.first_since(time).await?.unwrap_or(extent.end),
                _ => extent.earliest,
            };
            // Stored at once: otherwise records that are written or expire before the group first stores progress would
            // be skipped silently at the next start.
            if let Some(group) = self.group.filter(|_| !self.ended.is_cancelled()) {
                self.shared.progress.store(group, self.watched.id, at);
            }
            at
        };
        self.stored.set(self.next);
        Ok(())
    }

    /// Returns the first record that was written at this time or later. The times of records follow the clock of the
    /// machine, which may have been set back, so they are not searched by halves: each is looked at, without its value.
    async fn first_since(&self, time: Timestamp) -> Result<Option<Offset>, LogError> {
        let id = self.watched.id;
        let first: Option<i64> =
            sqlx::query_scalar("SELECT id FROM record WHERE id >= ? AND id <= ? AND time_ms >= ? ORDER BY id LIMIT 1")
                .bind(id.record_id(Offset(0)))
                .bind(id.last_record_id())
                .bind(time.millis())
                .fetch_optional(&self.shared.pool)
                .await
                .map_err(|e| self.shared.read_error(&e))?;
        Ok(first.map(offset_of))
    }

    async fn next_batch(&mut self, max: usize) -> Result<Option<Vec<StoredRecord>>, LogError> {
        let mut extents = self.watched.watch();
        loop {
            if self.ended.is_cancelled() {
                return Ok(None);
            }
            // Taken before the database is read: any later change wakes the wait below.
            let extent = *extents.borrow_and_update();
            if self.next < extent.earliest {
                return Err(self.lost(self.next, extent));
            }
            if self.next < extent.end {
                let batch = tokio::select! {
                    biased;
                    () = self.ended.cancelled() => return Ok(None),
                    batch = self.read(max.max(1)) => batch?,
                };
                if let Some(first) = batch.first() {
                    if first.offset != self.next {
                        return Err(self.lost(
                            self.next,
                            Extent {
                                earliest: first.offset,
                                ..extent
                            },
                        ));
                    }
                    // There is no await after this, so a call that is dropped has not moved on.
                    self.next = batch.last().map_or(self.next, |last| last.offset.next());
                    if self.group.is_none() {
                        self.stored.set(self.next);
                    }
                    return Ok(Some(batch));
                }
                // Retention has just deleted them; the new extent will follow.
            }
            tokio::select! {
                biased;
                () = self.ended.cancelled() => return Ok(None),
                changed = extents.changed() => changed.map_err(|_| self.damaged("its partition is gone"))?,
            }
        }
    }

    async fn read(&self, max: usize) -> Result<Vec<StoredRecord>, LogError> {
        let id = self.watched.id;
        let mut rows = sqlx::query_as::<_, (i64, Vec<u8>, Vec<u8>, Vec<u8>)>(
            "SELECT id, key, headers, value FROM record WHERE id >= ? AND id <= ? ORDER BY id LIMIT ?",
        )
        .bind(id.record_id(self.next))
        .bind(id.last_record_id())
        .bind(i64::try_from(max).unwrap_or(i64::MAX))
        .fetch(&self.shared.pool);
        let mut batch = Vec::new();
        let mut bytes = 0;
        while bytes < BATCH_BYTES
            && let Some((id, key, headers, value)) = rows.try_next().await.map_err(|e| self.shared.read_error(&e))?
        {
            let offset = offset_of(id);
            // A journal has no holes: what follows one is not returned before the reader has had the error.
            if batch
                .last()
                .is_some_and(|last: &StoredRecord| offset != last.offset.next())
            {
                break;
            }
            let headers = decode_headers(Bytes::from(headers))
                .ok_or_else(|| self.damaged(&format!("the headers at offset {offset} are not readable")))?;
            let record = Record {
                key: key.into(),
                headers,
                value: value.into(),
            };
            bytes += record.size_bytes();
            batch.push(StoredRecord { offset, record });
        }
        Ok(batch)
    }

    fn lost(&self, stored: Offset, extent: Extent) -> LogError {
        LogError::ProgressLost {
            partition: self.watched.partition.clone(),
            stored,
            why: LostBecause::OutOfRange {
                earliest: extent.earliest,
                end: extent.end,
            },
        }
    }

    fn damaged(&self, what: &str) -> LogError {
        LogError::Misconfigured(format!(
            "{}, partition {}: {what}",
            self.shared.name(),
            self.watched.partition
        ))
    }
}

impl PartitionReader for Reader {
    fn partition(&self) -> &Partition {
        &self.watched.partition
    }

    fn begin(&mut self, from: Begin) -> BoxFuture<'_, Result<(), LogError>> {
        Box::pin(async move { self.begin(&from).await })
    }

    fn topic_id(&self) -> Option<TopicId> {
        Some(self.topic_id.clone())
    }

    fn next_batch(&mut self, max: usize) -> BoxFuture<'_, Result<Option<Vec<StoredRecord>>, LogError>> {
        Box::pin(self.next_batch(max))
    }

    fn store(&mut self, next: Offset) -> Result<(), LogError> {
        let Some(group) = self.group.filter(|_| !self.ended.is_cancelled()) else {
            return Ok(());
        };
        if let Some(why) = self.shared.lasting_problem() {
            return Err(LogError::Unavailable(format!("{}: {why}", self.shared.name())));
        }
        self.stored.set(next);
        self.shared.progress.store(group, self.watched.id, next);
        Ok(())
    }

    fn commit_soon(&mut self) {
        // The writer commits progress within 200 ms anyway.
    }

    fn durable(&self) -> Option<Offset> {
        self.shared
            .progress
            .durable(self.group?, self.watched.id)
            .or(self.began)
    }
}
