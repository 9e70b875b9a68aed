//! What the database sinks count.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use parking_lot::Mutex;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use schemas::name::SinkName;
use schemas::series::OTHER;
use schemas::sink::{Batch, Outcome};

use super::Written;
use super::row::source_id;
use crate::state::StateWritten;

/// How many pairs of source and type have a series of their own: senders name types, and events of other writers of the topic name
/// sources. What comes later is counted together, under [`OTHER`].
const MAX_DIFFERING: usize = 500;

/// The counters of all database sinks of a process: registered once, cloned into each sink. The default counts too, but
/// is exported nowhere.
#[derive(Debug, Clone)]
pub struct Metrics {
    rows: Family<RowLabels, Counter>,
    batch_seconds: Family<SinkLabels, Histogram, fn() -> Histogram>,
    differing: Family<DifferingLabels, Counter>,
    separate: Arc<Mutex<HashSet<DifferingLabels>>>,
    state: Family<StateLabels, Counter>,
    unread: Family<SinkLabels, Counter>,
    partitions: Family<SinkLabels, Gauge>,
    partitions_ahead_seconds: Family<SinkLabels, Gauge<f64, AtomicU64>>,
    oldest_seconds: Family<SinkLabels, Gauge>,
    upkeep_failures: Family<SinkLabels, Counter>,
}

