//! What goes to the backlog and comes from it: one write or one fetch at a time, so that what is fetched is never older than what
//! is known.

use std::sync::Arc;
use std::time::Duration;

use schemas::BoxFuture;
use schemas::backlog::{BacklogError, Change, Contents, Waiting, Wanted};
use schemas::event::Event;
use schemas::sink::{Delivery, Target};
use tokio::time::Instant;

use super::{Outgoing, Parked, moment};
use crate::error::WorkerError;
use crate::flight::WorkId;
use crate::partition::PartitionTask;

/// How many changes are written together.
const AT_ONCE: usize = 1_000;

/// How many rows of one target are kept in memory.
pub(super) const IN_MEMORY: usize = 64;

/// How long nothing is fetched where there was nothing to fetch.
const REST: Duration = Duration::from_millis(20);

/// The same for each target with rows, all of which are looked at.
const REST_OF_EACH: Duration = Duration::from_micros(50);

/// An exchange that is under way.
pub(in crate::partition) type Exchange = Option<BoxFuture<'static, Exchanged>>;

/// What an exchange has led to.
#[derive(Debug)]
pub(in crate::partition) enum Exchanged {
    Written(Vec<Outgoing>, Result<(), BacklogError>),
    Fetched(Vec<Wanted>, Result<Vec<Waiting>, BacklogError>),
    Looked(Result<Contents, BacklogError>),
}

/// Returns what the exchange has led to that is under way; waits for ever if none is.
pub(in crate::partition) async fn exchanged(exchange: &mut Exchange) -> Exchanged {
    let Some(under_way) = exchange else {
        return std::future::pending().await;
    };
    let exchanged = under_way.await;
    *exchange = None;
    exchanged
}

impl PartitionTask {
    /// Begins an exchange, if one is wanted and none is under way. Returns when to come again.
    pub(in crate::partition) fn exchange(&mut self, exchange: &mut Exchange, now: Instant) -> Option<Instant> {
        let (Some(parked), Some(parking)) = (&mut self.parked, self.shared.parking()) else {
            return None;
        };
        if exchange.is_some() {
            return None;
        }
        if parked.not_before > now {
            return Some(parked.not_before);
        }
        let claim = Arc::clone(&parked.claim);
        if !parked.outbox.is_empty() {
            let count = parked.outbox.len().min(AT_ONCE);
            let batch: Vec<Outgoing> = parked.outbox.drain(..count).collect();
            let changes: Arc<[Change]> = batch.iter().map(|outgoing| outgoing.change.clone()).collect();
            *exchange = Some(Box::pin(async move {
                let result = claim.write(changes).await;
                Exchanged::Written(batch, result)
            }));
            return None;
        }
        if parked.stopping.is_some() {
            return None;
        }
        let read_to = parked.read_to;
        if parked.rest_until > now && !parked.reload {
            return parked.rows.next_want(parked.rest_until);
        }
        if std::mem::take(&mut parked.reload) {
            *exchange = Some(Box::pin(
                async move { Exchanged::Looked(claim.contents(read_to).await) },
            ));
            return None;
        }
        let appetite = |target: &Target, here: usize| {
            let most = parking.targets.appetite(target, IN_MEMORY, now);
            // A few at a time cost more than many.
            if here * 2 > most { 0 } else { most - here }
        };
        let wanted = parked.rows.wants(now, read_to, appetite);
        if let Some(wanted) = wanted {
            *exchange = Some(Box::pin(async move {
                let result = claim.fetch(wanted.clone(), read_to).await;
                Exchanged::Fetched(wanted, result)
            }));
            return None;
        }
        parked.rest_until = now + REST.max(REST_OF_EACH * parked.rows.targets());
        parked.rows.next_want(parked.rest_until)
    }

