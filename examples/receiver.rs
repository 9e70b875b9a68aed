//! A receiver of Forebay's deliveries, with axum and the crate `standardwebhooks`.
//! Run: `FOREBAY_SECRET=whsec_… cargo run --example receiver 3000`

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "an example, not a part of the program"
)]

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, http::StatusCode, routing::post};
use standardwebhooks::Webhook;

async fn receive(State(webhook): State<std::sync::Arc<Webhook>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    if webhook.verify(&body, &headers).is_err() {
        return StatusCode::UNAUTHORIZED;
    }
    let event: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    println!("{} {}", event["type"], event["id"]); // the same id again is the same event
    StatusCode::NO_CONTENT
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let webhook = Webhook::new(&std::env::var("FOREBAY_SECRET")?)?;
    let port = std::env::args().nth(1).ok_or("give a port")?;
    let router = Router::new()
        .route("/{*path}", post(receive))
        .with_state(webhook.into());
    axum::serve(tokio::net::TcpListener::bind(format!("0.0.0.0:{port}")).await?, router).await?;
    Ok(())
}
