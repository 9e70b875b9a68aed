//! What the HTTP sink knows of a receiver, and how it learns of all of them.

mod connection;
mod pattern;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use crate::event::Event;
use crate::name::{EndpointId, EventType, Tenant};
use crate::schedule::Schedule;
use crate::secret::Secret;
use crate::time::Timestamp;

pub use connection::{ClientCertificate, Connection, Credentials, OAuth2};
pub use pattern::EventTypePattern;

/// A URL that receives events, with its signing keys and limits.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Its name in logs, metrics and dead letters.
    pub id: EndpointId,
    /// Whose events it gets.
    pub tenant: Tenant,
    /// Where to post. `http` or `https`, without user info.
    pub url: Url,
    /// Which event types it wants; empty means all.
    pub events: Vec<EventTypePattern>,
    /// Which events of these types it wants; `None` means all.
    pub filter: Option<Arc<dyn Filter>>,
    /// The signing keys, newest first; each makes one signature until it ends. One at least has no end.
    pub secrets: Vec<SigningKey>,
    /// The whole of one attempt: resolve, connect, TLS, send, read the answer.
    pub timeout: Duration,
    /// How many attempts may be under way at once.
    pub concurrency: usize,
    /// Whether deliveries of one key go out in their order, so that one that waits holds back those after it.
    pub ordered: bool,
    /// Whether nothing goes out for now. What comes meanwhile waits.
    pub paused: bool,
    /// How many deliveries of each partition may wait in memory.
    pub queue_max: usize,
    /// When its deliveries are tried again; `None`: as those of its sink.
    pub schedule: Option<Schedule>,
    /// How often attempts may begin; `None`: as often as there is something to deliver.
    pub rate_limit: Option<RateLimit>,
    /// Headers of every request, by their names. None of them frames or routes it, and none is one of ours.
    pub headers: Vec<(String, Secret)>,
    /// How we prove ourselves beside the signature.
    pub credentials: Option<Credentials>,
    /// How its connections are made.
    pub connection: Connection,
}

impl Endpoint {
    /// An endpoint that wants all events, with the defaults of what else can be left out. What differs is set on it.
    pub fn new(id: EndpointId, tenant: Tenant, url: Url, secrets: Vec<Secret>) -> Self {
        Self {
            id,
            tenant,
            url,
            events: Vec::new(),
            filter: None,
            secrets: secrets.into_iter().map(SigningKey::from).collect(),
            timeout: Self::TIMEOUT,
            concurrency: Self::CONCURRENCY,
            ordered: true,
            paused: false,
            queue_max: Self::QUEUE_MAX,
            schedule: None,
            rate_limit: None,
            headers: Vec::new(),
            credentials: None,
            connection: Connection::default(),
        }
    }

    /// The whole of one attempt, where nothing else is said.
    pub const TIMEOUT: Duration = Duration::from_secs(15);

    /// How many attempts may be under way at once, where nothing else is said.
    pub const CONCURRENCY: usize = 10;

    /// How many deliveries of each partition may wait in memory, where nothing else is said.
    pub const QUEUE_MAX: usize = 1_000;

    /// Whether this endpoint wants events of that type.
    pub fn wants(&self, event_type: &EventType) -> bool {
        self.events.is_empty() || self.events.iter().any(|pattern| pattern.matches(event_type))
    }

    /// The keys that sign at that moment, newest first.
    pub fn signing(&self, now: Timestamp) -> impl Iterator<Item = &Secret> {
        let signs = move |key: &&SigningKey| key.until.is_none_or(|until| now < until);
        self.secrets.iter().filter(signs).map(|key| &key.secret)
    }
}

/// A key that signs, for ever or until it ends.
#[derive(Debug, Clone)]
pub struct SigningKey {
    /// The decoded bytes.
    pub secret: Secret,
    /// From when on it signs no more.
    pub until: Option<Timestamp>,
}

impl From<Secret> for SigningKey {
    fn from(secret: Secret) -> Self {
        Self { secret, until: None }
    }
}

/// How often attempts may begin, of one process.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateLimit {
    /// So many a second, on average. More than 0.
    pub per_second: f64,
    /// So many at once after a pause. At least 1.
    pub burst: u32,
}

/// Which events an endpoint wants. The crate `rules` makes one from a condition.
pub trait Filter: Send + Sync + fmt::Debug {
    /// Whether it wants `event`. `Err` says why that cannot be decided, which is not a "no"; it repeats nothing of the event.
    fn matches(&self, event: &Event) -> Result<bool, String>;
}

/// Where the HTTP sink learns of the endpoints. Reading a snapshot is quick, and never I/O.
///
/// A snapshot and its endpoints are values that never change. As long as all endpoints are as they were, every call returns the
/// same outer [`Arc`] ([`Arc::ptr_eq`]); once one of them is added, removed or changed, another one, in which those that did
/// not change are the same inner `Arc`s as before. The sink keeps connections, free slots and what it knows of an endpoint by
/// that identity: a directory that made new `Arc`s for every call would have every URL checked anew for every event. An
/// endpoint that is not in the snapshot any more is forgotten, with its metrics, at the next event.
pub trait EndpointDirectory: Send + Sync + fmt::Debug {
    /// Returns all endpoints that are enabled now.
    fn endpoints(&self) -> Arc<[Arc<Endpoint>]>;
}
