//! A batch of deliveries as rows: sorted by id, each event once, with the outcome that each delivery gets.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use schemas::id::{EventId, HashHalf, IdTime};
use schemas::record::PartitionProgress;
use schemas::sink::{Batch, Outcome};

use super::receipts::Receipts;
use super::row::{Row, row};
use super::variants::Repeat;

/// How many bytes of wide columns one statement carries at most. A batch may hold hundreds of megabytes, PostgreSQL takes
/// less than one gigabyte per message, and both ends hold it in memory.
const MAX_STATEMENT_BYTES: usize = 16 << 20;

/// What is to be written for a batch, and what is to be answered.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    batch: &'a Batch,
    /// Sorted by id, so that two writers take their locks in one order; every id once.
    pub(crate) rows: Vec<Row<'a>>,
    /// The rows that repeat one of this batch or a stored receipt, each with the id of that.
    repeats: Vec<(EventId, Row<'a>)>,
    /// Per delivery: the delivery whose outcome it shares (mostly itself).
    leader: Vec<usize>,
    /// Per delivery: why it is rejected, with those that it leads.
    rejected: HashMap<usize, String>,
    /// Per delivery of a repeat: why it alone is.
    rejected_repeats: HashMap<usize, String>,
}

impl<'a> Plan<'a> {
    pub(crate) fn new(batch: &'a Batch) -> Self {
        let mut plan = Self {
            batch,
            rows: Vec::with_capacity(batch.deliveries.len()),
            repeats: Vec::new(),
            leader: (0..batch.deliveries.len()).collect(),
            rejected: HashMap::new(),
            rejected_repeats: HashMap::new(),
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
        let mut first: Option<(EventId, usize)> = None;
        let repeats = plan.rows.extract_if(.., |row| match first {
            Some((id, delivery)) if id == row.id => {
                leader[row.delivery] = delivery;
                true
            }
            _ => {
                first = Some((row.id, row.delivery));
                false
            }
        });
        plan.repeats = repeats.map(|row| (row.id, row)).collect();
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
        let mut repeats = HashMap::new();
        for row in received {
            match stored.repeats_or_store(row.receipt()) {
                None => drop(by_id.insert(row.id, row.delivery)),
                Some(id) => {
                    if let Some(&leader) = by_id.get(&id) {
                        self.leader[row.delivery] = leader;
                    }
                    repeats.insert(row.id, id);
                }
            }
        }
        if repeats.is_empty() {
            return;
        }
        // What repeats a row that is left out repeats what that one does.
        for (of, _) in &mut self.repeats {
            *of = repeats.get(of).copied().unwrap_or(*of);
        }
        let left_out = self.rows.extract_if(.., |row| repeats.contains_key(&row.id));
        self.repeats
            .extend(left_out.map(|row| (repeats.get(&row.id).copied().unwrap_or(row.id), row)));
    }

    /// The rows whose event was stored before them, in the order of the log: those of `conflicting` (places in
    /// [`rows`](Self::rows)) and all that repeat a row of this batch or a stored receipt. Without what is rejected.
    pub(crate) fn repeats(&self, conflicting: &[usize]) -> Vec<Repeat<'_>> {
        let rows = conflicting.iter().filter_map(|&place| self.rows.get(place));
        let mut repeats: Vec<_> = rows
            .map(|row| Repeat { of: row.id, row })
            .chain(self.repeats.iter().map(|(of, row)| Repeat { of: *of, row }))
            .filter(|repeat| self.reason(repeat.row.delivery).is_none())
            .collect();
        repeats.sort_unstable_by_key(|repeat| repeat.row.delivery);
        repeats
    }

    /// The rows that stand, whose events say how things are: without what is rejected, and without these deliveries.
    pub(crate) fn standing(&self, without: &HashSet<usize>) -> impl Iterator<Item = &Row<'a>> {
        let stands = |row: &&Row<'a>| !self.is_rejected(row) && !without.contains(&row.delivery);
        self.rows.iter().filter(stands)
    }

    /// The rows in pieces that one statement may carry.
    pub(crate) fn pieces(&self) -> Vec<Range<usize>> {
        pieces(self.rows.iter().map(|row| row.data.len() + row.raw.len()))
    }

    pub(crate) fn reject(&mut self, delivery: usize, reason: String) {
        self.rejected.insert(delivery, reason);
    }

    /// Rejects a repeat, and not what it repeats.
    pub(crate) fn reject_repeat(&mut self, delivery: usize, reason: &str) {
        let reason = format!("its body differs from the stored event, and cannot be kept beside it: {reason}");
        self.rejected_repeats.insert(delivery, reason);
    }

    pub(crate) fn is_rejected(&self, row: &Row<'_>) -> bool {
        self.rejected.contains_key(&row.delivery)
    }

    /// The progress to store, if the batch has any: its own, or the first delivery that was not delivered, whichever comes
    /// first.
    pub(crate) fn progress(&self) -> Option<PartitionProgress> {
        let mut progress = self.batch.progress.clone()?;
        let refused = (0..self.leader.len()).find(|&index| self.reason(index).is_some());
        if let Some(index) = refused {
            progress.next = progress.next.min(self.batch.deliveries[index].record.offset);
        }
        Some(progress)
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
        let reason = self.rejected_repeats.get(&index).or_else(|| self.rejected.get(&leader));
        reason.map(String::as_str)
    }
}

/// Pieces that one statement may carry, of what has these wide columns.
pub(crate) fn pieces(sizes: impl Iterator<Item = usize>) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    let (mut start, mut end, mut bytes) = (0, 0, 0);
    for size in sizes {
        if end > start && bytes + size > MAX_STATEMENT_BYTES {
            pieces.push(start..end);
            (start, bytes) = (end, 0);
        }
        bytes += size;
        end += 1;
    }
    if start < end {
        pieces.push(start..end);
    }
    pieces
}
