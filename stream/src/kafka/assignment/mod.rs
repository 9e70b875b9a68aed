//! One partition while it is assigned: what is fetched and not yet read, the position of its reader, its stored
//! progress.
//!
//! An assignment ends for good when the partition is given up, and the same partition that is assigned again has a new one:
//! so an old reader cannot change the new owner's progress.

use std::collections::VecDeque;

use parking_lot::{Mutex, MutexGuard};
use schemas::log::{LogError, LostBecause};
use schemas::record::{Offset, Partition, StoredRecord, TopicId};
use tokio::sync::Notify;

/// The memory that each record costs besides its bytes, roughly.
const RECORD_OVERHEAD_BYTES: usize = 256;

/// One partition, from when it is assigned until it is given up.
#[derive(Debug)]
pub(super) struct Assignment {
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
    /// The next offset to fetch, and the only one accepted.
    next_fetched: Option<Offset>,
    /// Whether the partition is part of librdkafka's assignment.
    assigned: bool,
    /// Whether librdkafka is fetching: started or resumed by us, and not paused since.
    fetching: bool,
    /// Whether the log is being asked about a hole.
    asking: bool,
    /// The progress when the reader began, if known.
    began: Option<Offset>,
    /// The id of the topic that is read, where the cluster has ids.
    topic_id: Option<TopicId>,
    stored: Option<Offset>,
    confirmed: Option<Offset>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Phase {
    #[default]
    Assigned,
    Reading,
    /// Being given up: nothing is read any more, progress can still be stored.
    Revoking,
    Ended,
}

/// The result of offering a fetched record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pushed {
    /// It is in the queue, or it is stale and dropped.
    Done,
    /// It is in the queue, which is full now: the partition should be paused.
    Full,
    /// It is not the one that was expected, but a later one: whether the log has none between, only the log can say.
    Ahead {
        /// The offset that was expected.
        expected: Offset,
    },
}

/// How fetching starts or resumes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fetch {
    /// The partition joins librdkafka's assignment at this offset.
    Assign(Offset),
    /// The partition seeks to this offset and resumes.
    Seek(Offset),
}

impl Assignment {
    pub(super) fn new(partition: Partition) -> Self {
        Self {
            partition,
            state: Mutex::default(),
            changed: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    // ------------------------------------------------------------------------------------------------- the reader's side

    /// Begins reading at `from`. `began` is the group's progress, or `from`. `keep` stores `from` as the group's
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

    /// Stores progress while the partition is assigned.
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

    /// Whether the reader has ended.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.state().phase, Phase::Revoking | Phase::Ended)
    }

    /// The id of the topic that is read; `None` before reading begins, and where the cluster has no ids.
    pub(super) fn topic_id(&self) -> Option<TopicId> {
        self.state().topic_id.clone()
    }

    /// Waits until the partition is given up.
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

    /// Takes the log's answer: its next record from `expected` on is at `next`, which is fetched next. That is
    /// `expected` itself if records were not received, or the one after a hole that the log really has.
    pub(super) fn answered(&self, expected: Offset, next: Offset) {
        let mut state = self.state();
        state.asking = false;
        if state.next_fetched == Some(expected) {
            state.next_fetched = Some(next);
        }
    }

    /// How fetching should start or resume, if it should: the reader has begun, and half of `most_bytes` is free.
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
        // Not if the reader was ended meanwhile.
        state.fetching = state.phase == Phase::Reading;
    }

    /// Notes that the partition is part of librdkafka's assignment.
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

    /// Notes that the next record to read is no longer in the log; the reader gets the error after what is queued.
    pub(super) fn lose(&self, stored: Offset, why: LostBecause) {
        let mut state = self.state();
        state.lost = Some((stored, why));
        state.fetching = false;
        drop(state);
        self.changed.notify_one();
    }

    /// Ends the reader; its progress can still be stored.
    pub(super) fn revoke(&self) {
        self.leave(Phase::Revoking);
    }

    /// Ends the assignment for good.
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

    /// The progress that is not committed yet.
    pub(super) fn unconfirmed(&self) -> Option<Offset> {
        let state = self.state();
        state.stored.filter(|stored| state.confirmed != Some(*stored))
    }

    /// Notes that this progress is committed.
    pub(super) fn confirm(&self, offset: Offset) {
        self.state().confirmed = Some(offset);
    }

    /// The progress that is committed: where reading begins again after a crash.
    pub(super) fn durable(&self) -> Option<Offset> {
        let state = self.state();
        state.confirmed.or(state.began)
    }

    /// The stored progress, or that of the group when reading began.
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
