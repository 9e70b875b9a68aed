//! A server of HTTP/1 and HTTP/2 for any service: a bounded number of connections, a deadline for every wait, no spinning on
//! errors, and an orderly end.

mod bounds;
mod connection;
mod guarded;
mod metrics;
mod per_ip;
mod proxies;
mod proxy_header;
mod watch;

use std::error::Error;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use schemas::throttle::LogThrottle;
use schemas::time::Timestamp;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_service::Service;

use connection::Server;

pub use bounds::HEADERS;
pub use metrics::{ByClass, ByReason, Metrics};
pub use proxies::{Peer, TrustedProxies};

/// What a server does to connections. None of it depends on what is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How many connections may be open; further ones wait in the kernel's queue.
    pub max_connections: usize,
    /// How many connections one address may hold; further ones are closed at once. `None`: no limit. The address is the one of
    /// [`Peer`].
    pub max_connections_per_ip: Option<usize>,
    /// The proxies from which alone connections are served, each of which begins with a header of the PROXY protocol, version 1 or
    /// 2. `None`: connections begin with HTTP, from wherever they come.
    pub proxy_protocol: Option<TrustedProxies>,
    /// The largest head of a request (HTTP/1) or list of headers (HTTP/2), bytes; at least 8192.
    pub max_header_bytes: usize,
    /// How long a new connection may stay without sending a byte, and how long its PROXY protocol header may take.
    pub first_byte_timeout: Duration,
    /// How long the head of a request may take from its first byte.
    pub header_timeout: Duration,
    /// How long a connection may stay open between two requests.
    pub idle_timeout: Duration,
    /// How long a client may take nothing of what is written to it.
    pub write_timeout: Duration,
    /// How long requests may go on after the shutdown began.
    pub drain_timeout: Duration,
}

/// A service that can be served: every `tower` service of HTTP that can be cloned, such as a router of `axum`.
pub trait HttpService: Clone + Send + Sync + 'static {
    /// The type of its responses' bodies.
    type Body: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static;
    /// What ends the connection instead of a response.
    type Error: Into<Box<dyn Error + Send + Sync>>;
    /// A response that is being made.
    type Responding: Future<Output = Result<Response<Self::Body>, Self::Error>> + Send + 'static;

    /// Begins to answer one request.
    fn respond(&self, request: Request<Incoming>) -> Self::Responding;
}

impl<S, B> HttpService for S
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Body = B;
    type Error = S::Error;
    type Responding = S::Future;

    fn respond(&self, request: Request<Incoming>) -> S::Future {
        self.clone().call(request)
    }
}

/// How a shutdown went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were still busy at the end of the grace period and were cut off.
    pub connections_cut_off: usize,
    /// Whether everything had ended when the grace period was over.
    pub in_time: bool,
}

/// Serves `service` on `listener` until `shutdown`, then finishes what has begun: idle connections close at once, and requests
/// that have begun are answered, for at most `drain_timeout`. `unfinished` is work that outlives its connection, and has the
/// same time.
///
/// What is wrong with the listener is logged. Of what clients do wrong, what is malformed is logged and counted, at most one line a
/// second.
pub async fn serve<S: HttpService>(
    service: S,
    settings: &Settings,
    metrics: Metrics,
    listener: TcpListener,
    shutdown: CancellationToken,
    unfinished: &TaskTracker,
) -> Drained {
    let permits = Arc::new(Semaphore::new(settings.max_connections.min(Semaphore::MAX_PERMITS)));
    let accept_errors = metrics.accept_errors.clone();
    let server = Arc::new(Server::new(service, settings, metrics));
    let connections = TaskTracker::new();
    let throttle = LogThrottle::default();

    let accepting = async {
        loop {
            let Ok(permit) = Arc::clone(&permits).acquire_owned().await else {
                unreachable!("the semaphore is never closed");
            };
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let peer = peer.ip().to_canonical();
                    let serving = serve_one(Arc::clone(&server), stream, peer, shutdown.child_token(), permit);
                    connections.spawn(serving);
                }
                Err(error) if is_about_one_connection(&error) => {}
                Err(error) => {
                    // No file descriptors, most likely: trying again at once would only spin.
                    accept_errors.inc();
                    if let Some(held_back) = throttle.allow(Timestamp::now()) {
                        let address = listener.local_addr().map(|address| address.to_string());
                        let address = address.unwrap_or_default();
                        tracing::error!(%error, address, held_back, "cannot accept connections");
                    }
                    sleep(Duration::from_millis(100)).await;
                }
            }
        }
    };
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = accepting => {}
    }
    drop(listener);

    connections.close();
    unfinished.close();
    // Connections end themselves at the end of the grace period; the second is for their tasks to notice.
    let all_done = async {
        connections.wait().await;
        unfinished.wait().await;
    };
    let in_time = timeout(settings.drain_timeout + Duration::from_secs(1), all_done)
        .await
        .is_ok();
    Drained {
        connections_cut_off: server.cut_off(),
        in_time,
    }
}

/// `_permit` is given back when the connection ends.
async fn serve_one<S: HttpService>(
    server: Arc<Server<S>>,
    stream: TcpStream,
    peer: IpAddr,
    shutdown: CancellationToken,
    _permit: OwnedSemaphorePermit,
) {
    server.serve(stream, peer, shutdown).await;
}

/// Whether an error is about a client that went away, and not about the listener.
fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
    )
}

#[cfg(test)]
mod tests;
