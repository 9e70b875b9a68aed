//! The demo's endpoint, as a customer would write it: it verifies what it gets per Standard Webhooks.

use std::convert::Infallible;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use schemas::event::Event;
use sha2::Sha256;
use tokio::net::TcpListener;

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
    let header = |name: &str| {
        parts
            .headers
            .get(name)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
    };
    let id = header("webhook-id");
    let verified = verify(id, header("webhook-timestamp"), header("webhook-signature"), &body);
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

/// Standard Webhooks 1.0: any of the space-separated `v1,` signatures over `id.timestamp.body`.
fn verify(id: &str, timestamp: &str, signatures: &str, body: &[u8]) -> bool {
    let key = BASE64.decode(ENDPOINT_KEY).unwrap_or_default();
    signatures
        .split(' ')
        .filter_map(|s| BASE64.decode(s.strip_prefix("v1,")?).ok())
        .any(|signature| {
            let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key) else {
                return false;
            };
            for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
                mac.update(part);
            }
            mac.verify_slice(&signature).is_ok()
        })
}
