//! What a worker shows of itself, for readiness: idle or at work, what it owns, what holds it up.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use schemas::record::Partition;
use tokio::time::Instant;

/// Shared between a worker and whoever asks.
#[derive(Debug, Default)]
pub struct Status(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    assigned: BTreeMap<Partition, Owned>,
    last_poll: Option<Instant>,
    ended: Option<String>,
}

/// What holds up a partition.
#[derive(Debug, Default)]
struct Owned {
    stalled: Option<String>,
    /// What this process lacks, while deliveries wait for it.
    lacking: Option<String>,
}

/// A moment's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The partitions that are owned.
    pub assigned: Vec<Partition>,
    /// Those of them that are held up, and why: the sink or the dead-letter topic is unavailable, or this process lacks
    /// something.
    pub stalled: Vec<(Partition, String)>,
    /// How long ago the event log was last asked; `None` before the first time. More than a few seconds means stuck.
    pub since_poll: Option<Duration>,
    /// The error that the worker ended with. Not ready any more.
    pub ended: Option<String>,
}

impl Status {
    /// How things stand now.
    pub fn snapshot(&self) -> Snapshot {
        let state = self.lock();
        let stalled = |(partition, owned): (&Partition, &Owned)| {
            let reason = owned.stalled.as_ref().or(owned.lacking.as_ref())?;
            Some((partition.clone(), reason.clone()))
        };
        Snapshot {
            assigned: state.assigned.keys().cloned().collect(),
            stalled: state.assigned.iter().filter_map(stalled).collect(),
            since_poll: state.last_poll.map(|at| at.elapsed()),
            ended: state.ended.clone(),
        }
    }

    pub(crate) fn polled(&self) {
        self.lock().last_poll = Some(Instant::now());
    }

    pub(crate) fn assigned(&self, partition: &Partition) {
        self.lock().assigned.insert(partition.clone(), Owned::default());
    }

    pub(crate) fn released(&self, partition: &Partition) {
        self.lock().assigned.remove(partition);
    }

    pub(crate) fn stalled(&self, partition: &Partition, reason: Option<String>) {
        if let Some(owned) = self.lock().assigned.get_mut(partition) {
            owned.stalled = reason;
        }
    }

    /// Deliveries of the partition wait for something that this process lacks, or no longer. Says whether any partition's do.
    pub(crate) fn lacking(&self, partition: &Partition, reason: Option<String>) -> bool {
        let mut state = self.lock();
        if let Some(owned) = state.assigned.get_mut(partition) {
            owned.lacking = reason;
        }
        state.assigned.values().any(|owned| owned.lacking.is_some())
    }

    pub(crate) fn ended(&self, error: String) {
        self.lock().ended = Some(error);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half-way, so what a panicking holder left is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
