//! What a server counts, whatever it serves.

use std::error::Error;
use std::time::Duration;

use http::StatusCode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

/// Seconds; the last ones are the time-outs that senders usually have.
const BUCKETS: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0,
];

/// The label of answers.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ByClass {
    /// The class of the status, as in `2xx`.
    pub class: &'static str,
}

/// The label of what is not a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ByReason {
    /// `not_http`, answered 400; `head_too_large`, answered 431; or `no_proxy_header`, closed without an answer: no valid header of
    /// the PROXY protocol from a trusted proxy.
    pub reason: &'static str,
}

/// What a server counts. Clones share their values; whoever serves registers them under its own names.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// Open connections.
    pub connections: Gauge,
    /// Connections that could not be accepted.
    pub accept_errors: Counter,
    /// Connections closed because the client was silent or slow.
    pub timed_out_connections: Counter,
    /// From the first byte of a request (HTTP/1) or its complete head (HTTP/2) to the status of its answer, seconds.
    pub request_seconds: Family<ByClass, Histogram, fn() -> Histogram>,
    /// What no service sees, because the HTTP library answers it by itself or it has no PROXY protocol header. Of HTTP/1 only: on
    /// HTTP/2 the library answers a head that is too large on its stream, and reports it to no one.
    pub malformed: Family<ByReason, Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            connections: Gauge::default(),
            accept_errors: Counter::default(),
            timed_out_connections: Counter::default(),
            request_seconds: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            malformed: Family::default(),
        }
    }
}

impl Metrics {
    /// Notes how long a request took.
    pub(super) fn answered(&self, status: StatusCode, took: Duration) {
        let class = class(status);
        self.request_seconds
            .get_or_create(&ByClass { class })
            .observe(took.as_secs_f64());
    }

    /// Notes why a connection failed, if it was by what the client sent.
    pub(super) fn failed(&self, error: &(dyn Error + 'static)) {
        let Some(error) = error.downcast_ref::<hyper::Error>() else {
            return;
        };
        let reason = if error.is_parse_too_large() {
            "head_too_large"
        } else if error.is_parse() {
            "not_http"
        } else {
            return;
        };
        self.malformed.get_or_create(&ByReason { reason }).inc();
    }
}

fn class(status: StatusCode) -> &'static str {
    match status.as_u16() / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::{Ready, ready};
    use std::task::{Context, Poll};

    use bytes::Bytes;
    use http::{Request, Response};
    use http_body_util::Empty;
    use hyper::body::Incoming;
    use prometheus_client::encoding::text::encode;
    use prometheus_client::registry::Registry;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};
    use tokio_util::sync::CancellationToken;
    use tokio_util::task::TaskTracker;
    use tower_service::Service;

    use super::super::{Settings, serve};
    use super::*;

    const SETTINGS: Settings = Settings {
        max_connections: 8,
        max_connections_per_ip: None,
        proxy_protocol: None,
        max_header_bytes: 8192,
        first_byte_timeout: Duration::from_secs(10),
        header_timeout: Duration::from_secs(10),
        idle_timeout: Duration::from_secs(10),
        write_timeout: Duration::from_secs(10),
        drain_timeout: Duration::from_secs(1),
    };

    /// Answers every request 204.
    #[derive(Clone)]
    struct NoContent;

    impl Service<Request<Incoming>> for NoContent {
        type Response = Response<Empty<Bytes>>;
        type Error = Infallible;
        type Future = Ready<Result<Self::Response, Infallible>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Request<Incoming>) -> Self::Future {
            let mut response = Response::new(Empty::new());
            *response.status_mut() = StatusCode::NO_CONTENT;
            ready(Ok(response))
        }
    }

    #[tokio::test]
    async fn what_no_service_sees_is_counted_and_answers_are_timed() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let (metrics, shutdown) = (Metrics::default(), CancellationToken::new());
        let (counted, ending) = (metrics.clone(), shutdown.clone());
        let serving =
            tokio::spawn(
                async move { serve(NoContent, &SETTINGS, counted, listener, ending, &TaskTracker::new()).await },
            );
        let many = format!("GET / HTTP/1.1\r\nHost: h\r\n{}\r\n", "X-A: 1\r\n".repeat(120));
        for (request, expected) in [
            ("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "204"),
            ("nonsense\r\n\r\n", "400"),
            (many.as_str(), "431"),
        ] {
            let mut stream = TcpStream::connect(address).await.expect("connected");
            stream.write_all(request.as_bytes()).await.expect("sent");
            let mut answer = Vec::new();
            // A reset after the answer, because the rest was not read, is fine.
            drop(stream.read_to_end(&mut answer).await);
            let answer = String::from_utf8_lossy(&answer).into_owned();
            assert_eq!(answer.get(9..12), Some(expected), "{answer}");
        }
        // Its connections have ended when it has.
        shutdown.cancel();
        serving.await.expect("no panic");
        for reason in ["not_http", "head_too_large"] {
            assert_eq!(
                metrics.malformed.get_or_create(&ByReason { reason }).get(),
                1,
                "{reason}"
            );
        }
        let (mut registry, mut text) = (Registry::default(), String::new());
        registry.register("seconds", "Time", metrics.request_seconds.clone());
        encode(&mut text, &registry).expect("text");
        assert!(text.contains("seconds_count{class=\"2xx\"} 1\n"), "{text}");
    }
}
