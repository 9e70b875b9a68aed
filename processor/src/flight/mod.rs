//! The work in flight of one partition: deliveries that wait for a batch or for their next attempt, and dead letters
//! that wait to be written. It does no I/O and reads no clock.
//!
//! Deliveries of one sequence (equal partition key and target) go out in order: the first that waits for a retry holds
//! back the rest of its sequence, and no other sequence.

mod waiting;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use schemas::name::RuleName;
use schemas::record::{Offset, Partition, PartitionProgress, StoredRecord, TopicId};
use schemas::sink::{Batch, Delivery, Target};
use schemas::time::Timestamp;
use tokio::time::Instant;

use crate::settle::Progress;

/// Identifies a piece of work: the offset of its record, and a number within the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct WorkId {
    pub(crate) offset: Offset,
    pub(crate) number: u32,
}

/// A delivery given up, to be written to the dead-letter topic.
#[derive(Debug, Clone)]
pub(crate) struct GivenUp {
    pub(crate) record: Arc<StoredRecord>,
    pub(crate) target: Option<Target>,
    pub(crate) reason: String,
    pub(crate) attempts: u32,
    pub(crate) rules_version: Option<Arc<str>>,
    /// The rules that could not be evaluated, if that is the reason.
    pub(crate) rules: Vec<RuleName>,
    /// How often writing the dead letter has failed.
    pub(crate) failures: u32,
}

#[derive(Debug)]
enum Work {
    Deliver(Delivery),
    GiveUp(GivenUp),
}

#[derive(Debug)]
struct Pending {
    work: Work,
    due: Instant,
}

/// A batch, the ids of its deliveries, and the progress once all of them are settled.
#[derive(Debug)]
pub(crate) struct Picked {
    pub(crate) batch: Batch,
    pub(crate) ids: Vec<WorkId>,
    pub(crate) next: Offset,
}

/// What is known of a record that is not settled.
#[derive(Debug)]
struct Unsettled {
    size: usize,
    /// When it was read.
    read: Instant,
    received: Option<Timestamp>,
}

#[derive(Debug)]
pub(crate) struct Flight {
    partition: Partition,
    topic_id: Option<TopicId>,
    progress: Progress,
    /// How many deliveries each record led to, for records that are not known to be durably settled.
    deliveries: BTreeMap<Offset, usize>,
    pending: BTreeMap<WorkId, Pending>,
    /// The records that are not settled.
    unsettled: BTreeMap<Offset, Unsettled>,
    bytes: usize,
}

impl Flight {
    pub(crate) fn new(partition: Partition) -> Self {
        Self {
            partition,
            topic_id: None,
            progress: Progress::default(),
            deliveries: BTreeMap::new(),
            pending: BTreeMap::new(),
            unsettled: BTreeMap::new(),
            bytes: 0,
        }
    }

    /// Notes the id of the topic when reading begins.
    pub(crate) fn begin(&mut self, topic_id: Option<TopicId>) {
        self.topic_id = topic_id;
    }

    /// Adds a record that was read, with its deliveries and dead letters, if any.
    pub(crate) fn add(
        &mut self,
        record: &StoredRecord,
        deliveries: Vec<Delivery>,
        letters: Vec<GivenUp>,
        now: Instant,
    ) {
        let deliveries = deliveries.into_iter().map(Work::Deliver);
        let work = deliveries.chain(letters.into_iter().map(Work::GiveUp)).collect();
        self.add_work(record, work, now);
    }

    /// Adds a record that is not an event.
    pub(crate) fn add_undecodable(&mut self, record: &Arc<StoredRecord>, reason: String, now: Instant) {
        let work = Work::GiveUp(GivenUp {
            record: Arc::clone(record),
            target: None,
            reason,
            attempts: 0,
            rules_version: None,
            rules: Vec::new(),
            failures: 0,
        });
        self.add_work(record, vec![work], now);
    }

    fn add_work(&mut self, record: &StoredRecord, work: Vec<Work>, now: Instant) {
        self.progress.seen(record.offset, work.len());
        if !work.is_empty() {
            let size = record.record.size_bytes();
            self.unsettled.insert(
                record.offset,
                Unsettled {
                    size,
                    read: now,
                    received: None,
                },
            );
            self.deliveries.insert(record.offset, work.len());
            self.bytes += size;
        }
        for (number, work) in (0..).zip(work) {
            self.pending.insert(
                WorkId {
                    offset: record.offset,
                    number,
                },
                Pending { work, due: now },
            );
        }
    }

    /// Notes when a record that was added was received, as long as it is not settled.
    pub(crate) fn received(&mut self, offset: Offset, at: Timestamp) {
        if let Some(record) = self.unsettled.get_mut(&offset) {
            record.received = Some(at);
        }
    }

