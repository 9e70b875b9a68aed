//! The work in flight of one partition: deliveries that wait for a batch or for their next attempt, and dead letters
//! that wait to be written. It does no I/O and reads no clock.
//!
//! Deliveries of one sequence (equal partition key and target) go out in order: the first that waits for a retry holds
//! back the rest of its sequence, and no other sequence.
//!
//! For a sink that takes batches one after the other, [`Flight::pick`] takes from all sequences. For one whose targets have
//! nothing to do with one another, [`Flight::pick_sequence`] takes of one sequence, and any number of these are under way.

mod lanes;
mod pick;
mod waiting;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use schemas::name::RuleName;
use schemas::record::{Offset, Partition, PartitionProgress, StoredRecord, TopicId};
use schemas::sink::{Batch, Delivery, Target};
use schemas::time::Timestamp;
use tokio::time::Instant;

use self::lanes::Lanes;
use self::pick::SEQUENCE_MOST;
use crate::settle::Progress;

/// Identifies a piece of work: the offset of its record, and a number within the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct WorkId {
    pub(crate) offset: Offset,
    pub(crate) number: u64,
}

/// From here on numbers are of deliveries that came from the backlog: settled in the log, and counted over all records.
const FROM_BACKLOG: u64 = 1 << 32;

impl WorkId {
    /// The `count`th delivery that came from the backlog.
    pub(crate) fn from_backlog(offset: Offset, count: u64) -> Self {
        Self {
            offset,
            number: FROM_BACKLOG + count,
        }
    }

    /// Where the delivery came from.
    pub(crate) fn origin(self) -> Origin {
        if self.number < FROM_BACKLOG {
            Origin::Log
        } else {
            Origin::Backlog
        }
    }
}

/// Where a delivery comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It was read from the event log, and is not settled there.
    Log,
    /// It was fetched from the backlog.
    Backlog,
}

impl Origin {
    fn other(self) -> Self {
        match self {
            Self::Log => Self::Backlog,
            Self::Backlog => Self::Log,
        }
    }
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

/// Work that goes out, not before it is due.
#[derive(Debug)]
struct Pending<W> {
    work: W,
    due: Instant,
    /// What deliveries of one target have in common that go out in order: the key, or for a target without order nothing.
    sequence: Bytes,
}

/// A batch, the ids of its deliveries, and the progress once all of them are settled.
#[derive(Debug)]
pub(crate) struct Picked {
    pub(crate) batch: Batch,
    pub(crate) ids: Vec<WorkId>,
    pub(crate) next: Offset,
    /// The sequence that it is of, if it is of one.
    pub(crate) sequence: Option<(Target, Bytes)>,
}

/// How a record was settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settled {
    /// All its deliveries went through.
    Delivered,
    /// At least one of them became a dead letter, or the record did.
    DeadLetter,
    /// The last of them went to the backlog, and none became a dead letter.
    Parked,
    /// No rule sends it anywhere.
    Nowhere,
}

/// What is known of a record that is not settled.
#[derive(Debug)]
struct Unsettled {
    size: usize,
    /// Whether a dead letter of it is written, or a delivery of it is in the backlog.
    given_up: bool,
    parked: bool,
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
    pending: BTreeMap<WorkId, Pending<Delivery>>,
    letters: BTreeMap<WorkId, Pending<GivenUp>>,
    /// The pending deliveries by target and key; `None` where batches are taken from all of them.
    lanes: Option<Lanes>,
    /// How many deliveries of one sequence are handed over together.
    sequence_most: usize,
    /// Targets whose deliveries need not go out in order.
    unordered: HashSet<Target>,
    /// How many deliveries are pending that were read from the log.
    from_log: usize,
    /// The records that are not settled.
    unsettled: BTreeMap<Offset, Unsettled>,
    bytes: usize,
}

impl Flight {
    /// `apart`: whether sequences are picked one by one.
    pub(crate) fn new(partition: Partition, apart: bool) -> Self {
        Self {
            partition,
            lanes: apart.then(Lanes::default),
            sequence_most: SEQUENCE_MOST,
            unordered: HashSet::new(),
            from_log: 0,
            letters: BTreeMap::new(),
            topic_id: None,
            progress: Progress::default(),
            deliveries: BTreeMap::new(),
            pending: BTreeMap::new(),
            unsettled: BTreeMap::new(),
            bytes: 0,
        }
    }

