//! Which topics and partitions exist, and which offsets each partition holds: in memory, as committed.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use parking_lot::RwLock;
use schemas::name::TopicName;
use schemas::record::{Offset, Partition, TopicId};
use sqlx::SqliteConnection;
use tokio::sync::watch;

use super::layout::{PartitionId, offset_of};
use super::partitioner::partition_of;

/// From the oldest record to one past the newest. Offsets between are without holes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) earliest: Offset,
    pub(super) end: Offset,
}

/// One partition. Readers wait on its extent; only the writer (or, in a process that only reads, the poll) moves it.
#[derive(Debug)]
pub(super) struct WatchedPartition {
    pub(super) id: PartitionId,
    pub(super) partition: Partition,
    extent: watch::Sender<Extent>,
}

impl WatchedPartition {
    pub(super) fn extent(&self) -> Extent {
        *self.extent.borrow()
    }

    pub(super) fn watch(&self) -> watch::Receiver<Extent> {
        self.extent.subscribe()
    }

    pub(super) fn set(&self, extent: Extent) {
        self.extent.send_if_modified(|now| {
            let changed = *now != extent;
            *now = extent;
            changed
        });
    }

    pub(super) fn set_end(&self, end: Offset) {
        let earliest = self.extent().earliest;
        self.set(Extent { earliest, end });
    }

    pub(super) fn set_earliest(&self, earliest: Offset) {
        let end = self.extent().end;
        self.set(Extent { earliest, end });
    }
}

/// A topic of the journal, with its ids and partitions.
#[derive(Debug)]
pub(super) struct Topic {
    pub(super) id: i64,
    pub(super) name: TopicName,
    pub(super) uid: TopicId,
    /// At least one; the index is the partition's number.
    pub(super) partitions: Vec<Arc<WatchedPartition>>,
    retention_ms: AtomicI64,
    max_record_bytes: AtomicUsize,
    keyless: AtomicUsize,
}

impl Topic {
    pub(super) fn max_record_bytes(&self) -> usize {
        self.max_record_bytes.load(Ordering::Relaxed)
    }

    pub(super) fn retention_ms(&self) -> i64 {
        self.retention_ms.load(Ordering::Relaxed)
    }

    /// Records without a key take turns.
    pub(super) fn partition_for(&self, key: &[u8]) -> &Arc<WatchedPartition> {
        let count = self.partitions.len();
        let index = if key.is_empty() {
            self.keyless.fetch_add(1, Ordering::Relaxed) % count
        } else {
            partition_of(key, count)
        };
        &self.partitions[index]
    }
}

/// All topics of one journal.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    topics: RwLock<HashMap<TopicName, Arc<Topic>>>,
}

/// One partition with its topic, as [`Catalog::refresh`] reads it.
type Row = (i64, String, i64, i64, i64, i32, i64, Option<i64>, String);

impl Catalog {
    pub(super) fn topic(&self, name: &TopicName) -> Option<Arc<Topic>> {
        self.topics.read().get(name).cloned()
    }

    pub(super) fn partition(&self, id: PartitionId) -> Option<Arc<WatchedPartition>> {
        let topics = self.topics.read();
        topics
            .values()
            .flat_map(|t| &t.partitions)
            .find(|p| p.id == id)
            .cloned()
    }

    /// Updates the catalog from the database.
    pub(super) async fn refresh(&self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT t.id, t.name, t.retention_ms, t.max_record_bytes, p.id, p.number, p.earliest,
                    (SELECT max(r.id) FROM record r WHERE r.id >= (p.id << 40) AND r.id < ((p.id + 1) << 40)),
                    t.uid
             FROM topic t JOIN topic_partition p ON p.topic_id = t.id ORDER BY t.id, p.number",
        )
        .fetch_all(connection)
        .await?;
        let mut topics = self.topics.write();
        for of_topic in rows.chunk_by(|a, b| a.0 == b.0) {
            let (id, ref name, retention_ms, max_record_bytes, ..) = of_topic[0];
            let Ok(name) = name.parse::<TopicName>() else {
                tracing::warn!(
                    topic = name,
                    "the journal has a topic whose name is not valid; it is left alone"
                );
                continue;
            };
            let topic = topics
                .entry(name.clone())
                .or_insert_with(|| Arc::new(new_topic(id, name, of_topic)));
            topic.retention_ms.store(retention_ms, Ordering::Relaxed);
            topic
                .max_record_bytes
                .store(usize::try_from(max_record_bytes).unwrap_or(0), Ordering::Relaxed);
            for (watched, row) in topic.partitions.iter().zip(of_topic) {
                watched.set(extent(row));
            }
        }
        Ok(())
    }
}

fn new_topic(id: i64, name: TopicName, rows: &[Row]) -> Topic {
    let partitions = rows.iter().map(|row| {
        Arc::new(WatchedPartition {
            id: PartitionId(row.4),
            partition: Partition {
                topic: name.clone(),
                index: row.5,
            },
            extent: watch::Sender::new(extent(row)),
        })
    });
    Topic {
        id,
        uid: TopicId::new(rows.first().map_or("", |row| &row.8)),
        partitions: partitions.collect(),
        name,
        retention_ms: AtomicI64::default(),
        max_record_bytes: AtomicUsize::default(),
        keyless: AtomicUsize::default(),
    }
}

fn extent(row: &Row) -> Extent {
    let earliest = Offset(row.6);
    let end = row.7.map_or(earliest, |newest| offset_of(newest).next());
    Extent { earliest, end }
}
