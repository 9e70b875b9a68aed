//! The metrics of ingest.
//!
//! Handles are looked up once per source and kept (`source`), so that counting an event costs one atomic addition.

mod source;

use std::fmt::{self, Write as _};
use std::sync::atomic::AtomicU64;

use net::server::{ByClass, ByReason};
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::authenticate::{MAX_SECRETS, Matched};
use crate::decide::Reason;
pub(crate) use source::{EventFamily, SourceMetrics};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfSource {
    source: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    source: String,
    class: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Verified {
    source: String,
    secret: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refused {
    source: String,
    reason: Reason,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Published {
    source: String,
    family: EventFamily,
}

impl EncodeLabelValue for Reason {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        encoder.write_str(self.label())
    }
}

impl EncodeLabelValue for EventFamily {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        encoder.write_str(self.label())
    }
}

/// The counters and gauges of all sources, and those of the server.
#[derive(Debug, Clone)]
pub struct Metrics {
    received: Family<OfSource, Counter>,
    answered: Family<Answered, Counter>,
    verified: Family<Verified, Counter>,
    verified_url_secrets: Family<Verified, Counter>,
    refused: Family<Refused, Counter>,
    published: Family<Published, Counter>,
    pub(crate) publish_seconds: Histogram,
    pub(crate) ack_budget: Gauge<f64, AtomicU64>,
    pub(crate) in_flight: Gauge,
    pub(crate) buffered_bytes: Gauge,
    pub(crate) server: net::server::Metrics,
}

impl Metrics {
    /// Makes the metrics and registers them.
    pub fn register(registry: &mut Registry) -> Self {
        let buckets = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0];
        let metrics = Self {
            received: Family::default(),
            answered: Family::default(),
            verified: Family::default(),
            verified_url_secrets: Family::default(),
            refused: Family::default(),
            published: Family::default(),
            publish_seconds: Histogram::new(buckets),
            ack_budget: Gauge::default(),
            in_flight: Gauge::default(),
            buffered_bytes: Gauge::default(),
            server: net::server::Metrics::default(),
        };
        let all = &metrics;
        registry.register(
            "forebay_ingest_received",
            "Requests to the address of a source; source `(unknown)` counts those to no source",
            all.received.clone(),
        );
        registry.register(
            "forebay_ingest_answered",
            "Answers by class of status",
            all.answered.clone(),
        );
        registry.register(
            "forebay_ingest_verified",
            "Webhooks that proved their sender, by the number of the secret that matched (0 is the newest)",
            all.verified.clone(),
        );
        registry.register(
            "forebay_ingest_verified_url_secrets",
            "Webhooks of sources that ask for two proofs, by the number of the secret in the URL that matched",
            all.verified_url_secrets.clone(),
        );
        registry.register(
            "forebay_ingest_refused",
            "Requests refused, by reason",
            all.refused.clone(),
        );
        registry.register(
            "forebay_ingest_published",
            "Events that the event log has acknowledged, by family",
            all.published.clone(),
        );
        registry.register(
            "forebay_ingest_publish_seconds",
            "Time from handing the events of a webhook to the event log to its acknowledgement",
            all.publish_seconds.clone(),
        );
        registry.register(
            "forebay_ingest_ack_budget_seconds",
            "How long a webhook may wait for its acknowledgement, `ack_budget_ms`",
            all.ack_budget.clone(),
        );
        registry.register(
            "forebay_ingest_in_flight",
            "Authenticated webhooks on their way into the event log",
            all.in_flight.clone(),
        );
        registry.register(
            "forebay_ingest_buffered_bytes",
            "What requests take of `max_buffered_bytes`",
            all.buffered_bytes.clone(),
        );
        registry.register(
            "forebay_ingest_connections",
            "Open connections",
            all.server.connections.clone(),
        );
        registry.register(
            "forebay_ingest_accept_errors",
            "Connections that could not be accepted, mostly because no file descriptors were left",
            all.server.accept_errors.clone(),
        );
        registry.register(
            "forebay_ingest_timed_out_connections",
            "Connections closed because the client was silent or slow",
            all.server.timed_out_connections.clone(),
        );
        registry.register(
            "forebay_ingest_request_seconds",
            "Time from the first byte of a request's head to its answer, by class of status; on HTTP/2 from its complete head",
            all.server.request_seconds.clone(),
        );
        registry.register(
            "forebay_ingest_malformed",
            "What was answered 400 or 431 because it is not HTTP or its head is too large, on HTTP/1; in no other metric",
            all.server.malformed.clone(),
        );
        metrics
    }

    /// Registers the metrics with one series of each, for the reference page: which there are, and which labels they have.
    pub fn example(registry: &mut Registry) {
        let metrics = Self::register(registry);
        let source = metrics.of_source("example");
        source.verified(Matched {
            secret: Some(0),
            url_secret: Some(0),
        });
        source.refused(Reason::NoMatch);
        source.published(EventFamily::Message);
        let server = metrics.server;
        drop(server.request_seconds.get_or_create_owned(&ByClass { class: "2xx" }));
        drop(server.malformed.get_or_create_owned(&ByReason { reason: "not_http" }));
    }

    /// Looks up the counters of one source, to be kept with it.
    pub(crate) fn of_source(&self, source: &str) -> SourceMetrics {
        SourceMetrics::new(self.clone(), source)
    }

    /// Removes everything that was counted for a source.
    pub(crate) fn forget_source(&self, source: &str) {
        let source = || source.to_owned();
        self.received.remove(&OfSource { source: source() });
        for class in CLASSES {
            self.answered.remove(&Answered {
                source: source(),
                class,
            });
        }
        for secret in 0..MAX_SECRETS as u64 {
            let labels = Verified {
                source: source(),
                secret,
            };
            self.verified.remove(&labels);
            self.verified_url_secrets.remove(&labels);
        }
        for &reason in Reason::ALL {
            self.refused.remove(&Refused {
                source: source(),
                reason,
            });
        }
        for &family in EventFamily::ALL {
            self.published.remove(&Published {
                source: source(),
                family,
            });
        }
    }
}

