//! The HTTP client: requests on the connections of a pool, made by our own connector, to addresses that a [`Guard`] has judged.
//!
//! It does exactly one request per call: no redirects, no proxies from the environment, no decompression, no second try
//! of what a receiver may have seen (only a request that was not sent, or that HTTP/2 says was not looked at, moves on to another
//! connection). HTTP/1.1, and HTTP/2 where [`Options`] offer it.

mod answer;
mod aside;
mod connect;
mod destination;
mod environment;
mod error;
mod exchange;
mod guard;
mod http2;
mod idle;
mod lack;
mod oauth2;
mod options;
mod place;
mod pool;
mod proxy;
mod sender;
mod stream;
mod tls;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TE, TRANSFER_ENCODING, UPGRADE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request};
use http_body_util::Full;
use hyper::body::Body as _;
use prometheus_client::metrics::gauge::Gauge;
use schemas::setting::Invalid;
use tokio::time::{Instant, timeout_at};
use url::Url;

use aside::{Aside, Rest};
use connect::Connector;
use place::Places;
use pool::{Limits, Pool};
use tls::Tls;

pub use answer::{Answer, Response, Timing};
pub use connect::{Resolve, SystemResolver};
pub use destination::Destination;
pub use environment::{PROXY_VARIABLES, proxy_warning};
pub use error::SendError;
pub use guard::{Allowed, Blocked, Guard, is_loopback_name, special_purpose};
pub use oauth2::{Token, TokenSettings, Tokens};
pub use options::{Authorities, Identity, Options};
pub use pool::Seat;
pub use proxy::Proxy;

/// What a client does, whatever it sends.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The `user-agent` of every request that has none.
    pub user_agent: HeaderValue,
    /// The time limit of resolving, connecting and TLS together.
    pub connect_timeout: Duration,
    /// How much of a response's body is read.
    pub response_max_bytes: usize,
    /// How many connections may exist at once, those included that are kept for the next request. `None`: 16384. Never more
    /// than three quarters of the descriptors that the process may have.
    pub max_connections: Option<usize>,
    /// How long a request waits for a connection when all of them are in use.
    pub connection_wait: Duration,
    /// How long an unused connection is kept.
    pub pool_idle: Duration,
    /// A PEM file of certificate authorities that are trusted besides those of the web.
    pub ca_file: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            user_agent: HeaderValue::from_static(concat!("forebay/", env!("CARGO_PKG_VERSION"))),
            connect_timeout: Duration::from_secs(3),
            response_max_bytes: 64 * 1024,
            max_connections: None,
            connection_wait: Duration::from_secs(5),
            pool_idle: Duration::from_secs(30),
            ca_file: None,
        }
    }
}

/// Sends requests to places that its guard allows. Cheap to clone; clones share the connections.
#[derive(Clone)]
pub struct Client {
    pool: Arc<Pool>,
    places: Arc<Places>,
    aside: Arc<Aside>,
    guard: Guard,
    user_agent: HeaderValue,
    response_max_bytes: usize,
}

/// What a client counts, over all places that it sends to. Clones share the gauges.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// Connections that are open or being made.
    pub connections: Gauge,
    /// The most connections that there may be at once.
    pub max_connections: usize,
    /// Answers whose head has come and whose body is still being read aside.
    pub bodies_aside: Gauge,
}

impl Client {
    /// A client with that guard and resolver. What can be wrong is the file of certificates: the place is `ca_file`.
    pub fn new(settings: &Settings, guard: Guard, resolver: Arc<dyn Resolve>) -> Result<Self, Invalid> {
        let tls = Tls::new(settings.ca_file.as_deref())?;
        let connector = Connector::new(guard.clone(), resolver, settings.connect_timeout);
        let limits = Limits {
            connections: lack::connections(settings.max_connections),
            wait: settings.connection_wait,
            idle: settings.pool_idle,
        };
        Ok(Self {
            pool: Arc::new(Pool::new(connector, limits)),
            places: Arc::new(Places::new(tls)),
            aside: Arc::default(),
            guard,
            user_agent: settings.user_agent.clone(),
            response_max_bytes: settings.response_max_bytes,
        })
    }

    /// Checks `url` as far as it can be without resolving it. It is reached as all are by default.
    pub fn destination(&self, url: &Url) -> Result<Destination, SendError> {
        self.destination_with(url, &Options::default())
    }

