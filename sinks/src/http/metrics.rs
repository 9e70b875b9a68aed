//! What the HTTP sink counts. The values of the label `endpoint` are bounded, and go with their endpoint.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use schemas::name::EndpointId;
use schemas::series::SeriesNames;

use super::verdict::Class;

/// Seconds; the last ones are the time-outs that endpoints usually have.
const BUCKETS: [f64; 15] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0,
];

#[derive(Debug, Clone)]
pub(super) struct Metrics {
    attempts: Family<AttemptLabels, Counter>,
    /// The endpoints that have series of their own.
    names: Arc<SeriesNames>,
    /// Of all endpoints together, as the next one.
    pub(super) seconds: Histogram,
    pub(super) in_flight: Gauge,
}

/// What is counted for one endpoint.
#[derive(Debug)]
pub(super) struct EndpointMetrics {
    id: EndpointId,
    pub(super) all: Metrics,
    /// Set once the endpoint is removed: attempts that are still under way are not counted, or its series would come back.
    forgotten: Mutex<bool>,
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
    /// At most `endpoints_max` endpoints have series of their own.
    pub(super) fn register(registry: &mut Registry, endpoints_max: usize) -> Self {
        let metrics = Self {
            attempts: Family::default(),
            names: Arc::new(SeriesNames::new(endpoints_max)),
            seconds: Histogram::new(BUCKETS),
            in_flight: Gauge::default(),
        };
        registry.register(
            "forebay_sinks_http_attempts",
            "Attempts to deliver to an endpoint, by what became of them; endpoint `(other)` counts those beyond `metrics_endpoints_max`",
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
        EndpointMetrics {
            id: id.clone(),
            all: self.clone(),
            forgotten: Mutex::new(false),
        }
    }

    fn remove(&self, id: &str) {
        for class in Class::ALL {
            self.attempts.remove(&AttemptLabels {
                endpoint: id.to_owned(),
                class,
            });
        }
    }
}

/// Registers the metrics with one series of each, for the reference page: which there are, and which labels they have.
pub fn example_metrics(registry: &mut Registry) {
    let metrics = Metrics::register(registry, 1);
    drop(metrics.attempts.get_or_create_owned(&AttemptLabels {
        endpoint: "example".to_owned(),
        class: Class::Delivered,
    }));
    let client = net::client::Metrics {
        connections: Gauge::default(),
        max_connections: 0,
        bodies_aside: Gauge::default(),
    };
    connections(registry, client);
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
        self.all.names.remove(self.id.as_str());
        self.all.remove(self.id.as_str());
    }

    pub(super) fn count(&self, class: Class) {
        let forgotten = self.forgotten.lock();
        if *forgotten {
            return;
        }
        let forget = |id: &str| self.all.remove(id);
        let endpoint = self.all.names.label(self.id.as_str(), Instant::now(), forget);
        let endpoint = endpoint.to_owned();
        self.all
            .attempts
            .get_or_create(&AttemptLabels { endpoint, class })
            .inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_thousand_endpoints_have_few_series_and_a_removed_one_makes_room() {
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry, 2);
        let endpoint = |n: u32| metrics.endpoint(&EndpointId::new(format!("e{n}")).expect("valid"));
        let endpoints: Vec<EndpointMetrics> = (0..10_000).map(endpoint).collect();
        for endpoint in &endpoints {
            endpoint.count(Class::Delivered);
        }
        let shown = || {
            let mut text = String::new();
            prometheus_client::encoding::text::encode(&mut text, &registry).expect("text");
            let attempts = text
                .lines()
                .filter_map(|line| line.strip_prefix("forebay_sinks_http_attempts_total"));
            let mut attempts: Vec<String> = attempts.map(str::to_owned).collect();
            attempts.sort();
            attempts
        };
        let series = |endpoint: &str, count: u32| format!(r#"{{endpoint="{endpoint}",class="delivered"}} {count}"#);
        assert_eq!(shown(), [series("(other)", 9_998), series("e0", 1), series("e1", 1)]);
        endpoints[0].forget();
        endpoints[0].count(Class::Delivered);
        endpoints[7].count(Class::Delivered);
        assert_eq!(shown(), [series("(other)", 9_998), series("e1", 1), series("e7", 1)]);
    }
}
