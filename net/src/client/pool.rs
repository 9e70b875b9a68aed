//! The connections of all endpoints together: kept for the next delivery, and bounded.
//!
//! Every connection holds a permit from before it is dialled until its socket is closed. When no permit is left, whoever
//! needs one has the connection given up that was unused for the longest, and waits; so a connection is waited for rather
//! than refused by the system. The wait has an end, and what ends there was not tried ([`SendError::Lack`]).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use http::Uri;
use parking_lot::{Mutex, MutexGuard};
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};

use super::connect::Connector;
use super::error::SendError;
use super::http2::{Making, Shared, Turn};
use super::idle::{Idle, Kept};
use super::place::Origin;
use super::sender::{self, Sender};

/// How often, at most, connections are looked for that were unused for too long.
const SWEEP_EVERY: Duration = Duration::from_millis(100);

/// All connections.
pub(super) struct Pool {
    connector: Connector,
    permits: Arc<Semaphore>,
    limits: Limits,
    open: Gauge,
    /// How many wait for a permit.
    waiting: AtomicUsize,
    idle: Mutex<Idle>,
}

/// How many connections, and for how long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// The most that are open at once.
    pub(super) connections: usize,
    /// How long a permit is waited for.
    pub(super) wait: Duration,
    /// How long a connection is kept unused.
    pub(super) idle: Duration,
}

/// The right to send one request.
#[derive(Debug)]
pub struct Seat(pub(super) On);

/// The connection that a request goes out on.
#[derive(Debug)]
pub(super) enum On {
    /// One that exists.
    Existing(Sender),
    /// One that may be made.
    New(Permit),
    /// One that is being made, for many requests.
    Joining(Making),
}

/// The right to one socket, counted as open until it is dropped.
#[derive(Debug)]
pub(super) struct Permit {
    _permit: OwnedSemaphorePermit,
    open: Gauge,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.open.dec();
    }
}

impl Pool {
    pub(super) fn new(connector: Connector, limits: Limits) -> Self {
        Self {
            connector,
            permits: Arc::new(Semaphore::new(limits.connections.min(Semaphore::MAX_PERMITS))),
            limits,
            open: Gauge::default(),
            waiting: AtomicUsize::new(0),
            idle: Mutex::default(),
        }
    }

