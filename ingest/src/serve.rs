//! Ingest on a listener, from its first connection to an orderly end.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::handler::Ingest;

/// How often sources that were removed, or are idle, are forgotten.
const FORGET_INTERVAL: Duration = Duration::from_mins(1);

/// How the shutdown went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were still busy at the end of the grace period and were cut off.
    pub connections_cut_off: usize,
    /// Verified webhooks that were still on their way into the event log. None of them was answered 2xx.
    pub webhooks_unfinished: usize,
    /// Whether everything had ended when the grace period was over, the webhooks on their way included.
    pub in_time: bool,
}

/// Serves webhooks on `listener` until `shutdown`, then finishes what has begun: idle connections close at once, requests
/// that have begun are answered, for at most `drain_timeout_ms`.
pub async fn serve(ingest: Arc<Ingest>, listener: TcpListener, shutdown: CancellationToken) -> Drained {
    let settings = ingest.config.server(&ingest.proxies);
    let asked = shutdown.clone();
    let closing = async {
        asked.cancelled().await;
        ingest.close_connections();
        pending::<()>().await;
    };
    let (routes, metrics, accepting) = (ingest.routes(), ingest.metrics.server.clone(), &ingest.accepting);
    let serving = net::server::serve(routes, &settings, metrics, listener, shutdown, accepting);
    let forgetting = async {
        loop {
            sleep(FORGET_INTERVAL).await;
            ingest.forget_sources();
        }
    };
    let served = tokio::select! {
        served = serving => served,
        () = forgetting => unreachable!("it has no end"),
        () = closing => unreachable!("it has no end"),
    };
    Drained {
        connections_cut_off: served.connections_cut_off,
        webhooks_unfinished: ingest.accepting.len(),
        in_time: served.in_time,
    }
}
