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
    assigned: BTreeMap<Partition, Option<String>>,
    last_poll: Option<Instant>,
    ended: Option<String>,
}

/// A moment's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The partitions that are owned.
    pub assigned: Vec<Partition>,
    /// Those of them that are held up, and why: the sink or the dead-letter topic is unavailable.
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
        let stalled = |(partition, reason): (&Partition, &Option<String>)| Some((partition.clone(), reason.clone()?));
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
        self.lock().assigned.insert(partition.clone(), None);
    }

    pub(crate) fn released(&self, partition: &Partition) {
        self.lock().assigned.remove(partition);
    }

    pub(crate) fn stalled(&self, partition: &Partition, reason: Option<String>) {
        if let Some(entry) = self.lock().assigned.get_mut(partition) {
            *entry = reason;
        }
    }

    pub(crate) fn ended(&self, error: String) {
        self.lock().ended = Some(error);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half-way, so what a panicking holder left is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
