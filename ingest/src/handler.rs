//! The one handler: brings a request through the decision (`decide`), and adds what the decision does without: the time, memory,
//! metrics and log lines. What is accepted continues in `accept`; the whole status table is in the module `answer`.
//!
//! The log lines name the client: the connection's other end, or the address that a trusted proxy names (`net::server`).
//!
//! A secret in the path is checked before the body is read, together with the source, so that a wrong secret and a
//! source that does not exist get the same answer at the same moment.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, get};
use http::header::{CONNECTION, EXPECT, HeaderName};
use http::request::Parts;
use http::{HeaderValue, Version};
use net::server::TrustedProxies;
use prometheus_client::registry::Registry;
use schemas::log::Publish;
use schemas::name::TopicName;
use schemas::outage::Outages;
use schemas::setting::Invalid;
use schemas::source::{INGEST_PREFIX, SourceDirectory};
use schemas::time::Timestamp;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use tracing::field::display;

use crate::answer::{Answer, health};
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

/// Where proxies list the addresses that they were connected to from.
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

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
    /// Whether webhooks cannot be stored: one outage, whatever each of them is told.
    pub(crate) not_stored: Outages<()>,
    /// Whether the process will end soon.
    closing: AtomicBool,
    base_path: Arc<str>,
    pub(crate) proxies: TrustedProxies,
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
        let proxies = config.proxies()?;
        let metrics = Metrics::register(registry);
        metrics.ack_budget.set(config.ack_budget().as_secs_f64());
        Ok(Arc::new(Self {
            sources: Sources::new(sources, metrics.clone(), config.metrics_sources_max),
            log,
            topic,
            enveloper: Enveloper::default(),
            in_flight: Arc::new(Semaphore::new(config.max_in_flight.min(Semaphore::MAX_PERMITS))),
            budget: Budget::new(config.max_buffered_bytes, metrics.buffered_bytes.clone()),
            accepting: TaskTracker::new(),
            not_stored: Outages::default(),
            closing: AtomicBool::new(false),
            base_path: config.base_path.as_str().into(),
            proxies,
            watch: OnceLock::new(),
            metrics,
            config,
            clock,
        }))
    }

    /// From now on every answer on HTTP/1 ends its connection, because the process will end soon: the next request of that
    /// client comes on a new connection, which a load balancer can send elsewhere. The health path answers 503.
    pub fn close_connections(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }

    /// All routes of this listener.
    pub(crate) fn routes(self: &Arc<Self>) -> Router {
        let source = format!("{}{INGEST_PREFIX}{{source_id}}", self.base_path);
        let mut router = Router::new()
            .route(&source, any(receive))
            .route(&format!("{source}/"), any(receive))
            .route(&format!("{source}/{{*secret_and_suffix}}"), any(receive));
        for path in self.config.health_paths() {
            router = router.route(&path, get(is_accepting).fallback(nothing_here));
        }
        router.fallback(nothing_here).with_state(Arc::clone(self))
    }

    /// Forgets sources that were removed, and their metrics; and idle ones, where others have no metrics of their own.
    pub(crate) fn forget_sources(&self) {
        self.sources.forget_removed();
        self.sources.forget_idle(Instant::now());
    }

    async fn handle(self: &Arc<Self>, request: Request) -> Answer {
        let (parts, body) = request.into_parts();
        let source = self
            .sources
            .find(Address::of(parts.uri.path(), &self.base_path).source_id);
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
        let limit = match by_head(&source.settings, &source.verifier, &Head::of(&parts, &self.base_path)) {
            Ok(limit) => limit,
            Err(ended) => {
                let answer = self.end(source, &Head::of(&parts, &self.base_path), None, received, ended);
                drop(parts);
                discard(body, asks_first, Pace::of(&self.config)).await;
                return Err(answer);
            }
        };
        // The head stays until the webhook is published: it is the first thing to be paid for.
        let Ok(share) = self.budget.share(head_bytes(&parts)) else {
            let ended = Ended::Refused(Reason::NoMemory.into());
            let answer = self.end(source, &Head::of(&parts, &self.base_path), None, received, ended);
            drop(parts);
            discard(body, asks_first, Pace::of(&self.config)).await;
            return Err(answer);
        };
        let error = match read_body(body, limit, Pace::of(&self.config), share).await {
            Ok(body) => {
                let (source, base_path) = (Arc::clone(source), Arc::clone(&self.base_path));
                return Ok(RawWebhook::new(source, base_path, parts, body, received));
            }
            Err(error) => error,
        };
        let (refused, rest) = match error {
            BodyError::TooLarge(refused, rest) => (refused, Some(rest)),
            BodyError::TooSlow => (Reason::TooSlow.into(), None),
            BodyError::Broken => (Reason::BrokenBody.into(), None),
            BodyError::Behind(rest) => (Reason::Overloaded.into(), Some(rest)),
            BodyError::NoRoom(rest) => (Reason::NoMemory.into(), Some(rest)),
        };
        let head = Head::of(&parts, &self.base_path);
        let answer = self.end(source, &head, None, received, Ended::Refused(refused));
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
            self.log(source, head, now, refused);
        }
        source.end(ended)
    }

    /// Logs what the operator can do something about, and the sender cannot see.
    fn log(&self, source: &Arc<ReadySource>, head: &Head<'_>, now: Timestamp, refused: &Refused) {
        let reason = refused.reason;
        let logged = match (reason, reason.step()) {
            (Reason::NotFound | Reason::TooSlow, _) => true,
            // A handshake is shown to whoever set it up.
            (Reason::Forbidden, _) | (_, Step::Head | Step::Server) => false,
            (_, Step::Proof) => true,
        };
        if !logged {
            return;
        }
        let Some(held_back) = source.throttle.allow(now) else {
            return;
        };
        let client = self.client(head).map(display);
        let id = &source.settings.id;
        match reason {
            Reason::NotFound if self.sources.is_unknown(source) => {
                let id: String = head.address().source_id.chars().take(64).collect();
                tracing::info!(source = id, client, held_back, "answered 404: there is no such source");
            }
            Reason::NotFound => {
                tracing::warn!(source = %id, client, held_back, "answered 404: wrong or no secret in the path");
            }
            Reason::TooSlow => {
                tracing::info!(source = %id, client, held_back, "answered 408: the body did not arrive in time");
            }
            _ => tracing::warn!(source = %id, client, error = %refused.detail, held_back, "sender not verified"),
        }
    }

    /// The address of the sender, as far as it is known.
    fn client(&self, head: &Head<'_>) -> Option<IpAddr> {
        let lines = head.headers.get_all(X_FORWARDED_FOR).iter().map(HeaderValue::as_bytes);
        head.peer.map(|peer| self.proxies.client(peer, lines))
    }
}

