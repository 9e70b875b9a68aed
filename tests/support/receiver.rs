//! A real receiver of deliveries, which verifies every signature with the stock library of Standard Webhooks.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpListener;

/// The key that every endpoint of the tests signs with.
pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// One delivery as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) webhook_id: String,
    pub(crate) verified: bool,
    pub(crate) event: serde_json::Value,
}

/// Listens until dropped. Answers each request with the next status of its script, then always with 200.
#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) url: String,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Receiver {
    pub(crate) async fn start(script: &[u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/hook", listener.local_addr().expect("its address"));
        let received = Arc::new(Mutex::new(Vec::new()));
        let script = Arc::new(Mutex::new(script.iter().rev().copied().collect::<Vec<u16>>()));
        let kept = Arc::clone(&received);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (kept, script) = (Arc::clone(&kept), Arc::clone(&script));
                tokio::spawn(async move {
                    let service = service_fn(move |request| answer(request, Arc::clone(&kept), Arc::clone(&script)));
                    drop(
                        Builder::new(TokioExecutor::new())
                            .serve_connection(TokioIo::new(stream), service)
                            .await,
                    );
                });
            }
        });
        Self { url, received }
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().expect("not poisoned").clone()
    }
}

async fn answer(
    request: Request<Incoming>,
    kept: Arc<Mutex<Vec<Received>>>,
    script: Arc<Mutex<Vec<u16>>>,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let status = script.lock().expect("not poisoned").pop().unwrap_or(200);
    let (parts, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    if status == 200 {
        let verifier = standardwebhooks::Webhook::new(SECRET).expect("a valid key");
        kept.lock().expect("not poisoned").push(Received {
            webhook_id: parts
                .headers
                .get("webhook-id")
                .and_then(|v| v.to_str().ok())
                .unwrap_or_default()
                .to_owned(),
            verified: verifier.verify(&body, &parts.headers).is_ok(),
            event: serde_json::from_slice(&body).unwrap_or_default(),
        });
    }
    Ok(Response::builder()
        .status(status)
        .body(Empty::new())
        .expect("a valid answer"))
}
