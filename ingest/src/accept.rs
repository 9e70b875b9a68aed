//! The second half of the handler: a verified webhook becomes records, and the records durable. Once begun it goes on to its
//! end, whether or not the client stays.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt as _;
use schemas::log::PublishError;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use crate::answer::Answer;
use crate::authenticate::VerifiedWebhook;
use crate::budget::{NoRoom, records_bytes};
use crate::detached::Detached;
use crate::envelope::Prepared;
use crate::handler::Ingest;
use crate::known::Known;
use crate::metrics::Metrics;
use crate::publish::publish_all;

impl Ingest {
    /// [`VerifiedWebhook`] → answer.
    pub(crate) async fn accept(self: &Arc<Self>, verified: VerifiedWebhook) -> Answer {
        let known = Arc::clone(verified.raw().known());
        known.metrics.verified(verified.matched());
        let Ok(permit) = Arc::clone(&self.in_flight).try_acquire_owned() else {
            known.metrics.refused("in_flight_limit");
            return Answer::Unavailable("too many webhooks at once: try again");
        };
        let received = verified.raw().received();
        let work = AssertUnwindSafe(Arc::clone(self).publish(verified, permit)).catch_unwind();
        let work = Detached::new(self.accepting.track_future(work));
        match timeout(self.config.ack_budget(), work).await {
            Ok(Ok(answer)) => answer,
            // The panic itself has been logged by its hook.
            Ok(Err(_)) => {
                tracing::error!(target: "ingest", source = %known.source.id, "a webhook broke our code");
                Answer::Unavailable("an internal error: try again")
            }
            Err(_) => {
                known.metrics.refused("no_acknowledgement");
                if let Some(held_back) = known.throttle.allow(received) {
                    tracing::warn!(
                        target: "ingest", source = %known.source.id, budget_ms = self.config.ack_budget_ms, held_back,
                        "answered 503: no acknowledgement from the event log within the budget"
                    );
                }
                Answer::Unavailable("not stored in time: try again")
            }
        }
    }

    async fn publish(self: Arc<Self>, verified: VerifiedWebhook, permit: OwnedSemaphorePermit) -> Answer {
        let _in_flight = InFlight::new(&self.metrics, permit);
        let raw = verified.into_raw();
        let known = Arc::clone(raw.known());
        let mut families = Vec::new();
        let prepared =
            self.enveloper
                .prepare_counting(&known.source, raw.headers(), raw.body(), raw.received(), |family| {
                    families.push(family);
                });
        let received = raw.received();
        let mut records = match prepared {
            Prepared::Reply(reply) => return Answer::Reply(reply),
            Prepared::Records(records) => records,
        };
        // The body is in the records now, and they have its place until the log has them.
        let mut share = raw.into_share();
        if let Err(NoRoom) = share.settle(records_bytes(&mut records)) {
            return no_room(&known);
        }

        let begun = Instant::now();
        let published = publish_all(&*self.log, &self.topic, records).await;
        drop(share);
        self.metrics.publish_seconds.observe(begun.elapsed().as_secs_f64());
        match published {
            Ok(()) => {
                for family in families {
                    known.metrics.published(family);
                }
                Answer::Accepted
            }
            Err(error) => {
                if let Some(held_back) = known.throttle.allow(received) {
                    tracing::warn!(target: "ingest", source = %known.source.id, %error, held_back, "not published");
                }
                match error {
                    PublishError::Unavailable { .. } => {
                        known.metrics.refused("log_unavailable");
                        Answer::Unavailable("not stored: try again")
                    }
                    PublishError::TooLarge { limit_bytes, .. } => {
                        known.metrics.refused("record_too_large");
                        Answer::RecordTooLarge { limit: limit_bytes }
                    }
                }
            }
        }
    }
}

/// The budget has no room for a request.
pub(crate) fn no_room(known: &Known) -> Answer {
    known.metrics.refused("no_memory");
    Answer::Unavailable("too many bodies at once: try again")
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
