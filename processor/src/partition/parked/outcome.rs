//! What becomes of a delivery whose attempt has ended, of a sink with a backlog.

use std::time::Duration;

use bytes::Bytes;
use schemas::backlog::Change;
use schemas::schedule::Schedule;
use schemas::sink::{Delivery, Handling, Outcome, Target};
use tokio::time::Instant;

use super::{Outgoing, timestamp};
use crate::error::WorkerError;
use crate::flight::{Origin, Picked, WorkId};
use crate::partition::PartitionTask;
use crate::partition::apart::Came;
use crate::rows::Place;
use crate::shared::Parking;
use crate::status::age;
use crate::targets::Result as TargetResult;
use crate::troubles::Changes;

/// The longest that a target can have a delivery wait.
const ASKED_MOST: Duration = Duration::from_hours(24);

impl PartitionTask {
    /// Handles what became of a delivery.
    pub(in crate::partition) fn came_back_parked(&mut self, picked: Picked, came: Came) -> Result<(), WorkerError> {
        let now = Instant::now();
        let sequence = picked.sequence.clone();
        let mut works = picked.batch.deliveries.into_iter().zip(picked.ids);
        let Some((delivery, id)) = works.next() else {
            return Ok(());
        };
        let handling = self.shared.sink.handling(&delivery.target);
        // That a target is gone, or gets nothing more, says nothing of the sink.
        let counts = !matches!(came, Came::GivenUp(_)) && handling.is_some();
        let handling = handling.unwrap_or_default();
        let outcome = match came {
            Came::Outcomes(outcomes) if outcomes.len() == 1 => outcomes.into_iter().next(),
            Came::Outcomes(outcomes) => {
                return Err(WorkerError::Contract {
                    sink: self.shared.sink.name().clone(),
                    deliveries: 1,
                    outcomes: outcomes.len(),
                });
            }
            Came::GivenUp(reason) => Some(Outcome::Rejected { reason }),
            Came::TakenBack | Came::Stopped => None,
        };
        let ticket = self
            .parked
            .as_mut()
            .and_then(|parked| parked.under_way.remove(&id)?.ticket);
        if let (Some(ticket), Some(parking)) = (ticket, self.shared.parking()) {
            let result = match result_of(outcome.as_ref()) {
                TargetResult::Works if !counts => TargetResult::NotTried,
                result => result,
            };
            parking
                .targets
                .ended(&delivery.target, ticket, &result, handling.slots, now);
            if let TargetResult::Refused { reason } = &result {
                parking.targets.refuse(&delivery.target, reason);
            }
        }
        // Before what comes after it may be looked at.
        let handled = self.after(id, delivery, outcome, counts.then_some(&*handling), now);
        if let Some(sequence) = sequence {
            self.flight.back(&sequence, now);
        }
        handled
    }

    /// `handling` is that of its target; `None`: the outcome says nothing of the sink.
    fn after(
        &mut self,
        id: WorkId,
        delivery: Delivery,
        outcome: Option<Outcome>,
        handling: Option<&Handling>,
        now: Instant,
    ) -> Result<(), WorkerError> {
        match &outcome {
            Some(Outcome::Unavailable { .. }) => self.lacking.insert(id),
            None | Some(Outcome::Held) => false,
            Some(_) => self.lacking.remove(&id),
        };
        let (mut lack, mut valve) = (None, Ok(()));
        let refused = matches!(outcome, Some(Outcome::Refused { .. }));
        match outcome {
            None => self.not_tried(id, &delivery, now),
            Some(Outcome::Held) => self.try_again(id, delivery, Duration::from_millis(5), now),
            Some(Outcome::Unavailable { reason }) => {
                self.shared.metrics.not_tried.inc();
                let pause = self.backoff(1);
                self.try_again(id, delivery, pause, now);
                lack = Some(reason);
            }
            Some(Outcome::Delivered) => {
                let metrics = &self.shared.metrics;
                metrics.attempts.inc();
                metrics.delivered.inc();
                let since = age(delivery.event.attributes.received);
                metrics.delivery_age.observe(since.as_secs_f64());
                self.delivered_at = Some(now);
                self.shared.troubles.delivered(&delivery.target, self.changes());
                if let Some(parked) = &mut self.parked {
                    parked.pace.delivered(&delivery.target);
                }
                self.settle_delivered(id, &delivery);
                valve = self.note_of(false, &delivery.target, "");
            }
            Some(Outcome::Retry { after, reason }) => {
                self.shared.metrics.attempts.inc();
                let own = handling.and_then(|handling| handling.schedule.as_ref());
                valve = self.failed(id, delivery, after, &reason, own, now);
            }
            Some(Outcome::Rejected { reason } | Outcome::Refused { reason }) => {
                self.shared.metrics.attempts.inc();
                self.shared.metrics.rejected.inc();
                // What a target refuses altogether stops with it, and says nothing of the others.
                if handling.is_some() && !refused {
                    valve = self.note_of(true, &delivery.target, &reason);
                }
                let attempts = delivery.attempt;
                self.give_up(id, delivery, reason, attempts, now);
            }
        }
        self.report_lack(lack);
        valve
    }

    /// A delivery that was taken back before its attempt had begun, or was stopped.
    fn not_tried(&mut self, id: WorkId, delivery: &Delivery, now: Instant) {
        if self.has_row(delivery) {
            // The row is as it was.
            if id.origin() == Origin::Backlog {
                self.put_back(delivery);
            }
            return;
        }
        self.park(id, delivery, delivery.attempt - 1, None);
        self.park_followers(delivery, now);
    }

