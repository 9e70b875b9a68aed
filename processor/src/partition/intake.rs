//! What was read becomes work: decoded and routed, or a dead letter if it is no event.

use std::sync::Arc;

use schemas::event::Event;
use schemas::log::LogError;
use schemas::record::StoredRecord;
use tokio::time::Instant;

use super::PartitionTask;
use crate::error::WorkerError;

impl PartitionTask {
    /// Decodes and routes what was read. False: the reader has ended.
    pub(super) fn take_in(&mut self, read: Result<Option<Vec<StoredRecord>>, LogError>) -> Result<bool, WorkerError> {
        let records = match read {
            Ok(Some(records)) => records,
            Ok(None) => return Ok(false),
            Err(LogError::Unavailable(reason)) => {
                self.read_failures += 1;
                if self.read_failures == 1 {
                    tracing::warn!(sink = %self.shared.sink.name(), partition = %self.partition, error = reason,
                        "event log unavailable, reading again until it is back");
                }
                self.read_after = Instant::now() + self.backoff(self.read_failures);
                return Ok(true);
            }
            Err(error) => return Err(error.into()),
        };
        if self.read_failures > 0 {
            tracing::info!(sink = %self.shared.sink.name(), partition = %self.partition, "event log is back");
            self.read_failures = 0;
        }
        let now = Instant::now();
        self.shared.metrics.events.inc_by(records.len() as u64);
        for record in records {
            let record = Arc::new(record);
            match Event::decode(&record.record.value) {
                Ok(event) => {
                    let deliveries = self.shared.router.route(&Arc::new(event), &record);
                    self.flight.add(&record, deliveries, now);
                }
                Err(error) => {
                    self.shared.metrics.undecodable.inc();
                    let reason = error.to_string();
                    self.note(true, &reason)?;
                    tracing::warn!(sink = %self.shared.sink.name(), partition = %self.partition,
                        offset = record.offset.0, error = reason, "record is no event: dead letter");
                    self.flight.add_undecodable(&record, reason, now);
                }
            }
        }
        Ok(true)
    }
}
