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

    /// The offset being fetched, if any.
    pub(super) fn fetching_at(&self) -> Option<Offset> {
        let state = self.state();
        state.next_fetched.filter(|_| state.fetching)
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
mod tests {
    use super::*;
    use bytes::Bytes;
    use proptest::prelude::*;
    use schemas::record::Record;

    fn record(offset: i64) -> StoredRecord {
        StoredRecord {
            offset: Offset(offset),
            record: Record {
                key: Bytes::new(),
                headers: Vec::new(),
                value: Bytes::new(),
            },
        }
    }

    fn reading(from: i64) -> Slot {
        let slot = Slot::new(Partition {
            topic: "t".parse().expect("a name"),
            index: 0,
        });
        slot.begin(Offset(from), Offset(from), false);
        slot.fetching_began();
        slot
    }

    #[test]
    fn a_stale_record_is_dropped() {
        let slot = reading(5);
        slot.push(record(4), usize::MAX);
        slot.push(record(7), usize::MAX);
        slot.push(record(6), usize::MAX);
        slot.push(record(7), usize::MAX);
        let offsets: Vec<_> = slot.state().queue.iter().map(|r| r.offset.0).collect();
        assert_eq!(offsets, [7]);
    }

    #[test]
    fn a_full_queue_pauses_and_a_half_empty_one_goes_on_where_it_stopped() {
        let slot = reading(0);
        let most = 4 * RECORD_OVERHEAD_BYTES;
        let full: Vec<_> = (0..4).map(|n| slot.push(record(n), most)).collect();
        assert_eq!(full, [false, false, false, true]);
        assert!(
            !slot.push(record(4), most),
            "fetched before the pause took effect: fetched again later"
        );
        assert_eq!(slot.wants_fetching(most), None);
        let waiting = slot.next_batch(2);
        let batch = futures_util::FutureExt::now_or_never(waiting)
            .expect("ready")
            .expect("ok")
            .expect("records");
        assert_eq!(batch.len(), 2);
        assert_eq!(slot.wants_fetching(most), Some(Offset(4)));
    }

    #[test]
    fn an_ended_slot_stores_nothing() {
        let slot = reading(0);
        slot.revoke();
        slot.store(Offset(3));
        assert_eq!(
            slot.unconfirmed(),
            Some(Offset(3)),
            "while it is given back progress counts"
        );
        slot.end();
        slot.store(Offset(9));
        assert_eq!(slot.unconfirmed(), Some(Offset(3)));
    }

    #[derive(Debug, Clone)]
    enum Step {
        Store(i64),
        /// A commit of what is unconfirmed, during which more may be stored; it succeeds or not.
        Commit {
            meanwhile: Option<i64>,
            success: bool,
        },
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0..50i64).prop_map(Step::Store),
            (prop::option::of(0..50i64), any::<bool>())
                .prop_map(|(meanwhile, success)| Step::Commit { meanwhile, success }),
        ]
    }

    proptest! {
        /// Whatever is stored and committed in whatever order: once nothing is unconfirmed, the group has exactly what was
        /// stored last (no off-by-one, nothing forgotten).
        #[test]
        fn commits_follow_what_was_stored(steps in prop::collection::vec(step(), 0..60)) {
            let slot = reading(0);
            let (mut last, mut group) = (None, None);
            for step in steps {
                match step {
                    Step::Store(n) => {
                        slot.store(Offset(n));
                        last = Some(Offset(n));
                    }
                    Step::Commit { meanwhile, success } => {
                        let Some(offset) = slot.unconfirmed() else {
                            prop_assert_eq!(group, last);
                            continue;
                        };
                        if let Some(n) = meanwhile {
                            slot.store(Offset(n));
                            last = Some(Offset(n));
                        }
                        if success {
                            group = Some(offset);
                            slot.confirm(offset);
                        }
                    }
                }
            }
            if let Some(offset) = slot.unconfirmed() {
                slot.confirm(offset);
                group = Some(offset);
            }
            prop_assert_eq!(slot.unconfirmed(), None);
            prop_assert_eq!(group, last);
        }
    }
}
