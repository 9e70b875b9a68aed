//! The metrics of one sink, their handles looked up once.

use std::sync::Arc;
use std::time::Instant;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use schemas::log::Change;
use schemas::name::SinkName;
use schemas::series::SeriesNames;
use schemas::sink::Target;

use crate::flight::Settled;

use super::{Metrics, OutcomeLabel, SinkLabel};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct TargetLabel {
    sink: String,
    /// Empty if the record is no event, or the sink has but one target.
    target: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ChangeLabel {
    sink: String,
    change: &'static str,
}

/// The metrics of one sink, looked up once.
#[derive(Debug, Clone)]
pub(crate) struct SinkMetrics {
    pub(crate) events: Counter,
    pub(crate) delivered: Counter,
    pub(crate) rejected: Counter,
    pub(crate) exhausted: Counter,
    settled: [Counter; 4],
    /// Records that this process leaves to the next owner of their partition.
    pub(crate) given_back: Counter,
    pub(crate) attempts: Counter,
    /// Failed attempts that are repeated.
    pub(crate) retries: Counter,
    /// Whole batches that failed because the sink was unavailable.
    pub(crate) unavailable: Counter,
    /// Deliveries not tried because this process lacked a resource.
    pub(crate) not_tried: Counter,
    dead_letters: Counter,
    target_dead_letters: TargetDeadLetters,
    assigned: Counter,
    revoked: Counter,
    lost: Counter,
    /// Seconds from the receipt of an event to its delivery.
    pub(crate) delivery_age: Histogram,
    pub(crate) undecodable: Counter,
    pub(crate) batch_seconds: Histogram,
    pub(crate) progress_time: Gauge,
    pub(crate) lag_failures: Counter,
    pub(crate) canaries: Counter,
    /// Deliveries that went to the backlog, and that left it.
    pub(crate) parked: Counter,
    pub(crate) unparked: Counter,
}

/// The dead letters of one sink by target, whose number is bounded.
#[derive(Debug, Clone)]
struct TargetDeadLetters {
    sink: String,
    all: Family<TargetLabel, Counter>,
    names: Arc<SeriesNames>,
}

impl TargetDeadLetters {
    fn inc(&self, target: &str) {
        let label = |target: &str| TargetLabel {
            sink: self.sink.clone(),
            target: target.to_owned(),
        };
        let forget = |target: &str| {
            self.all.remove(&label(target));
        };
        let target = self.names.label(target, Instant::now(), forget);
        self.all.get_or_create(&label(target)).inc();
    }
}

impl SinkMetrics {
    /// Notes that a dead letter was written; `None` for what is no event.
    pub(crate) fn dead_letter(&self, target: Option<&Target>) {
        self.dead_letters.inc();
        self.target_dead_letters.inc(match target {
            Some(Target::Named(name)) => name,
            Some(Target::Only) | None => "",
        });
    }

    /// Notes that a record is settled.
    pub(crate) fn settled(&self, how: Settled) {
        let [delivered, dead_letter, parked, nowhere] = &self.settled;
        match how {
            Settled::Delivered => delivered.inc(),
            Settled::DeadLetter => dead_letter.inc(),
            Settled::Parked => parked.inc(),
            Settled::Nowhere => nowhere.inc(),
        };
    }

    /// Notes that the group has changed what this process owns.
    pub(crate) fn rebalanced(&self, change: &Change) {
        match change {
            Change::Assigned(_) => self.assigned.inc(),
            Change::Revoked(_) => self.revoked.inc(),
            Change::Lost(_) => self.lost.inc(),
        };
    }
}

impl Metrics {
    /// The metrics of a sink, of which at most so many targets have a count of dead letters of their own.
    pub(crate) fn sink(&self, sink: &SinkName, targets_max: usize) -> SinkMetrics {
        let change = |change| {
            let label = ChangeLabel {
                sink: sink.to_string(),
                change,
            };
            self.rebalances.get_or_create(&label).clone()
        };
        let label = SinkLabel { sink: sink.to_string() };
        let counter = |family: &Family<OutcomeLabel, Counter>, outcome| {
            let label = OutcomeLabel {
                sink: sink.to_string(),
                outcome,
            };
            family.get_or_create(&label).clone()
        };
        let outcome = |outcome| counter(&self.deliveries, outcome);
        let settled = |outcome| counter(&self.settled, outcome);
        SinkMetrics {
            settled: ["delivered", "dead_letter", "parked", "nowhere"].map(settled),
            given_back: self.given_back.get_or_create(&label).clone(),
            events: self.events.get_or_create(&label).clone(),
            delivered: outcome("delivered"),
            rejected: outcome("rejected"),
            exhausted: outcome("exhausted"),
            attempts: self.attempts.get_or_create(&label).clone(),
            retries: self.retries.get_or_create(&label).clone(),
            unavailable: self.unavailable.get_or_create(&label).clone(),
            not_tried: self.not_tried.get_or_create(&label).clone(),
            dead_letters: self.dead_letters.get_or_create(&label).clone(),
            target_dead_letters: TargetDeadLetters {
                sink: sink.to_string(),
                all: self.target_dead_letters.clone(),
                names: Arc::new(SeriesNames::new(targets_max)),
            },
            assigned: change("assigned"),
            revoked: change("revoked"),
            lost: change("lost"),
            delivery_age: self.delivery_age.get_or_create(&label).clone(),
            undecodable: self.undecodable.get_or_create(&label).clone(),
            batch_seconds: self.batch_seconds.get_or_create(&label).clone(),
            progress_time: self.progress_time.get_or_create(&label).clone(),
            lag_failures: self.lag_failures.get_or_create(&label).clone(),
            canaries: self.canaries.get_or_create(&label).clone(),
            parked: self.parked.get_or_create(&label).clone(),
            unparked: self.unparked.get_or_create(&label).clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::registry::Registry;

    use super::*;

    #[test]
    fn so_many_targets_have_a_count_of_their_own_and_the_sum_is_complete() {
        let mut registry = Registry::default();
        let sink = SinkName::new("http").expect("valid");
        let metrics = Metrics::register(&mut registry).sink(&sink, 2);
        for target in ["a", "b", "c", "d", "a"] {
            metrics.dead_letter(Some(&Target::Named(target.to_owned())));
        }
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).expect("text");
        for line in [
            r#"dead_letters_total{sink="http"} 5"#,
            r#"target_dead_letters_total{sink="http",target="a"} 2"#,
            r#"target_dead_letters_total{sink="http",target="b"} 1"#,
            r#"target_dead_letters_total{sink="http",target="(other)"} 2"#,
        ] {
            let line = format!("forebay_processor_{line}\n");
            assert!(text.contains(&line), "{line} is not in\n{text}");
        }
        assert_eq!(text.matches("target=").count(), 3, "{text}");
    }
}
