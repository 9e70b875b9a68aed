//! The second half of the handler: a verified webhook becomes records, and the records become durable. Once begun it runs to
//! its end, whether or not the client stays.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt as _;
use schemas::log::PublishError;
use schemas::outage::Line;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use crate::answer::Answer;
use crate::budget::{NoRoom, records_bytes};
use crate::decide::{Ended, Reason, Refused};
use crate::detached::Detached;
use crate::envelope::Prepared;
use crate::handler::Ingest;
use crate::metrics::Metrics;
use crate::publish::publish_all;
use crate::sources::ReadySource;
use crate::watch::Made;
use crate::webhook::VerifiedWebhook;

impl Ingest {
    /// [`VerifiedWebhook`] → answer. The records are put into `made`, if anyone watches.
    pub(crate) async fn accept(self: &Arc<Self>, verified: VerifiedWebhook, made: Option<Made>) -> Answer {
        let source = Arc::clone(verified.raw().source());
        source.metrics.verified(verified.matched());
        let Ok(permit) = Arc::clone(&self.in_flight).try_acquire_owned() else {
            return source.refuse(Reason::InFlightLimit);
        };
        let work = AssertUnwindSafe(Arc::clone(self).publish(verified, permit, made)).catch_unwind();
        let work = Detached::new(self.accepting.track_future(work));
        match timeout(self.config.ack_budget(), work).await {
            Ok(Ok(answer)) => answer,
            // The panic itself has been logged by its hook.
            Ok(Err(_)) => {
                tracing::error!(source = %source.settings.id, "a webhook caused a panic");
                source.refuse(Reason::InternalError)
            }
            Err(_) => {
                let budget_ms = self.config.ack_budget_ms;
                self.not_stored(
                    &source,
                    &format!("no acknowledgement from the event log within {budget_ms} ms"),
                );
                source.refuse(Reason::NoAcknowledgement)
            }
        }
    }

    async fn publish(
        self: Arc<Self>,
        verified: VerifiedWebhook,
        permit: OwnedSemaphorePermit,
        made: Option<Made>,
    ) -> Answer {
        let _in_flight = InFlight::new(&self.metrics, permit);
        let raw = verified.into_raw();
        let source = Arc::clone(raw.source());
        let mut families = Vec::new();
        let prepared =
            self.enveloper
                .prepare_counting(&source.settings, raw.headers(), raw.body(), raw.received(), |family| {
                    families.push(family);
                });
        let received = raw.received();
        let mut records = match prepared {
            Prepared::Reply(reply) => return source.end(reply.into()),
            Prepared::Records(records) => records,
        };
        if let Some(made) = made {
            drop(made.set(records.clone()));
        }
        // The records hold the body now, and have its share until they are durable.
        let mut share = raw.into_share();
        if let Err(NoRoom) = share.settle(records_bytes(&mut records)) {
            return source.refuse(Reason::NoMemory);
        }

        let begun = Instant::now();
        let published = publish_all(&*self.log, &self.topic, records).await;
        drop(share);
        self.metrics.publish_seconds.observe(begun.elapsed().as_secs_f64());
        match published {
            Ok(()) => {
                if let Some(Line { seconds, failures, .. }) = self.not_stored.over(&(), Instant::now()) {
                    tracing::info!(seconds, failures, "webhooks are stored again");
                }
                for family in families {
                    source.metrics.published(family);
                }
                Answer::Accepted
            }
            Err(error) => match &error {
                PublishError::Unavailable { .. } => {
                    self.not_stored(&source, &error.to_string());
                    source.refuse(Reason::LogUnavailable)
                }
                PublishError::TooLarge { limit_bytes, .. } => {
                    if let Some(held_back) = source.throttle.allow(received) {
                        tracing::warn!(source = %source.settings.id, %error, held_back, "not published");
                    }
                    let detail = format!("the event is larger than the {limit_bytes} bytes that can be stored");
                    source.end(Ended::Refused(Refused::new(Reason::RecordTooLarge, detail)))
                }
            },
        }
    }

    /// Logs that webhooks are answered 503, because they cannot be stored: when that begins, and once a minute.
    fn not_stored(&self, source: &ReadySource, reason: &str) {
        let source = &source.settings.id;
        match self.not_stored.failed(&(), reason, Instant::now()) {
            Some(Line { begins: true, .. }) => {
                tracing::warn!(%source, error = reason, "answered 503: the webhook is not stored; further ones are counted");
            }
            Some(Line { seconds, failures, .. }) => {
                tracing::warn!(%source, error = reason, seconds, failures, "answered 503: webhooks are still not stored");
            }
            None => tracing::debug!(%source, error = reason, "answered 503: the webhook is not stored"),
        }
    }
}

impl ReadySource {
    /// Counts a refusal whose reason says all.
    pub(crate) fn refuse(&self, reason: Reason) -> Answer {
        self.metrics.refused(reason);
        reason.into()
    }

    /// Counts a request that ends without events, if it is refused.
    pub(crate) fn end(&self, ended: Ended) -> Answer {
        if let Ended::Refused(refused) = &ended {
            self.metrics.refused(refused.reason);
        }
        ended.into()
    }
}

/// Counts a webhook in flight, and gives its place back, however its task ends.
struct InFlight {
    gauge: prometheus_client::metrics::gauge::Gauge,
    _permit: OwnedSemaphorePermit,
}

impl InFlight {
    fn new(metrics: &Metrics, permit: OwnedSemaphorePermit) -> Self {
        metrics.in_flight.inc();
        Self {
            gauge: metrics.in_flight.clone(),
            _permit: permit,
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.gauge.dec();
    }
}
