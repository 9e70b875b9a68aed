//! The journal's metrics.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::queue::Queue;

/// The journal's figures. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    /// Records made durable.
    pub records: Counter,
    /// Commits that made records durable; records divided by commits is the size of a group.
    pub commits: Counter,
    /// Records refused or not written: full disk, full journal, time-out.
    pub refused: Counter,
    /// Records that retention deleted.
    pub expired: Counter,
    /// Bytes of the file in use, of `max_bytes`.
    pub used_bytes: Gauge<u64, AtomicU64>,
    /// `max_bytes`.
    pub limit_bytes: Gauge<u64, AtomicU64>,
    /// Records that wait to be durable.
    pub(super) queue: Queue,
}

impl Metrics {
    /// Registers them as `forebay_stream_journal_*`.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "forebay_stream_journal_records",
            "Records made durable in the journal",
            self.records.clone(),
        );
        registry.register(
            "forebay_stream_journal_commits",
            "Commits that made records durable in the journal",
            self.commits.clone(),
        );
        registry.register(
            "forebay_stream_journal_refused",
            "Records that the journal refused or did not write",
            self.refused.clone(),
        );
        registry.register(
            "forebay_stream_journal_expired",
            "Records that retention deleted from the journal",
            self.expired.clone(),
        );
        registry.register(
            "forebay_stream_journal_used_bytes",
            "Bytes of the journal file in use",
            self.used_bytes.clone(),
        );
        registry.register(
            "forebay_stream_journal_limit_bytes",
            "Bytes that the journal file may have in use",
            self.limit_bytes.clone(),
        );
        registry.register(
            "forebay_stream_journal_queue_records",
            "Records that wait to be durable, of `queue_max_records`",
            self.queue.records.clone(),
        );
        registry.register(
            "forebay_stream_journal_queue_bytes",
            "Bytes of the records that wait to be durable, of `queue_max_bytes`",
            self.queue.bytes.clone(),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_are_shared_and_named() {
        let metrics = Metrics::default();
        let mut registry = Registry::default();
        metrics.register(&mut registry);
        metrics.records.inc_by(3);
        metrics.used_bytes.set(8192);
        let _queued = metrics.queue.enter(7);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).expect("text");
        for line in [
            "forebay_stream_journal_records_total 3",
            "forebay_stream_journal_used_bytes 8192",
            "forebay_stream_journal_queue_records 1",
            "forebay_stream_journal_queue_bytes 7",
        ] {
            assert!(text.contains(line), "`{line}` is missing in:\n{text}");
        }
    }
}
