//! Connections of HTTP/2, each of which carries many requests to one place.
//!
//! A place has as many as its requests need: the next one is made when all that are there carry as many as their peer allows. Only one
//! is being made at a time, and whoever needs it meanwhile waits for that one, or gets its error. A connection in use
//! belongs to its place; when its last request has ended it goes to the pool, like any that is unused. One on which a request ran out of
//! time, or that refused one, gets no further requests: it may be dead, and a new one is cheap.

use std::error::Error as StdError;
use std::fmt;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http2};
use hyper::rt::Executor;
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use super::error::SendError;
use super::idle::Kept;
use super::place::Origin;
use super::pool::{Permit, Pool};
use super::sender::MAX_HEADER_BYTES;
use super::stream::Stream;

/// The most requests on one connection at once, whatever its peer allows.
const MAX_STREAMS: usize = 100;
/// How much of an answer, and of all answers together, may be under way. They are short.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// How long a connection in use may be silent before it is asked whether it lives, and how long it may take to say so.
const SILENCE: Duration = Duration::from_secs(5);

/// The connections of one place that are in use.
#[derive(Default)]
pub(super) struct Shared {
    state: Mutex<State>,
    limit: Limit,
}

/// How many requests the peer allows on one connection at once, as far as it has said. One for all connections of a place, so that a
/// new one begins with what another has learned.
#[derive(Clone, Default)]
struct Limit(Arc<AtomicUsize>);

impl Limit {
    fn learn(&self, allowed: usize) {
        self.0.store(allowed.clamp(1, MAX_STREAMS), Ordering::Relaxed);
    }

    /// Zero stands for what is not known.
    fn get(&self) -> usize {
        match self.0.load(Ordering::Relaxed) {
            0 => MAX_STREAMS,
            known => known,
        }
    }
}

#[derive(Default)]
struct State {
    busy: Vec<Busy>,
    /// The one that is being made, if the other end still lives.
    making: Option<Making>,
    /// The last connection was of HTTP/1.1, so that each request needs its own.
    one_each: bool,
}

struct Busy {
    connection: Arc<Connection>,
    requests: usize,
}

/// What whoever may make a connection does.
pub(super) enum Turn {
    /// There is one by now.
    Lease(Lease),
    /// It is being made.
    Join(Making),
    /// Makes it, and tells the others.
    Make(Told),
    /// Makes one for itself.
    Alone,
}

/// A connection that is being made by another request.
#[derive(Debug, Clone)]
pub(super) struct Making(watch::Receiver<Option<SendError>>);

/// Tells those that wait when it is dropped.
pub(super) struct Told(watch::Sender<Option<SendError>>);

impl Making {
    /// Waits until it is made, or returns why it could not be.
    pub(super) async fn wait(mut self) -> Result<(), SendError> {
        match self.0.wait_for(Option::is_some).await {
            Ok(error) => error.clone().map_or(Ok(()), Err),
            // Nothing was told: it is there.
            Err(_) => Ok(()),
        }
    }
}

impl Told {
    pub(super) fn tell(self, error: Option<&SendError>) {
        if let Some(error) = error {
            self.0.send_replace(Some(error.clone()));
        }
    }
}

impl Shared {
    /// A share of a connection in use, if one has room.
    pub(super) fn lease(&self, origin: &Origin, pool: &Arc<Pool>) -> Option<Lease> {
        let connection = self.state.lock().lease(&self.limit)?;
        Some(Lease::new(connection, origin, pool))
    }

    /// The connection that is being made, if one is.
    pub(super) fn making(&self) -> Option<Making> {
        self.state.lock().making()
    }

    /// What to do to get a connection.
    pub(super) fn turn(&self, origin: &Origin, pool: &Arc<Pool>) -> Turn {
        let mut state = self.state.lock();
        if let Some(connection) = state.lease(&self.limit) {
            return Turn::Lease(Lease::new(connection, origin, pool));
        }
        if let Some(making) = state.making() {
            return Turn::Join(making);
        }
        if state.one_each {
            return Turn::Alone;
        }
        let (told, making) = watch::channel(None);
        state.making = Some(Making(making));
        Turn::Make(Told(told))
    }

    /// Speaks HTTP/2 on a new connection.
    pub(super) async fn make(&self, stream: Stream, permit: Permit) -> Result<Arc<Connection>, SendError> {
        Connection::make(stream, permit, self.limit.clone()).await.map(Arc::new)
    }

    /// Notes what a new connection speaks.
    pub(super) fn learn(&self, speaks_http2: bool) {
        self.state.lock().one_each = !speaks_http2;
    }

    /// Takes a connection that carries nothing yet into use.
    pub(super) fn adopt(&self, connection: Arc<Connection>, origin: &Origin, pool: &Arc<Pool>) -> Lease {
        let busy = Busy {
            connection: Arc::clone(&connection),
            requests: 1,
        };
        self.state.lock().busy.push(busy);
        Lease::new(connection, origin, pool)
    }

