//! What can be watched about taking webhooks in.
//!
//! Handles are looked up once per source and kept, so that counting an event costs one atomic addition.

use std::sync::OnceLock;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use schemas::data::Data;

use crate::authenticate::{MAX_SECRETS, Matched};

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
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Published {
    source: String,
    family: &'static str,
}

/// The metrics of ingest.
#[derive(Debug, Clone)]
pub struct Metrics {
    received: Family<OfSource, Counter>,
    answered: Family<Answered, Counter>,
    verified: Family<Verified, Counter>,
    verified_url_secrets: Family<Verified, Counter>,
    refused: Family<Refused, Counter>,
    published: Family<Published, Counter>,
    pub(crate) publish_seconds: Histogram,
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
            in_flight: Gauge::default(),
            buffered_bytes: Gauge::default(),
            server: net::server::Metrics::default(),
        };
        let all = &metrics;
        registry.register(
            "forebay_ingest_received",
            "requests to the address of a source; source `(unknown)` counts those to no source",
            all.received.clone(),
        );
        registry.register(
            "forebay_ingest_answered",
            "answers by class of status",
            all.answered.clone(),
        );
        registry.register(
            "forebay_ingest_verified",
            "webhooks that proved their sender, by the number of the secret that matched (0 is the newest)",
            all.verified.clone(),
        );
        registry.register(
            "forebay_ingest_verified_url_secrets",
            "the same for sources that ask for two proofs, by the number of the secret in the URL that matched",
            all.verified_url_secrets.clone(),
        );
        registry.register(
            "forebay_ingest_refused",
            "requests refused, by reason",
            all.refused.clone(),
        );
        registry.register(
            "forebay_ingest_published",
            "events that the event log has acknowledged, by family",
            all.published.clone(),
        );
        registry.register_with_unit(
            "forebay_ingest_publish",
            "from handing the events of a webhook to the event log to its acknowledgement",
            Unit::Seconds,
            all.publish_seconds.clone(),
        );
        registry.register(
            "forebay_ingest_in_flight",
            "authenticated webhooks on their way into the event log",
            all.in_flight.clone(),
        );
        registry.register(
            "forebay_ingest_buffered_bytes",
            "what requests take of `max_buffered_bytes`",
            all.buffered_bytes.clone(),
        );
        registry.register(
            "forebay_ingest_connections",
            "open connections",
            all.server.connections.clone(),
        );
        registry.register(
            "forebay_ingest_accept_errors",
            "connections that could not be accepted, mostly for want of file descriptors",
            all.server.accept_errors.clone(),
        );
        registry.register(
            "forebay_ingest_timed_out_connections",
            "connections closed because the client was silent or slow",
            all.server.timed_out_connections.clone(),
        );
        metrics
    }

    /// The handles of one source.
    pub(crate) fn of_source(&self, source: &str) -> SourceMetrics {
        SourceMetrics {
            received: self.received.get_or_create_owned(&OfSource {
                source: source.to_owned(),
            }),
            ok: self.answered_class(source, "2xx"),
            client_error: self.answered_class(source, "4xx"),
            server_error: self.answered_class(source, "5xx"),
            verified: Default::default(),
            verified_url_secrets: Default::default(),
            published: Default::default(),
            source: source.to_owned(),
            all: self.clone(),
        }
    }

    fn answered_class(&self, source: &str, class: &'static str) -> Counter {
        self.answered.get_or_create_owned(&Answered {
            source: source.to_owned(),
            class,
        })
    }
}

/// The metrics of one source, looked up once.
#[derive(Debug)]
pub(crate) struct SourceMetrics {
    pub(crate) received: Counter,
    ok: Counter,
    client_error: Counter,
    server_error: Counter,
    verified: [OnceLock<Counter>; MAX_SECRETS],
    verified_url_secrets: [OnceLock<Counter>; MAX_SECRETS],
    published: [OnceLock<Counter>; FAMILIES.len()],
    source: String,
    all: Metrics,
}

impl SourceMetrics {
    pub(crate) fn answered(&self, status: http::StatusCode) {
        if status.is_success() {
            self.ok.inc();
        } else if status.is_server_error() {
            self.server_error.inc();
        } else {
            self.client_error.inc();
        }
    }

    /// Nothing is counted for sources that take webhooks from anybody.
    pub(crate) fn verified(&self, matched: Matched) {
        self.matched(&self.verified, &self.all.verified, matched.secret);
        self.matched(
            &self.verified_url_secrets,
            &self.all.verified_url_secrets,
            matched.url_secret,
        );
    }

    fn matched(&self, slots: &[OnceLock<Counter>], family: &Family<Verified, Counter>, secret: Option<usize>) {
        let Some(slot) = secret.and_then(|index| slots.get(index)) else {
            return;
        };
        slot.get_or_init(|| {
            family.get_or_create_owned(&Verified {
                source: self.source.clone(),
                secret: secret.unwrap_or_default() as u64,
            })
        })
        .inc();
    }

    /// Refusals are rare enough to look the handle up each time; the reasons are a closed set.
    pub(crate) fn refused(&self, reason: &'static str) {
        self.all
            .refused
            .get_or_create(&Refused {
                source: self.source.clone(),
                reason,
            })
            .inc();
    }

    pub(crate) fn published(&self, family: EventFamily) {
        let slot = &self.published[family.0];
        slot.get_or_init(|| {
            self.all.published.get_or_create_owned(&Published {
                source: self.source.clone(),
                family: FAMILIES[family.0],
            })
        })
        .inc();
    }
}

const FAMILIES: [&str; 9] = [
    "message",
    "group",
    "ticket",
    "contact",
    "connection",
    "presence",
    "bot",
    "unmapped",
    "foreign",
];

/// The family of an event type: its number in [`FAMILIES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EventFamily(usize);

impl EventFamily {
    pub(crate) fn of(data: &Data<'_>) -> Self {
        Self(match data {
            Data::MessageCreated(_)
            | Data::MessageUpdated(_)
            | Data::MessageDeleted(_)
            | Data::MessageStatus(_)
            | Data::MessageReaction(_) => 0,
            Data::GroupParticipantsUpdated(_)
            | Data::GroupCreated(_)
            | Data::GroupUpdated(_)
            | Data::GroupJoinRequest(_) => 1,
            Data::TicketCreated(_)
            | Data::TicketUpdated(_)
            | Data::TicketTransferred(_)
            | Data::TicketClosed(_)
            | Data::TicketReopened(_) => 2,
            Data::ContactCreated(_) | Data::ContactUpdated(_) => 3,
            Data::ConnectionUpdated(_) => 4,
            Data::PresenceUpdated(_) => 5,
            Data::BotCommand(_) => 6,
            Data::Unmapped(_) => 7,
            Data::Foreign(_) => 8,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schemas::data::Foreign;
    use schemas::data::Unmapped;
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
        source.refused("no_match");
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
