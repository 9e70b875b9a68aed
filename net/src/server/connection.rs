//! One connection, from its first byte to its end: a header of the PROXY protocol where one is expected, then HTTP/1 or HTTP/2.

use std::error::Error;
use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use prometheus_client::metrics::gauge::Gauge;
use schemas::throttle::LogThrottle;
use schemas::time::Timestamp;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::bounds;
use super::guarded::Guarded;
use super::per_ip::PerIp;
use super::proxies::{Peer, TrustedProxies};
use super::proxy_header::{self, Beginning};
use super::watch::{Limits, Watch};
use super::{ByReason, HttpService, Metrics, Settings};

/// What all connections share.
#[derive(Debug)]
pub(super) struct Server<S> {
    http: Builder<TokioExecutor>,
    service: S,
    limits: Limits,
    grace: Duration,
    proxy_protocol: Option<TrustedProxies>,
    first_byte_timeout: Duration,
    per_ip: PerIp,
    metrics: Arc<Metrics>,
    cut_off: AtomicUsize,
    /// For log lines that a client can cause.
    throttle: LogThrottle,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Closed,
    TimedOut,
    CutOff,
}

impl<S: HttpService> Server<S> {
    pub(super) fn new(service: S, settings: &Settings, metrics: Metrics) -> Self {
        Self {
            http: bounds::http(settings),
            service,
            limits: Limits::of(settings),
            grace: settings.drain_timeout,
            proxy_protocol: settings.proxy_protocol.clone(),
            first_byte_timeout: settings.first_byte_timeout,
            per_ip: PerIp::new(settings.max_connections_per_ip),
            metrics: Arc::new(metrics),
            cut_off: AtomicUsize::new(0),
            throttle: LogThrottle::default(),
        }
    }

    /// Connections that the end of the grace period cut off.
    pub(super) fn cut_off(&self) -> usize {
        self.cut_off.load(Ordering::Relaxed)
    }

