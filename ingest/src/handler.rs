//! The one handler. Order of work: framing → source → size → authenticate the raw bytes (with the replay window) →
//! normalize → publish → answer. The whole status table is in the module `answer`.
//!
//! A secret in the path is looked at before the body is read, together with the source, so that a wrong secret and a
//! source that does not exist get the same answer at the same moment.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use futures_util::FutureExt as _;
use http::header::EXPECT;
use http::{Method, StatusCode};
use prometheus_client::registry::Registry;
use schemas::log::{EventLog, PublishError};
use schemas::name::TopicName;
use schemas::source::SourceDirectory;
use schemas::time::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use crate::answer::Answer;
use crate::authenticate::{Refusal, VerifiedWebhook, authenticate};
use crate::config::{Config, ConfigError};
use crate::detached::Detached;
use crate::envelope::{Enveloper, Prepared};
use crate::known::{Known, Sources};
use crate::metrics::Metrics;
use crate::normalize::handshake;
use crate::publish::publish_all;
use crate::receive::{Address, BodyError, Budget, RawWebhook, check_framing, discard, is_plain, read_body};

/// Takes webhooks in. Served by [`serve`](crate::serve).
#[derive(Debug)]
pub struct Ingest {
    pub(crate) config: Config,
    pub(crate) metrics: Metrics,
    /// Verified webhooks on their way into the log, also those whose clients have hung up.
    pub(crate) accepting: TaskTracker,
    sources: Sources,
    log: Arc<dyn EventLog>,
    topic: TopicName,
    enveloper: Enveloper,
    in_flight: Arc<Semaphore>,
    budget: Arc<Budget>,
}

impl Ingest {
    /// Checks the settings and registers the metrics. Events are published to `topic`, which must exist.
    pub fn new(
        config: Config,
        sources: Arc<dyn SourceDirectory>,
        log: Arc<dyn EventLog>,
        topic: TopicName,
        registry: &mut Registry,
    ) -> Result<Arc<Self>, ConfigError> {
        config.check()?;
        let metrics = Metrics::register(registry);
        Ok(Arc::new(Self {
            sources: Sources::new(sources, metrics.clone()),
            log,
            topic,
            enveloper: Enveloper::default(),
            in_flight: Arc::new(Semaphore::new(config.max_in_flight.min(Semaphore::MAX_PERMITS))),
            budget: Budget::new(config.max_buffered_bytes),
            accepting: TaskTracker::new(),
            metrics,
            config,
        }))
    }

    /// All routes there are on this listener.
    pub(crate) fn routes(self: &Arc<Self>) -> Router {
        Router::new()
            .route("/in/{source_id}", any(receive))
            .route("/in/{source_id}/", any(receive))
            .route("/in/{source_id}/{*secret_and_suffix}", any(receive))
            .fallback(nothing_here)
            .with_state(Arc::clone(self))
    }

    async fn handle(self: &Arc<Self>, request: Request) -> Answer {
        let (parts, body) = request.into_parts();
        let known = self.sources.find(Address::of(parts.uri.path()).source_id);
        known.metrics.received.inc();
        let answer = match self.receive(Arc::clone(&known), parts, body).await {
            Ok(raw) => match authenticate(raw) {
                Ok(verified) => self.accept(verified).await,
                Err(refusal) => refuse(&known, &refusal),
            },
            Err(answer) => answer,
        };
        known.metrics.answered(answer.status());
        answer
    }

