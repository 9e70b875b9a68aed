//! The Kafka log's metrics.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

/// The counters of one log.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    /// Jumps over offsets that the log itself does not have.
    pub(super) holes: Counter,
    /// Jumps over records that were not received and fetched again.
    pub(super) skips: Counter,
}

impl Metrics {
    /// Registers them as `forebay_kafka_*`.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "forebay_kafka_holes",
            "Jumps in the offsets of a partition that the log confirmed: compaction, markers of transactions",
            self.holes.clone(),
        );
        registry.register(
            "forebay_kafka_skips",
            "Jumps in the offsets of a partition that the log denied: the records between were fetched again",
            self.skips.clone(),
        );
    }
}