    /// `peer` is the address at the other end of the connection, an IPv4 address as such.
    pub(super) async fn serve(&self, mut stream: TcpStream, peer: IpAddr, shutdown: CancellationToken) {
        let _open = Open::new(self.metrics.connections.clone());
        // Responses are one small packet each; a socket that does not take the option still works.
        let _without = stream.set_nodelay(true);
        let ended = match self.client(&mut stream, peer, &shutdown).await {
            Ok((client, ahead)) => match self.per_ip.take(client) {
                Some(_permit) => self.run(stream, ahead, client, shutdown).await,
                None => End::Closed,
            },
            Err(ended) => ended,
        };
        match ended {
            End::Closed => {}
            End::TimedOut => {
                self.metrics.timed_out_connections.inc();
            }
            End::CutOff => {
                self.cut_off.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Returns the client, as the PROXY protocol names it if it is expected, and what was read of the socket besides.
    async fn client(
        &self,
        stream: &mut TcpStream,
        peer: IpAddr,
        shutdown: &CancellationToken,
    ) -> Result<(IpAddr, Bytes), End> {
        let Some(proxies) = &self.proxy_protocol else {
            return Ok((peer, Bytes::new()));
        };
        if !proxies.contains(peer) {
            self.refuse(
                peer,
                "it comes from no trusted proxy, and only those may use the PROXY protocol",
            );
            return Err(End::Closed);
        }
        let reading = timeout(self.first_byte_timeout, proxy_header::read(stream));
        let beginning = tokio::select! {
            beginning = reading => beginning.map_err(|_| End::TimedOut)?,
            () = shutdown.cancelled() => return Err(End::Closed),
        };
        match beginning {
            Beginning::Header(client, ahead) => Ok((client.unwrap_or(peer), ahead)),
            Beginning::Malformed(reason) => {
                self.refuse(peer, &format!("it has no valid header of the PROXY protocol: {reason}"));
                Err(End::Closed)
            }
            // Load balancers check ports so.
            Beginning::Nothing => Err(End::Closed),
        }
    }

    /// Counts and logs a connection that is closed without an answer.
    fn refuse(&self, peer: IpAddr, reason: &str) {
        let reason_label = ByReason {
            reason: "no_proxy_header",
        };
        self.metrics.malformed.get_or_create(&reason_label).inc();
        if let Some(held_back) = self.throttle.allow(Timestamp::now()) {
            tracing::info!(client = %peer, reason, held_back, "a connection was closed");
        }
    }

    /// Counts and logs a request that the HTTP library answers by itself. Resets and the like are not among them, nor what is
    /// malformed on HTTP/2, which ends a stream or the connection by that protocol's own errors.
    fn note_malformed(&self, client: IpAddr, error: &(dyn Error + 'static)) {
        self.metrics.failed(error);
        let Some(error) = error.downcast_ref::<hyper::Error>().filter(|error| error.is_parse()) else {
            return;
        };
        let Some(held_back) = self.throttle.allow(Timestamp::now()) else {
            return;
        };
        if error.is_parse_too_large() {
            tracing::info!(
                %client, held_back,
                "answered 431: the head of the request is too large, or has too many headers"
            );
        } else {
            tracing::info!(%client, %error, held_back, "answered 400: the request is malformed");
        }
    }

    async fn run(&self, stream: TcpStream, ahead: Bytes, client: IpAddr, shutdown: CancellationToken) -> End {
        let watch = &Arc::new(Watch::new(self.limits));
        let service = service_fn(|mut request: Request<Incoming>| {
            request.extensions_mut().insert(Peer(client));
            let (request_watch, began) = InRequest::new(watch, request.version() == Version::HTTP_2);
            let (responding, metrics) = (self.service.respond(request), Arc::clone(&self.metrics));
            async move {
                let response = responding.await;
                drop(request_watch);
                if let Ok(response) = &response {
                    metrics.answered(response.status(), began.elapsed());
                }
                response
            }
        });
        let io = TokioIo::new(Guarded {
            stream,
            ahead,
            watch: Arc::clone(watch),
        });
        let mut connection = pin!(self.http.serve_connection(io, service));
        let mut stop = pin!(shutdown.cancelled());
        let mut timer = pin!(sleep_until(watch.due().unwrap_or_else(|| watch.look_again())));
        let mut drained_by = None;

        poll_fn(move |cx| {
            if drained_by.is_none() && stop.as_mut().poll(cx).is_ready() {
                drained_by = Some(Instant::now() + self.grace);
                connection.as_mut().graceful_shutdown();
            }
            if let Poll::Ready(served) = connection.as_mut().poll(cx) {
                // An error here is the client's: malformed HTTP has been answered, a reset needs no answer.
                if let Err(error) = served {
                    self.note_malformed(client, &*error);
                }
                return Poll::Ready(End::Closed);
            }
            // The timer is reset lazily: a request moves nothing, only a nearer deadline does.
            loop {
                let due = [watch.due(), drained_by].into_iter().flatten().min();
                if let Some(due) = due
                    && due < timer.deadline()
                {
                    timer.as_mut().reset(due);
                }
                if timer.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                let now = Instant::now();
                if drained_by.is_some_and(|end| end <= now) {
                    return Poll::Ready(End::CutOff);
                }
                match due {
                    Some(due) if due <= now => return Poll::Ready(End::TimedOut),
                    Some(due) => timer.as_mut().reset(due),
                    None => timer.as_mut().reset(watch.look_again()),
                }
            }
        })
        .await
    }
}

/// Marks a request as being worked on, until it is answered or dropped.
struct InRequest(Arc<Watch>);

impl InRequest {
    /// Returns when the request began, too.
    fn new(watch: &Arc<Watch>, http2: bool) -> (Self, Instant) {
        let began = watch.begin(http2);
        (Self(Arc::clone(watch)), began)
    }
}

impl Drop for InRequest {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Counts an open connection.
struct Open(Gauge);

impl Open {
    fn new(gauge: Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}
