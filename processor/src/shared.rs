//! What all partitions of a worker share.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use schemas::backlog::Backlog;
use schemas::log::{Publish, Subscribe};
use schemas::name::TopicName;
use schemas::sink::{Delivery, Sink};

use crate::config::Config;
use crate::failure::valve::Valve;
use crate::metrics::SinkMetrics;
use crate::route::Router;
use crate::rows::Place;
use crate::status::Status;
use crate::targets::Targets;
use crate::troubles::Troubles;
use schemas::schedule::Schedule;

/// The parts of the event log that a worker uses.
#[derive(Debug, Clone)]
pub struct Log {
    /// Where events are read.
    pub reader: Arc<dyn Subscribe>,
    /// Where dead letters are written.
    pub writer: Arc<dyn Publish>,
    /// The topic of the events.
    pub events: TopicName,
    /// The topic of the dead letters.
    pub dead_letters: TopicName,
}

/// What all partitions of a worker share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) sink: Arc<dyn Sink>,
    pub(crate) log: Log,
    pub(crate) router: Router,
    pub(crate) config: Config,
    /// When this sink's deliveries are tried again.
    pub(crate) schedule: Schedule,
    /// Counts the outcomes of deliveries.
    pub(crate) valve: Mutex<Valve>,
    /// Counts the routing of events. They are not counted with the outcomes: an event that no rule matches has none, so
    /// a rule that fails for one event in a hundred, and matches none of the others, would trip the valve.
    pub(crate) routing_valve: Mutex<Valve>,
    pub(crate) troubles: Troubles,
    pub(crate) metrics: SinkMetrics,
    pub(crate) status: Arc<Status>,
    /// Where deliveries wait, if the sink has a backlog. Set before the worker starts.
    pub(crate) parking: OnceLock<Parking>,
}

/// Where deliveries of a worker wait, and what is known of their targets.
#[derive(Debug)]
pub(crate) struct Parking {
    pub(crate) backlog: Arc<dyn Backlog>,
    pub(crate) targets: Arc<Targets>,
}

impl Parking {
    /// Returns where a delivery stands among the rows of its partition.
    pub(crate) fn place_of<'d>(&self, delivery: &'d Delivery) -> Place<'d> {
        Place {
            target: &delivery.target,
            key: &delivery.record.record.key,
            offset: delivery.record.offset,
            ordered: self.targets.handling(&delivery.target).ordered,
        }
    }
}

impl Shared {
    /// Returns where deliveries wait, if the sink has a backlog.
    pub(crate) fn parking(&self) -> Option<&Parking> {
        self.parking.get()
    }

    /// Returns the wait before an unavailable sink or log is tried again after `failures` failures in a row.
    pub(crate) fn backoff(&self, failures: u32) -> Duration {
        self.config.while_unavailable().at_least_half(failures, fastrand::f64())
    }

    /// Returns the wait before the next attempt of a delivery; `asked` is what the target asked for.
    pub(crate) fn retry_wait(&self, attempt: u32, asked: Option<Duration>) -> Duration {
        let asked = asked.map(|asked| asked.min(Duration::from_millis(self.config.retry_after_max_ms)));
        self.schedule.wait(attempt, asked, fastrand::f64())
    }
}
