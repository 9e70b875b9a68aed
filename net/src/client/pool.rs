//! The connections of all endpoints together: kept for the next delivery, and bounded.
//!
//! Every connection holds a permit from before it is dialled until its socket is closed. When no permit is left, whoever
//! needs one has the connection given up that was unused for the longest, and waits; so a connection is waited for rather
//! than refused by the system. The wait has an end, and what ends there was not tried ([`SendError::Lack`]).

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use parking_lot::{Mutex, MutexGuard};
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout};

use super::connect::Connector;
use super::error::SendError;
use super::place::Origin;

/// An answer's header may have so many fields, and together so many bytes.
const MAX_HEADERS: usize = 100;
const MAX_HEADER_BYTES: usize = 64 * 1024;
/// How often, at most, connections are looked for that were unused for too long.
const SWEEP_EVERY: Duration = Duration::from_millis(100);

/// What sends requests on a connection.
pub(super) type Sender = http1::SendRequest<Full<Bytes>>;

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
    pub(super) async fn seat(&self, origin: &Origin) -> Result<Seat, SendError> {
        if let Some(sender) = self.lock().take(origin, self.limits.idle) {
            return Ok(Seat(On::Existing(sender)));
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

    /// Makes a connection. It lives until its sender is dropped, or the other side closes it.
    pub(super) async fn open(&self, uri: &Uri, origin: &Origin, permit: Permit) -> Result<Sender, SendError> {
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
        let (sender, connection) = http1::Builder::new()
            .max_headers(MAX_HEADERS)
            .max_buf_size(MAX_HEADER_BYTES)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|e| SendError::of(&e))?;
        tokio::spawn(async move {
            // The request that is under way gets the error, too.
            if let Err(error) = connection.await {
                tracing::trace!(%error, "connection ended");
            }
            // The socket is closed by now.
            drop(permit);
        });
        Ok(sender)
    }

    /// Keeps a connection that is ready for the next request; closes it if a request waits for one.
    pub(super) fn keep(self: &Arc<Self>, origin: Origin, sender: Sender) {
        let mut idle = self.lock();
        if self.is_short() || sender.is_closed() {
            return;
        }
        idle.add(origin, sender);
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

/// The connections that are not in use. A larger number was put in later.
#[derive(Default)]
struct Idle {
    next: u64,
    by_age: BTreeMap<u64, Unused>,
    by_origin: HashMap<Origin, VecDeque<u64>>,
    /// Whether a task is running that closes those that are unused for too long.
    swept: bool,
}

struct Unused {
    origin: Origin,
    sender: Sender,
    since: Instant,
}

impl Idle {
    fn add(&mut self, origin: Origin, sender: Sender) {
        let number = self.next;
        self.next += 1;
        self.by_origin.entry(origin.clone()).or_default().push_back(number);
        let since = Instant::now();
        self.by_age.insert(number, Unused { origin, sender, since });
    }

    /// The one to `origin` that was used last, if it still lives.
    fn take(&mut self, origin: &Origin, max_idle: Duration) -> Option<Sender> {
        loop {
            let number = *self.by_origin.get(origin)?.back()?;
            let unused = self.remove(number)?;
            if !unused.sender.is_closed() && unused.since.elapsed() <= max_idle {
                return Some(unused.sender);
            }
        }
    }

    /// The one that was unused for the longest. Those that the other side has closed hold no permit any more.
    fn take_oldest(&mut self) -> Option<Sender> {
        loop {
            let number = *self.by_age.first_key_value()?.0;
            let unused = self.remove(number)?;
            if !unused.sender.is_closed() {
                return Some(unused.sender);
            }
        }
    }

    fn remove(&mut self, number: u64) -> Option<Unused> {
        let unused = self.by_age.remove(&number)?;
        if let Some(numbers) = self.by_origin.get_mut(&unused.origin) {
            // In order, and it is nearly always the first or the last.
            if let Ok(at) = numbers.binary_search(&number) {
                numbers.remove(at);
            }
            if numbers.is_empty() {
                self.by_origin.remove(&unused.origin);
            }
        }
        Some(unused)
    }

    /// Closes what is unused for too long. False: nothing is left to look after.
    fn sweep(&mut self, max_idle: Duration) -> bool {
        let over = |(number, unused): (&u64, &Unused)| {
            (unused.sender.is_closed() || unused.since.elapsed() > max_idle).then_some(*number)
        };
        let over: Vec<u64> = self.by_age.iter().filter_map(over).collect();
        for number in over {
            self.remove(number);
        }
        self.swept = !self.by_age.is_empty();
        self.swept
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
