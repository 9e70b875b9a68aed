//! One partition while it is ours: what is fetched and not yet read, where its reader stands, what is stored.
//!
//! A slot belongs to one assignment. When the partition goes away its slot ends for good, and a new assignment of the
//! same partition gets a new slot: so nothing that an old reader still does can touch the new owner's progress.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use schemas::log::{LogError, LostBecause};
use schemas::record::{Offset, Partition, StoredRecord, TopicId};
use tokio::sync::Notify;

/// Small records cost more than their bytes: about this much each.
const RECORD_OVERHEAD_BYTES: usize = 256;

/// One partition of one assignment.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) partition: Partition,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    phase: Phase,
    lost: Option<(Offset, LostBecause)>,
    queue: VecDeque<StoredRecord>,
    queued_bytes: usize,
    /// The offset that is fetched next, and the only one that is taken.
    next_fetched: Option<Offset>,
    /// Whether the partition is part of librdkafka's assignment.
    assigned: bool,
    /// Whether librdkafka is fetching: started or resumed by us, and not paused since.
    fetching: bool,
    /// Whether the log is being asked about a hole.
    asking: bool,
    /// Progress when the reader began, as far as known.
    began: Option<Offset>,
    /// Which topic it is that is read, where the cluster has ids.
    topic_id: Option<TopicId>,
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

/// What became of a fetched record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pushed {
    /// It is in the queue, or it is stale and dropped.
    Done,
    /// It is in the queue, and that is full: the partition should be paused.
    Full,
    /// It is not the one that was expected, but a later one: whether the log has none between, only the log can say.
    Ahead {
        /// The offset that was expected.
        expected: Offset,
    },
}

/// How fetching begins or goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fetch {
    /// The partition joins librdkafka's assignment at this offset.
    Assign(Offset),
    /// It is sought there and resumed.
    Seek(Offset),
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
    pub(super) fn begin(&self, topic_id: Option<TopicId>, from: Offset, began: Offset, keep: bool) {
        let mut state = self.state();
        if state.phase == Phase::Assigned {
            state.topic_id = topic_id;
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
                if let Some((stored, why)) = state.lost.clone() {
                    return Err(self.progress_lost(stored, why));
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

    pub(super) fn progress_lost(&self, stored: Offset, why: LostBecause) -> LogError {
        LogError::ProgressLost {
            partition: self.partition.clone(),
            stored,
            why,
        }
    }

    /// Whether nobody reads any more.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.state().phase, Phase::Revoking | Phase::Ended)
    }

    /// Which topic it is that is read; `None` before that, and where the cluster has no ids.
    pub(super) fn topic_id(&self) -> Option<TopicId> {
        self.state().topic_id.clone()
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

    /// Takes a fetched record, if it is the expected one.
    pub(super) fn push(&self, record: StoredRecord, most_bytes: usize) -> Pushed {
        let mut state = self.state();
        let Some(expected) = state
            .next_fetched
            .filter(|_| state.phase == Phase::Reading && state.fetching)
        else {
            return Pushed::Done;
        };
        if record.offset < expected {
            return Pushed::Done;
        }
        if record.offset > expected && !cfg!(feature = "planted-bugs") {
            state.fetching = false;
            state.asking = true;
            return Pushed::Ahead { expected };
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
        if full { Pushed::Full } else { Pushed::Done }
    }

    /// The log was asked what its next record from `expected` on is. It is fetched next: `expected` itself if something
    /// was left out on the way, or the one after a hole that the log really has.
    pub(super) fn answered(&self, expected: Offset, next: Offset) {
        let mut state = self.state();
        state.asking = false;
        if state.next_fetched == Some(expected) {
            state.next_fetched = Some(next);
        }
    }

    /// How fetching should begin or go on, if it should: the reader has begun, and half of `most_bytes` is free.
    pub(super) fn wants_fetching(&self, most_bytes: usize) -> Option<Fetch> {
        let state = self.state();
        let room = state.queued_bytes <= most_bytes / 2;
        let idle = !state.fetching && !state.asking && state.lost.is_none();
        let from = state
            .next_fetched
            .filter(|_| state.phase == Phase::Reading && idle && room)?;
        Some(if state.assigned {
            Fetch::Seek(from)
        } else {
            Fetch::Assign(from)
        })
    }

    pub(super) fn fetching_began(&self) {
        let mut state = self.state();
        state.assigned = true;
        // Not if the reader was told to end meanwhile.
        state.fetching = state.phase == Phase::Reading;
    }

    /// The partition is part of librdkafka's assignment.
    pub(super) fn join_assignment(&self) {
        self.state().assigned = true;
    }

    /// Whether the partition is part of librdkafka's assignment.
    pub(super) fn is_assigned(&self) -> bool {
        self.state().assigned
    }

    /// The offset that would be fetched next, if the partition is being read.
    pub(super) fn reading_at(&self) -> Option<Offset> {
        let state = self.state();
        state
            .next_fetched
            .filter(|_| state.phase == Phase::Reading && state.lost.is_none())
    }

    /// What is to be read next is not in the log any more; the reader hears of it after what it has.
    pub(super) fn lose(&self, stored: Offset, why: LostBecause) {
        let mut state = self.state();
        state.lost = Some((stored, why));
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

    /// The progress that is committed: where reading begins again after a crash.
    pub(super) fn durable(&self) -> Option<Offset> {
        let state = self.state();
        state.confirmed.or(state.began)
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