    /// Checks `url` as far as it can be without resolving it. It is reached as `options` say: destinations with the same scheme,
    /// host and port share connections where their options are equal, and never otherwise.
    pub fn destination_with(&self, url: &Url, options: &Options) -> Result<Destination, SendError> {
        self.guard.check_url(url)?;
        Destination::new(url, &self.places, options)
    }

    /// Posts `body` once; see [`request`](Self::request).
    pub async fn post(
        &self,
        url: &Url,
        headers: HeaderMap,
        body: Bytes,
        timeout: Duration,
    ) -> Result<Response, SendError> {
        self.request(Method::POST, url, headers, body, timeout).await
    }

    /// Sends one request, and reads the response's body. `timeout` is for all of it, from resolving to that body's end; a
    /// response whose status came in time is a response.
    pub async fn request(
        &self,
        method: Method,
        url: &Url,
        headers: HeaderMap,
        body: Bytes,
        timeout: Duration,
    ) -> Result<Response, SendError> {
        let destination = self.destination(url)?;
        self.request_to(method, &destination, headers, body, timeout).await
    }

    /// The same to a destination that was checked before, as its options say.
    pub async fn request_to(
        &self,
        method: Method,
        destination: &Destination,
        headers: HeaderMap,
        body: Bytes,
        timeout: Duration,
    ) -> Result<Response, SendError> {
        for name in [HOST, CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION, TE, UPGRADE] {
            if headers.contains_key(&name) {
                return Err(SendError::Header(name));
            }
        }
        let seat = self.seat(destination).await?;
        let deadline = Instant::now() + timeout;
        let request = self.build(method, headers, body);
        let answer = self.exchange(seat, destination, request, timeout).await?;
        let Rest {
            body,
            mut sender,
            origin,
        } = answer.rest;
        let mut read = Vec::new();
        let take = |data: &[u8]| read.extend_from_slice(data);
        let complete = body.is_end_stream()
            || timeout_at(deadline, aside::read(body, self.response_max_bytes, take))
                .await
                .unwrap_or(false);
        if complete && matches!(timeout_at(deadline, sender.ready()).await, Ok(Ok(()))) {
            self.pool.put_back(origin, sender);
        }
        Ok(Response {
            status: answer.status,
            headers: answer.headers,
            timing: answer.timing,
            body: read.into(),
            complete,
        })
    }

    /// Waits for a connection that exists, or for the right to make one: this time is not the destination's.
    pub async fn seat(&self, destination: &Destination) -> Result<Seat, SendError> {
        self.pool.seat(&destination.origin).await
    }

    /// Posts once, to a destination checked before and with headers that are our own. `timeout` is for all from resolving
    /// to the head of the response.
    pub async fn send(
        &self,
        seat: Seat,
        destination: &Destination,
        headers: HeaderMap,
        body: Bytes,
        timeout: Duration,
    ) -> Result<Answer, SendError> {
        let request = self.build(Method::POST, headers, body);
        self.exchange(seat, destination, request, timeout).await
    }

    /// A request, all but where it goes.
    fn build(&self, method: Method, mut headers: HeaderMap, body: Bytes) -> Request<Full<Bytes>> {
        headers.entry(USER_AGENT).or_insert_with(|| self.user_agent.clone());
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.headers_mut() = headers;
        request
    }

    /// Sees to what is left of an answer, so that its connection can be used again.
    pub async fn finish(&self, answer: Answer) {
        self.aside
            .finish(answer.rest, self.response_max_bytes, &self.pool)
            .await;
    }

    /// The same, and returns the beginning of the body, at most `most` bytes, as far as it has come without waiting longer than
    /// [`finish`](Self::finish) does. Never to be repeated to whoever registered the URL: it may come from a place that only we
    /// reach.
    pub async fn finish_with_beginning(&self, answer: Answer, most: usize) -> Vec<u8> {
        self.aside
            .finish_with_beginning(answer.rest, self.response_max_bytes, &self.pool, most)
            .await
    }

    /// What the client counts.
    pub fn metrics(&self) -> Metrics {
        Metrics {
            connections: self.pool.open_now(),
            max_connections: self.pool.limits().connections,
            bodies_aside: self.aside.count(),
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("guard", &self.guard)
            .finish_non_exhaustive()
    }
}
