//! The accept loop: a bounded number of connections, no spinning on errors, and an orderly end.

mod bounds;
mod connection;
mod guarded;
mod watch;

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use schemas::time::Timestamp;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::handler::Ingest;
use crate::throttle::LogThrottle;
use connection::Server;

/// How often sources that were removed are forgotten.
const FORGET_INTERVAL: Duration = Duration::from_mins(1);

/// How the shutdown went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were still busy at the end of the grace period and were cut off.
    pub connections_cut_off: usize,
    /// Verified webhooks that were still on their way into the event log. None of them was answered 2xx.
    pub webhooks_unfinished: usize,
}

/// Serves webhooks on `listener` until `shutdown`, then finishes what has begun: idle connections close at once, requests
/// that have begun are answered, for at most `drain_timeout_ms`.
pub async fn serve(ingest: Arc<Ingest>, listener: TcpListener, shutdown: CancellationToken) -> Drained {
    let config = &ingest.config;
    let slots = Arc::new(Semaphore::new(config.max_connections.min(Semaphore::MAX_PERMITS)));
    let per_ip = PerIp::new(config.max_connections_per_ip);
    let server = Arc::new(Server::new(&ingest));
    let connections = TaskTracker::new();
    let throttle = LogThrottle::default();

    let accepting = async {
        loop {
            let Ok(slot) = Arc::clone(&slots).acquire_owned().await else {
                unreachable!("the semaphore is never closed");
            };
            match listener.accept().await {
                Ok((stream, peer)) => {
                    let Some(place) = per_ip.take(peer.ip()) else {
                        continue;
                    };
                    let serving = serve_one(Arc::clone(&server), stream, shutdown.child_token(), (slot, place));
                    connections.spawn(serving);
                }
                Err(error) if is_about_one_connection(&error) => {}
                Err(error) => {
                    // No file descriptors, most likely: trying again at once would only spin.
                    ingest.metrics.accept_errors.inc();
                    if let Some(held_back) = throttle.allow(Timestamp::now()) {
                        tracing::error!(target: "ingest", %error, held_back, "cannot accept connections");
                    }
                    sleep(Duration::from_millis(100)).await;
                }
            }
        }
    };
    let forgetting = async {
        loop {
            sleep(FORGET_INTERVAL).await;
            ingest.forget_removed_sources();
        }
    };
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = accepting => {}
        () = forgetting => {}
    }
    drop(listener);

    connections.close();
    ingest.accepting.close();
    // Connections end themselves at the end of the grace period; the second is for their tasks to notice.
    let grace = ingest.config.drain_timeout();
    let all_done = async {
        connections.wait().await;
        ingest.accepting.wait().await;
    };
    let in_time = timeout(grace + Duration::from_secs(1), all_done).await.is_ok();
    let drained = Drained {
        connections_cut_off: server.cut_off(),
        webhooks_unfinished: ingest.accepting.len(),
    };
    if !in_time || drained.connections_cut_off > 0 {
        tracing::warn!(
            target: "ingest", connections = drained.connections_cut_off, webhooks = drained.webhooks_unfinished,
            "the shutdown did not wait any longer"
        );
    }
    drained
}

/// `_places` are given back when the connection ends.
async fn serve_one(
    server: Arc<Server>,
    stream: TcpStream,
    shutdown: CancellationToken,
    _places: (OwnedSemaphorePermit, Place),
) {
    server.serve(stream, shutdown).await;
}

/// Whether an error is about a client that went away, and not about the listener.
fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
    )
}

/// How many connections each address holds.
#[derive(Debug)]
struct PerIp {
    limit: Option<usize>,
    held: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl PerIp {
    fn new(limit: Option<usize>) -> Self {
        Self {
            limit,
            held: Arc::default(),
        }
    }

    /// `None` if the address holds as many as it may.
    fn take(&self, ip: IpAddr) -> Option<Place> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.entry(ip).or_default();
        if self.limit.is_some_and(|limit| *count >= limit) {
            return None;
        }
        *count += 1;
        Some(Place {
            ip,
            held: Arc::clone(&self.held),
        })
    }
}

/// One connection of one address.
#[derive(Debug)]
struct Place {
    ip: IpAddr,
    held: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&self.ip) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.ip);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_holds_no_more_than_its_share() {
        let per_ip = PerIp::new(Some(2));
        let (a, b) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let first = per_ip.take(a).expect("free");
        let _second = per_ip.take(a).expect("free");
        assert!(per_ip.take(a).is_none());
        assert!(per_ip.take(b).is_some(), "others are not affected");
        drop(first);
        assert!(per_ip.take(a).is_some());
        assert_eq!(per_ip.held.lock().expect("not poisoned").len(), 1, "no entry is left");
    }
}