    /// How many connections are open or being made, for as long as the pool lives.
    pub(super) fn open_now(&self) -> Gauge {
        self.open.clone()
    }

    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    /// Whether a request waits for a connection to be closed.
    pub(super) fn is_short(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) > 0
    }

    /// A connection to `origin`, or the right to make one.
    pub(super) async fn seat(self: &Arc<Self>, origin: &Origin) -> Result<Seat, SendError> {
        if let Some(lease) = origin.shared().and_then(|shared| shared.lease(origin, self)) {
            return Ok(Seat(On::Existing(Sender::Many(lease))));
        }
        let kept = self.lock().take(origin, self.limits.idle);
        if let Some(sender) = kept.and_then(|kept| self.take_up(origin, kept)) {
            return Ok(Seat(On::Existing(sender)));
        }
        if let Some(making) = origin.shared().and_then(Shared::making) {
            return Ok(Seat(On::Joining(making)));
        }
        let permits = || Arc::clone(&self.permits);
        if let Ok(permit) = permits().try_acquire_owned() {
            return Ok(Seat(On::New(self.permit(permit))));
        }
        // Counted before looking for one to give up: whoever keeps a connection looks at the count under the same lock.
        let _waiting = Waiting::new(&self.waiting);
        self.give_up_oldest();
        match timeout(self.limits.wait, permits().acquire_owned()).await {
            Ok(Ok(permit)) => Ok(Seat(On::New(self.permit(permit)))),
            _ => Err(SendError::Lack(format!(
                "all {} connections that deliveries may have were in use for {:?}: raise `ulimit -n` or `max_connections`",
                self.limits.connections, self.limits.wait
            ))),
        }
    }

    fn permit(&self, permit: OwnedSemaphorePermit) -> Permit {
        self.open.inc();
        Permit {
            _permit: permit,
            open: self.open.clone(),
        }
    }

    /// A connection that was unused, for the next request.
    fn take_up(self: &Arc<Self>, origin: &Origin, kept: Kept) -> Option<Sender> {
        Some(match kept {
            Kept::One(sender) => Sender::One(sender),
            Kept::Many(connection) => Sender::Many(origin.shared()?.adopt(connection, origin, self)),
        })
    }

    /// Makes a connection. To a place that may take many requests on one, only one is made at a time: `None` says that another
    /// was, and that a seat has to be asked for once more.
    pub(super) async fn open(
        self: &Arc<Self>,
        uri: &Uri,
        origin: &Origin,
        permit: Permit,
    ) -> Result<Option<Sender>, SendError> {
        let turn = origin.shared().map(|shared| shared.turn(origin, self));
        match turn {
            None | Some(Turn::Alone) => self.make(uri, origin, permit).await.map(Some),
            Some(Turn::Lease(lease)) => Ok(Some(Sender::Many(lease))),
            Some(Turn::Join(making)) => {
                drop(permit);
                making.wait().await?;
                Ok(None)
            }
            Some(Turn::Make(told)) => {
                let (pool, uri, origin) = (Arc::clone(self), uri.clone(), origin.clone());
                // A task of its own: others wait for it, whatever becomes of the request that began it.
                let made = tokio::spawn(async move {
                    let made = pool.make(&uri, &origin, permit).await;
                    told.tell(made.as_ref().err());
                    made
                });
                let made = made.await;
                made.unwrap_or_else(|_| Err(SendError::Connect("connecting was broken off".to_owned())))
                    .map(Some)
            }
        }
    }

    /// Makes a connection. It lives until its sender is dropped, or the other side closes it.
    async fn make(self: &Arc<Self>, uri: &Uri, origin: &Origin, permit: Permit) -> Result<Sender, SendError> {
        let stream = match self.connector.connect(uri, origin).await {
            Ok(stream) => stream,
            Err(error) => {
                if matches!(error, SendError::Lack(_)) {
                    // Whoever took what is lacking, this is what can be given.
                    self.give_up_oldest();
                }
                return Err(error);
            }
        };
        let speaks_http2 = stream.speaks_http2();
        let Some(shared) = origin.shared() else {
            return sender::exclusive(stream, permit).await.map(Sender::One);
        };
        shared.learn(speaks_http2);
        if speaks_http2 {
            let connection = shared.make(stream, permit).await?;
            Ok(Sender::Many(shared.adopt(connection, origin, self)))
        } else {
            sender::exclusive(stream, permit).await.map(Sender::One)
        }
    }

    /// Sees to a connection whose request is done: it is kept if it is ready for the next one.
    pub(super) fn put_back(self: &Arc<Self>, origin: Origin, sender: Sender) {
        match sender {
            Sender::One(sender) => self.keep(origin, Kept::One(sender)),
            // The last to leave has it kept.
            Sender::Many(lease) => drop(lease),
        }
    }

    /// Keeps a connection that is ready for the next request; closes it if a request waits for one.
    pub(super) fn keep(self: &Arc<Self>, origin: Origin, kept: Kept) {
        let mut idle = self.lock();
        if self.is_short() || kept.is_closed() {
            return;
        }
        idle.add(origin, kept);
        if !std::mem::replace(&mut idle.swept, true) {
            tokio::spawn(sweep(Arc::downgrade(self), self.limits.idle));
        }
    }

    /// Closes the connection that was unused for the longest, if any is unused.
    fn give_up_oldest(&self) {
        drop(self.lock().take_oldest());
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        // Nothing in here panics half-way, so what a panicking holder left is whole.
        self.idle.lock()
    }
}

/// Counts a request that waits.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::SeqCst);
        Self(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn sweep(pool: Weak<Pool>, max_idle: Duration) {
    loop {
        sleep((max_idle / 2).max(SWEEP_EVERY)).await;
        let Some(pool) = pool.upgrade() else { return };
        if !pool.lock().sweep(max_idle) {
            return;
        }
    }
}
