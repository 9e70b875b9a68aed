//! Where deliveries go: the contract of a sink, what it is given and what it answers.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::BoxFuture;
use crate::event::Event;
use crate::name::{RuleName, SinkName};
use crate::record::{Partition, PartitionProgress, Position, StoredRecord};
use crate::schedule::Schedule;
use crate::setting::Invalid;

/// A place that events are delivered to.
///
/// A sink promises three things: [`Outcome::Delivered`] means durable; the same delivery twice is harmless; and it does
/// not retry by itself. Retrying, backoff and dead letters are the processor's.
pub trait Sink: Send + Sync + fmt::Debug {
    /// The name that rules use.
    fn name(&self) -> &SinkName;

    /// Who gets `event` at this sink, when a rule routes it here. `argument` is what the rule wrote after the colon
    /// (`topic:vip-tickets`). One delivery is made per target, each target once; no target means that nothing is to be done.
    fn targets(&self, event: &Event, argument: Option<&str>) -> Vec<Target>;

    /// Delivers the batch and returns one outcome per delivery, in the same order.
    ///
    /// Batches with progress of one partition come one after the other, in order of offset; batches of different
    /// partitions come at the same time, and so do batches without progress. A sink that keeps order by key returns
    /// [`Outcome::Held`] for every delivery after one that it has to retry, of the same key and target.
    ///
    /// `Err` means that nothing can be delivered now and nothing is wrong with the deliveries: the processor tries the
    /// whole batch again, without limit.
    fn deliver<'a>(&'a self, batch: &'a Batch) -> BoxFuture<'a, Result<Vec<Outcome>, Unavailable>>;

    /// Whether targets have nothing to do with one another, so that one that is slow must cost no other anything. Then each
    /// batch holds deliveries of one key and one target, any number of batches of a partition come at the same time, and of
    /// one key and target one after the other. Not for a sink that keeps progress.
    fn delivers_apart(&self) -> bool;

    /// How the deliveries of one target are to be handled, of a sink that delivers apart. `None`: there is no such target any more.
    /// Quick, and never I/O: asked for every delivery.
    fn handling(&self, target: &Target) -> Option<Arc<Handling>>;

    /// The progress that this sink keeps together with its data, if it keeps any.
    fn kept_progress(&self) -> Option<&dyn KeepsProgress> {
        None
    }

    /// Whether the sink could deliver now, without delivering: an error exactly where [`deliver`](Self::deliver) would
    /// return one. For start and readiness.
    fn ready(&self) -> BoxFuture<'_, Result<(), Unavailable>>;
}

/// What rules may send to, as the settings say it: nothing is opened, and no service is asked.
pub trait Destinations {
    /// The sinks that are configured, in the order of their names.
    fn sinks(&self) -> Vec<SinkName>;

    /// Whether a rule may send to this sink with `argument`, which is what it wrote after the colon. The place of what is wrong
    /// is empty: it is the whole destination.
    fn check(&self, sink: &SinkName, argument: Option<&str>) -> Result<(), Invalid>;
}

/// What a sink can do that keeps its progress together with its data, in one transaction. The kept progress wins over what
/// the event log has stored for the sink's group.
pub trait KeepsProgress: Send + Sync {
    /// The kept progress of a partition; `None` if there is none. Asked on assignment.
    fn progress<'a>(
        &'a self,
        partition: &'a Partition,
    ) -> BoxFuture<'a, Result<Option<PartitionProgress>, Unavailable>>;

    /// Everything before `progress` is settled, also what this sink never saw or rejected. Called now and then, and on
    /// revocation, so that the kept progress does not fall behind what the log still holds. It never goes back, and never
    /// touches progress of a topic with another id: that belongs to whoever has set it since.
    fn checkpoint<'a>(&'a self, progress: &'a PartitionProgress) -> BoxFuture<'a, Result<(), Unavailable>>;

    /// Sets the kept progress, back or forth, and whatever topic it was of. For operators.
    fn set_progress<'a>(&'a self, progress: &'a PartitionProgress) -> BoxFuture<'a, Result<(), Unavailable>>;
}

/// One of the parties that a sink delivers to: an endpoint, a topic; or the sink itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// The sink has only one party.
    Only,
    /// An endpoint's id, a topic's name.
    Named(String),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Only => "-",
            Self::Named(name) => name,
        })
    }
}

