//! What is computed on each scrape out of the state of the workers, so that it is right even when a worker is stuck: ages,
//! the partitions that are held, the valves.

use std::fmt;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::health::State;
use crate::shared::{Parking, Shared};
use crate::status::age;

/// The workers that are observed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Observed(Arc<Mutex<Vec<Weak<Shared>>>>);

/// One series: its labels and its value.
type Series = (Vec<(&'static str, String)>, f64);

impl Observed {
    pub(crate) fn watch(&self, worker: &Arc<Shared>) {
        self.0.lock().push(Arc::downgrade(worker));
    }
}

impl Collector for Observed {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let workers: Vec<Arc<Shared>> = self.0.lock().iter().filter_map(Weak::upgrade).collect();
        let mut gauge = |name: &str, help: &str, of: fn(&Shared) -> Vec<Series>| -> fmt::Result {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for worker in &workers {
                for (mut labels, value) in of(worker) {
                    labels.insert(0, ("sink", worker.sink.name().to_string()));
                    ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
                }
            }
            Ok(())
        };
        gauge(
            "forebay_processor_canary_age_seconds",
            "Age of the newest canary record that this sink has seen of a partition",
            canary_ages,
        )?;
        gauge(
            "forebay_processor_oldest_unsettled_seconds",
            "Age since its receipt of the oldest record that is read and not settled; 0 if all are settled",
            oldest_unsettled,
        )?;
        gauge(
            "forebay_processor_partitions",
            "Partitions of the events that this process holds for the sink",
            partitions,
        )?;
        gauge(
            "forebay_processor_joined",
            "Whether the group has assigned partitions to this process, which may be none (1), or not yet (0)",
            joined,
        )?;
        gauge(
            "forebay_processor_targets",
            "Targets of which something is known, by the state of their breaker: closed; open and probing get nothing new; ramp gets more from second to second; and those that are disabled",
            targets,
        )?;
        gauge(
            "forebay_processor_backlog_deliveries",
            "Deliveries that wait in the backlog of the sink, of all processes, counted once a minute",
            backlog_deliveries,
        )?;
        gauge(
            "forebay_processor_backlog_oldest_seconds",
            "How long the delivery has waited that came into the backlog first; 0 if none waits, counted once a minute",
            backlog_oldest,
        )?;
        gauge(
            "forebay_processor_valve_failures_ratio",
            "Share of failures among the outcomes that a valve looks back on; absent while there are none",
            valve_failures,
        )?;
        gauge(
            "forebay_processor_valve_tripped",
            "Whether a valve has stopped the worker because nearly everything fails (1 or 0)",
            valve_tripped,
        )
    }
}

fn canary_ages(worker: &Shared) -> Vec<Series> {
    let ages = worker.status.canary_ages().into_iter();
    ages.map(|(partition, age)| (vec![("partition", partition.index.to_string())], age))
        .collect()
}

fn oldest_unsettled(worker: &Shared) -> Vec<Series> {
    let age = worker.status.snapshot().oldest_unsettled.unwrap_or_default();
    vec![(vec![], age.as_secs_f64())]
}

fn partitions(worker: &Shared) -> Vec<Series> {
    // Those of the events: the partition of operational events says nothing of them.
    let assigned = worker.status.snapshot().assigned;
    let of_events = assigned.iter().filter(|partition| partition.topic == worker.log.events);
    vec![(vec![], precise(of_events.count()))]
}

fn joined(worker: &Shared) -> Vec<Series> {
    vec![(vec![], f64::from(worker.status.snapshot().joined))]
}

fn backlog_deliveries(worker: &Shared) -> Vec<Series> {
    let parking = worker.parking().into_iter();
    let count = |parking: &Parking| usize::try_from(parking.targets.waiting().0).unwrap_or(usize::MAX);
    parking.map(|parking| (vec![], precise(count(parking)))).collect()
}

fn backlog_oldest(worker: &Shared) -> Vec<Series> {
    let parking = worker.parking().into_iter();
    let oldest = |parking: &Parking| parking.targets.waiting().1.map(age).unwrap_or_default();
    parking.map(|parking| (vec![], oldest(parking).as_secs_f64())).collect()
}

fn targets(worker: &Shared) -> Vec<Series> {
    let Some(parking) = worker.parking() else {
        return Vec::new();
    };
    let states = parking.targets.states();
    let count = |state: State| precise(states.iter().filter(|of| **of == state).count());
    let all = State::ALL.into_iter().map(|state| (state.as_str(), count(state)));
    let disabled = ("disabled", precise(parking.targets.disabled()));
    all.chain([disabled])
        .map(|(state, count)| (vec![("state", state.to_owned())], count))
        .collect()
}

fn valve_failures(worker: &Shared) -> Vec<Series> {
    let valves = valves(worker).into_iter();
    valves
        .filter(|(_, (_, outcomes), _)| *outcomes > 0)
        .map(|(labels, (failures, outcomes), _)| (labels, precise(failures) / precise(outcomes)))
        .collect()
}

fn valve_tripped(worker: &Shared) -> Vec<Series> {
    let valves = valves(worker).into_iter();
    valves
        .map(|(labels, _, tripped)| (labels, f64::from(tripped)))
        .collect()
}

/// The labels of a valve, its failures and outcomes, and whether it is tripped.
type OfValve = (Vec<(&'static str, String)>, (usize, usize), bool);

fn valves(worker: &Shared) -> [OfValve; 2] {
    [("deliveries", &worker.valve), ("routing", &worker.routing_valve)].map(|(name, valve)| {
        let valve = valve.lock();
        (vec![("valve", name.to_owned())], valve.share(), valve.is_tripped())
    })
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn precise(number: usize) -> f64 {
    number as f64
}
