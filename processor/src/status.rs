//! The state of a worker, for readiness and metrics: which partitions it owns, how they move, and what delays them.

use std::collections::BTreeMap;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use schemas::record::Partition;
use schemas::time::Timestamp;
use tokio::time::Instant;

/// Shared between a worker and its observers.
#[derive(Debug, Default)]
pub struct Status(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Whether the group has assigned partitions, even if none.
    joined: bool,
    assigned: BTreeMap<Partition, Owned>,
    last_poll: Option<Instant>,
    waiting_for: Option<String>,
    ended: Option<String>,
}

/// One partition while it is owned.
#[derive(Debug)]
struct Owned {
    stalled: Option<String>,
    /// The resource that this process lacks, while deliveries wait for it.
    lacking: Option<String>,
    /// When a record was last read.
    moved: Instant,
    /// How many records are read and not settled.
    in_progress: usize,
    /// How many records the partition has that are not settled, as last measured; `None` before the first time.
    lag: Option<u64>,
    /// The newest canary, or the assignment, so that the age grows even if none was seen.
    canary: Canary,
}

/// The newest canary that was seen: when ingest sent it, and when it came here.
#[derive(Debug, Clone, Copy)]
struct Canary {
    sent: Timestamp,
    seen: Instant,
}

/// What a worker does at one moment, for readiness and metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Whether the group has assigned partitions; that may be none, while other members own them.
    pub joined: bool,
    /// The partitions that the worker owns now.
    pub assigned: Vec<Partition>,
    /// The owned partitions that are stalled, and why: the sink or the dead-letter topic is unavailable, or this
    /// process lacks a resource.
    pub stalled: Vec<(Partition, String)>,
    /// The owned partitions that have records in the log but none in flight, and how long ago the last was read.
    pub idle: Vec<(Partition, Duration)>,
    /// How long ago each had a canary, or was assigned.
    pub canaries: Vec<(Partition, Duration)>,
    /// How long ago the event log was last asked; `None` before the first time. More than a few seconds means stuck.
    pub since_poll: Option<Duration>,
    /// What the whole worker waits for at present.
    pub waiting_for: Option<String>,
    /// The error that the worker ended with.
    pub ended: Option<String>,
}

impl Status {
    /// Returns the state now.
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
                .filter(|(_, owned)| owned.in_progress == 0 && owned.lag.is_some_and(|lag| lag > 0))
                .map(|(partition, owned)| (of(partition), owned.moved.elapsed()))
                .collect(),
            canaries: state
                .assigned
                .iter()
                .map(|(partition, owned)| (of(partition), owned.canary.seen.elapsed()))
                .collect(),
            since_poll: state.last_poll.map(|at| at.elapsed()),
            waiting_for: state.waiting_for.clone(),
            ended: state.ended.clone(),
        }
    }

    /// Returns the age of each partition's newest canary, in seconds since it was sent; before the first one, since the
    /// assignment.
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

    /// Notes that the group has assigned partitions, or that the worker has left the group.
    pub(crate) fn joined(&self, joined: bool) {
        let mut state = self.lock();
        state.joined = joined;
        if joined {
            state.waiting_for = None;
        }
    }

    /// Notes what the whole worker waits for, until the group assigns partitions.
    pub(crate) fn waiting_for(&self, reason: String) {
        self.lock().waiting_for = Some(reason);
    }

    pub(crate) fn assigned(&self, partition: &Partition) {
        let owned = Owned {
            stalled: None,
            lacking: None,
            moved: Instant::now(),
            in_progress: 0,
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

    /// Notes whether deliveries of the partition wait for a resource that this process lacks. Returns whether those of
    /// any partition do.
    pub(crate) fn lacking(&self, partition: &Partition, reason: Option<String>) -> bool {
        self.with(partition, |owned| owned.lacking = reason);
        self.lock().assigned.values().any(|owned| owned.lacking.is_some())
    }

    /// Notes that records were read.
    pub(crate) fn moved(&self, partition: &Partition) {
        self.with(partition, |owned| owned.moved = Instant::now());
    }

    /// Notes how many records are read and not settled.
    pub(crate) fn in_progress(&self, partition: &Partition, records: usize) {
        self.with(partition, |owned| owned.in_progress = records);
    }

    /// Notes the lag; `None` if it could not be measured.
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
        // No change panics half-way, so the state is consistent even after a panic of a holder.
        self.0.lock()
    }
}
