//! Turns records into work: decodes and routes them, or makes dead letters of those that are not events or cannot be
//! routed.

use std::sync::Arc;

use schemas::canary;
use schemas::event::Event;
use schemas::log::LogError;
use schemas::record::StoredRecord;
use schemas::sink::Target;
use schemas::time::Timestamp;
use tokio::time::Instant;

use super::PartitionTask;
use crate::error::WorkerError;
use crate::flight::{GivenUp, Settled};
use crate::troubles::Trouble;

impl PartitionTask {
    /// Decodes and routes what was read. Returns false if the reader has ended.
    pub(super) fn handle_read(
        &mut self,
        read: Result<Option<Vec<StoredRecord>>, LogError>,
    ) -> Result<bool, WorkerError> {
        let records = match read {
            Ok(Some(records)) => records,
            Ok(None) => return Ok(false),
            Err(LogError::Unavailable(reason)) => {
                self.read_failures += 1;
                self.shared.troubles.met(Trouble::Log, &reason);
                self.read_after = Instant::now() + self.backoff(self.read_failures);
                return Ok(true);
            }
            Err(error) => return Err(error.into()),
        };
        self.read_failures = 0;
        self.shared.troubles.over(Trouble::Log);
        let now = Instant::now();
        self.shared.status.moved(&self.partition);
        for record in records {
            if let Some(sent) = canary::sent(&record.record) {
                self.shared.metrics.canaries.inc();
                self.shared.status.canary(&self.partition, sent);
                self.flight.add(&record, Vec::new(), Vec::new(), now);
                continue;
            }
            self.shared.metrics.events.inc();
            let record = Arc::new(record);
            match Event::decode(&record.record.value) {
                Ok(event) => {
                    let received = event.attributes.received;
                    let routed = self.shared.router.route(&Arc::new(event), &self.partition, &record);
                    let reason = routed.undecided.first().map_or("", |undecided| &undecided.reason);
                    // Once the valve is tripped, the event gets no dead letter, and is not settled.
                    let noted = self.note_at(&self.shared.routing_valve, routed.is_nowhere(), &Target::Only, reason);
                    noted.inspect_err(|_| self.not_taken())?;
                    let undecided = routed.undecided.into_iter().map(|undecided| GivenUp {
                        record: Arc::clone(&record),
                        target: Some(undecided.target),
                        reason: undecided.reason,
                        attempts: 0,
                        rules_version: Some(Arc::clone(self.shared.router.version())),
                        rules: undecided.rules,
                        failures: 0,
                    });
                    let letters: Vec<GivenUp> = undecided.collect();
                    let (deliveries, was_parked) = self.not_parked(routed.deliveries);
                    if deliveries.is_empty() && letters.is_empty() {
                        let how = if was_parked { Settled::Parked } else { Settled::Nowhere };
                        self.shared.metrics.settled(how);
                    }
                    self.flight.add(&record, deliveries, letters, now);
                    self.flight.received(record.offset, received);
                    self.follow(record.offset, now);
                }
                Err(error) => {
                    self.shared.metrics.undecodable.inc();
                    let reason = error.to_string();
                    let noted = self.note(true, &reason);
                    noted.inspect_err(|_| self.not_taken())?;
                    self.shared
                        .troubles
                        .not_an_event(&self.partition, record.offset, &reason);
                    self.flight.add_undecodable(&record, reason, now);
                    // The best that is known of what is no event.
                    self.flight.received(record.offset, Timestamp::now());
                }
            }
        }
        self.show_in_flight();
        Ok(true)
    }

    /// Counts a record that was read and that ended the task before it was added.
    fn not_taken(&self) {
        self.shared.metrics.given_back.inc();
    }
}

/// What is not settled when the task ends, however it ends, is read again by the next owner of the partition.
impl Drop for PartitionTask {
    fn drop(&mut self) {
        let records = u64::try_from(self.flight.records()).unwrap_or(u64::MAX);
        self.shared.metrics.given_back.inc_by(records);
    }
}