    /// Handles what an exchange has led to.
    pub(in crate::partition) fn handle_exchanged(&mut self, exchanged: Exchanged) -> Result<(), WorkerError> {
        let error = match exchanged {
            Exchanged::Written(batch, Ok(())) => {
                self.written(batch);
                None
            }
            Exchanged::Written(batch, Err(error)) => {
                // In their order, before all that came after.
                if let Some(parked) = &mut self.parked {
                    batch
                        .into_iter()
                        .rev()
                        .for_each(|outgoing| parked.outbox.push_front(outgoing));
                }
                Some(error)
            }
            Exchanged::Fetched(wanted, Ok(rows)) => {
                self.fetched(&wanted, rows);
                None
            }
            Exchanged::Fetched(wanted, Err(error)) => {
                if let Some(parked) = &mut self.parked {
                    parked.rows.not_fetched(wanted);
                }
                Some(error)
            }
            Exchanged::Looked(Ok(contents)) => {
                if let (Some(parked), Some(parking)) = (&mut self.parked, self.shared.parking()) {
                    let ordered = |target: &Target| parking.targets.handling(target).ordered;
                    parked.rows.load(contents, ordered, moment);
                }
                None
            }
            Exchanged::Looked(Err(error)) => {
                if let Some(parked) = &mut self.parked {
                    parked.reload = true;
                }
                Some(error)
            }
        };
        match error {
            None => self.backlog_works(),
            Some(BacklogError::Unavailable(reason)) => self.backlog_failed(&reason),
            Some(BacklogError::NotOwner) => return Err(self.not_owner()),
        }
        Ok(())
    }

    /// Settles what is durable in the backlog.
    fn written(&mut self, batch: Vec<Outgoing>) {
        let Some(parked) = &mut self.parked else { return };
        for Outgoing { change, settles } in batch {
            match change {
                Change::Add(waiting) => {
                    let target = Target::Named(waiting.target);
                    let offset = waiting.record.offset;
                    if waiting.due.is_none() && !parked.rows.holds(&target, offset) {
                        parked.rows.added_in_line(&target, offset);
                    }
                    if let Some(id) = settles
                        && parked.parking.remove(&id)
                    {
                        if parked.rows.is_here(&target, offset, id) {
                            parked.settled.insert(id);
                        }
                        if let Some(how) = self.flight.parked(id) {
                            self.shared.metrics.settled(how);
                        }
                    }
                }
                Change::Tried { .. } => {}
                Change::Remove { target, offset } => parked.rows.removed(&Target::Named(target), offset),
            }
        }
    }

    /// Puts rows that were fetched into flight.
    fn fetched(&mut self, wanted: &[Wanted], rows: Vec<Waiting>) {
        let now = Instant::now();
        let (Some(parked), Some(parking)) = (&mut self.parked, self.shared.parking()) else {
            return;
        };
        let Parked { rows: known, count, .. } = &mut **parked;
        let id = |offset| {
            *count += 1;
            WorkId::from_backlog(offset, *count)
        };
        let ordered = |target: &Target| parking.targets.handling(target).ordered;
        let here = known.fetched(wanted, rows, ordered, id, |row| row.due.map(moment));
        for (id, waiting) in here {
            let target = Target::Named(waiting.target.clone());
            let ordered = parking.targets.handling(&target).ordered;
            match Event::decode(&waiting.record.record.value) {
                Ok(event) => {
                    let delivery = Delivery {
                        event: Arc::new(event),
                        partition: Arc::clone(&self.partition),
                        record: waiting.record,
                        target,
                        rules: waiting.rules,
                        rules_version: waiting.rules_version,
                        attempt: waiting.attempts + 1,
                    };
                    self.flight.set_ordered(&delivery.target, ordered);
                    self.flight.deliver_at(id, delivery, now, now);
                }
                Err(error) => {
                    // It was one when it was parked, so another version has written it.
                    let reason = format!("what the backlog holds is not an event: {error}");
                    self.flight
                        .give_up_record(id, &waiting.record, target, reason, waiting.attempts, now);
                }
            }
        }
    }
}
