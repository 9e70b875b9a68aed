//! The work of a partition whose sink has a backlog: a delivery that waits, for its target or for its next attempt, goes there
//! after a moment and is settled in the event log. So it holds up neither the partition's progress nor its reading, and a
//! restart repeats only what was in flight.
//!
//! The task owns the rows of its partition by a [`Claim`] (`claim`): it adds them (`park`), fetches them in their order, and removes
//! them. One write or one fetch is under way at a time (`exchange`).

mod claim;
mod exchange;
mod outcome;
mod park;
mod patience;

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use schemas::backlog::{Change, Claim, Standing, What};
use schemas::record::Offset;
use schemas::sink::{Begun, Delivery, Target};
use schemas::time::Timestamp;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::PartitionTask;
use crate::flight::{Origin, Picked, WorkId};
use crate::health::Ticket;
use crate::rows::{Place, Rows};
use crate::shared::Parking;
use crate::targets::{Result as TargetResult, Targets, Turn};

use exchange::IN_MEMORY;
pub(super) use exchange::{Exchange, exchanged};
use patience::Pace;

/// How many deliveries from the log may be pending before no more is read. So each waits shortly where the process is busy, and
/// one that waits longer does so for its target.
const READ_AHEAD: usize = 256;

/// To how many deliveries a record leads, as long as none was read.
const FIRST_FAN_OUT: usize = 16;

/// How many changes may wait to be written before no more is read.
const OUTBOX: usize = 5_000;

/// How long attempts that have begun are waited for when the partition is given up: longer than nearly all need.
const LAST_OUTCOMES: Duration = Duration::from_millis(1_500);

/// What the task of a partition has beside its flight.
#[derive(Debug)]
pub(super) struct Parked {
    targets: Arc<Targets>,
    claim: Arc<dyn Claim>,
    rows: Rows,
    /// What is to be written, oldest first.
    outbox: VecDeque<Outgoing>,
    /// Deliveries from the log whose row is being added; they are not settled.
    parking: HashSet<WorkId>,
    /// Deliveries from the log that are settled there because their row was added, and are still in memory.
    settled: HashSet<WorkId>,
    under_way: BTreeMap<WorkId, UnderWay>,
    /// How many deliveries have come from the backlog.
    count: u64,
    /// Everything before this was read from the log.
    read_to: Offset,
    /// Notified when a target that this partition waits for has ended an attempt, and when there are orders.
    notify: Arc<Notify>,
    /// The newest order that was obeyed.
    order: i64,
    /// Whether the rows are to be looked through again, because others have changed them.
    reload: bool,
    pace: Pace,
    /// How many deliveries a record leads to, of those read last.
    fan_out: usize,
    /// Writes and fetches that failed in a row, and when the next may begin.
    failures: u32,
    not_before: Instant,
    /// Until when nothing is fetched, because there was nothing to fetch.
    rest_until: Instant,
    /// Since when the partition is being given up.
    stopping: Option<Instant>,
}

/// A change that is to be written.
#[derive(Debug)]
pub(in crate::partition) struct Outgoing {
    change: Change,
    /// The delivery from the log that is settled by it.
    settles: Option<WorkId>,
}

/// A delivery that was handed to the sink.
#[derive(Debug)]
struct UnderWay {
    delivery: Delivery,
    handed: Instant,
    begun: Begun,
    /// Takes it back, unless its attempt has begun.
    withdraw: Option<oneshot::Sender<()>>,
    ticket: Option<Ticket>,
}

impl Parked {
    /// Whether a delivery may go out now, and when to ask again, if not.
    pub(super) fn turn_of(&self, parking: &Parking, target: &Target, origin: Origin, now: Instant) -> Turn {
        let soon = Turn::Wait(Some(now + Duration::from_millis(100)));
        match (self.claim.standing(), origin) {
            // While the database is away, the log alone says who delivers.
            (Standing::Held, _) | (Standing::Away(_), Origin::Log) => {}
            (Standing::Expired, Origin::Log) if !parking.targets.handling(target).ordered => {}
            (Standing::Expired | Standing::Away(_) | Standing::Lost, _) => return soon,
        }
        if self.stopping.is_some() {
            return match origin {
                Origin::Log => Turn::Park,
                Origin::Backlog => Turn::Wait(None),
            };
        }
        parking.targets.admit(target, origin, now, &self.notify)
    }

    pub(super) fn notify(&self) -> Arc<Notify> {
        Arc::clone(&self.notify)
    }

    /// Whether a delivery that is parked stays in memory: where nothing of its key is in the database alone, and there is room.
    fn keeps(&self, parking: &Parking, place: &Place<'_>) -> bool {
        let here = self.rows.here(place.target);
        self.stopping.is_none()
            && !self.rows.must_follow(place)
            && here < parking.targets.appetite(place.target, IN_MEMORY, Instant::now())
    }

    /// Whether nothing of the log is left that the backlog could take.
    fn is_settled(&self) -> bool {
        let under_way = self
            .under_way
            .keys()
            .any(|id| id.origin() == Origin::Log && !self.settled.contains(id));
        self.outbox.is_empty() && self.parking.is_empty() && !under_way
    }
}

/// However the task ends, what it had under way at its targets makes room for others.
impl Drop for Parked {
    fn drop(&mut self) {
        let now = Instant::now();
        for (_, under_way) in std::mem::take(&mut self.under_way) {
            if let Some(ticket) = under_way.ticket {
                let target = &under_way.delivery.target;
                let slots = self.targets.handling(target).slots;
                self.targets.ended(target, ticket, &TargetResult::NotTried, slots, now);
            }
        }
    }
}

