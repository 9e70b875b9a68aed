//! The operators' port: `/livez`, `/readyz`, `/metrics`. Never the public one.

mod exposition;
pub(crate) mod process;
mod readiness;
#[cfg(test)]
mod reference;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use net::server::Settings;
use prometheus_client::registry::Registry;
use schemas::BoxFuture;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use readiness::Readiness;

/// One condition for this process to be ready; the error says why it is not met.
pub(crate) type Check = Box<dyn Fn() -> BoxFuture<'static, Verdict> + Send + Sync>;

/// Met, with what is to be said of it, or else not met, and why.
pub(crate) type Verdict = Result<Option<String>, String>;

/// What the port reports.
pub(crate) struct Admin {
    pub(crate) metrics: Registry,
    pub(crate) checks: Vec<(String, Check)>,
    /// Cancelled when the process is asked to end: from then on it is not ready.
    pub(crate) asked_to_end: CancellationToken,
}

/// The limits of the port: few clients, all of them ours. Whoever holds a connection open without a request must not keep a
/// drained process from ending.
pub(crate) const SETTINGS: Settings = Settings {
    max_connections: 256,
    max_connections_per_ip: None,
    proxy_protocol: None,
    max_header_bytes: 16 * 1024,
    first_byte_timeout: Duration::from_secs(5),
    header_timeout: Duration::from_secs(5),
    idle_timeout: Duration::from_secs(75),
    write_timeout: Duration::from_secs(15),
    drain_timeout: Duration::from_secs(1),
};

/// How long `/readyz` waits for the checks: longer than their own time limits, whose errors say more.
const READYZ_PATIENCE: Duration = Duration::from_secs(15);
/// How long `/metrics` waits for them: a scrape must not fail because a service does not answer.
const METRICS_PATIENCE: Duration = Duration::from_secs(2);

/// Serves until the token is cancelled.
pub(crate) async fn serve(mut admin: Admin, listener: TcpListener, ended: CancellationToken) {
    let admin = Served {
        readiness: Readiness::register(&mut admin.metrics),
        admin,
    };
    let router = Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(Arc::new(admin));
    // Its own connections are not worth a series: whoever reads them is one.
    let uncounted = net::server::Metrics::default();
    net::server::serve(router, &SETTINGS, uncounted, listener, ended, &TaskTracker::new()).await;
}

/// The port while it is served.
struct Served {
    admin: Admin,
    readiness: Readiness,
}

async fn readyz(State(served): State<Arc<Served>>) -> impl IntoResponse {
    let answer = served.readiness.ask(&served.admin, READYZ_PATIENCE).await;
    let status = if answer.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, answer.text)
}

async fn metrics(State(served): State<Arc<Served>>, headers: HeaderMap) -> impl IntoResponse {
    served.readiness.ask(&served.admin, METRICS_PATIENCE).await;
    match exposition::answer(&served.admin.metrics, &headers) {
        Ok((content_type, text)) => ([(header::CONTENT_TYPE, content_type)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn a_client_that_holds_its_connection_open_does_not_hold_up_the_end() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let ended = CancellationToken::new();
        let admin = Admin {
            metrics: Registry::default(),
            checks: Vec::new(),
            asked_to_end: CancellationToken::new(),
        };
        let serving = tokio::spawn(serve(admin, listener, ended.clone()));

        let mut asking = TcpStream::connect(address).await.expect("connected");
        asking
            .write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            .await
            .expect("sent");
        let mut answer = [0; 12];
        asking.read_exact(&mut answer).await.expect("answered");
        assert_eq!(&answer, b"HTTP/1.1 200");
        let mut half = TcpStream::connect(address).await.expect("connected");
        half.write_all(b"GET /livez HTTP/1.1\r\nHo").await.expect("sent");
        // Accepted in order, so the one before is being served when this one is answered.
        let mut last = TcpStream::connect(address).await.expect("connected");
        last.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            .await
            .expect("sent");
        last.read_exact(&mut answer).await.expect("answered");

        ended.cancel();
        let end = tokio::time::timeout(Duration::from_secs(10), serving).await;
        end.expect("it ends").expect("no panic");
    }
}
