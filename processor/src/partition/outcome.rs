//! Handles the outcomes of a batch: settled, tried again later, or given up.

use std::time::Duration;

use parking_lot::Mutex;
use schemas::sink::{Delivery, Outcome, Target};
use tokio::time::Instant;

use super::PartitionTask;
use crate::error::WorkerError;
use crate::failure::valve::Valve;
use crate::flight::Picked;
use crate::status::age;
use crate::troubles::{Changes, Trouble};

/// The shortest wait of a delivery that was not tried.
const HELD_PAUSE: Duration = Duration::from_millis(5);

impl PartitionTask {
    /// Settles what is delivered, schedules retries, gives up the rest.
    pub(super) fn outcomes(&mut self, picked: Picked, outcomes: Vec<Outcome>) -> Result<(), WorkerError> {
        let Picked { batch, ids, next, .. } = picked;
        if outcomes.len() != ids.len() {
            return Err(WorkerError::Contract {
                sink: self.shared.sink.name().clone(),
                deliveries: ids.len(),
                outcomes: outcomes.len(),
            });
        }
        if outcomes.iter().all(|outcome| *outcome == Outcome::Delivered) {
            self.known_to_sink = self.known_to_sink.max(Some(next));
        }
        let now = Instant::now();
        // What is delivered is settled even when the valve trips in between.
        let mut valve = Ok(());
        let mut lack = None;
        for ((delivery, id), outcome) in batch.deliveries.into_iter().zip(ids).zip(outcomes) {
            let metrics = &self.shared.metrics;
            match outcome {
                Outcome::Unavailable { .. } => self.lacking.insert(id),
                Outcome::Held => false,
                _ => self.lacking.remove(&id),
            };
            let (reason, attempts) = match outcome {
                Outcome::Delivered => {
                    metrics.delivered.inc();
                    metrics
                        .delivery_age
                        .observe(age(delivery.event.attributes.received).as_secs_f64());
                    if let Some(how) = self.flight.delivered(id) {
                        metrics.settled(how);
                    }
                    self.delivered_at = Some(now);
                    self.shared.troubles.delivered(&delivery.target, Changes::Here);
                    valve = valve.and(self.note_of(false, &delivery.target, ""));
                    continue;
                }
                Outcome::Held => {
                    // An earlier delivery of its sequence waits for a retry and holds it back; the pause is for a sink
                    // that returns only this.
                    self.flight.deliver_at(id, delivery, now + HELD_PAUSE, now);
                    continue;
                }
                Outcome::Unavailable { reason } => {
                    metrics.not_tried.inc();
                    self.flight.deliver_at(id, delivery, now + self.backoff(1), now);
                    lack = Some(reason);
                    continue;
                }
                Outcome::Retry { after, reason } if !self.shared.schedule.is_exhausted(delivery.attempt) => {
                    metrics.retries.inc();
                    let wait = self.shared.retry_wait(delivery.attempt, after);
                    self.shared
                        .troubles
                        .delivery_failed(&delivery, &reason, wait, Changes::Here);
                    let next = Delivery {
                        attempt: delivery.attempt + 1,
                        ..delivery
                    };
                    self.flight.deliver_at(id, next, now + wait, now);
                    continue;
                }
                Outcome::Retry { reason, .. } => {
                    metrics.exhausted.inc();
                    let attempts = delivery.attempt;
                    (format!("given up after {attempts} attempts: {reason}"), attempts)
                }
                Outcome::Rejected { reason } | Outcome::Refused { reason } => {
                    metrics.rejected.inc();
                    (reason, delivery.attempt)
                }
            };
            valve = valve.and(self.note_of(true, &delivery.target, &reason));
            if valve.is_err() {
                continue;
            }
            self.give_up(id, delivery, reason, attempts, now);
        }
        self.report_lack(lack);
        valve
    }

    /// Logs that this process lacks a resource: when it begins, and when no delivery of any partition waits for it any
    /// more.
    pub(super) fn report_lack(&self, lack: Option<String>) {
        let shared = &self.shared;
        if let Some(reason) = lack {
            shared.troubles.met(Trouble::Lack, &reason);
            shared.status.lacking(&self.partition, Some(reason));
        } else if self.lacking.is_empty() && !shared.status.lacking(&self.partition, None) {
            shared.troubles.over(Trouble::Lack);
        }
    }

    /// Notes a final outcome of what is no delivery. Returns an error if the valve is tripped: then no further dead letter is
    /// written.
    pub(super) fn note(&self, failed: bool, reason: &str) -> Result<(), WorkerError> {
        self.note_at(&self.shared.valve, failed, &Target::Only, reason)
    }

    /// The same for a delivery to `target`.
    pub(super) fn note_of(&self, failed: bool, target: &Target, reason: &str) -> Result<(), WorkerError> {
        self.note_at(&self.shared.valve, failed, target, reason)
    }

    /// The same, for one of the valves.
    pub(super) fn note_at(
        &self,
        valve: &Mutex<Valve>,
        failed: bool,
        target: &Target,
        reason: &str,
    ) -> Result<(), WorkerError> {
        let mut valve = valve.lock();
        if !valve.note_of(failed, target) {
            return Ok(());
        }
        let (failures, outcomes) = valve.share();
        Err(WorkerError::Valve {
            sink: self.shared.sink.name().clone(),
            failures,
            outcomes,
            reason: reason.to_owned(),
        })
    }
}
