//! Stores the partition's progress in the sink and in the log, and bounds how much a crash would repeat.

use std::sync::Arc;
use std::time::Duration;

use schemas::log::LogError;
use schemas::time::Timestamp;
use tokio::time::{Instant, timeout};

use super::PartitionTask;
use crate::error::WorkerError;
use crate::troubles::Trouble;

/// How long deliveries may wait for a commit before that is reported.
const COMMIT_PATIENCE: Duration = Duration::from_secs(10);

impl PartitionTask {
    /// Stores progress in the sink and in the log, where it has moved. The sink comes first: for a sink that keeps its
    /// own progress, the log's never exceeds it, so that a sink whose data are lost can be recognized.
    pub(super) async fn advance(&mut self) -> Result<(), WorkerError> {
        let interval = Duration::from_millis(self.shared.config.checkpoint_ms);
        if self.owes_checkpoint() && self.checkpointed.elapsed() >= interval {
            self.checkpoint(interval).await;
        }
        self.store()
    }

    fn store(&mut self) -> Result<(), WorkerError> {
        self.show_in_flight();
        let mut next = self.flight.next();
        if self.shared.sink.kept_progress().is_some() {
            next = next.min(self.known_to_sink);
        }
        let Some(next) = next.filter(|next| Some(*next) > self.stored) else {
            return Ok(());
        };
        match self.reader.store(next) {
            Ok(()) => {
                self.stored = Some(next);
                self.shared.troubles.over(Trouble::Progress);
                self.shared.metrics.progress_time.set(Timestamp::now().millis() / 1_000);
            }
            Err(LogError::Unavailable(reason)) => {
                // This costs only time after a restart; the next change tries again.
                self.shared.troubles.met(Trouble::Progress, &reason);
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Shows what is read and not settled. Also after each read: a turn lasts as long as the sink is unavailable, and meanwhile
    /// what `forebay_processor_events_total` counts must be in flight.
    pub(super) fn show_in_flight(&self) {
        let records = self.flight.records();
        self.in_flight.set(i64::try_from(records).unwrap_or(i64::MAX));
        self.shared
            .status
            .in_progress(&self.partition, records, self.flight.oldest());
    }

    /// Returns how many deliveries may go out now, so that a crash repeats no more than `repeat_max_deliveries` settled
    /// ones: the rest wait for progress to become durable. A sink that keeps its own progress repeats none.
    pub(super) fn may_deliver(&mut self) -> usize {
        let config = &self.shared.config;
        if self.shared.sink.kept_progress().is_some() {
            self.flight.repeats_after(self.flight.next());
            return config.batch_max_records;
        }
        let repeats = self.flight.repeats_after(self.reader.durable());
        if repeats >= config.repeat_max_deliveries / 2 {
            self.reader.commit_soon();
        }
        config
            .repeat_max_deliveries
            .saturating_sub(repeats)
            .min(config.batch_max_records)
    }

    /// Reports that deliveries have waited long for progress to become durable, and that they no longer
    /// wait.
    pub(super) fn report_uncommitted(&mut self, uncommitted: bool) {
        if !uncommitted {
            self.uncommitted_since = None;
            if std::mem::take(&mut self.uncommitted_reported) {
                self.shared.troubles.over(Trouble::Commit);
                self.stalled(None);
            }
            return;
        }
        let since = *self.uncommitted_since.get_or_insert_with(Instant::now);
        if since.elapsed() >= COMMIT_PATIENCE && !std::mem::replace(&mut self.uncommitted_reported, true) {
            let reason = "progress does not become durable";
            self.shared
                .troubles
                .met(Trouble::Commit, &format!("of {}: {reason}", self.partition));
            self.stalled(Some(format!("{reason}, deliveries wait for it")));
        }
    }

    /// Whether progress has moved past the sink's own, over records that it never got, or rejected.
    pub(super) fn owes_checkpoint(&self) -> bool {
        self.shared.sink.kept_progress().is_some()
            && self.flight.next().is_some_and(|next| Some(next) > self.known_to_sink)
    }

    async fn checkpoint(&mut self, patience: Duration) {
        self.checkpointed = Instant::now();
        let shared = Arc::clone(&self.shared);
        let (Some(kept), Some(progress)) = (shared.sink.kept_progress(), self.flight.progress()) else {
            return;
        };
        match timeout(patience, kept.checkpoint(&progress)).await {
            Ok(Ok(())) => self.known_to_sink = Some(progress.next),
            Ok(Err(unavailable)) => {
                tracing::debug!(sink = %shared.sink.name(), partition = %self.partition, error = %unavailable,
                    "checkpoint postponed");
            }
            Err(_elapsed) => {
                tracing::debug!(sink = %shared.sink.name(), partition = %self.partition, error = "no answer",
                    "checkpoint postponed");
            }
        }
    }

    /// Stores progress for the last time, in the sink and in the log.
    pub(super) async fn finish(&mut self) -> Result<(), WorkerError> {
        if self.owes_checkpoint() {
            // A short limit, because the next owner waits for the partition.
            self.checkpoint(Duration::from_secs(1)).await;
        }
        self.store()?;
        tracing::debug!(sink = %self.shared.sink.name(), partition = %self.partition,
            offset = self.flight.next().map(|o| o.0), unsettled = self.flight.records(), "partition ended");
        Ok(())
    }
}
