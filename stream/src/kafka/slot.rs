//! One partition while it is ours: what is fetched and not yet read, where its reader stands, what is stored.
//!
//! A slot belongs to one assignment. When the partition goes away its slot ends for good, and a new assignment of the
//! same partition gets a new slot: so nothing that an old reader still does can touch the new owner's progress.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use schemas::log::LogError;
use schemas::record::{Offset, Partition, StoredRecord};
use tokio::sync::Notify;

/// Small records cost more than their bytes: about this much each.
const RECORD_OVERHEAD_BYTES: usize = 256;

/// See the module.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) partition: Partition,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    phase: Phase,
    lost: Option<Lost>,
    queue: VecDeque<StoredRecord>,
    queued_bytes: usize,
    /// The offset that is fetched next; smaller ones are stale.
    next_fetched: Option<Offset>,
    /// Whether librdkafka is fetching: resumed by us, and not paused since.
    fetching: bool,
    /// Progress when the reader began, as far as known.
    began: Option<Offset>,
    stored: Option<Offset>,
    confirmed: Option<Offset>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Phase {
    #[default]
    Assigned,
    Reading,
    /// Given back: nothing is read any more, progress can still be stored.
    Revoking,
    Ended,
}

/// The figures of [`LogError::ProgressLost`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Lost {
    pub(super) stored: Offset,
    pub(super) earliest: Offset,
    pub(super) end: Offset,
}

impl Slot {
    pub(super) fn new(partition: Partition) -> Self {
        Self {
            partition,
            state: Mutex::default(),
            changed: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // ------------------------------------------------------------------------------------------------- the reader's side

    /// Reading begins at `from`. `began` is the progress that the group has, or `from`. `keep` makes `from` the group's
    /// progress: it had none, and must not begin elsewhere the next time.
    pub(super) fn begin(&self, from: Offset, began: Offset, keep: bool) {
        let mut state = self.state();
        if state.phase == Phase::Assigned {
            state.phase = Phase::Reading;
            state.next_fetched = Some(from);
            state.began = Some(began);
            if keep {
                state.stored = Some(from);
            }
        }
    }

    /// Waits for records; see [`schemas::log::PartitionReader::next_batch`]. Records leave the queue in the same poll
    /// that returns them: a dropped call loses none.
    pub(super) async fn next_batch(&self, max: usize) -> Result<Option<Vec<StoredRecord>>, LogError> {
        loop {
            let changed = self.changed.notified();
            {
                let mut state = self.state();
                if matches!(state.phase, Phase::Revoking | Phase::Ended) {
                    return Ok(None);
                }
                if !state.queue.is_empty() {
                    let count = max.max(1).min(state.queue.len());
                    let batch: Vec<_> = state.queue.drain(..count).collect();
                    state.queued_bytes -= batch.iter().map(cost).sum::<usize>();
                    return Ok(Some(batch));
                }
                if let Some(lost) = state.lost {
                    return Err(self.progress_lost(lost));
                }
            }
            changed.await;
        }
    }

    /// Remembers progress while the partition is ours.
    pub(super) fn store(&self, next: Offset) {
        let mut state = self.state();
        if state.phase != Phase::Ended {
            state.stored = Some(next);
        }
    }

    pub(super) fn progress_lost(&self, lost: Lost) -> LogError {
        LogError::ProgressLost {
            partition: self.partition.clone(),
            stored: lost.stored,
            earliest: lost.earliest,
            end: lost.end,
        }
    }

    /// Waits until the partition is not ours any more.
    pub(super) async fn given_back(&self) {
        loop {
            let changed = self.changed.notified();
            if matches!(self.state().phase, Phase::Revoking | Phase::Ended) {
                return;
            }
            changed.await;
        }
    }

    // ----------------------------------------------------------------------------------------------- the poll thread's side

    /// Takes a fetched record. Returns whether the partition should be paused, because `most_bytes` are waiting.
    pub(super) fn push(&self, record: StoredRecord, most_bytes: usize) -> bool {
        let mut state = self.state();
        let expected = state.next_fetched.is_some_and(|next| record.offset >= next);
        if state.phase != Phase::Reading || !state.fetching || !expected {
            return false;
        }
        state.next_fetched = Some(record.offset.next());
        state.queued_bytes += cost(&record);
        state.queue.push_back(record);
        let full = state.queued_bytes >= most_bytes;
        if full {
            state.fetching = false;
        }
        drop(state);
        self.changed.notify_one();
        full
    }

    /// Where to fetch from, if fetching should begin or go on: the reader has begun, and half of `most_bytes` is free.
    pub(super) fn wants_fetching(&self, most_bytes: usize) -> Option<Offset> {
        let state = self.state();
        let room = state.queued_bytes <= most_bytes / 2;
        let wanted = state.phase == Phase::Reading && !state.fetching && state.lost.is_none() && room;
        wanted.then_some(state.next_fetched).flatten()
    }

    pub(super) fn fetching_began(&self) {
        self.state().fetching = true;
    }

    /// The offset that would be fetched next, if the partition is being read.
    pub(super) fn reading_at(&self) -> Option<Offset> {
        let state = self.state();
        state
            .next_fetched
            .filter(|_| state.phase == Phase::Reading && state.lost.is_none())
    }

    /// What is still to be read is not in the log any more; the reader hears of it behind what it has.
    pub(super) fn lose(&self, lost: Lost) {
        let mut state = self.state();
        state.lost = Some(lost);
        state.fetching = false;
        drop(state);
        self.changed.notify_one();
    }

    /// The reader ends, its progress can still be stored.
    pub(super) fn revoke(&self) {
        self.leave(Phase::Revoking);
    }

    /// Nothing can be done here any more.
    pub(super) fn end(&self) {
        self.leave(Phase::Ended);
    }

    fn leave(&self, phase: Phase) {
        let mut state = self.state();
        if state.phase != Phase::Ended {
            state.phase = phase;
        }
        state.queue = VecDeque::new();
        state.queued_bytes = 0;
        drop(state);
        self.changed.notify_waiters();
        self.changed.notify_one();
    }

    // ------------------------------------------------------------------------------------------------------------- progress

    /// Progress that is not committed yet.
    pub(super) fn unconfirmed(&self) -> Option<Offset> {
        let state = self.state();
        state.stored.filter(|stored| state.confirmed != Some(*stored))
    }

    /// This progress is committed.
    pub(super) fn confirm(&self, offset: Offset) {
        self.state().confirmed = Some(offset);
    }

    /// What is stored, else where the group was when reading began.
    pub(super) fn progress(&self) -> Option<Offset> {
        let state = self.state();
        state.stored.or(state.began)
    }
}

fn cost(record: &StoredRecord) -> usize {
    record.record.size_bytes() + RECORD_OVERHEAD_BYTES
}

#[cfg(test)]
mod tests;
