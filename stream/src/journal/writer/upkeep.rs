//! What the writer does on its own: retention, and testing whether a failing disk works again.

use schemas::record::Offset;
use tokio::time::Instant;

use super::{UPKEEP_EVERY, Writer};
use crate::journal::catalog::WatchedPartition;
use crate::journal::layout::WRITE_VERSION;
use crate::journal::retention::{self, now_ms};

impl Writer {
    /// Runs retention, and tests whether a journal that refuses records can accept them again.
    pub(super) async fn upkeep(&mut self) {
        let began = Instant::now();
        // A failure is kept as the journal's condition, and upkeep runs again.
        let deleted = self.retain().await.unwrap_or(false);
        // While there is more to delete, the writer spends at most a quarter of its time on it.
        let pause = if deleted {
            (began.elapsed() * 3).min(UPKEEP_EVERY)
        } else {
            UPKEEP_EVERY
        };
        self.upkeep_due = Instant::now() + pause;
        let room = self.used_bytes < self.max_bytes - self.max_bytes / 64;
        if self.shared.problem().is_some() && room && self.probe().await.is_ok() {
            self.shared.set_healthy();
        }
    }

    /// Tests the disk with a write that changes nothing.
    async fn probe(&mut self) -> Result<(), String> {
        let mut connection = self.take_connection().await?;
        let result = sqlx::query(WRITE_VERSION).execute(&mut connection).await;
        self.give_back(connection, result).await?;
        Ok(())
    }

    /// Runs one step of retention; returns whether it deleted anything.
    pub(super) async fn retain(&mut self) -> Result<bool, String> {
        let mut connection = self.take_connection().await?;
        let result = retention::run(&mut connection, self.bounds, now_ms()).await;
        let ran = self.give_back(connection, result).await?;
        self.used_bytes = ran.used_bytes;
        self.shared.metrics.used_bytes.set(ran.used_bytes);
        let Some((partition, earliest)) = ran.moved else {
            return Ok(false);
        };
        if let Some(watched) = self.shared.catalog.partition(partition) {
            self.moved(&watched, earliest);
        }
        Ok(true)
    }

    pub(super) fn moved(&self, watched: &WatchedPartition, earliest: Offset) {
        let records = earliest.0 - watched.extent().earliest.0;
        self.shared.metrics.expired.inc_by(u64::try_from(records).unwrap_or(0));
        watched.set_earliest(earliest);
    }
}
