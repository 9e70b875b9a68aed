//! Connections of HTTP/2, each of which carries many requests to one place.
//!
//! A place has as many as its requests need: the next one is made when all that are there carry as many as their peer allows. Only one
//! is being made at a time, and whoever needs it meanwhile waits for that one, or gets its error. A connection in use
//! belongs to its place; when its last request has ended it goes to the pool, like any that is unused. One on which a request ran out of
//! time, or that refused one, gets no further requests: it may be dead, and a new one is cheap.

mod connection;

use std::fmt;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::error::SendError;
use super::idle::Kept;
use super::place::Origin;
use super::pool::{Permit, Pool};
use super::stream::Stream;

use connection::Limit;

pub(super) use connection::{Connection, is_unprocessed};

/// The connections of one place that are in use.
#[derive(Default)]
pub(super) struct Shared {
    state: Mutex<State>,
    limit: Limit,
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
        self.connection.try_send_request(request).await
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

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lease")
    }
}