    fn retire(&self, connection: &Arc<Connection>) {
        let mut state = self.state.lock();
        state.busy.retain(|busy| !Arc::ptr_eq(&busy.connection, connection));
    }

    /// Notes the end of a request. True: it was the last, and the connection is nobody's now.
    fn leave(&self, connection: &Arc<Connection>) -> bool {
        let mut state = self.state.lock();
        let is_it = |busy: &Busy| Arc::ptr_eq(&busy.connection, connection);
        let Some(at) = state.busy.iter().position(is_it) else {
            return false;
        };
        state.busy[at].requests -= 1;
        let last = state.busy[at].requests == 0;
        if last {
            state.busy.swap_remove(at);
        }
        last
    }
}

impl State {
    fn lease(&mut self, limit: &Limit) -> Option<Arc<Connection>> {
        self.busy.retain(|busy| !busy.connection.is_closed());
        let limit = limit.get();
        let room = |busy: &&mut Busy| busy.requests < limit;
        let busy = self.busy.iter_mut().find(room)?;
        busy.requests += 1;
        Some(Arc::clone(&busy.connection))
    }

    fn making(&self) -> Option<Making> {
        // An error means that it is not being made any more.
        self.making.clone().filter(|making| making.0.has_changed().is_ok())
    }
}

/// The right to one request on a connection.
pub(super) struct Lease {
    connection: Arc<Connection>,
    origin: Origin,
    pool: Weak<Pool>,
}

impl Lease {
    fn new(connection: Arc<Connection>, origin: &Origin, pool: &Arc<Pool>) -> Self {
        Self {
            connection,
            origin: origin.clone(),
            pool: Arc::downgrade(pool),
        }
    }

    pub(super) async fn try_send_request(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Full<Bytes>>>> {
        // What sends is shared, too; a clone is what hyper has for that.
        let mut sender = self.connection.sender.clone();
        let answer = sender.try_send_request(request).await;
        if answer.is_ok() {
            self.connection.answered.notify_one();
        }
        answer
    }

    /// Lets no further request use the connection.
    pub(super) fn retire(&self) {
        if let Some(shared) = self.origin.shared() {
            shared.retire(&self.connection);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let was_last = self
            .origin
            .shared()
            .is_some_and(|shared| shared.leave(&self.connection));
        if let Some(pool) = self.pool.upgrade().filter(|_| was_last) {
            pool.keep(self.origin.clone(), Kept::Many(Arc::clone(&self.connection)));
        }
    }
}

/// One connection. It is closed when nothing holds it any more and its requests have ended.
pub(super) struct Connection {
    sender: http2::SendRequest<Full<Bytes>>,
    /// Told of each answer. Before the first, the peer's limit may not have come.
    answered: Arc<Notify>,
}

impl Connection {
    async fn make(stream: Stream, permit: Permit, limit: Limit) -> Result<Self, SendError> {
        let (sender, connection) = http2::Builder::new(Holding(Arc::new(permit)))
            .timer(TokioTimer::new())
            // Until the peer says how many it allows the others wait, so that it has to refuse none.
            .initial_max_send_streams(1)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(u32::try_from(MAX_HEADER_BYTES).unwrap_or(u32::MAX))
            .keep_alive_interval(SILENCE)
            .keep_alive_timeout(SILENCE)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|e| SendError::of(&e))?;
        let answered = Arc::new(Notify::new());
        let known = Arc::clone(&answered);
        tokio::spawn(async move {
            let mut connection = pin!(connection);
            loop {
                tokio::select! {
                    ended = connection.as_mut() => {
                        if let Err(error) = ended {
                            tracing::trace!(%error, "connection ended");
                        }
                        return;
                    }
                    () = known.notified() => {
                        limit.learn(connection.current_max_send_streams());
                    }
                }
            }
        });
        Ok(Self { sender, answered })
    }

    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lease")
    }
}

/// Runs the parts of a connection, which hold its permit until the last has ended and the socket is closed.
#[derive(Clone)]
struct Holding(Arc<Permit>);

impl<F: Future<Output: Send> + Send + 'static> Executor<F> for Holding {
    fn execute(&self, part: F) {
        let permit = Arc::clone(&self.0);
        tokio::spawn(async move {
            part.await;
            drop(permit);
        });
    }
}

/// Whether the peer said that it has not looked at the request: it refused its stream, or went away in order before it came to it.
/// For streams that it may have looked at, going away is told as a broken connection.
pub(super) fn is_unprocessed(error: &hyper::Error) -> bool {
    // What has these as values is a crate that we know through hyper only, and not by name.
    let told = StdError::source(error).map(ToString::to_string).unwrap_or_default();
    [
        "stream error received: refused stream",
        "connection error received: not a result of an error",
    ]
    .iter()
    .any(|unprocessed| told.starts_with(unprocessed))
}