    /// A delivery that is to be tried again soon, and at no cost.
    fn try_again(&mut self, id: WorkId, delivery: Delivery, pause: Duration, now: Instant) {
        if id.origin() == Origin::Log && self.has_row(&delivery) {
            let attempts = delivery.attempt - 1;
            self.tried(&delivery, attempts, now + pause);
            self.forget_parked(id);
            self.park_followers(&delivery, now);
            return;
        }
        self.flight.deliver_at(id, delivery, now + pause, now);
    }

    /// A delivery that has failed: it waits for its next attempt, or is given up. `own` is the schedule of its target, if that has one.
    fn failed(
        &mut self,
        id: WorkId,
        delivery: Delivery,
        asked: Option<Duration>,
        reason: &str,
        own: Option<&Schedule>,
        now: Instant,
    ) -> Result<(), WorkerError> {
        let attempts = delivery.attempt;
        let schedule = own.unwrap_or(&self.shared.schedule);
        if schedule.is_exhausted(attempts) {
            self.shared.metrics.exhausted.inc();
            let reason = format!("given up after {attempts} attempts: {reason}");
            let valve = self.note_of(true, &delivery.target, &reason);
            self.give_up(id, delivery, reason, attempts, now);
            return valve;
        }
        let asked = asked.map(|asked| asked.min(ASKED_MOST));
        let wait = schedule.wait(attempts, asked, fastrand::f64());
        self.shared.metrics.retries.inc();
        let changes = self.changes();
        self.shared.troubles.delivery_failed(&delivery, reason, wait, changes);
        if self.has_row(&delivery) {
            self.tried(&delivery, attempts, now + wait);
            self.forget_parked(id);
        } else {
            self.park(id, &delivery, attempts, Some(now + wait));
        }
        self.park_followers(&delivery, now);
        Ok(())
    }

    /// Who logs how the targets are.
    fn changes(&self) -> Changes {
        let reports = |parking: &Parking| parking.targets.reports_changes();
        if self.shared.parking().is_some_and(reports) {
            Changes::Reported
        } else {
            Changes::Here
        }
    }

    fn has_row(&self, delivery: &Delivery) -> bool {
        let parked = self.parked.as_ref();
        parked.is_some_and(|parked| parked.rows.holds(&delivery.target, delivery.record.offset))
    }

    /// Settles a delivery that went through: in the log, and in the backlog.
    fn settle_delivered(&mut self, id: WorkId, delivery: &Delivery) {
        if self.is_open(id)
            && let Some(how) = self.flight.delivered(id)
        {
            self.shared.metrics.settled(how);
        }
        self.remove_row(&delivery.target, &delivery.record.record.key, delivery.record.offset);
    }

    /// Whether a delivery is not settled in the log. It is from now on.
    pub(in crate::partition) fn is_open(&mut self, id: WorkId) -> bool {
        let Some(parked) = &mut self.parked else { return true };
        parked.parking.remove(&id);
        !parked.settled.remove(&id)
    }

    fn forget_parked(&mut self, id: WorkId) {
        if let Some(parked) = &mut self.parked {
            parked.settled.remove(&id);
        }
    }

    /// Removes the row of a delivery, if it has one.
    pub(in crate::partition) fn remove_row(&mut self, target: &Target, key: &Bytes, offset: schemas::record::Offset) {
        let Some(parked) = &mut self.parked else { return };
        if !parked.rows.holds(target, offset) {
            return;
        }
        let place = Place {
            target,
            key,
            offset,
            // A row that is settled holds back no other, whatever its target asks for.
            ordered: true,
        };
        parked.rows.removing(&place);
        self.shared.metrics.unparked.inc();
        let change = Change::Remove {
            target: target.to_string(),
            offset,
        };
        parked.outbox.push_back(Outgoing { change, settles: None });
    }

    /// Notes an attempt in the row of a delivery.
    fn tried(&mut self, delivery: &Delivery, attempts: u32, due: Instant) {
        let (Some(parked), Some(parking)) = (&mut self.parked, self.shared.parking()) else {
            return;
        };
        parked.rows.tried(&parking.place_of(delivery), due);
        let change = Change::Tried {
            target: delivery.target.to_string(),
            offset: delivery.record.offset,
            attempts,
            due: timestamp(due),
        };
        parked.outbox.push_back(Outgoing { change, settles: None });
    }

    pub(super) fn put_back(&mut self, delivery: &Delivery) {
        let (Some(parked), Some(parking)) = (&mut self.parked, self.shared.parking()) else {
            return;
        };
        parked.rows.put_back(&parking.place_of(delivery));
    }
}

fn result_of(outcome: Option<&Outcome>) -> TargetResult {
    match outcome {
        None | Some(Outcome::Held | Outcome::Unavailable { .. }) => TargetResult::NotTried,
        // It has answered for this delivery alone.
        Some(Outcome::Delivered | Outcome::Rejected { .. }) => TargetResult::Works,
        Some(Outcome::Retry { after, reason }) => TargetResult::Failed {
            after: *after,
            reason: reason.clone(),
        },
        Some(Outcome::Refused { reason }) => TargetResult::Refused { reason: reason.clone() },
    }
}