/// How the table `event` stands.
#[derive(Debug, Default)]
pub(crate) struct Upkeep {
    /// How old its oldest event is, if it has one.
    pub(crate) oldest_ms: Option<i64>,
    /// How many partitions there are, if it has partitions at all.
    pub(crate) partitions: Option<usize>,
    /// For how long from now on there are partitions without a gap.
    pub(crate) ahead_ms: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RowLabels {
    sink: String,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DifferingLabels {
    sink: String,
    source: String,
    r#type: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    sink: String,
    table: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SinkLabels {
    sink: String,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            rows: Family::default(),
            batch_seconds: Family::new_with_constructor(|| {
                Histogram::new([
                    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0,
                ])
            }),
            differing: Family::default(),
            separate: Arc::default(),
            state: Family::default(),
            unread: Family::default(),
            partitions: Family::default(),
            partitions_ahead_seconds: Family::default(),
            oldest_seconds: Family::default(),
            upkeep_failures: Family::default(),
        }
    }
}

impl Metrics {
    /// Makes the counters and registers them.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "forebay_sinks_table_rows",
            "Rows of database sinks, by what became of them",
            metrics.rows.clone(),
        );
        registry.register(
            "forebay_sinks_table_batch_seconds",
            "How long a database sink took to write one batch",
            metrics.batch_seconds.clone(),
        );
        registry.register(
            "forebay_sinks_table_repeats_differing",
            "Repeats of stored events whose body differs from the stored one, kept in event_variant",
            metrics.differing.clone(),
        );
        registry.register(
            "forebay_sinks_state_rows",
            "Rows of the tables of current state, by what became of them: written, unchanged (they said nothing new) or refused (too long \
             a key, or the database refuses them; their events are stored)",
            metrics.state.clone(),
        );
        registry.register(
            "forebay_sinks_state_unread",
            "Events that say nothing of current state, or less than they might: their data could not be read, or have no id that can be a key",
            metrics.unread.clone(),
        );
        registry.register(
            "forebay_sinks_table_partitions",
            "Partitions of the table event",
            metrics.partitions.clone(),
        );
        registry.register(
            "forebay_sinks_table_partitions_ahead_seconds",
            "For how long from now on the table event has partitions without a gap",
            metrics.partitions_ahead_seconds.clone(),
        );
        registry.register(
            "forebay_sinks_table_oldest_event_seconds",
            "How old the oldest event in the table is, by its id",
            metrics.oldest_seconds.clone(),
        );
        registry.register(
            "forebay_sinks_table_upkeep_failures",
            "Attempts to make partitions or to drop old events that failed, and are tried again",
            metrics.upkeep_failures.clone(),
        );
        metrics
    }

    /// Registers the counters with one series of each, for the reference page: which there are, and which labels they have.
    pub fn example(registry: &mut Registry) {
        let metrics = Self::register(registry);
        let sink = || "example".to_owned();
        drop(metrics.rows.get_or_create_owned(&RowLabels {
            sink: sink(),
            outcome: "inserted",
        }));
        drop(metrics.batch_seconds.get_or_create_owned(&SinkLabels { sink: sink() }));
        drop(metrics.differing.get_or_create_owned(&DifferingLabels {
            sink: sink(),
            source: sink(),
            r#type: sink(),
        }));
        drop(metrics.state.get_or_create_owned(&StateLabels {
            sink: sink(),
            table: "message",
            outcome: "written",
        }));
        drop(metrics.unread.get_or_create_owned(&SinkLabels { sink: sink() }));
        let labels = SinkLabels { sink: sink() };
        drop(metrics.partitions.get_or_create_owned(&labels));
        drop(metrics.partitions_ahead_seconds.get_or_create_owned(&labels));
        drop(metrics.oldest_seconds.get_or_create_owned(&labels));
        drop(metrics.upkeep_failures.get_or_create_owned(&labels));
    }

    /// One batch was written: so many rows are new, the other delivered ones existed already.
    pub(crate) fn batch(
        &self,
        sink: &SinkName,
        took: Duration,
        batch: &Batch,
        outcomes: &[Outcome],
        written: &Written,
    ) {
        self.state(sink, &written.state);
        let sink = sink.to_string();
        let inserted = written.inserted;
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let delivered = count(outcomes.iter().filter(|o| **o == Outcome::Delivered).count());
        let rows = [
            ("inserted", inserted),
            ("repeated", delivered.saturating_sub(inserted + written.expired)),
            ("expired", written.expired),
            ("refused", count(outcomes.len()) - delivered),
        ];
        for (outcome, count) in rows {
            let labels = RowLabels {
                sink: sink.clone(),
                outcome,
            };
            self.rows.get_or_create(&labels).inc_by(count);
        }
        for delivery in written.differing.iter().filter_map(|&d| batch.deliveries.get(d)) {
            let attributes = &delivery.event.attributes;
            let labels = DifferingLabels {
                sink: sink.clone(),
                source: source_id(&attributes.source).to_owned(),
                r#type: attributes.event_type.to_string(),
            };
            self.differing.get_or_create(&self.bounded(labels)).inc();
        }
        self.batch_seconds
            .get_or_create(&SinkLabels { sink })
            .observe(took.as_secs_f64());
    }

    /// So many rows of state were written.
    pub(crate) fn state(&self, sink: &SinkName, written: &StateWritten) {
        for (table, counts) in written.iter() {
            for (outcome, count) in [
                ("written", counts.written),
                ("unchanged", counts.unchanged),
                ("refused", counts.refused),
            ] {
                let labels = StateLabels {
                    sink: sink.to_string(),
                    table: table.name(),
                    outcome,
                };
                self.state.get_or_create(&labels).inc_by(count);
            }
        }
        let labels = SinkLabels { sink: sink.to_string() };
        self.unread.get_or_create(&labels).inc_by(written.unread);
        if let Some(reason) = &written.refusal {
            tracing::warn!(%sink, "rows of current state were left out, the events that say so are stored; the first: {reason}");
        }
    }

    /// How the table stands now.
    pub(crate) fn upkeep(&self, sink: &SinkName, found: &Upkeep) {
        let labels = SinkLabels { sink: sink.to_string() };
        let oldest = found.oldest_ms.map_or(0, |ms| ms / 1000);
        self.oldest_seconds.get_or_create(&labels).set(oldest);
        if let Some(partitions) = found.partitions {
            let partitions = i64::try_from(partitions).unwrap_or(i64::MAX);
            self.partitions.get_or_create(&labels).set(partitions);
        }
        if let Some(ms) = found.ahead_ms {
            let ahead = Duration::from_millis(u64::try_from(ms).unwrap_or(0));
            self.partitions_ahead_seconds
                .get_or_create(&labels)
                .set(ahead.as_secs_f64());
        }
    }

    /// Making or dropping failed.
    pub(crate) fn upkeep_failed(&self, sink: &SinkName) {
        let labels = SinkLabels { sink: sink.to_string() };
        self.upkeep_failures.get_or_create(&labels).inc();
    }

    fn bounded(&self, labels: DifferingLabels) -> DifferingLabels {
        let mut separate = self.separate.lock();
        if separate.len() < MAX_DIFFERING {
            separate.insert(labels.clone());
        }
        if separate.contains(&labels) {
            labels
        } else {
            DifferingLabels {
                source: OTHER.to_owned(),
                r#type: OTHER.to_owned(),
                ..labels
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_series_of_differing_repeats_are_bounded() {
        let metrics = Metrics::default();
        let labels = |n: usize| DifferingLabels {
            sink: "postgres".into(),
            source: "s".into(),
            r#type: format!("type {n}"),
        };
        for n in 0..MAX_DIFFERING {
            assert_eq!(metrics.bounded(labels(n)), labels(n));
        }
        assert_eq!(metrics.bounded(labels(3)), labels(3), "what has a series keeps it");
        let other = metrics.bounded(labels(MAX_DIFFERING));
        assert_eq!((&*other.source, &*other.r#type), (OTHER, OTHER));
        assert_eq!(metrics.bounded(other.clone()), other);
        assert_eq!(metrics.separate.lock().len(), MAX_DIFFERING);
    }
}
