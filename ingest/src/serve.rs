//! Ingest on a listener, from its first connection to an orderly end.

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::handler::Ingest;

/// How the shutdown went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were still busy at the end of the grace period and were cut off.
    pub connections_cut_off: usize,
    /// Verified webhooks that were still on their way into the event log. None of them was answered 2xx.
    pub webhooks_unfinished: usize,
}

/// Takes webhooks in on `listener` until `shutdown`, then finishes what has begun: idle connections close at once, requests
/// that have begun are answered, for at most `drain_timeout_ms`.
pub async fn serve(ingest: Arc<Ingest>, listener: TcpListener, shutdown: CancellationToken) -> Drained {
    let settings = ingest.config.server();
    let (routes, metrics, accepting) = (ingest.routes(), ingest.metrics.server.clone(), &ingest.accepting);
    let served = net::server::serve(routes, &settings, metrics, listener, shutdown, accepting).await;
    let drained = Drained {
        connections_cut_off: served.connections_cut_off,
        webhooks_unfinished: ingest.accepting.len(),
    };
    if !served.in_time || drained.connections_cut_off > 0 {
        tracing::warn!(
            target: "ingest", connections = drained.connections_cut_off, webhooks = drained.webhooks_unfinished,
            "the shutdown did not wait any longer"
        );
    }
    drained
}
