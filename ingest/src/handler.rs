//! The one handler: brings a request through the decision (`decide`), and adds what the decision does without: the time, memory,
//! metrics and log lines. What is accepted continues in `accept`; the whole status table is in the module `answer`.
//!
//! A secret in the path is checked before the body is read, together with the source, so that a wrong secret and a
//! source that does not exist get the same answer at the same moment.

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use http::header::EXPECT;
use http::request::Parts;
use prometheus_client::registry::Registry;
use schemas::log::Publish;
use schemas::name::TopicName;
use schemas::setting::Invalid;
use schemas::source::{INGEST_PREFIX, SourceDirectory};
use schemas::time::Timestamp;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use crate::answer::Answer;
use crate::body::{BodyError, Pace, discard, read_body};
use crate::budget::{Budget, head_bytes};
use crate::config::Config;
use crate::decide::{Ended, Reason, Refused, Step, by_head};
use crate::envelope::Enveloper;
use crate::head::{Address, Head};
use crate::metrics::Metrics;
use crate::sources::{ReadySource, Sources};
use crate::watch::{Watch, Watched};
use crate::webhook::{RawWebhook, authenticate};

/// The receiver of webhooks. Served by [`serve`](crate::serve()).
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
    pub(crate) watch: OnceLock<Arc<dyn Watch>>,
    sources: Sources,
    budget: Arc<Budget>,
    clock: fn() -> Timestamp,
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
        Self::with_clock(config, sources, log, topic, registry, Timestamp::now)
    }

    /// The same with another clock than the system's, for requests that were signed at another time.
    pub fn with_clock(
        config: Config,
        sources: Arc<dyn SourceDirectory>,
        log: Arc<dyn Publish>,
        topic: TopicName,
        registry: &mut Registry,
        clock: fn() -> Timestamp,
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
            watch: OnceLock::new(),
            metrics,
            config,
            clock,
        }))
    }

    /// All routes of this listener.
    pub(crate) fn routes(self: &Arc<Self>) -> Router {
        let source = format!("{INGEST_PREFIX}{{source_id}}");
        Router::new()
            .route(&source, any(receive))
            .route(&format!("{source}/"), any(receive))
            .route(&format!("{source}/{{*secret_and_suffix}}"), any(receive))
            .fallback(nothing_here)
            .with_state(Arc::clone(self))
    }

    /// Forgets sources that were removed, and their metrics.
    pub(crate) fn forget_removed_sources(&self) {
        self.sources.forget_removed();
    }

    async fn handle(self: &Arc<Self>, request: Request) -> Answer {
        let (parts, body) = request.into_parts();
        let source = self.sources.find(Address::of(parts.uri.path()).source_id);
        source.metrics.received.inc();
        let answer = match self.receive(&source, parts, body).await {
            Ok(raw) => match authenticate(raw) {
                Ok(verified) => {
                    let watched = self.watched(&verified);
                    let answer = self.accept(verified, watched.as_ref().map(Watched::made)).await;
                    if let Some(watched) = watched {
                        watched.answered(&answer);
                    }
                    answer
                }
                Err(refused) => self.end(
                    &source,
                    &refused.raw.head(),
                    Some(refused.raw.body()),
                    refused.raw.received(),
                    refused.refused.into(),
                ),
            },
            Err(answer) => answer,
        };
        source.metrics.answered(answer.status());
        answer
    }

    /// Bytes → [`RawWebhook`]. What remains of a refused body is read and dropped, once the request's head is.
    async fn receive(&self, source: &Arc<ReadySource>, parts: Parts, body: Body) -> Result<RawWebhook, Answer> {
        let received = (self.clock)();
        let asks_first = parts.headers.contains_key(EXPECT);
        let limit = match by_head(&source.settings, &source.verifier, &Head::of(&parts)) {
            Ok(limit) => limit,
            Err(ended) => {
                let answer = self.end(source, &Head::of(&parts), None, received, ended);
                drop(parts);
                discard(body, asks_first, Pace::of(&self.config)).await;
                return Err(answer);
            }
        };
        // The head stays until the webhook is published: it is the first thing to be paid for.
        let Ok(share) = self.budget.share(head_bytes(&parts)) else {
            let ended = Ended::Refused(Reason::NoMemory.into());
            let answer = self.end(source, &Head::of(&parts), None, received, ended);
            drop(parts);
            discard(body, asks_first, Pace::of(&self.config)).await;
            return Err(answer);
        };
        let error = match read_body(body, limit, Pace::of(&self.config), share).await {
            Ok(body) => return Ok(RawWebhook::new(Arc::clone(source), parts, body, received)),
            Err(error) => error,
        };
        let (refused, rest) = match error {
            BodyError::TooLarge(refused, rest) => (refused, Some(rest)),
            BodyError::TooSlow => (Reason::TooSlow.into(), None),
            BodyError::Broken => (Reason::BrokenBody.into(), None),
            BodyError::Behind(rest) => (Reason::Overloaded.into(), Some(rest)),
            BodyError::NoRoom(rest) => (Reason::NoMemory.into(), Some(rest)),
        };
        let answer = self.end(source, &Head::of(&parts), None, received, Ended::Refused(refused));
        drop(parts);
        if let Some(rest) = rest {
            discard(rest, asks_first, Pace::of(&self.config)).await;
        }
        Err(answer)
    }

    /// Logs and counts a request from which no events are made. `body` is `None` where it was not read.
    fn end(
        &self,
        source: &Arc<ReadySource>,
        head: &Head<'_>,
        body: Option<&[u8]>,
        now: Timestamp,
        ended: Ended,
    ) -> Answer {
        self.tell(head, body, now, &ended);
        if let Ended::Refused(refused) = &ended {
            self.log(source, head.address(), now, refused);
        }
        source.end(ended)
    }

    /// Logs what the operator can do something about, and the sender cannot see.
    fn log(&self, source: &Arc<ReadySource>, address: Address<'_>, now: Timestamp, refused: &Refused) {
        let proves = match (refused.reason, refused.reason.step()) {
            (Reason::NotFound, _) => false,
            // A handshake is shown to whoever set it up.
            (Reason::Forbidden, _) | (_, Step::Head | Step::Server) => return,
            (_, Step::Proof) => true,
        };
        let Some(held_back) = source.throttle.allow(now) else {
            return;
        };
        if proves {
            let error = &refused.detail;
            tracing::warn!(source = %source.settings.id, %error, held_back, "sender not verified");
        } else if self.sources.is_unknown(source) {
            let id: String = address.source_id.chars().take(64).collect();
            tracing::info!(source = id, held_back, "answered 404: there is no such source");
        } else {
            tracing::warn!(source = %source.settings.id, held_back, "answered 404: wrong or no secret in the path");
        }
    }
}

async fn receive(State(ingest): State<Arc<Ingest>>, request: Request) -> Response {
    ingest.handle(request).await.into_response()
}

async fn nothing_here(State(ingest): State<Arc<Ingest>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let ended = Ended::Refused(Refused::new(
        Reason::NotFound,
        "there is nothing at this path: the URLs of webhooks begin with /in/",
    ));
    ingest.tell(&Head::of(&parts), None, (ingest.clock)(), &ended);
    let asks_first = parts.headers.contains_key(EXPECT);
    drop(parts);
    discard(body, asks_first, Pace::of(&ingest.config)).await;
    Answer::from(Reason::NotFound).into_response()
}