/// The classes of status that are counted.
const CLASSES: [&str; 3] = ["2xx", "4xx", "5xx"];

#[cfg(test)]
mod tests {
    use super::*;
    use schemas::data::{Data, Foreign, Unmapped};
    use schemas::name::EventType;

    #[test]
    fn metrics_are_counted_under_their_names() {
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        let source = metrics.of_source("s");
        source.received.inc();
        source.answered(http::StatusCode::SERVICE_UNAVAILABLE);
        let of = |secret, url_secret| Matched { secret, url_secret };
        source.verified(of(Some(1), None));
        source.verified(of(None, None));
        source.verified(of(Some(MAX_SECRETS), Some(2)));
        source.refused(Reason::NoMatch);
        source.published(EventFamily::of(&Data::Unmapped(Unmapped::default())));
        source.published(EventFamily::of(&Data::Foreign(Foreign::new(
            EventType::new("a.b").expect("valid"),
        ))));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).expect("a string takes everything");
        for line in [
            r#"forebay_ingest_received_total{source="s"} 1"#,
            r#"forebay_ingest_answered_total{source="s",class="5xx"} 1"#,
            r#"forebay_ingest_verified_total{source="s",secret="1"} 1"#,
            r#"forebay_ingest_verified_url_secrets_total{source="s",secret="2"} 1"#,
            r#"forebay_ingest_refused_total{source="s",reason="no_match"} 1"#,
            r#"forebay_ingest_published_total{source="s",family="unmapped"} 1"#,
            r#"forebay_ingest_published_total{source="s",family="foreign"} 1"#,
            "forebay_ingest_publish_seconds_count 0",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
        assert_eq!(text.matches("verified_total{").count(), 1, "{text}");
        assert_eq!(text.matches("verified_url_secrets_total{").count(), 1, "{text}");
    }
}