    /// Has deliveries handed over one at a time, so that each can be taken back until its attempt has begun.
    pub(crate) fn one_at_a_time(&mut self) {
        self.sequence_most = 1;
    }

    /// Notes whether deliveries of a target go out in order; it holds for those that are added from now on.
    pub(crate) fn set_ordered(&mut self, target: &Target, ordered: bool) {
        if ordered {
            self.unordered.remove(target);
        } else if !self.unordered.contains(target) {
            self.unordered.insert(target.clone());
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
        let count = deliveries.len() + letters.len();
        self.progress.seen(record.offset, count);
        if count > 0 {
            let size = record.record.size_bytes();
            self.unsettled.insert(
                record.offset,
                Unsettled {
                    size,
                    given_up: false,
                    parked: false,
                    read: now,
                    received: None,
                },
            );
            self.deliveries.insert(record.offset, count);
            self.bytes += size;
        }
        let offset = record.offset;
        let mut ids = (0..).map(|number| WorkId { offset, number });
        for (delivery, id) in deliveries.into_iter().zip(&mut ids) {
            self.deliver_at(id, delivery, now, now);
        }
        for (letter, id) in letters.into_iter().zip(&mut ids) {
            self.give_up(id, letter, now);
        }
    }

    /// Adds a record that is not an event.
    pub(crate) fn add_undecodable(&mut self, record: &Arc<StoredRecord>, reason: String, now: Instant) {
        let letter = GivenUp {
            record: Arc::clone(record),
            target: None,
            reason,
            attempts: 0,
            rules_version: None,
            rules: Vec::new(),
            failures: 0,
        };
        self.add(record, Vec::new(), vec![letter], now);
    }

    /// Gives up a delivery of which no more than its record is known.
    pub(crate) fn give_up_record(
        &mut self,
        id: WorkId,
        record: &Arc<StoredRecord>,
        target: Target,
        reason: String,
        attempts: u32,
        now: Instant,
    ) {
        let given_up = GivenUp {
            record: Arc::clone(record),
            target: Some(target),
            reason,
            attempts,
            rules_version: None,
            rules: Vec::new(),
            failures: 0,
        };
        self.give_up(id, given_up, now);
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

    /// Adds a dead letter to be written, not before `due`.
    pub(crate) fn give_up(&mut self, id: WorkId, given_up: GivenUp, due: Instant) {
        let sequence = Bytes::new();
        self.letters.insert(
            id,
            Pending {
                work: given_up,
                due,
                sequence,
            },
        );
    }

    /// Notes that the delivery `id` went through. Returns how its record is settled, if it is now.
    pub(crate) fn delivered(&mut self, id: WorkId) -> Option<Settled> {
        self.settled(id)
    }

    /// Notes that the dead letter `id` is written. Returns how its record is settled, if it is now.
    pub(crate) fn written(&mut self, id: WorkId) -> Option<Settled> {
        if id.origin() == Origin::Log
            && let Some(record) = self.unsettled.get_mut(&id.offset)
        {
            record.given_up = true;
        }
        self.settled(id)
    }

    /// Notes that the delivery `id` is in the backlog. Returns how its record is settled, if it is now.
    pub(crate) fn parked(&mut self, id: WorkId) -> Option<Settled> {
        if let Some(record) = self.unsettled.get_mut(&id.offset) {
            record.parked = true;
        }
        self.settled(id)
    }

    fn settled(&mut self, id: WorkId) -> Option<Settled> {
        if id.origin() == Origin::Backlog || !self.progress.settled(id.offset) {
            return None;
        }
        // Deliveries settled out of order are never counted as repeats.
        if self.next().is_some_and(|next| next <= id.offset) {
            self.deliveries.remove(&id.offset);
        }
        let record = self.unsettled.remove(&id.offset)?;
        self.bytes -= record.size;
        Some(if record.given_up {
            Settled::DeadLetter
        } else if record.parked {
            Settled::Parked
        } else {
            Settled::Delivered
        })
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
}

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
