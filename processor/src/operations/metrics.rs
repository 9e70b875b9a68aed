//! The metrics of operational events.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The counters and the gauge of the operational events of a process.
#[derive(Debug, Clone, Default)]
pub struct OperationsMetrics {
    published: Counter,
    dropped: Family<ReasonLabel, Counter>,
    /// Those that wait for the log.
    pub(super) waiting: Gauge,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

/// Why an operational event was not published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dropped {
    /// Too many wait already.
    QueueFull,
    /// The process ended before the log took it.
    Ended,
    /// The log never takes a record of this size.
    TooLarge,
    /// No endpoint has that name, so it has no tenant.
    UnknownEndpoint,
}

impl Dropped {
    const ALL: [Self; 4] = [Self::QueueFull, Self::Ended, Self::TooLarge, Self::UnknownEndpoint];

    fn label(self) -> ReasonLabel {
        ReasonLabel {
            reason: match self {
                Self::QueueFull => "queue_full",
                Self::Ended => "ended",
                Self::TooLarge => "too_large",
                Self::UnknownEndpoint => "unknown_endpoint",
            },
        }
    }
}

impl OperationsMetrics {
    /// Makes the metrics and registers them.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        for reason in Dropped::ALL {
            metrics.dropped(reason, 0);
        }
        registry.register(
            "forebay_operations_published",
            "Operational events published",
            metrics.published.clone(),
        );
        registry.register(
            "forebay_operations_dropped",
            "Operational events that were given up, which are only logged: too many waited, the process ended, the event log does \
             not take the size, or no endpoint has the name",
            metrics.dropped.clone(),
        );
        registry.register(
            "forebay_operations_waiting",
            "Operational events that wait for the event log",
            metrics.waiting.clone(),
        );
        metrics
    }

    /// The same, for the reference page.
    pub fn example(registry: &mut Registry) {
        Self::register(registry);
    }

    pub(super) fn published(&self) {
        self.published.inc();
    }

    pub(super) fn dropped(&self, reason: Dropped, count: u64) {
        self.dropped.get_or_create(&reason.label()).inc_by(count);
    }
}
