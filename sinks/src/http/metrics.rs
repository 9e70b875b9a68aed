//! What the HTTP sink counts. The label `endpoint` is bounded by the registered endpoints: what is removed goes.

use std::fmt;

use parking_lot::Mutex;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use schemas::name::EndpointId;

use super::verdict::Class;

/// Seconds; the last ones are the time-outs that endpoints usually have.
const BUCKETS: [f64; 15] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0,
];

#[derive(Debug, Clone)]
pub(super) struct Metrics {
    attempts: Family<AttemptLabels, Counter>,
    seconds: Family<EndpointLabels, Histogram, fn() -> Histogram>,
    in_flight: Family<EndpointLabels, Gauge>,
}

/// The handles of one endpoint, looked up once.
#[derive(Debug)]
pub(super) struct EndpointMetrics {
    id: EndpointId,
    all: Metrics,
    delivered: Counter,
    pub(super) seconds: Histogram,
    pub(super) in_flight: Gauge,
    /// Set once the endpoint is removed: attempts that are still under way are not counted, or its series would come back.
    forgotten: Mutex<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EndpointLabels {
    endpoint: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AttemptLabels {
    endpoint: String,
    class: Class,
}

impl EncodeLabelValue for Class {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        self.as_str().encode(encoder)
    }
}

impl Metrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            attempts: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            in_flight: Family::default(),
        };
        registry.register(
            "forebay_sinks_http_attempts",
            "Attempts to deliver to an endpoint, by what became of them",
            metrics.attempts.clone(),
        );
        registry.register(
            "forebay_sinks_http_attempt_seconds",
            "How long attempts took, from the free slot and connection to the head of the answer",
            metrics.seconds.clone(),
        );
        registry.register(
            "forebay_sinks_http_in_flight",
            "Attempts under way",
            metrics.in_flight.clone(),
        );
        metrics
    }

    pub(super) fn endpoint(&self, id: &EndpointId) -> EndpointMetrics {
        let labels = EndpointLabels {
            endpoint: id.to_string(),
        };
        EndpointMetrics {
            id: id.clone(),
            all: self.clone(),
            delivered: self.attempts.get_or_create_owned(&AttemptLabels {
                endpoint: id.to_string(),
                class: Class::Delivered,
            }),
            seconds: self.seconds.get_or_create_owned(&labels),
            in_flight: self.in_flight.get_or_create_owned(&labels),
            forgotten: Mutex::new(false),
        }
    }

    fn remove(&self, id: &str) {
        let labels = EndpointLabels {
            endpoint: id.to_owned(),
        };
        self.seconds.remove(&labels);
        self.in_flight.remove(&labels);
        for class in Class::ALL {
            self.attempts.remove(&AttemptLabels {
                endpoint: id.to_owned(),
                class,
            });
        }
    }
}

/// Registers what the client counts for all endpoints together.
pub(super) fn connections(registry: &mut Registry, client: net::client::Metrics) {
    registry.register(
        "forebay_sinks_http_connections",
        "Connections that are open or being made, of all endpoints together",
        client.connections,
    );
    let most = Gauge::<i64>::default();
    most.set(i64::try_from(client.max_connections).unwrap_or(i64::MAX));
    registry.register(
        "forebay_sinks_http_connections_limit",
        "The most connections that there may be at once",
        most,
    );
    registry.register(
        "forebay_sinks_http_bodies_aside",
        "Answers whose outcome is known and whose body is still being read",
        client.bodies_aside,
    );
}

impl EndpointMetrics {
    /// Removes everything that was counted for the endpoint, which was removed.
    pub(super) fn forget(&self) {
        let mut forgotten = self.forgotten.lock();
        *forgotten = true;
        self.all.remove(self.id.as_str());
    }

    pub(super) fn count(&self, class: Class) {
        if class == Class::Delivered {
            self.delivered.inc();
        } else {
            let forgotten = self.forgotten.lock();
            if *forgotten {
                return;
            }
            let endpoint = self.id.to_string();
            self.all
                .attempts
                .get_or_create(&AttemptLabels { endpoint, class })
                .inc();
        }
    }
}