/// How the deliveries of one target are handled, of a sink that [delivers apart](Sink::delivers_apart).
#[derive(Debug, Clone, PartialEq)]
pub struct Handling {
    /// Whether deliveries of one key go out in their order, so that one that waits holds back those after it.
    pub ordered: bool,
    /// Whether nothing goes out for now. What comes meanwhile waits.
    pub paused: bool,
    /// How many attempts may be under way at once, of all partitions together.
    pub slots: usize,
    /// How long one attempt takes at most, from when it has begun.
    pub attempt_max: Duration,
    /// How many deliveries of each partition may wait in memory.
    pub queue_max: usize,
    /// When its deliveries are tried again; `None`: as those of its sink.
    pub schedule: Option<Schedule>,
}

impl Default for Handling {
    fn default() -> Self {
        Self {
            ordered: true,
            paused: false,
            slots: 10,
            attempt_max: Duration::from_secs(15),
            queue_max: 1_000,
            schedule: None,
        }
    }
}

/// Whether an attempt has begun: the sink sets it, whoever handed the batch over reads it. Until then the future of
/// [`Sink::deliver`] may be dropped, and nothing has gone out.
#[derive(Debug, Clone, Default)]
pub struct Begun(Arc<AtomicBool>);

impl Begun {
    /// Notes that something may be on its way to the target from now on.
    pub fn note(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether it was noted.
    pub fn is_noted(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Deliveries that are handed to a sink together.
#[derive(Debug)]
pub struct Batch {
    /// At least one. With progress: all of its partition, in order of offset. Without: of any partitions, those of one key
    /// in the order in which they are to arrive.
    pub deliveries: Vec<Delivery>,
    /// How far a partition is settled once every delivery of this batch is. A sink that keeps its progress with the data
    /// stores this, or the offset of the first delivery that it did not deliver, **whichever is smaller**: it may lie before
    /// the batch, while something earlier waits for its next attempt or for its dead letter to be written.
    ///
    /// `None`: no partition waits for these deliveries (a resend, a redrive, a test event), and no progress is stored.
    pub progress: Option<PartitionProgress>,
    /// Noted by a sink that delivers apart, before the first of these goes out.
    pub begun: Begun,
}

/// One event bound for one target of one sink.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The event, decoded once for all its deliveries.
    pub event: Arc<Event>,
    /// The partition that the record was read from.
    pub partition: Arc<Partition>,
    /// The record that the event was read from; its key gives the order.
    pub record: Arc<StoredRecord>,
    /// Who gets it.
    pub target: Target,
    /// The rules that sent it here, in the order of the file.
    pub rules: Vec<RuleName>,
    /// The version of the set of rules: the first 12 hex digits of its SHA-256.
    pub rules_version: Arc<str>,
    /// The number of this try, from 1.
    pub attempt: u32,
}

impl Delivery {
    /// Where its record is in the event log.
    pub fn position(&self) -> Position {
        Position {
            partition: Partition::clone(&self.partition),
            offset: self.record.offset,
        }
    }
}

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Durable at the target.
    Delivered,
    /// May go through later.
    Retry {
        /// Not sooner than this, if the target said so.
        after: Option<Duration>,
        /// Why, for logs and dead letters; without secrets.
        reason: String,
    },
    /// Not tried, because this process lacks a resource: descriptors, ports, memory. The target is not to blame,
    /// so it costs no attempt, counts for no dead letter, and is tried again after a pause, without limit. Those after it of
    /// the same key and target are held.
    Unavailable {
        /// What is lacking, and the way out; without secrets.
        reason: String,
    },
    /// Not tried, because one before it of the same key and target has to be retried. Costs no attempt.
    Held,
    /// Will never go through: a dead letter.
    Rejected {
        /// Why, for logs and dead letters; without secrets.
        reason: String,
    },
    /// The target wants no deliveries at all any more: a dead letter, and the target is to be disabled.
    Refused {
        /// Why, for logs and dead letters; without secrets.
        reason: String,
    },
}

/// The sink as a whole cannot deliver now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("sink `{sink}` is unavailable: {reason}")]
pub struct Unavailable {
    /// The sink that cannot deliver.
    pub sink: SinkName,
    /// Why, and what would fix it; without secrets.
    pub reason: String,
}
