//! The operators' port: `/livez`, `/readyz`, `/metrics`. Never the public one.

mod exposition;
pub(crate) mod process;

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

/// One condition for this process to be ready; the error says why it is not met.
pub(crate) type Check = Box<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// What the port reports.
pub(crate) struct Admin {
    pub(crate) metrics: Registry,
    pub(crate) checks: Vec<(String, Check)>,
    pub(crate) shutdown: CancellationToken,
}

/// The limits of the port: few clients, all of them ours. Whoever holds a connection open without a request must not keep a
/// drained process from ending.
const SETTINGS: Settings = Settings {
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

/// Serves until the token is cancelled.
pub(crate) async fn serve(admin: Admin, listener: TcpListener, ended: CancellationToken) {
    let router = Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(Arc::new(admin));
    // Its own connections are not worth a series: whoever reads them is one.
    let uncounted = net::server::Metrics::default();
    net::server::serve(router, &SETTINGS, uncounted, listener, ended, &TaskTracker::new()).await;
}

async fn readyz(State(admin): State<Arc<Admin>>) -> impl IntoResponse {
    let mut status = StatusCode::OK;
    let mut text = String::new();
    if admin.shutdown.is_cancelled() {
        status = StatusCode::SERVICE_UNAVAILABLE;
        text.push_str("draining\n");
    }
    for (name, check) in &admin.checks {
        let line = match check().await {
            Ok(()) => format!("{name}: ok\n"),
            Err(reason) => {
                status = StatusCode::SERVICE_UNAVAILABLE;
                format!("{name}: {reason}\n")
            }
        };
        text.push_str(&line);
    }
    (status, text)
}

async fn metrics(State(admin): State<Arc<Admin>>, headers: HeaderMap) -> impl IntoResponse {
    match exposition::answer(&admin.metrics, &headers) {
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
            shutdown: CancellationToken::new(),
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
