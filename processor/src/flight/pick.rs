//! What goes out next: batches over all sequences, or one sequence at a time; dead letters; and when.

use std::collections::{BTreeMap, HashSet};

use bytes::Bytes;
use schemas::record::Offset;
use schemas::sink::{Batch, Begun, Delivery, Target};
use tokio::time::Instant;

use super::lanes::Lanes;
use super::{Flight, GivenUp, Origin, Pending, Picked, WorkId};

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
            let sequence = sequence_of(pending);
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
        self.take(ids, None)
    }

    /// Returns deliveries of the next sequence in turn that may go out now and has none under way, at most `max_records` and
    /// `max_bytes`, but at least one if there is any. With them its target has no more under way than its share of `max_records`,
    /// or one. [`Self::back`] is to be called once they have outcomes.
    ///
    /// `admits` is asked whether a target takes a delivery of that origin now; once it has returned true, one is returned.
    pub(crate) fn pick_sequence(
        &mut self,
        now: Instant,
        max_records: usize,
        max_bytes: usize,
        admits: impl FnMut(&Target, Origin) -> bool,
    ) -> Option<Picked> {
        let pending = &self.pending;
        let lanes = self.lanes.as_mut()?;
        let most = max_records.min(self.sequence_most);
        let sequence = |id| pending.get(&id).map(sequence_of);
        lanes.advance(now, sequence, |id| due(pending, id, now));
        let (mut count, mut bytes) = (0, 0);
        let mut retried = false;
        let (target, key, ids) = lanes.next((max_records / SHARE).max(1), admits, |id| {
            let Some(Pending {
                work: delivery, due, ..
            }) = pending.get(&id)
            else {
                return false;
            };
            count += 1;
            bytes += delivery.record.record.size_bytes();
            // One that failed before goes alone: those after it wait to see whether it fails again.
            retried |= delivery.attempt > 1;
            *due <= now && !retried && count <= most && bytes <= max_bytes
        })?;
        self.take(ids, Some((target, key)))
    }

    /// Notes that all that was picked of a sequence has an outcome.
    pub(crate) fn back(&mut self, (target, key): &(Target, Bytes), now: Instant) {
        let pending = &self.pending;
        if let Some(lanes) = &mut self.lanes {
            lanes.back(target, key, now, |id| due(pending, id, now));
        }
    }

    /// Makes a batch of pending deliveries.
    fn take(&mut self, ids: Vec<WorkId>, sequence: Option<(Target, Bytes)>) -> Option<Picked> {
        let from_log = ids.iter().filter(|id| id.origin() == Origin::Log);
        let offsets: Vec<Offset> = from_log.map(|id| id.offset).collect();
        // Before anything is read, only what comes from the backlog goes out, which moves no progress.
        let next = self.progress.next_after(&offsets).unwrap_or(Offset(0));
        let deliveries: Vec<Delivery> = ids.iter().filter_map(|id| self.no_longer_pending(*id)).collect();
        (!deliveries.is_empty()).then(|| Picked {
            batch: Batch {
                deliveries,
                progress: Some(self.progress_at(next)),
                begun: Begun::default(),
            },
            next,
            ids,
            sequence,
        })
    }

    fn no_longer_pending(&mut self, id: WorkId) -> Option<Delivery> {
        let pending = self.pending.remove(&id)?;
        self.from_log -= usize::from(id.origin() == Origin::Log);
        Some(pending.work)
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
            let mut is_first = |pending: &'a Pending<Delivery>| sequences.insert(sequence_of(pending));
            let firsts = self.pending.values().filter(|pending| is_first(pending));
            firsts.map(|pending| pending.due).filter(later).min()
        };
        [letters, deliveries].into_iter().flatten().min()
    }

    /// Adds a delivery, or puts one that was picked back, to go out not before `due_at`.
    pub(crate) fn deliver_at(&mut self, id: WorkId, delivery: Delivery, due_at: Instant, now: Instant) {
        let sequence = if self.unordered.contains(&delivery.target) {
            Bytes::copy_from_slice(&id.offset.0.to_be_bytes())
        } else {
            delivery.record.record.key.clone()
        };
        let target = delivery.target.clone();
        let pending = Pending {
            work: delivery,
            due: due_at,
            sequence: sequence.clone(),
        };
        self.pending.insert(id, pending);
        self.from_log += usize::from(id.origin() == Origin::Log);
        let pending = &self.pending;
        if let Some(lanes) = &mut self.lanes {
            lanes.add(&target, &sequence, id, now, |id| due(pending, id, now));
        }
    }

    /// Removes a pending delivery.
    pub(crate) fn remove(&mut self, id: WorkId, now: Instant) -> Option<Delivery> {
        let sequence = self.pending.get(&id)?.sequence.clone();
        let delivery = self.no_longer_pending(id)?;
        let pending = &self.pending;
        if let Some(lanes) = &mut self.lanes {
            lanes.remove(&delivery.target, &sequence, id, now, |id| due(pending, id, now));
        }
        Some(delivery)
    }

    /// Returns what is pending of a target.
    pub(crate) fn pending_of(&self, target: &Target) -> Vec<WorkId> {
        self.lanes
            .as_ref()
            .map_or_else(Vec::new, |lanes| lanes.of_target(target))
    }

    /// Returns what is pending of a target and key, of a target whose deliveries go out in order.
    pub(crate) fn pending_of_key(&self, target: &Target, key: &Bytes) -> Vec<WorkId> {
        self.lanes
            .as_ref()
            .map_or_else(Vec::new, |lanes| lanes.of_sequence(target, key))
    }

    /// Returns the targets for which anything is pending.
    pub(crate) fn pending_targets(&self) -> Vec<Target> {
        self.lanes.as_ref().map_or_else(Vec::new, Lanes::targets)
    }

    /// Returns the deliveries of the record at `offset` that are pending.
    pub(crate) fn pending_at(&self, offset: Offset) -> impl Iterator<Item = (WorkId, &Delivery)> {
        let first = WorkId { offset, number: 0 };
        let last = WorkId::from_backlog(offset, 0);
        let pending = self.pending.range(first..last);
        pending.map(|(id, pending)| (*id, &pending.work))
    }

    /// Returns all that is pending and was read from the log, in order.
    pub(crate) fn pending_from_log_ids(&self) -> Vec<WorkId> {
        let from_log = self.pending.keys().filter(|id| id.origin() == Origin::Log);
        from_log.copied().collect()
    }

    /// Returns how many deliveries are pending that were read from the log.
    pub(crate) fn pending_from_log(&self) -> usize {
        self.from_log
    }

    /// Returns the deliveries that were read from the log by `read_by` and are pending, each with its target, oldest first.
    pub(crate) fn pending_since(&self, read_by: Instant) -> Vec<(WorkId, Target)> {
        let read = |id: &WorkId| self.unsettled.get(&id.offset).map(|record| record.read);
        let from_log = self.pending.iter().filter(|(id, _)| id.origin() == Origin::Log);
        let old = from_log.take_while(|(id, _)| read(id).is_some_and(|read| read <= read_by));
        old.map(|(id, pending)| (*id, pending.work.target.clone())).collect()
    }
}

fn sequence_of(pending: &Pending<Delivery>) -> (&Target, &Bytes) {
    (&pending.work.target, &pending.sequence)
}

/// When a pending delivery is due. One that is not pending is due now, so that it is noticed.
fn due(pending: &BTreeMap<WorkId, Pending<Delivery>>, id: WorkId, now: Instant) -> Instant {
    pending.get(&id).map_or(now, |pending| pending.due)
}
