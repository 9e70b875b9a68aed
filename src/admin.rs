//! The operators' port: `/livez`, `/readyz`, `/metrics`. Never the public one.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use prometheus_client::registry::Registry;
use schemas::BoxFuture;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// One thing that must be so for this process to do its duty; the error says what is not.
pub(crate) type Check = Box<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// What the port tells.
pub(crate) struct Admin {
    pub(crate) metrics: Registry,
    pub(crate) checks: Vec<(String, Check)>,
    pub(crate) shutdown: CancellationToken,
}

/// Serves until the token is cancelled.
pub(crate) async fn serve(admin: Admin, listener: TcpListener, ended: CancellationToken) -> std::io::Result<()> {
    let router = Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(Arc::new(admin));
    axum::serve(listener, router)
        .with_graceful_shutdown(ended.cancelled_owned())
        .await
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

async fn metrics(State(admin): State<Arc<Admin>>) -> impl IntoResponse {
    let mut text = String::new();
    match prometheus_client::encoding::text::encode(&mut text, &admin.metrics) {
        Ok(()) => (
            [(
                header::CONTENT_TYPE,
                "application/openmetrics-text; version=1.0.0; charset=utf-8",
            )],
            text,
        )
            .into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
