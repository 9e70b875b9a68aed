//! What a worker shows of itself, for readiness and metrics: what it owns, how that moves, what holds it up.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use schemas::record::Partition;
use schemas::time::Timestamp;
use tokio::time::Instant;

/// Shared between a worker and whoever asks.
#[derive(Debug, Default)]
pub struct Status(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Whether the group has said what is ours, if that is nothing.
    joined: bool,
    assigned: BTreeMap<Partition, Owned>,
    last_poll: Option<Instant>,
    trouble: Option<String>,
    ended: Option<String>,
}

/// One partition while it is ours.
#[derive(Debug)]
struct Owned {
    stalled: Option<String>,
    /// What this process lacks, while deliveries wait for it.
    lacking: Option<String>,
    /// When a record was last read.
    moved: Instant,
    /// How many records are read and not settled.
    in_hand: usize,
    /// As measured last.
    lag: Option<u64>,
    /// The newest canary, or the assignment: what was never seen ages as well.
    canary: Canary,
}

/// The newest canary seen.
#[derive(Debug, Clone, Copy)]
struct Canary {
    sent: Timestamp,
    seen: Instant,
}

/// A moment's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Whether the group has said which partitions are ours; that may be none, while other members own them.
    pub joined: bool,
    /// The partitions that are owned.
    pub assigned: Vec<Partition>,
    /// Those of them that are held up, and why: the sink or the dead-letter topic is unavailable, or this process lacks
    /// something.
    pub stalled: Vec<(Partition, String)>,
    /// Those of them that have records in the log and nothing in hand, and for how long none has come.
    pub idle: Vec<(Partition, Duration)>,
    /// How long ago each has shown a canary, or was assigned.
    pub canaries: Vec<(Partition, Duration)>,
    /// How long ago the event log was last asked; `None` before the first time. More than a few seconds means stuck.
    pub since_poll: Option<Duration>,
    /// What keeps the worker as a whole from its work, for now.
    pub trouble: Option<String>,
    /// The error that the worker ended with.
    pub ended: Option<String>,
}

impl Status {
    /// How things stand now.
    pub fn snapshot(&self) -> Snapshot {
        let state = self.lock();
        let of = |partition: &Partition| partition.clone();
        Snapshot {
            joined: state.joined,
            assigned: state.assigned.keys().cloned().collect(),
            stalled: state
                .assigned
                .iter()
                .filter_map(|(partition, owned)| {
                    let reason = owned.stalled.as_ref().or(owned.lacking.as_ref())?;
                    Some((of(partition), reason.clone()))
                })
                .collect(),
            idle: state
                .assigned
                .iter()
                .filter(|(_, owned)| owned.in_hand == 0 && owned.lag.is_some_and(|lag| lag > 0))
                .map(|(partition, owned)| (of(partition), owned.moved.elapsed()))
                .collect(),
            canaries: state
                .assigned
                .iter()
                .map(|(partition, owned)| (of(partition), owned.canary.seen.elapsed()))
                .collect(),
            since_poll: state.last_poll.map(|at| at.elapsed()),
            trouble: state.trouble.clone(),
            ended: state.ended.clone(),
        }
    }

    /// How old the newest canary is that each partition has shown, in seconds since it was sent; since the assignment, before
    /// the first one.
    pub fn canary_ages(&self) -> Vec<(Partition, f64)> {
        let now = Timestamp::now().millis();
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of an age")]
        let age = |sent: Timestamp| (now - sent.millis()).max(0) as f64 / 1_000.0;
        let of = |(partition, owned): (&Partition, &Owned)| (partition.clone(), age(owned.canary.sent));
        self.lock().assigned.iter().map(of).collect()
    }

    pub(crate) fn started(&self) {
        *self.lock() = State::default();
    }

    pub(crate) fn polled(&self) {
        self.lock().last_poll = Some(Instant::now());
    }

    /// The group has said what is ours; or it does not let us be a member any more.
    pub(crate) fn joined(&self, joined: bool) {
        let mut state = self.lock();
        state.joined = joined;
        if joined {
            state.trouble = None;
        }
    }

    pub(crate) fn trouble(&self, reason: String) {
        self.lock().trouble = Some(reason);
    }

    pub(crate) fn assigned(&self, partition: &Partition) {
        let owned = Owned {
            stalled: None,
            lacking: None,
            moved: Instant::now(),
            in_hand: 0,
            lag: None,
            canary: Canary {
                sent: Timestamp::now(),
                seen: Instant::now(),
            },
        };
        self.lock().assigned.insert(partition.clone(), owned);
    }

    pub(crate) fn released(&self, partition: &Partition) {
        self.lock().assigned.remove(partition);
    }

    pub(crate) fn stalled(&self, partition: &Partition, reason: Option<String>) {
        self.with(partition, |owned| owned.stalled = reason);
    }

    /// Deliveries of the partition wait for something that this process lacks, or no longer. Says whether any partition's do.
    pub(crate) fn lacking(&self, partition: &Partition, reason: Option<String>) -> bool {
        self.with(partition, |owned| owned.lacking = reason);
        self.lock().assigned.values().any(|owned| owned.lacking.is_some())
    }

    /// Records have been read.
    pub(crate) fn moved(&self, partition: &Partition) {
        self.with(partition, |owned| owned.moved = Instant::now());
    }

    /// So many records are read and not settled.
    pub(crate) fn in_hand(&self, partition: &Partition, records: usize) {
        self.with(partition, |owned| owned.in_hand = records);
    }

    /// The lag was measured, or could not be.
    pub(crate) fn lag(&self, partition: &Partition, lag: Option<u64>) {
        self.with(partition, |owned| owned.lag = lag);
    }

    pub(crate) fn canary(&self, partition: &Partition, sent: Timestamp) {
        let seen = Instant::now();
        self.with(partition, |owned| owned.canary = Canary { sent, seen });
    }

    pub(crate) fn ended(&self, error: String) {
        self.lock().ended = Some(error);
    }

    fn with(&self, partition: &Partition, change: impl FnOnce(&mut Owned)) {
        if let Some(owned) = self.lock().assigned.get_mut(partition) {
            change(owned);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half-way, so what a panicking holder left is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
