//! The demo's endpoint, as a customer would write it: it verifies what it gets per Standard Webhooks.

use std::convert::Infallible;
use std::sync::Arc;

use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use schemas::event::Event;
use schemas::secret::Secret;
use tokio::net::TcpListener;

use super::super::signed;
use super::ENDPOINT_KEY;

/// One delivery as the endpoint got it.
#[derive(Clone)]
pub(super) struct Received {
    pub(super) id: String,
    pub(super) event_type: String,
    pub(super) raw_bytes: usize,
    pub(super) verified: bool,
}

/// An endpoint as a customer would write it: verifies per Standard Webhooks, answers 200.
pub(super) struct Endpoint {
    pub(super) port: u16,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Endpoint {
    pub(super) async fn listen() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let received = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&received);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let kept = Arc::clone(&kept);
                tokio::spawn(async move {
                    let service = service_fn(move |request| receive(request, Arc::clone(&kept)));
                    // A connection that breaks shows as a delivery that is missing.
                    drop(
                        hyper::server::conn::http1::Builder::new()
                            .serve_connection(TokioIo::new(stream), service)
                            .await,
                    );
                });
            }
        });
        Ok(Self { port, received })
    }

    pub(super) fn received(&self) -> Vec<Received> {
        self.received.lock().clone()
    }
}

async fn receive(
    request: Request<Incoming>,
    kept: Arc<Mutex<Vec<Received>>>,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    let id = parts
        .headers
        .get("webhook-id")
        .and_then(|id| id.to_str().ok())
        .unwrap_or_default();
    let keys: Vec<Secret> = Secret::from_standard_webhooks(&format!("whsec_{ENDPOINT_KEY}"))
        .into_iter()
        .collect();
    let verified = signed::verify(&keys, &parts.headers, &body);
    let event = Event::decode(&body);
    kept.lock().push(Received {
        id: id.to_owned(),
        event_type: event
            .as_ref()
            .map_or_else(|_| "?".to_owned(), |e| e.event_type().to_string()),
        raw_bytes: event.map_or(0, |e| e.raw().len()),
        verified,
    });
    Ok(Response::new(Empty::new()))
}