async fn receive(State(ingest): State<Arc<Ingest>>, request: Request) -> Response {
    let http1 = request.version() < Version::HTTP_2;
    let mut response = ingest.handle(request).await.into_response();
    if http1 && ingest.closing.load(Ordering::Relaxed) {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(CONNECTION, close);
    }
    response
}

async fn nothing_here(State(ingest): State<Arc<Ingest>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let ended = Ended::Refused(Refused::new(
        Reason::NotFound,
        format!(
            "there is nothing at this path: the URLs of webhooks begin with {}{INGEST_PREFIX}",
            ingest.base_path
        ),
    ));
    ingest.tell(&Head::of(&parts, &ingest.base_path), None, (ingest.clock)(), &ended);
    let asks_first = parts.headers.contains_key(EXPECT);
    drop(parts);
    discard(body, asks_first, Pace::of(&ingest.config)).await;
    Answer::from(Reason::NotFound).into_response()
}

/// For load balancers, which ask the public port. Says nothing of the event log: if it is unavailable, every replica has it
/// unavailable, and a load balancer without replicas would answer worse than they do.
async fn is_accepting(State(ingest): State<Arc<Ingest>>) -> Response {
    health(!ingest.closing.load(Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use harness::directory::Sources as Directory;
    use harness::publish_log::{Mode, TestLog};

    use super::*;

    #[tokio::test]
    async fn a_load_balancer_learns_of_the_shutdown_and_of_nothing_else() {
        let log = Arc::new(TestLog::new(Mode::Hold));
        let topic = TopicName::new("forebay.events").expect("valid");
        let ingest = Ingest::new(
            Config::default(),
            Directory::new([]),
            log,
            topic,
            &mut Registry::default(),
        );
        let ingest = ingest.expect("good settings");
        let status = async || is_accepting(State(Arc::clone(&ingest))).await.status().as_u16();
        assert_eq!(status().await, 200, "although the event log acknowledges nothing");
        ingest.close_connections();
        assert_eq!(status().await, 503);
    }
}