    /// Bytes → [`RawWebhook`].
    async fn receive(&self, known: Arc<Known>, parts: http::request::Parts, body: Body) -> Result<RawWebhook, Answer> {
        let received = Timestamp::now();
        let address = Address::of(parts.uri.path());
        let asks_first = parts.headers.contains_key(EXPECT);
        let refused = if let Err(what) = check_framing(&parts) {
            Some(("framing", Answer::BadRequest(what)))
        } else if !known.verifier.verify_path(address.path_secret) {
            self.log_stranger(&known, address, received);
            Some(("not_found", Answer::NotFound))
        } else if parts.method != Method::POST {
            Some(
                handshake(&known.source, &parts.method, &parts.headers, parts.uri.query())
                    .map_or(("method", Answer::MethodNotAllowed), |reply| {
                        ("handshake", Answer::Reply(reply))
                    }),
            )
        } else if !is_plain(&parts.headers) {
            Some(("content_encoding", Answer::UnsupportedEncoding))
        } else {
            None
        };
        if let Some((reason, answer)) = refused {
            if answer.status() != StatusCode::OK {
                known.metrics.refused(reason);
            }
            discard(body, asks_first, self.config.body_timeout()).await;
            return Err(answer);
        }
        let limit = known.source.max_body_bytes;
        let body = read_body(body, limit, self.config.body_timeout(), &self.budget).await;
        let (reason, answer) = match body {
            Ok(body) => return Ok(RawWebhook::new(known, parts, body, received)),
            Err(BodyError::TooLarge(rest)) => {
                discard(rest, asks_first, self.config.body_timeout()).await;
                ("too_large", Answer::BodyTooLarge { limit })
            }
            Err(BodyError::TooSlow) => ("too_slow", Answer::RequestTimeout),
            Err(BodyError::Broken) => ("broken_body", Answer::BadRequest("the body ends early or is malformed")),
            Err(BodyError::NoMemory) => ("no_memory", Answer::Unavailable("too many bodies at once: try again")),
        };
        known.metrics.refused(reason);
        Err(answer)
    }

    /// [`VerifiedWebhook`] → answer. Once begun it goes on to the end, whether or not the client stays.
    async fn accept(self: &Arc<Self>, verified: VerifiedWebhook) -> Answer {
        let known = Arc::clone(verified.raw().known());
        known.metrics.verified(verified.secret());
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
                if let Some(held_back) = known.quiet.speak(received) {
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
        let raw = verified.raw();
        let known = Arc::clone(raw.known());
        let mut families = Vec::new();
        let prepared =
            self.enveloper
                .prepare_counting(&known.source, raw.headers(), raw.body(), raw.received(), |family| {
                    families.push(family);
                });
        let received = raw.received();
        let records = match prepared {
            Prepared::Reply(reply) => return Answer::Reply(reply),
            Prepared::Records(records) => records,
        };
        // The body is in the records now.
        drop(verified);

        let begun = Instant::now();
        let published = publish_all(&*self.log, &self.topic, records).await;
        self.metrics.publish_seconds.observe(begun.elapsed().as_secs_f64());
        match published {
            Ok(()) => {
                for family in families {
                    known.metrics.published(family);
                }
                Answer::Accepted
            }
            Err(error) => {
                if let Some(held_back) = known.quiet.speak(received) {
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

    fn log_stranger(&self, known: &Arc<Known>, address: Address<'_>, now: Timestamp) {
        let Some(held_back) = known.quiet.speak(now) else {
            return;
        };
        if self.sources.is_stranger(known) {
            let id: String = address.source_id.chars().take(64).collect();
            tracing::info!(target: "ingest", requested = id, held_back, "answered 404: there is no such source");
        } else {
            tracing::warn!(target: "ingest", source = %known.source.id, held_back, "answered 404: wrong or no secret in the path");
        }
    }
}

async fn receive(State(ingest): State<Arc<Ingest>>, request: Request) -> Response {
    ingest.handle(request).await.into_response()
}

async fn nothing_here(State(ingest): State<Arc<Ingest>>, request: Request) -> Response {
    let asks_first = request.headers().contains_key(EXPECT);
    discard(request.into_body(), asks_first, ingest.config.body_timeout()).await;
    Answer::NotFound.into_response()
}

fn refuse(known: &Known, refusal: &Refusal) -> Answer {
    known.metrics.refused(refusal.label());
    if let Some(held_back) = known.quiet.speak(Timestamp::now()) {
        tracing::warn!(target: "ingest", source = %known.source.id, reason = %refusal, held_back, "sender not verified");
    }
    match refusal {
        // Our own trouble: the sender shall keep what it has.
        Refusal::Unusable(_) => Answer::Unavailable("this source is not in use: try again later"),
        _ => Answer::Unauthorized,
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