    /// Returns when the first record of the log that is not settled was received; those after it were received later, but
    /// for what its publishers' clocks differ.
    pub(crate) fn oldest(&self) -> Option<Timestamp> {
        self.unsettled.values().find_map(|record| record.received)
    }

    /// Returns the deliveries that may go out now, in order of offset; at most `max_records` and `max_bytes`, but at
    /// least one if there is any.
    pub(crate) fn pick(&mut self, now: Instant, max_records: usize, max_bytes: usize) -> Option<Picked> {
        let mut ids = Vec::new();
        let mut bytes = 0;
        let mut held: HashSet<(&Target, &Bytes)> = HashSet::new();
        for (id, pending) in &self.pending {
            let Work::Deliver(delivery) = &pending.work else {
                continue;
            };
            let sequence = (&delivery.target, &delivery.record.record.key);
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
        let offsets: Vec<Offset> = ids.iter().map(|id| id.offset).collect();
        let next = self.progress.next_after(&offsets)?;
        let mut deliveries = Vec::with_capacity(ids.len());
        for id in &ids {
            if let Some(Pending {
                work: Work::Deliver(delivery),
                ..
            }) = self.pending.remove(id)
            {
                deliveries.push(delivery);
            }
        }
        (!deliveries.is_empty()).then(|| Picked {
            batch: Batch {
                deliveries,
                progress: Some(self.progress_at(next)),
            },
            next,
            ids,
        })
    }

    /// Takes the dead letters to write now, at most `max`.
    pub(crate) fn take_letters(&mut self, now: Instant, max: usize) -> Vec<(WorkId, GivenUp)> {
        let due = |pending: &Pending| matches!(pending.work, Work::GiveUp(_)) && pending.due <= now;
        let ids: Vec<WorkId> = self
            .pending
            .iter()
            .filter(|(_, pending)| due(pending))
            .map(|(id, _)| *id)
            .take(max)
            .collect();
        let take = |id: WorkId| match self.pending.remove(&id)?.work {
            Work::GiveUp(given_up) => Some((id, given_up)),
            Work::Deliver(_) => None,
        };
        ids.into_iter().filter_map(take).collect()
    }

    /// Puts a picked delivery back, to go out again, not before `due`.
    pub(crate) fn deliver_again(&mut self, id: WorkId, delivery: Delivery, due: Instant) {
        let work = Work::Deliver(delivery);
        self.pending.insert(id, Pending { work, due });
    }

    /// Adds a dead letter to be written, not before `due`.
    pub(crate) fn give_up(&mut self, id: WorkId, given_up: GivenUp, due: Instant) {
        let work = Work::GiveUp(given_up);
        self.pending.insert(id, Pending { work, due });
    }

    /// Notes that the work `id` is delivered, or its dead letter written.
    pub(crate) fn settled(&mut self, id: WorkId) {
        if self.progress.settled(id.offset) {
            // Deliveries settled out of order are never counted as repeats.
            if self.next().is_some_and(|next| next <= id.offset) {
                self.deliveries.remove(&id.offset);
            }
            self.bytes -= self.unsettled.remove(&id.offset).map_or(0, |record| record.size);
        }
    }

    /// Returns the offset before which everything is settled.
    pub(crate) fn next(&self) -> Option<Offset> {
        self.progress.next()
    }

    /// Returns the same as progress of this topic.
    pub(crate) fn progress(&self) -> Option<PartitionProgress> {
        self.next().map(|next| self.progress_at(next))
    }

    fn progress_at(&self, next: Offset) -> PartitionProgress {
        PartitionProgress {
            partition: self.partition.clone(),
            topic_id: self.topic_id.clone(),
            next,
        }
    }

    /// Returns how many deliveries are settled in order, but would be repeated if reading began again at `durable`.
    pub(crate) fn repeats_after(&mut self, durable: Option<Offset>) -> usize {
        if let Some(durable) = durable {
            self.deliveries = self.deliveries.split_off(&durable);
        }
        let next = self.next().unwrap_or(Offset(0));
        self.deliveries.range(..next).map(|(_, count)| count).sum()
    }

    pub(crate) fn records(&self) -> usize {
        self.progress.open_records()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns when there is something to do next; deliveries that their sequence holds back do not count.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        let mut sequences: HashSet<(&Target, &Bytes)> = HashSet::new();
        let mut due: Option<Instant> = None;
        for pending in self.pending.values() {
            let counts = match &pending.work {
                Work::Deliver(delivery) => sequences.insert((&delivery.target, &delivery.record.record.key)),
                Work::GiveUp(_) => true,
            };
            if counts {
                due = Some(due.map_or(pending.due, |due| due.min(pending.due)));
            }
        }
        due
    }
}

#[cfg(test)]
mod tests;
