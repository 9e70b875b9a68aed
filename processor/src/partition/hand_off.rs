//! Hands off what was given up: once it is durable elsewhere, as a dead letter, it is settled in the log. The only place
//! where something is settled that was not delivered.

use schemas::log::PublishError;
use schemas::record::Position;
use schemas::sink::Delivery;
use tokio::time::Instant;

use super::PartitionTask;
use crate::error::WorkerError;
use crate::failure::dead_letters::Written;
use crate::flight::{GivenUp, WorkId};
use crate::troubles::Trouble;

impl PartitionTask {
    /// Gives a delivery up after so many attempts: it becomes a dead letter.
    pub(super) fn give_up(&mut self, id: WorkId, delivery: Delivery, reason: String, attempts: u32, now: Instant) {
        self.shared
            .troubles
            .given_up(&delivery, &self.partition, &reason, attempts);
        let given_up = GivenUp {
            record: delivery.record,
            target: Some(delivery.target),
            reason,
            attempts,
            rules_version: Some(delivery.rules_version),
            rules: Vec::new(),
            failures: 0,
        };
        self.flight.give_up(id, given_up, now);
    }

    /// Settles what is durable in the dead-letter topic; what could not be written is written again later.
    pub(super) fn hand_off(&mut self, letters: Vec<Written>) -> Result<(), WorkerError> {
        for (id, mut given_up, result) in letters {
            match result {
                Ok(()) => {
                    self.shared.metrics.dead_letter(given_up.target.as_ref());
                    if self.is_open(id)
                        && let Some(how) = self.flight.written(id)
                    {
                        self.shared.metrics.settled(how);
                    }
                    if let Some(target) = &given_up.target {
                        self.remove_row(target, &given_up.record.record.key, given_up.record.offset);
                    }
                    self.shared.troubles.over(Trouble::Letters);
                    if std::mem::take(&mut self.letters_failing) {
                        self.stalled(None);
                    }
                }
                Err(PublishError::Unavailable { reason }) => {
                    self.shared.troubles.met(Trouble::Letters, &reason);
                    if !std::mem::replace(&mut self.letters_failing, true) {
                        self.stalled(Some(format!("dead letters cannot be written: {reason}")));
                    }
                    given_up.failures = given_up.failures.saturating_add(1);
                    let due = Instant::now() + self.backoff(given_up.failures);
                    self.flight.give_up(id, given_up, due);
                }
                Err(PublishError::TooLarge { limit_bytes, .. }) => {
                    return Err(WorkerError::DeadLetterTooLarge {
                        sink: self.shared.sink.name().clone(),
                        topic: self.shared.log.dead_letters.clone(),
                        position: Position {
                            partition: self.partition.as_ref().clone(),
                            offset: id.offset,
                        },
                        limit_bytes,
                    });
                }
            }
        }
        Ok(())
    }
}
