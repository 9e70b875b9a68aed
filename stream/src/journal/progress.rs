//! Progress that is stored but not yet on disk: the newest per group and partition, until the writer's next commit.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use schemas::log::PartitionState;
use schemas::name::GroupName;
use schemas::record::{Offset, PartitionProgress};
use sqlx::{SqliteConnection, SqlitePool};
use tokio::sync::Notify;

use super::catalog::{Topic, WatchedPartition};
use super::layout::PartitionId;

/// A group's id in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct GroupId(pub(super) i64);

/// How far a group has read a partition.
#[derive(Debug, Clone, Copy)]
pub(super) struct GroupProgress {
    group: GroupId,
    partition: PartitionId,
    /// The next offset to read.
    next: Offset,
}

/// The newest progress of each group and partition that the writer has not committed yet.
#[derive(Debug, Default)]
pub(super) struct PendingProgress {
    next: Mutex<HashMap<(GroupId, PartitionId), Offset>>,
    /// What has been written since the journal was opened.
    written: Mutex<HashMap<(GroupId, PartitionId), Offset>>,
    /// Wakes the writer when the first entry is added.
    added: Notify,
}

impl PendingProgress {
    pub(super) fn store(&self, group: GroupId, partition: PartitionId, next: Offset) {
        let mut pending = self.locked();
        if pending.is_empty() {
            self.added.notify_one();
        }
        pending.insert((group, partition), next);
    }

    /// Waits until there is an entry. Cancel-safe.
    pub(super) async fn added(&self) {
        self.added.notified().await;
    }

    pub(super) fn take(&self) -> Vec<GroupProgress> {
        self.locked()
            .drain()
            .map(|((group, partition), next)| GroupProgress { group, partition, next })
            .collect()
    }

    /// Notes that progress taken before is on disk.
    pub(super) fn written(&self, progress: &[GroupProgress]) {
        let mut written = self.written.lock();
        for one in progress {
            written.insert((one.group, one.partition), one.next);
        }
    }

    /// Returns the progress that is on disk, as far as it was written since the journal was opened.
    pub(super) fn durable(&self, group: GroupId, partition: PartitionId) -> Option<Offset> {
        let written = self.written.lock();
        written.get(&(group, partition)).copied()
    }

    /// Puts back what could not be written, where nothing newer was stored.
    pub(super) fn put_back(&self, progress: Vec<GroupProgress>) {
        let mut pending = self.locked();
        if pending.is_empty() && !progress.is_empty() {
            self.added.notify_one();
        }
        for one in progress {
            pending.entry((one.group, one.partition)).or_insert(one.next);
        }
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<(GroupId, PartitionId), Offset>> {
        self.next.lock()
    }
}

/// Writes progress inside the caller's transaction.
pub(super) async fn write(connection: &mut SqliteConnection, progress: &[GroupProgress]) -> Result<(), sqlx::Error> {
    for one in progress {
        sqlx::query(
            "INSERT INTO progress (group_id, partition_id, next) VALUES (?, ?, ?)
             ON CONFLICT (group_id, partition_id) DO UPDATE SET next = excluded.next",
        )
        .bind(one.group.0)
        .bind(one.partition.0)
        .bind(one.next.0)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Reads the group's progress from disk.
pub(super) async fn read(pool: &SqlitePool, group: GroupId) -> Result<HashMap<PartitionId, Offset>, sqlx::Error> {
    let rows: Vec<(i64, i64)> = sqlx::query_as("SELECT partition_id, next FROM progress WHERE group_id = ?")
        .bind(group.0)
        .fetch_all(pool)
        .await?;
    Ok(rows
        .into_iter()
        .map(|(partition, next)| (PartitionId(partition), Offset(next)))
        .collect())
}

/// Returns each partition of a topic and the group's progress in it, from disk.
pub(super) async fn of_group(
    pool: &SqlitePool,
    topic: &Topic,
    group: &GroupName,
) -> Result<Vec<PartitionState>, sqlx::Error> {
    let rows: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT p.partition_id, p.next FROM progress p JOIN reader_group g ON g.id = p.group_id
         WHERE g.topic_id = ? AND g.name = ?",
    )
    .bind(topic.id)
    .bind(group.as_str())
    .fetch_all(pool)
    .await?;
    let stored: HashMap<_, _> = rows.into_iter().collect();
    let state = |watched: &Arc<WatchedPartition>| {
        let extent = watched.extent();
        PartitionState {
            partition: watched.partition.clone(),
            topic_id: Some(topic.uid.clone()),
            earliest: extent.earliest,
            end: extent.end,
            stored: stored.get(&watched.id.0).map(|next| PartitionProgress {
                partition: watched.partition.clone(),
                topic_id: Some(topic.uid.clone()),
                next: Offset(*next),
            }),
        }
    };
    Ok(topic.partitions.iter().map(state).collect())
}
