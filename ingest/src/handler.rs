//! The one handler. Order of work: framing → source → size → authenticate the raw bytes (with the replay window) →
//! normalize → publish → answer. The whole status table is in the module `answer`.
//!
//! A secret in the path is looked at before the body is read, together with the source, so that a wrong secret and a
//! source that does not exist get the same answer at the same moment.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use http::header::EXPECT;
use http::{Method, StatusCode};
use prometheus_client::registry::Registry;
use schemas::log::Publish;
use schemas::name::TopicName;
use schemas::setting::Invalid;
use schemas::source::SourceDirectory;
use schemas::time::Timestamp;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use crate::accept::no_room;
use crate::answer::Answer;
use crate::authenticate::{Refusal, authenticate};
use crate::body::{BodyError, Pace, discard, read_body};
use crate::budget::{Budget, head_bytes};
use crate::config::Config;
use crate::envelope::Enveloper;
use crate::known::{Known, Sources};
use crate::metrics::Metrics;
use crate::normalize::handshake;
use crate::receive::{Address, RawWebhook, check_framing, is_plain};

/// Takes webhooks in. Served by [`serve`](crate::serve).
#[derive(Debug)]
pub struct Ingest {
    pub(crate) config: Config,
    pub(crate) metrics: Metrics,
    /// Verified webhooks on their way into the log, also those whose clients have hung up.
    pub(crate) accepting: TaskTracker,
    pub(crate) log: Arc<dyn Publish>,
    pub(crate) topic: TopicName,
    pub(crate) enveloper: Enveloper,
    pub(crate) in_flight: Arc<Semaphore>,
    sources: Sources,
    budget: Arc<Budget>,
}

impl Ingest {
    /// Checks the settings and registers the metrics. Events are published to `topic`, which must exist.
    pub fn new(
        config: Config,
        sources: Arc<dyn SourceDirectory>,
        log: Arc<dyn Publish>,
        topic: TopicName,
        registry: &mut Registry,
    ) -> Result<Arc<Self>, Vec<Invalid>> {
        config.check()?;
        let metrics = Metrics::register(registry);
        Ok(Arc::new(Self {
            sources: Sources::new(sources, metrics.clone()),
            log,
            topic,
            enveloper: Enveloper::default(),
            in_flight: Arc::new(Semaphore::new(config.max_in_flight.min(Semaphore::MAX_PERMITS))),
            budget: Budget::new(config.max_buffered_bytes, metrics.buffered_bytes.clone()),
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
            drop(parts);
            discard(body, asks_first, Pace::of(&self.config)).await;
            return Err(answer);
        }
        // The head stays until the webhook is published: it is the first thing to be paid for.
        let Ok(share) = self.budget.share(head_bytes(&parts)) else {
            drop(parts);
            discard(body, asks_first, Pace::of(&self.config)).await;
            return Err(no_room(&known));
        };
        let limit = known.source.max_body_bytes;
        let error = match read_body(body, limit, Pace::of(&self.config), share).await {
            Ok(body) => return Ok(RawWebhook::new(known, parts, body, received)),
            Err(error) => error,
        };
        drop(parts);
        let (reason, answer) = match error {
            BodyError::TooLarge(rest) => {
                discard(rest, asks_first, Pace::of(&self.config)).await;
                ("too_large", Answer::BodyTooLarge { limit })
            }
            BodyError::TooSlow => ("too_slow", Answer::RequestTimeout),
            BodyError::Broken => ("broken_body", Answer::BadRequest("the body ends early or is malformed")),
            BodyError::Behind(rest) => {
                discard(rest, asks_first, Pace::of(&self.config)).await;
                (
                    "overloaded",
                    Answer::Unavailable("too busy to read the body in time: try again"),
                )
            }
            BodyError::NoRoom(rest) => {
                discard(rest, asks_first, Pace::of(&self.config)).await;
                return Err(no_room(&known));
            }
        };
        known.metrics.refused(reason);
        Err(answer)
    }

    fn log_stranger(&self, known: &Arc<Known>, address: Address<'_>, now: Timestamp) {
        let Some(held_back) = known.throttle.allow(now) else {
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
    discard(request.into_body(), asks_first, Pace::of(&ingest.config)).await;
    Answer::NotFound.into_response()
}

fn refuse(known: &Known, refusal: &Refusal) -> Answer {
    known.metrics.refused(refusal.label());
    if let Some(held_back) = known.throttle.allow(Timestamp::now()) {
        tracing::warn!(target: "ingest", source = %known.source.id, reason = %refusal, held_back, "sender not verified");
    }
    match refusal {
        // Our own trouble: the sender shall keep what it has.
        Refusal::Unusable(_) => Answer::Unavailable("this source is not in use: try again later"),
        _ => Answer::Unauthorized,
    }
}
