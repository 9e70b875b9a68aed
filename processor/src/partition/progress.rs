//! How far the partition is settled, told to the log and to the sink.

use std::time::Duration;

use schemas::log::LogError;
use schemas::time::Timestamp;
use tokio::time::{Instant, timeout};

use super::PartitionTask;
use crate::error::WorkerError;

impl PartitionTask {
    /// Tells log and sink how far it is, where that has moved.
    pub(super) async fn advance(&mut self) -> Result<(), WorkerError> {
        self.store()?;
        let interval = Duration::from_millis(self.shared.config.checkpoint_ms);
        if self.owes_checkpoint() && self.checkpointed.elapsed() >= interval {
            self.checkpoint(interval).await;
        }
        Ok(())
    }

    fn store(&mut self) -> Result<(), WorkerError> {
        self.in_flight
            .set(i64::try_from(self.flight.records()).unwrap_or(i64::MAX));
        let Some(next) = self.flight.next().filter(|next| Some(*next) > self.stored) else {
            return Ok(());
        };
        match self.reader.store(next) {
            Ok(()) => {
                self.stored = Some(next);
                self.store_failing = false;
                self.shared.metrics.progress_time.set(Timestamp::now().millis() / 1_000);
            }
            Err(LogError::Unavailable(reason)) => {
                // Nothing is lost by it but time after a restart; the next move tries again.
                if !std::mem::replace(&mut self.store_failing, true) {
                    tracing::warn!(sink = %self.shared.sink.name(), partition = %self.partition, offset = next.0,
                        error = reason, "progress not stored, trying again until it is");
                }
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Whether progress has moved past what the sink knows of, over records that it never saw, or rejected.
    pub(super) fn owes_checkpoint(&self) -> bool {
        self.flight.next().is_some_and(|next| Some(next) > self.known_to_sink)
    }

    async fn checkpoint(&mut self, patience: Duration) {
        self.checkpointed = Instant::now();
        let Some(next) = self.flight.next() else {
            return;
        };
        match timeout(patience, self.shared.sink.checkpoint(&self.partition, next)).await {
            Ok(Ok(())) => self.known_to_sink = Some(next),
            Ok(Err(unavailable)) => {
                tracing::debug!(partition = %self.partition, error = %unavailable, "checkpoint put off");
            }
            Err(_elapsed) => tracing::debug!(partition = %self.partition, "checkpoint put off: no answer"),
        }
    }

    /// The last word: progress, to the log and to the sink.
    pub(super) async fn finish(&mut self) -> Result<(), WorkerError> {
        self.store()?;
        if self.owes_checkpoint() {
            // Short: somebody else waits for the partition.
            self.checkpoint(Duration::from_secs(1)).await;
        }
        tracing::info!(sink = %self.shared.sink.name(), partition = %self.partition,
            offset = self.flight.next().map(|o| o.0), unsettled = self.flight.records(), "partition ended");
        Ok(())
    }
}
