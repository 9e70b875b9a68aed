//! The state of a worker, for readiness and metrics: which partitions it owns, how they move, and what delays them.

use std::collections::BTreeMap;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use schemas::record::Partition;
use schemas::sink::Target;
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
    /// Whether nothing is read because deliveries that wait fill the window; with the target of most of them.
    full: Option<Target>,
    /// When a record was last read.
    moved: Instant,
    /// How many records are read and not settled.
    in_progress: usize,
    /// When the oldest of them was received.
    oldest: Option<Timestamp>,
    /// How many records the partition has that are not settled, as last measured; `None` before the first time.
    lag: Option<u64>,
    /// The newest canary, or the assignment, so that the age grows even if none was seen. `None` where none are sent.
    canary: Option<Canary>,
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
    /// The age of the oldest record that is read and not settled, of all owned partitions, since its receipt; `None` if all
    /// are settled.
    pub oldest_unsettled: Option<Duration>,
    /// The owned partitions that are stalled, and why: the sink or the dead-letter topic is unavailable, or this
    /// process lacks a resource.
    pub stalled: Vec<(Partition, String)>,
    /// The owned partitions of which nothing is read because deliveries that wait for another attempt fill their window, and the
    /// target of most of these.
    pub full: Vec<(Partition, Target)>,
    /// The owned partitions that have records in the log but none in flight, and how long ago the last was read.
    pub idle: Vec<(Partition, Duration)>,
    /// How long ago each had a canary, or was assigned; without those of a topic that has no canaries.
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
            oldest_unsettled: state.assigned.values().filter_map(|owned| owned.oldest).min().map(age),
            stalled: state
                .assigned
                .iter()
                .filter_map(|(partition, owned)| {
                    let reason = owned.stalled.as_ref().or(owned.lacking.as_ref())?;
                    Some((of(partition), reason.clone()))
                })
                .collect(),
            full: state
                .assigned
                .iter()
                .filter_map(|(partition, owned)| Some((of(partition), owned.full.clone()?)))
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
                .filter_map(|(partition, owned)| Some((of(partition), owned.canary?.seen.elapsed())))
                .collect(),
            since_poll: state.last_poll.map(|at| at.elapsed()),
            waiting_for: state.waiting_for.clone(),
            ended: state.ended.clone(),
        }
    }

    /// Returns the age of each partition's newest canary, in seconds since it was sent; before the first one, since the
    /// assignment.
    pub fn canary_ages(&self) -> Vec<(Partition, f64)> {
        let of = |(partition, owned): (&Partition, &Owned)| {
            let canary = owned.canary?;
            Some((partition.clone(), age(canary.sent).as_secs_f64()))
        };
        self.lock().assigned.iter().filter_map(of).collect()
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

    /// Notes that the partition is owned. `canaries`: whether ingest writes canaries to it.
    pub(crate) fn assigned(&self, partition: &Partition, canaries: bool) {
        let owned = Owned {
            stalled: None,
            lacking: None,
            full: None,
            moved: Instant::now(),
            in_progress: 0,
            oldest: None,
            lag: None,
            canary: canaries.then(|| Canary {
                sent: Timestamp::now(),
                seen: Instant::now(),
            }),
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
        self.with(partition, |owned| {
            owned.moved = Instant::now();
            owned.full = None;
        });
    }

    /// Notes that nothing is read until deliveries that wait make room, most of them for `target`.
    pub(crate) fn full(&self, partition: &Partition, target: Target) {
        self.with(partition, |owned| owned.full = Some(target));
    }

    /// Notes how many records are read and not settled, and when the oldest of them was received.
    pub(crate) fn in_progress(&self, partition: &Partition, records: usize, oldest: Option<Timestamp>) {
        self.with(partition, |owned| (owned.in_progress, owned.oldest) = (records, oldest));
    }

    /// Notes the lag; `None` if it could not be measured.
    pub(crate) fn lag(&self, partition: &Partition, lag: Option<u64>) {
        self.with(partition, |owned| owned.lag = lag);
    }

    pub(crate) fn canary(&self, partition: &Partition, sent: Timestamp) {
        let seen = Instant::now();
        self.with(partition, |owned| owned.canary = Some(Canary { sent, seen }));
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

/// How long ago that was; zero if the clock that wrote it was ahead of ours.
pub(crate) fn age(at: Timestamp) -> Duration {
    let millis = Timestamp::now().millis() - at.millis();
    Duration::from_millis(u64::try_from(millis).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use schemas::name::TopicName;

    use super::*;

    #[test]
    fn the_oldest_unsettled_record_is_that_of_all_partitions_and_goes_with_its_own() {
        let status = Status::default();
        let partition = |index| Partition {
            topic: TopicName::new("t").expect("valid"),
            index,
        };
        let ago = |seconds| Timestamp::now().before(Duration::from_secs(seconds));
        status.assigned(&partition(0), true);
        status.assigned(&partition(1), true);
        assert_eq!(status.snapshot().oldest_unsettled, None);
        status.in_progress(&partition(0), 1, Some(ago(60)));
        status.in_progress(&partition(1), 1, Some(ago(3_600)));
        let oldest = || status.snapshot().oldest_unsettled.map(|age| age.as_secs());
        assert!(
            oldest().is_some_and(|age| (3_600..3_700).contains(&age)),
            "{:?}",
            oldest()
        );
        status.released(&partition(1));
        assert!(oldest().is_some_and(|age| (60..160).contains(&age)), "{:?}", oldest());
        status.in_progress(&partition(0), 0, None);
        assert_eq!(oldest(), None);
        assert_eq!(age(Timestamp::MAX), Duration::ZERO);
    }
}
