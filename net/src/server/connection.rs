//! One connection, HTTP/1 or HTTP/2, from its first byte to its end.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use http::{Request, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use prometheus_client::metrics::gauge::Gauge;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::bounds;
use super::guarded::Guarded;
use super::watch::{Limits, Watch};
use super::{HttpService, Metrics, Settings};

/// What all connections share.
#[derive(Debug)]
pub(super) struct Server<S> {
    http: Builder<TokioExecutor>,
    service: S,
    limits: Limits,
    grace: Duration,
    metrics: Arc<Metrics>,
    cut_off: AtomicUsize,
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
            metrics: Arc::new(metrics),
            cut_off: AtomicUsize::new(0),
        }
    }

    /// Connections that the end of the grace period cut off.
    pub(super) fn cut_off(&self) -> usize {
        self.cut_off.load(Ordering::Relaxed)
    }

    pub(super) async fn serve(&self, stream: TcpStream, shutdown: CancellationToken) {
        let _open = Open::new(self.metrics.connections.clone());
        // Responses are one small packet each; a socket that does not take the option still works.
        let _without = stream.set_nodelay(true);
        match self.run(stream, shutdown).await {
            End::Closed => {}
            End::TimedOut => {
                self.metrics.timed_out_connections.inc();
            }
            End::CutOff => {
                self.cut_off.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    async fn run(&self, stream: TcpStream, shutdown: CancellationToken) -> End {
        let watch = &Arc::new(Watch::new(self.limits));
        let service = service_fn(|request: Request<Incoming>| {
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
            if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
                // An error here is the client's: malformed HTTP has been answered, a reset needs no answer.
                if let Err(error) = ended {
                    self.metrics.failed(&*error);
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
