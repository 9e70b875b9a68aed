//! Parks deliveries from the log: each gets a row, and is settled in the log once that is durable.

use std::sync::Arc;

use schemas::backlog::{Change, Waiting};
use schemas::sink::{Delivery, Target};
use schemas::time::Timestamp;
use tokio::time::Instant;

use super::{Outgoing, timestamp};
use crate::flight::{Origin, WorkId};
use crate::partition::PartitionTask;

impl PartitionTask {
    /// Parks a pending delivery from the log: it goes out when its turn comes.
    pub(super) fn park_pending(&mut self, id: WorkId, now: Instant) {
        if let Some(delivery) = self.flight.remove(id, now) {
            self.park(id, &delivery, delivery.attempt - 1, None);
        }
    }

    /// Adds a row for a delivery from the log that has none. It is settled in the log once that is durable. With `due` it has a
    /// time of its own.
    pub(super) fn park(&mut self, id: WorkId, delivery: &Delivery, attempts: u32, due: Option<Instant>) {
        let (Some(parked), Some(parking)) = (&mut self.parked, self.shared.parking()) else {
            return;
        };
        let here = parked.under_way.contains_key(&id).then_some(id);
        if here.is_none()
            && let Some(waiting) = parking.targets.is_full(&delivery.target)
        {
            let reason = format!(
                "the backlog is full: {waiting} deliveries wait for `{}`",
                delivery.target
            );
            self.give_up(id, delivery.clone(), reason, attempts, Instant::now());
            return;
        }
        let place = parking.place_of(delivery);
        if due.is_none() && here.is_none() && parked.keeps(parking, &place) {
            // It goes on as if it had been fetched. So a target that was slow for a moment gets the rest at once.
            parked.count += 1;
            let again = WorkId::from_backlog(place.offset, parked.count);
            parked.rows.adding_here(&place, again);
            let now = Instant::now();
            self.flight.deliver_at(again, delivery.clone(), now, now);
        } else {
            parked.rows.adding(&place, due, here);
        }
        parked.parking.insert(id);
        self.shared.metrics.parked.inc();
        parked.outbox.push_back(Outgoing {
            change: Change::Add(Waiting {
                target: delivery.target.to_string(),
                record: Arc::clone(&delivery.record),
                rules: delivery.rules.clone(),
                rules_version: Arc::clone(&delivery.rules_version),
                attempts,
                due: due.map(timestamp),
                ordered: place.ordered,
                since: Timestamp::now(),
            }),
            settles: Some(id),
        });
    }

    /// Parks all that is pending from the log for a target.
    pub(in crate::partition) fn park_target(&mut self, target: &Target, now: Instant) {
        let pending = self.flight.pending_of(target);
        for id in pending.into_iter().filter(|id| id.origin() == Origin::Log) {
            self.park_pending(id, now);
        }
    }

    /// Parks a pending delivery and, where order is kept, all after it of its key.
    pub(super) fn park_with_followers(&mut self, id: WorkId, now: Instant) {
        let Some(delivery) = self.flight.remove(id, now) else {
            // It was a follower.
            return;
        };
        self.park(id, &delivery, delivery.attempt - 1, None);
        self.park_followers(&delivery, now);
    }

    /// Has those after a delivery that waits, of its target and key, wait in the backlog too, where order is kept.
    pub(super) fn park_followers(&mut self, delivery: &Delivery, now: Instant) {
        let Some(parking) = self.shared.parking() else { return };
        if !parking.targets.handling(&delivery.target).ordered {
            return;
        }
        let key = &delivery.record.record.key;
        for id in self.flight.pending_of_key(&delivery.target, key) {
            let Some(follower) = self.flight.remove(id, now) else {
                continue;
            };
            match id.origin() {
                Origin::Log => self.park(id, &follower, follower.attempt - 1, None),
                Origin::Backlog => self.put_back(&follower),
            }
        }
    }
}
