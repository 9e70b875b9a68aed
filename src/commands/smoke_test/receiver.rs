//! The endpoint that the smoke test is itself: it keeps what comes, and whether its signature is right.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use parking_lot::Mutex;
use schemas::endpoint::Endpoint;
use schemas::time::Timestamp;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::super::signed;
use crate::admin;
use crate::config::ConfigError;

/// A delivery that has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Arrived {
    /// Whether its signature is one by a secret of the endpoint.
    pub(super) verified: bool,
}

/// Answers 204 to everything that is signed as it should be, until it is dropped.
pub(super) struct Receiver {
    address: SocketAddr,
    kept: Arc<Kept>,
    _ends: DropGuard,
}

struct Kept {
    endpoint: Arc<Endpoint>,
    /// By `webhook-id`.
    arrived: Mutex<HashMap<String, Arrived>>,
}

impl Receiver {
    pub(super) async fn listen(address: &str, endpoint: &Arc<Endpoint>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(address)
            .await
            .map_err(|error| ConfigError(format!("--receive: cannot listen on {address}: {error}")))?;
        let address = listener.local_addr().context("the address that is listened on")?;
        let kept = Arc::new(Kept {
            endpoint: Arc::clone(endpoint),
            arrived: Mutex::default(),
        });
        let router = Router::new().fallback(receive).with_state(Arc::clone(&kept));
        let ended = CancellationToken::new();
        let token = ended.clone();
        tokio::spawn(async move {
            let uncounted = net::server::Metrics::default();
            net::server::serve(
                router,
                &admin::SETTINGS,
                uncounted,
                listener,
                token,
                &TaskTracker::new(),
            )
            .await;
        });
        Ok(Self {
            address,
            kept,
            _ends: ended.drop_guard(),
        })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The delivery of this id, if it has come; the right one counts where there are two.
    pub(super) fn arrived(&self, id: &str) -> Option<Arrived> {
        self.kept.arrived.lock().get(id).copied()
    }
}

async fn receive(State(kept): State<Arc<Kept>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let verified = signed::verify(kept.endpoint.signing(Timestamp::now()), &headers, &body);
    let id = headers
        .get("webhook-id")
        .and_then(|id| id.to_str().ok())
        .unwrap_or_default();
    let mut arrived = kept.arrived.lock();
    let before = arrived.entry(id.to_owned()).or_insert(Arrived { verified });
    before.verified |= verified;
    if verified {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::UNAUTHORIZED
    }
}
