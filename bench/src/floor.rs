//! The least that the job of ingest can cost: axum reads the body, one HMAC-SHA256, one produce with acks=all, one answer.

use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use rdkafka::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord};
use tokio::net::TcpListener;

use crate::body::{SECRET, signature};

#[derive(Clone)]
struct Floor {
    producer: FutureProducer,
    topic: String,
}

/// Serves until killed.
pub(crate) async fn serve(port: u16, kafka: &str, topic: String) -> anyhow::Result<()> {
    let producer = ClientConfig::new()
        .set("bootstrap.servers", kafka)
        .set("acks", "all")
        .set("enable.idempotence", "true")
        .set("compression.type", "lz4")
        .set("linger.ms", "2")
        .create()?;
    let router = Router::new()
        .route("/in/{source}", post(receive))
        .with_state(Floor { producer, topic });
    axum::serve(TcpListener::bind(("127.0.0.1", port)).await?, router).await?;
    Ok(())
}

async fn receive(State(floor): State<Floor>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let header = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let timestamp = header("x-chatwoot-timestamp").parse().unwrap_or(0);
    let expected = signature(SECRET, timestamp, &body);
    if header("x-chatwoot-signature").strip_prefix("sha256=") != Some(expected.as_str()) {
        return StatusCode::UNAUTHORIZED;
    }
    let record = FutureRecord::<[u8], [u8]>::to(&floor.topic).payload(&body);
    match floor.producer.send(record, Duration::ZERO).await {
        Ok(_) => StatusCode::OK,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}
