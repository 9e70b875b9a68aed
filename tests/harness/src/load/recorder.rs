//! A receiver that records every delivery that it takes: there are many, so it keeps only what the judge needs. It is healthy unless
//! told otherwise.

use std::convert::Infallible;
use std::sync::Arc;

use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use parking_lot::Mutex;
use standardwebhooks::Webhook as Verifier;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use super::ledger::{mark_in, now_ms};
use crate::deliveries::SECRET;

/// One delivery as it arrived.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// Empty if the body has none.
    pub mark: String,
    /// `webhook-id`.
    pub id: String,
    /// When it had come whole.
    pub at_ms: i64,
    /// Whether the stock library accepts its signature.
    pub verified: bool,
}

/// How a receiver is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Condition {
    /// It takes everything, and answers 200.
    #[default]
    Healthy,
    /// It takes nothing, and never answers.
    Hanging,
    /// It takes nothing, and answers 500.
    Failing,
}

/// Listens until dropped, and answers 200 while it is healthy.
#[derive(Debug)]
pub struct Recorder {
    /// Where it listens.
    pub url: String,
    noted: Arc<Noted>,
    accepting: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Noted {
    arrivals: Mutex<Vec<Arrival>>,
    condition: Mutex<Condition>,
}

impl Recorder {
    /// Listens on a free port of this machine's loopback.
    pub async fn start() -> Self {
        Self::start_on("127.0.0.1").await
    }

    /// Listens on a free port of this address.
    pub async fn start_on(address: &str) -> Self {
        let listener = TcpListener::bind((address, 0)).await.expect("a port");
        let url = format!("http://{}/hook", listener.local_addr().expect("bound"));
        let noted = Arc::new(Noted::default());
        let kept = Arc::clone(&noted);
        let verifier = Arc::new(Verifier::new(SECRET).expect("a valid key"));
        let accepting = tokio::spawn(async move {
            // Dropped with this task, which drops the connections.
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (noted, verifier) = (Arc::clone(&noted), Arc::clone(&verifier));
                connections.spawn(async move {
                    let service = service_fn(move |request| answer(request, Arc::clone(&noted), Arc::clone(&verifier)));
                    let server = Builder::new(TokioExecutor::new());
                    drop(server.serve_connection(TokioIo::new(stream), service).await);
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Self {
            url,
            noted: kept,
            accepting,
        }
    }

    /// Is like that from now on; what hangs goes on to hang.
    pub fn be(&self, condition: Condition) {
        *self.noted.condition.lock() = condition;
    }

    /// Returns how many arrived, including repeats.
    pub fn count(&self) -> usize {
        self.noted.arrivals.lock().len()
    }

    /// Returns the arrivals in order.
    pub fn arrivals(&self) -> Vec<Arrival> {
        self.noted.arrivals.lock().clone()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn answer(
    request: Request<Incoming>,
    noted: Arc<Noted>,
    verifier: Arc<Verifier>,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let condition = *noted.condition.lock();
    let mut response = Response::new(Empty::new());
    match condition {
        Condition::Healthy => {}
        Condition::Hanging => return std::future::pending().await,
        Condition::Failing => {
            *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
            return Ok(response);
        }
    }
    // A request that broke off has not arrived.
    if let Ok(body) = body.collect().await {
        let body = body.to_bytes();
        let id = parts.headers.get("webhook-id").and_then(|v| v.to_str().ok());
        let arrival = Arrival {
            mark: mark_in(&body).unwrap_or_default().to_owned(),
            id: id.unwrap_or_default().to_owned(),
            at_ms: now_ms(),
            verified: verifier.verify(&body, &parts.headers).is_ok(),
        };
        noted.arrivals.lock().push(arrival);
    }
    Ok(response)
}
