//! What the database sinks count.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use schemas::name::SinkName;
use schemas::sink::Outcome;

/// The counters of all database sinks of a process: registered once, cloned into each sink. The default counts too, and
/// shows nobody.
#[derive(Debug, Clone)]
pub struct Metrics {
    rows: Family<RowLabels, Counter>,
    batch_seconds: Family<SinkLabels, Histogram, fn() -> Histogram>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RowLabels {
    sink: String,
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
        metrics
    }

    /// One batch was written: `inserted` rows are new, the other delivered ones were there already.
    pub(crate) fn batch(&self, sink: &SinkName, took: Duration, outcomes: &[Outcome], inserted: u64) {
        let sink = sink.to_string();
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let delivered = count(outcomes.iter().filter(|o| **o == Outcome::Delivered).count());
        let rows = [
            ("inserted", inserted),
            ("repeated", delivered.saturating_sub(inserted)),
            ("refused", count(outcomes.len()) - delivered),
        ];
        for (outcome, count) in rows {
            let labels = RowLabels {
                sink: sink.clone(),
                outcome,
            };
            self.rows.get_or_create(&labels).inc_by(count);
        }
        self.batch_seconds
            .get_or_create(&SinkLabels { sink })
            .observe(took.as_secs_f64());
    }
}
