//! The metrics of the workers. One set for all workers of a process; the sink is a label.

mod sink;

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use schemas::name::{RuleName, SinkName, TopicName};
use schemas::record::Partition;

use crate::observed::Observed;
use crate::shared::Shared;
pub(crate) use sink::SinkMetrics;
use sink::{ChangeLabel, TargetLabel};

/// Seconds from receipt to delivery: from what is healthy to what retries and outages make of it.
const AGES: [f64; 14] = [
    0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 1_800.0, 21_600.0,
];

/// The counters and gauges of all workers.
#[derive(Debug, Clone)]
pub struct Metrics {
    observed: Observed,
    events: Family<SinkLabel, Counter>,
    deliveries: Family<OutcomeLabel, Counter>,
    settled: Family<OutcomeLabel, Counter>,
    given_back: Family<SinkLabel, Counter>,
    attempts: Family<SinkLabel, Counter>,
    retries: Family<SinkLabel, Counter>,
    unavailable: Family<SinkLabel, Counter>,
    not_tried: Family<SinkLabel, Counter>,
    dead_letters: Family<SinkLabel, Counter>,
    target_dead_letters: Family<TargetLabel, Counter>,
    rebalances: Family<ChangeLabel, Counter>,
    delivery_age: Family<SinkLabel, Histogram, fn() -> Histogram>,
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
    canary_interval: Gauge,
    parked: Family<SinkLabel, Counter>,
    unparked: Family<SinkLabel, Counter>,
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
    topic: String,
    partition: i32,
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
        registry.register_collector(Box::new(metrics.observed.clone()));
        metrics.register_deliveries(registry);
        metrics.register_rules(registry);
        metrics.register_progress(registry);
        metrics
    }

    /// Registers the metrics with one series of each that is counted, for the reference page: which there are, and which labels
    /// they have.
    pub fn example(registry: &mut Registry) {
        let name = "example".to_owned();
        let (Ok(sink), Ok(rule), Ok(topic)) = (
            SinkName::new(name.clone()),
            RuleName::new(name.clone()),
            TopicName::new(name),
        ) else {
            unreachable!("a literal is a valid name")
        };
        let (metrics, partition) = (Self::register(registry), Partition { topic, index: 0 });
        metrics.sink(&sink, 1).dead_letter(None);
        metrics.rule(&sink, &rule);
        metrics.lag(&sink, &partition, Some(0));
        metrics.in_flight(&sink, &partition);
    }

    fn new() -> Self {
        let buckets: fn() -> Histogram = || {
            Histogram::new([
                0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0,
            ])
        };
        Self {
            observed: Observed::default(),
            events: Family::default(),
            deliveries: Family::default(),
            settled: Family::default(),
            given_back: Family::default(),
            attempts: Family::default(),
            retries: Family::default(),
            unavailable: Family::default(),
            not_tried: Family::default(),
            dead_letters: Family::default(),
            target_dead_letters: Family::default(),
            rebalances: Family::default(),
            delivery_age: Family::new_with_constructor(|| Histogram::new(AGES)),
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
            canary_interval: Gauge::default(),
            parked: Family::default(),
            unparked: Family::default(),
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
            "forebay_processor_settled",
            "Records settled, once each: every delivery delivered; a dead letter for at least one; the rest in the backlog (`parked`); or sent nowhere by the rules",
            self.settled.clone(),
        );
        registry.register(
            "forebay_processor_given_back",
            "Records read and not settled when their partition was given up: its next owner reads them again",
            self.given_back.clone(),
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
            "forebay_processor_target_dead_letters",
            "Dead letters written, by endpoint or topic; target `(other)` counts those beyond `metrics_targets_max`",
            self.target_dead_letters.clone(),
        );
        registry.register(
            "forebay_processor_delivery_age_seconds",
            "Time from the receipt of an event to its delivery, retries included",
            self.delivery_age.clone(),
        );
        registry.register(
            "forebay_processor_parked",
            "Deliveries that went to the backlog, because they had to wait",
            self.parked.clone(),
        );
        registry.register(
            "forebay_processor_unparked",
            "Deliveries that left the backlog: delivered, or dead letters",
            self.unparked.clone(),
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
        registry.register(
            "forebay_processor_canary_interval_seconds",
            "How often ingest is told to write a canary to every partition, `canary_seconds`; 0 for never",
            self.canary_interval.clone(),
        );
        registry.register(
            "forebay_processor_rebalances",
            "Changes of the partitions that the group assigns to this process: assigned, revoked, or lost without notice",
            self.rebalances.clone(),
        );
    }

    /// Sets how often canaries are to be expected.
    pub fn expect_canaries(&self, interval: Option<Duration>) {
        let seconds = interval.map_or(0, |interval| interval.as_secs());
        self.canary_interval.set(i64::try_from(seconds).unwrap_or(i64::MAX));
    }

    /// Exports the state of this worker.
    pub(crate) fn watch(&self, worker: &Arc<Shared>) {
        self.observed.watch(worker);
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
        topic: partition.topic.to_string(),
        partition: partition.index,
    }
}
