//! Progress that is stored but not yet on disk: the newest per group and partition, until the writer's next commit.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use schemas::record::Offset;
use sqlx::{SqliteConnection, SqlitePool};
use tokio::sync::Notify;

use super::layout::PartitionId;

/// A group's id in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct GroupId(pub(super) i64);

/// Group, partition, next offset to read.
pub(super) type Progress = (GroupId, PartitionId, Offset);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct PendingProgress {
    next: Mutex<HashMap<(GroupId, PartitionId), Offset>>,
    /// Wakes the writer when the first entry comes.
    came: Notify,
}

impl PendingProgress {
    pub(super) fn store(&self, group: GroupId, partition: PartitionId, next: Offset) {
        let mut pending = self.locked();
        if pending.is_empty() {
            self.came.notify_one();
        }
        pending.insert((group, partition), next);
    }

    /// Waits until there is something. Cancel-safe.
    pub(super) async fn came(&self) {
        self.came.notified().await;
    }

    pub(super) fn take(&self) -> Vec<Progress> {
        self.locked()
            .drain()
            .map(|((group, partition), next)| (group, partition, next))
            .collect()
    }

    /// Gives back what could not be written, where nothing newer has come.
    pub(super) fn give_back(&self, progress: Vec<Progress>) {
        let mut pending = self.locked();
        if pending.is_empty() && !progress.is_empty() {
            self.came.notify_one();
        }
        for (group, partition, next) in progress {
            pending.entry((group, partition)).or_insert(next);
        }
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<(GroupId, PartitionId), Offset>> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes progress; inside the caller's transaction.
pub(super) async fn write(connection: &mut SqliteConnection, progress: &[Progress]) -> Result<(), sqlx::Error> {
    for (group, partition, next) in progress {
        sqlx::query(
            "INSERT INTO progress (group_id, partition_id, next) VALUES (?, ?, ?)
             ON CONFLICT (group_id, partition_id) DO UPDATE SET next = excluded.next",
        )
        .bind(group.0)
        .bind(partition.0)
        .bind(next.0)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// What is on disk.
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
