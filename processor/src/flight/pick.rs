//! What goes out next: batches over all sequences, or one sequence at a time; dead letters; and when.

use std::collections::{BTreeMap, HashSet};

use bytes::Bytes;
use schemas::record::Offset;
use schemas::sink::{Batch, Begun, Delivery, Target};
use tokio::time::Instant;

use super::{Flight, GivenUp, Pending, Picked, WorkId};

/// How many deliveries of one sequence are handed over together. They go out one after the other, and a stop waits for them.
pub(super) const SEQUENCE_MOST: usize = 16;

/// Which part of what may still go out one target may have under way: so something is left for each of the others, however
/// many of them never answer.
pub(super) const SHARE: usize = 4;

impl Flight {
    /// Returns the deliveries that may go out now, in order of offset; at most `max_records` and `max_bytes`, but at
    /// least one if there is any.
    pub(crate) fn pick(&mut self, now: Instant, max_records: usize, max_bytes: usize) -> Option<Picked> {
        let mut ids = Vec::new();
        let mut bytes = 0;
        let mut held: HashSet<(&Target, &Bytes)> = HashSet::new();
        for (id, pending) in &self.pending {
            let delivery = &pending.work;
            let sequence = sequence_of(delivery);
            if held.contains(&sequence) {
                continue;
            }
            if pending.due > now {
                held.insert(sequence);
                continue;
            }
            let size = delivery.record.record.size_bytes();
            if !ids.is_empty() && (ids.len() == max_records || bytes + size > max_bytes) {
                break;
            }
            bytes += size;
            ids.push(*id);
            if delivery.attempt > 1 {
                // It failed before: those after it wait to see whether it fails again, rather than use up their
                // attempts.
                held.insert(sequence);
            }
        }
        self.take(ids)
    }

    /// Returns deliveries of the next sequence in turn that may go out now and has none under way, at most `max_records` and
    /// `max_bytes`, but at least one if there is any. With them its target has no more under way than its share of `max_records`,
    /// or one. [`Self::back`] is to be called once they have outcomes.
    pub(crate) fn pick_sequence(&mut self, now: Instant, max_records: usize, max_bytes: usize) -> Option<Picked> {
        let pending = &self.pending;
        let lanes = self.lanes.as_mut()?;
        let sequence = |id| pending.get(&id).map(|pending| sequence_of(&pending.work));
        lanes.advance(now, sequence, |id| due(pending, id, now));
        let (mut count, mut bytes) = (0, 0);
        let mut retried = false;
        let ids = lanes.next((max_records / SHARE).max(1), |id| {
            let Some(Pending { work: delivery, due }) = pending.get(&id) else {
                return false;
            };
            count += 1;
            bytes += delivery.record.record.size_bytes();
            // One that failed before goes alone: those after it wait to see whether it fails again.
            retried |= delivery.attempt > 1;
            *due <= now && !retried && count <= max_records.min(SEQUENCE_MOST) && bytes <= max_bytes
        })?;
        self.take(ids)
    }

    /// Notes that all that was picked of a sequence has an outcome.
    pub(crate) fn back(&mut self, target: &Target, key: &Bytes, now: Instant) {
        let pending = &self.pending;
        if let Some(lanes) = &mut self.lanes {
            lanes.back(target, key, now, |id| due(pending, id, now));
        }
    }

    /// Makes a batch of pending deliveries.
    fn take(&mut self, ids: Vec<WorkId>) -> Option<Picked> {
        let offsets: Vec<Offset> = ids.iter().map(|id| id.offset).collect();
        let next = self.progress.next_after(&offsets)?;
        let deliveries: Vec<Delivery> = ids
            .iter()
            .filter_map(|id| self.pending.remove(id))
            .map(|pending| pending.work)
            .collect();
        (!deliveries.is_empty()).then(|| Picked {
            batch: Batch {
                deliveries,
                progress: Some(self.progress_at(next)),
                begun: Begun::default(),
            },
            next,
            ids,
        })
    }

    /// Takes the dead letters to write now, at most `max`.
    pub(crate) fn take_letters(&mut self, now: Instant, max: usize) -> Vec<(WorkId, GivenUp)> {
        let due = self.letters.iter().filter(|(_, pending)| pending.due <= now);
        let ids: Vec<WorkId> = due.map(|(id, _)| *id).take(max).collect();
        let take = |id: WorkId| self.letters.remove(&id).map(|pending| (id, pending.work));
        ids.into_iter().filter_map(take).collect()
    }

    /// Returns when something is due that is not by `now`; deliveries that their sequence holds back do not count. What is due
    /// by then and has not gone out waits for something else, and hides nothing that is due later.
    pub(crate) fn next_due<'a>(&'a self, now: Instant) -> Option<Instant> {
        let later = |due: &Instant| *due > now;
        let letters = self.letters.values().map(|pending| pending.due).filter(later).min();
        let deliveries = if let Some(lanes) = &self.lanes {
            lanes.next_due(now)
        } else {
            let mut sequences: HashSet<(&Target, &Bytes)> = HashSet::new();
            let mut is_first = |delivery: &'a Delivery| sequences.insert(sequence_of(delivery));
            let firsts = self.pending.values().filter(|pending| is_first(&pending.work));
            firsts.map(|pending| pending.due).filter(later).min()
        };
        [letters, deliveries].into_iter().flatten().min()
    }

    /// Adds a delivery, or puts one that was picked back, to go out not before `due_at`.
    pub(crate) fn deliver_at(&mut self, id: WorkId, delivery: Delivery, due_at: Instant, now: Instant) {
        let sequence = self.lanes.is_some().then(|| {
            let (target, key) = sequence_of(&delivery);
            (target.clone(), key.clone())
        });
        let pending = Pending {
            work: delivery,
            due: due_at,
        };
        self.pending.insert(id, pending);
        let pending = &self.pending;
        if let (Some(lanes), Some((target, key))) = (&mut self.lanes, sequence) {
            lanes.add(&target, &key, id, now, |id| due(pending, id, now));
        }
    }

    /// Removes a pending delivery.
    pub(super) fn remove(&mut self, id: WorkId, now: Instant) -> Option<Delivery> {
        let delivery = self.pending.remove(&id)?.work;
        let pending = &self.pending;
        if let Some(lanes) = &mut self.lanes {
            let (target, key) = sequence_of(&delivery);
            lanes.remove(target, key, id, now, |id| due(pending, id, now));
        }
        Some(delivery)
    }
}

fn sequence_of(delivery: &Delivery) -> (&Target, &Bytes) {
    (&delivery.target, &delivery.record.record.key)
}

/// When a pending delivery is due. One that is not pending is due now, so that it is noticed.
fn due(pending: &BTreeMap<WorkId, Pending<Delivery>>, id: WorkId, now: Instant) -> Instant {
    pending.get(&id).map_or(now, |pending| pending.due)
}
