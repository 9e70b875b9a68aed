//! The Kafka log's metrics.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::queue::Queue;

/// The counters of one log.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    /// Jumps over offsets that the log itself does not have.
    pub(super) holes: Counter,
    /// Jumps over records that were not received and fetched again.
    pub(super) skips: Counter,
    /// Records that wait for their acknowledgement.
    pub(super) queue: Queue,
    /// `queue_max_bytes`.
    pub(super) queue_limit: Gauge<u64, AtomicU64>,
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
        registry.register(
            "forebay_kafka_producer_queue_records",
            "Records handed to the producers that wait for their acknowledgement, of `queue_max_records`",
            self.queue.records.clone(),
        );
        registry.register(
            "forebay_kafka_producer_queue_bytes",
            "Bytes of the records that wait for their acknowledgement, of `queue_max_bytes`",
            self.queue.bytes.clone(),
        );
        registry.register(
            "forebay_kafka_producer_queue_limit_bytes",
            "Bytes that the producers' queue may have, `queue_max_bytes`",
            self.queue_limit.clone(),
        );
    }
}
