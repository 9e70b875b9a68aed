//! What the attempt log counts.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Why an attempt is not in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Dropped {
    /// Too many wait to be written.
    QueueFull,
    /// There is no partition for its day.
    NoPartition,
    /// The database refuses the row, or was away when the process ended.
    Database,
}

impl Dropped {
    const ALL: [Self; 3] = [Self::QueueFull, Self::NoPartition, Self::Database];

    fn as_str(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::NoPartition => "no_partition",
            Self::Database => "database",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DroppedLabels {
    reason: &'static str,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Metrics {
    pub(super) written: Counter,
    dropped: Family<DroppedLabels, Counter>,
    /// Those that are being written count too.
    pub(super) waiting: Gauge,
}

impl Metrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "forebay_attempt_log_written",
            "Attempts written into the attempt log",
            metrics.written.clone(),
        );
        registry.register(
            "forebay_attempt_log_dropped",
            "Attempts that are not in the attempt log: `queue_full`, too many waited to be written; `no_partition`, the table \
             has no partition for their day; `database`, refused, or not written before the process ended",
            metrics.dropped.clone(),
        );
        registry.register(
            "forebay_attempt_log_waiting",
            "Attempts that wait to be written into the attempt log",
            metrics.waiting.clone(),
        );
        metrics
    }

    /// Makes a series of each metric.
    pub(super) fn example(&self) {
        for reason in Dropped::ALL {
            self.dropped(reason, 0);
        }
    }

    pub(super) fn dropped(&self, reason: Dropped, number: u64) {
        let labels = DroppedLabels {
            reason: reason.as_str(),
        };
        self.dropped.get_or_create(&labels).inc_by(number);
    }
}
