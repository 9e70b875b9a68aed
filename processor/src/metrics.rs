//! The metrics of the workers. One set for all workers of a process; the sink is a label.

use std::sync::Arc;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use schemas::name::{RuleName, SinkName};
use schemas::record::Partition;

use crate::canary_ages::CanaryAges;
use crate::status::Status;

/// The counters and gauges of all workers.
#[derive(Debug, Clone)]
pub struct Metrics {
    canary_ages: CanaryAges,
    events: Family<SinkLabel, Counter>,
    deliveries: Family<OutcomeLabel, Counter>,
    attempts: Family<SinkLabel, Counter>,
    retries: Family<SinkLabel, Counter>,
    unavailable: Family<SinkLabel, Counter>,
    not_tried: Family<SinkLabel, Counter>,
    dead_letters: Family<SinkLabel, Counter>,
    undecodable: Family<SinkLabel, Counter>,
    rule_matches: Family<RuleLabel, Counter>,
    rule_absent: Family<RuleLabel, Counter>,
    rule_errors: Family<RuleLabel, Counter>,
    batch_seconds: Family<SinkLabel, Histogram, fn() -> Histogram>,
    lag: Family<PartitionLabel, Gauge>,
    in_flight: Family<PartitionLabel, Gauge>,
    progress_time: Family<SinkLabel, Gauge>,
    lag_failures: Family<SinkLabel, Counter>,
    canaries: Family<SinkLabel, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SinkLabel {
    sink: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    sink: String,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RuleLabel {
    sink: String,
    rule: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PartitionLabel {
    sink: String,
    partition: i32,
}

/// The metrics of one sink, looked up once.
#[derive(Debug, Clone)]
pub(crate) struct SinkMetrics {
    pub(crate) events: Counter,
    pub(crate) delivered: Counter,
    pub(crate) rejected: Counter,
    pub(crate) exhausted: Counter,
    pub(crate) attempts: Counter,
    /// Failed attempts that are repeated.
    pub(crate) retries: Counter,
    /// Whole batches that failed because the sink was unavailable.
    pub(crate) unavailable: Counter,
    /// Deliveries not tried because this process lacked a resource.
    pub(crate) not_tried: Counter,
    pub(crate) dead_letters: Counter,
    pub(crate) undecodable: Counter,
    pub(crate) batch_seconds: Histogram,
    pub(crate) progress_time: Gauge,
    pub(crate) lag_failures: Counter,
    pub(crate) canaries: Counter,
}

/// The metrics of one rule at one sink, looked up once.
#[derive(Debug, Clone)]
pub(crate) struct RuleMetrics {
    pub(crate) matches: Counter,
    pub(crate) absent: Counter,
    pub(crate) errors: Counter,
}

impl Metrics {
    /// Makes the metrics and registers them.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::new();
        registry.register_collector(Box::new(metrics.canary_ages.clone()));
        metrics.register_deliveries(registry);
        metrics.register_rules(registry);
        metrics.register_progress(registry);
        metrics
    }

    fn new() -> Self {
        let buckets: fn() -> Histogram = || {
            Histogram::new([
                0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0,
            ])
        };
        Self {
            canary_ages: CanaryAges::default(),
            events: Family::default(),
            deliveries: Family::default(),
            attempts: Family::default(),
            retries: Family::default(),
            unavailable: Family::default(),
            not_tried: Family::default(),
            dead_letters: Family::default(),
            undecodable: Family::default(),
            rule_matches: Family::default(),
            rule_absent: Family::default(),
            rule_errors: Family::default(),
            batch_seconds: Family::new_with_constructor(buckets),
            lag: Family::default(),
            in_flight: Family::default(),
            progress_time: Family::default(),
            lag_failures: Family::default(),
            canaries: Family::default(),
        }
    }

    fn register_deliveries(&self, registry: &mut Registry) {
        registry.register("forebay_processor_events", "Records consumed", self.events.clone());
        registry.register(
            "forebay_processor_deliveries",
            "Final outcomes: delivered, rejected, exhausted",
            self.deliveries.clone(),
        );
        registry.register(
            "forebay_processor_attempts",
            "Deliveries for which the sink returned an outcome",
            self.attempts.clone(),
        );
        registry.register(
            "forebay_processor_retries",
            "Attempts that failed and are made again",
            self.retries.clone(),
        );
        registry.register(
            "forebay_processor_unavailable",
            "Batches that failed because the sink was unavailable",
            self.unavailable.clone(),
        );
        registry.register(
            "forebay_processor_not_tried",
            "Deliveries postponed without an attempt because this process lacked a resource",
            self.not_tried.clone(),
        );
        registry.register(
            "forebay_processor_dead_letters",
            "Dead letters written",
            self.dead_letters.clone(),
        );
        registry.register(
            "forebay_processor_undecodable",
            "Records that are not events",
            self.undecodable.clone(),
        );
    }

    fn register_rules(&self, registry: &mut Registry) {
        registry.register(
            "forebay_processor_rule_matches",
            "Events that a rule matched",
            self.rule_matches.clone(),
        );
        registry.register(
            "forebay_processor_rule_absent",
            "Events that a rule did not match because they lack a member that its condition uses",
            self.rule_absent.clone(),
        );
        registry.register(
            "forebay_processor_rule_errors",
            "Events for which a rule's condition could not be evaluated: dead letters, where no other rule sends them",
            self.rule_errors.clone(),
        );
    }

    fn register_progress(&self, registry: &mut Registry) {
        registry.register(
            "forebay_processor_batch_seconds",
            "Time that the sink took for one batch",
            self.batch_seconds.clone(),
        );
        registry.register(
            "forebay_processor_lag_records",
            "Records between stored progress and the end of a partition",
            self.lag.clone(),
        );
        registry.register(
            "forebay_processor_in_flight_records",
            "Records read and not settled",
            self.in_flight.clone(),
        );
        registry.register(
            "forebay_processor_last_progress_timestamp_seconds",
            "When progress was last stored",
            self.progress_time.clone(),
        );
        registry.register(
            "forebay_processor_lag_failures",
            "Times that the lag could not be measured",
            self.lag_failures.clone(),
        );
        registry.register(
            "forebay_processor_canaries",
            "Canary records seen",
            self.canaries.clone(),
        );
    }

    /// Exports the age of the newest canary that this worker has seen.
    pub(crate) fn watch(&self, sink: &SinkName, status: &Arc<Status>) {
        self.canary_ages.watch(sink, status);
    }

    pub(crate) fn rule(&self, sink: &SinkName, rule: &RuleName) -> RuleMetrics {
        let label = RuleLabel {
            sink: sink.to_string(),
            rule: rule.to_string(),
        };
        RuleMetrics {
            matches: self.rule_matches.get_or_create(&label).clone(),
            absent: self.rule_absent.get_or_create(&label).clone(),
            errors: self.rule_errors.get_or_create(&label).clone(),
        }
    }

    pub(crate) fn sink(&self, sink: &SinkName) -> SinkMetrics {
        let label = SinkLabel { sink: sink.to_string() };
        let outcome = |outcome| {
            let label = OutcomeLabel {
                sink: sink.to_string(),
                outcome,
            };
            self.deliveries.get_or_create(&label).clone()
        };
        SinkMetrics {
            events: self.events.get_or_create(&label).clone(),
            delivered: outcome("delivered"),
            rejected: outcome("rejected"),
            exhausted: outcome("exhausted"),
            attempts: self.attempts.get_or_create(&label).clone(),
            retries: self.retries.get_or_create(&label).clone(),
            unavailable: self.unavailable.get_or_create(&label).clone(),
            not_tried: self.not_tried.get_or_create(&label).clone(),
            dead_letters: self.dead_letters.get_or_create(&label).clone(),
            undecodable: self.undecodable.get_or_create(&label).clone(),
            batch_seconds: self.batch_seconds.get_or_create(&label).clone(),
            progress_time: self.progress_time.get_or_create(&label).clone(),
            lag_failures: self.lag_failures.get_or_create(&label).clone(),
            canaries: self.canaries.get_or_create(&label).clone(),
        }
    }

    /// Exports the lag, or removes it if it could not be measured.
    pub(crate) fn lag(&self, sink: &SinkName, partition: &Partition, records: Option<u64>) {
        let label = partition_label(sink, partition);
        if let Some(records) = records {
            let records = i64::try_from(records).unwrap_or(i64::MAX);
            self.lag.get_or_create(&label).set(records);
        } else {
            self.lag.remove(&label);
        }
    }

    pub(crate) fn in_flight(&self, sink: &SinkName, partition: &Partition) -> Gauge {
        self.in_flight.get_or_create(&partition_label(sink, partition)).clone()
    }

    /// Removes the gauges of a partition that was given up.
    pub(crate) fn forget(&self, sink: &SinkName, partition: &Partition) {
        let label = partition_label(sink, partition);
        self.lag.remove(&label);
        self.in_flight.remove(&label);
    }
}

fn partition_label(sink: &SinkName, partition: &Partition) -> PartitionLabel {
    PartitionLabel {
        sink: sink.to_string(),
        partition: partition.index,
    }
}
