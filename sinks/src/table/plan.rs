//! A batch of deliveries as rows: sorted by id, each event once, with the outcome that each delivery gets.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

use schemas::id::{EventId, HashHalf, IdTime};
use schemas::record::PartitionProgress;
use schemas::sink::{Batch, Delivery, Outcome};
use schemas::time::Timestamp;

use super::receipts::{Receipt, Receipts};
use super::text::{storable_json, storable_text};

/// How many bytes of wide columns one statement carries at most. A batch may hold hundreds of megabytes, PostgreSQL takes
/// less than one gigabyte per message, and both ends hold it in memory.
const MAX_STATEMENT_BYTES: usize = 16 << 20;

/// One row of `event`, borrowed from its delivery.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    /// The delivery it comes from: its place in the batch.
    pub(crate) delivery: usize,
    pub(crate) id: EventId,
    pub(crate) id_time: IdTime,
    pub(crate) time: Timestamp,
    pub(crate) received: Timestamp,
    pub(crate) log_offset: i64,
    pub(crate) tenant: &'a str,
    pub(crate) source: Cow<'a, str>,
    pub(crate) platform: Cow<'a, str>,
    pub(crate) event_type: &'a str,
    pub(crate) subject: Option<Cow<'a, str>>,
    pub(crate) partition_key: Cow<'a, str>,
    pub(crate) rules_version: &'a str,
    pub(crate) raw_sha256: [u8; 32],
    pub(crate) data: Cow<'a, str>,
    pub(crate) raw: &'a [u8],
}

impl Row<'_> {
    fn receipt(&self) -> Receipt {
        Receipt {
            id: self.id,
            received: self.received,
        }
    }
}

/// What is to be written for a batch, and what is to be answered.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    batch: &'a Batch,
    /// Sorted by id, so that two writers take their locks in one order; every id once.
    pub(crate) rows: Vec<Row<'a>>,
    /// Per delivery: the delivery whose outcome it shares (mostly itself).
    leader: Vec<usize>,
    /// Per delivery: why it is rejected.
    rejected: HashMap<usize, String>,
}

impl<'a> Plan<'a> {
    pub(crate) fn new(batch: &'a Batch) -> Self {
        let mut plan = Self {
            batch,
            rows: Vec::with_capacity(batch.deliveries.len()),
            leader: (0..batch.deliveries.len()).collect(),
            rejected: HashMap::new(),
        };
        for (index, delivery) in batch.deliveries.iter().enumerate() {
            match row(index, delivery) {
                Ok(row) => plan.rows.push(row),
                Err(reason) => plan.reject(index, reason),
            }
        }
        // Deliveries come in order of offset: of equal ids the first one leads.
        plan.rows.sort_by_key(|row| (row.id, row.delivery));
        let leader = &mut plan.leader;
        plan.rows.dedup_by(|later, first| {
            let same = later.id == first.id;
            if same {
                leader[later.delivery] = first.delivery;
            }
            same
        });
        plan
    }

    /// The hash halves of the events whose receipts have to be compared.
    pub(crate) fn hash_halves(&self) -> Vec<HashHalf> {
        let received = self.rows.iter().filter(|row| row.id_time == IdTime::Received);
        let mut halves: Vec<_> = received.map(|row| row.id.hash_half()).collect();
        halves.sort_unstable();
        halves.dedup();
        halves
    }

    /// Takes out the rows that repeat a receipt: one that is stored, or one of this batch, whose outcome they share.
    pub(crate) fn leave_out_repeats(&mut self, mut stored: Receipts) {
        let mut received: Vec<&Row<'_>> = self.rows.iter().filter(|r| r.id_time == IdTime::Received).collect();
        received.sort_by_key(|row| row.delivery);
        let mut by_id = HashMap::new();
        let mut repeats = HashSet::new();
        for row in received {
            match stored.repeats_or_store(row.receipt()) {
                None => drop(by_id.insert(row.id, row.delivery)),
                Some(id) => {
                    if let Some(&leader) = by_id.get(&id) {
                        self.leader[row.delivery] = leader;
                    }
                    repeats.insert(row.delivery);
                }
            }
        }
        self.rows.retain(|row| !repeats.contains(&row.delivery));
    }

    /// The rows in pieces that one statement may carry.
    pub(crate) fn pieces(&self) -> Vec<Range<usize>> {
        let mut pieces = Vec::new();
        let (mut start, mut bytes) = (0, 0);
        for (index, row) in self.rows.iter().enumerate() {
            let size = row.data.len() + row.raw.len();
            if index > start && bytes + size > MAX_STATEMENT_BYTES {
                pieces.push(start..index);
                (start, bytes) = (index, 0);
            }
            bytes += size;
        }
        if start < self.rows.len() {
            pieces.push(start..self.rows.len());
        }
        pieces
    }

    pub(crate) fn reject(&mut self, delivery: usize, reason: String) {
        self.rejected.insert(delivery, reason);
    }

    pub(crate) fn is_rejected(&self, row: &Row<'_>) -> bool {
        self.rejected.contains_key(&row.delivery)
    }

    /// The position to store: the batch's own, or the first delivery that was not delivered, whichever comes first.
    pub(crate) fn progress(&self) -> PartitionProgress {
        let mut progress = self.batch.progress.clone();
        let refused = (0..self.leader.len()).find(|&index| self.reason(index).is_some());
        if let Some(index) = refused {
            progress.next = progress.next.min(self.batch.deliveries[index].record.offset);
        }
        progress
    }

    pub(crate) fn outcomes(&self) -> Vec<Outcome> {
        (0..self.leader.len())
            .map(|index| match self.reason(index) {
                None => Outcome::Delivered,
                Some(reason) => Outcome::Rejected {
                    reason: reason.to_owned(),
                },
            })
            .collect()
    }

    fn reason(&self, index: usize) -> Option<&str> {
        // A repeat's leader may itself share the outcome of an equal id; two steps are the most there are.
        let leader = self.leader[self.leader[index]];
        self.rejected.get(&leader).map(String::as_str)
    }
}

fn row(index: usize, delivery: &Delivery) -> Result<Row<'_>, String> {
    let event = &*delivery.event;
    let attributes = &event.attributes;
    let mut raw_sha256 = [0_u8; 32];
    hex::decode_to_slice(&attributes.raw_sha256, &mut raw_sha256)
        .map_err(|e| format!("the attribute `rawsha256` is not 64 hex digits: {e}"))?;
    // `/tenant/source`: the last segment is the source's id.
    let source = attributes.source.rsplit('/').next().unwrap_or(&attributes.source);
    Ok(Row {
        delivery: index,
        id: event.id(),
        id_time: attributes.id_time,
        time: attributes.time,
        received: attributes.received,
        log_offset: delivery.record.offset.0,
        tenant: attributes.tenant.as_str(),
        source: storable_text(source),
        platform: storable_text(&attributes.platform),
        event_type: attributes.event_type.as_str(),
        subject: attributes.subject.as_deref().map(storable_text),
        partition_key: storable_text(&attributes.partition_key),
        rules_version: &delivery.rules_version,
        raw_sha256,
        data: storable_json(event.data()),
        raw: event.raw(),
    })
}