impl PartitionTask {
    /// Whether the backlog has room for what is read next.
    pub(super) fn has_room_to_park(&self) -> bool {
        let Some(parked) = &self.parked else {
            return true;
        };
        self.flight.pending_from_log() < READ_AHEAD && parked.outbox.len() < OUTBOX
    }

    /// Returns how many records to read at once.
    pub(super) fn read_at_once(&self) -> usize {
        let most = self.shared.config.batch_max_records;
        let Some(parked) = &self.parked else {
            return most;
        };
        let left = READ_AHEAD.saturating_sub(self.flight.pending_from_log());
        (left / parked.fan_out.max(1)).clamp(1, most)
    }

    /// Returns those deliveries of a record that are not in the backlog already and whose targets are not disabled, and whether
    /// any was in the backlog.
    pub(super) fn not_parked(&mut self, deliveries: Vec<Delivery>) -> (Vec<Delivery>, bool) {
        let (Some(parked), Some(parking)) = (&mut self.parked, self.shared.parking()) else {
            return (deliveries, false);
        };
        let mut was_parked = false;
        let mut left = deliveries;
        left.retain(|delivery| {
            if parked.rows.was_parked(&delivery.target, delivery.record.offset) {
                was_parked = true;
                return false;
            }
            !parking.targets.is_disabled(&delivery.target)
        });
        for delivery in &left {
            let ordered = parking.targets.handling(&delivery.target).ordered;
            self.flight.set_ordered(&delivery.target, ordered);
        }
        parked.fan_out = left.len().max(1);
        (left, was_parked)
    }

    /// Notes that the record at `offset` was read and its deliveries added, and parks those that have to follow others of their
    /// key.
    pub(super) fn follow(&mut self, offset: Offset, now: Instant) {
        let (Some(parked), Some(parking)) = (&mut self.parked, self.shared.parking()) else {
            return;
        };
        parked.read_to = offset.next();
        parked.rows.read_past(offset);
        // There is nothing to follow while nothing waits, which is nearly always.
        if parked.rows.targets() == 0 {
            return;
        }
        let follows = |delivery: &Delivery| parked.rows.must_follow(&parking.place_of(delivery));
        let pending = self.flight.pending_at(offset);
        let followers: Vec<WorkId> = pending
            .filter(|(_, delivery)| follows(delivery))
            .map(|(id, _)| id)
            .collect();
        for id in followers {
            self.park_pending(id, now);
        }
    }

    /// Notes that a delivery was handed to the sink. What is returned is notified if it is wanted back.
    pub(super) fn handed_over(&mut self, picked: &Picked, ticket: Option<Ticket>) -> Option<oneshot::Receiver<()>> {
        let parked = self.parked.as_mut()?;
        let (id, delivery) = (picked.ids.first()?, picked.batch.deliveries.first()?);
        let (withdraw, withdrawn) = oneshot::channel();
        let under_way = UnderWay {
            delivery: delivery.clone(),
            handed: Instant::now(),
            begun: picked.batch.begun.clone(),
            withdraw: Some(withdraw),
            ticket,
        };
        parked.under_way.insert(*id, under_way);
        Some(withdrawn)
    }

    /// Obeys what operators have ordered.
    pub(super) fn obey_orders(&mut self) {
        let (Some(parked), Some(parking)) = (&mut self.parked, self.shared.parking()) else {
            return;
        };
        for order in parking.targets.orders_after(parked.order) {
            parked.order = order.id;
            let target = Target::Named(order.target);
            match order.what {
                What::Look => parked.reload = true,
                What::Try => parked.rows.make_due(&target),
            }
        }
    }

    /// Parks what is pending once the partition is to be given up. Returns whether nothing more is to be waited for; `letters_left`
    /// says whether dead letters are to be written yet.
    pub(super) fn stop_parked(&mut self, now: Instant, letters_left: bool) -> bool {
        let Some(parked) = &mut self.parked else {
            return true;
        };
        let since = *parked.stopping.get_or_insert(now);
        for under_way in parked.under_way.values_mut() {
            if !under_way.begun.is_noted()
                && let Some(withdraw) = under_way.withdraw.take()
            {
                let _gone = withdraw.send(());
            }
        }
        let pending = self.flight.pending_from_log_ids();
        for id in pending {
            self.park_pending(id, now);
        }
        let waited = now.saturating_duration_since(since);
        let most = Duration::from_millis(self.shared.config.revoke_ms).mul_f64(0.75);
        let Some(parked) = &self.parked else {
            return true;
        };
        let settled = parked.is_settled() && !letters_left;
        waited >= most || (settled && (parked.under_way.is_empty() || waited >= LAST_OUTCOMES))
    }
}

/// When a time of the database is, by the clock that does not jump.
fn moment(at: Timestamp) -> Instant {
    let millis = at.millis() - Timestamp::now().millis();
    Instant::now() + Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

/// The time of a moment to come.
fn timestamp(at: Instant) -> Timestamp {
    let wait = i64::try_from(at.saturating_duration_since(Instant::now()).as_millis()).unwrap_or(i64::MAX);
    let now = Timestamp::now().millis();
    Timestamp::from_millis(now.saturating_add(wait)).unwrap_or(Timestamp::MAX)
}
